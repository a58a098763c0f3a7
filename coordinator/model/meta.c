/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"

#include <string.h>

#include "protocol/clock.h"

#define NAME_MAX_LENGTH 253

static const char *
meta_string(LullJson *object, const char *key)
{
    const char *value = lull_json_string(lull_json_object(object, "metadata"), key, NULL);

    return value && *value ? value : NULL;
}

const char *
lull_meta_name(LullJson *object)
{
    return meta_string(object, "name");
}

const char *
lull_meta_namespace(LullJson *object)
{
    return meta_string(object, "namespace");
}

const char *
lull_meta_uid(LullJson *object)
{
    return meta_string(object, "uid");
}

const char *
lull_meta_version(LullJson *object)
{
    return meta_string(object, "resourceVersion");
}

/* No uid has one. */
#define AT "@"

char *
lull_meta_seen(LullJson *object)
{
    return g_strconcat(lull_meta_uid(object), AT, lull_meta_version(object), NULL);
}

LullJson *
lull_meta_preconditions(const char *seen)
{
    g_auto(GStrv) parts = g_strsplit(seen, AT, 2);
    LullJson *preconditions = json_object_new_object();

    lull_json_set_string(preconditions, "uid", parts[0]);
    if (parts[0] && parts[1])
        lull_json_set_string(preconditions, "resourceVersion", parts[1]);
    return preconditions;
}

const char *
lull_meta_annotation(LullJson *object, const char *key)
{
    return lull_json_string(lull_json_at(object, "metadata", "annotations", NULL), key, NULL);
}

gboolean
lull_meta_is_deleting(LullJson *object)
{
    return meta_string(object, "deletionTimestamp") != NULL;
}

static void
keep_only(LullJson *object, const char *const *kept)
{
    json_object_object_foreach(object, key, value)
    {
        (void)value;
        if (!g_strv_contains(kept, key))
            json_object_object_del(object, key);
    }
}

static void
keep_only_meta(LullJson *object, const char *const *fields)
{
    static const char *const parts[] = {"metadata", NULL};
    LullJson *metadata = lull_json_object(object, "metadata");

    if (metadata)
        keep_only(metadata, fields);
    if (object)
        keep_only(object, parts);
}

void
lull_meta_trim(LullJson *object)
{
    static const char *const fields[] = {"name", "namespace", "uid", "resourceVersion", NULL};

    keep_only_meta(object, fields);
}

void
lull_meta_trim_owned(LullJson *object)
{
    static const char *const fields[] = {
        "name", "namespace", "uid", "resourceVersion", "ownerReferences", "deletionTimestamp", NULL};

    keep_only_meta(object, fields);
}

gint64
lull_meta_created(LullJson *object)
{
    const char *text = meta_string(object, "creationTimestamp");
    gint64 created = 0;

    if (text)
        (void)lull_clock_parse(text, &created);
    return created;
}

static LullJson *
finalizers(LullJson *object)
{
    return lull_json_array(lull_json_object(object, "metadata"), "finalizers");
}

static gboolean
is_string(LullJson *value, const char *text)
{
    return json_object_is_type(value, json_type_string) && g_str_equal(json_object_get_string(value), text);
}

gboolean
lull_meta_has_finalizer(LullJson *object, const char *finalizer)
{
    LullJson *list = finalizers(object);
    const size_t count = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < count; i++)
        if (is_string(json_object_array_get_idx(list, i), finalizer))
            return TRUE;
    return FALSE;
}

LullJson *
lull_meta_patch_finalizer(LullJson *object, const char *finalizer, gboolean present)
{
    LullJson *old = finalizers(object);
    const size_t count = old ? json_object_array_length(old) : 0;

    if (lull_meta_has_finalizer(object, finalizer) == !!present)
        return NULL;

    LullJson *patch = json_object_new_object();
    LullJson *metadata = lull_json_ensure(patch, "metadata");
    LullJson *list = json_object_new_array();
    for (size_t i = 0; i < count; i++) {
        LullJson *entry = json_object_array_get_idx(old, i);
        if (!is_string(entry, finalizer))
            json_object_array_add(list, lull_json_dup(entry));
    }
    if (present)
        lull_json_append_string(list, finalizer);
    lull_json_take(metadata, "finalizers", list);
    lull_json_set_string(metadata, "resourceVersion", lull_meta_version(object));
    return patch;
}

gboolean
lull_name_is_valid(const char *name)
{
    gboolean edge = TRUE; /* here a letter or digit must stand */

    if (!name || strlen(name) > NAME_MAX_LENGTH)
        return FALSE;
    for (const char *c = name; *c; c++) {
        if (g_ascii_islower(*c) || g_ascii_isdigit(*c))
            edge = FALSE;
        else if (edge || (*c != '-' && *c != '.'))
            return FALSE;
        else if (*c == '.' && c[-1] == '-')
            return FALSE;
        else
            edge = *c == '.';
    }
    return !edge && name[strlen(name) - 1] != '-';
}

LullJson *
lull_meta_owner(LullJson *object)
{
    LullJson *owners = lull_json_array(lull_json_object(object, "metadata"), "ownerReferences");

    for (size_t i = 0; owners && i < json_object_array_length(owners); i++) {
        LullJson *owner = json_object_array_get_idx(owners, i);

        if (lull_json_bool(owner, "controller", FALSE))
            return owner;
    }
    return NULL;
}

const char *
lull_meta_controller(LullJson *object)
{
    return lull_json_string(lull_meta_owner(object), "uid", "");
}

LullJson *
lull_meta_owners(const char *api_version, const char *kind, const char *name, const char *uid)
{
    LullJson *owners = json_object_new_array();
    LullJson *owner = json_object_new_object();

    lull_json_set_string(owner, "apiVersion", api_version);
    lull_json_set_string(owner, "kind", kind);
    lull_json_set_string(owner, "name", name);
    lull_json_set_string(owner, "uid", uid);
    lull_json_set_bool(owner, "controller", TRUE);
    lull_json_set_bool(owner, "blockOwnerDeletion", TRUE);
    json_object_array_add(owners, owner);
    return owners;
}
