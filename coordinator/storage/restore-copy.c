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

static void
on_image_progress(guint permille, gpointer user_data)
{
    const LullRestore *self = user_data;

    if (self->progress && self->total)
        self->progress((guint)((self->done * 1000 + self->current * permille) / self->total),
                       self->user_data);
}

gboolean
lull_restore_give_owner(int fd, const char *path, const char *target, GError **error)
{
    struct stat info;

    if (stat(target, &info) < 0)
        return errno == ENOENT || lull_folder_errno(error, errno, "image", target);
    if (fchown(fd, info.st_uid, info.st_gid) < 0 || fchmod(fd, info.st_mode & 07777) < 0)
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

typedef gboolean (*FillFunc)(LullRestore *self, const LullRestoreVolume *volume, int fd, GError **error);

static gboolean
convert(LullRestore *self, const LullRestoreVolume *volume, int fd, GError **error)
{
    const char *format = lull_json_string(volume->row, "sourceFormat", "raw");

    return lull_image_convert_into(volume->stored, fd, format, on_image_progress, self, self->cancel, error);
}

/* Where the file system can: what is stored is the very image, and both have its blocks until one is written
 * to. */
static gboolean
share(LullRestore *self, const LullRestoreVolume *volume, int fd, GError **error)
{
    const int from = open(volume->stored, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    const gboolean ok = from >= 0 && ioctl(fd, FICLONE, from) == 0;
    const int saved = errno;

    if (from >= 0)
        close(from);
    return ok || lull_folder_errno(error, saved, "sharing blocks with", volume->stored);
}

/* One new image beside the old one: finished and durable under its second name only. It is written by its
 * descriptor, so that no link leads what is written elsewhere. */
static gboolean
copy_file(LullRestore *self, const LullRestoreVolume *volume, FillFunc fill, GError **error)
{
    gboolean ok;
    int fd;

    if (is_finished(volume))
        return TRUE;
    fd = lull_folder_open_new(volume->part);
    if (fd < 0)
        return lull_folder_errno(error, errno, "image", volume->part);
    ok =
        fill(self, volume, fd, error) && lull_restore_give_owner(fd, volume->part, volume->source, error) &&
        (fsync(fd) == 0 || lull_folder_errno(error, errno, "syncing", volume->part)) &&
        check_still(volume->part, fd, error) &&
        (rename(volume->part, volume->fresh) == 0 || lull_folder_errno(error, errno, "image", volume->fresh));
    close(fd);
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

static gboolean
copy_all(LullRestore *self, gboolean block, GError **error)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (volume->block != block)
            continue;
        self->current = volume->size;
        if (block ? !copy_device(self, volume, error) : !copy_file(self, volume, convert, error))
            return FALSE;
        self->done += self->current;
        self->current = 0;
        on_image_progress(0, self);
    }
    return TRUE;
}

/* What that leaves undone needs room, and is copied. */
static void
share_all(LullRestore *self)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        const LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (volume->whole && !volume->block && !copy_file(self, volume, share, NULL))
            (void)unlink(volume->part);
    }
}

typedef struct {
    const LullRestore *restore;
    GError *error;
    gboolean ok;
} Check;

static gpointer
run_check(gpointer data)
{
    Check *check = data;

    check->ok = lull_restore_verify_stored(check->restore, &check->error);
    return NULL;
}

/* What is stored is read for its sums meanwhile. */
gboolean
lull_restore_copy_files(LullRestore *self, GError **error)
{
    Check check = {.restore = self};
    GThread *thread = g_thread_new("sums", run_check, &check);
    g_autoptr(GError) problem = NULL;
    gboolean ok;

    share_all(self);
    ok = lull_restore_check_space(self, &problem) && copy_all(self, FALSE, &problem);
    g_thread_join(thread);
    if (check.ok && ok)
        return TRUE;
    g_propagate_error(error, check.ok ? g_steal_pointer(&problem) : check.error);
    return FALSE;
}

gboolean
lull_restore_copy_devices(LullRestore *self, GError **error)
{
    return copy_all(self, TRUE, error);
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
