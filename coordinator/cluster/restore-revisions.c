/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-revisions.h"

#include <string.h>

#include "coordinator/cluster/machine-revisions.h"
#include "coordinator/cluster/machine-source.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "protocol/error.h"

#define NAME_FIELD "revisionName"

static const char *const members[] = {"instancetype", "preference"};

static const char *
named_in(LullJson *machine, const char *member)
{
    return lull_json_string(lull_json_at(machine, "spec", member, NULL), NAME_FIELD, "");
}

gboolean
lull_restore_has_revisions(LullJson *vm)
{
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
        if (*named_in(vm, members[i]))
            return TRUE;
    return FALSE;
}

char *
lull_restore_revision_name(const char *revision, const char *snapshot, const char *target)
{
    return lull_machine_revision_name(revision, snapshot, target);
}

char *
lull_restore_revision_other_name(LullJson *restore, const char *member)
{
    return g_strdup_printf("restore-%s-%s", lull_meta_uid(restore), member);
}

static LullJson *
owners_of(LullJson *vm)
{
    return lull_meta_owners(lull_json_string(vm, "apiVersion", ""), "VirtualMachine", lull_meta_name(vm),
                            lull_meta_uid(vm));
}

static LullJson *
copy_of(LullJson *revision, LullJson *vm)
{
    LullJson *copy = json_object_new_object();
    LullJson *metadata = lull_json_ensure(copy, "metadata");

    lull_json_set_string(copy, "apiVersion", "apps/v1");
    lull_json_set_string(copy, "kind", lull_kind_revision.kind);
    lull_json_set_string(metadata, "namespace", lull_meta_namespace(revision));
    lull_json_copy(metadata, lull_json_object(revision, "metadata"), "labels");
    lull_json_copy(copy, revision, "data");
    lull_json_copy(copy, revision, "revision");
    if (vm)
        lull_json_take(metadata, "ownerReferences", owners_of(vm));
    return copy;
}

/* It goes when its owner goes: one of somebody else would be missed some day. */
static gboolean
will_do(LullJson *there, LullJson *copy, LullJson *vm)
{
    const char *owner = lull_meta_controller(there);
    LullJson *has = NULL, *wants = NULL;

    json_object_object_get_ex(there, "data", &has);
    json_object_object_get_ex(copy, "data", &wants);
    return !lull_meta_is_deleting(there) && json_object_equal(has, wants) &&
           (!*owner || (vm && g_strcmp0(owner, lull_meta_uid(vm)) == 0));
}

/* *@ret_done: @name is one that will do. */
static gboolean
put(LullStore *store, LullJson *copy, LullJson *vm, const char *name, gboolean *ret_done, GError **error)
{
    g_autoptr(LullJson) there = NULL;
    g_autoptr(LullJson) made = NULL;
    g_autoptr(GError) problem = NULL;

    *ret_done = FALSE;
    if (!lull_name_is_valid(name))
        return TRUE;
    lull_json_set_string(lull_json_ensure(copy, "metadata"), "name", name);
    made = lull_store_create(store, &lull_kind_revision, copy, &problem);
    *ret_done = made != NULL;
    if (made)
        return TRUE;
    if (!lull_error_is(problem, LULL_ERROR_EXISTS)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (!lull_effect_get(store, &lull_kind_revision, lull_meta_namespace(copy), name, &there, error))
        return FALSE;
    *ret_done = there && will_do(there, copy, vm);
    return TRUE;
}

static gboolean
put_one(LullStore *store, LullJson *restore, LullJson *vm, LullJson *machine, const char *member,
        GError **error)
{
    const char *kept = named_in(machine, member);
    const char *ns = lull_meta_namespace(restore);
    LullJson *spec = lull_json_object(restore, "spec");
    g_autofree char *usual =
        lull_restore_revision_name(kept, lull_json_string(spec, "virtualMachineSnapshotName", ""),
                                   lull_json_string(lull_json_object(spec, "target"), "name", ""));
    g_autofree char *other = lull_restore_revision_other_name(restore, member);
    g_autoptr(LullJson) revision = NULL;
    g_autoptr(LullJson) copy = NULL;
    gboolean done = FALSE;

    if (!lull_effect_get(store, &lull_kind_revision, ns, kept, &revision, error))
        return FALSE;
    if (!revision) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "Unable to find ControllerRevision %s/%s", ns, kept);
        return FALSE;
    }
    copy = copy_of(revision, vm);
    if (!put(store, copy, vm, usual, &done, error) || (!done && !put(store, copy, vm, other, &done, error)))
        return FALSE;
    if (!done) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "controllerrevision %s is in the way of the %s of vm %s: delete it", other, member,
                    lull_meta_name(machine));
        return FALSE;
    }
    lull_json_set_string(lull_json_at(machine, "spec", member, NULL), NAME_FIELD, lull_meta_name(copy));
    return TRUE;
}

gboolean
lull_restore_put_revisions(LullStore *store, LullJson *restore, LullJson *vm, LullJson *machine,
                           GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
        if (*named_in(machine, members[i]) && !put_one(store, restore, vm, machine, members[i], error))
            return FALSE;
    return TRUE;
}

static gboolean
own_one(LullStore *store, LullJson *vm, const char *name, GError **error)
{
    g_autoptr(LullJson) revision = NULL;
    LullJson *patch = NULL;
    LullJson *meta = NULL;

    if (!lull_effect_get(store, &lull_kind_revision, lull_meta_namespace(vm), name, &revision, error))
        return FALSE;
    if (!revision || *lull_meta_controller(revision))
        return TRUE;
    patch = json_object_new_object();
    meta = lull_json_ensure(patch, "metadata");
    lull_json_set_string(meta, "resourceVersion", lull_meta_version(revision));
    lull_json_take(meta, "ownerReferences", owners_of(vm));
    return lull_effect_patch(store, &lull_kind_revision, revision, LULL_PATCH_OBJECT, patch, error);
}

gboolean
lull_restore_own_revisions(LullStore *store, LullJson *vm, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
        if (*named_in(vm, members[i]) && !own_one(store, vm, named_in(vm, members[i]), error))
            return FALSE;
    return TRUE;
}
