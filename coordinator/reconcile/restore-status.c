/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-status.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/restore-place.h"
#include "protocol/clock.h"

#define WAITING \
    "Waiting for target VM to be powered off. Please stop the restore target to proceed with restore"

static void
set_both(LullJson *status, gboolean progressing, const char *progress, const char *ready, gint64 now)
{
    lull_condition_set(status, "Progressing", progressing, progress, now);
    lull_condition_set(status, "Ready", FALSE, ready, now);
}

static const char *
not_ready_reason(LullReadiness readiness)
{
    switch (readiness) {
    case LULL_READINESS_WAIT_EVENTUALLY:
        return WAITING;
    case LULL_READINESS_STOP_TARGET:
        return "Automatically stopping restore target for restore operation";
    case LULL_READINESS_WAIT_GRACE_PERIOD:
    case LULL_READINESS_FAIL_IMMEDIATE:
        break;
    }
    return WAITING ", or the operation will fail after 5m0s";
}

static void
tell_differences(const LullRestoreView *view, const LullRestoreRules *rules, LullJson *status)
{
    g_autofree char *all = rules->differences(view);

    if (all)
        lull_condition_tell(status, "Ready", all);
}

/* One that is not there cannot be locked: that it is brought back is recorded before it is begun with. */
static gboolean
has_plan(const LullRestoreView *view, const LullRestoreRules *rules)
{
    const gboolean begins =
        (!view->untold || rules->sparing) && !view->target_exists && view->snapshot_ready && !view->failed;

    return view->content && !view->deleting && ((view->locked && view->target_stopped) || begins);
}

static void
set_conditions(const LullRestoreView *view, const LullRestoreRules *rules, LullJson *status)
{
    const gint64 now = view->now;

    if (view->deleting) {
        set_both(status, FALSE, "VM restore is deleting", "VM restore is deleting", now);
    } else if (view->failed) {
        set_both(status, FALSE, view->failure, view->failure, now);
        lull_condition_set(status, "Failure", TRUE, view->failure, now);
    } else if (view->complete) {
        lull_condition_set(status, "Progressing", FALSE, "Operation complete", now);
        if (lull_condition_set(status, "Ready", TRUE, "Operation complete", now))
            tell_differences(view, rules, status);
    } else if (view->data == LULL_WORK_RUNNING || (has_plan(view, rules) && !view->problem)) {
        set_both(status, TRUE, "Creating new PVCs", "Waiting for new PVCs", now);
    } else if (view->untold) {
        set_both(status, TRUE, "Initializing VirtualMachineRestore", "Initializing VirtualMachineRestore",
                 now);
    } else if (view->problem) {
        set_both(status, FALSE, view->problem, view->problem, now);
    } else if (!view->target_stopped) {
        const char *reason = not_ready_reason(view->readiness);

        set_both(status, FALSE, reason, reason, now);
    }
}

LullJson *
lull_restore_status(const LullRestoreView *view, const LullRestoreRules *rules)
{
    LullJson *old = lull_json_object(view->restore, "status");
    LullJson *status = old ? lull_json_dup(old) : json_object_new_object();

    lull_json_set_bool(status, "complete", view->complete);
    if (has_plan(view, rules))
        rules->plan(view, status);
    if (view->complete && !lull_json_at(status, "restoreTime", NULL)) {
        g_autofree char *when = lull_clock_format(view->now);

        lull_json_set_string(status, "restoreTime", when);
    }
    set_conditions(view, rules, status);
    lull_condition_tell(status, "Progressing", view->leftover);
    return status;
}

LullJson *
lull_restore_status_left(const LullRestoreView *view, const char *why)
{
    LullJson *status = lull_json_dup(view->status);
    g_autofree char *text = why ? g_strconcat(LULL_RESTORE_LEFT, why, NULL) : NULL;

    lull_condition_tell(status, "Progressing", text);
    return status;
}
