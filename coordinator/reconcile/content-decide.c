/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-decide.h"

#include "protocol/clock.h"

#define STEP(verb_, reason_, at_) ((LullContentStep){LULL_CONTENT_##verb_, (reason_), (at_)})
#define MAX_QUIESCED              2
#define ATTEMPT_TIME              LULL_SEC(10) /* that one to quiesce a guest needs */
#define QUEUE_TIME                LULL_SEC(30) /* one that is refused, the pause, and a grant, before one that is not */

/* A job: what starts it, what follows it. One that failed is tried again after a while. */
static LullContentStep
decide_job(LullWork work, LullContentStep start, const char *running, const char *failed,
           LullContentStep done)
{
    switch (work) {
    case LULL_WORK_NONE:
        return start;
    case LULL_WORK_RUNNING:
        return STEP(WAIT, running, 0);
    case LULL_WORK_FAILED:
        return STEP(FORGET_FAILURE, failed, 0);
    case LULL_WORK_DONE:
        break;
    }
    return done;
}

static gboolean
has_work(const LullContentView *view)
{
    const LullWork works[] = {view->attempt, view->discard, view->follow, view->seal, view->removal};

    for (guint i = 0; i < sizeof works / sizeof *works; i++)
        if (works[i] != LULL_WORK_NONE)
            return TRUE;
    return FALSE;
}

/* The guest is let go first, then the data goes, then the object. */
static LullContentStep
decide_deleting(const LullContentView *view)
{
    if (view->attempt == LULL_WORK_RUNNING)
        return STEP(CANCEL_ATTEMPT, "ContentDeleted", 0);
    if (view->follow == LULL_WORK_RUNNING)
        return STEP(CANCEL_FOLLOW, "ContentDeleted", 0);
    if (view->seal == LULL_WORK_RUNNING)
        return STEP(CANCEL_SEAL, "ContentDeleted", 0);
    if (!view->has_finalizer)
        return STEP(WAIT, "NotOurs", 0);
    if (view->bare)
        return STEP(REMOVE_FINALIZER, "NoData", 0);
    return decide_job(view->removal, STEP(START_REMOVAL, "ContentDeleted", 0), "DataIsGoing", "DataNotGone",
                      STEP(REMOVE_FINALIZER, "DataGone", 0));
}

/* To ask the guest once more, and still be cut without a freeze if that comes to nothing: behind a queue that
 * takes its time. */
static gboolean
is_in_time(const LullContentView *view)
{
    const gint64 begin_at = MAX(view->now, view->retry_at);
    const gboolean is_first = !view->quiesced && !view->queue;

    return is_first || view->strict || !view->deadline ||
           begin_at + (view->queue ? QUEUE_TIME + view->queue : ATTEMPT_TIME) <= view->deadline;
}

/* Nobody freezes a guest again and again, nor lets a deadline pass while a snapshot could be had. */
static LullContentStep
decide_next_attempt(const LullContentView *view)
{
    const gboolean in_time = is_in_time(view);
    const gboolean quiesce = !view->unquiesced && view->quiesced < MAX_QUIESCED && in_time;

    if ((quiesce || view->unquiesced) && view->now < view->retry_at)
        return STEP(WAIT, "RetryLater", view->retry_at);
    if (view->strict && !quiesce)
        return STEP(RECORD_REFUSAL, "NeverQuiesced", 0);
    if (view->charge != LULL_CHARGE_FULL)
        return STEP(WAIT, "NotGranted", 0);
    if (view->bare)
        return STEP(RECORD_BARE, "NoVolumes", 0);
    if (quiesce)
        return STEP(BEGIN_ATTEMPT, view->quiesced ? "NotQuiesced" : "Wanted", 0);
    return STEP(BEGIN_UNQUIESCED, in_time ? "NeverQuiesced" : "NoTimeToQuiesce", 0);
}

static LullContentStep
decide_begun(const LullContentView *view)
{
    if (view->attempt == LULL_WORK_RUNNING && view->superseded)
        return STEP(CANCEL_ATTEMPT, "AnotherGranted", 0);
    if (view->attempt == LULL_WORK_RUNNING)
        return view->wanted ? STEP(WAIT, "AttemptRuns", 0) : STEP(CANCEL_ATTEMPT, "Withdrawn", 0);
    if (view->ours && !view->superseded)
        return view->wanted ? STEP(START_ATTEMPT, "NumberWritten", 0) : STEP(WAIT, "Withdrawn", 0);
    return decide_job(view->discard, STEP(START_DISCARD, "AttemptInterrupted", 0), "DataIsGoing",
                      "DataNotGone", STEP(RECORD_DISCARD, "DataGone", 0));
}

static LullContentStep
decide_cut(const LullContentView *view)
{
    const LullContentStep copied =
        view->copy == LULL_COPY_DONE ? STEP(START_SEAL, "Copied", 0) : STEP(RECORD_LOSS, "CopyLost", 0);
    const LullContentStep follow =
        decide_job(view->follow, STEP(START_FOLLOW, "Cut", 0), "CopyRuns", "CopyNotSeen", copied);
    LullContentStep step =
        decide_job(view->seal, follow, "SealRuns", "NotSealed", STEP(RECORD_SEAL, "Sealed", 0));

    if (!step.again_at && view->now < view->tell_at)
        step.again_at = view->tell_at;
    return step;
}

/* There is nothing to tell of it, and its grant is about to be written. */
static gboolean
is_untouched(const LullContentView *view)
{
    return view->stage == LULL_CONTENT_NEW && view->charge == LULL_CHARGE_CARE;
}

/* What was told of the copy goes when its end is told. */
static gboolean
is_sealed_soon(const LullContentView *view)
{
    return view->stage == LULL_CONTENT_CUT && view->follow == LULL_WORK_DONE &&
           view->copy == LULL_COPY_DONE && view->seal != LULL_WORK_FAILED;
}

LullContentStep
lull_content_decide(const LullContentView *view)
{
    if (!view->exists)
        return STEP(WAIT, "Gone", 0);
    if (view->charge == LULL_CHARGE_NONE)
        return has_work(view) ? STEP(ABANDON, "AnotherNodes", 0) : STEP(WAIT, "AnotherNodes", 0);
    if (view->deleting)
        return decide_deleting(view);
    if (view->stage == LULL_CONTENT_BEGUN && view->attempt == LULL_WORK_DONE && !view->superseded)
        return STEP(RECORD_ATTEMPT, "AttemptEnded", 0);
    if (view->seal_unsaid)
        return STEP(RECORD_SEAL, "SealUnsaid", 0);
    if (view->status_stale && !view->status_hushed && !is_untouched(view))
        return STEP(WRITE_STATUS, "StatusDiffers", 0);
    if (view->progress_stale && !is_sealed_soon(view))
        return STEP(WRITE_PROGRESS, "ProgressMade", 0);
    switch (view->stage) {
    case LULL_CONTENT_NEW:
    case LULL_CONTENT_FAILED:
        return view->wanted ? decide_next_attempt(view) : STEP(WAIT, "Withdrawn", 0);
    case LULL_CONTENT_BEGUN:
        return decide_begun(view);
    case LULL_CONTENT_CUT:
        return decide_cut(view);
    case LULL_CONTENT_SEALED:
        return STEP(WAIT, "Final", view->check_at);
    case LULL_CONTENT_GIVEN_UP:
    case LULL_CONTENT_REFUSED:
    case LULL_CONTENT_BROKEN:
    case LULL_CONTENT_N:
        break;
    }
    return STEP(WAIT, "Final", 0);
}

const char *
lull_content_verb_to_string(LullContentVerb verb)
{
    static const char *const names[] = {
        [LULL_CONTENT_WAIT] = "wait",
        [LULL_CONTENT_WRITE_STATUS] = "write-status",
        [LULL_CONTENT_WRITE_PROGRESS] = "write-progress",
        [LULL_CONTENT_BEGIN_ATTEMPT] = "begin-attempt",
        [LULL_CONTENT_BEGIN_UNQUIESCED] = "begin-unquiesced",
        [LULL_CONTENT_RECORD_REFUSAL] = "record-refusal",
        [LULL_CONTENT_START_ATTEMPT] = "start-attempt",
        [LULL_CONTENT_CANCEL_ATTEMPT] = "cancel-attempt",
        [LULL_CONTENT_RECORD_ATTEMPT] = "record-attempt",
        [LULL_CONTENT_RECORD_BARE] = "record-bare",
        [LULL_CONTENT_ABANDON] = "abandon",
        [LULL_CONTENT_START_DISCARD] = "start-discard",
        [LULL_CONTENT_RECORD_DISCARD] = "record-discard",
        [LULL_CONTENT_START_FOLLOW] = "start-follow",
        [LULL_CONTENT_CANCEL_FOLLOW] = "cancel-follow",
        [LULL_CONTENT_START_SEAL] = "start-seal",
        [LULL_CONTENT_CANCEL_SEAL] = "cancel-seal",
        [LULL_CONTENT_RECORD_SEAL] = "record-seal",
        [LULL_CONTENT_RECORD_LOSS] = "record-loss",
        [LULL_CONTENT_START_REMOVAL] = "start-removal",
        [LULL_CONTENT_REMOVE_FINALIZER] = "remove-finalizer",
        [LULL_CONTENT_FORGET_FAILURE] = "forget-failure",
    };

    return names[verb];
}
