/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-view.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/restore-status.h"
#include "coordinator/reconcile/snapshot-view.h"
#include "coordinator/reconcile/status-patch.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define GRACE_PERIOD LULL_SEC(300)

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
    g_free(self->failure);
    g_free(self->problem);
    g_free(self->work_error);
    lull_json_put(self->restore);
    lull_json_put(self->snapshot);
    lull_json_put(self->content);
    lull_json_put(self->vm);
    lull_json_put(self->status);
    g_free(self->progress);
    g_free(self);
}

char *
lull_restore_job(const char *uid)
{
    return g_strconcat("restore:", uid, NULL);
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

static gboolean
is_filled(LullJson *spec, const char *key)
{
    LullJson *list = lull_json_array(spec, key);

    return list && json_object_array_length(list) > 0;
}

/* Fields that mean nothing where volumes are files of a host. NULL: none of them is used. */
static char *
unsupported(LullJson *spec)
{
    const char *policy = lull_json_string(spec, "volumeRestorePolicy", "InPlace");
    const char *ownership = lull_json_string(spec, "volumeOwnershipPolicy", "Vm");

    if (!g_str_equal(policy, "InPlace"))
        return g_strdup_printf(
            "spec.volumeRestorePolicy: %.64s is not supported on a plain host: volumes are "
            "restored in place, leave it out or say InPlace",
            policy);
    if (!g_str_equal(ownership, "Vm"))
        return g_strdup_printf(
            "spec.volumeOwnershipPolicy: %.64s is not supported on a plain host: it has no "
            "claims that could be owned, leave it out",
            ownership);
    if (is_filled(spec, "volumeRestoreOverrides"))
        return g_strdup(
            "spec.volumeRestoreOverrides: not supported on a plain host: it has no claims to name, "
            "leave it out");
    if (is_filled(spec, "patches"))
        return g_strdup("spec.patches: not supported: only VMs that exist can be restored yet, leave it out");
    return NULL;
}

/* NULL: it will not get better by itself. */
static char *
find_failure(const LullRestoreView *self, const GError *data_error)
{
    char *reason = unsupported(lull_json_object(self->restore, "spec"));

    if (reason)
        return reason;
    if (!self->vm)
        return g_strdup_printf(
            "VM %s does not exist: restoring to a new VM is not supported yet, define a domain "
            "of that name first",
            self->target);
    if (lull_error_is(data_error, LULL_ERROR_INVALID) || lull_error_is(data_error, LULL_ERROR_UNSUPPORTED) ||
        lull_error_is(data_error, LULL_ERROR_DENIED))
        return g_strdup(data_error->message);
    if (self->target_stopped)
        return NULL;
    /* it writes to what it has: nothing may be put in place any more, not even once it is stopped again */
    if (self->locked)
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

/* What stands in the way, in the reference's words; NULL: nothing. */
static char *
snapshot_problem(const LullRestoreView *self, const char *name)
{
    LullJson *status = lull_json_object(self->snapshot, "status");
    const char *content = lull_json_string(status, "virtualMachineSnapshotContentName", NULL);

    if (!self->snapshot || lull_meta_is_deleting(self->snapshot))
        return g_strdup_printf("VMSnapshot %s/%s does not exist", self->ns, name);
    if (g_str_equal(lull_json_string(status, "phase", ""), "Failed"))
        return g_strdup_printf("VMSnapshot %s/%s failed and is invalid to use", self->ns, name);
    if (!lull_json_bool(status, "readyToUse", FALSE))
        return g_strdup_printf("VMSnapshot %s/%s not ready", self->ns, name);
    if (!content)
        return g_strdup_printf("no snapshot content name in %s/%s", self->ns, name);
    if (!self->content)
        return g_strdup_printf("VMSnapshotContent %s/%s does not exist", self->ns, content);
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

static void
look_at_target(LullRestoreView *self)
{
    LullJson *status = lull_json_object(self->vm, "status");
    const char *owner = lull_json_string(status, "restoreInProgress", NULL);

    self->target_exists = self->vm != NULL;
    self->target_stopped = g_str_equal(lull_json_string(status, "printableStatus", ""), "Stopped");
    self->locked = owner && g_str_equal(owner, self->name);
    self->other_locked = !self->locked && (owner || lull_json_string(status, "snapshotInProgress", NULL));
}

static void
look_at_restore(LullRestoreView *self)
{
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
    self->content_uid = g_strdup(lull_meta_uid(self->content));
}

/* Where the user has to stop the target, that is told first. */
static gboolean
waits_for_others(const LullRestoreView *self)
{
    return self->target_stopped || self->locked || self->readiness == LULL_READINESS_STOP_TARGET;
}

static void
look_at_problems(LullRestoreView *self, const GError *data_error)
{
    const char *snapshot =
        lull_json_string(lull_json_object(self->restore, "spec"), "virtualMachineSnapshotName", "");

    g_autofree char *missing = snapshot_problem(self, snapshot);

    self->snapshot_ready = !missing;
    if (data_error)
        self->problem = g_strdup(data_error->message);
    else if (self->data == LULL_WORK_NONE && waits_for_others(self))
        self->problem = self->other_locked ? lock_problem(self->vm) : g_steal_pointer(&missing);
}

LullRestoreView *
lull_restore_view_new(LullJson *restore, LullJson *snapshot, LullJson *content, LullJson *vm, LullWork data,
                      const GError *data_error, guint permille, gint64 now)
{
    LullRestoreView *self = g_new0(LullRestoreView, 1);
    LullJson *status = lull_json_object(restore, "status");
    g_autoptr(LullJson) patch = NULL;

    self->now = now;
    self->restore = restore;
    self->snapshot = snapshot;
    self->content = content;
    self->vm = vm;
    self->data = data;
    if (!restore)
        return self;
    self->work_error = data_error ? g_strdup(data_error->message) : NULL;
    look_at_restore(self);
    look_at_target(self);
    self->failure = g_strdup(lull_condition_reason(restore, "Failure"));
    self->complete = !self->failure && (lull_json_bool(status, "complete", FALSE) || data == LULL_WORK_DONE);
    if (!self->failure && !self->complete && !self->deleting) {
        self->failure = find_failure(self, data_error);
        look_at_problems(self, data_error);
    }
    self->failed = self->failure != NULL;
    self->status = lull_restore_status(self);
    patch = lull_status_patch(restore, self->status);
    self->status_stale = patch != NULL;
    if (data == LULL_WORK_RUNNING)
        self->progress = lull_progress_text("restoring", permille);
    self->progress_stale = !self->deleting && lull_progress_differs(restore, self->progress);
    return self;
}

/* @ret_error (lent) is set where the job failed. */
static LullWork
look_at_job(LullJobs *jobs, LullJson *restore, const GError **ret_error, guint *ret_permille)
{
    g_autofree char *id = lull_restore_job(lull_meta_uid(restore));

    switch (lull_jobs_state(jobs, id, NULL, ret_error)) {
    case LULL_JOB_NONE:
        return LULL_WORK_NONE;
    case LULL_JOB_RUNNING:
        *ret_permille = lull_jobs_told(jobs, id);
        return LULL_WORK_RUNNING;
    case LULL_JOB_DONE:
        break;
    }
    return *ret_error ? LULL_WORK_FAILED : LULL_WORK_DONE;
}

LullRestoreView *
lull_restore_view_gather(LullStore *store, LullJobs *jobs, const char *ns, const char *name, gint64 now,
                         GError **error)
{
    g_autoptr(LullJson) restore = NULL;
    g_autoptr(LullJson) snapshot = NULL;
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) vm = NULL;
    const GError *data_error = NULL;
    LullJson *spec = NULL;
    LullWork data = LULL_WORK_NONE;
    guint permille = 0;

    if (!lull_effect_get(store, &lull_kind_restore, ns, name, &restore, error))
        return NULL;
    if (!restore)
        return lull_restore_view_new(NULL, NULL, NULL, NULL, LULL_WORK_NONE, NULL, 0, now);
    spec = lull_json_object(restore, "spec");
    if (!lull_effect_get(store, &lull_kind_vm, ns,
                         lull_json_string(lull_json_object(spec, "target"), "name", ""), &vm, error) ||
        !lull_effect_drop_void_locks(store, &vm, error) ||
        !lull_effect_get(store, &lull_kind_snapshot, ns,
                         lull_json_string(spec, "virtualMachineSnapshotName", ""), &snapshot, error))
        return NULL;
    if (snapshot) {
        g_autofree char *content_name = lull_snapshot_content_name(snapshot);

        if (!lull_effect_get(store, &lull_kind_content, ns, content_name, &content, error))
            return NULL;
    }
    data = look_at_job(jobs, restore, &data_error, &permille);
    return lull_restore_view_new(g_steal_pointer(&restore), g_steal_pointer(&snapshot),
                                 g_steal_pointer(&content), g_steal_pointer(&vm), data, data_error, permille,
                                 now);
}
