/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-tasks.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-work.h"
#include "coordinator/reconcile/grant-effects.h"
#include "coordinator/reconcile/rest.h"
#include "protocol/clock.h"
#include "protocol/step.h"

static const char *const all_jobs[] = {LULL_JOB_ATTEMPT, LULL_JOB_DISCARD, LULL_JOB_FOLLOW, LULL_JOB_SEAL,
                                       LULL_JOB_REMOVE};

LullStore *
lull_contents_asking(const LullContents *self)
{
    return self->asking ? self->asking : self->store;
}

static LullContentTask *
task_new(const LullContents *self, const LullContentView *view, guint number)
{
    LullContentTask *task = g_new0(LullContentTask, 1);

    task->tools = self->tools;
    task->vm_uid = g_strdup(view->vm_uid);
    task->content_uid = g_strdup(view->uid);
    task->number = number;
    return task;
}

static void
start(const LullContents *self, const LullContentView *view, const char *what, LullJobFunc func,
      LullContentTask *take_task, GDestroyNotify free_result)
{
    g_autofree char *id = lull_content_job(what, view->uid);
    g_autofree char *key = g_strconcat(view->ns, "/", view->name, NULL);

    take_task->jobs = self->jobs;
    take_task->id = g_strdup(id);
    lull_jobs_start(self->jobs, id, (LullJob){func, take_task, lull_content_task_free, free_result}, key,
                    lull_loop_poke_key, self->loop);
}

void
lull_content_drop(const LullContents *self, const LullContentView *view, const char *what)
{
    g_autofree char *id = lull_content_job(what, view->uid);

    lull_jobs_drop(self->jobs, id);
}

void
lull_content_cancel(const LullContents *self, const LullContentView *view, const char *what)
{
    g_autofree char *id = lull_content_job(what, view->uid);

    lull_jobs_cancel(self->jobs, id);
}

void
lull_content_drop_all(const LullContents *self, const LullContentView *view)
{
    for (guint i = 0; i < G_N_ELEMENTS(all_jobs); i++)
        lull_content_drop(self, view, all_jobs[i]);
}

static char **
promised_volumes(LullJson *content)
{
    LullJson *backups = lull_json_array(lull_json_object(content, "spec"), "volumeBackups");
    const size_t n = backups ? json_object_array_length(backups) : 0;
    char **names = g_new0(char *, n + 1);

    for (size_t i = 0; i < n; i++)
        names[i] = g_strdup(lull_json_string(json_object_array_get_idx(backups, i), "volumeName", ""));
    return names;
}

/* What attempts to quiesce the guest came to: where none could tell, why. */
static LullJson *
earlier_of(const LullContentView *view)
{
    LullJson *report = lull_content_stored_report(view);

    if (report || !view->state->error)
        return report;
    report = json_object_new_object();
    lull_json_set_string(report, "proof", "none");
    lull_json_set_string(report, "proofReason", view->state->error);
    return report;
}

static LullAttemptOrder *
order_of(const LullContents *self, const LullContentView *view)
{
    LullAttemptOrder *order = g_new0(LullAttemptOrder, 1);

    order->vm_uid = g_strdup(view->vm_uid);
    order->content_uid = g_strdup(view->uid);
    order->owner = g_strconcat("snapshot ", view->snapshot_name, NULL);
    order->snapshot = g_strconcat(view->ns, "/", view->snapshot_name, NULL);
    order->number = view->state->number;
    order->unquiesced = view->unquiesced;
    order->earlier = view->unquiesced ? earlier_of(view) : NULL;
    order->require = view->policy->require;
    order->exclude = g_strdupv(view->policy->exclude);
    order->volumes = promised_volumes(view->content);
    if (view->deadline)
        order->deadline = lull_clock_boottime() + (view->deadline - view->now);
    order->skew = lull_store_now(self->store) - lull_clock_realtime();
    order->by_claim = self->duty != NULL;
    if (self->duty) {
        const gint64 end = lull_grant_book_begun_at(self->duty->book, view->uid, lull_clock_boottime()) +
                           (view->unquiesced ? LULL_GRANT_PATIENCE : LULL_GRANT_WORK);

        order->deadline = order->deadline ? MIN(order->deadline, end) : end;
    }
    return order;
}

void
lull_content_start_follow(const LullContents *self, const LullContentView *view)
{
    LullContentTask *task = task_new(self, view, view->state->number);

    start(self, view, LULL_JOB_FOLLOW, lull_content_run_follow, task, lull_content_copy_free);
}

void
lull_content_start_seal(const LullContents *self, const LullContentView *view)
{
    LullContentTask *task = task_new(self, view, view->state->number);

    lull_step(LULL_STEP_COORDINATOR_DATA_COPIED);
    task->content = lull_json_dup(view->content);
    start(self, view, LULL_JOB_SEAL, lull_content_run_seal, task, NULL);
}

gboolean
lull_content_start_attempt(const LullContents *self, const LullContentView *view, GError **error)
{
    LullContentTask *task = NULL;
    g_auto(LullRest) rest = {0};

    if (self->duty && !lull_rest_look(lull_contents_asking(self), view->content, &rest, error))
        return FALSE;
    task = task_new(self, view, view->state->number);
    task->order = order_of(self, view);
    task->order->content = rest.off ? lull_json_dup(view->content) : NULL;
    task->order->end = rest.end;
    task->order->life = g_steal_pointer(&rest.life);
    task->order->problem = g_steal_pointer(&rest.problem);
    start(self, view, LULL_JOB_ATTEMPT, lull_content_run_attempt, task,
          (GDestroyNotify)lull_attempt_outcome_free);
    return TRUE;
}

void
lull_content_start_removal(const LullContents *self, const LullContentView *view, const char *what,
                           guint number)
{
    start(self, view, what, lull_content_run_remove, task_new(self, view, number), NULL);
}

void
lull_content_abandon(const LullContents *self, const char *uid)
{
    for (guint i = 0; i < G_N_ELEMENTS(all_jobs); i++) {
        g_autofree char *id = lull_content_job(all_jobs[i], uid);

        lull_jobs_cancel(self->jobs, id);
        lull_jobs_forget(self->jobs, id);
    }
}
