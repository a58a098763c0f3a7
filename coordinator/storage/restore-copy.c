/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/restore-private.h"
#include "protocol/error.h"

void
lull_restore_tell(LullRestore *self)
{
    const guint64 copied = self->done + self->current / 1000 * self->permille;
    const guint64 bytes = MIN(MIN(copied, self->checked), self->total);

    if (self->progress && self->total)
        self->progress(self->sound ? (guint)(bytes * 1000 / self->total)
                                   : MIN((guint)(bytes * 1000 / self->total), 999),
                       self->user_data);
}

static void
on_image_progress(guint permille, gpointer user_data)
{
    LullRestore *self = user_data;

    pthread_mutex_lock(&self->mutex);
    self->permille = permille;
    lull_restore_tell(self);
    pthread_mutex_unlock(&self->mutex);
}

static void
begin(LullRestore *self, const LullRestoreVolume *volume)
{
    pthread_mutex_lock(&self->mutex);
    self->current = volume->size;
    self->permille = 0;
    pthread_mutex_unlock(&self->mutex);
}

static void
end(LullRestore *self, const LullRestoreVolume *volume)
{
    pthread_mutex_lock(&self->mutex);
    self->current = 0;
    self->done += volume->size;
    lull_restore_tell(self);
    pthread_mutex_unlock(&self->mutex);
}

gboolean
lull_restore_give_owner(int fd, const char *path, const char *target, GError **error)
{
    struct stat info;

    if (stat(target, &info) < 0)
        return errno == ENOENT || lull_folder_errno(error, errno, "image", target);
    if (fchown(fd, info.st_uid, info.st_gid) < 0 || fchmod(fd, info.st_mode & 0777) < 0)
        return lull_folder_errno(error, errno, "owner of", path);
    return TRUE;
}

/* Whoever else may write to the folder may have put something else there under our name. */
static gboolean
check_still(const char *path, int fd, GError **error)
{
    struct stat ours;
    struct stat there;

    if (fstat(fd, &ours) < 0 || lstat(path, &there) < 0)
        return lull_folder_errno(error, errno, "image", path);
    if (ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
        return TRUE;
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_DENIED,
        "image %s: somebody else put a file in its place while it was written: see who may write to its "
        "folder",
        path);
    return FALSE;
}

static gboolean
is_finished(const LullRestoreVolume *volume)
{
    struct stat info;

    return lstat(volume->fresh, &info) == 0 && S_ISREG(info.st_mode);
}

/* Durable, but for its name. */
static gboolean
seal(const LullRestoreVolume *volume, GError **error)
{
    return lull_restore_give_owner(volume->fd, volume->part, volume->source, error) &&
           (fsync(volume->fd) == 0 || lull_folder_errno(error, errno, "syncing", volume->part));
}

/* Files are written by their descriptors, so that no link leads what is written elsewhere. */
static gboolean
begin_files(LullRestore *self, GError **error)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (volume->block)
            continue;
        volume->finished = volume->filled = is_finished(volume);
        if (volume->finished)
            end(self, volume);
        else if ((volume->fd = lull_folder_open_new(volume->part)) < 0)
            return lull_folder_errno(error, errno, "image", volume->part);
    }
    return TRUE;
}

/* Both have the blocks until one of them is written to. Some file systems tell of success though they came to
 * the end of neither the file nor their errors. */
static gboolean
share(const LullRestoreVolume *volume)
{
    const int from = open(volume->stored, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat stored;
    struct stat info;
    const gboolean ok = from >= 0 && ioctl(volume->fd, FICLONE, from) == 0 && fstat(from, &stored) == 0 &&
                        fstat(volume->fd, &info) == 0 && info.st_size == stored.st_size;

    if (from >= 0)
        close(from);
    return ok;
}

/* Where the file system can: what is stored is the very image. What that leaves undone is copied. */
static void
share_files(LullRestore *self)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (volume->fd < 0 || !volume->whole)
            continue;
        volume->shared = volume->filled = share(volume) && seal(volume, NULL);
        if (volume->shared)
            end(self, volume);
    }
}

static gboolean
copy_file(LullRestore *self, LullRestoreVolume *volume, GCancellable *cancel, GError **error)
{
    const char *format = lull_json_string(volume->row, "sourceFormat", "raw");

    begin(self, volume);
    volume->filled =
        (ftruncate(volume->fd, 0) == 0 || lull_folder_errno(error, errno, "image", volume->part)) &&
        lull_image_convert_into(volume->stored, volume->fd, format, on_image_progress, self, cancel, error) &&
        seal(volume, error);
    if (volume->filled)
        end(self, volume);
    return volume->filled;
}

static gboolean
copy_rest(LullRestore *self, GCancellable *cancel, GError **error)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (!volume->block && !volume->filled && !copy_file(self, volume, cancel, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
finish_files(LullRestore *self, GError **error)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (volume->fd < 0)
            continue;
        if (!check_still(volume->part, volume->fd, error))
            return FALSE;
        if (rename(volume->part, volume->fresh) < 0)
            return lull_folder_errno(error, errno, "image", volume->fresh);
        close(volume->fd);
        volume->fd = -1;
    }
    return TRUE;
}

/* The data are read for their sums while they are copied; whoever fails stops the other. */
typedef struct {
    LullRestore *restore;
    GCancellable *stop;
    pthread_mutex_t mutex;
    GError *error; /* the first */
} Work;

static gboolean
fail(Work *work, GError *error)
{
    pthread_mutex_lock(&work->mutex);
    if (work->error)
        g_error_free(error);
    else
        work->error = error;
    pthread_mutex_unlock(&work->mutex);
    g_cancellable_cancel(work->stop);
    return FALSE;
}

static gpointer
run_check(gpointer data)
{
    Work *work = data;
    GError *error = NULL;

    if (!lull_restore_check_data(work->restore, work->stop, &error))
        fail(work, error);
    return NULL;
}

static void
run_both(Work *work)
{
    GError *error = NULL;
    GThread *thread = g_thread_try_new("sums", run_check, work, &error);

    if (!thread) {
        fail(work, error);
        return;
    }
    if (!copy_rest(work->restore, work->stop, &error))
        fail(work, error);
    g_thread_join(thread);
}

static gboolean
copy_and_check(LullRestore *self, GError **error)
{
    Work work = {.restore = self, .stop = g_cancellable_new(), .mutex = PTHREAD_MUTEX_INITIALIZER};
    gulong chained = 0;

    if (self->cancel)
        chained = g_cancellable_connect(self->cancel, G_CALLBACK(g_cancellable_cancel), work.stop, NULL);
    run_both(&work);
    g_cancellable_disconnect(self->cancel, chained);
    g_object_unref(work.stop);
    if (work.error)
        g_propagate_error(error, work.error);
    return work.error == NULL;
}

/* What is stored is right by then. */
static gboolean
copy_wrong(LullRestore *self, GError **error)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (!volume->wrong)
            continue;
        volume->filled = FALSE;
        self->done -= volume->size;
    }
    return lull_restore_check_space(self, error) && copy_rest(self, self->cancel, error);
}

static gboolean
fill_and_finish(LullRestore *self, GError **error)
{
    if (!lull_restore_check_small(self, error) || !begin_files(self, error))
        return FALSE;
    share_files(self);
    return lull_restore_check_space(self, error) && copy_and_check(self, error) && copy_wrong(self, error) &&
           finish_files(self, error);
}

gboolean
lull_restore_copy_files(LullRestore *self, GError **error)
{
    const gboolean ok = fill_and_finish(self, error);

    for (guint i = 0; !ok && i < self->volumes->len; i++) {
        const LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (volume->fd >= 0)
            (void)unlink(volume->part);
    }
    return ok;
}

/* The tool takes the image lock itself, so it has to be lent. What a qcow2 has had on the device means
 * nothing any more; a raw device is written as it is, zeroes too. */
static gboolean
copy_device(LullRestore *self, LullRestoreVolume *volume, GError **error)
{
    const char *format = lull_json_string(volume->row, "sourceFormat", "raw");

    g_clear_pointer(&volume->lock, lull_image_unlock);
    if (!lull_image_convert(volume->stored, volume->target, format, g_str_equal(format, "raw"),
                            on_image_progress, self, self->cancel, error) ||
        !lull_folder_sync(volume->target, error))
        return FALSE;
    volume->lock = lull_image_lock(volume->target, error);
    return volume->lock != NULL;
}

gboolean
lull_restore_copy_devices(LullRestore *self, GError **error)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (!volume->block)
            continue;
        begin(self, volume);
        if (!copy_device(self, volume, error))
            return FALSE;
        end(self, volume);
    }
    return TRUE;
}

static gboolean
write_all(int fd, const char *path, const char *data, gsize length, GError **error)
{
    for (gsize done = 0; done < length;) {
        const ssize_t n = write(fd, data + done, length - done);

        if (n < 0 && errno != EINTR)
            return lull_folder_errno(error, errno, "writing", path);
        done += n > 0 ? (gsize)n : 0;
    }
    return TRUE;
}

gboolean
lull_restore_copy_nvram(const LullRestore *self, const char *to, GError **error)
{
    const char *like = lull_json_string(self->manifest, "nvram", "");
    g_autofree char *part = g_strconcat(to, ".part", NULL);
    g_autofree char *parent = g_path_get_dirname(to);
    gsize length = 0;
    g_autofree char *data = lull_restore_read_file(self, LULL_FOLDER_NVRAM, &length, error);
    const int fd = data ? lull_folder_open_new(part) : -1;
    gboolean ok;

    if (!data)
        return FALSE;
    if (fd < 0)
        return lull_folder_errno(error, errno, "NVRAM", part);
    ok = write_all(fd, part, data, length, error) && lull_restore_give_owner(fd, part, like, error) &&
         (fsync(fd) == 0 || lull_folder_errno(error, errno, "syncing", part)) &&
         check_still(part, fd, error) &&
         (rename(part, to) == 0 || lull_folder_errno(error, errno, "NVRAM", to)) &&
         lull_folder_sync(parent, error);
    if (!ok)
        (void)unlink(part);
    close(fd);
    return ok;
}
