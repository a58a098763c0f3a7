/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap-acts.h"

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap-facts.h"
#include "coordinator/cluster/restore-swap-own.h"
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

/* A volume of somebody else is never held, whatever a claim says that it has. */
static gboolean
check_volume(LullJson *volume, LullJson *claim, GError **error)
{
    const char *ns = lull_json_string(lull_json_at(volume, "spec", "claimRef", NULL), "namespace", "");

    if (lull_restore_is_volume_of(volume, claim) && g_strcmp0(ns, lull_meta_namespace(claim)) == 0)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                "claim %s says that it has volume %s, which is not its own", lull_meta_name(claim),
                lull_swap_volume_name(claim));
    return FALSE;
}

gboolean
lull_restore_act_hold_fresh(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    const LullRestoreSwap *swap = &sight->swap;
    LullJson *claim = NULL;

    if (!check_volume(swap->fresh, swap->aside, error))
        return FALSE;
    claim = lull_restore_moved_claim(self->restore, self->content, sight->entry, sight->claim, self->vm);
    if (!claim) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "volume backup for volume %s not found",
                    lull_json_string(sight->entry, "volumeName", ""));
        return FALSE;
    }
    return patch(self, &lull_csi_kind_volume, swap->fresh,
                 lull_restore_hold_fresh(self->restore, sight->entry, swap->fresh, swap->aside, sight->claim,
                                         swap->old, claim),
                 error);
}

gboolean
lull_restore_act_hold_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return check_volume(sight->swap.old, sight->claim, error) &&
           patch(self, &lull_csi_kind_volume, sight->swap.old,
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
lull_restore_act_unmark_data_volume(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return patch(self, &lull_kind_data_volume, sight->data_volume,
                 lull_restore_mark_data_volume(NULL, sight->data_volume), error);
}

gboolean
lull_restore_act_remove_data_volume(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    GError *problem = NULL;
    const gboolean done =
        lull_effect_remove_seen(self->store, &lull_kind_data_volume, sight->data_volume, &problem);

    return settle(done, problem, error);
}

gboolean
lull_restore_act_remove_claim(LullRestoreActs *self, LullJson *claim, GError **error)
{
    GError *problem = NULL;
    g_autofree char *name = g_strdup(lull_meta_name(claim));
    const gboolean done = lull_effect_remove_seen(self->store, &lull_csi_kind_claim, claim, &problem);

    return settle(done, problem, error) && lull_restore_sights_reread(self->sights, name, error);
}

gboolean
lull_restore_act_move(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return patch(self, &lull_csi_kind_volume, sight->swap.fresh,
                 lull_restore_move(sight->entry, sight->swap.fresh), error);
}

gboolean
lull_restore_act_move_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return patch(self, &lull_csi_kind_volume, sight->swap.old,
                 lull_restore_move(sight->entry, sight->swap.old), error);
}

/* What would be collected with an owner that is gone belongs to nobody, until the machine is made anew. */
static void
own(LullRestoreActs *self, const LullRestoreSight *sight, LullJson *claim)
{
    LullJson *meta = lull_json_ensure(claim, "metadata");
    gboolean orphan = FALSE;
    LullJson *owners = lull_swap_live_owners(lull_json_array(meta, "ownerReferences"), self->vm,
                                             sight->data_volume, &orphan);

    json_object_object_del(meta, "ownerReferences");
    if (owners)
        lull_json_take(meta, "ownerReferences", owners);
    if (orphan)
        lull_json_set_string(lull_json_ensure(meta, "annotations"), LULL_RESTORE_OWNED_BY_VM,
                             lull_meta_name(self->restore));
}

LullJson *
lull_restore_act_moved(LullRestoreActs *self, const LullRestoreSight *sight)
{
    LullJson *noted = lull_json_object(sight->swap.fresh_record, "claim");
    LullJson *claim = noted ? lull_json_dup(noted) : json_object_new_object();

    lull_json_set_string(lull_json_ensure(claim, "spec"), "volumeName", lull_meta_name(sight->swap.fresh));
    own(self, sight, claim);
    return claim;
}

static gboolean
create(LullRestoreActs *self, LullJson *claim, GError **error)
{
    g_autoptr(LullJson) made = NULL;
    GError *problem = NULL;

    made = lull_store_create(self->store, &lull_csi_kind_claim, claim, &problem);
    return settle(made != NULL, problem, error);
}

gboolean
lull_restore_act_create_moved(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) claim = lull_restore_act_moved(self, sight);

    return create(self, claim, error);
}

gboolean
lull_restore_act_create_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) claim =
        lull_restore_put_back_claim(self->restore, sight->swap.old_record, self->vm, sight->data_volume);

    if (claim)
        return create(self, claim, error);
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED,
                "nothing is noted on volume %s of the claim %s that it had: make one with spec.volumeName",
                lull_meta_name(sight->swap.old), lull_swap_claim_name(sight));
    return FALSE;
}

gboolean
lull_restore_act_disown(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) claim = lull_json_dup(sight->claim);
    LullJson *meta = lull_json_object(claim, "metadata");
    LullJson *change = json_object_new_object();
    LullJson *changed = lull_json_ensure(change, "metadata");

    own(self, sight, claim);
    lull_json_set_string(changed, "resourceVersion", lull_meta_version(sight->claim));
    json_object_object_add(changed, "ownerReferences",
                           json_object_get(lull_json_array(meta, "ownerReferences")));
    lull_json_copy(changed, meta, "annotations");
    return patch(self, &lull_csi_kind_claim, sight->claim, change, error);
}

gboolean
lull_restore_act_let_go(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    const LullRestoreSwap *swap = &sight->swap;
    LullJson *volume = swap->old_record ? swap->old : swap->fresh;

    return patch(self, &lull_csi_kind_volume, volume,
                 lull_restore_let_go(volume, swap->old_record ? swap->old_record : swap->fresh_record),
                 error);
}

/* Nobody else would say it once the restore is gone. */
static gboolean
leave(LullRestoreActs *self, const LullRestoreSight *sight, LullJson *volume, const char *what,
      GError **error)
{
    g_message(
        "restore %s/%s: volume %s, which has %s of claim %s, is kept and held by nobody: delete it when "
        "nobody needs it",
        lull_meta_namespace(self->restore), lull_meta_name(self->restore), lull_meta_name(volume), what,
        lull_swap_claim_name(sight));
    return patch(self, &lull_csi_kind_volume, volume, lull_restore_leave(volume), error);
}

gboolean
lull_restore_act_leave_old(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return leave(self, sight, sight->swap.old, "the data from before", error);
}

gboolean
lull_restore_act_leave_fresh(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return leave(self, sight, sight->swap.fresh, "data that the machine may have written", error);
}

gboolean
lull_restore_act_give_back(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    const LullRestoreSwap *swap = &sight->swap;

    return (!swap->old_record ||
            patch(self, &lull_csi_kind_volume, swap->old,
                  lull_restore_give_back(self->restore, sight->entry, swap->old, swap->old_record), error)) &&
           (!swap->fresh_record ||
            patch(self, &lull_csi_kind_volume, swap->fresh,
                  lull_restore_give_back(self->restore, sight->entry, swap->fresh, swap->fresh_record),
                  error));
}
