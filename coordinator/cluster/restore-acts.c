/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-acts.h"

#include "coordinator/cluster/restore-machine.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-revisions.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/cluster/restore-use.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/model/json-patch.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/kinds.h"
#include "protocol/error.h"

static const char *
target_of(LullJson *restore)
{
    return lull_json_string(lull_json_at(restore, "spec", "target", NULL), "name", "");
}

static gboolean
look_at_target(LullRestoreActs *self, LullStore *store, GError **error)
{
    g_clear_pointer(&self->vm, json_object_put);
    return lull_effect_get(store, &lull_kind_vm, lull_meta_namespace(self->restore), target_of(self->restore),
                           &self->vm, error);
}

gboolean
lull_restore_act_look_at_target(LullRestoreActs *self, GError **error)
{
    return look_at_target(self, self->store, error);
}

/* Whoever has just recorded the plan has just locked the machine; of what was made earlier something may have
 * to be taken away. In place its next step may be one that takes something away. */
static LullStore *
known_to_begin_with(const LullRestoreActs *self)
{
    return self->fresh && self->tools->recent && !lull_restore_is_in_place(self->restore)
               ? self->tools->recent
               : self->store;
}

gboolean
lull_restore_acts_begin(LullRestoreActs *self, GError **error)
{
    LullJson *status = lull_json_object(self->restore, "status");
    LullJson *surplus = lull_json_array(status, "deletedDataVolumes");

    self->store = self->tools->store;
    self->plan = lull_json_array(status, "restores");
    self->surplus = surplus ? lull_json_dup(surplus) : NULL;
    if (!look_at_target(self, known_to_begin_with(self), error))
        return FALSE;
    self->sights = lull_restore_sights_new(self->store, self->restore, self->content, self->plan,
                                           self->fresh && !lull_restore_made(self->restore, self->vm));
    return TRUE;
}

void
lull_restore_acts_clear(LullRestoreActs *self)
{
    g_clear_pointer(&self->sights, lull_restore_sights_free);
    g_clear_pointer(&self->vm, json_object_put);
    g_clear_pointer(&self->surplus, json_object_put);
}

gboolean
lull_restore_act_fail(GError *take_problem, GError **error)
{
    if (lull_error_is(take_problem, LULL_ERROR_DENIED))
        take_problem->code = LULL_ERROR_FAILED;
    g_propagate_error(error, take_problem);
    return FALSE;
}

/* A server that drops where the data come from binds an empty volume: the claim goes before that, or at
 * least before anybody uses it. */
static gboolean
check_reply(LullRestoreActs *self, LullJson *claim, LullJson *sent, GError **error)
{
    g_autofree char *problem = lull_restore_claim_problem(claim, sent);

    if (!problem)
        return TRUE;
    if (!lull_effect_remove(self->store, &lull_csi_kind_claim, claim, error))
        return FALSE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s", problem);
    return FALSE;
}

static LullJson *
machine_of(LullRestoreActs *self, GError **error)
{
    LullJson *machine = lull_restore_machine(self->restore, self->content, self->plan, self->vm, error);

    if (!machine)
        g_prefix_error(error, "error patching VM %s: ", target_of(self->restore));
    return machine;
}

/* One that nobody would take is told before anything is made for it. */
static gboolean
try_machine(LullRestoreActs *self, GError **error)
{
    g_autoptr(LullJson) machine = NULL;
    g_autoptr(LullJson) tried = NULL;
    g_autoptr(GError) problem = NULL;

    if (self->vm || self->tried)
        return TRUE;
    machine = machine_of(self, error);
    if (!machine)
        return FALSE;
    self->tried = TRUE;
    if (!self->tools->trial)
        return TRUE;
    tried = self->tools->try_create(self->tools->trial, &lull_kind_plain_machine, machine, &problem);
    if (tried || lull_error_is(problem, LULL_ERROR_EXISTS))
        return TRUE;
    g_prefix_error(&problem, "vm %s cannot be made: ", target_of(self->restore));
    return lull_restore_act_fail(g_steal_pointer(&problem), error);
}

gboolean
lull_restore_act_create_claim(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) claim =
        lull_restore_claim(self->restore, self->content, sight->entry, sight->snapshot, self->vm);
    LullJson *old = lull_json_object(sight->swap.old_record, "claim");
    g_autoptr(GError) problem = NULL;
    LullJson *made = NULL;

    if (!try_machine(self, error))
        return FALSE;
    if (!claim) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "volume backup for volume %s not found",
                    lull_json_string(sight->entry, "volumeName", ""));
        return FALSE;
    }
    lull_restore_own_as(claim, old);
    made = lull_store_create(self->store, &lull_csi_kind_claim, claim, &problem);
    if (!made && lull_error_is(problem, LULL_ERROR_EXISTS) &&
        !lull_effect_get(self->store, &lull_csi_kind_claim, lull_meta_namespace(claim), lull_meta_name(claim),
                         &made, error))
        return FALSE;
    if (!made)
        return problem ? lull_restore_act_fail(g_steal_pointer(&problem), error) : TRUE;
    if (!problem && !check_reply(self, made, claim, error)) {
        json_object_put(made);
        return FALSE;
    }
    lull_restore_sights_note(self->sights, made);
    return TRUE;
}

gboolean
lull_restore_act_create_data_volume(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    const char *name = lull_json_string(sight->entry, "dataVolumeName", "");
    g_autoptr(LullJson) machine = machine_of(self, error);
    g_autoptr(LullJson) wanted = machine ? lull_restore_data_volume(self->restore, machine, name) : NULL;
    g_autoptr(LullJson) made = NULL;
    g_autoptr(GError) problem = NULL;

    if (!machine)
        return FALSE;
    if (!wanted) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "the machine has no template any more of which data volume %s could be made", name);
        return FALSE;
    }
    made = lull_store_create(self->store, &lull_kind_data_volume, wanted, &problem);
    return made || lull_error_is(problem, LULL_ERROR_EXISTS) ||
           lull_restore_act_fail(g_steal_pointer(&problem), error);
}

/* Only what differs, so that what others wrote to the rest stays. */
static LullJson *
machine_patch(LullJson *before, LullJson *after)
{
    g_autoptr(LullJson) old = json_object_new_object();
    g_autoptr(LullJson) new = json_object_new_object();
    LullJson *patch = NULL;

    lull_json_copy(lull_json_ensure(old, "metadata"), lull_json_object(before, "metadata"), "annotations");
    lull_json_copy(lull_json_ensure(new, "metadata"), lull_json_object(after, "metadata"), "annotations");
    lull_json_copy(old, before, "spec");
    lull_json_copy(new, after, "spec");
    patch = lull_json_diff(old, new);
    lull_json_set_string(lull_json_ensure(patch, "metadata"), "resourceVersion", lull_meta_version(before));
    return patch;
}

/* @take_names: NULL: none. */
static gboolean
record_surplus(LullRestoreActs *self, LullJson *take_names, GError **error)
{
    g_autoptr(LullJson) names = take_names;
    LullJson *patch = json_object_new_object();

    lull_json_take(lull_json_ensure(patch, "status"), "deletedDataVolumes", json_object_get(names));
    if (!lull_effect_patch(self->store, &lull_kind_restore, self->restore, LULL_PATCH_STATUS, patch, error))
        return FALSE;
    g_clear_pointer(&self->surplus, json_object_put);
    self->surplus = g_steal_pointer(&names);
    return TRUE;
}

/* The machine does not tell any more once it is written. What an earlier try noted may be wanted by now. */
static gboolean
note_surplus(LullRestoreActs *self, LullJson *machine, GError **error)
{
    g_autoptr(LullJson) names = lull_restore_surplus(self->vm, machine);

    if (json_object_array_length(names) == 0)
        g_clear_pointer(&names, json_object_put);
    return lull_json_equal(names, self->surplus) || record_surplus(self, g_steal_pointer(&names), error);
}

/* It is what was answered, but for what it says of itself: that is in others' words (machine-view.h). */
static gboolean
take_written(LullRestoreActs *self, LullJson *after)
{
    json_object_object_del(after, "status");
    lull_json_put(self->vm);
    self->vm = json_object_get(after);
    return TRUE;
}

/* One that vanishes at once is not made again without a pause. */
static gboolean
look_at_others(LullRestoreActs *self, GError **error)
{
    if (!lull_restore_act_look_at_target(self, error))
        return FALSE;
    if (!self->vm)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "vm %s was there when it was written, and is not there any more",
                    target_of(self->restore));
    return self->vm != NULL;
}

gboolean
lull_restore_act_write_machine(LullRestoreActs *self, GError **error)
{
    g_autoptr(LullJson) machine = machine_of(self, error);
    g_autoptr(LullJson) after = NULL;
    g_autoptr(LullJson) patch = NULL;
    g_autoptr(GError) problem = NULL;

    if (!machine || (self->vm && !note_surplus(self, machine, error)) ||
        !lull_restore_put_revisions(self->store, self->restore, self->vm, machine, error))
        return FALSE;
    if (self->vm) {
        patch = machine_patch(self->vm, machine);
        after = lull_store_patch(self->store, &lull_kind_plain_machine, lull_meta_namespace(self->vm),
                                 lull_meta_name(self->vm), LULL_PATCH_OBJECT, patch, &problem);
    } else {
        after = lull_store_create(self->store, &lull_kind_plain_machine, machine, &problem);
    }
    if (after)
        return take_written(self, after);
    if (lull_error_is(problem, LULL_ERROR_CONFLICT) || lull_error_is(problem, LULL_ERROR_EXISTS))
        return look_at_others(self, error); /* who was faster */
    g_prefix_error(&problem, "vm %s cannot be written: ", target_of(self->restore));
    return lull_restore_act_fail(g_steal_pointer(&problem), error);
}

gboolean
lull_restore_act_adopt(LullRestoreActs *self, const LullRestoreSight *sight, GError **error)
{
    g_autoptr(LullJson) patch = json_object_new_object();
    LullJson *meta = lull_json_ensure(patch, "metadata");
    LullJson *after = NULL;
    GError *problem = NULL;

    lull_json_set_string(meta, "resourceVersion", lull_meta_version(sight->claim));
    lull_json_take(meta, "ownerReferences",
                   lull_meta_owners(lull_json_string(self->vm, "apiVersion", ""), "VirtualMachine",
                                    lull_meta_name(self->vm), lull_meta_uid(self->vm)));
    json_object_object_add(lull_json_ensure(meta, "annotations"), LULL_RESTORE_OWNED_BY_VM, NULL);
    after = lull_store_patch(self->store, &lull_csi_kind_claim, lull_meta_namespace(sight->claim),
                             lull_meta_name(sight->claim), LULL_PATCH_OBJECT, patch, &problem);
    if (!after &&
        (lull_error_is(problem, LULL_ERROR_CONFLICT) || lull_error_is(problem, LULL_ERROR_NOT_FOUND)) &&
        lull_effect_get(self->store, &lull_csi_kind_claim, lull_meta_namespace(sight->claim),
                        lull_meta_name(sight->claim), &after, NULL))
        g_clear_error(&problem); /* looked at again */
    if (problem)
        return lull_restore_act_fail(problem, error);
    if (after)
        lull_restore_sights_note(self->sights, after);
    return TRUE;
}

/* Only what @vm, as it is now, still has, and has no use for: one that was orphaned, or that somebody else
 * has made his, is not ours to remove. */
static gboolean
remove_data_volume(LullRestoreActs *self, LullJson *vm, const char *name, GError **error)
{
    g_autoptr(LullJson) found = NULL;

    if (lull_restore_machine_uses(vm, name))
        return TRUE;
    if (!lull_effect_get(self->store, &lull_kind_data_volume, lull_meta_namespace(self->restore), name,
                         &found, error))
        return FALSE;
    if (!found || lull_meta_is_deleting(found) ||
        g_strcmp0(lull_meta_controller(found), lull_meta_uid(vm)) != 0)
        return TRUE;
    return lull_effect_remove(self->store, &lull_kind_data_volume, found, error);
}

gboolean
lull_restore_act_remove_surplus(LullRestoreActs *self, GError **error)
{
    g_autoptr(LullJson) vm = NULL;

    if (!lull_effect_get(self->store, &lull_kind_vm, lull_meta_namespace(self->restore),
                         target_of(self->restore), &vm, error))
        return FALSE;
    for (size_t i = 0; vm && self->surplus && i < json_object_array_length(self->surplus); i++)
        if (!remove_data_volume(self, vm, json_object_get_string(json_object_array_get_idx(self->surplus, i)),
                                error))
            return FALSE;
    g_clear_pointer(&self->surplus, json_object_put);
    return TRUE;
}

gboolean
lull_restore_act_leave_surplus(LullRestoreActs *self, GError **error)
{
    g_message(
        "restore %s/%s: vm %s has data that come only when it starts: data volumes that it had before are "
        "left, delete them when it has: %s",
        lull_meta_namespace(self->restore), lull_meta_name(self->restore), target_of(self->restore),
        lull_json_to_line(self->surplus));
    return record_surplus(self, NULL, error);
}
