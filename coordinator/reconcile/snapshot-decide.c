/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/snapshot-decide.h"

#include "protocol/clock.h"

#define RESTORE_LOOK LULL_SEC(1) /* between looks at a restore that is waited for */
#define SOURCE_LOOK  LULL_SEC(5) /* and at what stands in the way of the lock, which nobody watches */

#define STEP(verb_, reason_, at_) ((LullSnapshotStep){LULL_SNAPSHOT_##verb_, (reason_), (at_)})

/* A restore that came too late for what is going has not begun, and will not. */
static gboolean
is_awaited(const LullSnapshotView *view)
{
    return view->restoring && view->deleting && view->succeeded && view->content_ready &&
           !view->content_deleting;
}

/* It changes again at once: by our own next step, or when the content tells that it is ready. */
static gboolean
is_hushed(const LullSnapshotView *view)
{
    if (view->now >= view->tell_at || view->deleting || view->failed)
        return FALSE;
    if (view->succeeded)
        return view->content_exists && !view->content_ready;
    return view->source_exists && !view->other_locked && !view->blocked &&
           (!view->locked || view->loose || !view->content_exists);
}

/* Succeeded, failed or going: let go of what is held, remove what nobody wants. The source is let go once
 * nothing works on it any more, and that is told. */
static LullSnapshotStep
decide_ended(const LullSnapshotView *view)
{
    const gboolean keep = view->content_ready && view->retain ? TRUE : view->succeeded && !view->deleting;
    const gboolean settled = !view->content_exists || keep || view->succeeded;
    const gboolean final = view->succeeded || view->failed;

    /* what is half put in place is neither what it was nor what it is to be */
    if (is_awaited(view) && !view->locked)
        return STEP(WAIT, "RestoreUnderWay", view->now + RESTORE_LOOK);
    if (view->content_exists && !keep && !view->content_deleting && !is_awaited(view))
        return STEP(DELETE_CONTENT, view->deleting ? "SnapshotDeleted" : "SnapshotFailed", 0);
    /* with its two writes the status would wait that somebody waits for */
    if (view->locked && view->status_stale && is_hushed(view))
        return STEP(WAIT, "ReadyIsNear", 0);
    if (view->locked && settled)
        return STEP(UNLOCK, view->succeeded ? "PointInTimeTaken" : "ContentGone", 0);
    if (view->deleting && view->has_finalizer && settled)
        return STEP(REMOVE_FINALIZER, "SnapshotDeleted", 0);
    return STEP(WAIT, settled ? "Final" : "ContentIsGoing", final ? 0 : view->deadline);
}

/* A status that waits to be told is told in the end. */
static LullSnapshotStep
or_tell(const LullSnapshotView *view, LullSnapshotStep step)
{
    if (step.verb == LULL_SNAPSHOT_WAIT && view->status_stale)
        step.again_at = view->tell_at;
    return step;
}

LullSnapshotStep
lull_snapshot_decide(const LullSnapshotView *view)
{
    if (!view->exists)
        return STEP(WAIT, "Gone", 0);
    if (view->deleting && !view->has_finalizer)
        return STEP(WAIT, "NotOurs", 0);
    if (!view->deleting && !view->has_finalizer)
        return STEP(ADD_FINALIZER, "New", 0);
    if (view->report_stale)
        return STEP(WRITE_REPORT, "ReportThere", 0);
    if (view->status_stale && !is_hushed(view))
        return STEP(WRITE_STATUS, "StatusDiffers", 0);
    if (view->progress_stale)
        return STEP(WRITE_PROGRESS, "ProgressMade", 0);
    if (view->deleting || view->succeeded || view->failed)
        return or_tell(view, decide_ended(view));
    if (!view->source_exists)
        return STEP(WAIT, "NoSource", view->deadline);
    if (view->other_locked)
        return STEP(WAIT, "SourceLocked", view->deadline);
    if (view->blocked)
        return STEP(WAIT, "SourceNotReady",
                    view->deadline ? MIN(view->deadline, view->now + SOURCE_LOOK) : view->now + SOURCE_LOOK);
    if (!view->locked || view->loose)
        return STEP(LOCK, "SourceFree", 0);
    if (!view->content_exists)
        return STEP(CREATE_CONTENT, "SourceOurs", 0);
    return STEP(WAIT, "ContentAtWork", view->deadline);
}

const char *
lull_snapshot_verb_to_string(LullSnapshotVerb verb)
{
    static const char *const names[] = {
        [LULL_SNAPSHOT_WAIT] = "wait",
        [LULL_SNAPSHOT_ADD_FINALIZER] = "add-finalizer",
        [LULL_SNAPSHOT_WRITE_REPORT] = "write-report",
        [LULL_SNAPSHOT_WRITE_STATUS] = "write-status",
        [LULL_SNAPSHOT_WRITE_PROGRESS] = "write-progress",
        [LULL_SNAPSHOT_LOCK] = "lock",
        [LULL_SNAPSHOT_CREATE_CONTENT] = "create-content",
        [LULL_SNAPSHOT_DELETE_CONTENT] = "delete-content",
        [LULL_SNAPSHOT_UNLOCK] = "unlock",
        [LULL_SNAPSHOT_REMOVE_FINALIZER] = "remove-finalizer",
    };

    return names[verb];
}
