/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap-acts.h"

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/kinds.h"
#include "protocol/error.h"

/* What is there is looked at again. */
static gboolean
settle(gboolean done, GError *take_problem, GError **error)
{
    if (done || lull_error_is(take_problem, LULL_ERROR_CONFLICT) ||
        lull_error_is(take_problem, LULL_ERROR_EXISTS)) {
        g_clear_error(&take_problem);
        return TRUE;
    }
    return lull_restore_act_fail(take_problem, error);
}

static gboolean
patch(LullRestoreActs *self, const LullKind *kind, LullJson *object, LullJson *take_patch, GError **error)
{
    GError *problem = NULL;
    const gboolean done =
        lull_effect_patch(self->store, kind, object, LULL_PATCH_OBJECT, take_patch, &problem);

    return settle(done, problem, error);
}

gboolean
lull_restore_act_create_aside(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) entry = lull_restore_aside(self->restore, sight->entry);
    LullRestoreSight aside = *sight;

    aside.entry = entry;
    return lull_restore_act_create_claim(self, &aside, error);
}

gboolean
lull_restore_act_hold_fresh(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    LullJson *claim =
        lull_restore_moved_claim(self->restore, self->content, sight->entry, sight->claim, self->vm);

    if (!claim) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "volume backup for volume %s not found",
                    lull_json_string(sight->entry, "volumeName", ""));
        return FALSE;
    }
    return patch(self, &lull_csi_kind_volume, sight->swap.fresh,
                 lull_restore_hold_fresh(self->restore, sight->entry, sight->swap.fresh, sight->swap.aside,
                                         sight->claim, claim),
                 error);
}

gboolean
lull_restore_act_hold_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return patch(self, &lull_csi_kind_volume, sight->swap.old,
                 lull_restore_hold_old(self->restore, sight->entry, sight->swap.old, sight->claim), error);
}

gboolean
lull_restore_act_mark(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return patch(self, &lull_csi_kind_claim, sight->claim,
                 lull_restore_mark_claim(self->restore, sight->claim), error);
}

gboolean
lull_restore_act_unmark(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return patch(self, &lull_csi_kind_claim, sight->claim, lull_restore_mark_claim(NULL, sight->claim),
                 error);
}

gboolean
lull_restore_act_mark_data_volume(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return patch(self, &lull_kind_data_volume, sight->data_volume,
                 lull_restore_mark_data_volume(self->restore, sight->data_volume), error);
}

gboolean
lull_restore_act_remove_claim(LullRestoreActs *self, LullJson *claim, GError **error)
{
    GError *problem = NULL;
    g_autofree char *name = g_strdup(lull_meta_name(claim));
    const gboolean done = lull_effect_remove(self->store, &lull_csi_kind_claim, claim, &problem);

    return settle(done, problem, error) && lull_restore_sights_reread(self->sights, name, error);
}

gboolean
lull_restore_act_move(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return patch(self, &lull_csi_kind_volume, sight->swap.fresh,
                 lull_restore_move(sight->entry, sight->swap.fresh), error);
}

gboolean
lull_restore_act_create_moved(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    LullJson *noted = lull_json_object(sight->swap.fresh_record, "claim");
    g_autoptr(LullJson) claim = noted ? lull_json_dup(noted) : json_object_new_object();
    g_autoptr(LullJson) made = NULL;
    GError *problem = NULL;

    lull_json_set_string(lull_json_ensure(claim, "spec"), "volumeName", lull_meta_name(sight->swap.fresh));
    made = lull_store_create(self->store, &lull_csi_kind_claim, claim, &problem);
    return settle(made != NULL, problem, error);
}

gboolean
lull_restore_act_let_go(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    const LullRestoreSwap *swap = &sight->swap;

    return (!swap->old_record || patch(self, &lull_csi_kind_volume, swap->old,
                                       lull_restore_let_go(swap->old, swap->old_record), error)) &&
           (!swap->fresh_record || patch(self, &lull_csi_kind_volume, swap->fresh,
                                         lull_restore_let_go(swap->fresh, swap->fresh_record), error));
}

gboolean
lull_restore_act_leave_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    const LullRestoreSwap *swap = &sight->swap;

    return patch(self, &lull_csi_kind_volume, swap->old, lull_restore_leave(swap->old, swap->old_record),
                 error);
}

gboolean
lull_restore_act_give_back(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    const LullRestoreSwap *swap = &sight->swap;

    return (!swap->old_record || patch(self, &lull_csi_kind_volume, swap->old,
                                       lull_restore_let_go(swap->old, swap->old_record), error)) &&
           (!swap->fresh_record ||
            patch(self, &lull_csi_kind_volume, swap->fresh,
                  lull_restore_give_back(self->restore, sight->entry, swap->fresh, swap->fresh_record),
                  error));
}
