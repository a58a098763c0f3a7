/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/grant-decide.h"

#define STEP(verb_, reason_, at_) ((LullGrantStep){LULL_GRANT_##verb_, (reason_), (at_)})

static gboolean
is_unclaimed(const LullGrantView *view)
{
    return view->granted > view->number;
}

/* To somebody else, or at least to nobody any more. */
static LullGrantStep
replace(const LullGrantView *view, const char *reason)
{
    return view->placed ? STEP(GIVE, reason, 0) : STEP(ADOPT, reason, 0);
}

/* Nobody knows how old a grant of an earlier term is. One that has run out for us has for its node too. */
static LullGrantStep
decide_unclaimed(const LullGrantView *view)
{
    const gint64 end = view->granted_at + view->valid_for + LULL_GRANT_SLACK;

    if (!view->ours)
        return replace(view, "EarlierTerm");
    if (view->misplaced)
        return replace(view, "MachineMoved");
    if (view->now < end)
        return STEP(WAIT, "Granted", end);
    return replace(view, "NotClaimed");
}

/* Until then whoever began the last attempt may be at work; 0: none is under way. */
static gint64
work_end(const LullGrantView *view)
{
    gint64 end = view->begun_at + LULL_GRANT_WORK;

    if (view->stage != LULL_CONTENT_BEGUN || is_unclaimed(view))
        return 0;
    if (view->unquiesced)
        end = view->begun_at + LULL_GRANT_PATIENCE;
    if (view->unquiesced && view->deadline)
        end = MIN(end, view->deadline);
    return end + LULL_GRANT_SLACK;
}

/* Whoever began it is at work, or would have said what became of it. */
static LullGrantStep
decide_begun(const LullGrantView *view)
{
    if (is_unclaimed(view))
        return decide_unclaimed(view);
    if (view->now < work_end(view))
        return STEP(WAIT, "AttemptRuns", work_end(view));
    return view->placed ? STEP(GIVE, "NodeLost", 0) : STEP(WAIT, "NoNode", 0);
}

/* All that there is to do is to look now and then whether it is there still. */
static gboolean
is_at_rest(const LullGrantView *view)
{
    return !view->deleting && lull_content_stage_is_final(view->stage) && view->stage != LULL_CONTENT_CUT;
}

/* Until then it may be its node's; 0: it is not. A node that comes and goes is not to be a write for each
 * that it keeps. */
static gint64
keep_end(const LullGrantView *view)
{
    const gint64 patience = is_at_rest(view) && view->lost_at ? view->lost_at + LULL_GRANT_RETURN : 0;

    return MAX(work_end(view), patience);
}

/* Nothing more is begun for it, but what there is may have to go, or to be looked after. */
static LullGrantStep
decide_rest(const LullGrantView *view, const char *reason)
{
    const gint64 end = keep_end(view);

    if (is_unclaimed(view)) /* the node need not be there for what nobody began */
        return STEP(ADOPT, reason, 0);
    if (view->orphaned)
        return view->now < end ? STEP(WAIT, "NodeMayReturn", end) : STEP(ADOPT, "NodeLost", 0);
    return STEP(WAIT, reason, 0);
}

static LullGrantStep
decide_next(const LullGrantView *view)
{
    if (is_unclaimed(view))
        return decide_unclaimed(view);
    if (view->now < view->retry_at)
        return STEP(WAIT, "RetryLater", view->retry_at);
    return view->placed ? STEP(GIVE, "Wanted", 0) : STEP(WAIT, "NoNode", 0);
}

LullGrantStep
lull_grant_decide(const LullGrantView *view)
{
    if (!view->exists)
        return STEP(WAIT, "Gone", 0);
    if (view->deleting || !view->wanted)
        return decide_rest(view, view->deleting ? "Deleted" : "Withdrawn");
    switch (view->stage) {
    case LULL_CONTENT_NEW:
    case LULL_CONTENT_FAILED:
        return decide_next(view);
    case LULL_CONTENT_BEGUN:
        return decide_begun(view);
    case LULL_CONTENT_GIVEN_UP:
    case LULL_CONTENT_REFUSED:
    case LULL_CONTENT_CUT:
    case LULL_CONTENT_SEALED:
    case LULL_CONTENT_BROKEN:
    case LULL_CONTENT_N:
        break;
    }
    return decide_rest(view, "Final");
}

gboolean
lull_grant_is_again(const LullGrantView *view)
{
    return is_unclaimed(view) && view->ours && !view->misplaced;
}

guint
lull_grant_next(const LullGrantView *view)
{
    return MAX(MAX(view->number, view->granted), view->last) + 1;
}

const char *
lull_grant_verb_to_string(LullGrantVerb verb)
{
    static const char *const names[] = {
        [LULL_GRANT_WAIT] = "wait",
        [LULL_GRANT_GIVE] = "give",
        [LULL_GRANT_ADOPT] = "adopt",
    };

    return names[verb];
}

LullCharge
lull_charge_of(const LullChargeFacts *facts)
{
    if (facts->granted ? !facts->named : !facts->labeled)
        return LULL_CHARGE_NONE;
    return facts->granted > facts->number && facts->good ? LULL_CHARGE_FULL : LULL_CHARGE_CARE;
}

gboolean
lull_charge_superseded(const LullChargeFacts *facts)
{
    return facts->granted > facts->number;
}
