/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/hold.h"

#include <errno.h>
#include <stdlib.h>

/* Both processes map the table: an atomic that needed a lock would have it in one of them only. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "the table needs lock-free words");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the table needs lock-free times");

#define COURSE(phase, reason) ((uint32_t)(phase) | (uint32_t)(reason) << 8)
#define THAW_TRIES            3

static LullHoldPhase
course_phase(uint32_t course)
{
    return (LullHoldPhase)(course & 0xff);
}

static void
step(const LullHoldOps *ops, LullStep which)
{
    if (ops->step)
        ops->step(which);
}

static void
mark(const LullHoldOps *ops, void *context, uint32_t index, LullHoldMark what)
{
    if (ops->mark)
        ops->mark(context, index, what);
}

LullHoldPhase
lull_hold_phase(LullHold *hold)
{
    return course_phase(atomic_load(&hold->course));
}

LullHoldReason
lull_hold_reason(LullHold *hold)
{
    return (LullHoldReason)(atomic_load(&hold->course) >> 8);
}

static bool
course_move(LullHold *hold, LullHoldPhase from, LullHoldPhase to)
{
    uint32_t expected = COURSE(from, LULL_HOLD_REASON_NONE);

    return atomic_compare_exchange_strong(&hold->course, &expected, COURSE(to, LULL_HOLD_REASON_NONE));
}

/* The course after @reason struck; the same where it changes nothing. */
static uint32_t
course_after(uint32_t course, LullHoldReason reason)
{
    switch (course_phase(course)) {
    case LULL_HOLD_IDLE:
        /* Nothing was frozen, so an end that was asked for breaks nothing. */
        return COURSE(LULL_HOLD_ENDED, reason == LULL_HOLD_REASON_ASKED ? LULL_HOLD_REASON_NONE : reason);
    case LULL_HOLD_FREEZING:
        return COURSE(LULL_HOLD_ENDED, reason);
    case LULL_HOLD_FROZEN:
        if (reason == LULL_HOLD_REASON_SLOW)
            return course;
        if (reason == LULL_HOLD_REASON_ASKED)
            return COURSE(LULL_HOLD_VERIFYING, LULL_HOLD_REASON_NONE);
        return COURSE(LULL_HOLD_ENDED, reason);
    case LULL_HOLD_VERIFYING:
        if (reason == LULL_HOLD_REASON_SLOW || reason == LULL_HOLD_REASON_ASKED)
            return course;
        return COURSE(LULL_HOLD_ENDED, reason);
    case LULL_HOLD_ENDED:
        break;
    }
    return course;
}

static void
lease_close(LullHold *hold)
{
    int64_t end = atomic_load(&hold->lease_end);

    while (end > 0 && !atomic_compare_exchange_weak(&hold->lease_end, &end, -end))
        continue;
}

bool
lull_hold_end(LullHold *hold, LullHoldReason reason, int64_t now)
{
    uint32_t course = atomic_load(&hold->course);
    uint32_t next;
    int64_t unset = 0;

    do {
        next = course_after(course, reason);
        if (next == course)
            return false;
    } while (!atomic_compare_exchange_weak(&hold->course, &course, next));

    lease_close(hold);
    (void)atomic_compare_exchange_strong(&hold->ended_at, &unset, now);
    return true;
}

bool
lull_hold_renew(LullHold *hold, int64_t now, int64_t lease_usec)
{
    int64_t end = atomic_load(&hold->lease_end);

    do {
        if (end <= 0 || now >= end)
            return false;
    } while (!atomic_compare_exchange_weak(&hold->lease_end, &end, now + lease_usec));

    /* Who ends the hold moves the course first: an end that this renewal overtook shows here. */
    return lull_hold_phase(hold) == LULL_HOLD_FREEZING || lull_hold_phase(hold) == LULL_HOLD_FROZEN;
}

int64_t
lull_hold_remaining(LullHold *hold, int64_t now)
{
    const int64_t end = atomic_load(&hold->lease_end);

    return end > now ? end - now : 0;
}

/* Expiry and renewal meet in one word, so exactly one of them wins. */
static void
lease_expire(LullHold *hold, int64_t now)
{
    int64_t end = atomic_load(&hold->lease_end);

    do {
        if (now < llabs(end))
            return;
    } while (end > 0 && !atomic_compare_exchange_weak(&hold->lease_end, &end, -end));
    (void)lull_hold_end(hold, LULL_HOLD_REASON_LEASE, now);
}

static int64_t
verify_by(LullHold *hold)
{
    const int64_t asked = atomic_load(&hold->ended_at);

    /* Between the course and its time there is an instant in which the time is not there yet. */
    return asked ? asked + LULL_HOLD_VERIFY_USEC : INT64_MAX;
}

bool
lull_hold_watch(LullHold *hold, int64_t now)
{
    switch (lull_hold_phase(hold)) {
    case LULL_HOLD_FREEZING:
        if (now >= atomic_load(&hold->freeze_by))
            (void)lull_hold_end(hold, LULL_HOLD_REASON_SLOW, now);
        break;
    case LULL_HOLD_FROZEN:
        lease_expire(hold, now);
        break;
    case LULL_HOLD_VERIFYING:
        lease_expire(hold, now);
        if (now >= verify_by(hold))
            (void)lull_hold_end(hold, LULL_HOLD_REASON_UNVERIFIED, now);
        break;
    case LULL_HOLD_IDLE:
    case LULL_HOLD_ENDED:
        break;
    }
    return lull_hold_phase(hold) == LULL_HOLD_ENDED;
}

int64_t
lull_hold_deadline(LullHold *hold)
{
    const int64_t lease_end = llabs(atomic_load(&hold->lease_end));

    switch (lull_hold_phase(hold)) {
    case LULL_HOLD_FREEZING:
        return atomic_load(&hold->freeze_by);
    case LULL_HOLD_FROZEN:
        return lease_end;
    case LULL_HOLD_VERIFYING:
        return verify_by(hold) < lease_end ? verify_by(hold) : lease_end;
    case LULL_HOLD_IDLE:
    case LULL_HOLD_ENDED:
        break;
    }
    return 0;
}

static bool
state_is_live(uint32_t state)
{
    switch ((LullMountState)state) {
    case LULL_MOUNT_FREEZING:
    case LULL_MOUNT_FROZEN:
    case LULL_MOUNT_VERIFYING:
    case LULL_MOUNT_THAWING_BY_FREEZER:
    case LULL_MOUNT_THAWING_BY_AGENT:
    case LULL_MOUNT_STUCK:
        return true;
    case LULL_MOUNT_PLANNED:
    case LULL_MOUNT_FAILED:
    case LULL_MOUNT_SKIPPED:
    case LULL_MOUNT_FOREIGN:
    case LULL_MOUNT_THAWED:
    case LULL_MOUNT_GONE:
        break;
    }
    return false;
}

uint32_t
lull_hold_first_live(LullHold *hold)
{
    uint32_t i = 0;

    while (i < hold->n_mounts && !state_is_live(atomic_load(&hold->mounts[i].state)))
        i++;
    return i;
}

bool
lull_hold_settled(LullHold *hold)
{
    return lull_hold_first_live(hold) == hold->n_mounts;
}

bool
lull_hold_went_through(LullHold *hold)
{
    const uint32_t course = atomic_load(&hold->course);

    switch (course_phase(course)) {
    case LULL_HOLD_FROZEN:
    case LULL_HOLD_VERIFYING:
        return true;
    case LULL_HOLD_ENDED:
        /* Thawed again so quickly that only the reason tells. */
        return course == COURSE(LULL_HOLD_ENDED, LULL_HOLD_REASON_NONE) && atomic_load(&hold->first_at) > 0;
    case LULL_HOLD_IDLE:
    case LULL_HOLD_FREEZING:
        break;
    }
    return false;
}

/* May @side thaw a mount that is in @state? A mount in FREEZING of a process that is gone may be frozen
 * or not, and in the narrowest of cases by somebody else: release comes first. */
static bool
may_claim(uint32_t state, LullHoldSide side, bool peer_gone)
{
    if (state == LULL_MOUNT_FROZEN || state == LULL_MOUNT_STUCK)
        return true;
    if (!peer_gone)
        return false;
    if (side == LULL_HOLD_SIDE_FREEZER)
        return state == LULL_MOUNT_THAWING_BY_AGENT;
    return state == LULL_MOUNT_FREEZING || state == LULL_MOUNT_VERIFYING ||
           state == LULL_MOUNT_THAWING_BY_FREEZER;
}

static bool
mount_claim(LullHoldMount *mount, LullHoldSide side, bool peer_gone)
{
    const uint32_t claimed =
        side == LULL_HOLD_SIDE_AGENT ? LULL_MOUNT_THAWING_BY_AGENT : LULL_MOUNT_THAWING_BY_FREEZER;
    uint32_t state = atomic_load(&mount->state);

    do {
        if (!may_claim(state, side, peer_gone))
            return false;
    } while (!atomic_compare_exchange_weak(&mount->state, &state, claimed));
    return true;
}

static void
mount_thaw(LullHold *hold, uint32_t index, const LullHoldOps *ops, void *context)
{
    LullHoldMount *mount = &hold->mounts[index];
    int error = ops->thaw(context, index);

    /* EINVAL: it is not frozen. Anything else left it frozen, so it is worth more than one try. */
    for (int i = 1; i < THAW_TRIES && error && error != EINVAL; i++)
        error = ops->thaw(context, index);

    if (error && error != EINVAL) {
        atomic_store(&mount->error, error);
        atomic_store(&mount->state, LULL_MOUNT_STUCK);
        return;
    }
    mark(ops, context, index, LULL_MARK_FREE);
    atomic_store(&hold->thawed_at, ops->now(context));
    atomic_store(&mount->state, error ? LULL_MOUNT_GONE : LULL_MOUNT_THAWED);
}

static void
expedite(LullHold *hold, bool on, const LullHoldOps *ops, void *context)
{
    if (!ops->expedite)
        return;
    if (on)
        atomic_store(&hold->expedited, 1);
    ops->expedite(context, on);
    if (!on)
        atomic_store(&hold->expedited, 0);
}

void
lull_hold_release(LullHold *hold, LullHoldSide side, bool peer_gone, const LullHoldOps *ops, void *context)
{
    bool any = false;

    for (uint32_t i = hold->n_mounts; i-- > 0;) {
        if (!mount_claim(&hold->mounts[i], side, peer_gone))
            continue;
        mount_thaw(hold, i, ops, context);
        if (!any)
            step(ops, LULL_STEP_FREEZER_FIRST_THAWED);
        any = true;
    }
    if (side == LULL_HOLD_SIDE_AGENT && peer_gone && atomic_load(&hold->expedited))
        expedite(hold, false, ops, context);
    if (any)
        step(ops, LULL_STEP_FREEZER_ALL_THAWED);
}

static LullMountState
state_after_freeze(int error)
{
    switch (error) {
    case 0:
        return LULL_MOUNT_FROZEN;
    case EBUSY:
        return LULL_MOUNT_FOREIGN;
    case EOPNOTSUPP:
    case ENOTTY:
        return LULL_MOUNT_SKIPPED;
    default:
        return LULL_MOUNT_FAILED;
    }
}

/* Freezes mount @index, which the caller has moved to FREEZING. False where it was to be frozen and could
 * not. The state is written before the course is looked at again: once the hold has ended and is settled, no
 * FIFREEZE follows. */
static bool
mount_freeze(LullHold *hold, uint32_t index, const LullHoldOps *ops, void *context)
{
    LullHoldMount *mount = &hold->mounts[index];
    const int64_t before = ops->now(context);
    LullMountState after;
    int error;

    if (lull_hold_phase(hold) != LULL_HOLD_FREEZING) {
        atomic_store(&mount->state, LULL_MOUNT_PLANNED);
        return true;
    }
    mark(ops, context, index, LULL_MARK_FREEZING);
    error = ops->freeze(context, index);
    after = state_after_freeze(error);
    mark(ops, context, index, after == LULL_MOUNT_FROZEN ? LULL_MARK_FROZEN : LULL_MARK_FREE);

    atomic_store(&mount->error, error);
    atomic_store(&mount->freeze_usec, ops->now(context) - before);
    atomic_store(&mount->state, after);
    if (after == LULL_MOUNT_FROZEN && !atomic_exchange(&hold->any_frozen, 1))
        step(ops, LULL_STEP_FREEZER_FIRST_FROZEN);
    return after != LULL_MOUNT_FAILED;
}

void
lull_hold_freeze_level(LullHold *hold, uint32_t level, const LullHoldOps *ops, void *context)
{
    for (uint32_t i = 0; i < hold->n_mounts && lull_hold_phase(hold) == LULL_HOLD_FREEZING; i++) {
        uint32_t planned = LULL_MOUNT_PLANNED;

        if (hold->mounts[i].level != level ||
            !atomic_compare_exchange_strong(&hold->mounts[i].state, &planned, LULL_MOUNT_FREEZING))
            continue;
        if (!mount_freeze(hold, i, ops, context) && atomic_load(&hold->strict))
            (void)lull_hold_end(hold, LULL_HOLD_REASON_REFUSED, ops->now(context));
    }
    /* Another thread may still be in a FIFREEZE that hangs: nothing waits for it. */
    if (lull_hold_phase(hold) == LULL_HOLD_ENDED)
        lull_hold_release(hold, LULL_HOLD_SIDE_FREEZER, false, ops, context);
}

static bool
any_failed(LullHold *hold)
{
    for (uint32_t i = 0; i < hold->n_mounts; i++) {
        if (atomic_load(&hold->mounts[i].state) == LULL_MOUNT_FAILED)
            return true;
    }
    return false;
}

uint32_t
lull_hold_level_after(const LullHold *hold, uint32_t level)
{
    uint32_t next = UINT32_MAX;

    for (uint32_t i = 0; i < hold->n_mounts; i++) {
        if (hold->mounts[i].level > level && hold->mounts[i].level < next)
            next = hold->mounts[i].level;
    }
    return next;
}

/* Freezes what is planned until all are done or somebody ended it. */
static void
freeze_all(LullHold *hold, const LullHoldOps *ops, void *context)
{
    uint32_t level = 0;

    do {
        if (ops->spread)
            ops->spread(context, level);
        else
            lull_hold_freeze_level(hold, level, ops, context);
        level = lull_hold_level_after(hold, level);
    } while (level != UINT32_MAX && lull_hold_phase(hold) == LULL_HOLD_FREEZING);
    atomic_store(&hold->frozen_at, ops->now(context));
}

static bool
mount_is_frozen(LullHoldMount *mount)
{
    return atomic_load(&mount->state) == LULL_MOUNT_FROZEN;
}

void
lull_hold_freeze(LullHold *hold, const LullHoldOps *ops, void *context)
{
    const int64_t now = ops->now(context);
    const int64_t lease = atomic_load(&hold->lease_usec);

    if (lull_hold_phase(hold) != LULL_HOLD_IDLE)
        return;
    atomic_store(&hold->first_at, now);
    atomic_store(&hold->freeze_by, now + atomic_load(&hold->within_usec));
    atomic_store(&hold->lease_end, now + lease);
    if (!course_move(hold, LULL_HOLD_IDLE, LULL_HOLD_FREEZING)) {
        lease_close(hold);
        return;
    }
    if (atomic_load(&hold->strict) && any_failed(hold))
        (void)lull_hold_end(hold, LULL_HOLD_REASON_REFUSED, now);

    ops->armed(context);
    step(ops, LULL_STEP_FREEZER_ARMED);
    expedite(hold, true, ops, context);
    freeze_all(hold, ops, context);
    expedite(hold, false, ops, context);
    step(ops, LULL_STEP_FREEZER_ALL_FROZEN);

    for (uint32_t i = 0; ops->writes && i < hold->n_mounts; i++) {
        if (mount_is_frozen(&hold->mounts[i]))
            atomic_store(&hold->mounts[i].writes_frozen, ops->writes(context, i));
    }
    if (!course_move(hold, LULL_HOLD_FREEZING, LULL_HOLD_FROZEN))
        lull_hold_release(hold, LULL_HOLD_SIDE_FREEZER, false, ops, context);
}

/* A second FIFREEZE on a mount that we hold. Whatever it answers, the mount is frozen once afterwards,
 * as far as we know, and ours to thaw. */
static void
mount_verify(LullHold *hold, uint32_t index, const LullHoldOps *ops, void *context)
{
    LullHoldMount *mount = &hold->mounts[index];
    uint32_t frozen = LULL_MOUNT_FROZEN;
    int error = EBUSY;

    if (!atomic_compare_exchange_strong(&mount->state, &frozen, LULL_MOUNT_VERIFYING))
        return;
    if (lull_hold_phase(hold) == LULL_HOLD_VERIFYING)
        error = ops->freeze(context, index);
    atomic_store(&mount->state, LULL_MOUNT_FROZEN);
    if (error != EBUSY)
        (void)lull_hold_end(hold, error ? LULL_HOLD_REASON_UNVERIFIED : LULL_HOLD_REASON_FOREIGN_THAW,
                            ops->now(context));
}

void
lull_hold_verify(LullHold *hold, const LullHoldOps *ops, void *context)
{
    if (lull_hold_phase(hold) != LULL_HOLD_VERIFYING)
        return;
    for (uint32_t i = 0; i < hold->n_mounts && lull_hold_phase(hold) == LULL_HOLD_VERIFYING; i++)
        mount_verify(hold, i, ops, context);
    for (uint32_t i = 0; ops->writes && i < hold->n_mounts; i++) {
        if (lull_hold_phase(hold) == LULL_HOLD_VERIFYING && mount_is_frozen(&hold->mounts[i]))
            atomic_store(&hold->mounts[i].writes_thaw, ops->writes(context, i));
    }

    (void)course_move(hold, LULL_HOLD_VERIFYING, LULL_HOLD_ENDED);
    step(ops, LULL_STEP_FREEZER_VERIFIED);
    lull_hold_release(hold, LULL_HOLD_SIDE_FREEZER, false, ops, context);
}
