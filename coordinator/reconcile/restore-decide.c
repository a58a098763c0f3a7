/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-decide.h"

#include "protocol/clock.h"

#define STEP(verb_, reason_, at_) ((LullRestoreStep){LULL_RESTORE_##verb_, (reason_), (at_)})
#define SHUT_DOWN_INTERVAL        LULL_SEC(10)
#define COPY_INTERVAL             LULL_SEC(2)

static LullRestoreStep
decide_start(const LullRestoreView *view)
{
    switch (view->start) {
    case LULL_WORK_NONE:
        return STEP(START_TARGET, "Complete", 0);
    case LULL_WORK_RUNNING:
        return STEP(WAIT, "TargetStarts", 0);
    case LULL_WORK_DONE:
    case LULL_WORK_FAILED:
        break;
    }
    return STEP(RECORD_START, "StartTried", 0);
}

/* Complete, failed or going: nothing may work on the target before it is let go. It is started under the
 * lock still, so that no other restore finds it stopped meanwhile, where what is locked can be. */
static LullRestoreStep
decide_ended(const LullRestoreView *view)
{
    const gboolean starts = view->complete && view->start_target && !view->deleting;

    if (view->data == LULL_WORK_RUNNING)
        return STEP(CANCEL_DATA, view->deleting ? "RestoreDeleted" : "RestoreFailed", 0);
    if (starts && view->stops_locked)
        return decide_start(view);
    if (view->locked)
        return STEP(UNLOCK, view->complete ? "Complete" : "GivenUp", 0);
    if (starts)
        return decide_start(view);
    if (view->data != LULL_WORK_NONE || (view->leftover && !view->deleting))
        return STEP(FORGET_DATA, view->complete ? "Complete" : "GivenUp", 0);
    if (view->deleting)
        return STEP(REMOVE_FINALIZER, "RestoreDeleted", 0);
    return STEP(WAIT, "Final", 0);
}

/* Where what was cut of it would be lost with its end, it is locked before it is asked to stop. A guest may
 * overhear it, as while it boots: it is asked again and again. */
static LullRestoreStep
decide_running(const LullRestoreView *view)
{
    if (view->ends_itself)
        return STEP(WAIT, "TargetEnds", 0);
    if (!view->start_target)
        return STEP(NOTE_START, "TargetRuns", 0);
    if (view->stops_locked && !view->locked)
        return STEP(LOCK, "TargetIsToStop", 0);
    if (view->copied)
        return STEP(WAIT, "TargetIsCopied", view->now + COPY_INTERVAL);
    switch (view->shut_down) {
    case LULL_WORK_RUNNING:
        return STEP(WAIT, "TargetIsAsked", 0);
    case LULL_WORK_FAILED:
        return STEP(FORGET_FAILURE, "TargetNotAsked", 0);
    case LULL_WORK_DONE:
        if (view->now < view->asked_at + SHUT_DOWN_INTERVAL)
            return STEP(WAIT, "TargetWasAsked", view->asked_at + SHUT_DOWN_INTERVAL);
        break;
    case LULL_WORK_NONE:
        break;
    }
    return STEP(SHUT_DOWN, "TargetRuns", 0);
}

static LullRestoreStep
decide_not_ready(const LullRestoreView *view)
{
    switch (view->readiness) {
    case LULL_READINESS_STOP_TARGET:
        return decide_running(view);
    case LULL_READINESS_WAIT_GRACE_PERIOD:
        return STEP(WAIT, "TargetRuns", view->grace_end);
    case LULL_READINESS_WAIT_EVENTUALLY:
    case LULL_READINESS_FAIL_IMMEDIATE:
        break;
    }
    return STEP(WAIT, "TargetRuns", 0);
}

/* The target's time to be ready goes on meanwhile. */
static LullRestoreStep
decide_nothing_to_restore(const LullRestoreView *view)
{
    const gboolean ends = !view->target_stopped && view->readiness == LULL_READINESS_WAIT_GRACE_PERIOD;

    return STEP(WAIT, "SnapshotOrLock", ends ? view->grace_end : 0);
}

/* Stopped or not there, and nobody else's. What asks it to stop would stop what is started in the end. */
static LullRestoreStep
decide_ready(const LullRestoreView *view)
{
    if (view->shut_down == LULL_WORK_RUNNING)
        return STEP(WAIT, "TargetIsAsked", 0);
    if (view->target_exists && !view->locked)
        return STEP(LOCK, "TargetFree", 0);
    if (!view->target_exists && !view->planned)
        return STEP(WAIT, "PlanIsWritten", 0);
    return STEP(START_DATA, view->target_exists ? "TargetOurs" : "TargetGone", 0);
}

/* Its next step is the lock, and with that more is to be told. */
static gboolean
is_hushed(const LullRestoreView *view)
{
    return view->untold && view->now < view->tell_at && !view->deleting && !view->complete && !view->failed &&
           view->target_exists && view->target_stopped && !view->written && !view->locked &&
           !view->other_locked && view->snapshot_ready && view->data == LULL_WORK_NONE &&
           view->shut_down == LULL_WORK_NONE;
}

LullRestoreStep
lull_restore_decide(const LullRestoreView *view)
{
    if (!view->exists)
        return STEP(WAIT, "Gone", 0);
    if (view->deleting && !view->has_finalizer)
        return STEP(WAIT, "NotOurs", 0);
    if (!view->deleting && !view->has_finalizer)
        return STEP(ADD_FINALIZER, "New", 0);
    if (!view->deleting && view->owner_missing)
        return STEP(ADD_OWNER, "TargetIsThere", 0);
    if (view->status_stale && !is_hushed(view))
        return STEP(WRITE_STATUS, "StatusDiffers", 0);
    if (view->progress_stale)
        return STEP(WRITE_PROGRESS, "ProgressMade", 0);
    if (view->deleting || view->complete || view->failed)
        return decide_ended(view);
    if (view->data == LULL_WORK_RUNNING)
        return STEP(WAIT, "DataRuns", 0);
    if (view->data == LULL_WORK_FAILED)
        return STEP(FORGET_FAILURE, "DataFailed", 0);
    if (view->written && view->content)
        return STEP(START_DATA, "TargetWritten", 0);
    /* nothing is switched off for a restore that cannot be */
    if (!view->snapshot_ready || view->other_locked)
        return decide_nothing_to_restore(view);
    if (!view->target_stopped)
        return decide_not_ready(view);
    return decide_ready(view);
}

const char *
lull_restore_verb_to_string(LullRestoreVerb verb)
{
    static const char *const names[] = {
        [LULL_RESTORE_WAIT] = "wait",
        [LULL_RESTORE_ADD_FINALIZER] = "add-finalizer",
        [LULL_RESTORE_ADD_OWNER] = "add-owner",
        [LULL_RESTORE_WRITE_STATUS] = "write-status",
        [LULL_RESTORE_WRITE_PROGRESS] = "write-progress",
        [LULL_RESTORE_NOTE_START] = "note-start",
        [LULL_RESTORE_SHUT_DOWN] = "shut-down",
        [LULL_RESTORE_START_TARGET] = "start-target",
        [LULL_RESTORE_RECORD_START] = "record-start",
        [LULL_RESTORE_LOCK] = "lock",
        [LULL_RESTORE_START_DATA] = "start-data",
        [LULL_RESTORE_FORGET_FAILURE] = "forget-failure",
        [LULL_RESTORE_CANCEL_DATA] = "cancel-data",
        [LULL_RESTORE_UNLOCK] = "unlock",
        [LULL_RESTORE_FORGET_DATA] = "forget-data",
        [LULL_RESTORE_REMOVE_FINALIZER] = "remove-finalizer",
    };

    return names[verb];
}
