/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/run.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#include "coordinator/storage/backup-job.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/owner.h"
#include "coordinator/storage/pull/copy.h"
#include "coordinator/storage/pull/guard.h"
#include "coordinator/storage/pull/socket.h"
#include "protocol/error.h"
#include "protocol/step.h"

#define MIB        ((guint64)1024 * 1024)
#define LEAST_ROOM (256 * MIB)
#define MOST_ROOM  (1024 * MIB)
#define LEAST_PART 4           /* of the room is to be left when the copy is given up, */
#define RESERVE    (512 * MIB) /* or this much, where there is enough */
#define LOOK_USEC  (100 * G_TIME_SPAN_MILLISECOND)
#define SHORT_USEC (20 * G_TIME_SPAN_MILLISECOND)
#define TRIES      3 /* of a job that goes on */

guint64
lull_pull_room(guint64 need, guint64 allocated)
{
    return MIN(allocated, CLAMP(need, LEAST_ROOM, MOST_ROOM));
}

guint64
lull_pull_reserve(guint64 room, guint64 allocated, guint64 spare)
{
    return MIN(allocated, MAX(room / LEAST_PART, MIN(RESERVE, spare / 2)));
}

gint64
lull_pull_pause(guint64 free, guint64 reserve)
{
    return free / 2 < reserve ? SHORT_USEC : LOOK_USEC;
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

static gboolean
abort_job(LullBackupStorage *self, const char *folder, LullJson *attempt, GError **error)
{
    g_autoptr(LullLink) link = NULL;
    g_autoptr(LullDomain) domain = NULL;
    g_autoptr(GError) problem = NULL;

    if (lull_pull_borrow(self, attempt, &link, &domain, &problem))
        lull_backup_abort(domain, folder, &problem);
    if (problem)
        g_propagate_error(error, g_steal_pointer(&problem));
    return !problem;
}

/* Once all is copied, or will never be, the job is of no use, and the guest's writes cost room. */
gboolean
lull_pull_end(LullBackupStorage *self, const char *folder, LullJson *attempt, GError **error)
{
    lull_step(LULL_STEP_COORDINATOR_COPY_NOTED);
    if (!abort_job(self, folder, attempt, error))
        return FALSE;
    lull_pull_clear_scratch(folder, attempt);
    lull_pull_socket_remove(self->directory, lull_json_string(attempt, LULL_PULL_SOCKET, NULL));
    return TRUE;
}

/* All volumes of one attempt. */
typedef struct {
    LullBackupStorage *storage;
    const char *folder;
    LullJson *attempt;
    guint64 reserve;
    gboolean is_short;   /* of space: it was given up for that */
    gboolean is_unheard; /* nobody listens at the socket */
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
part_new(Run *run, LullJson *row)
{
    const char *name = lull_json_string(row, "name", "");
    const char *disk = lull_json_string(row, "disk", "");
    Part *part = g_new0(Part, 1);

    part->run = run;
    part->row = row;
    part->path = g_build_filename(run->folder, lull_json_string(row, "file", ""), NULL);
    if (lull_lineage_is_incremental(row)) {
        part->bitmap = lull_backup_bitmap(disk);
        part->backing = lull_lineage_backing(lull_json_string(run->attempt, "parent", ""), name);
    }
    part->volume = (LullPullVolume){
        .socket = lull_json_string(run->attempt, LULL_PULL_SOCKET, ""),
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
    lull_turns_cancel(run->storage->volumes, run->cancel);
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

static void
end_part(Run *run, GError *take_problem)
{
    g_mutex_lock(&run->mutex);
    if (take_problem)
        give_up(run, take_problem);
    run->left--;
    g_cond_signal(&run->changed);
    g_mutex_unlock(&run->mutex);
}

static gpointer
copy_part(gpointer data)
{
    Part *part = data;
    Run *run = part->run;
    GError *problem = NULL;

    (void)g_unlink(part->path); /* of an earlier life */
    if (lull_turns_wait(run->storage->volumes, run->cancel)) {
        (void)lull_pull_copy(&part->volume, note_progress, part, run->cancel, &part->sum, &problem);
        lull_turns_give(run->storage->volumes);
    } else {
        (void)g_cancellable_set_error_if_cancelled(run->cancel, &problem);
    }
    end_part(run, problem);
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

/* With the mutex held. The guest writes on, so the job goes first, whatever else is still to be waited for.
 */
static void
stop_job(Run *run, GError *take_problem)
{
    g_autoptr(GError) problem = NULL;

    g_prefix_error(&take_problem, "what the guest writes while it is copied needs room: ");
    give_up(run, take_problem);
    run->is_short = TRUE;
    g_mutex_unlock(&run->mutex);
    if (!abort_job(run->storage, run->folder, run->attempt, &problem))
        g_warning("%s: there is no room for what the guest writes, and its backup job goes on: %s",
                  run->folder, problem->message);
    g_mutex_lock(&run->mutex);
}

/* Until all are through; meanwhile nobody else looks whether the guest has room to go on. */
static void
watch(Run *run, const GPtrArray *parts, LullImageProgress progress, gpointer user_data)
{
    g_mutex_lock(&run->mutex);
    while (run->left) {
        GError *problem = NULL;
        guint64 free = 0;

        g_mutex_unlock(&run->mutex); /* a store that hangs is not to keep those who read from their answers */
        if (!g_cancellable_is_cancelled(run->cancel))
            (void)lull_folder_check_space(run->folder, run->reserve, &problem);
        (void)lull_folder_free_space(run->folder, &free, NULL);
        g_mutex_lock(&run->mutex);
        if (problem)
            stop_job(run, problem);
        progress(permille_of(parts), user_data);
        if (run->left)
            (void)g_cond_wait_until(&run->changed, &run->mutex,
                                    g_get_monotonic_time() + lull_pull_pause(free, run->reserve));
    }
    g_mutex_unlock(&run->mutex);
}

/* The room is needed, and one disk without the others is nothing. */
static void
unlink_all(const GPtrArray *parts)
{
    for (guint i = 0; i < parts->len; i++)
        (void)g_unlink(((const Part *)parts->pdata[i])->path);
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
on_cancelled(GCancellable *outer, gpointer data)
{
    const Run *run = data;

    lull_turns_cancel(run->storage->volumes, run->cancel);
}

static void
begin_part(Run *run, Part *part)
{
    GError *problem = NULL;

    lull_turns_join(run->storage->volumes, run->cancel);
    part->thread = g_thread_try_new("pull", copy_part, part, &problem);
    if (part->thread)
        return;
    end_part(run, problem);
    lull_turns_leave(run->storage->volumes, run->cancel);
}

static void
copy_parts(Run *run, const GPtrArray *parts, LullImageProgress progress, gpointer user_data,
           GCancellable *cancel)
{
    gulong id;

    run->left = parts->len;
    id = g_cancellable_connect(cancel, G_CALLBACK(on_cancelled), run, NULL);
    for (guint i = 0; i < parts->len; i++)
        begin_part(run, parts->pdata[i]);
    watch(run, parts, progress, user_data);
    for (guint i = 0; i < parts->len; i++)
        if (((Part *)parts->pdata[i])->thread)
            g_thread_join(((Part *)parts->pdata[i])->thread);
    g_cancellable_disconnect(cancel, id);
}

static gboolean
copy_all(Run *run, LullImageProgress progress, gpointer user_data, GCancellable *cancel, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(part_free);
    LullJson *rows = lull_json_array(run->attempt, "volumes");

    g_mutex_init(&run->mutex);
    g_cond_init(&run->changed);
    for (size_t i = 0; rows && i < json_object_array_length(rows); i++)
        g_ptr_array_add(parts, part_new(run, json_object_array_get_idx(rows, i)));
    copy_parts(run, parts, progress, user_data, cancel);
    g_mutex_clear(&run->mutex);
    g_cond_clear(&run->changed);
    run->is_unheard = lull_error_is(run->problem, LULL_ERROR_NOT_FOUND) &&
                      g_file_test(run->folder, G_FILE_TEST_IS_DIR); /* it is not this that is gone */
    if (run->problem)
        g_propagate_error(error, g_steal_pointer(&run->problem));
    else if (note_sums(parts, error))
        return TRUE;
    unlink_all(parts);
    return FALSE;
}

/* The server's end says little; the guard's word does, and the machine's. A job that is just being ended is
 * still told as running when its server is gone already. */
static void
explain(const Run *run, GError **problem)
{
    g_autoptr(LullLink) link = NULL;
    g_autoptr(LullDomain) domain = NULL;
    g_autofree char *why = lull_pull_guard_why(run->folder);
    gboolean runs = FALSE;

    if (why)
        g_prefix_error(problem, "%s: ", why);
    else if (!lull_pull_borrow(run->storage, run->attempt, &link, &domain, NULL))
        return;
    else if (virDomainIsActive(domain) == 0)
        g_prefix_error(problem, "the guest stopped before its disks were copied: take a new snapshot: ");
    else if (!lull_backup_find(domain, run->folder, &runs, NULL))
        return;
    else if (!runs)
        g_prefix_error(problem, "the backup job was ended before its disks were copied: ");
    else if (run->is_unheard)
        g_prefix_error(problem,
                       "QEMU listens, but not where it is seen from here: let the coordinator have the "
                       "mounts of the libvirt that it works with: ");
}

/* Whoever stood still for a while was cut off from a job that goes on (watchdog.h): what was cut is still to
 * be had. */
static gboolean
is_cut_off(const Run *run, const GError *problem)
{
    g_autoptr(LullLink) link = NULL;
    g_autoptr(LullDomain) domain = NULL;
    g_autofree char *why = NULL;
    gboolean runs = FALSE;

    if (run->is_short || !lull_error_is(problem, LULL_ERROR_LOST) ||
        !lull_pull_borrow(run->storage, run->attempt, &link, &domain, NULL) ||
        !lull_backup_find(domain, run->folder, &runs, NULL))
        return FALSE;
    why = lull_pull_guard_why(run->folder);
    return runs && !why;
}

static gboolean
run_pull(gpointer work, const char *folder, LullJson *attempt, LullImageProgress progress, gpointer user_data,
         GCancellable *cancel, GError **error)
{
    for (guint tries = 1;; tries++) {
        g_autoptr(GCancellable) inner = g_cancellable_new();
        g_autoptr(GError) problem = NULL;
        Run run = {.storage = work,
                   .folder = folder,
                   .attempt = attempt,
                   .reserve = (guint64)lull_json_int(attempt, LULL_PULL_RESERVE, 0),
                   .cancel = inner};

        if (copy_all(&run, progress, user_data, cancel, &problem))
            return TRUE;
        if (g_cancellable_is_cancelled(cancel) || tries == TRIES || !is_cut_off(&run, problem)) {
            if (!g_cancellable_is_cancelled(cancel) && !run.is_short)
                explain(&run, &problem);
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        g_message("%s: %s: it is copied anew", folder, problem->message);
    }
}

static gboolean
end_pull(gpointer work, const char *folder, LullJson *attempt, GError **error)
{
    return lull_pull_end(work, folder, attempt, error);
}

const LullCopyKind lull_copy_kind_pull = {.run = run_pull, .ended = end_pull};
