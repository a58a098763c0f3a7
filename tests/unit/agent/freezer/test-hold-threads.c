/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Threads in earnest, for TSan too. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "tests/lib/check-main.h"
#include "tests/unit/agent/freezer/played-kernel.h"

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
    Suite *suite = suite_create("agent-freezer-hold-threads");
    TCase *tcase = tcase_create("threads");

    tcase_add_test(tcase, a_freeze_that_hangs_holds_up_the_thaw_of_no_other_mount);
    tcase_add_test(tcase, a_verification_that_hangs_holds_up_the_thaw_of_no_other_mount);
    tcase_add_test(tcase, three_threads_at_once_thaw_each_mount_exactly_once);
    tcase_add_test(tcase, levels_are_frozen_one_after_the_other);
    tcase_add_test(tcase, one_that_hangs_keeps_none_of_its_level_from_freezing_nor_from_thawing);
    tcase_add_test(tcase, hands_that_are_ended_at_any_time_leave_nothing_frozen);
    tcase_add_test(tcase, of_renewal_and_expiry_exactly_one_wins);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
