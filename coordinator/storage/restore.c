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

/* Restore in place: new images grow beside the old ones; everything is checked before anything is touched;
 * then devices are written, the new images take their places, the NVRAM follows, and the definition comes
 * last. Whatever step it is stopped at, the same call does the rest: a finished image beside the old one is
 * used again, and one that has taken its place is made once more, with the same result. Once all is done, it
 * does nothing. A machine that libvirt does not know any more is no other case: what is not there needs no
 * lock, and nobody may have what it had. */

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

static gboolean
load(LullRestore *self, const char *content_uid, const char *vm_uid, const char *restore_uid, GError **error)
{
    if (!lull_restore_load_volumes(self, content_uid, restore_uid, error) ||
        !lull_restore_load_files(self, content_uid, restore_uid, error))
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
    g_autofree char *fresh = target ? lull_restore_fresh_name(target, restore_uid) : NULL;

    return !target || (lull_restore_copy_nvram(self, fresh, error) &&
                       (rename(fresh, target) == 0 || lull_folder_errno(error, errno, "NVRAM", target)));
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
static char *
write_definition(const LullRestore *self, GError **error)
{
    g_autofree char *stored = lull_restore_read_file(self, LULL_FOLDER_DOMAIN, NULL, error);

    return stored ? lull_vm_definition_mark(stored, !lull_restore_is_at_rest(self), error) : NULL;
}

static gboolean
define(LullRestore *self, const char *xml, GError **error)
{
    virDomainPtr domain = virDomainDefineXML(lull_link_connection(self->link), xml);

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
    lull_restore_unmark(self->folder, LULL_FOLDER_COPYING, restore_uid);
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
        LULL_RESTORE_NEW,
    };
    g_autofree char *xml = NULL;

    if (!lull_backup_settle(self.storage, content_uid, cancel, error) ||
        !load(&self, content_uid, vm_uid, restore_uid, error))
        return FALSE;
    if (lull_restore_is_marked(&self, LULL_FOLDER_RESTORED, restore_uid)) {
        lull_restore_unmark_all(self.folder, restore_uid);
        return TRUE;
    }
    xml = write_definition(&self, error);
    if (!xml || !lull_restore_check_target(&self, vm_uid, error) ||
        !lull_restore_check_places(&self, error) || !lull_restore_lock_images(&self, error) ||
        !lull_restore_mark(&self, LULL_FOLDER_COPYING, restore_uid, "", error))
        return FALSE;
    if (!lull_restore_copy_files(&self, error)) {
        remove_leftovers(&self, restore_uid);
        return FALSE;
    }
    lull_step(LULL_STEP_COORDINATOR_RESTORE_COPIED);
    /* it may have been started from other images meanwhile */
    if (!lull_restore_check_target(&self, vm_uid, error) || !forget_checkpoints(&self, vm_uid, error)) {
        remove_leftovers(&self, restore_uid);
        return FALSE;
    }
    /* those that it is stopped at in the midst of are at no rest, whatever they were before */
    if (!lull_restore_mark(&self, LULL_FOLDER_RESTORING, restore_uid, "", error) ||
        !mark_target(&self, vm_uid, error))
        return FALSE;
    /* devices first: they take long, and the swap is what cannot be told from outside */
    if (!lull_restore_copy_devices(&self, error) || !swap_all(&self, error) ||
        !lull_restore_check_target(&self, vm_uid, error) || !restore_nvram(&self, restore_uid, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_RESTORE_SWAPPED);
    if (!lull_restore_check_target(&self, vm_uid, error) || !define(&self, xml, error) ||
        !lull_restore_mark(&self, LULL_FOLDER_RESTORED, restore_uid, "", error))
        return FALSE;
    lull_restore_unmark_all(self.folder, restore_uid);
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

/* Of one in place. */
static void
drop_in_place(LullRestore *self, const char *restore_uid)
{
    const char *nvram = lull_json_string(self->manifest, "nvram", NULL);

    remove_leftovers(self, restore_uid);
    lull_restore_unmark(self->folder, LULL_FOLDER_RESTORING, restore_uid);
    if (nvram) {
        g_autofree char *fresh = lull_restore_fresh_name(nvram, restore_uid);
        g_autofree char *part = g_strconcat(fresh, ".part", NULL);

        (void)g_unlink(fresh);
        (void)g_unlink(part);
    }
}

static gboolean
drop_marked(LullRestore *self, const char *restore_uid, gboolean *ret_dropped, GError **error)
{
    g_autoptr(LullJson) mark = NULL;

    *ret_dropped = FALSE;
    if (!lull_restore_read_mark(self->folder, restore_uid, &mark, error))
        return FALSE;
    if (!mark)
        return TRUE;
    *ret_dropped =
        lull_restore_new_drop(self->storage, mark, restore_uid,
                              lull_restore_is_marked(self, LULL_FOLDER_RESTORED, restore_uid), error);
    if (*ret_dropped)
        lull_restore_unmark_all(self->folder, restore_uid);
    return *ret_dropped;
}

/* What the mark of a new machine tells is enough; of one in place the manifest does. */
gboolean
lull_backup_drop_restore(LullStorage *storage, const char *content_uid, const char *restore_uid,
                         GError **error)
{
    g_auto(LullRestore) self = {.storage = (LullBackupStorage *)storage};
    g_autoptr(GError) problem = NULL;
    gboolean dropped = FALSE;

    self.folder = lull_folder_path(self.storage->directory, content_uid, 0, error);
    if (!self.folder || !drop_marked(&self, restore_uid, &dropped, error))
        return FALSE;
    if (dropped)
        return TRUE;
    if (!lull_restore_load_volumes(&self, content_uid, restore_uid, &problem)) {
        g_message("restore %s: what it may have left beside the images stays: %s", restore_uid,
                  problem->message);
        lull_restore_unmark_all(self.folder, restore_uid);
        return TRUE;
    }
    drop_in_place(&self, restore_uid);
    return TRUE;
}
