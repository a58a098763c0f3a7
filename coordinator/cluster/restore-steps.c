/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-steps.h"

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-revisions.h"
#include "coordinator/cluster/restore-swap-acts.h"
#include "coordinator/cluster/restore-swap-try.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/reconcile/effect.h"
#include "protocol/error.h"

void
lull_restore_acts_show(const LullRestoreActs *self, LullRestoreLook *look)
{
    look->vm = self->vm;
    look->revisions = !self->revisions_owned && lull_restore_has_revisions(self->vm);
}

gboolean
lull_restore_acts_look(LullRestoreActs *self, LullRestoreLook *ret_look, GError **error)
{
    *ret_look = (LullRestoreLook){.restore = self->restore,
                                  .content = self->content,
                                  .n = (guint)json_object_array_length(self->plan),
                                  .surplus = self->surplus != NULL,
                                  .in_place = lull_restore_is_in_place(self->restore),
                                  .tried = self->claims_tried};
    lull_restore_acts_show(self, ret_look);
    return lull_restore_sights_look(self->sights, &ret_look->sights, error);
}

gboolean
lull_restore_give_up(const LullRestoreWorkStep *step, GError **error)
{
    g_set_error(error, LULL_ERROR,
                (int)(step->verb == LULL_RESTORE_WORK_FAIL ? LULL_ERROR_INVALID : LULL_ERROR_BUSY), "%s",
                step->words);
    return FALSE;
}

/* In place there is nobody else who would say that the data are yet to come. */
static gboolean
create_claim(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    const char *volume = lull_json_string(sight->entry, "volumeName", "");

    return (!lull_restore_is_in_place(self->restore) ||
            lull_effect_patch(self->store, &lull_kind_restore, self->restore, LULL_PATCH_OBJECT,
                              lull_restore_tell_late(volume, sight->swap.old), error)) &&
           lull_restore_act_create_claim(self, sight, error);
}

static gboolean
write_machine(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return lull_restore_act_write_machine(self, error);
}

static gboolean
own_revisions(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    self->revisions_owned = lull_restore_own_revisions(self->store, self->vm, error);
    return self->revisions_owned;
}

static gboolean
remove_surplus(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return lull_restore_act_remove_surplus(self, error);
}

static gboolean
leave_surplus(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return lull_restore_act_leave_surplus(self, error);
}

static gboolean
remove_aside(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return lull_restore_act_remove_claim(self, sight->swap.aside, error);
}

static gboolean
remove_claim(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    return lull_restore_act_remove_claim(self, sight->claim, error);
}

typedef gboolean (*Act)(LullRestoreActs *self, const LullRestoreSight *sight, GError **error);

static const Act acts[LULL_RESTORE_WORK_N] = {
    [LULL_RESTORE_WORK_CREATE] = create_claim,
    [LULL_RESTORE_WORK_CREATE_DATA_VOLUME] = lull_restore_act_create_data_volume,
    [LULL_RESTORE_WORK_WRITE_MACHINE] = write_machine,
    [LULL_RESTORE_WORK_ADOPT] = lull_restore_act_adopt,
    [LULL_RESTORE_WORK_OWN_REVISIONS] = own_revisions,
    [LULL_RESTORE_WORK_REMOVE_SURPLUS] = remove_surplus,
    [LULL_RESTORE_WORK_LEAVE_SURPLUS] = leave_surplus,
    [LULL_RESTORE_WORK_CREATE_ASIDE] = lull_restore_act_create_aside,
    [LULL_RESTORE_WORK_HOLD_FRESH] = lull_restore_act_hold_fresh,
    [LULL_RESTORE_WORK_HOLD_OLD] = lull_restore_act_hold_old,
    [LULL_RESTORE_WORK_MARK] = lull_restore_act_mark,
    [LULL_RESTORE_WORK_MARK_DATA_VOLUME] = lull_restore_act_mark_data_volume,
    [LULL_RESTORE_WORK_REMOVE_ASIDE] = remove_aside,
    [LULL_RESTORE_WORK_MOVE] = lull_restore_act_move,
    [LULL_RESTORE_WORK_REMOVE_CLAIM] = remove_claim,
    [LULL_RESTORE_WORK_CREATE_MOVED] = lull_restore_act_create_moved,
    [LULL_RESTORE_WORK_LET_GO] = lull_restore_act_let_go,
    [LULL_RESTORE_WORK_LEAVE_OLD] = lull_restore_act_leave_old,
    [LULL_RESTORE_WORK_GIVE_BACK] = lull_restore_act_give_back,
    [LULL_RESTORE_WORK_UNMARK] = lull_restore_act_unmark,
    [LULL_RESTORE_WORK_DISOWN] = lull_restore_act_disown,
    [LULL_RESTORE_WORK_MOVE_OLD] = lull_restore_act_move_old,
    [LULL_RESTORE_WORK_CREATE_OLD] = lull_restore_act_create_old,
    [LULL_RESTORE_WORK_LEAVE_FRESH] = lull_restore_act_leave_fresh,
    [LULL_RESTORE_WORK_UNMARK_DATA_VOLUME] = lull_restore_act_unmark_data_volume,
    [LULL_RESTORE_WORK_REMOVE_DATA_VOLUME] = lull_restore_act_remove_data_volume,
};

gboolean
lull_restore_perform(LullRestoreActs *self, const LullRestoreWorkStep *step, const LullRestoreSight *sights,
                     GError **error)
{
    if (step->verb == LULL_RESTORE_WORK_STUCK || step->verb == LULL_RESTORE_WORK_FAIL)
        return lull_restore_give_up(step, error);
    if (step->verb == LULL_RESTORE_WORK_TRY)
        return lull_restore_swap_try(self, sights, error);
    return !acts[step->verb] || acts[step->verb](self, sights ? &sights[step->index] : NULL, error);
}
