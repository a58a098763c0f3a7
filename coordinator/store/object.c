/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/object.h"

#include <string.h>

#include "coordinator/model/check.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define SUFFIX_LENGTH      5
#define GENERATED_MAX_BASE (253 - SUFFIX_LENGTH)

/* Members of metadata that only the store writes. */
static const char *const own_members[] = {
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "namespace",
    "generateName",
    "selfLink",
    "managedFields",
};

/* Without vowels and look-alikes, so that no words come about. */
static char *
expand_name(const char *prefix)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    GString *name = g_string_new_len(prefix, (gssize)MIN(strlen(prefix), GENERATED_MAX_BASE));

    for (guint i = 0; i < SUFFIX_LENGTH; i++)
        g_string_append_c(name, alphabet[g_random_int_range(0, sizeof alphabet - 1)]);
    return g_string_free(name, FALSE);
}

static void
drop_if_empty(LullJson *metadata, const char *key)
{
    LullJson *value = lull_json_at(metadata, key, NULL);
    const gboolean empty =
        !value || (json_object_is_type(value, json_type_array) && json_object_array_length(value) == 0) ||
        (json_object_is_type(value, json_type_object) && json_object_object_length(value) == 0);

    if (empty)
        json_object_object_del(metadata, key);
}

/* So that "no finalizers" looks the same however it was said. */
static void
tidy_metadata(LullJson *metadata)
{
    static const char *const lists[] = {"labels", "annotations", "finalizers", "ownerReferences"};

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        drop_if_empty(metadata, lists[i]);
}

LullJson *
lull_object_created(const LullKind *kind, LullJson *object, gint64 now, GError **error)
{
    g_autoptr(LullJson) copy = NULL;
    g_autofree char *uid = g_uuid_string_random();
    g_autofree char *created = lull_clock_format(now);
    g_autofree char *api_version = lull_kind_api_version(kind);

    if (!lull_kind_validate(kind, object, NULL, TRUE, error))
        return NULL;
    copy = lull_json_dup(object);
    json_object_object_del(copy, "status");
    LullJson *metadata = lull_json_object(copy, "metadata");
    g_autofree char *ns = g_strdup(lull_meta_namespace(copy));
    g_autofree char *prefix = g_strdup(lull_json_string(metadata, "generateName", ""));
    for (gsize i = 0; i < G_N_ELEMENTS(own_members); i++)
        json_object_object_del(metadata, own_members[i]);
    tidy_metadata(metadata);
    if (!lull_meta_name(copy)) {
        g_autofree char *name = expand_name(prefix);
        lull_json_set_string(metadata, "name", name);
        lull_json_set_string(metadata, "generateName", prefix);
    }
    lull_json_set_string(metadata, "namespace", ns ? ns : LULL_NAMESPACE);
    lull_json_set_string(metadata, "uid", uid);
    lull_json_set_string(metadata, "creationTimestamp", created);
    lull_json_set_int(metadata, "generation", 1);
    lull_json_set_string(copy, "apiVersion", api_version);
    return g_steal_pointer(&copy);
}

static gboolean
check_preconditions(const LullKind *kind, LullJson *current, LullJson *patch, GError **error)
{
    LullJson *metadata = lull_json_object(patch, "metadata");
    const char *version = lull_json_string(metadata, "resourceVersion", NULL);
    const char *name = lull_json_string(metadata, "name", NULL);
    const char *ns = lull_json_string(metadata, "namespace", NULL);

    if (!json_object_is_type(patch, json_type_object)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "a merge patch must be an object");
        return FALSE;
    }
    if ((name && g_strcmp0(name, lull_meta_name(current)) != 0) ||
        (ns && g_strcmp0(ns, lull_meta_namespace(current)) != 0)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "metadata.%s: cannot be changed",
                    name && g_strcmp0(name, lull_meta_name(current)) != 0 ? "name" : "namespace");
        return FALSE;
    }
    if (version && *version && g_strcmp0(version, lull_meta_version(current)) != 0) {
        lull_object_conflict(kind, current, error);
        return FALSE;
    }
    return lull_object_check_uid(kind, current, lull_json_string(metadata, "uid", NULL), error);
}

static void
copy_member(LullJson *to, LullJson *from, const char *key)
{
    LullJson *value = lull_json_at(from, key, NULL);

    if (value)
        lull_json_take(to, key, lull_json_dup(value));
    else
        json_object_object_del(to, key);
}

static gboolean
is_new_finalizer(LullJson *current, LullJson *merged)
{
    LullJson *list = lull_json_array(lull_json_object(merged, "metadata"), "finalizers");
    const size_t count = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < count; i++)
        if (!lull_meta_has_finalizer(current, json_object_get_string(json_object_array_get_idx(list, i))))
            return TRUE;
    return FALSE;
}

/* NULL compares as absent. */
static gboolean
same_member(LullJson *a, LullJson *b, const char *key)
{
    return lull_json_equal(lull_json_at(a, key, NULL), lull_json_at(b, key, NULL));
}

static LullJson *
patch_object(const LullKind *kind, LullJson *current, LullJson *patch, GError **error)
{
    g_autoptr(LullJson) merged = lull_json_merge_patch(current, patch);
    LullJson *metadata = lull_json_ensure(merged, "metadata");
    LullJson *old = lull_json_object(current, "metadata");

    for (gsize i = 0; i < G_N_ELEMENTS(own_members); i++)
        copy_member(metadata, old, own_members[i]);
    tidy_metadata(metadata);
    copy_member(merged, current, "status");
    if (!lull_kind_validate(kind, merged, current, TRUE, error))
        return NULL;
    if (!same_member(merged, current, "spec")) {
        if (kind->spec_fixed) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "spec: " LULL_FAULT_FIXED);
            return NULL;
        }
        lull_json_set_int(metadata, "generation", lull_json_int(old, "generation", 0) + 1);
    }
    copy_member(merged, current, "apiVersion");
    if (lull_meta_is_deleting(current) && is_new_finalizer(current, merged)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "metadata.finalizers: no new finalizers can be added if the object is being deleted");
        return NULL;
    }
    return g_steal_pointer(&merged);
}

static LullJson *
patch_status(const LullKind *kind, LullJson *current, LullJson *patch, GError **error)
{
    LullJson *change = NULL;
    g_autoptr(LullJson) merged = lull_json_dup(current);

    if (!json_object_object_get_ex(patch, "status", &change))
        return g_steal_pointer(&merged);
    if (change)
        lull_json_take(merged, "status",
                       lull_json_merge_patch(lull_json_at(current, "status", NULL), change));
    else
        json_object_object_del(merged, "status");
    if (!lull_kind_validate(kind, merged, current, TRUE, error))
        return NULL;
    return g_steal_pointer(&merged);
}

LullJson *
lull_object_patched(const LullKind *kind, LullJson *current, LullPatchTarget target, LullJson *patch,
                    GError **error)
{
    if (!check_preconditions(kind, current, patch, error))
        return NULL;
    return target == LULL_PATCH_STATUS ? patch_status(kind, current, patch, error)
                                       : patch_object(kind, current, patch, error);
}

void
lull_object_mark_deleted(LullJson *object, gint64 now)
{
    LullJson *metadata = lull_json_ensure(object, "metadata");
    g_autofree char *when = lull_clock_format(now);

    if (lull_meta_is_deleting(object))
        return;
    lull_json_set_string(metadata, "deletionTimestamp", when);
    lull_json_set_int(metadata, "deletionGracePeriodSeconds", 0);
}

gboolean
lull_object_has_finalizers(LullJson *object)
{
    LullJson *list = lull_json_array(lull_json_object(object, "metadata"), "finalizers");

    return list && json_object_array_length(list) > 0;
}

gboolean
lull_object_may_go(LullJson *object)
{
    return lull_meta_is_deleting(object) && !lull_object_has_finalizers(object);
}

void
lull_object_set_version(LullJson *object, gint64 version)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, version);

    lull_json_set_string(lull_json_ensure(object, "metadata"), "resourceVersion", text);
}

void
lull_object_not_found(const LullKind *kind, const char *name, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "%s.%s \"%s\" not found", kind->plural, kind->group,
                name);
}

void
lull_object_exists(const LullKind *kind, const char *name, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_EXISTS, "%s.%s \"%s\" already exists", kind->plural,
                kind->group, name);
}

void
lull_object_conflict(const LullKind *kind, LullJson *object, GError **error)
{
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_CONFLICT,
        "Operation cannot be fulfilled on %s.%s \"%s\": the object has been modified; please apply your "
        "changes to the latest version and try again",
        kind->plural, kind->group, lull_meta_name(object));
}

gboolean
lull_object_check_uid(const LullKind *kind, LullJson *object, const char *uid, GError **error)
{
    g_autoptr(LullJson) wanted = uid && *uid ? lull_meta_preconditions(uid) : NULL;
    const char *version = lull_json_string(wanted, "resourceVersion", NULL);

    if (!wanted)
        return TRUE;
    if (g_strcmp0(lull_json_string(wanted, "uid", ""), lull_meta_uid(object)) != 0) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_CONFLICT,
            "Operation cannot be fulfilled on %s.%s \"%s\": Precondition failed: UID in precondition: %.80s, "
            "UID in object meta: %s",
            kind->plural, kind->group, lull_meta_name(object), lull_json_string(wanted, "uid", ""),
            lull_meta_uid(object));
        return FALSE;
    }
    if (version && g_strcmp0(version, lull_meta_version(object)) != 0) {
        lull_object_conflict(kind, object, error);
        return FALSE;
    }
    return TRUE;
}
