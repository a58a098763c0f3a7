/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The rules of a hold against a kernel that is played: every point at which another thread or process
 * can strike is a call of that kernel, so all interleavings of one stroke can be enumerated, and a
 * process that is killed there is a jump out of it. Threads in earnest follow, for TSan too. */

#include "agent/freezer/hold.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>

#include "tests/lib/check-main.h"

#define N     4
#define LEASE 1000

typedef struct {
    LullHold *hold;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t clock;
    bool frozen[N];
    bool foreign[N]; /* frozen by somebody else before us */
    int refuses[N];  /* errno of FIFREEZE, or 0 */
    int hangs;       /* FIFREEZE of this one waits; -1: none */
    bool is_hanging;
    int thaws[N];     /* successful ones */
    int thaw_refused; /* so many FITHAW fail */
    LullHoldMark marks[N];
    int unmarked;      /* FIFREEZE of a mount that was not marked before */
    int foreign_thaws; /* FITHAW of what is somebody else's */
    int order[2 * N];  /* +1+i frozen, -1-i thawed */
    int n_order;
    int armed_when_frozen; /* freezes issued before armed() was called */
    bool armed;

    int settled_at; /* n_order when the stroke had left an ended hold with nothing live; -1: it had not */
    int strike_at;  /* which point, counted from 1; 0: none */
    int point;
    void (*strike)(void *kernel);
} Kernel;

static jmp_buf killed;

static void
pass_point(Kernel *kernel)
{
    if (++kernel->point != kernel->strike_at)
        return;
    kernel->strike(kernel);
    if (lull_hold_phase(kernel->hold) == LULL_HOLD_ENDED && lull_hold_settled(kernel->hold))
        kernel->settled_at = kernel->n_order;
}

static int64_t
fake_now(void *context)
{
    Kernel *kernel = context;
    int64_t now;

    pthread_mutex_lock(&kernel->lock);
    now = kernel->clock;
    pthread_mutex_unlock(&kernel->lock);
    return now;
}

/* The freezing thread's: a point like any other. */
static int64_t
worker_now(void *context)
{
    pass_point(context);
    return fake_now(context);
}

static void
set_clock(Kernel *kernel, int64_t now)
{
    pthread_mutex_lock(&kernel->lock);
    kernel->clock = now;
    pthread_mutex_unlock(&kernel->lock);
}

static int
freeze_now(Kernel *kernel, uint32_t i)
{
    int error = 0;

    pthread_mutex_lock(&kernel->lock);
    kernel->unmarked += kernel->marks[i] == LULL_MARK_FREE;
    kernel->armed_when_frozen += !kernel->armed;
    while (kernel->hangs == (int)i) {
        kernel->is_hanging = true;
        pthread_cond_broadcast(&kernel->changed);
        pthread_cond_wait(&kernel->changed, &kernel->lock);
    }
    if (kernel->refuses[i])
        error = kernel->refuses[i];
    else if (kernel->frozen[i] || kernel->foreign[i])
        error = EBUSY;
    else
        kernel->frozen[i] = true;
    if (!error && kernel->n_order < 2 * N)
        kernel->order[kernel->n_order++] = 1 + (int)i;
    pthread_mutex_unlock(&kernel->lock);
    return error;
}

static int
fake_freeze(void *context, uint32_t i)
{
    int error;

    pass_point(context);
    error = freeze_now(context, i);
    pass_point(context);
    return error;
}

static int
thaw_now(Kernel *kernel, uint32_t i)
{
    int error = 0;

    pthread_mutex_lock(&kernel->lock);
    kernel->foreign_thaws += kernel->foreign[i];
    if (kernel->thaw_refused > 0) {
        kernel->thaw_refused--;
        pthread_mutex_unlock(&kernel->lock);
        return EIO;
    }
    if (!kernel->frozen[i])
        error = EINVAL;
    kernel->frozen[i] = false;
    kernel->thaws[i] += !error;
    if (!error && kernel->n_order < 2 * N)
        kernel->order[kernel->n_order++] = -1 - (int)i;
    pthread_mutex_unlock(&kernel->lock);
    return error;
}

static int
fake_thaw(void *context, uint32_t i)
{
    int error;

    pass_point(context);
    error = thaw_now(context, i);
    pass_point(context);
    return error;
}

static int64_t
fake_writes(void *context, uint32_t i)
{
    pass_point(context);
    return 100 + (int64_t)i;
}

static void
fake_armed(void *context)
{
    Kernel *kernel = context;

    pass_point(kernel);
    kernel->armed = true;
    pass_point(kernel);
}

static void
fake_mark(void *context, uint32_t i, LullHoldMark mark)
{
    Kernel *kernel = context;

    pass_point(kernel);
    pthread_mutex_lock(&kernel->lock);
    kernel->marks[i] = mark;
    pthread_mutex_unlock(&kernel->lock);
    pass_point(kernel);
}

static const LullHoldOps ops = {
    .now = worker_now,
    .freeze = fake_freeze,
    .thaw = fake_thaw,
    .writes = fake_writes,
    .armed = fake_armed,
    .mark = fake_mark,
};

/* The other side's: the same kernel, no points. */
static int
other_freeze(void *context, uint32_t i)
{
    return EPERM;
}

static int
other_thaw(void *context, uint32_t i)
{
    return thaw_now(context, i);
}

static void
other_mark(void *context, uint32_t i, LullHoldMark mark)
{
    Kernel *kernel = context;

    pthread_mutex_lock(&kernel->lock);
    kernel->marks[i] = mark;
    pthread_mutex_unlock(&kernel->lock);
}

static const LullHoldOps other_ops = {
    .now = fake_now,
    .freeze = other_freeze,
    .thaw = other_thaw,
    .mark = other_mark,
};

static Kernel *
kernel_new(void)
{
    Kernel *kernel = g_new0(Kernel, 1);

    kernel->hold = g_malloc0(sizeof(LullHold) + N * sizeof(LullHoldMount));
    kernel->hold->n_mounts = N;
    kernel->clock = 5000;
    kernel->hangs = kernel->settled_at = -1;
    atomic_store(&kernel->hold->lease_usec, LEASE);
    atomic_store(&kernel->hold->within_usec, LEASE / 2);
    pthread_mutex_init(&kernel->lock, NULL);
    pthread_cond_init(&kernel->changed, NULL);
    return kernel;
}

static void
kernel_free(Kernel *kernel)
{
    pthread_mutex_destroy(&kernel->lock);
    pthread_cond_destroy(&kernel->changed);
    g_free(kernel->hold);
    g_free(kernel);
}

static LullMountState
state(Kernel *kernel, int i)
{
    return (LullMountState)atomic_load(&kernel->hold->mounts[i].state);
}

static void
assert_all_released_once(Kernel *kernel)
{
    ck_assert(lull_hold_settled(kernel->hold));
    ck_assert_int_eq(lull_hold_phase(kernel->hold), LULL_HOLD_ENDED);
    ck_assert_int_eq(kernel->foreign_thaws, 0);
    for (int i = 0; i < N; i++) {
        ck_assert(!kernel->frozen[i]);
        ck_assert_int_le(kernel->thaws[i], 1);
        ck_assert_int_eq(kernel->marks[i], LULL_MARK_FREE);
    }
}

/* The watcher's turn. */
static void
watcher_turn(Kernel *kernel)
{
    if (lull_hold_watch(kernel->hold, fake_now(kernel)))
        lull_hold_release(kernel->hold, LULL_HOLD_SIDE_FREEZER, false, &other_ops, kernel);
}

static void
freeze_and_thaw(Kernel *kernel)
{
    lull_hold_freeze(kernel->hold, &ops, kernel);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, fake_now(kernel));
    lull_hold_verify(kernel->hold, &ops, kernel);
    watcher_turn(kernel);
}

START_TEST(only_what_is_ours_is_marked_and_before_it_is_frozen)
{
    Kernel *kernel = kernel_new();

    kernel->foreign[1] = true;
    kernel->refuses[2] = EOPNOTSUPP;
    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert_int_eq(kernel->unmarked, 0);
    ck_assert_int_eq(kernel->marks[0], LULL_MARK_FROZEN);
    ck_assert_int_eq(kernel->marks[1], LULL_MARK_FREE);
    ck_assert_int_eq(kernel->marks[2], LULL_MARK_FREE);
    ck_assert_int_eq(kernel->marks[3], LULL_MARK_FROZEN);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_LEASE, kernel->clock);
    watcher_turn(kernel);
    assert_all_released_once(kernel);
    kernel_free(kernel);
}
END_TEST

START_TEST(what_cannot_be_thawed_stays_ours_until_it_can)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    kernel->thaw_refused = 3;
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_LEASE, kernel->clock);
    watcher_turn(kernel);
    ck_assert_int_eq(state(kernel, N - 1), LULL_MOUNT_STUCK);
    ck_assert(!lull_hold_settled(kernel->hold));
    ck_assert_int_eq(kernel->marks[N - 1], LULL_MARK_FROZEN);
    ck_assert(!kernel->frozen[0]);
    watcher_turn(kernel);
    ck_assert_int_eq(state(kernel, N - 1), LULL_MOUNT_THAWED);
    assert_all_released_once(kernel);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_hold_that_lasts_is_proven_and_thawed_in_mirrored_order)
{
    Kernel *kernel = kernel_new();
    static const int expected[] = {1, 2, 3, 4, -4, -3, -2, -1};

    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert_int_eq(lull_hold_phase(kernel->hold), LULL_HOLD_FROZEN);
    ck_assert_int_eq(kernel->armed_when_frozen, 0);
    ck_assert_int_eq(atomic_load(&kernel->hold->mounts[2].writes_frozen), 102);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
    ck_assert_int_eq(lull_hold_phase(kernel->hold), LULL_HOLD_VERIFYING);
    ck_assert(kernel->frozen[0]);
    lull_hold_verify(kernel->hold, &ops, kernel);

    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_NONE);
    ck_assert(lull_hold_went_through(kernel->hold));
    ck_assert_int_eq(memcmp(kernel->order, expected, sizeof expected), 0);
    ck_assert_int_eq(state(kernel, 0), LULL_MOUNT_THAWED);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_foreign_freeze_is_left_alone_and_no_failure_even_when_strict)
{
    Kernel *kernel = kernel_new();

    kernel->foreign[1] = true;
    atomic_store(&kernel->hold->strict, 1);
    freeze_and_thaw(kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_NONE);
    ck_assert_int_eq(state(kernel, 1), LULL_MOUNT_FOREIGN);
    ck_assert(kernel->foreign[1]);
    kernel_free(kernel);
}
END_TEST

START_TEST(what_cannot_be_frozen_is_skipped)
{
    Kernel *kernel = kernel_new();

    kernel->refuses[0] = EOPNOTSUPP;
    atomic_store(&kernel->hold->strict, 1);
    freeze_and_thaw(kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_NONE);
    ck_assert_int_eq(state(kernel, 0), LULL_MOUNT_SKIPPED);
    ck_assert_int_eq(kernel->thaws[0], 0);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_failure_undoes_all_only_when_strict)
{
    for (int strict = 0; strict < 2; strict++) {
        Kernel *kernel = kernel_new();

        kernel->refuses[2] = EIO;
        atomic_store(&kernel->hold->strict, (uint32_t)strict);
        lull_hold_freeze(kernel->hold, &ops, kernel);
        ck_assert_int_eq(state(kernel, 2), LULL_MOUNT_FAILED);
        ck_assert_int_eq(atomic_load(&kernel->hold->mounts[2].error), EIO);
        ck_assert_int_eq(kernel->frozen[0], !strict);
        ck_assert_int_eq(lull_hold_went_through(kernel->hold), !strict);
        if (strict) {
            assert_all_released_once(kernel);
            ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_REFUSED);
            ck_assert_int_eq(state(kernel, 3), LULL_MOUNT_PLANNED);
        }
        kernel_free(kernel);
    }
}
END_TEST

START_TEST(a_mount_that_could_not_be_opened_keeps_a_strict_freeze_from_starting)
{
    Kernel *kernel = kernel_new();

    atomic_store(&kernel->hold->mounts[3].state, LULL_MOUNT_FAILED);
    atomic_store(&kernel->hold->strict, 1);
    lull_hold_freeze(kernel->hold, &ops, kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_REFUSED);
    ck_assert_int_eq(kernel->n_order, 0);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_thaw_behind_our_back_breaks_the_hold_and_leaves_nothing_frozen)
{
    for (int i = 0; i < N; i++) {
        Kernel *kernel = kernel_new();

        lull_hold_freeze(kernel->hold, &ops, kernel);
        kernel->frozen[i] = false;
        (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
        lull_hold_verify(kernel->hold, &ops, kernel);
        assert_all_released_once(kernel);
        ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_FOREIGN_THAW);
        kernel_free(kernel);
    }
}
END_TEST

START_TEST(a_verification_that_answers_otherwise_proves_nothing)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    kernel->refuses[0] = EIO;
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
    lull_hold_verify(kernel->hold, &ops, kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_UNVERIFIED);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_thaw_before_the_freeze_keeps_it_from_ever_starting)
{
    Kernel *kernel = kernel_new();

    ck_assert(lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock));
    lull_hold_freeze(kernel->hold, &ops, kernel);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_NONE);
    ck_assert(!lull_hold_went_through(kernel->hold));
    ck_assert_int_eq(kernel->n_order, 0);
    kernel_free(kernel);
}
END_TEST

START_TEST(the_first_reason_stays)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert(lull_hold_end(kernel->hold, LULL_HOLD_REASON_LEASE, kernel->clock));
    for (int reason = LULL_HOLD_REASON_ASKED; reason < LULL_HOLD_REASON_N; reason++)
        ck_assert(!lull_hold_end(kernel->hold, (LullHoldReason)reason, kernel->clock));
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_LEASE);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_lease_is_renewed_until_the_moment_it_ends)
{
    Kernel *kernel = kernel_new();
    const int64_t start = kernel->clock;

    ck_assert(!lull_hold_renew(kernel->hold, start, LEASE));
    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert_int_eq(lull_hold_deadline(kernel->hold), start + LEASE);
    ck_assert(!lull_hold_watch(kernel->hold, start + LEASE - 1));
    ck_assert(lull_hold_renew(kernel->hold, start + LEASE - 1, LEASE));
    ck_assert(!lull_hold_watch(kernel->hold, start + LEASE));
    ck_assert_int_eq(lull_hold_remaining(kernel->hold, start + LEASE), LEASE - 1);
    ck_assert(lull_hold_renew(kernel->hold, start + LEASE, 10)); /* shorter is allowed */
    ck_assert_int_eq(lull_hold_deadline(kernel->hold), start + LEASE + 10);

    ck_assert(
        !lull_hold_renew(kernel->hold, start + LEASE + 10, LEASE)); /* too late, though nobody noticed */
    ck_assert(lull_hold_watch(kernel->hold, start + LEASE + 10));
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_LEASE);
    ck_assert(!lull_hold_renew(kernel->hold, start, LEASE));
    ck_assert_int_eq(lull_hold_remaining(kernel->hold, start), 0);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_lease_cannot_be_renewed_once_thaw_was_asked_for_but_still_ends)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
    ck_assert(!lull_hold_renew(kernel->hold, kernel->clock, LEASE));
    ck_assert_int_eq(lull_hold_remaining(kernel->hold, kernel->clock), 0);
    ck_assert(!lull_hold_watch(kernel->hold, kernel->clock + LEASE - 1));
    ck_assert(lull_hold_watch(kernel->hold, kernel->clock + LEASE));
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_LEASE);
    kernel_free(kernel);
}
END_TEST

START_TEST(verification_is_bounded_when_the_lease_is_long)
{
    Kernel *kernel = kernel_new();

    atomic_store(&kernel->hold->lease_usec, 100 * LULL_HOLD_VERIFY_USEC);
    lull_hold_freeze(kernel->hold, &ops, kernel);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
    ck_assert_int_eq(lull_hold_deadline(kernel->hold), kernel->clock + LULL_HOLD_VERIFY_USEC);
    ck_assert(!lull_hold_watch(kernel->hold, kernel->clock + LULL_HOLD_VERIFY_USEC - 1));
    ck_assert(lull_hold_watch(kernel->hold, kernel->clock + LULL_HOLD_VERIFY_USEC));
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_UNVERIFIED);
    kernel_free(kernel);
}
END_TEST

START_TEST(being_slow_ends_a_freeze_but_not_a_hold)
{
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    ck_assert(!lull_hold_end(kernel->hold, LULL_HOLD_REASON_SLOW, kernel->clock));
    ck_assert(lull_hold_renew(kernel->hold, kernel->clock, LEASE));
    kernel_free(kernel);
}
END_TEST

/* -- one stroke at every point ------------------------------------------------------------------ */

static void
strike_lease_end(void *data)
{
    Kernel *kernel = data;

    set_clock(kernel, kernel->clock + LEASE);
    watcher_turn(kernel);
}

static void
strike_half_lease(void *data)
{
    Kernel *kernel = data;

    set_clock(kernel, kernel->clock + LEASE / 2);
    watcher_turn(kernel);
}

static void
strike_agent_lost(void *data)
{
    Kernel *kernel = data;

    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_AGENT, fake_now(kernel));
    lull_hold_release(kernel->hold, LULL_HOLD_SIDE_FREEZER, true, &other_ops, kernel);
}

static void
strike_thaw(void *data)
{
    Kernel *kernel = data;

    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, fake_now(kernel));
    watcher_turn(kernel);
}

static void
strike_take_over(void *data)
{
    Kernel *kernel = data;

    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_FREEZER, fake_now(kernel));
    lull_hold_release(kernel->hold, LULL_HOLD_SIDE_AGENT, false, &other_ops, kernel);
}

static void (*const strokes[])(void *) = {
    strike_lease_end, strike_half_lease, strike_agent_lost, strike_thaw, strike_take_over,
};

/* The points of a whole undisturbed run. */
static int
count_points(void)
{
    Kernel *kernel = kernel_new();
    int points;

    freeze_and_thaw(kernel);
    points = kernel->point;
    kernel_free(kernel);
    return points;
}

START_TEST(whatever_strikes_at_whatever_point_each_mount_is_thawed_exactly_once)
{
    const int points = count_points();

    ck_assert_int_gt(points, 5 * N);
    for (int at = 1; at <= points; at++) {
        Kernel *kernel = kernel_new();

        kernel->strike_at = at;
        kernel->strike = strokes[_i];
        kernel->foreign[1] = true;
        freeze_and_thaw(kernel);
        assert_all_released_once(kernel);
        ck_assert_int_eq(kernel->armed_when_frozen, 0);
        if (kernel->settled_at >= 0)
            ck_assert_int_eq(kernel->n_order, kernel->settled_at);
        kernel_free(kernel);
    }
}
END_TEST

static void
strike_kill(void *data)
{
    longjmp(killed, 1);
}

START_TEST(a_freezer_killed_at_whatever_point_leaves_nothing_that_the_agent_does_not_thaw)
{
    const int points = count_points();

    for (volatile int at = 1; at <= points; at++) {
        Kernel *kernel = kernel_new();

        kernel->strike_at = at;
        kernel->strike = strike_kill;
        if (!setjmp(killed))
            freeze_and_thaw(kernel);
        (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_FREEZER, kernel->clock);
        lull_hold_release(kernel->hold, LULL_HOLD_SIDE_AGENT, true, &other_ops, kernel);
        assert_all_released_once(kernel);
        kernel_free(kernel);
    }
}
END_TEST

START_TEST(an_agent_killed_while_it_thaws_leaves_nothing_that_the_freezer_does_not_thaw)
{
    for (volatile int at = 1; at <= 2 * N; at++) {
        Kernel *kernel = kernel_new();

        lull_hold_freeze(kernel->hold, &ops, kernel);
        kernel->point = 0;
        kernel->strike_at = at;
        kernel->strike = strike_kill;
        (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_LEASE, kernel->clock);
        if (!setjmp(killed))
            lull_hold_release(kernel->hold, LULL_HOLD_SIDE_AGENT, false, &ops, kernel);
        lull_hold_release(kernel->hold, LULL_HOLD_SIDE_FREEZER, true, &other_ops, kernel);
        assert_all_released_once(kernel);
        kernel_free(kernel);
    }
}
END_TEST

START_TEST(what_the_other_side_is_busy_with_is_its_own_while_it_lives)
{
    static const LullMountState busy[] = {LULL_MOUNT_FREEZING, LULL_MOUNT_VERIFYING,
                                          LULL_MOUNT_THAWING_BY_FREEZER};
    Kernel *kernel = kernel_new();

    lull_hold_freeze(kernel->hold, &ops, kernel);
    for (int i = 0; i < 3; i++)
        atomic_store(&kernel->hold->mounts[i].state, busy[i]);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_FREEZER, kernel->clock);
    lull_hold_release(kernel->hold, LULL_HOLD_SIDE_AGENT, false, &other_ops, kernel);
    ck_assert(!lull_hold_settled(kernel->hold));
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(kernel->frozen[i], i < 3);

    lull_hold_release(kernel->hold, LULL_HOLD_SIDE_AGENT, true, &other_ops, kernel);
    assert_all_released_once(kernel);
    kernel_free(kernel);
}
END_TEST

/* -- threads ------------------------------------------------------------------------------------ */

static void *
worker_main(void *data)
{
    Kernel *kernel = data;

    lull_hold_freeze(kernel->hold, &ops, kernel);
    lull_hold_verify(kernel->hold, &ops, kernel);
    return NULL;
}

static void
wait_until_hanging(Kernel *kernel)
{
    pthread_mutex_lock(&kernel->lock);
    while (!kernel->is_hanging)
        pthread_cond_wait(&kernel->changed, &kernel->lock);
    pthread_mutex_unlock(&kernel->lock);
}

static void
stop_hanging(Kernel *kernel)
{
    pthread_mutex_lock(&kernel->lock);
    kernel->hangs = -1;
    pthread_cond_broadcast(&kernel->changed);
    pthread_mutex_unlock(&kernel->lock);
}

START_TEST(a_freeze_that_hangs_holds_up_the_thaw_of_no_other_mount)
{
    Kernel *kernel = kernel_new();
    pthread_t worker;

    kernel->hangs = 2;
    pthread_create(&worker, NULL, worker_main, kernel);
    wait_until_hanging(kernel);
    ck_assert(kernel->frozen[0] && kernel->frozen[1]);
    set_clock(kernel, kernel->clock + LEASE / 2);
    watcher_turn(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_SLOW);
    ck_assert(!kernel->frozen[0] && !kernel->frozen[1]);
    ck_assert(!lull_hold_settled(kernel->hold));

    stop_hanging(kernel);
    pthread_join(worker, NULL);
    assert_all_released_once(kernel);
    ck_assert_int_eq(kernel->thaws[2], 1);
    ck_assert_int_eq(state(kernel, 3), LULL_MOUNT_PLANNED);
    kernel_free(kernel);
}
END_TEST

START_TEST(a_verification_that_hangs_holds_up_the_thaw_of_no_other_mount)
{
    Kernel *kernel = kernel_new();
    pthread_t worker;

    lull_hold_freeze(kernel->hold, &ops, kernel);
    kernel->hangs = 1;
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
    pthread_create(&worker, NULL, worker_main, kernel);
    wait_until_hanging(kernel);
    set_clock(kernel, kernel->clock + LEASE);
    watcher_turn(kernel);
    ck_assert(!kernel->frozen[0] && kernel->frozen[1] && !kernel->frozen[2] && !kernel->frozen[3]);

    stop_hanging(kernel);
    pthread_join(worker, NULL);
    assert_all_released_once(kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_LEASE);
    kernel_free(kernel);
}
END_TEST

static void *
ender_main(void *data)
{
    Kernel *kernel = data;

    while (lull_hold_phase(kernel->hold) == LULL_HOLD_IDLE)
        g_thread_yield();
    (void)lull_hold_renew(kernel->hold, fake_now(kernel), LEASE);
    (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_FREEZER, fake_now(kernel));
    lull_hold_release(kernel->hold, LULL_HOLD_SIDE_AGENT, false, &other_ops, kernel);
    return NULL;
}

static void *
watcher_main(void *data)
{
    Kernel *kernel = data;

    while (lull_hold_phase(kernel->hold) != LULL_HOLD_ENDED) {
        set_clock(kernel, fake_now(kernel) + LEASE / 8);
        watcher_turn(kernel);
    }
    watcher_turn(kernel);
    return NULL;
}

START_TEST(three_threads_at_once_thaw_each_mount_exactly_once)
{
    for (int round = 0; round < 300; round++) {
        Kernel *kernel = kernel_new();
        pthread_t worker, watcher, ender;

        pthread_create(&ender, NULL, ender_main, kernel);
        pthread_create(&watcher, NULL, watcher_main, kernel);
        pthread_create(&worker, NULL, worker_main, kernel);
        pthread_join(worker, NULL);
        pthread_join(watcher, NULL);
        pthread_join(ender, NULL);
        assert_all_released_once(kernel);
        kernel_free(kernel);
    }
}
END_TEST

/* -- hands: several freezing threads ------------------------------------------------------------- */

static int
hand_freeze(void *context, uint32_t i)
{
    return freeze_now(context, i);
}

static int64_t
hand_writes(void *context, uint32_t i)
{
    return 100 + (int64_t)i;
}

static void
hand_armed(void *context)
{
    Kernel *kernel = context;

    kernel->armed = true;
}

static void spread(void *context, uint32_t level);

static const LullHoldOps hand_ops = {
    .now = fake_now,
    .freeze = hand_freeze,
    .thaw = other_thaw,
    .writes = hand_writes,
    .armed = hand_armed,
    .mark = other_mark,
    .spread = spread,
};

typedef struct {
    Kernel *kernel;
    uint32_t level;
} Share;

static void *
hand_main(void *data)
{
    const Share *share = data;

    lull_hold_freeze_level(share->kernel->hold, share->level, &hand_ops, share->kernel);
    return NULL;
}

static void
spread(void *context, uint32_t level)
{
    Share share = {context, level};
    pthread_t hands[2];

    for (gsize i = 0; i < G_N_ELEMENTS(hands); i++)
        pthread_create(&hands[i], NULL, hand_main, &share);
    (void)hand_main(&share);
    for (gsize i = 0; i < G_N_ELEMENTS(hands); i++)
        pthread_join(hands[i], NULL);
}

static void *
leader_main(void *data)
{
    Kernel *kernel = data;

    lull_hold_freeze(kernel->hold, &hand_ops, kernel);
    lull_hold_verify(kernel->hold, &hand_ops, kernel);
    return NULL;
}

START_TEST(levels_are_frozen_one_after_the_other)
{
    static const uint32_t levels[N] = {7, 0, 7, 2};

    for (int round = 0; round < 100; round++) {
        Kernel *kernel = kernel_new();

        for (int i = 0; i < N; i++)
            kernel->hold->mounts[i].level = levels[i];
        lull_hold_freeze(kernel->hold, &hand_ops, kernel);
        ck_assert_int_eq(lull_hold_phase(kernel->hold), LULL_HOLD_FROZEN);
        ck_assert_int_eq(kernel->n_order, N);
        ck_assert_int_eq(kernel->order[0], 1 + 1);
        ck_assert_int_eq(kernel->order[1], 1 + 3);
        ck_assert_int_eq(kernel->order[2] + kernel->order[3], 1 + 0 + 1 + 2);
        (void)lull_hold_end(kernel->hold, LULL_HOLD_REASON_ASKED, kernel->clock);
        lull_hold_verify(kernel->hold, &hand_ops, kernel);
        ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_NONE);
        assert_all_released_once(kernel);
        kernel_free(kernel);
    }
}
END_TEST

static bool
others_are_frozen(Kernel *kernel, int except)
{
    bool all = true;

    pthread_mutex_lock(&kernel->lock);
    for (int i = 0; i < N; i++)
        all = all && (i == except || kernel->frozen[i]);
    pthread_mutex_unlock(&kernel->lock);
    return all;
}

START_TEST(one_that_hangs_keeps_none_of_its_level_from_freezing_nor_from_thawing)
{
    Kernel *kernel = kernel_new();
    pthread_t leader;

    kernel->hangs = 0;
    pthread_create(&leader, NULL, leader_main, kernel);
    while (!others_are_frozen(kernel, 0))
        g_thread_yield();
    set_clock(kernel, fake_now(kernel) + LEASE / 2);
    while (!lull_hold_watch(kernel->hold, fake_now(kernel)) || others_are_frozen(kernel, 0))
        lull_hold_release(kernel->hold, LULL_HOLD_SIDE_FREEZER, false, &hand_ops, kernel);
    ck_assert_int_eq(lull_hold_reason(kernel->hold), LULL_HOLD_REASON_SLOW);

    stop_hanging(kernel);
    pthread_join(leader, NULL);
    assert_all_released_once(kernel);
    kernel_free(kernel);
}
END_TEST

START_TEST(hands_that_are_ended_at_any_time_leave_nothing_frozen)
{
    for (int round = 0; round < 300; round++) {
        Kernel *kernel = kernel_new();
        pthread_t leader, ender;

        pthread_create(&ender, NULL, ender_main, kernel);
        pthread_create(&leader, NULL, leader_main, kernel);
        pthread_join(leader, NULL);
        pthread_join(ender, NULL);
        assert_all_released_once(kernel);
        kernel_free(kernel);
    }
}
END_TEST

#define ROUNDS 10000

/* Two threads that meet before every round, spinning: the window between them is a few instructions. */
typedef struct {
    LullHold *holds[ROUNDS];
    bool renewed[ROUNDS];
    atomic_int arrived;
} Race;

static void
meet(Race *race, int round)
{
    atomic_fetch_add(&race->arrived, 1);
    for (int spins = 0; atomic_load(&race->arrived) < 2 * (round + 1); spins++) {
        if (spins > 1000) /* the other one has no processor */
            g_thread_yield();
    }
}

static void *
renewer_main(void *data)
{
    Race *race = data;

    for (int i = 0; i < ROUNDS; i++) {
        meet(race, i);
        race->renewed[i] = lull_hold_renew(race->holds[i], LEASE - 1, LEASE);
    }
    return NULL;
}

START_TEST(of_renewal_and_expiry_exactly_one_wins)
{
    Race *race = g_new0(Race, 1);
    bool expired[ROUNDS];
    pthread_t renewer;

    for (int i = 0; i < ROUNDS; i++) {
        race->holds[i] = g_new0(LullHold, 1);
        atomic_store(&race->holds[i]->course, LULL_HOLD_FROZEN);
        atomic_store(&race->holds[i]->lease_end, LEASE);
    }
    pthread_create(&renewer, NULL, renewer_main, race);
    for (int i = 0; i < ROUNDS; i++) {
        meet(race, i);
        expired[i] = lull_hold_watch(race->holds[i], LEASE);
    }
    pthread_join(renewer, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        ck_assert(race->renewed[i] != expired[i]);
        g_free(race->holds[i]);
    }
    g_free(race);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("agent-freezer-hold");
    TCase *rules = tcase_create("rules");
    TCase *strokes_case = tcase_create("strokes");
    TCase *threads = tcase_create("threads");

    tcase_add_test(rules, a_hold_that_lasts_is_proven_and_thawed_in_mirrored_order);
    tcase_add_test(rules, only_what_is_ours_is_marked_and_before_it_is_frozen);
    tcase_add_test(rules, what_cannot_be_thawed_stays_ours_until_it_can);
    tcase_add_test(rules, a_foreign_freeze_is_left_alone_and_no_failure_even_when_strict);
    tcase_add_test(rules, what_cannot_be_frozen_is_skipped);
    tcase_add_test(rules, a_failure_undoes_all_only_when_strict);
    tcase_add_test(rules, a_mount_that_could_not_be_opened_keeps_a_strict_freeze_from_starting);
    tcase_add_test(rules, a_thaw_behind_our_back_breaks_the_hold_and_leaves_nothing_frozen);
    tcase_add_test(rules, a_verification_that_answers_otherwise_proves_nothing);
    tcase_add_test(rules, a_thaw_before_the_freeze_keeps_it_from_ever_starting);
    tcase_add_test(rules, the_first_reason_stays);
    tcase_add_test(rules, a_lease_is_renewed_until_the_moment_it_ends);
    tcase_add_test(rules, a_lease_cannot_be_renewed_once_thaw_was_asked_for_but_still_ends);
    tcase_add_test(rules, verification_is_bounded_when_the_lease_is_long);
    tcase_add_test(rules, being_slow_ends_a_freeze_but_not_a_hold);
    tcase_add_loop_test(strokes_case, whatever_strikes_at_whatever_point_each_mount_is_thawed_exactly_once, 0,
                        G_N_ELEMENTS(strokes));
    tcase_add_test(strokes_case,
                   a_freezer_killed_at_whatever_point_leaves_nothing_that_the_agent_does_not_thaw);
    tcase_add_test(strokes_case,
                   an_agent_killed_while_it_thaws_leaves_nothing_that_the_freezer_does_not_thaw);
    tcase_add_test(strokes_case, what_the_other_side_is_busy_with_is_its_own_while_it_lives);
    tcase_add_test(threads, a_freeze_that_hangs_holds_up_the_thaw_of_no_other_mount);
    tcase_add_test(threads, a_verification_that_hangs_holds_up_the_thaw_of_no_other_mount);
    tcase_add_test(threads, three_threads_at_once_thaw_each_mount_exactly_once);
    tcase_add_test(threads, levels_are_frozen_one_after_the_other);
    tcase_add_test(threads, one_that_hangs_keeps_none_of_its_level_from_freezing_nor_from_thawing);
    tcase_add_test(threads, hands_that_are_ended_at_any_time_leave_nothing_frozen);
    tcase_add_test(threads, of_renewal_and_expiry_exactly_one_wins);
    tcase_set_timeout(threads, 60);
    suite_add_tcase(suite, rules);
    suite_add_tcase(suite, strokes_case);
    suite_add_tcase(suite, threads);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
