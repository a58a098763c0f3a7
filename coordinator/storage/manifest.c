/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/model/meta.h"
#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/header.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/offline.h"
#include "coordinator/storage/pull/run.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define MANIFEST_VERSION 1
#define MAX_SEALING      4

static void
set_copy(LullJson *row, LullChainKind kind)
{
    lull_json_set_string(row, "copy", kind == LULL_CHAIN_INCREMENTAL ? "incremental" : "full");
    lull_json_set_string(row, "copyReason", lull_chain_why(kind));
}

LullJson *
lull_attempt_new(const LullVm *vm, const guint64 *capacities, const LullChainPlan *plan)
{
    LullJson *attempt = json_object_new_object();
    LullJson *volumes = json_object_new_array();
    guint n = 0;

    lull_json_set_string(attempt, "vm", vm->uid);
    lull_json_set_string(attempt, "domain", vm->domain);
    lull_json_set_string(attempt, "nvram", vm->nvram);
    if (plan) {
        lull_json_set_string(attempt, "parent", plan->parent);
        lull_json_set_string(attempt, "checkpoint", plan->checkpoint);
    }
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        g_autofree char *file = g_strconcat(volume->name, ".qcow2", NULL);
        LullJson *row;

        if (volume->excluded)
            continue;
        row = json_object_new_object();
        lull_json_set_string(row, "name", volume->name);
        lull_json_set_string(row, "disk", volume->disk);
        lull_json_set_string(row, "file", file);
        lull_json_set_string(row, "format", "qcow2");
        lull_json_set_int(row, "capacity", (gint64)capacities[n]);
        set_copy(row, plan ? plan->kinds[n] : LULL_CHAIN_OFF);
        n++;
        lull_json_set_string(row, "sourcePath", volume->path);
        lull_json_set_string(row, "sourceFormat", volume->format);
        lull_json_set_bool(row, "sourceIsBlock", volume->block);
        json_object_array_add(volumes, row);
    }
    lull_json_take(attempt, "volumes", volumes);
    return attempt;
}

static gboolean
bad(GError **error, const char *what)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "manifest: %s", what);
    return FALSE;
}

static gboolean
check_volume(LullJson *volume, GHashTable *seen, gboolean based, GError **error)
{
    const char *copy = lull_json_string(volume, "copy", "full");
    const char *file = lull_json_string(volume, "file", NULL);
    const char *path = lull_json_string(volume, "sourcePath", NULL);
    const char *format = lull_json_string(volume, "sourceFormat", "");
    const char *sum = lull_json_string(volume, "sha256", "");

    if (!lull_json_string(volume, "name", NULL))
        return bad(error, "a volume has no name");
    if (!file || !*file || strchr(file, '/') || *file == '.' || !g_hash_table_add(seen, (char *)file))
        return bad(error, "a volume's file is missing, repeated or not a plain name");
    if (!path || !g_path_is_absolute(path) || !g_hash_table_add(seen, (char *)path))
        return bad(error, "a volume's source is missing, repeated or not an absolute path");
    if (!g_str_equal(format, "raw") && !g_str_equal(format, "qcow2"))
        return bad(error, "a volume's source has a format other than raw and qcow2");
    if (!g_str_equal(copy, "full") && !(based && g_str_equal(copy, "incremental")))
        return bad(error, "a volume is neither a full copy nor based on a parent");
    if (strlen(sum) != 64 || strspn(sum, "0123456789abcdef") != 64)
        return bad(error, "a volume has no sha256");
    if (lull_json_int(volume, "size", -1) < 0 || lull_json_int(volume, "capacity", -1) < 0)
        return bad(error, "a volume has no size");
    return TRUE;
}

gboolean
lull_manifest_check(LullJson *manifest, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    LullJson *volumes = lull_json_array(manifest, "volumes");
    const char *nvram = lull_json_string(manifest, "nvram", NULL);
    const char *parent = lull_json_string(manifest, "parent", NULL);

    if (lull_json_int(manifest, "version", 0) != MANIFEST_VERSION)
        return bad(error, "not of a version that is known here");
    if (!volumes)
        return bad(error, "it has no list of volumes");
    if (!lull_json_string(manifest, "vm", NULL) || !lull_json_string(manifest, "domain", NULL))
        return bad(error, "it does not say of which virtual machine");
    if (nvram && !g_path_is_absolute(nvram))
        return bad(error, "the NVRAM's path is not absolute");
    if (parent && !g_uuid_string_is_valid(parent))
        return bad(error, "its parent is not a UUID");
    for (size_t i = 0; i < json_object_array_length(volumes); i++)
        if (!check_volume(json_object_array_get_idx(volumes, i), seen, parent != NULL, error))
            return FALSE;
    return TRUE;
}

LullJson *
lull_manifest_read(const char *folder, GError **error)
{
    g_autoptr(LullJson) manifest = lull_folder_read_json(folder, LULL_FOLDER_MANIFEST, error);

    return manifest && lull_manifest_check(manifest, error) ? g_steal_pointer(&manifest) : NULL;
}

gboolean
lull_manifest_store(const char *folder, LullJson *manifest, GError **error)
{
    return lull_manifest_check(manifest, error) &&
           lull_folder_write(folder, LULL_FOLDER_MANIFEST,
                             json_object_to_json_string_ext(manifest, JSON_C_TO_STRING_PRETTY |
                                                                          JSON_C_TO_STRING_NOSLASHESCAPE),
                             error);
}

/* Its first bytes name what else is read with it, and written by a merge. */
static gboolean
check_image(const char *path, const char *parent, LullJson *volume, GError **error)
{
    g_autofree char *expected = parent && lull_lineage_is_incremental(volume)
                                    ? lull_lineage_backing(parent, lull_json_string(volume, "name", ""))
                                    : g_strdup("");
    LullImageHeader header = {0};

    if (lull_image_header_read(path, &header) && header.is_qcow2 && header.is_plain &&
        g_str_equal(header.backing, expected))
        return TRUE;
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_INVALID,
        "stored volume %s: it is no qcow2 of its own, closed and based on what it was made for: delete "
        "the snapshot and take another one",
        path);
    return FALSE;
}

static gboolean
seal_volume(const char *folder, const char *parent, LullJson *volume, GCancellable *cancel, GError **error)
{
    const char *file = lull_json_string(volume, "file", NULL);
    g_autofree char *path = NULL;
    g_autofree char *sum = NULL;
    struct stat info;

    if (!file || strchr(file, '/'))
        return bad(error, "a volume's file is missing or not a plain name");
    path = g_build_filename(folder, file, NULL);
    if (!check_image(path, parent, volume, error))
        return FALSE;
    if (lull_json_string(volume, "sha256", NULL))
        return TRUE;
    if (!lull_folder_sync(path, error))
        return FALSE;
    sum = lull_folder_sha256(path, cancel, error);
    if (!sum)
        return FALSE;
    if (stat(path, &info) < 0)
        return lull_folder_errno(error, errno, "reading", path);
    lull_json_set_int(volume, "size", info.st_size);
    lull_json_set_string(volume, "sha256", sum);
    return TRUE;
}

typedef struct {
    const char *folder;
    const char *parent;
    LullJson *volume; /* nobody else's meanwhile */
    GCancellable *cancel;
    GError *error;
    gboolean ok;
} Seal;

static void
run_seal(gpointer data, gpointer user_data)
{
    Seal *seal = data;

    seal->ok = seal_volume(seal->folder, seal->parent, seal->volume, seal->cancel, &seal->error);
}

/* Some at the same time: sums keep a processor busy each, and guests need some too. */
static gboolean
seal_volumes(const char *folder, const char *parent, LullJson *volumes, GCancellable *cancel, GError **error)
{
    const guint n = volumes ? (guint)json_object_array_length(volumes) : 0;
    g_autofree Seal *seals = g_new0(Seal, n + 1);
    GThreadPool *pool =
        g_thread_pool_new(run_seal, NULL, MIN((gint)g_get_num_processors(), MAX_SEALING), FALSE, NULL);
    gboolean ok = TRUE;

    for (guint i = 0; i < n; i++) {
        seals[i] = (Seal){folder, parent, json_object_array_get_idx(volumes, i), cancel, NULL, FALSE};
        g_thread_pool_push(pool, &seals[i], NULL);
    }
    g_thread_pool_free(pool, FALSE, TRUE);
    for (guint i = 0; i < n; i++) {
        if (ok && !seals[i].ok)
            g_propagate_error(error, g_steal_pointer(&seals[i].error));
        ok &= seals[i].ok;
        g_clear_error(&seals[i].error);
    }
    return ok;
}

/* Definition and NVRAM, where they are there. */
static gboolean
seal_others(const char *folder, LullJson *manifest, GCancellable *cancel, GError **error)
{
    static const char *const names[] = {LULL_FOLDER_DOMAIN, LULL_FOLDER_NVRAM};
    LullJson *files = json_object_new_array();

    lull_json_take(manifest, "files", files);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_autofree char *sum = NULL;
        LullJson *row;
        struct stat info;

        if (stat(path, &info) < 0)
            continue;
        sum = lull_folder_sha256(path, cancel, error);
        if (!sum)
            return FALSE;
        row = json_object_new_object();
        lull_json_set_string(row, "file", names[i]);
        lull_json_set_int(row, "size", info.st_size);
        lull_json_set_string(row, "sha256", sum);
        json_object_array_add(files, row);
    }
    return TRUE;
}

gboolean
lull_manifest_write(const char *folder, const char *uid, LullJson *attempt, LullJson *content,
                    GCancellable *cancel, GError **error)
{
    g_autoptr(LullJson) manifest = lull_json_dup(attempt);
    LullJson *volumes = lull_json_array(manifest, "volumes");
    const char *report = content ? lull_meta_annotation(content, LULL_ANNOTATION_REPORT) : NULL;
    LullJson *parsed = report ? lull_json_parse(report, -1, NULL) : NULL;

    if (!seal_volumes(folder, lull_json_string(attempt, "parent", NULL), volumes, cancel, error) ||
        !seal_others(folder, manifest, cancel, error))
        return FALSE;
    lull_json_set_int(manifest, "version", MANIFEST_VERSION);
    lull_json_set_string(manifest, "uid", uid);
    json_object_object_del(manifest, "copied");
    json_object_object_del(manifest, LULL_PULL_SOCKET);
    json_object_object_del(manifest, LULL_PULL_RESERVE);
    json_object_object_del(manifest, LULL_OFFLINE_MARKS);
    if (content)
        lull_json_take(manifest, "content", lull_json_dup(content));
    if (parsed)
        lull_json_take(manifest, "report", parsed);
    return lull_manifest_store(folder, manifest, error);
}
