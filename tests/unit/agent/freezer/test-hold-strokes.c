/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* One stroke at every point; a process that is killed there is a jump out of it. */
#include <glib.h>
#include <setjmp.h>

#include "tests/lib/check-main.h"
#include "tests/unit/agent/freezer/played-kernel.h"

static jmp_buf killed;

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

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("agent-freezer-hold-strokes");
    TCase *tcase = tcase_create("strokes");

    tcase_add_loop_test(tcase, whatever_strikes_at_whatever_point_each_mount_is_thawed_exactly_once, 0,
                        G_N_ELEMENTS(strokes));
    tcase_add_test(tcase, a_freezer_killed_at_whatever_point_leaves_nothing_that_the_agent_does_not_thaw);
    tcase_add_test(tcase, an_agent_killed_while_it_thaws_leaves_nothing_that_the_freezer_does_not_thaw);
    tcase_add_test(tcase, what_the_other_side_is_busy_with_is_its_own_while_it_lives);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
