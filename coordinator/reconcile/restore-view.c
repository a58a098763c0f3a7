/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-view.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/restore-place.h"
#include "coordinator/reconcile/restore-status.h"
#include "coordinator/reconcile/snapshot-view.h"
#include "coordinator/reconcile/status-patch.h"
#include "coordinator/store/ahead.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define GRACE_PERIOD LULL_SEC(300)
#define LONG_RESTORE LULL_SEC(5)

void
lull_restore_view_free(LullRestoreView *self)
{
    if (!self)
        return;
    g_free(self->ns);
    g_free(self->name);
    g_free(self->uid);
    g_free(self->target);
    g_free(self->content_uid);
    g_free(self->vm_uid);
    g_free(self->failure);
    g_free(self->problem);
    g_free(self->work_error);
    g_free(self->start_error);
    lull_json_put(self->restore);
    lull_json_put(self->snapshot);
    lull_json_put(self->content);
    lull_json_put(self->vm);
    lull_json_put(self->status);
    g_free(self->progress);
    g_free(self);
}

char *
lull_restore_job(const char *what, const char *uid)
{
    return g_strconcat(what, ":", uid, NULL);
}

static LullReadiness
readiness_of(LullJson *spec)
{
    const char *policy = lull_json_string(spec, "targetReadinessPolicy", "");

    if (g_str_equal(policy, "WaitEventually"))
        return LULL_READINESS_WAIT_EVENTUALLY;
    if (g_str_equal(policy, "StopTarget"))
        return LULL_READINESS_STOP_TARGET;
    if (g_str_equal(policy, "FailImmediate"))
        return LULL_READINESS_FAIL_IMMEDIATE;
    return LULL_READINESS_WAIT_GRACE_PERIOD;
}

/* The machine that the snapshot is of, as it was. */
static LullJson *
source_of(const LullRestoreView *self)
{
    return lull_json_at(self->content, "spec", "source", "virtualMachine", NULL);
}

/* NULL: it may get better by itself. */
static char *
find_failure(const LullRestoreView *self, const LullRestoreRules *rules, const GError *data_error)
{
    char *reason = rules->refuse(self);

    if (reason)
        return reason;
    if (data_error && rules->is_final(data_error) && !(self->written && rules->ends_written))
        return g_strdup(data_error->message);
    if (self->target_stopped || self->written)
        return NULL;
    /* it writes to what it has: nothing may be put in place any more, not even once it is stopped again; one
     * that is to be stopped is locked before that */
    if (self->planned ||
        (self->locked && !(self->stops_locked && self->readiness == LULL_READINESS_STOP_TARGET)))
        return self->data == LULL_WORK_RUNNING
                   ? NULL
                   : g_strdup("the target was started while the restore was under way");
    if (self->readiness == LULL_READINESS_FAIL_IMMEDIATE)
        return g_strdup("Restore target VMI must be powered off before restore operation");
    if (self->readiness == LULL_READINESS_WAIT_GRACE_PERIOD && self->now > self->grace_end)
        return g_strdup(
            "Restore target failed to be ready within 5m0s. Please power off the target VM before "
            "attempting restore");
    return NULL;
}

static gboolean
is_under_way(LullJson *object)
{
    LullJson *status = lull_json_object(object, "status");

    return !lull_json_bool(status, "readyToUse", FALSE) && !lull_json_object(status, "error");
}

/* It may have begun: then it goes on, though the snapshot is to go, which its data wait for. */
static gboolean
may_have_begun(const LullRestoreView *self)
{
    return self->locked || (self->planned && !self->target_exists);
}

/* What stands in the way, in the reference's words; NULL: nothing. */
static char *
snapshot_problem(const LullRestoreView *self, const char *name, gboolean *ret_passes)
{
    LullJson *status = lull_json_object(self->snapshot, "status");
    const char *content = lull_json_string(status, "virtualMachineSnapshotContentName", NULL);

    *ret_passes = FALSE;

    if (!self->snapshot || (lull_meta_is_deleting(self->snapshot) && !may_have_begun(self)))
        return g_strdup_printf("VMSnapshot %s/%s does not exist", self->ns, name);
    if (g_str_equal(lull_json_string(status, "phase", ""), "Failed"))
        return g_strdup_printf("VMSnapshot %s/%s failed and is invalid to use", self->ns, name);
    *ret_passes = is_under_way(self->snapshot);
    if (!lull_json_bool(status, "readyToUse", FALSE))
        return g_strdup_printf("VMSnapshot %s/%s not ready", self->ns, name);
    if (!content)
        return g_strdup_printf("no snapshot content name in %s/%s", self->ns, name);
    if (!self->content)
        return g_strdup_printf("VMSnapshotContent %s/%s does not exist", self->ns, content);
    *ret_passes = is_under_way(self->content);
    if (!lull_json_bool(lull_json_object(self->content, "status"), "readyToUse", FALSE))
        return g_strdup_printf("VMSnapshotContent %s/%s not ready", self->ns, content);
    return NULL;
}

static char *
lock_problem(LullJson *vm)
{
    LullJson *status = lull_json_object(vm, "status");
    const char *restore = lull_json_string(status, "restoreInProgress", NULL);
    const char *snapshot = lull_json_string(status, "snapshotInProgress", NULL);

    if (restore)
        return g_strdup_printf("vm restore %s in progress", restore);
    return g_strdup_printf("vm snapshot %s in progress", snapshot ? snapshot : "");
}

static const char *
uid_of_target(const LullRestoreView *self, const LullRestoreRules *rules)
{
    const char *other = !self->vm && rules->uid_to_be ? rules->uid_to_be(self) : NULL;

    return other ? other : lull_meta_uid(self->vm ? self->vm : source_of(self));
}

static void
look_at_target(LullRestoreView *self, const LullRestoreRules *rules)
{
    LullJson *status = lull_json_object(self->vm, "status");
    const char *owner = lull_json_string(status, "restoreInProgress", NULL);

    self->target_exists = self->vm != NULL;
    self->target_stopped = !self->vm || rules->is_off(self->vm);
    self->note = self->target_stopped ? NULL : rules->note(self->vm);
    self->ends_itself = !self->target_stopped && !self->note;
    self->vm_uid = g_strdup(uid_of_target(self, rules));
    self->locked = owner && g_str_equal(owner, self->name);
    self->other_locked = !self->locked && (owner || lull_json_string(status, "snapshotInProgress", NULL));
}

static void
look_at_restore(LullRestoreView *self, const LullRestoreRules *rules)
{
    const char *note = lull_meta_annotation(self->restore, LULL_ANNOTATION_START_TARGET);
    LullJson *spec = lull_json_object(self->restore, "spec");

    self->exists = TRUE;
    self->ns = g_strdup(lull_meta_namespace(self->restore));
    self->name = g_strdup(lull_meta_name(self->restore));
    self->uid = g_strdup(lull_meta_uid(self->restore));
    self->target = g_strdup(lull_json_string(lull_json_object(spec, "target"), "name", ""));
    self->deleting = lull_meta_is_deleting(self->restore);
    self->has_finalizer = lull_meta_has_finalizer(self->restore, LULL_FINALIZER_RESTORE);
    self->readiness = readiness_of(spec);
    self->grace_end = lull_meta_created(self->restore) + GRACE_PERIOD;
    self->start_target = self->readiness == LULL_READINESS_STOP_TARGET && note &&
                         g_strv_contains(rules->notes, note); /* else nobody stopped it for this */
    self->stops_locked = rules->stops_locked;
    self->planned = lull_json_array(lull_json_object(self->restore, "status"), "restores") != NULL;
    self->content_uid = g_strdup(lull_meta_uid(self->content));
}

/* That is written while it goes on only: whoever takes it away later has a reason. */
static gboolean
lacks_owner(const LullRestoreView *self, const LullRestoreRules *rules)
{
    LullJson *meta = lull_json_object(self->restore, "metadata");

    return rules->owned && self->vm && !self->deleting && !self->failed &&
           !lull_json_bool(lull_json_object(self->restore, "status"), "complete", FALSE) &&
           !lull_json_array(meta, "ownerReferences");
}

static gboolean
takes_long(const LullRestoreView *self)
{
    const char *since = lull_condition_changed(self->restore, "Progressing");
    gint64 began = 0;

    return since && lull_clock_parse(since, &began) && self->now >= began + LONG_RESTORE;
}

/* Only where it is to be stopped. */
static char *
copy_problem(const LullRestoreView *self, const LullRestoreWorks *works)
{
    if (!self->copied || self->target_stopped || self->readiness != LULL_READINESS_STOP_TARGET)
        return NULL;
    return g_strdup_printf("vm snapshot %s is being copied", works->copied_for);
}

/* Where the user has to stop the target, that is told first. */
static gboolean
waits_for_others(const LullRestoreView *self)
{
    return self->target_stopped || self->locked || self->readiness == LULL_READINESS_STOP_TARGET;
}

/* What its data were made of is not asked for any more. */
static gboolean
goes_on(const LullRestoreView *self)
{
    return self->written && self->content;
}

/* All that it makes may be there, and its target wait for nothing but being written. */
static gboolean
is_resumed(const LullRestoreView *self, const LullRestoreRules *rules)
{
    return self->planned && self->content && may_have_begun(self) && rules->resumes && rules->resumes(self);
}

static void
look_at_problems(LullRestoreView *self, const LullRestoreRules *rules, const LullRestoreWorks *works)
{
    const char *snapshot =
        lull_json_string(lull_json_object(self->restore, "spec"), "virtualMachineSnapshotName", "");
    gboolean passes = FALSE;
    g_autofree char *missing = is_resumed(self, rules) ? NULL : snapshot_problem(self, snapshot, &passes);

    self->snapshot_ready = !missing;
    if (self->work_error) {
        self->problem = g_strdup(self->work_error);
    } else if (self->data == LULL_WORK_NONE && !goes_on(self) && waits_for_others(self)) {
        self->problem = self->other_locked ? lock_problem(self->vm) : g_steal_pointer(&missing);
        self->queued = self->problem && (self->other_locked || passes);
        if (!self->problem) {
            self->problem = copy_problem(self, works);
            self->queued = self->problem != NULL;
        }
    }
}

static void
look_at_works(LullRestoreView *self, const LullRestoreWorks *works)
{
    const GError *error = works->data.error ? works->data.error : works->shut_down.error;

    self->data = works->data.state;
    self->shut_down = works->shut_down.state;
    self->asked_at = works->shut_down.ended_at;
    self->start = works->start.state;
    self->copied = works->copied_for != NULL;
    self->work_error = error ? g_strdup(error->message) : NULL;
    self->start_error = works->start.error ? g_strdup(works->start.error->message) : NULL;
}

/* Also by one that ended in another's life. */
static const char *
find_leftover(const LullRestoreView *self)
{
    const char *told = lull_condition_message(self->restore, "Progressing");

    return (self->failed || self->deleting) && told && g_str_has_prefix(told, LULL_RESTORE_LEFT) ? told
                                                                                                 : NULL;
}

LullRestoreView *
lull_restore_view_new(const LullRestoreRules *rules, LullJson *restore, LullJson *snapshot, LullJson *content,
                      LullJson *vm, const LullRestoreWorks *works, gint64 now)
{
    LullRestoreView *self = g_new0(LullRestoreView, 1);
    LullJson *status = lull_json_object(restore, "status");
    g_autoptr(LullJson) patch = NULL;

    self->now = now;
    self->restore = restore;
    self->snapshot = snapshot;
    self->content = content;
    self->vm = vm;
    look_at_works(self, works);
    if (!restore)
        return self;
    look_at_restore(self, rules);
    look_at_target(self, rules);
    self->written = self->vm && rules->is_written && rules->is_written(self);
    self->failure = g_strdup(lull_condition_reason(restore, "Failure"));
    self->complete =
        !self->failure && (lull_json_bool(status, "complete", FALSE) || self->data == LULL_WORK_DONE);
    if (!self->failure && !self->complete && !self->deleting) {
        self->failure = find_failure(self, rules, works->data.error);
        look_at_problems(self, rules, works);
    }
    self->failed = self->failure != NULL;
    self->leftover = find_leftover(self);
    self->owner_missing = lacks_owner(self, rules);
    self->untold = !status;
    self->tell_at = rules->sparing && self->untold ? lull_status_tell_at(lull_meta_created(restore), now) : 0;
    self->status = lull_restore_status(self, rules);
    patch = lull_status_patch(restore, self->status);
    self->status_stale = patch != NULL;
    if (self->data == LULL_WORK_RUNNING && (!rules->sparing || takes_long(self)))
        self->progress = lull_progress_text("restoring", works->data.permille, works->data.bytes);
    self->progress_stale = !self->deleting && lull_progress_differs(restore, self->progress);
    return self;
}

static LullRestoreWork
look_at_job(LullJobs *jobs, const char *what, LullJson *restore)
{
    g_autofree char *id = lull_restore_job(what, lull_meta_uid(restore));
    gconstpointer result = NULL;
    LullRestoreWork work = {LULL_WORK_NONE};

    switch (lull_jobs_state(jobs, id, &result, &work.error)) {
    case LULL_JOB_NONE:
        break;
    case LULL_JOB_RUNNING:
        work.state = LULL_WORK_RUNNING;
        work.permille = lull_jobs_told(jobs, id);
        work.bytes = lull_jobs_bytes(jobs, id);
        break;
    case LULL_JOB_DONE:
        work.state = work.error ? LULL_WORK_FAILED : LULL_WORK_DONE;
        work.ended_at = result ? *(const gint64 *)result : 0;
        break;
    }
    return work;
}

/* Of a target that runs; looked for once it is locked by who is to stop it, so that no other begins
 * meanwhile.
 */
static gboolean
find_copy(LullStore *store, LullJson *vm, const char *ns, char **ret_snapshot, GError **error)
{
    g_autoptr(LullJson) list = lull_store_list(store, &lull_kind_content, ns, NULL, error);
    LullJson *items = lull_json_array(list, "items");

    for (size_t i = 0; items && !*ret_snapshot && i < json_object_array_length(items); i++) {
        LullJson *content = json_object_array_get_idx(items, i);
        LullJson *spec = lull_json_object(content, "spec");
        g_autoptr(LullContentState) state = lull_content_state_of(content);
        const char *uid = lull_meta_uid(lull_json_at(spec, "source", "virtualMachine", NULL));

        if (state->stage == LULL_CONTENT_CUT && !lull_meta_is_deleting(content) &&
            g_strcmp0(uid, lull_meta_uid(vm)) == 0)
            *ret_snapshot = g_strdup(lull_json_string(spec, "virtualMachineSnapshotName", ""));
    }
    return list != NULL;
}

static gboolean
is_stopped_locked(const LullRestoreRules *rules, LullJson *vm, LullJson *restore)
{
    return rules->stops_locked && vm &&
           readiness_of(lull_json_object(restore, "spec")) == LULL_READINESS_STOP_TARGET &&
           !rules->is_off(vm);
}

/* Of a server that is far away what is known to be read is asked at once. NULL: it is not far. */
static LullStore *
ask_ahead(const LullRestoreRules *rules, LullStore *store, const char *ns, const char *target,
          const char *snapshot)
{
    const LullWant both[] = {{&lull_kind_vm, ns, target}, {&lull_kind_snapshot, ns, snapshot}};
    LullStore *ahead = rules->sparing && *target && *snapshot ? lull_store_ahead_new(store) : NULL;

    if (ahead)
        lull_store_ahead_ask(ahead, both, G_N_ELEMENTS(both));
    return ahead;
}

LullRestoreView *
lull_restore_view_gather(const LullRestoreRules *rules, LullStore *store, LullJobs *jobs, const char *ns,
                         const char *name, gint64 now, GError **error)
{
    g_autoptr(LullJson) restore = NULL;
    g_autoptr(LullJson) snapshot = NULL;
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) vm = NULL;
    g_autofree char *copied_for = NULL;
    g_autoptr(LullStore) ahead = NULL;
    LullStore *eyes = store;
    const char *target = NULL, *snapshot_name = NULL;
    LullJson *spec = NULL;
    LullRestoreWorks works = {0};

    if (!lull_effect_get(store, &lull_kind_restore, ns, name, &restore, error))
        return NULL;
    if (!restore)
        return lull_restore_view_new(rules, NULL, NULL, NULL, NULL, &works, now);
    /* before all that they make: of one that has ended that is seen, too */
    works.data = look_at_job(jobs, LULL_JOB_RESTORE, restore);
    works.shut_down = look_at_job(jobs, LULL_JOB_SHUT_DOWN, restore);
    works.start = look_at_job(jobs, LULL_JOB_START, restore);
    spec = lull_json_object(restore, "spec");
    target = lull_json_string(lull_json_object(spec, "target"), "name", "");
    snapshot_name = lull_json_string(spec, "virtualMachineSnapshotName", "");
    ahead = ask_ahead(rules, store, ns, target, snapshot_name);
    eyes = ahead ? ahead : store;
    if (!lull_effect_get(eyes, &lull_kind_vm, ns, target, &vm, error) ||
        !lull_effect_drop_void_locks(store, &vm, error) ||
        !lull_effect_get(eyes, &lull_kind_snapshot, ns, snapshot_name, &snapshot, error))
        return NULL;
    if (snapshot) {
        g_autofree char *content_name = lull_snapshot_content_name(snapshot);

        if (!lull_effect_get(store, &lull_kind_content, ns, content_name, &content, error))
            return NULL;
    }
    if (is_stopped_locked(rules, vm, restore) && !find_copy(store, vm, ns, &copied_for, error))
        return NULL;
    works.copied_for = copied_for;
    return lull_restore_view_new(rules, g_steal_pointer(&restore), g_steal_pointer(&snapshot),
                                 g_steal_pointer(&content), g_steal_pointer(&vm), &works, now);
}
