/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/copies.h"

#include "coordinator/storage/folder.h"
#include "coordinator/storage/turns.h"
#include "protocol/clock.h"

#define AT_A_TIME 2 /* of those in turn */
#define END_FIRST LULL_MSEC(20)
#define END_MAX   LULL_MSEC(500)

typedef struct {
    LullTurns *turns; /* lent */
    char *folder;
    const LullCopyKind *kind;
    gpointer work; /* the thread's alone */
    GCancellable *cancel;
    GThread *thread;
    gint begun;    /* atomic: its turn has come */
    gint permille; /* atomic */
    gint ended;    /* atomic: the rest is written no more */
    char *problem; /* NULL: it went well */
} Job;

struct _LullCopies {
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
    if (job->thread)
        g_thread_join(job->thread);
    else if (job->kind->in_turn)
        lull_turns_leave(job->turns, job->cancel);
    g_object_unref(job->cancel);
    g_free(job->folder);
    g_free(job->problem);
    g_free(job);
}

LullCopies *
lull_copies_new(void)
{
    LullCopies *self = g_new0(LullCopies, 1);

    g_mutex_init(&self->mutex);
    self->turns = lull_turns_new(AT_A_TIME);
    self->jobs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, job_free);
    return self;
}

void
lull_copies_free(LullCopies *self)
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

static void
drop_work(Job *job)
{
    if (job->kind->free)
        job->kind->free(job->work);
    job->work = NULL;
}

static gboolean
copy(Job *job, LullJson **ret_attempt, GError **error)
{
    gboolean ok;

    if (job->kind->in_turn && !lull_turns_wait(job->turns, job->cancel))
        return FALSE;
    g_atomic_int_set(&job->begun, TRUE);
    *ret_attempt = lull_folder_read_json(job->folder, LULL_FOLDER_ATTEMPT, error);
    ok = *ret_attempt && job->kind->run(job->work, job->folder, *ret_attempt, tell, job, job->cancel, error);
    if (job->kind->in_turn)
        lull_turns_give(job->turns);
    return ok;
}

/* From here on it is known without this process. */
static gboolean
write_end(const Job *job, LullJson *attempt, const char *problem, GError **error)
{
    lull_json_set_bool(attempt, problem ? "failed" : "copied", TRUE);
    lull_json_set_string(attempt, "problem", problem);
    return lull_folder_write(job->folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), error);
}

/* Nobody else may look after it for long: who asks how it goes has other things to wait for. */
static void
conclude(const Job *job, LullJson *attempt)
{
    gint64 pause = END_FIRST;

    while (!g_cancellable_is_cancelled(job->cancel)) {
        g_autoptr(GError) problem = NULL;

        if (job->kind->ended(job->work, job->folder, attempt, &problem))
            return;
        if (pause == END_FIRST)
            g_warning("%s: the copy is over, and is still not put away: %s", job->folder, problem->message);
        g_usleep((gulong)pause);
        pause = MIN(pause * 2, END_MAX);
    }
}

/* One that was interrupted has no end: whoever interrupted it removes it, or begins it again. */
static gpointer
run(gpointer data)
{
    Job *job = data;
    g_autoptr(GError) problem = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) attempt = NULL;

    (void)copy(job, &attempt, &problem);
    if (!job->kind->ended)
        drop_work(job);
    if (attempt && !g_cancellable_is_cancelled(job->cancel) &&
        !write_end(job, attempt, problem ? problem->message : NULL, &error) && !problem)
        problem = g_steal_pointer(&error);
    if (job->kind->ended && attempt)
        conclude(job, attempt);
    if (job->kind->ended)
        drop_work(job);
    job->problem = problem ? g_strdup(problem->message) : NULL;
    g_atomic_int_set(&job->ended, TRUE);
    return NULL;
}

gboolean
lull_copies_start(LullCopies *self, const char *folder, const LullCopyKind *kind, gpointer take_work,
                  GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->mutex);
    const gboolean is_there = g_hash_table_contains(self->jobs, folder);
    Job *job = g_new0(Job, 1);

    job->kind = kind;
    job->work = take_work;
    job->folder = g_strdup(folder);
    job->cancel = g_cancellable_new();
    job->turns = self->turns;
    if (kind->in_turn)
        lull_turns_join(job->turns, job->cancel);
    job->thread = is_there ? NULL : g_thread_try_new("copy", run, job, error);
    if (job->thread) {
        g_hash_table_insert(self->jobs, job->folder, job);
        return TRUE;
    }
    drop_work(job);
    job_free(job);
    return is_there;
}

gboolean
lull_copies_look(LullCopies *self, const char *folder, LullCopyProgress *ret_progress)
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

gboolean
lull_copies_has(LullCopies *self, const char *folder)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->mutex);

    return g_hash_table_contains(self->jobs, folder);
}

void
lull_copies_stop(LullCopies *self, const char *below)
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
