/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt-decide.h"

#include "protocol/clock.h"

#define BUSY_FIRST LULL_SEC(1)
#define BUSY_MAX   LULL_SEC(15)

#define STEP(verb_, reason_) ((LullAttemptStep){LULL_ATTEMPT_##verb_, (reason_)})

static gboolean
is_over(const LullAttemptView *view)
{
    return view->cancelled || (view->deadline && view->now >= view->deadline);
}

/* Nothing is begun any more. What leaves us is not followed; what is cut by then is cut. */
static gboolean
is_given_up(const LullAttemptView *view)
{
    return is_over(view) || (view->leaving && view->cut == LULL_TRIED_NOT);
}

/* The guest is frozen, and nothing else matters. */
static LullAttemptStep
decide_frozen(const LullAttemptView *view)
{
    if (view->cancelled)
        return STEP(THAW, "Cancelled");
    if (is_over(view))
        return STEP(THAW, "DeadlinePassed");
    if (view->cut == LULL_TRIED_FAILED)
        return STEP(THAW, "CutFailed");
    if (view->cut == LULL_TRIED_DONE)
        return view->second == LULL_TRIED_NOT ? STEP(WITNESS_SECOND, "Cut") : STEP(THAW, "Cut");
    if (view->leaving)
        return STEP(THAW, "Leaves");
    return view->first == LULL_TRIED_NOT ? STEP(WITNESS_FIRST, "Frozen") : STEP(CUT, "Frozen");
}

/* Whoever would stand still for a cut that comes too late is not frozen: it ends, and is tried again. */
static gboolean
takes_too_long(const LullAttemptView *view)
{
    return view->freeze == LULL_TRIED_NOT && view->patience > 0 && view->alone > view->patience;
}

/* It would not, were it not for others, for who is asked for the cut, or for a deadline of ours: none is the
 * guest's fault. */
static gboolean
is_queued(const LullAttemptView *view)
{
    return view->freeze == LULL_TRIED_NOT && view->patience > 0 && view->alone <= view->patience &&
           (view->asking > 0 || view->behind > view->patience ||
            (view->left > 0 && view->behind > view->left));
}

/* The guest knows of the operation, but is not frozen. */
static LullAttemptStep
decide_engaged(const LullAttemptView *view)
{
    if (is_given_up(view))
        return STEP(THAW, "GivenUp");
    if (view->prepare == LULL_TRIED_FAILED)
        return STEP(THAW, "NotPrepared");
    if (takes_too_long(view))
        return STEP(THAW, "TakesTooLong");
    if (is_queued(view))
        return STEP(THAW, LULL_ATTEMPT_QUEUED);
    if (view->freeze == LULL_TRIED_FAILED)
        return STEP(THAW, "NotFrozen");
    if (view->marked == LULL_TRIED_FAILED)
        return STEP(THAW, "NotNoted");
    if (view->stock && view->marked == LULL_TRIED_NOT)
        return STEP(MARK_INTENT, "Prepared");
    return STEP(FREEZE, "Prepared");
}

/* The guest knows of nothing of ours, and will not. */
static gboolean
is_intent_spent(const LullAttemptView *view)
{
    return view->intent != LULL_TRIED_NOT && view->intent_removed == LULL_TRIED_NOT &&
           (view->thaw != LULL_TRIED_NOT || view->cut != LULL_TRIED_NOT ||
            view->intent == LULL_TRIED_FAILED || is_given_up(view));
}

LullAttemptStep
lull_attempt_decide(const LullAttemptView *view)
{
    if (view->freeze == LULL_TRIED_DONE && view->thaw == LULL_TRIED_NOT)
        return decide_frozen(view);
    if (view->prepare != LULL_TRIED_NOT && view->thaw == LULL_TRIED_NOT)
        return decide_engaged(view);
    if (is_intent_spent(view))
        return STEP(REMOVE_INTENT, "NothingHeld");
    if (view->cut != LULL_TRIED_NOT)
        return STEP(END, "Cut");
    if (is_given_up(view))
        return STEP(END, "GivenUp");
    if (view->storage == LULL_TRIED_FAILED)
        return STEP(END, "NoStorage");
    if (view->intent == LULL_TRIED_FAILED || view->marked == LULL_TRIED_FAILED)
        return STEP(END, "NoIntent");
    if (view->probe == LULL_TRIED_FAILED && view->unreached)
        return STEP(END, "NotReached");
    if (view->freeze == LULL_TRIED_DONE)
        return STEP(END, "ThawedEarly");
    if (view->storage == LULL_TRIED_NOT)
        return STEP(PREPARE_STORAGE, "Begun");
    if (!view->unasked && view->probe == LULL_TRIED_NOT)
        return STEP(PROBE, "TargetsMade");
    if (!view->unasked && view->probe == LULL_TRIED_DONE && view->intent == LULL_TRIED_NOT)
        return STEP(WRITE_INTENT, "AgentFound");
    if (!view->unasked && view->probe == LULL_TRIED_DONE && view->prepare == LULL_TRIED_NOT)
        return STEP(PREPARE_GUEST, "Noted");
    if (view->prepare == LULL_TRIED_DONE && is_queued(view))
        return STEP(END, LULL_ATTEMPT_QUEUED);
    if (view->strict || (view->prepare != LULL_TRIED_NOT && !view->hopeless))
        return STEP(END, "NotFrozen");
    return STEP(CUT, view->unasked ? "Unasked" : "NotFrozen");
}

/* Each look is a dozen requests to an API server. Nobody waits for longer than he has to by more than a
 * quarter. */
gint64
lull_attempt_busy_pause(gint64 waited)
{
    return CLAMP(waited / 4, BUSY_FIRST, BUSY_MAX);
}

const char *
lull_attempt_verb_to_string(LullAttemptVerb verb)
{
    static const char *const names[] = {
        [LULL_ATTEMPT_END] = "end",
        [LULL_ATTEMPT_PREPARE_STORAGE] = "prepare-storage",
        [LULL_ATTEMPT_PROBE] = "probe",
        [LULL_ATTEMPT_PREPARE_GUEST] = "prepare-guest",
        [LULL_ATTEMPT_WRITE_INTENT] = "write-intent",
        [LULL_ATTEMPT_MARK_INTENT] = "mark-intent",
        [LULL_ATTEMPT_FREEZE] = "freeze",
        [LULL_ATTEMPT_WITNESS_FIRST] = "witness-first",
        [LULL_ATTEMPT_CUT] = "cut",
        [LULL_ATTEMPT_WITNESS_SECOND] = "witness-second",
        [LULL_ATTEMPT_THAW] = "thaw",
        [LULL_ATTEMPT_REMOVE_INTENT] = "remove-intent",
    };

    return names[verb];
}
