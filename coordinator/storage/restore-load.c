/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/merge.h"
#include "coordinator/storage/restore-private.h"
#include "protocol/error.h"

static void
volume_free(gpointer data)
{
    LullRestoreVolume *volume = data;

    if (volume->fd >= 0)
        close(volume->fd);
    lull_image_unlock(volume->lock);
    g_free(volume->stored);
    g_free(volume->source);
    g_free(volume->target);
    g_free(volume->part);
    g_free(volume->fresh);
    g_free(volume);
}

void
lull_restore_clear(LullRestore *self)
{
    g_clear_pointer(&self->folder, g_free);
    g_clear_pointer(&self->manifest, lull_json_put);
    g_clear_pointer(&self->volumes, g_ptr_array_unref);
    g_clear_pointer(&self->files, g_ptr_array_unref);
    g_clear_pointer(&self->link, lull_link_return);
}

char *
lull_restore_fresh_name(const char *target, const char *restore_uid)
{
    return g_strdup_printf("%s.lull-restore-%s", target, restore_uid);
}

void
lull_restore_aim(LullRestoreVolume *volume, const char *target, const char *restore_uid)
{
    g_free(volume->target);
    volume->target = g_strdup(target ? target : volume->source);
    if (volume->block)
        return;
    g_free(volume->fresh);
    g_free(volume->part);
    volume->fresh = lull_restore_fresh_name(volume->target, restore_uid);
    volume->part = g_strconcat(volume->fresh, ".part", NULL);
}

static LullRestoreVolume *
volume_new(const LullRestore *self, LullJson *row, const char *restore_uid)
{
    LullRestoreVolume *volume = g_new0(LullRestoreVolume, 1);
    const char *path = lull_json_string(row, "sourcePath", NULL);
    char *real = realpath(path, NULL);

    volume->row = row;
    volume->fd = -1;
    volume->stored = g_build_filename(self->folder, lull_json_string(row, "file", ""), NULL);
    volume->source = g_strdup(real ? real : path);
    free(real);
    volume->block = lull_json_bool(row, "sourceIsBlock", FALSE);
    lull_restore_aim(volume, NULL, restore_uid);
    return volume;
}

gboolean
lull_restore_is_marked(const LullRestore *self, const char *prefix, const char *restore_uid)
{
    g_autofree char *name = g_strconcat(prefix, restore_uid, NULL);
    g_autofree char *path = g_build_filename(self->folder, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

gboolean
lull_restore_mark(const LullRestore *self, const char *prefix, const char *restore_uid, const char *text,
                  GError **error)
{
    g_autofree char *name = g_strconcat(prefix, restore_uid, NULL);

    return lull_folder_write(self->folder, name, text, error);
}

static gboolean
check_uid(const char *restore_uid, GError **error)
{
    if (g_uuid_string_is_valid(restore_uid))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "restore \"%s\": not a UUID", restore_uid);
    return FALSE;
}

gboolean
lull_restore_read_mark(const char *folder, const char *restore_uid, LullJson **ret_mark, GError **error)
{
    g_autofree char *name = g_strconcat(LULL_FOLDER_COPYING, restore_uid, NULL);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GError) problem = NULL;
    struct stat info;

    *ret_mark = NULL;
    if (!check_uid(restore_uid, error))
        return FALSE;
    if (lstat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0)
        return TRUE;
    *ret_mark = lull_folder_read_json(folder, name, &problem);
    if (*ret_mark || lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

void
lull_restore_unmark(const char *folder, const char *prefix, const char *restore_uid)
{
    g_autofree char *name = g_strconcat(prefix, restore_uid, NULL);
    g_autofree char *path = g_build_filename(folder, name, NULL);

    (void)g_unlink(path);
}

void
lull_restore_unmark_all(const char *folder, const char *restore_uid)
{
    lull_restore_unmark(folder, LULL_FOLDER_COPYING, restore_uid);
    lull_restore_unmark(folder, LULL_FOLDER_RESTORING, restore_uid);
}

static guint64
stored_size(const LullRestore *self, const char *volume)
{
    guint64 size = 0;

    for (guint i = 0; i < self->files->len; i++) {
        const LullStoredFile *file = g_ptr_array_index(self->files, i);

        if (g_strcmp0(file->volume, volume) == 0)
            size += (guint64)file->size;
    }
    return size;
}

gboolean
lull_restore_load_volumes(LullRestore *self, const char *content_uid, const char *restore_uid, GError **error)
{
    LullJson *rows;

    if (!check_uid(restore_uid, error))
        return FALSE;
    g_free(self->folder);
    self->folder = lull_folder_path(self->storage->directory, content_uid, 0, error);
    self->manifest = self->folder ? lull_manifest_read(self->folder, error) : NULL;
    if (!self->manifest)
        return FALSE;
    self->volumes = g_ptr_array_new_with_free_func(volume_free);
    rows = lull_json_array(self->manifest, "volumes");
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);
        g_ptr_array_add(self->volumes, volume_new(self, row, restore_uid));
    }
    return TRUE;
}

/* What is half put in place needs the rest, whoever wants the content to go: that waits. */
gboolean
lull_restore_load_files(LullRestore *self, const char *content_uid, const char *restore_uid, GError **error)
{
    if (lull_merge_is_removing(self->folder) &&
        !lull_restore_is_marked(self, LULL_FOLDER_RESTORING, restore_uid)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "snapshot content %s: it is being deleted",
                    content_uid);
        return FALSE;
    }
    self->files = lull_lineage_files(self->storage->directory, content_uid, self->manifest, error);
    for (guint i = 0; self->files && i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        volume->size = stored_size(self, lull_json_string(volume->row, "name", NULL));
        volume->whole = !lull_lineage_is_incremental(volume->row) &&
                        g_str_equal(lull_json_string(volume->row, "sourceFormat", "raw"),
                                    lull_json_string(volume->row, "format", "qcow2"));
        self->total += volume->size;
    }
    return self->files != NULL;
}

gboolean
lull_restore_is_at_rest(const LullRestore *self)
{
    return g_str_equal(lull_json_string(lull_json_object(self->manifest, "report"), "level", ""), "stopped");
}

guint64
lull_backup_stored_bytes(LullStorage *storage, const char *content_uid)
{
    const LullBackupStorage *self = (const LullBackupStorage *)storage;
    g_autofree char *folder = lull_folder_path(self->directory, content_uid, 0, NULL);
    g_autoptr(LullJson) manifest = folder ? lull_manifest_read(folder, NULL) : NULL;
    g_autoptr(GPtrArray) files =
        manifest ? lull_lineage_files(self->directory, content_uid, manifest, NULL) : NULL;
    guint64 bytes = 0;

    for (guint i = 0; files && i < files->len; i++)
        bytes += (guint64)MAX(((const LullStoredFile *)files->pdata[i])->size, 0);
    return bytes;
}
