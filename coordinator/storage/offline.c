/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/offline.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/header.h"
#include "coordinator/storage/image-mark.h"
#include "protocol/error.h"

typedef struct {
    char *name;
    char *path;
    char *format;
    char *mark; /* NULL: nothing would tell */
    guint64 capacity;
    LullImageLock *lock;
} Source;

struct _LullOffline {
    char *name; /* of the machine, for people */
    GPtrArray *sources;
    gboolean again; /* the targets may have something already */
    /* QEMU sees a block device through a node of its own, which the lock does not reach: there, that nothing
     * has happened to the machine has to do. */
    gboolean has_block;
    LullHost *host;
    char *uid;
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
    g_free(source->mark);
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
was_started(const LullOffline *self, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT, "virtual machine %s: it was started meanwhile",
                self->name);
    return FALSE;
}

/* As it was when it was looked at: what may be claimed of its disks depends on it. */
static gboolean
is_as_seen(const LullOffline *self, LullDomain *domain, LullVmEnd end, GError **error)
{
    g_autoptr(LullVm) vm = lull_vm_from_domain(domain, error);

    return vm && ((vm->state == LULL_VM_STOPPED && vm->end == end) || was_started(self, error));
}

/* With its images locked, how it ended can only change by starts that fail. */
static gboolean
is_off(const LullOffline *self, LullDomain *domain, GError **error)
{
    const int active = virDomainIsActive(domain);

    if (active < 0)
        return lull_link_error(error, "state of the virtual machine");
    return !active || was_started(self, error);
}

static Source *
add_source(LullOffline *self, const char *name, const char *path, const char *format)
{
    Source *source = g_new0(Source, 1);

    source->name = g_strdup(name);
    source->path = g_strdup(path);
    source->format = g_strdup(format);
    g_ptr_array_add(self->sources, source);
    return source;
}

static gboolean
lock_source(LullOffline *self, const LullVmVolume *volume, GError **error)
{
    Source *source = add_source(self, volume->name, volume->path, volume->format);

    self->has_block |= volume->block;
    source->lock = lull_image_lock_reading(volume->path, error);
    if (!source->lock)
        return FALSE;
    source->mark = lull_image_mark(volume->path, volume->format);
    return TRUE;
}

LullOffline *
lull_offline_new(LullHost *host, LullDomain *domain, const LullVm *vm, GError **error)
{
    g_autoptr(LullOffline) self = g_new0(LullOffline, 1);
    const LullVmEnd end = vm->end == LULL_VM_END_TERMINATED ? LULL_VM_END_SHUTDOWN : vm->end; /* to libvirt */

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
    return is_as_seen(self, domain, end, error) ? g_steal_pointer(&self) : NULL;
}

static LullJson *
row_of(LullJson *attempt, const char *name)
{
    LullJson *rows = lull_json_array(attempt, "volumes");

    for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);

        if (g_str_equal(lull_json_string(row, "name", ""), name))
            return row;
    }
    return NULL;
}

gboolean
lull_offline_cut(LullOffline *self, LullDomain *domain, const char *folder, GError **error)
{
    g_autoptr(LullJson) attempt = NULL;
    LullJson *marks = NULL;

    if (!is_off(self, domain, error) ||
        !(attempt = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, error)))
        return FALSE;
    marks = lull_json_ensure(attempt, LULL_OFFLINE_MARKS);
    for (guint i = 0; i < self->sources->len; i++) {
        Source *source = g_ptr_array_index(self->sources, i);

        source->capacity = (guint64)lull_json_int(row_of(attempt, source->name), "capacity", 0);
        lull_json_set_string(marks, source->name, source->mark);
    }
    return lull_folder_write(folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), error);
}

gboolean
lull_offline_is(LullJson *attempt)
{
    return lull_json_object(attempt, LULL_OFFLINE_MARKS) != NULL;
}

static gboolean
is_unchanged(const Source *source, GError **error)
{
    g_autofree char *now = lull_image_mark(source->path, source->format);

    if (source->mark && g_strcmp0(now, source->mark) == 0)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT,
                source->mark
                    ? "image %s: it is not what it was at the cut: take a new snapshot"
                    : "image %s: whether it was written to before it was copied cannot be told: take a "
                      "new snapshot",
                source->path);
    return FALSE;
}

/* What was written is told before who has it open, which may be whoever wrote. */
static gboolean
lock_again(LullOffline *self, LullJson *attempt, LullJson *row, GError **error)
{
    const char *name = lull_json_string(row, "name", "");
    Source *source = add_source(self, name, lull_json_string(row, "sourcePath", ""),
                                lull_json_string(row, "sourceFormat", ""));

    source->capacity = (guint64)lull_json_int(row, "capacity", 0);
    source->mark = g_strdup(lull_json_string(lull_json_object(attempt, LULL_OFFLINE_MARKS), name, NULL));
    return is_unchanged(source, error) && (source->lock = lull_image_lock_reading(source->path, error)) &&
           is_unchanged(source, error);
}

LullOffline *
lull_offline_again(LullJson *attempt, GError **error)
{
    g_autoptr(LullOffline) self = g_new0(LullOffline, 1);
    LullJson *rows = lull_json_array(attempt, "volumes");

    self->name = g_strdup(lull_json_string(attempt, "domain", ""));
    self->sources = g_ptr_array_new_with_free_func(source_free);
    self->again = TRUE;
    for (size_t i = 0; rows && i < json_object_array_length(rows); i++)
        if (!lock_again(self, attempt, json_object_array_get_idx(rows, i), error))
            return NULL;
    return g_steal_pointer(&self);
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
    int out = -1;
    gboolean ok;

    (void)g_unlink(fresh); /* of one that was interrupted */
    if (in >= 0)
        out = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ok = out >= 0 && ioctl(out, FICLONE, in) == 0;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    if (ok && rename(fresh, to) == 0)
        return TRUE;
    (void)g_unlink(fresh);
    return FALSE;
}

/* Of all sources together. */
typedef struct {
    LullImageProgress tell;
    gpointer user_data;
    guint64 total;
    guint64 done;
    guint64 current;
} Progress;

static void
tell_part(guint permille, gpointer data)
{
    const Progress *progress = data;
    const double done = (double)progress->done + (double)progress->current * permille / 1000.0;

    if (progress->total)
        progress->tell((guint)MIN(done * 1000.0 / (double)progress->total, 999.0), progress->user_data);
}

static gboolean
copy_source(const LullOffline *self, const Source *source, const char *folder, Progress *progress,
            GCancellable *cancel, GError **error)
{
    g_autofree char *target = g_strdup_printf("%s/%s.qcow2", folder, source->name);

    if (is_whole(source) && clone_file(source->path, target))
        return TRUE;
    return (!self->again || lull_image_create(target, source->capacity, NULL, error)) &&
           lull_image_fill(source->path, source->format, target, tell_part, progress, cancel, error);
}

static gboolean
is_undisturbed(const LullOffline *self, GError **error)
{
    for (guint i = 0; i < self->sources->len; i++) {
        const Source *source = g_ptr_array_index(self->sources, i);

        if (source->mark && !is_unchanged(source, error))
            return FALSE;
    }
    if (!self->has_block || lull_host_event_counts(self->host, self->uid).lifecycle == self->before.lifecycle)
        return TRUE;
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_CONFLICT,
        "virtual machine %s: it may have been started while its block devices were copied: take a new "
        "snapshot",
        self->name);
    return FALSE;
}

gboolean
lull_offline_copy(LullOffline *self, const char *folder, LullImageProgress progress, gpointer user_data,
                  GCancellable *cancel, GError **error)
{
    Progress all = {progress, user_data, 0, 0, 0};

    for (guint i = 0; i < self->sources->len; i++)
        all.total += ((const Source *)g_ptr_array_index(self->sources, i))->capacity;
    for (guint i = 0; i < self->sources->len; i++) {
        const Source *source = g_ptr_array_index(self->sources, i);

        all.current = source->capacity;
        if (!copy_source(self, source, folder, &all, cancel, error))
            return FALSE;
        all.done += source->capacity;
    }
    return is_undisturbed(self, error);
}

static gboolean
run_offline(gpointer work, const char *folder, LullJson *attempt, LullImageProgress progress,
            gpointer user_data, GCancellable *cancel, GError **error)
{
    return lull_offline_copy(work, folder, progress, user_data, cancel, error);
}

static void
free_offline(gpointer work)
{
    lull_offline_free(work);
}

const LullCopyKind lull_copy_kind_offline = {.run = run_offline, .free = free_offline, .in_turn = TRUE};
