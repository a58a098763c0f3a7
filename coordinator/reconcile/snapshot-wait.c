/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/snapshot-wait.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/grant.h"

static gboolean
is_to_begin(const LullContentState *state)
{
    return state->stage == LULL_CONTENT_NEW || state->stage == LULL_CONTENT_FAILED;
}

char *
lull_snapshot_wait(LullJson *content, const LullContentState *state)
{
    g_autoptr(LullGrant) grant = lull_grant_of(content);

    if (!content || lull_meta_is_deleting(content) || !lull_grant_label(content) || !is_to_begin(state))
        return NULL;
    if (!grant && (!state->number || lull_grant_last(content) > state->number))
        return g_strdup(
            "the machine is starting, or on its way to another node: nothing is begun before it is there");
    if (!grant || grant->attempt <= state->number || !grant->again)
        return NULL;
    return g_strdup_printf(
        "node \"%s\" does not begin what is granted to it: see that the coordinator there is ready",
        grant->node);
}
