/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap-own.h"

#include "coordinator/cluster/restore-data-decide.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap-facts.h"
#include "coordinator/cluster/restore-use.h"
#include "coordinator/model/meta.h"

static LullJson *
owners_of(LullJson *object)
{
    return lull_json_array(lull_json_object(object, "metadata"), "ownerReferences");
}

static gboolean
is_of(LullJson *owner, LullJson *object)
{
    return lull_swap_has_uid(object, lull_json_string(owner, "uid", ""));
}

gboolean
lull_swap_is_machine(LullJson *owner)
{
    return g_str_equal(lull_json_string(owner, "kind", ""), "VirtualMachine") &&
           g_str_has_prefix(lull_json_string(owner, "apiVersion", ""), "kubevirt.io/");
}

/* As it was cut. */
static LullJson *
captured(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    return lull_json_object(
        lull_restore_backup(look->content, lull_json_string(sight->entry, "volumeName", "")),
        "persistentVolumeClaim");
}

static LullJson *
source_of(const LullRestoreLook *look)
{
    return lull_json_at(look->content, "spec", "source", "virtualMachine", NULL);
}

/* In its own life or the one before, in which it was cut. */
static gboolean
is_the_machine(const LullRestoreLook *look, LullJson *owner)
{
    return lull_swap_is_machine(owner) && (is_of(owner, look->vm) || is_of(owner, source_of(look)));
}

static gboolean
has_only(const LullRestoreLook *look, LullJson *object, LullJson *other)
{
    LullJson *owners = owners_of(object);

    for (size_t i = 0; owners && i < json_object_array_length(owners); i++) {
        LullJson *owner = json_object_array_get_idx(owners, i);

        if (!is_the_machine(look, owner) && !is_of(owner, other))
            return FALSE;
    }
    return TRUE;
}

/* By the machine, or by a DataVolume of it. */
static gboolean
is_owned(const LullRestoreLook *look, LullJson *object, LullJson *data_volume)
{
    LullJson *owners = owners_of(object);

    for (size_t i = 0; owners && i < json_object_array_length(owners); i++) {
        LullJson *owner = json_object_array_get_idx(owners, i);

        if (is_the_machine(look, owner) || (is_of(owner, data_volume) && is_owned(look, data_volume, NULL)))
            return TRUE;
    }
    return FALSE;
}

/* Does the machine have it, or did it when it was cut? */
static gboolean
is_its(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    LullJson *was = captured(look, sight);
    const char *uid = was ? lull_meta_uid(was) : NULL;

    return (look->vm && lull_restore_machine_uses(look->vm, lull_swap_claim_name(sight))) ||
           (uid && *uid && lull_swap_has_uid(sight->claim, uid)) ||
           is_owned(look, sight->claim, sight->data_volume);
}

LullRestoreWorkStep
lull_swap_decide_owner(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    const char *target = lull_json_string(lull_json_at(look->restore, "spec", "target", NULL), "name", "");

    if (!has_only(look, sight->claim, sight->data_volume) ||
        (sight->data_volume && !has_only(look, sight->data_volume, NULL)))
        return SAY(
            FAIL,
            "claim %s is to be replaced, and does not belong to vm %s alone: restore under other names "
            "(spec.volumeRestoreOverrides)",
            lull_swap_claim_name(sight), target);
    if (!is_its(look, sight))
        return SAY(FAIL,
                   "claim %s is there already, and vm %s neither has it nor had it when it was cut: what it "
                   "has is left as it is; restore under other names (spec.volumeRestoreOverrides)",
                   lull_swap_claim_name(sight), target);
    return STEP(DONE);
}

gboolean
lull_swap_has_dead_owner(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    LullJson *owners = owners_of(sight->claim);

    if (!owners || !lull_restore_made(look->restore, sight->claim) || lull_swap_has_old(look, sight))
        return FALSE;
    for (size_t i = 0; i < json_object_array_length(owners); i++) {
        LullJson *owner = json_object_array_get_idx(owners, i);

        if (lull_swap_is_machine(owner) && !is_of(owner, look->vm))
            return TRUE;
    }
    return FALSE;
}

LullJson *
lull_swap_live_owners(LullJson *owners, LullJson *vm, LullJson *data_volume, gboolean *ret_orphan)
{
    LullJson *live = NULL;

    if (ret_orphan)
        *ret_orphan = FALSE;
    for (size_t i = 0; owners && i < json_object_array_length(owners); i++) {
        LullJson *owner = json_object_array_get_idx(owners, i);
        LullJson *object = is_of(owner, vm) ? vm : is_of(owner, data_volume) ? data_volume : NULL;

        if (object && !lull_meta_is_deleting(object)) {
            live = live ? live : json_object_new_array();
            json_object_array_add(live, json_object_get(owner));
        } else if (ret_orphan && lull_swap_is_machine(owner)) {
            *ret_orphan = TRUE;
        }
    }
    return live;
}
