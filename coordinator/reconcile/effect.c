/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/effect.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/status-patch.h"
#include "protocol/error.h"

static const struct {
    const char *field;
    const LullKind *kind;
} locks[] = {{"snapshotInProgress", &lull_kind_snapshot}, {"restoreInProgress", &lull_kind_restore}};

/* Clears @problem where it says what was wanted anyway. */
static gboolean
settle(gboolean done, GError *problem, LullError fine, GError **error)
{
    if (done || lull_error_is(problem, fine)) {
        g_clear_error(&problem);
        return TRUE;
    }
    g_propagate_error(error, problem);
    return FALSE;
}

/* *@ret_after: what became of it; NULL: it is gone, or there was nothing to do. */
static gboolean
patch_to(LullStore *store, const LullKind *kind, LullJson *object, LullPatchTarget target,
         LullJson *take_patch, LullJson **ret_after, GError **error)
{
    g_autoptr(LullJson) patch = take_patch;
    GError *problem = NULL;

    if (!patch)
        return TRUE;
    *ret_after = lull_store_patch(store, kind, lull_meta_namespace(object), lull_meta_name(object), target,
                                  patch, &problem);
    return settle(*ret_after != NULL, problem, LULL_ERROR_NOT_FOUND, error);
}

gboolean
lull_effect_patch(LullStore *store, const LullKind *kind, LullJson *object, LullPatchTarget target,
                  LullJson *take_patch, GError **error)
{
    g_autoptr(LullJson) after = NULL;

    return patch_to(store, kind, object, target, take_patch, &after, error);
}

gboolean
lull_effect_finalizer(LullStore *store, const LullKind *kind, LullJson *object, const char *finalizer,
                      gboolean present, GError **error)
{
    return lull_effect_patch(store, kind, object, LULL_PATCH_OBJECT,
                             lull_meta_patch_finalizer(object, finalizer, present), error);
}

gboolean
lull_effect_status(LullStore *store, const LullKind *kind, LullJson *object, LullJson *status, GError **error)
{
    return lull_effect_patch(store, kind, object, LULL_PATCH_STATUS, lull_status_patch(object, status),
                             error);
}

gboolean
lull_effect_annotate(LullStore *store, const LullKind *kind, LullJson *object, const char *key,
                     const char *value, GError **error)
{
    return lull_effect_patch(store, kind, object, LULL_PATCH_OBJECT,
                             lull_annotation_patch(object, key, value), error);
}

gboolean
lull_effect_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) created = lull_store_create(store, kind, object, &problem);

    return settle(created != NULL, problem, LULL_ERROR_EXISTS, error);
}

static gboolean
remove_if(LullStore *store, const LullKind *kind, LullJson *object, const char *what, GError **error)
{
    GError *problem = NULL;
    const gboolean removed =
        lull_store_remove(store, kind, lull_meta_namespace(object), lull_meta_name(object), what, &problem);

    return settle(removed, problem, LULL_ERROR_NOT_FOUND, error);
}

gboolean
lull_effect_remove(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    return remove_if(store, kind, object, lull_meta_uid(object), error);
}

gboolean
lull_effect_remove_seen(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    g_autofree char *seen = lull_meta_seen(object);

    return remove_if(store, kind, object, seen, error);
}

gboolean
lull_effect_lock(LullStore *store, LullJson *vm, const char *field, const char *owner, LullJson **ret_vm,
                 GError **error)
{
    g_autoptr(LullJson) after = NULL;
    LullJson *patch = json_object_new_object();
    LullJson *status = lull_json_ensure(patch, "status");

    lull_json_set_string(lull_json_ensure(patch, "metadata"), "resourceVersion", lull_meta_version(vm));
    if (owner)
        for (gsize i = 0; i < G_N_ELEMENTS(locks); i++)
            json_object_object_add(status, locks[i].field, NULL); /* whoever has @vm saw only void ones */
    json_object_object_add(status, field, owner ? json_object_new_string(owner) : NULL);
    if (!patch_to(store, &lull_kind_vm, vm, LULL_PATCH_STATUS, patch, &after, error))
        return FALSE;
    if (ret_vm)
        *ret_vm = g_steal_pointer(&after);
    return TRUE;
}

gboolean
lull_effect_get(LullStore *store, const LullKind *kind, const char *ns, const char *name,
                LullJson **ret_object, GError **error)
{
    GError *problem = NULL;
    LullJson *object = lull_store_get(store, kind, ns, name, &problem);

    if (!settle(object != NULL, problem, LULL_ERROR_NOT_FOUND, error))
        return FALSE;
    *ret_object = object;
    return TRUE;
}

gboolean
lull_effect_drop_void_locks(LullStore *store, LullJson **vm, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(locks); i++) {
        const char *owner = lull_json_string(lull_json_object(*vm, "status"), locks[i].field, NULL);
        g_autoptr(LullJson) object = NULL;
        LullJson *copy = NULL;

        if (!owner || !lull_name_is_valid(owner)) /* no name of ours: another controller's */
            continue;
        if (!lull_effect_get(store, locks[i].kind, lull_meta_namespace(*vm), owner, &object, error))
            return FALSE;
        if (object)
            continue;
        copy = lull_json_dup(*vm);
        json_object_object_del(lull_json_object(copy, "status"), locks[i].field);
        lull_json_put(*vm);
        *vm = copy;
    }
    return TRUE;
}
