/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/header.h"
#include "coordinator/storage/image.h"
#include "protocol/error.h"

typedef struct {
    char *name;
    char *path;
    char *format;
    LullImageLock *lock;
} Source;

struct _LullOffline {
    LullHost *host;
    char *uid;
    char *name;
    GPtrArray *sources;
    /* QEMU sees a block device through a node of its own, which the lock does not reach: there, that nothing
     * has happened to the machine has to do. */
    gboolean has_block;
    LullEventCounts before;
};

static void
source_free(gpointer data)
{
    Source *source = data;

    lull_image_unlock(source->lock);
    g_free(source->name);
    g_free(source->path);
    g_free(source->format);
    g_free(source);
}

void
lull_offline_free(LullOffline *self)
{
    if (!self)
        return;
    g_ptr_array_unref(self->sources);
    g_free(self->uid);
    g_free(self->name);
    g_free(self);
}

static gboolean
is_off(const LullOffline *self, LullDomain *domain, GError **error)
{
    const int active = virDomainIsActive(domain);
    const int saved = active == 0 ? virDomainHasManagedSaveImage(domain, 0) : 0;

    if (active < 0 || saved < 0)
        return lull_link_error(error, "state of the virtual machine");
    if (active)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "virtual machine %s: it was started meanwhile",
                    self->name);
    else if (saved)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "virtual machine %s: it has a saved state, its disks are not at rest: start it, or virsh "
                    "managedsave-remove",
                    self->name);
    return !active && !saved;
}

static gboolean
lock_source(LullOffline *self, const LullVmVolume *volume, GError **error)
{
    Source *source = g_new0(Source, 1);

    source->name = g_strdup(volume->name);
    source->path = g_strdup(volume->path);
    source->format = g_strdup(volume->format);
    g_ptr_array_add(self->sources, source);
    self->has_block |= volume->block;
    source->lock = lull_image_lock_reading(volume->path, error);
    return source->lock != NULL;
}

LullOffline *
lull_offline_new(LullHost *host, LullDomain *domain, const LullVm *vm, GError **error)
{
    g_autoptr(LullOffline) self = g_new0(LullOffline, 1);

    self->host = host;
    self->uid = g_strdup(vm->uid);
    self->name = g_strdup(vm->name);
    self->sources = g_ptr_array_new_with_free_func(source_free);
    self->before = lull_host_event_counts(host, vm->uid);
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);

        if (!volume->excluded && !lock_source(self, volume, error))
            return NULL;
    }
    return is_off(self, domain, error) ? g_steal_pointer(&self) : NULL;
}

/* An image that others shine through would need them too. */
static gboolean
is_whole(const Source *source)
{
    LullImageHeader header = {0};

    return g_str_equal(source->format, "qcow2") && lull_image_header_read(source->path, &header) &&
           header.is_qcow2 && header.is_plain && !*header.backing;
}

/* FALSE: it cannot be done in this way. */
static gboolean
clone_file(const char *from, const char *to)
{
    g_autofree char *fresh = g_strconcat(to, ".clone", NULL);
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = in < 0 ? -1 : open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    const gboolean ok = out >= 0 && ioctl(out, FICLONE, in) == 0;

    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    if (ok && rename(fresh, to) == 0)
        return TRUE;
    (void)g_unlink(fresh);
    return FALSE;
}

static gboolean
copy_source(const Source *source, const char *folder, GCancellable *cancel, GError **error)
{
    g_autofree char *target = g_strdup_printf("%s/%s.qcow2", folder, source->name);

    return (is_whole(source) && clone_file(source->path, target)) ||
           lull_image_fill(source->path, source->format, target, cancel, error);
}

static gboolean
is_undisturbed(const LullOffline *self, GError **error)
{
    const LullEventCounts now = lull_host_event_counts(self->host, self->uid);

    if (!self->has_block || now.lifecycle == self->before.lifecycle)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                "virtual machine %s: it may have been started while its block devices were copied: try again",
                self->name);
    return FALSE;
}

gboolean
lull_offline_copy(LullOffline *self, LullDomain *domain, const char *folder, GCancellable *cancel,
                  GError **error)
{
    g_autoptr(LullJson) attempt = NULL;

    if (!is_off(self, domain, error))
        return FALSE;
    for (guint i = 0; i < self->sources->len; i++)
        if (!copy_source(g_ptr_array_index(self->sources, i), folder, cancel, error))
            return FALSE;
    if (!is_off(self, domain, error) || !is_undisturbed(self, error))
        return FALSE;
    attempt = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, error);
    if (!attempt)
        return FALSE;
    lull_json_set_bool(attempt, "copied", TRUE);
    return lull_folder_write(folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), error);
}
