/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/lineage.h"

#include <string.h>

#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/merge.h"
#include "protocol/error.h"

#define UUID_LENGTH 36
#define MAX_LENGTH  64 /* of a chain that anybody believes in */

static void
member_free(gpointer data)
{
    LullMember *member = data;

    g_free(member->uid);
    g_free(member->parent);
    lull_json_put(member->json);
    g_free(member);
}

/* What is not there, or means nothing, is none. FALSE: nobody knows whether it is one. */
static gboolean
read_description(const char *folder, gboolean attempt, LullJson **ret_json, GError **error)
{
    g_autoptr(GError) problem = NULL;
    LullJson *json = attempt ? lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, &problem) : NULL;

    if (!json && (!problem || lull_error_is(problem, LULL_ERROR_NOT_FOUND) ||
                  lull_error_is(problem, LULL_ERROR_INVALID))) {
        g_clear_error(&problem);
        json = lull_manifest_read(folder, &problem);
    }
    if (json || lull_error_is(problem, LULL_ERROR_NOT_FOUND) || lull_error_is(problem, LULL_ERROR_INVALID)) {
        *ret_json = json;
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean
read_member(const char *directory, const char *name, LullMember **ret_member, GError **error)
{
    g_autofree char *folder = g_build_filename(directory, name, NULL);
    g_autofree char *uid = g_strndup(name, UUID_LENGTH);
    const gboolean attempt = lull_folder_is_attempt(name);
    g_autoptr(LullJson) json = NULL;
    LullMember *member;

    if (!g_uuid_string_is_valid(uid) || g_str_has_suffix(name, ".removing") ||
        (name[strlen(uid)] && !attempt))
        return TRUE;
    if (!read_description(folder, attempt, &json, error))
        return FALSE;
    if (!json || (attempt && lull_json_bool(json, "failed", FALSE)))
        return TRUE;
    member = g_new0(LullMember, 1);
    member->uid = g_steal_pointer(&uid);
    member->parent = g_strdup(lull_json_string(json, "parent", NULL));
    member->json = g_steal_pointer(&json);
    member->attempt = attempt;
    member->removing = !attempt && lull_merge_is_removing(folder);
    *ret_member = member;
    return TRUE;
}

GPtrArray *
lull_lineage_read(const char *directory, const char *vm_uid, GError **error)
{
    g_autoptr(GPtrArray) members = g_ptr_array_new_with_free_func(member_free);
    g_autoptr(GError) problem = NULL;
    g_autoptr(GDir) dir = g_dir_open(directory, 0, &problem);
    const char *name;

    if (!dir) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s", problem->message);
        return NULL;
    }
    while ((name = g_dir_read_name(dir))) {
        LullMember *member = NULL;

        if (!read_member(directory, name, &member, error))
            return NULL;
        if (member && vm_uid && g_strcmp0(lull_json_string(member->json, "vm", NULL), vm_uid) != 0)
            g_clear_pointer(&member, member_free);
        if (member)
            g_ptr_array_add(members, member);
    }
    return g_steal_pointer(&members);
}

LullMember *
lull_lineage_find(GPtrArray *members, const char *uid)
{
    for (guint i = 0; uid && i < members->len; i++) {
        LullMember *member = members->pdata[i];

        if (!member->attempt && g_str_equal(member->uid, uid))
            return member;
    }
    return NULL;
}

LullMember *
lull_lineage_child(GPtrArray *members, const char *uid)
{
    LullMember *found = NULL;

    for (guint i = 0; i < members->len; i++) {
        LullMember *member = members->pdata[i];

        if (g_strcmp0(member->parent, uid) == 0 && (!found || found->attempt))
            found = member;
    }
    return found;
}

guint
lull_lineage_length(GPtrArray *members, const char *uid)
{
    const LullMember *member = lull_lineage_find(members, uid);
    guint length = 0;

    for (; member && length < MAX_LENGTH; length++) {
        if (!member->parent)
            return length + 1;
        member = lull_lineage_find(members, member->parent);
    }
    return 0;
}

gboolean
lull_lineage_all_removing(GPtrArray *members, const char *uid)
{
    const LullMember *member = lull_lineage_child(members, uid);

    for (guint i = 0; member && i < MAX_LENGTH; i++) {
        if (!member->removing)
            return FALSE;
        member = lull_lineage_child(members, member->uid);
    }
    return member == NULL;
}

static gboolean
has_name(GPtrArray *names, const char *name)
{
    return name && g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL);
}

gboolean
lull_lineage_is_line(GPtrArray *members, const char *uid)
{
    guint n = 0;

    for (guint i = 0; i < members->len; i++) {
        const LullMember *member = members->pdata[i];

        n += !member->attempt && g_strcmp0(member->parent, uid) == 0;
    }
    return n <= 1;
}

gboolean
lull_lineage_is_being_made(GPtrArray *members, const char *content_uid)
{
    for (guint i = 0; i < members->len; i++) {
        const LullMember *member = members->pdata[i];

        if (member->attempt && !g_str_equal(member->uid, content_uid))
            return TRUE;
    }
    return FALSE;
}

/* An attempt of @content_uid itself is no child: it comes to nothing, or there would be no other. */
static gboolean
is_taken(GPtrArray *members, const char *uid, const char *content_uid)
{
    for (guint i = 0; i < members->len; i++) {
        const LullMember *member = members->pdata[i];

        if (g_strcmp0(member->parent, uid) == 0 &&
            (!member->attempt || !g_str_equal(member->uid, content_uid)))
            return TRUE;
    }
    return FALSE;
}

LullMember *
lull_lineage_leaf(GPtrArray *members, GPtrArray *checkpoints, const char *content_uid)
{
    for (guint i = 0; i < members->len; i++) {
        LullMember *member = members->pdata[i];

        if (!member->attempt && !member->removing && !is_taken(members, member->uid, content_uid) &&
            has_name(checkpoints, lull_json_string(member->json, "checkpoint", NULL)))
            return member;
    }
    return NULL;
}

LullJson *
lull_lineage_volume(LullJson *manifest, const char *name)
{
    LullJson *volumes = lull_json_array(manifest, "volumes");

    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);

        if (g_strcmp0(lull_json_string(volume, "name", NULL), name) == 0)
            return volume;
    }
    return NULL;
}

gboolean
lull_lineage_is_incremental(LullJson *volume)
{
    return g_str_equal(lull_json_string(volume, "copy", "full"), "incremental");
}

char *
lull_lineage_backing(const char *parent, const char *volume)
{
    return g_strdup_printf("../%s/%s.qcow2", parent, volume);
}

static void
stored_file_free(gpointer data)
{
    LullStoredFile *file = data;

    g_free(file->volume);
    g_free(file->path);
    g_free(file->sha256);
    g_free(file);
}

static void
add_file(GPtrArray *files, const char *directory, const char *uid, LullJson *volume, gboolean unsettled)
{
    LullStoredFile *file = g_new0(LullStoredFile, 1);

    file->volume = g_strdup(lull_json_string(volume, "name", ""));
    file->path = g_build_filename(directory, uid, lull_json_string(volume, "file", ""), NULL);
    file->sha256 = g_strdup(lull_json_string(volume, "sha256", ""));
    file->size = lull_json_int(volume, "size", -1);
    file->unsettled = unsettled;
    g_ptr_array_add(files, file);
}

/* The parent of @uid, read once. */
static LullJson *
read_parent(const char *directory, const char *uid, GHashTable *cache, GError **error)
{
    LullJson *manifest = g_hash_table_lookup(cache, uid);
    g_autofree char *folder = NULL;

    if (manifest)
        return manifest;
    folder = lull_folder_path(directory, uid, 0, error);
    manifest = folder ? lull_manifest_read(folder, error) : NULL;
    if (manifest)
        g_hash_table_insert(cache, g_strdup(uid), manifest);
    else
        g_prefix_error(error, "a snapshot that this one is based on is missing: ");
    return manifest;
}

/* One volume of @manifest, and what is behind it. */
static gboolean
add_chain(GPtrArray *files, const char *directory, const char *uid, LullJson *manifest, const char *name,
          GHashTable *cache, GError **error)
{
    gboolean merging = FALSE; /* into the one before: what is left here is read by nobody */

    for (guint length = 0; length < MAX_LENGTH; length++) {
        LullJson *volume = lull_lineage_volume(manifest, name);
        const char *parent = lull_json_string(manifest, "parent", NULL);
        g_autofree char *heir = parent ? lull_merge_heir(directory, parent) : NULL;
        const gboolean unsettled = g_strcmp0(heir, uid) == 0;

        if (!volume)
            break;
        if (!merging)
            add_file(files, directory, uid, volume, unsettled);
        if (!lull_lineage_is_incremental(volume))
            return TRUE;
        manifest = parent ? read_parent(directory, parent, cache, error) : NULL;
        if (!manifest)
            return FALSE;
        uid = parent;
        merging = unsettled;
    }
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "content %s: what its volume %s is based on cannot be found", uid, name);
    return FALSE;
}

GPtrArray *
lull_lineage_files(const char *directory, const char *uid, LullJson *manifest, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(stored_file_free);
    g_autoptr(GHashTable) cache =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)lull_json_put);
    LullJson *volumes = lull_json_array(manifest, "volumes");

    for (size_t i = 0; i < json_object_array_length(volumes); i++)
        if (!add_chain(files, directory, uid, manifest,
                       lull_json_string(json_object_array_get_idx(volumes, i), "name", ""), cache, error))
            return NULL;
    return g_steal_pointer(&files);
}
