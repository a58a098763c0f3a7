/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap-drop.h"

#include <string.h>

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-steps.h"
#include "coordinator/cluster/restore-swap-decide.h"
#include "coordinator/cluster/restore-swap-facts.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"

/* Far more than it takes: the loop has other things to do, too. */
#define MOST_STEPS 1000

/* Its name space goes, and all in it. API servers say so in words only. */
static gboolean
is_hopeless(const GError *error)
{
    return strstr(error->message, "because it is being terminated") != NULL;
}

static gboolean
step_on(LullRestoreActs *self, gboolean *hopeless, gboolean *ret_done, gboolean *ret_between, GError **error)
{
    LullRestoreLook look;
    g_auto(LullRestoreWorkStep) step = {0};
    g_autoptr(GError) problem = NULL;

    if (!lull_restore_acts_look(self, &look, error))
        return FALSE;
    *ret_between = lull_swap_stage(&look) == LULL_SWAP_BETWEEN;
    step = lull_restore_swap_decide_drop(&look, *hopeless);
    g_debug("restore %s is given up: %s %u %s", lull_meta_name(self->restore),
            lull_restore_work_verb_to_string(step.verb), step.index, step.words ? step.words : "");
    *ret_done = step.verb == LULL_RESTORE_WORK_DONE;
    if (step.verb == LULL_RESTORE_WORK_WAIT)
        return lull_restore_give_up(&step, error);
    if (lull_restore_perform(self, &step, look.sights, &problem))
        return lull_restore_act_look_at_target(self, error);
    *hopeless = is_hopeless(problem) && !*hopeless;
    if (*hopeless)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

gboolean
lull_restore_swap_drop(const LullRestoreTools *tools, LullJson *restore, LullJson *content,
                       gboolean *ret_between, GError **error)
{
    g_auto(LullRestoreActs) self = {.tools = tools, .restore = restore, .content = content};
    gboolean hopeless = FALSE, done = FALSE;

    *ret_between = FALSE;
    if (!lull_json_array(lull_json_object(restore, "status"), "restores"))
        return TRUE;
    *ret_between = TRUE; /* as far as anybody knows */
    if (!lull_restore_acts_begin(&self, error))
        return FALSE;
    for (guint i = 0; i < MOST_STEPS && !done; i++)
        if (!step_on(&self, &hopeless, &done, ret_between, error))
            return FALSE;
    if (!done)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "restore %s is given up, and not taken back yet: somebody else writes the same objects",
                    lull_meta_name(restore));
    return done;
}
