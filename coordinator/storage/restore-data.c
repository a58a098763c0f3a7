/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/restore-private.h"
#include "protocol/error.h"

static LullRestoreVolume *
volume_of(const LullRestore *self, const LullStoredFile *file)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (g_strcmp0(lull_json_string(volume->row, "name", NULL), file->volume) == 0)
            return volume;
    }
    return NULL;
}

static void
add_checked(LullRestore *self, guint64 bytes)
{
    pthread_mutex_lock(&self->mutex);
    self->checked += bytes;
    lull_restore_tell(self);
    pthread_mutex_unlock(&self->mutex);
}

static void
on_read(gsize bytes, gpointer user_data)
{
    add_checked(user_data, bytes);
}

static gboolean
is_sealed(const LullStoredFile *file, const char *sum)
{
    return sum && g_str_equal(sum, file->sha256);
}

/* The blocks may be others, or not all of them there, though the kernel said that all went well. */
static gboolean
check_shared(LullRestore *self, LullRestoreVolume *volume, const LullStoredFile *file, GCancellable *cancel)
{
    const guint64 checked = self->checked;
    g_autofree char *sum = lull_folder_sha256_of(volume->fd, volume->part, on_read, self, cancel, NULL);

    if (is_sealed(file, sum))
        return TRUE;
    g_message("image %s: the blocks that it shares are not those that were stored: it is copied",
              volume->target);
    pthread_mutex_lock(&self->mutex);
    self->checked = checked;
    pthread_mutex_unlock(&self->mutex);
    volume->wrong = TRUE;
    return FALSE;
}

static gboolean
check_stored(LullRestore *self, const LullStoredFile *file, GCancellable *cancel, GError **error)
{
    const int fd = open(file->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    g_autofree char *sum = NULL;

    if (fd < 0)
        return lull_folder_errno(error, errno, "reading", file->path);
    sum = lull_folder_sha256_of(fd, file->path, on_read, self, cancel, error);
    close(fd);
    if (!sum || is_sealed(file, sum))
        return sum != NULL;
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_INVALID,
        "stored volume %s: its data are not what was stored: the snapshot is damaged, nothing was restored",
        file->path);
    return FALSE;
}

static gboolean
check_file(LullRestore *self, const LullStoredFile *file, GCancellable *cancel, GError **error)
{
    LullRestoreVolume *volume = volume_of(self, file);

    if (volume && volume->finished) {
        add_checked(self, (guint64)file->size);
        return TRUE;
    }
    return (volume && volume->shared && check_shared(self, volume, file, cancel)) ||
           check_stored(self, file, cancel, error);
}

gboolean
lull_restore_check_data(LullRestore *self, GCancellable *cancel, GError **error)
{
    for (guint i = 0; i < self->files->len; i++)
        if (!check_file(self, g_ptr_array_index(self->files, i), cancel, error))
            return FALSE;
    pthread_mutex_lock(&self->mutex);
    self->sound = TRUE;
    lull_restore_tell(self);
    pthread_mutex_unlock(&self->mutex);
    return TRUE;
}
