/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/machine.h"

#include "protocol/clock.h"
#include "protocol/names.h"

#define GRACE (2 * LULL_MSEC(LULL_AGENT_GRACE_MS)) /* freezer and its client act before this machine does */

gboolean
lull_phase_is_frozen(LullPhase phase)
{
    return phase == LULL_PHASE_FREEZING || phase == LULL_PHASE_FROZEN || phase == LULL_PHASE_THAWING;
}

static gboolean
is_preparing(LullPhase phase)
{
    return phase == LULL_PHASE_PREPARING || phase == LULL_PHASE_PREPARED;
}

static LullTransition
stay(LullMachine state, LullAnswer answer)
{
    return (LullTransition){state, 0, answer};
}

static LullTransition
start(gboolean standard, gint64 budget, gint64 lease, gint64 now)
{
    LullMachine next = {.phase = LULL_PHASE_PREPARING, .standard = standard, .lease = lease};

    next.deadline = now + budget;
    return (LullTransition){next, LULL_DO_START, standard ? LULL_ANSWER_LATER : LULL_ANSWER_NOW};
}

gint64
lull_machine_freeze_limit(gboolean standard, gint64 lease)
{
    return standard ? MIN(lease / 2, LULL_MSEC(LULL_STANDARD_FREEZE_MS)) : lease / 2;
}

static LullTransition
freeze(LullMachine state, gint64 lease, LullAnswer answer, gint64 now)
{
    state.phase = LULL_PHASE_FREEZING;
    state.lease = lease;
    state.deadline = now + lull_machine_freeze_limit(state.standard, lease) + LULL_MSEC(LULL_AGENT_GRACE_MS);
    return (LullTransition){state, LULL_DO_FREEZE, answer};
}

/* The way out of every phase in which a freezer is there. */
static LullTransition
release(LullMachine state, const char *reason, LullAnswer answer, gint64 now)
{
    guint actions = LULL_DO_THAW;

    /* a freeze that somebody waits for has failed by this */
    if (state.phase == LULL_PHASE_FREEZING || (state.phase == LULL_PHASE_PREPARING && state.standard))
        actions |= LULL_DO_ANSWER;
    state.phase = is_preparing(state.phase) ? LULL_PHASE_ABORTING : LULL_PHASE_THAWING;
    state.deadline = now + LULL_MSEC(LULL_THAW_LIMIT_MS);
    if (reason)
        state.reason = reason;
    return (LullTransition){state, actions, answer};
}

static LullTransition
end(LullMachine state, const char *broken, gboolean timed_out)
{
    if (!state.reason)
        state.reason = broken;
    state.timed_out = state.timed_out || timed_out;
    if (state.was_frozen)
        state.proof = state.reason ? LULL_PROOF_BROKEN : LULL_PROOF_HELD;
    state.phase = LULL_PHASE_IDLE;
    state.deadline = 0;
    return (LullTransition){state, LULL_DO_END | LULL_DO_ANSWER, LULL_ANSWER_NONE};
}

static LullTransition
on_deadline(LullMachine state, gint64 now)
{
    LullTransition out;

    switch (state.phase) {
    case LULL_PHASE_PREPARING:
        state.timed_out = TRUE;
        return release(state, "timed out: preparing took longer than its budget", LULL_ANSWER_NONE, now);
    case LULL_PHASE_PREPARED:
        state.timed_out = TRUE;
        return release(state, "timed out: prepared, and nobody asked for the freeze", LULL_ANSWER_NONE, now);
    case LULL_PHASE_FREEZING:
        state.timed_out = TRUE;
        return release(state, "timed out: freezing took too long", LULL_ANSWER_NONE, now);
    case LULL_PHASE_FROZEN:
        return release(state, LULL_BROKEN_LEASE, LULL_ANSWER_NONE, now);
    case LULL_PHASE_THAWING:
    case LULL_PHASE_ABORTING:
        out = stay(state, LULL_ANSWER_NONE);
        out.actions = LULL_DO_THAW | LULL_DO_ANSWER;
        out.next.deadline = now + LULL_MSEC(LULL_THAW_LIMIT_MS);
        return out;
    case LULL_PHASE_IDLE:
    case LULL_PHASE_N:
        break;
    }
    return stay(state, LULL_ANSWER_NONE);
}

static LullTransition
on_prepare(LullMachine state, const LullEvent *event, gint64 now)
{
    if (state.phase == LULL_PHASE_IDLE)
        return start(FALSE, event->duration, 0, now);
    return stay(state, event->is_owner && is_preparing(state.phase) ? LULL_ANSWER_NOW : LULL_ANSWER_OTHER);
}

static LullTransition
on_freeze(LullMachine state, const LullEvent *event, gint64 now)
{
    if (state.phase == LULL_PHASE_IDLE)
        return stay(state, LULL_ANSWER_PAST);
    if (!event->is_owner)
        return stay(state, LULL_ANSWER_OTHER);
    switch (state.phase) {
    case LULL_PHASE_PREPARING:
        return stay(state, LULL_ANSWER_NOT_YET);
    case LULL_PHASE_PREPARED:
        return freeze(state, event->duration, LULL_ANSWER_LATER, now);
    case LULL_PHASE_FROZEN: /* the first answer was lost: the same again, no longer than it was */
        return stay(state, LULL_ANSWER_NOW);
    case LULL_PHASE_IDLE:
    case LULL_PHASE_FREEZING:
    case LULL_PHASE_THAWING:
    case LULL_PHASE_ABORTING:
    case LULL_PHASE_N:
        break;
    }
    return stay(state, LULL_ANSWER_OTHER);
}

static LullTransition
on_renew(LullMachine state, const LullEvent *event, gint64 now)
{
    LullTransition out = stay(state, LULL_ANSWER_PAST);

    if (state.phase == LULL_PHASE_FROZEN && event->is_owner && !event->other_epoch) {
        out.answer = LULL_ANSWER_NOW;
        out.actions = LULL_DO_RENEW;
        out.next.lease = event->duration;
        out.next.deadline = now + event->duration + GRACE;
    }
    return out;
}

/* Thaw and abort by the owner, thaw by anybody: whatever there is ends. */
static LullTransition
let_go(LullMachine state, const char *reason, gint64 now)
{
    if (state.phase == LULL_PHASE_IDLE)
        return stay(state, LULL_ANSWER_PAST);
    if (state.phase == LULL_PHASE_THAWING || state.phase == LULL_PHASE_ABORTING)
        return stay(state, LULL_ANSWER_LATER);
    if (state.phase == LULL_PHASE_FREEZING && !reason)
        reason = "let go before it was frozen";
    return release(state, reason, LULL_ANSWER_LATER, now);
}

static LullTransition
on_standard_thaw(LullMachine state, gint64 now)
{
    /* what another one prepares is not frozen: it is none of this thaw's business */
    if (is_preparing(state.phase) && !state.standard)
        return stay(state, LULL_ANSWER_NOW);
    return let_go(
        state, lull_phase_is_frozen(state.phase) && !state.standard ? LULL_BROKEN_FOREIGN_THAW : NULL, now);
}

static LullTransition
on_stop(LullMachine state, gint64 now)
{
    LullTransition out = let_go(state, "the agent was stopped", now);

    out.answer = state.phase == LULL_PHASE_IDLE ? LULL_ANSWER_NOW : LULL_ANSWER_LATER;
    return out;
}

static LullTransition
on_prepared(LullMachine state, gint64 now)
{
    if (state.phase != LULL_PHASE_PREPARING)
        return stay(state, LULL_ANSWER_NONE);
    if (state.standard)
        return freeze(state, state.lease, LULL_ANSWER_NONE, now);
    state.phase = LULL_PHASE_PREPARED;
    state.deadline = now + LULL_MSEC(LULL_PREPARED_LIMIT_MS);
    return stay(state, LULL_ANSWER_NONE);
}

static LullTransition
on_frozen(LullMachine state, const LullEvent *event, gint64 now)
{
    if (state.phase ==
        LULL_PHASE_THAWING) /* it came after we had given up: still undone, and it was frozen */
        state.was_frozen = state.was_frozen || event->n_frozen > 0;
    if (state.phase != LULL_PHASE_FREEZING)
        return stay(state, LULL_ANSWER_NONE);
    if (event->n_frozen == 0)
        return end(state, NULL, FALSE);
    state.phase = LULL_PHASE_FROZEN;
    state.was_frozen = TRUE;
    state.deadline = now + state.lease + GRACE;
    return (LullTransition){state, LULL_DO_ANSWER, LULL_ANSWER_NONE};
}

/* The freezer is done, asked or not. */
static LullTransition
on_gone(LullMachine state, const LullEvent *event)
{
    const char *broken = event->broken;

    if (state.phase == LULL_PHASE_IDLE)
        return stay(state, LULL_ANSWER_NONE);
    /* nobody asked for it, so it did not last, whatever it says itself */
    if (!broken && (is_preparing(state.phase) || state.phase == LULL_PHASE_FREEZING ||
                    state.phase == LULL_PHASE_FROZEN || event->kind == LULL_EVENT_LOST))
        broken = LULL_BROKEN_FREEZER;
    return end(state, broken, event->timed_out);
}

LullTransition
lull_machine_step(LullMachine state, LullEvent event, gint64 now)
{
    switch (event.kind) {
    case LULL_EVENT_TICK:
        if (state.deadline > 0 && now >= state.deadline)
            return on_deadline(state, now);
        break;
    case LULL_EVENT_STOP:
        return on_stop(state, now);
    case LULL_EVENT_STANDARD_THAW:
        return on_standard_thaw(state, now);
    case LULL_EVENT_THAW:
        if (state.phase != LULL_PHASE_IDLE && !event.is_owner)
            return stay(state, LULL_ANSWER_OTHER);
        return let_go(state, event.other_epoch ? "thawed under another epoch" : NULL, now);
    case LULL_EVENT_ABORT:
        if (!event.is_owner)
            return stay(state, LULL_ANSWER_PAST);
        return let_go(state, "aborted", now);
    case LULL_EVENT_FREEZE_FAILED:
    case LULL_EVENT_THAWED:
    case LULL_EVENT_LOST:
        return on_gone(state, &event);
    case LULL_EVENT_PREPARE:
        return on_prepare(state, &event, now);
    case LULL_EVENT_FREEZE:
        return on_freeze(state, &event, now);
    case LULL_EVENT_STANDARD_FREEZE:
        if (state.phase == LULL_PHASE_IDLE)
            return start(TRUE, LULL_MSEC(LULL_STANDARD_PREPARE_MS), event.duration, now);
        return stay(state, LULL_ANSWER_OTHER);
    case LULL_EVENT_RENEW:
        return on_renew(state, &event, now);
    case LULL_EVENT_PREPARED:
        return on_prepared(state, now);
    case LULL_EVENT_FROZEN:
        return on_frozen(state, &event, now);
    case LULL_EVENT_N:
        break;
    }
    return stay(state, LULL_ANSWER_NONE);
}
