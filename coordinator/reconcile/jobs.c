/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/jobs.h"

#include "coordinator/reconcile/wait.h"

typedef struct {
    LullJobs *jobs;
    char *id;
    char *key;
    LullJob job;
    LullJobEndFunc end;
    gpointer user_data;
    GCancellable *cancel;
    GThread *thread;
    LullJobState state;
    gpointer result;
    GError *error;
    guint permille;
    guint64 bytes;
    char *wait;
    gboolean forgotten;
} Run;

struct _LullJobs {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    GHashTable *runs; /* id -> Run */
    guint running;
    gboolean stopping;
};

/* The thread has ended or is past its last use of @data. */
static void
run_free(gpointer data)
{
    Run *run = data;

    if (run->thread)
        g_thread_join(run->thread);
    if (run->job.free_data)
        run->job.free_data(run->job.data);
    if (run->result && run->job.free_result)
        run->job.free_result(run->result);
    g_clear_error(&run->error);
    g_clear_object(&run->cancel);
    g_free(run->wait);
    g_free(run->key);
    g_free(run->id);
    g_free(run);
}

LullJobs *
lull_jobs_new(void)
{
    LullJobs *self = g_new0(LullJobs, 1);

    pthread_mutex_init(&self->mutex, NULL);
    lull_wait_init(&self->ended);
    self->runs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, run_free);
    return self;
}

static void
cancel_all(LullJobs *self)
{
    GHashTableIter iter;
    gpointer run = NULL;

    self->stopping = TRUE;
    g_hash_table_iter_init(&iter, self->runs);
    while (g_hash_table_iter_next(&iter, NULL, &run))
        g_cancellable_cancel(((Run *)run)->cancel);
}

gboolean
lull_jobs_stop(LullJobs *self, gint64 budget_usec)
{
    const gint64 until = g_get_monotonic_time() + budget_usec;
    gboolean all = FALSE;

    pthread_mutex_lock(&self->mutex);
    cancel_all(self);
    while (self->running > 0 && lull_wait_until(&self->ended, &self->mutex, until))
        ;
    all = self->running == 0;
    pthread_mutex_unlock(&self->mutex);
    return all;
}

void
lull_jobs_free(LullJobs *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->mutex);
    cancel_all(self);
    while (self->running > 0)
        pthread_cond_wait(&self->ended, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
    g_hash_table_unref(self->runs);
    pthread_cond_destroy(&self->ended);
    pthread_mutex_destroy(&self->mutex);
    g_free(self);
}

/* Nobody waits for it any more. With the mutex, but for a while. */
static void
leave(LullJobs *self, Run *run)
{
    g_hash_table_steal(self->runs, run->id);
    g_thread_unref(g_steal_pointer(&run->thread));
    pthread_mutex_unlock(&self->mutex);
    run_free(run);
    pthread_mutex_lock(&self->mutex);
}

static gpointer
run_thread(gpointer data)
{
    Run *run = data;
    LullJobs *self = run->jobs;
    g_autofree char *key = g_strdup(run->key);
    const LullJobEndFunc end = run->end;
    gpointer user_data = run->user_data;
    GError *error = NULL;
    gpointer result = run->job.func(run->job.data, run->cancel, &error);

    pthread_mutex_lock(&self->mutex);
    run->result = result;
    run->error = error;
    run->state = LULL_JOB_DONE;
    pthread_mutex_unlock(&self->mutex);
    if (end)
        end(key, user_data);
    pthread_mutex_lock(&self->mutex);
    if (run->forgotten)
        leave(self, run);
    self->running--;
    pthread_cond_broadcast(&self->ended);
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

void
lull_jobs_start(LullJobs *self, const char *id, LullJob job, const char *key, LullJobEndFunc end,
                gpointer user_data)
{
    Run *run = NULL;

    pthread_mutex_lock(&self->mutex);
    if (self->stopping || g_hash_table_contains(self->runs, id)) {
        pthread_mutex_unlock(&self->mutex);
        if (job.free_data)
            job.free_data(job.data);
        return;
    }
    run = g_new0(Run, 1);
    run->jobs = self;
    run->id = g_strdup(id);
    run->key = g_strdup(key);
    run->job = job;
    run->end = end;
    run->user_data = user_data;
    run->cancel = g_cancellable_new();
    run->state = LULL_JOB_RUNNING;
    g_hash_table_insert(self->runs, run->id, run);
    self->running++;
    run->thread = g_thread_new("lull-job", run_thread, run);
    pthread_mutex_unlock(&self->mutex);
}

LullJobState
lull_jobs_state(LullJobs *self, const char *id, gconstpointer *ret_result, const GError **ret_error)
{
    LullJobState state = LULL_JOB_NONE;
    const Run *run = NULL;

    pthread_mutex_lock(&self->mutex);
    run = g_hash_table_lookup(self->runs, id);
    if (run) {
        state = run->state;
        if (state == LULL_JOB_DONE && ret_result)
            *ret_result = run->result;
        if (state == LULL_JOB_DONE && ret_error)
            *ret_error = run->error;
    }
    pthread_mutex_unlock(&self->mutex);
    return state;
}

void
lull_jobs_cancel(LullJobs *self, const char *id)
{
    Run *run = NULL;

    pthread_mutex_lock(&self->mutex);
    run = g_hash_table_lookup(self->runs, id);
    if (run)
        g_cancellable_cancel(run->cancel);
    pthread_mutex_unlock(&self->mutex);
}

void
lull_jobs_tell(LullJobs *self, const char *id, guint permille)
{
    Run *run = NULL;
    gboolean news = FALSE;

    pthread_mutex_lock(&self->mutex);
    run = g_hash_table_lookup(self->runs, id);
    news = run && permille >= run->permille + 10;
    if (news)
        run->permille = permille;
    pthread_mutex_unlock(&self->mutex);
    if (news && run->end) /* it is ours: nobody drops a job that runs */
        run->end(run->key, run->user_data);
}

guint
lull_jobs_told(LullJobs *self, const char *id)
{
    const Run *run = NULL;
    guint permille = 0;

    pthread_mutex_lock(&self->mutex);
    run = g_hash_table_lookup(self->runs, id);
    permille = run ? run->permille : 0;
    pthread_mutex_unlock(&self->mutex);
    return permille;
}

void
lull_jobs_tell_bytes(LullJobs *self, const char *id, guint64 bytes)
{
    Run *run = NULL;

    pthread_mutex_lock(&self->mutex);
    run = g_hash_table_lookup(self->runs, id);
    if (run)
        run->bytes = bytes;
    pthread_mutex_unlock(&self->mutex);
}

guint64
lull_jobs_bytes(LullJobs *self, const char *id)
{
    const Run *run = NULL;
    guint64 bytes = 0;

    pthread_mutex_lock(&self->mutex);
    run = g_hash_table_lookup(self->runs, id);
    bytes = run ? run->bytes : 0;
    pthread_mutex_unlock(&self->mutex);
    return bytes;
}

void
lull_jobs_tell_wait(LullJobs *self, const char *id, const char *what)
{
    Run *run = NULL;
    gboolean news = FALSE;

    pthread_mutex_lock(&self->mutex);
    run = g_hash_table_lookup(self->runs, id);
    news = run && g_strcmp0(run->wait, what) != 0;
    if (news) {
        g_free(run->wait);
        run->wait = g_strdup(what);
    }
    pthread_mutex_unlock(&self->mutex);
    if (news && run->end)
        run->end(run->key, run->user_data);
}

char *
lull_jobs_wait(LullJobs *self, const char *id)
{
    const Run *run = NULL;
    char *what = NULL;

    pthread_mutex_lock(&self->mutex);
    run = g_hash_table_lookup(self->runs, id);
    what = g_strdup(run ? run->wait : NULL);
    pthread_mutex_unlock(&self->mutex);
    return what;
}

static void
drop(LullJobs *self, const char *id, gboolean forget)
{
    Run *run = NULL;

    pthread_mutex_lock(&self->mutex);
    run = g_hash_table_lookup(self->runs, id);
    if (run && run->state != LULL_JOB_DONE && forget)
        run->forgotten = TRUE;
    if (run && run->state == LULL_JOB_DONE && !run->forgotten)
        g_hash_table_steal(self->runs, id);
    else
        run = NULL;
    pthread_mutex_unlock(&self->mutex);
    if (run)
        run_free(run);
}

void
lull_jobs_drop(LullJobs *self, const char *id)
{
    drop(self, id, FALSE);
}

void
lull_jobs_forget(LullJobs *self, const char *id)
{
    drop(self, id, TRUE);
}
