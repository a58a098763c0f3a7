/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/verify.h"

#include <sys/stat.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/image.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/merge.h"
#include "protocol/error.h"

#define MAX_FINDINGS 100 /* a folder may be full of what does not belong there */

typedef struct {
    LullBackupStorage *storage;
    const char *uid;
    char *folder;
    LullJson *manifest;
    LullJson *findings;
    guint64 bytes;
    guint files;
    guint omitted; /* findings beyond the bound */
    GCancellable *cancel;
} Verification;

static void
verification_clear(Verification *self)
{
    g_clear_pointer(&self->folder, g_free);
    g_clear_pointer(&self->manifest, lull_json_put);
    g_clear_pointer(&self->findings, lull_json_put);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Verification, verification_clear)

static void
find(Verification *self, const char *file, const char *problem)
{
    g_autofree char *text = g_utf8_make_valid(file, -1); /* a stranger's may be any bytes */
    LullJson *row = NULL;

    if (json_object_array_length(self->findings) >= MAX_FINDINGS) {
        self->omitted++;
        return;
    }
    row = json_object_new_object();
    lull_json_set_string(row, "file", text);
    lull_json_set_string(row, "problem", problem);
    json_object_array_add(self->findings, row);
}

/* FALSE only when it was cancelled: what cannot be read is a finding. */
static gboolean
verify_file(Verification *self, const char *path, gint64 size, const char *sha256, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autofree char *sum = NULL;
    struct stat info;

    if (stat(path, &info) == 0 && info.st_size != size) {
        find(self, path, "its size is not what was stored");
        return TRUE;
    }
    sum = lull_folder_sha256(path, self->cancel, &problem);
    if (!sum && g_cancellable_set_error_if_cancelled(self->cancel, error))
        return FALSE;
    self->files++;
    if (!sum)
        find(self, path, problem->message);
    else if (!g_str_equal(sum, sha256))
        find(self, path, "its data are not what was stored");
    else
        self->bytes += (guint64)size;
    return TRUE;
}

static gboolean
verify_chain(Verification *self, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(GPtrArray) files =
        lull_lineage_files(self->storage->directory, self->uid, self->manifest, &problem);

    if (!files)
        find(self, self->folder, problem->message);
    for (guint i = 0; files && i < files->len; i++) {
        const LullStoredFile *file = files->pdata[i];

        if (!verify_file(self, file->path, file->size, file->sha256, error))
            return FALSE;
    }
    return TRUE;
}

/* Definition and NVRAM. */
static gboolean
verify_others(Verification *self, GError **error)
{
    LullJson *files = lull_json_array(self->manifest, "files");

    for (size_t i = 0; files && i < json_object_array_length(files); i++) {
        LullJson *row = json_object_array_get_idx(files, i);
        g_autofree char *path = g_build_filename(self->folder, lull_json_string(row, "file", ""), NULL);

        if (!verify_file(self, path, lull_json_int(row, "size", -1), lull_json_string(row, "sha256", ""),
                         error))
            return FALSE;
    }
    return TRUE;
}

/* What the image says is behind it is what the manifest says. */
static void
verify_backing(Verification *self)
{
    LullJson *volumes = lull_json_array(self->manifest, "volumes");
    const char *parent = lull_json_string(self->manifest, "parent", NULL);

    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        g_autofree char *path = g_build_filename(self->folder, lull_json_string(volume, "file", ""), NULL);
        g_autofree char *expected = lull_lineage_is_incremental(volume)
                                        ? lull_lineage_backing(parent, lull_json_string(volume, "name", ""))
                                        : NULL;
        g_auto(LullImageInfo) info = {NULL};
        g_autoptr(GError) problem = NULL;

        if (!g_file_test(path, G_FILE_TEST_EXISTS))
            continue; /* told already */
        if (!lull_image_info(path, &info, &problem))
            find(self, path, problem->message);
        else if (g_strcmp0(info.backing, expected) != 0)
            find(self, path, "it is based on another image than its manifest says");
        else if (info.dirty)
            find(self, path, "it is marked as damaged, or was not closed");
    }
}

static gboolean
is_ours(const Verification *self, const char *name)
{
    LullJson *volumes = lull_json_array(self->manifest, "volumes");

    if (g_str_equal(name, LULL_FOLDER_MANIFEST) || g_str_equal(name, LULL_FOLDER_DOMAIN) ||
        g_str_equal(name, LULL_FOLDER_NVRAM) || g_str_has_prefix(name, LULL_FOLDER_RESTORED) ||
        g_str_has_prefix(name, LULL_FOLDER_COPYING) || g_str_has_prefix(name, LULL_FOLDER_RESTORING) ||
        g_str_has_suffix(name, ".json" LULL_FOLDER_FRESH))
        return TRUE;
    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++)
        if (g_strcmp0(lull_json_string(json_object_array_get_idx(volumes, i), "file", NULL), name) == 0)
            return TRUE;
    return FALSE;
}

static void
find_strangers(Verification *self)
{
    g_autoptr(GDir) dir = g_dir_open(self->folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        if (!is_ours(self, name)) {
            g_autofree char *path = g_build_filename(self->folder, name, NULL);

            find(self, path, "nobody here has put it there");
        }
}

static gboolean
verify_locked(Verification *self, GError **error)
{
    g_autoptr(GError) problem = NULL;

    if (lull_merge_is_removing(self->folder)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "snapshot content %s: it is being deleted",
                    self->uid);
        return FALSE;
    }
    if (!lull_backup_settle(self->storage, self->uid, self->cancel, error))
        return FALSE;
    g_clear_pointer(&self->manifest, lull_json_put);
    self->manifest = lull_manifest_read(self->folder, &problem);
    if (!self->manifest) {
        find(self, self->folder, problem->message);
        return TRUE;
    }
    if (!verify_chain(self, error) || !verify_others(self, error))
        return FALSE;
    verify_backing(self);
    find_strangers(self);
    return TRUE;
}

static LullJson *
result_of(Verification *self)
{
    LullJson *result = json_object_new_object();

    lull_json_set_int(result, "files", self->files);
    lull_json_set_int(result, "bytes", (gint64)self->bytes);
    lull_json_take(result, "findings", g_steal_pointer(&self->findings));
    lull_json_set_int(result, "omitted", self->omitted);
    return result;
}

gboolean
lull_backup_verify(LullStorage *storage, const char *content_uid, GCancellable *cancel, LullJson **ret_result,
                   GError **error)
{
    g_auto(Verification)
        self = {.storage = (LullBackupStorage *)storage, .uid = content_uid, .cancel = cancel};
    g_autofree char *vm = NULL;
    gboolean ok;

    self.folder = lull_folder_path(self.storage->directory, content_uid, 0, error);
    if (!self.folder)
        return FALSE;
    self.findings = json_object_new_array();
    self.manifest = lull_manifest_read(self.folder, NULL);
    vm = g_strdup(lull_json_string(self.manifest, "vm", content_uid));
    if (!lull_chain_lock(self.storage->chains, vm, G_MAXINT64 / 2, cancel, error))
        return FALSE;
    ok = verify_locked(&self, error);
    lull_chain_unlock(self.storage->chains, vm);
    if (ok)
        *ret_result = result_of(&self);
    return ok;
}
