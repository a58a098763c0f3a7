/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-work.h"

#include "protocol/clock.h"
#include "protocol/error.h"

/* A little is copied at once; of much nobody needs to know every ms how far it is. */
#define COPY_FIRST LULL_MSEC(5)
#define COPY_MAX   LULL_MSEC(200)
#define COPY_PART  64 /* of the time that it takes may be over before its end is seen */

#define REMOVE_FIRST LULL_MSEC(50)
#define REMOVE_MAX   LULL_SEC(5)

void
lull_content_task_free(gpointer data)
{
    LullContentTask *task = data;

    lull_attempt_order_free(task->order);
    g_free(task->vm_uid);
    g_free(task->content_uid);
    lull_json_put(task->content);
    g_free(task->id);
    g_free(task);
}

/* Now, and not when its verdict is written down: as long as it is not copied, the guest's writes cost more.
 * How it goes is seen by who follows it. */
static void
begin_copy(const LullContentTask *task)
{
    LullStorage *storage = task->tools.storage;
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};

    if (storage->ops->copies_by_itself)
        return;
    (void)storage->ops->poll(storage, task->vm_uid, task->content_uid, task->number, &progress, NULL);
}

/* FALSE: cancelled. */
static gboolean
rest(GCancellable *cancellable, gint64 usec, GError **error)
{
    GPollFD fd = {-1, 0, 0};

    if (g_cancellable_make_pollfd(cancellable, &fd)) {
        (void)g_poll(&fd, 1, (gint)(usec / 1000));
        g_cancellable_release_fd(cancellable);
    } else {
        g_usleep((gulong)usec); /* descriptors are short */
    }
    return !g_cancellable_set_error_if_cancelled(cancellable, error);
}

/* What it may have begun costs the guest room as long as it is there, and nobody else looks after it: one
 * that came as far as the cut is not over before that is gone. Where its content was forgotten
 * what that owned goes with it. */
static void
undo(const LullContentTask *task, gboolean was_cut, GCancellable *cancellable)
{
    LullStorage *storage = task->tools.storage;
    gint64 pause = REMOVE_FIRST;

    for (;;) {
        g_autoptr(GError) problem = NULL;

        if (storage->ops->remove(storage, task->vm_uid, task->content_uid, task->number, NULL, &problem) ||
            (storage->ops->forget && lull_error_is(problem, LULL_ERROR_NOT_FOUND)))
            return;
        if (pause == REMOVE_FIRST)
            g_warning("attempt %u of %s: its data cannot be removed yet: %s", task->number,
                      task->order->owner, problem->message);
        if (!was_cut || !rest(cancellable, pause, NULL))
            return;
        pause = MIN(pause * 2, REMOVE_MAX);
    }
}

static void
tell_wait(const char *what, gpointer data)
{
    const LullContentTask *task = data;

    lull_jobs_tell_wait(task->jobs, task->id, what);
}

gpointer
lull_content_run_attempt(gpointer data, GCancellable *cancellable, GError **error)
{
    LullContentTask *task = data;
    LullAttemptOutcome *outcome = NULL;

    task->order->tell_wait = tell_wait;
    task->order->tell_data = task;
    outcome = lull_attempt_run(&task->tools, task->order, cancellable, error);

    if (outcome && outcome->reached)
        begin_copy(task);
    else if (!outcome || !outcome->refused)
        undo(task, outcome != NULL, cancellable);
    return outcome;
}

gpointer
lull_content_run_remove(gpointer data, GCancellable *cancellable, GError **error)
{
    const LullContentTask *task = data;
    LullStorage *storage = task->tools.storage;

    if (!lull_claims_take(task->tools.claims, task->content_uid, "the removal of its data", error))
        return NULL;
    storage->ops->remove(storage, task->vm_uid, task->content_uid, task->number, cancellable, error);
    lull_claims_release(task->tools.claims, task->content_uid);
    return NULL;
}

void
lull_content_copy_free(gpointer data)
{
    lull_copy_progress_clear(data);
    g_free(data);
}

gpointer
lull_content_run_follow(gpointer data, GCancellable *cancellable, GError **error)
{
    const LullContentTask *task = data;
    LullStorage *storage = task->tools.storage;
    LullCopyProgress progress = {LULL_COPY_RUNNING};
    gint64 pause = COPY_FIRST;

    while (storage->ops->poll(storage, task->vm_uid, task->content_uid, task->number, &progress, error)) {
        if (progress.state != LULL_COPY_RUNNING)
            return g_memdup2(&progress, sizeof progress);
        lull_jobs_tell_wait(task->jobs, task->id, progress.waits ? "its turn" : NULL);
        lull_jobs_tell(task->jobs, task->id, progress.permille);
        if (!rest(cancellable, pause, error))
            return NULL;
        pause = MIN(pause + pause / COPY_PART, COPY_MAX);
    }
    return NULL;
}

gpointer
lull_content_run_seal(gpointer data, GCancellable *cancellable, GError **error)
{
    const LullContentTask *task = data;
    LullStorage *storage = task->tools.storage;

    storage->ops->seal(storage, task->content_uid, task->number, task->content, cancellable, error);
    return NULL;
}
