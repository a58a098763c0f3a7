/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap-try.h"

#include "coordinator/cluster/restore-data-decide.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap-acts.h"
#include "coordinator/cluster/restore-swap-facts.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "protocol/error.h"

/* All but keeping it is done, also where one of that name is there. */
static gboolean
try_one(LullRestoreActs *self, LullJson *claim, gboolean has_source, GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) answer =
        self->tools->try_create(self->tools->trial, &lull_csi_kind_claim, claim, &problem);
    g_autofree char *empty = answer && has_source ? lull_restore_claim_problem(answer, claim) : NULL;

    if (empty) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s", empty);
        return FALSE;
    }
    if (answer || lull_error_is(problem, LULL_ERROR_EXISTS)) {
        g_clear_error(&problem);
        return TRUE;
    }
    g_prefix_error(&problem,
                   "claim %s could not be made again, and is not replaced: ", lull_meta_name(claim));
    return lull_restore_act_fail(problem, error);
}

/* Of one that is made of its snapshot the answer tells more where its name is free: it is asked for under
 * another. */
static gboolean
try_late(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) entry = lull_restore_aside(self->restore, sight->entry);
    g_autoptr(LullJson) claim =
        lull_restore_claim(self->restore, self->content, sight->entry, sight->snapshot, self->vm);
    g_autoptr(LullJson) other =
        lull_restore_claim(self->restore, self->content, entry, sight->snapshot, self->vm);

    if (claim && other)
        return try_one(self, claim, TRUE, error) && try_one(self, other, TRUE, error);
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "volume backup for volume %s not found",
                lull_json_string(sight->entry, "volumeName", ""));
    return FALSE;
}

static gboolean
try_new(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) claim = NULL;

    if (!sight->swap.fresh_record)
        return !lull_restore_is_late(sight) || try_late(self, sight, error);
    claim = lull_restore_act_moved(self, sight);
    return try_one(self, claim, FALSE, error);
}

static gboolean
try_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) claim =
        sight->swap.old_record
            ? lull_restore_put_back_claim(self->restore, sight->swap.old_record, self->vm, sight->data_volume)
            : NULL;

    return !claim || try_one(self, claim, FALSE, error);
}

gboolean
lull_restore_swap_try(LullRestoreActs *self, const LullRestoreSight *sights, GError **error)
{
    const size_t n = json_object_array_length(self->plan);

    for (size_t i = 0; self->tools->trial && i < n; i++)
        if (!try_new(self, &sights[i], error) || !try_old(self, &sights[i], error))
            return FALSE;
    self->claims_tried = TRUE;
    return TRUE;
}
