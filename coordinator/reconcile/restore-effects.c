/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-effects.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/news.h"
#include "coordinator/reconcile/restore-decide.h"
#include "coordinator/reconcile/restore-status.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

/* A job's own. */
typedef struct {
    LullRestorePlace *place;
    LullJobs *jobs;
    char *id; /* of the job itself */
    char *vm_uid;
    LullJson *restore, *content;
    gboolean fresh; /* LullRestoreOrder */
} Task;

static void
task_free(gpointer data)
{
    Task *task = data;

    g_free(task->id);
    g_free(task->vm_uid);
    lull_json_put(task->restore);
    lull_json_put(task->content);
    g_free(task);
}

static LullRestoreOrder
order_of(LullJson *restore, LullJson *content)
{
    LullJson *target = lull_json_at(restore, "spec", "target", NULL);

    return (LullRestoreOrder){.ns = lull_meta_namespace(restore),
                              .name = lull_meta_name(restore),
                              .uid = lull_meta_uid(restore),
                              .target = lull_json_string(target, "name", ""),
                              .note = lull_meta_annotation(restore, LULL_ANNOTATION_START_TARGET),
                              .restore = restore,
                              .content = content,
                              .content_uid = lull_meta_uid(content)};
}

static LullRestoreOrder
task_order(const Task *task)
{
    LullRestoreOrder order = order_of(task->restore, task->content);

    order.vm_uid = task->vm_uid;
    order.fresh = task->fresh;
    return order;
}

static void
on_progress(guint permille, gpointer data)
{
    const Task *task = data;

    lull_jobs_tell(task->jobs, task->id, permille);
}

static gpointer
run_data(gpointer data, GCancellable *cancel, GError **error)
{
    const Task *task = data;
    const LullRestoreOrder order = task_order(task);

    if (task->place->ops->size)
        lull_jobs_tell_bytes(task->jobs, task->id, task->place->ops->size(task->place, &order));
    task->place->ops->run(task->place, &order, on_progress, data, cancel, error);
    return NULL;
}

static gpointer
run_shut_down(gpointer data, GCancellable *cancel, GError **error)
{
    const Task *task = data;
    const LullRestoreOrder order = task_order(task);
    const gint64 now = lull_clock_realtime();

    return task->place->ops->shut_down(task->place, &order, error) ? g_memdup2(&now, sizeof now) : NULL;
}

static gpointer
run_start(gpointer data, GCancellable *cancel, GError **error)
{
    const Task *task = data;
    const LullRestoreOrder order = task_order(task);

    task->place->ops->start(task->place, &order, error);
    return NULL;
}

static void
start_job(const LullRestores *self, const LullRestoreView *view, const char *what, LullJobFunc func,
          gboolean fresh)
{
    Task *task = g_new0(Task, 1);
    g_autofree char *id = lull_restore_job(what, view->uid);
    g_autofree char *key = g_strconcat(view->ns, "/", view->name, NULL);

    task->place = self->place;
    task->jobs = self->jobs;
    task->id = g_strdup(id);
    task->vm_uid = g_strdup(view->vm_uid);
    task->restore = lull_json_dup(view->restore);
    task->content = view->content ? lull_json_dup(view->content) : NULL;
    task->fresh = fresh;
    lull_jobs_start(self->jobs, id, (LullJob){func, task, task_free, g_free}, key, lull_loop_poke_key,
                    self->loop);
}

static void
drop(const LullRestores *self, const LullRestoreView *view, const char *what)
{
    g_autofree char *id = lull_restore_job(what, view->uid);

    lull_jobs_drop(self->jobs, id);
}

static gboolean
forget_failure(const LullRestores *self, const LullRestoreView *view, GError **error)
{
    if (view->data == LULL_WORK_FAILED)
        drop(self, view, LULL_JOB_RESTORE);
    if (view->shut_down == LULL_WORK_FAILED)
        drop(self, view, LULL_JOB_SHUT_DOWN);
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s", view->work_error);
    return FALSE;
}

/* @why: NULL: nothing is left. */
static gboolean
tell_leftover(const LullRestores *self, const LullRestoreView *view, const char *why, GError **error)
{
    g_autoptr(LullJson) status = lull_restore_status_left(view, why);

    return lull_effect_status(self->store, &lull_kind_restore, view->restore, status, error);
}

/* What hinders it is told, and it is tried again. */
static gboolean
drop_leftovers(const LullRestores *self, const LullRestoreView *view, gboolean *ret_between, GError **error)
{
    LullRestoreOrder order = order_of(view->restore, view->content);
    g_autoptr(GError) problem = NULL;

    order.vm_uid = view->vm_uid;
    *ret_between = FALSE;
    if (view->complete)
        return TRUE;
    if (self->place->ops->drop(self->place, &order, ret_between, &problem))
        return !view->leftover || view->deleting || tell_leftover(self, view, NULL, error);
    (void)tell_leftover(self, view, problem->message, NULL);
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* What came of them is recorded by now, or does not matter any more; a target that is being asked or started
 * just now is so without us. */
static void
forget_jobs(const LullRestores *self, const LullRestoreView *view)
{
    const char *const jobs[] = {LULL_JOB_RESTORE, LULL_JOB_SHUT_DOWN, LULL_JOB_START};

    for (gsize i = 0; i < G_N_ELEMENTS(jobs); i++) {
        g_autofree char *id = lull_restore_job(jobs[i], view->uid);

        lull_jobs_forget(self->jobs, id);
    }
}

static gboolean
forget_data(const LullRestores *self, const LullRestoreView *view, gboolean *ret_between, GError **error)
{
    if (!drop_leftovers(self, view, ret_between, error))
        return FALSE;
    forget_jobs(self, view);
    return TRUE;
}

/* What was to be dumped of a machine is not there any more once it is restored. TRUE: nothing is to be. */
static gboolean
forget_dump(const LullRestores *self, const LullRestoreView *view, GError **error)
{
    LullJson *patch = NULL;

    if (!view->complete || !lull_json_at(view->vm, "status", "memoryDumpRequest", NULL))
        return TRUE;
    patch = json_object_new_object();
    json_object_object_add(lull_json_ensure(patch, "status"), "memoryDumpRequest", NULL);
    return lull_effect_patch(self->store, &lull_kind_vm, view->vm, LULL_PATCH_STATUS, patch, error);
}

/* The lock goes last: with it this restore loses sight of its work, whether or not the answer arrives. But no
 * machine stays locked for what is left of a restore: that is looked for without the lock, too. One whose
 * data are of two times is nobody's to start. */
static gboolean
unlock(const LullRestores *self, const LullRestoreView *view, GError **error)
{
    g_autoptr(GError) problem = NULL;
    gboolean between = FALSE;
    const gboolean dropped = forget_data(self, view, &between, &problem);

    if (!dropped && between) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (!forget_dump(self, view, error) ||
        !lull_effect_lock(self->store, view->vm, "restoreInProgress", NULL, NULL, error))
        return FALSE;
    if (!dropped)
        g_propagate_error(error, g_steal_pointer(&problem));
    return dropped;
}

static gboolean
remove_finalizer(const LullRestores *self, const LullRestoreView *view, GError **error)
{
    gboolean between = FALSE;

    if (view->planned &&
        !drop_leftovers(self, view, &between, error)) /* where an earlier life ended with it */
        return FALSE;
    forget_jobs(self, view);
    return lull_effect_finalizer(self->store, &lull_kind_restore, view->restore, LULL_FINALIZER_RESTORE,
                                 FALSE, error);
}

/* That its target is started is for the coordinator to say, once it has seen it run. */
static gboolean
has_foreign_note(LullJson *restore)
{
    return !lull_json_object(restore, "status") &&
           lull_meta_annotation(restore, LULL_ANNOTATION_START_TARGET);
}

/* One write for all. */
static gboolean
take_on(const LullRestores *self, const LullRestoreView *view, GError **error)
{
    LullJson *patch = lull_meta_patch_finalizer(view->restore, LULL_FINALIZER_RESTORE, TRUE);
    LullJson *meta = NULL;

    patch = patch ? patch : json_object_new_object();
    meta = lull_json_ensure(patch, "metadata");
    lull_json_set_string(meta, "resourceVersion", lull_meta_version(view->restore));
    if (has_foreign_note(view->restore))
        json_object_object_add(lull_json_ensure(meta, "annotations"), LULL_ANNOTATION_START_TARGET, NULL);
    if (view->owner_missing)
        lull_json_take(meta, "ownerReferences",
                       lull_meta_owners("kubevirt.io/v1", "VirtualMachine", view->target, view->vm_uid));
    return lull_effect_patch(self->store, &lull_kind_restore, view->restore, LULL_PATCH_OBJECT, patch, error);
}

static gboolean
note_start(const LullRestores *self, const LullRestoreView *view, const char *text, GError **error)
{
    return lull_effect_annotate(self->store, &lull_kind_restore, view->restore, LULL_ANNOTATION_START_TARGET,
                                text, error);
}

/* Tried once: one that starts an hour later, when what was in the way is gone, would surprise. */
static gboolean
record_start(const LullRestores *self, const LullRestoreView *view, GError **error)
{
    g_autofree char *text =
        view->start_error ? g_strconcat("failed: ", view->start_error, NULL) : g_strdup("started");

    if (view->start_error)
        g_warning("restore %s: all is in place, but %s does not start again: %s", view->name, view->target,
                  view->start_error);
    if (!note_start(self, view, text, error))
        return FALSE;
    drop(self, view, LULL_JOB_START);
    return TRUE;
}

static gboolean
perform(const LullRestores *self, const LullRestoreView *view, LullRestoreVerb verb, gboolean fresh,
        gboolean *ret_acted, GError **error)
{
    const LullKind *kind = &lull_kind_restore;
    g_autofree char *id = NULL;
    gboolean between = FALSE;

    *ret_acted = TRUE;
    switch (verb) {
    case LULL_RESTORE_ADD_FINALIZER:
    case LULL_RESTORE_ADD_OWNER:
        return take_on(self, view, error);
    case LULL_RESTORE_WRITE_STATUS:
        return lull_effect_status(self->store, kind, view->restore, view->status, error);
    case LULL_RESTORE_WRITE_PROGRESS:
        return lull_effect_annotate(self->store, kind, view->restore, LULL_ANNOTATION_PROGRESS,
                                    view->progress, error);
    case LULL_RESTORE_LOCK:
        return lull_effect_lock(self->store, view->vm, "restoreInProgress", view->name, NULL, error);
    case LULL_RESTORE_FORGET_FAILURE:
        return forget_failure(self, view, error);
    case LULL_RESTORE_UNLOCK:
        return unlock(self, view, error);
    case LULL_RESTORE_FORGET_DATA:
        return forget_data(self, view, &between, error);
    case LULL_RESTORE_REMOVE_FINALIZER:
        return remove_finalizer(self, view, error);
    case LULL_RESTORE_NOTE_START:
        return note_start(self, view, view->note, error);
    case LULL_RESTORE_RECORD_START:
        return record_start(self, view, error);
    case LULL_RESTORE_SHUT_DOWN:
        drop(self, view, LULL_JOB_SHUT_DOWN);
        start_job(self, view, LULL_JOB_SHUT_DOWN, run_shut_down, FALSE);
        break;
    case LULL_RESTORE_START_TARGET:
        start_job(self, view, LULL_JOB_START, run_start, FALSE);
        break;
    case LULL_RESTORE_START_DATA:
        start_job(self, view, LULL_JOB_RESTORE, run_data, fresh);
        lull_loop_poke(self->loop, view->ns, view->name); /* to say that it runs */
        break;
    case LULL_RESTORE_CANCEL_DATA:
        id = lull_restore_job(LULL_JOB_RESTORE, view->uid);
        lull_jobs_cancel(self->jobs, id);
        break;
    case LULL_RESTORE_WAIT:
    case LULL_RESTORE_N:
        break;
    }
    *ret_acted = FALSE;
    return TRUE;
}

/* Work that was begun may go as badly as it did before. */
static gboolean
is_pending(const LullRestoreView *view, LullRestoreVerb verb)
{
    return view->data == LULL_WORK_RUNNING || view->data == LULL_WORK_FAILED ||
           view->shut_down == LULL_WORK_RUNNING || view->shut_down == LULL_WORK_FAILED ||
           verb == LULL_RESTORE_START_DATA || verb == LULL_RESTORE_SHUT_DOWN;
}

/* That version of it had none: so nobody has begun to make what is planned. Where it is far to ask, this is
 * worth something. */
static gboolean
records_plan(const LullRestores *self, const LullRestoreView *view, LullRestoreVerb verb)
{
    return self->place->ops->rules->sparing && verb == LULL_RESTORE_WRITE_STATUS && !view->planned &&
           lull_json_array(view->status, "restores");
}

/* @fresh: the plan was recorded just before. */
static gboolean
step_once(const LullRestores *self, const char *ns, const char *name, gboolean fresh, LullPass *ret_pass,
          gboolean *ret_planned, GError **error)
{
    const gint64 now = lull_store_now(self->store);
    g_autoptr(LullRestoreView) view =
        lull_restore_view_gather(self->place->ops->rules, self->store, self->jobs, ns, name, now, error);
    g_autoptr(GPtrArray) news = NULL;
    LullRestoreStep step;

    if (!view)
        return FALSE;
    if (!view->exists && self->recorder)
        lull_recorder_forget(self->recorder, &lull_kind_restore, ns, name);
    step = lull_restore_decide(view);
    if (step.again_at)
        ret_pass->again_usec = MAX(step.again_at - now, 0) + LULL_MSEC(1);
    if (step.verb != LULL_RESTORE_WAIT)
        g_debug("restore %s: %s (%s)", name, lull_restore_verb_to_string(step.verb), step.reason);
    ret_pass->pending = is_pending(view, step.verb);
    if (!perform(self, view, step.verb, fresh, &ret_pass->acted, error))
        return FALSE;
    *ret_planned = records_plan(self, view, step.verb);
    news = lull_restore_news(view, step.verb);
    lull_news_tell(news, self->recorder, now);
    return TRUE;
}

/* With a plan that is recorded goes what only who recorded it knows. */
gboolean
lull_restore_pass(gpointer restores, const char *ns, const char *name, LullPass *ret_pass, GError **error)
{
    gboolean planned = FALSE;

    return step_once(restores, ns, name, FALSE, ret_pass, &planned, error) &&
           (!planned || step_once(restores, ns, name, TRUE, ret_pass, &planned, error));
}

/* Whatever it still has to do then is done without another reason, and again after an error. */
static gboolean
has_ended(LullJson *restore)
{
    return lull_json_bool(lull_json_object(restore, "status"), "complete", FALSE) ||
           lull_condition_has(restore, "Failure");
}

GStrv
lull_restore_refs(LullJson *restore)
{
    LullJson *spec = lull_json_object(restore, "spec");
    const char *ns = lull_meta_namespace(restore);
    GStrv refs = g_new0(char *, 3);

    if (has_ended(restore))
        return refs;
    refs[0] =
        lull_loop_ref(&lull_kind_vm, ns, lull_json_string(lull_json_object(spec, "target"), "name", ""));
    refs[1] =
        lull_loop_ref(&lull_kind_snapshot, ns, lull_json_string(spec, "virtualMachineSnapshotName", ""));
    return refs;
}
