/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull-run.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#include "coordinator/storage/backup-job.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/owner.h"
#include "coordinator/storage/pull-copy.h"
#include "coordinator/storage/pull-socket.h"
#include "protocol/error.h"
#include "protocol/step.h"

#define MIB        ((guint64)1024 * 1024)
#define LEAST_ROOM (256 * MIB)
#define MOST_ROOM  (1024 * MIB)
#define LOOK_USEC  (100 * G_TIME_SPAN_MILLISECOND)

guint64
lull_pull_room(guint64 need, guint64 allocated)
{
    return MIN(allocated, CLAMP(need, LEAST_ROOM, MOST_ROOM));
}

gboolean
lull_pull_make_scratch(const LullVm *vm, const char *folder, const guint64 *capacities, GError **error)
{
    guint n = 0;

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = vm->volumes->pdata[i];
        g_autofree char *path = lull_backup_scratch(folder, volume->name);

        if (!volume->excluded && (!lull_image_create(path, capacities[n++], NULL, error) ||
                                  !lull_owner_lend(path, volume->path, error)))
            return FALSE;
    }
    return TRUE;
}

void
lull_pull_clear_scratch(const char *folder, LullJson *attempt)
{
    LullJson *rows = lull_json_array(attempt, "volumes");

    for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
        const char *name = lull_json_string(json_object_array_get_idx(rows, i), "name", "");
        g_autofree char *path = lull_backup_scratch(folder, name);

        (void)g_unlink(path);
    }
}

gboolean
lull_pull_borrow(LullBackupStorage *self, LullJson *attempt, LullLink **ret_link, LullDomain **ret_domain,
                 GError **error)
{
    g_autoptr(GError) problem = NULL;

    *ret_link = lull_link_borrow(self->host, error);
    if (!*ret_link)
        return FALSE;
    *ret_domain = lull_link_domain(*ret_link, lull_json_string(attempt, "vm", ""), &problem);
    if (!*ret_domain && !lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        g_propagate_error(error, g_steal_pointer(&problem));
    return *ret_domain != NULL;
}

/* Once all is copied, or will never be, the job is of no use, and the guest's writes cost room. */
gboolean
lull_pull_end(LullBackupStorage *self, const char *folder, LullJson *attempt, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullLink) link = NULL;
    g_autoptr(LullDomain) domain = NULL;

    lull_step(LULL_STEP_COORDINATOR_COPY_NOTED);
    if (lull_pull_borrow(self, attempt, &link, &domain, &problem))
        lull_backup_abort(domain, folder, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    lull_pull_clear_scratch(folder, attempt);
    lull_pull_socket_remove(self->directory, lull_json_string(attempt, LULL_PULL_SOCKET, NULL));
    return TRUE;
}

/* All volumes of one attempt. */
typedef struct {
    GMutex mutex;
    GCond changed;
    guint left;           /* with the mutex, */
    GError *problem;      /* the first one, */
    GCancellable *cancel; /* for all, once one has failed */
} Run;

typedef struct {
    Run *run;
    LullJson *row;
    char *path;
    char *bitmap;
    char *backing;
    LullPullVolume volume;
    guint64 done; /* with the mutex */
    guint64 total;
    char *sum; /* NULL: it has none yet */
    GThread *thread;
} Part;

static void
part_free(gpointer data)
{
    Part *part = data;

    g_free(part->path);
    g_free(part->bitmap);
    g_free(part->backing);
    g_free(part->sum);
    g_free(part);
}

static Part *
part_new(Run *run, const char *folder, LullJson *attempt, LullJson *row)
{
    const char *name = lull_json_string(row, "name", "");
    const char *disk = lull_json_string(row, "disk", "");
    Part *part = g_new0(Part, 1);

    part->run = run;
    part->row = row;
    part->path = g_build_filename(folder, lull_json_string(row, "file", ""), NULL);
    if (lull_lineage_is_incremental(row)) {
        part->bitmap = lull_backup_bitmap(disk);
        part->backing = lull_lineage_backing(lull_json_string(attempt, "parent", ""), name);
    }
    part->volume = (LullPullVolume){
        .socket = lull_json_string(attempt, LULL_PULL_SOCKET, ""),
        .export = disk,
        .bitmap = part->bitmap,
        .path = part->path,
        .backing = part->backing,
        .capacity = (guint64)lull_json_int(row, "capacity", 0),
    };
    return part;
}

/* With the mutex held. The others need not go on. */
static void
give_up(Run *run, GError *take_problem)
{
    if (run->problem)
        g_error_free(take_problem);
    else
        run->problem = take_problem;
    g_cancellable_cancel(run->cancel);
}

static gboolean
note_progress(guint64 done, guint64 total, gpointer data, GError **error)
{
    Part *part = data;

    g_mutex_lock(&part->run->mutex);
    part->done = done;
    part->total = total;
    g_mutex_unlock(&part->run->mutex);
    return TRUE;
}

static gpointer
copy_part(gpointer data)
{
    Part *part = data;
    Run *run = part->run;
    GError *problem = NULL;

    (void)g_unlink(part->path); /* of an earlier life */
    (void)lull_pull_copy(&part->volume, note_progress, part, run->cancel, &part->sum, &problem);
    g_mutex_lock(&run->mutex);
    if (problem)
        give_up(run, problem);
    run->left--;
    g_cond_signal(&run->changed);
    g_mutex_unlock(&run->mutex);
    return NULL;
}

static guint
permille_of(const GPtrArray *parts)
{
    double total = 0;
    double done = 0;

    for (guint i = 0; i < parts->len; i++) {
        const Part *part = parts->pdata[i];

        total += (double)part->total;
        done += (double)part->done;
    }
    return total > 0 ? (guint)MIN(done * 1000 / total, 999) : 0;
}

/* Until all are through; meanwhile nobody else looks whether the guest has room to go on. */
static void
watch(Run *run, const GPtrArray *parts, const char *folder, guint64 reserve, LullImageProgress progress,
      gpointer user_data)
{
    g_mutex_lock(&run->mutex);
    while (run->left) {
        GError *problem = NULL;

        if (!g_cancellable_is_cancelled(run->cancel) && !lull_folder_check_space(folder, reserve, &problem)) {
            g_prefix_error(&problem, "what the guest writes while it is copied needs room: ");
            give_up(run, problem);
        }
        progress(permille_of(parts), user_data);
        (void)g_cond_wait_until(&run->changed, &run->mutex, g_get_monotonic_time() + LOOK_USEC);
    }
    g_mutex_unlock(&run->mutex);
}

static gboolean
note_sums(const GPtrArray *parts, GError **error)
{
    for (guint i = 0; i < parts->len; i++) {
        const Part *part = parts->pdata[i];
        struct stat info;

        if (stat(part->path, &info) < 0)
            return lull_folder_errno(error, errno, "reading", part->path);
        lull_json_set_int(part->row, "size", info.st_size);
        lull_json_set_string(part->row, "sha256", part->sum);
    }
    return TRUE;
}

static void
on_cancelled(GCancellable *outer, gpointer inner)
{
    g_cancellable_cancel(inner);
}

static gboolean
copy_all(const char *folder, LullJson *attempt, LullImageProgress progress, gpointer user_data,
         GCancellable *cancel, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(part_free);
    g_autoptr(GCancellable) inner = g_cancellable_new();
    LullJson *rows = lull_json_array(attempt, "volumes");
    Run run = {.cancel = inner};
    gulong id;

    g_mutex_init(&run.mutex);
    g_cond_init(&run.changed);
    for (size_t i = 0; rows && i < json_object_array_length(rows); i++)
        g_ptr_array_add(parts, part_new(&run, folder, attempt, json_object_array_get_idx(rows, i)));
    run.left = parts->len;
    id = g_cancellable_connect(cancel, G_CALLBACK(on_cancelled), inner, NULL);
    for (guint i = 0; i < parts->len; i++)
        ((Part *)parts->pdata[i])->thread = g_thread_new("pull", copy_part, parts->pdata[i]);
    watch(&run, parts, folder, (guint64)lull_json_int(attempt, LULL_PULL_RESERVE, 0), progress, user_data);
    for (guint i = 0; i < parts->len; i++)
        g_thread_join(((Part *)parts->pdata[i])->thread);
    g_cancellable_disconnect(cancel, id);
    g_mutex_clear(&run.mutex);
    g_cond_clear(&run.changed);
    if (run.problem) {
        g_propagate_error(error, run.problem);
        return FALSE;
    }
    return note_sums(parts, error);
}

/* The server's end says little; the machine's does. */
static void
explain(LullBackupStorage *self, const char *folder, LullJson *attempt, GError **problem)
{
    g_autoptr(LullLink) link = NULL;
    g_autoptr(LullDomain) domain = NULL;
    gboolean runs = TRUE;

    if (!lull_pull_borrow(self, attempt, &link, &domain, NULL))
        return;
    if (virDomainIsActive(domain) == 0)
        g_prefix_error(problem, "the guest stopped before its disks were copied: take a new snapshot: ");
    else if (lull_backup_find(domain, folder, &runs, NULL) && !runs)
        g_prefix_error(problem, "the backup job was ended before its disks were copied: ");
}

static gboolean
run_pull(gpointer work, const char *folder, LullJson *attempt, LullImageProgress progress, gpointer user_data,
         GCancellable *cancel, GError **error)
{
    if (copy_all(folder, attempt, progress, user_data, cancel, error))
        return TRUE;
    if (!g_cancellable_is_cancelled(cancel))
        explain(work, folder, attempt, error);
    return FALSE;
}

static gboolean
end_pull(gpointer work, const char *folder, LullJson *attempt, GError **error)
{
    return lull_pull_end(work, folder, attempt, error);
}

const LullCopyKind lull_pull_copies = {.run = run_pull, .ended = end_pull};
