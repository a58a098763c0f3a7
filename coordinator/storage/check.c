/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sys/stat.h>

#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/lineage.h"
#include "protocol/error.h"

/* A merge that begins or ends between two readings of one look makes it wrong; the next look sees what has
 * become of it. It can catch one look at its begin and one at its end. */
#define LOOKS 3

static gboolean
check_file(const LullStoredFile *file, GError **error)
{
    struct stat info;

    if (stat(file->path, &info) < 0)
        return lull_folder_errno(error, errno, "stored volume", file->path);
    if (file->unsettled || info.st_size == file->size)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "stored volume %s: its size is not what it was",
                file->path);
    return FALSE;
}

/* What is missing counts more than what is wrong, of which the first is told. */
static void
take_problem(const LullStoredFile *file, GPtrArray *volumes, GError **first, GError *take)
{
    const gboolean missing = lull_error_is(take, LULL_ERROR_NOT_FOUND);
    const gboolean another = *first && lull_error_is(*first, LULL_ERROR_NOT_FOUND) != missing;

    if (missing && another) {
        g_clear_error(first);
        g_ptr_array_set_size(volumes, 0);
    }
    if ((missing || !*first) && !g_ptr_array_find_with_equal_func(volumes, file->volume, g_str_equal, NULL))
        g_ptr_array_add(volumes, g_strdup(file->volume));
    if (*first)
        g_error_free(take);
    else
        *first = take;
}

static gboolean
look(const LullBackupStorage *self, const char *content_uid, GPtrArray *volumes, GError **error)
{
    g_autofree char *folder = lull_folder_path(self->directory, content_uid, 0, error);
    g_autoptr(LullJson) manifest = folder ? lull_manifest_read(folder, error) : NULL;
    g_autoptr(GPtrArray) files =
        manifest ? lull_lineage_files(self->directory, content_uid, manifest, error) : NULL;
    g_autoptr(GError) first = NULL;

    for (guint i = 0; files && i < files->len; i++) {
        const LullStoredFile *file = files->pdata[i];
        g_autoptr(GError) problem = NULL;

        if (!check_file(file, &problem))
            take_problem(file, volumes, &first, g_steal_pointer(&problem));
    }
    if (!files || !first)
        return files != NULL;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

gboolean
lull_backup_check(LullStorage *storage, const char *content_uid, GPtrArray **ret_volumes, GError **error)
{
    for (guint i = 1;; i++) {
        g_autoptr(GPtrArray) volumes = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GError) problem = NULL;

        if (look((LullBackupStorage *)storage, content_uid, volumes, &problem))
            return TRUE;
        if (i < LOOKS)
            continue;
        if (ret_volumes)
            *ret_volumes = g_steal_pointer(&volumes);
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
}
