/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/guest/vm-definition.h"
#include "coordinator/storage/checkpoint.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/merge.h"
#include "coordinator/storage/restore-private.h"
#include "protocol/error.h"
#include "protocol/step.h"

/* Restore in place: everything is checked before anything is touched; new images grow beside the old ones;
 * then devices are written, the new images take their places, the NVRAM follows, and the definition comes
 * last. Whatever step it is stopped at, the same call does the rest: a finished image beside the old one is
 * used again, and one that has taken its place is made once more, with the same result. Once all is done, it
 * does nothing. A machine that libvirt does not know any more is no other case: what is not there needs no
 * lock, and nobody may have what it had. */

static void
volume_free(gpointer data)
{
    LullRestoreVolume *volume = data;

    lull_image_unlock(volume->lock);
    g_free(volume->stored);
    g_free(volume->target);
    g_free(volume->part);
    g_free(volume->fresh);
    g_free(volume);
}

static void
restore_clear(LullRestore *self)
{
    g_clear_pointer(&self->folder, g_free);
    g_clear_pointer(&self->manifest, lull_json_put);
    g_clear_pointer(&self->volumes, g_ptr_array_unref);
    g_clear_pointer(&self->files, g_ptr_array_unref);
    g_clear_pointer(&self->link, lull_link_return);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullRestore, restore_clear)

/* Of one restore only, so that another one's is never taken for it. */
static char *
fresh_name(const char *target, const char *restore_uid)
{
    return g_strdup_printf("%s.lull-restore-%s", target, restore_uid);
}

static LullRestoreVolume *
volume_new(const LullRestore *self, LullJson *row, const char *restore_uid)
{
    LullRestoreVolume *volume = g_new0(LullRestoreVolume, 1);
    const char *path = lull_json_string(row, "sourcePath", NULL);
    char *real = realpath(path, NULL);

    volume->row = row;
    volume->stored = g_build_filename(self->folder, lull_json_string(row, "file", ""), NULL);
    volume->target = g_strdup(real ? real : path);
    free(real);
    volume->block = lull_json_bool(row, "sourceIsBlock", FALSE);
    if (!volume->block) {
        volume->fresh = fresh_name(volume->target, restore_uid);
        volume->part = g_strconcat(volume->fresh, ".part", NULL);
    }
    return volume;
}

/* The images become others: what was recorded of their changes is void, and the next snapshot a full one. */
static gboolean
forget_checkpoints(LullRestore *self, const char *vm_uid, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullDomain) domain = lull_link_domain(self->link, vm_uid, &problem);

    if (domain)
        return lull_checkpoint_remove(domain, LULL_CHECKPOINT_PREFIX, NULL, error);
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* Kept with the content. RESTORED: told to restore again, by somebody who lost the answer, it must not strike
 * what was written since. COPYING: something may lie beside the images that goes with the content at the
 * latest. RESTORING: the content is needed until it is over. */
static gboolean
is_marked(const LullRestore *self, const char *prefix, const char *restore_uid)
{
    g_autofree char *name = g_strconcat(prefix, restore_uid, NULL);
    g_autofree char *path = g_build_filename(self->folder, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean
mark(const LullRestore *self, const char *prefix, const char *restore_uid, GError **error)
{
    g_autofree char *name = g_strconcat(prefix, restore_uid, NULL);

    return lull_folder_write(self->folder, name, "", error);
}

static void
unmark(const char *folder, const char *prefix, const char *restore_uid)
{
    g_autofree char *name = g_strconcat(prefix, restore_uid, NULL);
    g_autofree char *path = g_build_filename(folder, name, NULL);

    (void)g_unlink(path);
}

/* It is over. */
static void
unmark_all(const char *folder, const char *restore_uid)
{
    unmark(folder, LULL_FOLDER_COPYING, restore_uid);
    unmark(folder, LULL_FOLDER_RESTORING, restore_uid);
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

static gboolean
load_volumes(LullRestore *self, const char *content_uid, const char *restore_uid, GError **error)
{
    LullJson *rows;

    if (!g_uuid_string_is_valid(restore_uid)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "restore \"%s\": not a UUID", restore_uid);
        return FALSE;
    }
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
static gboolean
load_files(LullRestore *self, const char *content_uid, const char *restore_uid, GError **error)
{
    if (lull_merge_is_removing(self->folder) && !is_marked(self, LULL_FOLDER_RESTORING, restore_uid)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "snapshot content %s: it is being deleted",
                    content_uid);
        return FALSE;
    }
    self->files = lull_lineage_files(self->storage->directory, content_uid, self->manifest, error);
    for (guint i = 0; self->files && i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        volume->size = stored_size(self, lull_json_string(volume->row, "name", NULL));
        self->total += volume->size;
    }
    return self->files != NULL;
}

static gboolean
load(LullRestore *self, const char *content_uid, const char *vm_uid, const char *restore_uid, GError **error)
{
    if (!load_volumes(self, content_uid, restore_uid, error) ||
        !load_files(self, content_uid, restore_uid, error))
        return FALSE;
    if (g_strcmp0(lull_json_string(self->manifest, "vm", NULL), vm_uid) != 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                    "snapshot content %s: it is of virtual machine %s and goes back onto no other",
                    content_uid, lull_json_string(self->manifest, "domain", ""));
        return FALSE;
    }
    self->link = lull_link_borrow(self->storage->host, error);
    return self->link != NULL;
}

static void
on_image_progress(guint permille, gpointer user_data)
{
    const LullRestore *self = user_data;

    if (self->progress && self->total)
        self->progress((guint)((self->done * 1000 + self->current * permille) / self->total),
                       self->user_data);
}

/* The owner and mode of @target, where there is one; @path names @fd in errors. */
static gboolean
give_owner(int fd, const char *path, const char *target, GError **error)
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

/* One new image beside the old one: finished and durable under its second name only. It is written by its
 * descriptor, so that no link leads what is written elsewhere. */
static gboolean
copy_file(LullRestore *self, LullRestoreVolume *volume, GError **error)
{
    const char *format = lull_json_string(volume->row, "sourceFormat", "raw");
    gboolean ok;
    int fd;

    if (is_finished(volume))
        return TRUE;
    fd = lull_folder_open_new(volume->part);
    if (fd < 0)
        return lull_folder_errno(error, errno, "image", volume->part);
    ok =
        lull_image_convert_into(volume->stored, fd, format, on_image_progress, self, self->cancel, error) &&
        give_owner(fd, volume->part, volume->target, error) &&
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
        if (block ? !copy_device(self, volume, error) : !copy_file(self, volume, error))
            return FALSE;
        self->done += self->current;
        self->current = 0;
        on_image_progress(0, self);
    }
    return TRUE;
}

/* Where there was none to lock, somebody may have made one since. */
static gboolean
check_unclaimed(const LullRestoreVolume *volume, GError **error)
{
    struct stat info;

    if (volume->lock || lstat(volume->target, &info) < 0)
        return TRUE;
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_INVALID,
        "image %s: somebody made it while it was brought back: move it away if it is not needed there",
        volume->target);
    return FALSE;
}

/* Whatever has the name is locked all the time: a machine that is started finds no image that it may use. */
static gboolean
swap_all(LullRestore *self, GError **error)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);
        g_autofree char *parent = g_path_get_dirname(volume->target);
        LullImageLock *lock = NULL;

        if (volume->block)
            continue;
        if (!check_unclaimed(volume, error))
            return FALSE;
        lock = lull_image_lock(volume->fresh, error);
        if (!lock)
            return FALSE;
        if (rename(volume->fresh, volume->target) < 0) {
            lull_image_unlock(lock);
            return lull_folder_errno(error, errno, "image", volume->target);
        }
        lull_image_unlock(volume->lock);
        volume->lock = lock;
        if (!lull_folder_sync(parent, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
restore_nvram(LullRestore *self, const char *restore_uid, GError **error)
{
    const char *target = lull_json_string(self->manifest, "nvram", NULL);
    g_autofree char *stored = g_build_filename(self->folder, LULL_FOLDER_NVRAM, NULL);
    g_autofree char *fresh = target ? fresh_name(target, restore_uid) : NULL;
    gboolean ok;
    int fd;

    if (!target)
        return TRUE;
    if (!lull_folder_copy(stored, fresh, error))
        return FALSE;
    fd = open(fresh, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return lull_folder_errno(error, errno, "NVRAM", fresh);
    ok = give_owner(fd, fresh, target, error);
    close(fd);
    if (!ok) {
        (void)g_unlink(fresh);
        return FALSE;
    }
    return rename(fresh, target) == 0 || lull_folder_errno(error, errno, "NVRAM", target);
}

/* Were these the disks of a guest that had switched itself off? */
static gboolean
is_at_rest(const LullRestore *self)
{
    return g_str_equal(lull_json_string(lull_json_object(self->manifest, "report"), "level", ""), "stopped");
}

/* What libvirt tells of the end of the machine is not about the disks that it gets. */
static gboolean
mark_target(const LullRestore *self, const char *vm_uid, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullDomain) domain = lull_link_domain(self->link, vm_uid, &problem);

    if (domain)
        return lull_domain_mark_restored(domain, error);
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* With its mark, or without: no moment is between the two. */
static gboolean
define(LullRestore *self, GError **error)
{
    g_autofree char *path = g_build_filename(self->folder, LULL_FOLDER_DOMAIN, NULL);
    g_autofree char *stored = NULL;
    g_autofree char *xml = NULL;
    g_autoptr(GError) problem = NULL;
    virDomainPtr domain;

    if (!g_file_get_contents(path, &stored, NULL, &problem)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s", problem->message);
        return FALSE;
    }
    xml = lull_vm_definition_mark(stored, !is_at_rest(self), error);
    if (!xml)
        return FALSE;
    domain = virDomainDefineXML(lull_link_connection(self->link), xml);
    if (!domain)
        return lull_link_error(error, "defining the virtual machine");
    virDomainFree(domain);
    return TRUE;
}

static void
remove_leftovers(const LullRestore *self, const char *restore_uid)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        const LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);
        if (volume->block)
            continue;
        (void)g_unlink(volume->part);
        (void)g_unlink(volume->fresh);
    }
    unmark(self->folder, LULL_FOLDER_COPYING, restore_uid);
}

static gboolean
restore_locked(LullStorage *storage, const char *content_uid, const char *vm_uid, const char *restore_uid,
               void (*progress)(guint permille, gpointer user_data), gpointer user_data, GCancellable *cancel,
               GError **error)
{
    g_auto(LullRestore) self = {
        .storage = (LullBackupStorage *)storage,
        .progress = progress,
        .user_data = user_data,
        .cancel = cancel,
    };

    if (!lull_backup_settle(self.storage, content_uid, cancel, error) ||
        !load(&self, content_uid, vm_uid, restore_uid, error))
        return FALSE;
    if (is_marked(&self, LULL_FOLDER_RESTORED, restore_uid)) {
        unmark_all(self.folder, restore_uid);
        return TRUE;
    }
    if (!lull_restore_check_target(&self, vm_uid, error) || !lull_restore_check_places(&self, error) ||
        !lull_restore_verify_stored(&self, error) || !lull_restore_lock_images(&self, error) ||
        !lull_restore_check_space(&self, error) || !forget_checkpoints(&self, vm_uid, error) ||
        !mark(&self, LULL_FOLDER_COPYING, restore_uid, error))
        return FALSE;
    if (!copy_all(&self, FALSE, error)) {
        remove_leftovers(&self, restore_uid);
        return FALSE;
    }
    lull_step(LULL_STEP_COORDINATOR_RESTORE_COPIED);
    /* it may have been started from other images meanwhile */
    if (!lull_restore_check_target(&self, vm_uid, error)) {
        remove_leftovers(&self, restore_uid);
        return FALSE;
    }
    /* those that it is stopped at in the midst of are at no rest, whatever they were before */
    if (!mark(&self, LULL_FOLDER_RESTORING, restore_uid, error) || !mark_target(&self, vm_uid, error))
        return FALSE;
    /* devices first: they take long, and the swap is what cannot be told from outside */
    if (!copy_all(&self, TRUE, error) || !swap_all(&self, error) ||
        !lull_restore_check_target(&self, vm_uid, error) || !restore_nvram(&self, restore_uid, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_RESTORE_SWAPPED);
    if (!lull_restore_check_target(&self, vm_uid, error) || !define(&self, error) ||
        !mark(&self, LULL_FOLDER_RESTORED, restore_uid, error))
        return FALSE;
    unmark_all(self.folder, restore_uid);
    lull_step(LULL_STEP_COORDINATOR_RESTORE_DEFINED);
    return TRUE;
}

gboolean
lull_backup_restore(LullStorage *storage, const char *content_uid, const char *vm_uid,
                    const char *restore_uid, void (*progress)(guint permille, gpointer user_data),
                    gpointer user_data, GCancellable *cancel, GError **error)
{
    LullBackupStorage *self = (LullBackupStorage *)storage;
    gboolean ok;

    if (!lull_chain_lock(self->chains, vm_uid, G_MAXINT64 / 2, cancel, error))
        return FALSE;
    ok = restore_locked(storage, content_uid, vm_uid, restore_uid, progress, user_data, cancel, error);
    lull_chain_unlock(self->chains, vm_uid);
    return ok;
}

void
lull_backup_drop_restore(LullStorage *storage, const char *content_uid, const char *restore_uid)
{
    g_auto(LullRestore) self = {.storage = (LullBackupStorage *)storage};
    g_autoptr(GError) error = NULL;
    const char *nvram;

    if (!load_volumes(&self, content_uid, restore_uid, &error)) {
        g_message("restore %s: what it may have left beside the images stays: %s", restore_uid,
                  error->message);
        if (self.folder)
            unmark_all(self.folder, restore_uid);
        return;
    }
    remove_leftovers(&self, restore_uid);
    unmark(self.folder, LULL_FOLDER_RESTORING, restore_uid);
    nvram = lull_json_string(self.manifest, "nvram", NULL);
    if (nvram) {
        g_autofree char *fresh = fresh_name(nvram, restore_uid);
        (void)g_unlink(fresh);
    }
}
