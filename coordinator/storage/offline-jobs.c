/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/offline-jobs.h"

#include "coordinator/storage/folder.h"
#include "coordinator/storage/turns.h"

#define AT_A_TIME 2 /* more would only take the disks from each other, and from machines that run */

typedef struct {
    LullTurns *turns; /* lent */
    char *folder;
    LullOffline *offline; /* the thread's alone; its locks go with it */
    GCancellable *cancel;
    GThread *thread;
    gint begun;    /* atomic: its turn has come */
    gint permille; /* atomic */
    gint ended;    /* atomic: the rest is written no more */
    char *problem; /* NULL: it went well */
} Job;

struct _LullOfflineJobs {
    GMutex mutex;
    LullTurns *turns;
    GHashTable *jobs; /* folder -> Job */
};

/* Interrupts it where it runs or waits. */
static void
job_free(gpointer data)
{
    Job *job = data;

    lull_turns_cancel(job->turns, job->cancel);
    g_thread_join(job->thread);
    g_object_unref(job->cancel);
    g_free(job->folder);
    g_free(job->problem);
    g_free(job);
}

LullOfflineJobs *
lull_offline_jobs_new(void)
{
    LullOfflineJobs *self = g_new0(LullOfflineJobs, 1);

    g_mutex_init(&self->mutex);
    self->turns = lull_turns_new(AT_A_TIME);
    self->jobs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, job_free);
    return self;
}

void
lull_offline_jobs_free(LullOfflineJobs *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->jobs);
    lull_turns_free(self->turns);
    g_mutex_clear(&self->mutex);
    g_free(self);
}

static void
tell(guint permille, gpointer data)
{
    g_atomic_int_set(&((Job *)data)->permille, (gint)permille);
}

/* From here on it is known without this process. */
static gboolean
write_end(const Job *job, const char *problem, GError **error)
{
    g_autoptr(LullJson) attempt = lull_folder_read_json(job->folder, LULL_FOLDER_ATTEMPT, error);

    if (!attempt)
        return FALSE;
    lull_json_set_bool(attempt, problem ? "failed" : "copied", TRUE);
    lull_json_set_string(attempt, "problem", problem);
    return lull_folder_write(job->folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), error);
}

/* One that was interrupted has no end: whoever interrupted it removes it, or begins it again. */
static gpointer
run(gpointer data)
{
    Job *job = data;
    g_autoptr(GError) problem = NULL;
    g_autoptr(GError) error = NULL;

    if (lull_turns_wait(job->turns, job->cancel)) {
        g_atomic_int_set(&job->begun, TRUE);
        (void)lull_offline_copy(job->offline, job->folder, tell, job, job->cancel, &problem);
        lull_turns_give(job->turns);
    }
    g_clear_pointer(&job->offline, lull_offline_free);
    if (!g_cancellable_is_cancelled(job->cancel) &&
        !write_end(job, problem ? problem->message : NULL, &error) && !problem)
        problem = g_steal_pointer(&error);
    job->problem = problem ? g_strdup(problem->message) : NULL;
    g_atomic_int_set(&job->ended, TRUE);
    return NULL;
}

void
lull_offline_jobs_start(LullOfflineJobs *self, const char *folder, LullOffline *take_offline)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->mutex);
    Job *job = NULL;

    if (g_hash_table_contains(self->jobs, folder)) {
        lull_offline_free(take_offline);
        return;
    }
    job = g_new0(Job, 1);
    job->folder = g_strdup(folder);
    job->offline = take_offline;
    job->cancel = g_cancellable_new();
    job->turns = self->turns;
    lull_turns_join(job->turns, job->cancel);
    job->thread = g_thread_new("offline-copy", run, job);
    g_hash_table_insert(self->jobs, job->folder, job);
}

gboolean
lull_offline_jobs_look(LullOfflineJobs *self, const char *folder, LullCopyProgress *ret_progress)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->mutex);
    const Job *job = g_hash_table_lookup(self->jobs, folder);

    if (!job)
        return FALSE;
    *ret_progress = (LullCopyProgress){.state = LULL_COPY_RUNNING,
                                       .permille = (guint)g_atomic_int_get(&job->permille),
                                       .waits = !g_atomic_int_get(&job->begun)};
    if (!g_atomic_int_get(&job->ended))
        return TRUE;
    ret_progress->waits = FALSE;
    ret_progress->state = job->problem ? LULL_COPY_FAILED : LULL_COPY_DONE;
    ret_progress->problem = g_strdup(job->problem);
    g_hash_table_remove(self->jobs, folder);
    return TRUE;
}

void
lull_offline_jobs_stop(LullOfflineJobs *self, const char *below)
{
    g_autoptr(GPtrArray) stopped = g_ptr_array_new_with_free_func(job_free);
    GHashTableIter iter;
    gpointer folder;
    gpointer job;

    g_mutex_lock(&self->mutex);
    g_hash_table_iter_init(&iter, self->jobs);
    while (g_hash_table_iter_next(&iter, &folder, &job)) {
        g_autofree char *target = g_strconcat(folder, "/", NULL);

        if (!g_str_has_prefix(target, below))
            continue;
        g_hash_table_iter_steal(&iter);
        g_ptr_array_add(stopped, job);
    }
    g_mutex_unlock(&self->mutex); /* the others are not kept waiting while these end */
}
