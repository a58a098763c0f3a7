/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/unit/reconcile/world.h"

/* Where several want one machine, in the simulated world: its lock goes from one to the other, and no two
 * work on its disks at once. */

#define WAITS ",'targetReadinessPolicy':'WaitEventually'"
#define STOPS ",'targetReadinessPolicy':'StopTarget'"

START_TEST(test_a_lock_that_nobody_holds_is_not_taken_for_ones_own_later)
{
    World world = {0};

    world_init_with_snapshot(&world, (guint32)_i, FALSE);
    world_lock(&world, "restoreInProgress", "rest"); /* of one that is gone */
    world_take(&world, "next", "", ",'failureDeadline':0");
    for (int i = 0; i < _i; i++)
        world_pass(&world);
    world_restore(&world, "rest", "snap", WAITS);
    world_live(&world, world_all_settled, 0);
    ck_assert(world_is_complete(&world, "rest"));
    ck_assert_str_eq(world_phase(&world, "next"), "Succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_two_snapshots_of_one_machine_take_turns)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.flaky.rate = _i % 2 ? 8 : 0;
    fake.break_hold = _i % 4 > 1;
    world_take(&world, "one", "", ",'failureDeadline':0");
    world_take(&world, "two", "", ",'failureDeadline':0");
    world_live(&world, world_all_settled, (guint)_i % 3);
    ck_assert_str_eq(world_phase(&world, "one"), "Succeeded");
    ck_assert_str_eq(world_phase(&world, "two"), "Succeeded");
    ck_assert_uint_eq(fake_sealed(), 2);
    world_delete(&world, &lull_kind_snapshot, "one");
    world_delete(&world, &lull_kind_snapshot, "two");
    world_live(&world, world_all_gone, 0);
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_snapshot_and_two_restores_of_one_machine_take_turns)
{
    World world = {0};

    world_init_with_snapshot(&world, (guint32)_i, FALSE);
    world.flaky.rate = _i % 2 ? 8 : 0;
    world_take(&world, "next", "", ",'failureDeadline':0");
    world_restore(&world, "rest", "snap", WAITS);
    world_restore(&world, "other", "snap", WAITS);
    world_live(&world, world_all_settled, (guint)_i % 3);
    ck_assert_str_eq(world_phase(&world, "next"), "Succeeded");
    ck_assert(world_is_complete(&world, "rest") && world_is_complete(&world, "other"));
    ck_assert_uint_eq(fake_sealed(), 2);
    ck_assert_uint_eq(fake_beside(), 0);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_snapshot_and_a_restore_that_stops_the_machine_take_turns)
{
    World world = {0};

    world_init_with_snapshot(&world, (guint32)_i, TRUE);
    world.flaky.rate = _i % 2 ? 8 : 0;
    world_take(&world, "next", "", ",'failureDeadline':0");
    world_restore(&world, "rest", "snap", STOPS);
    world_live(&world, world_all_settled, (guint)_i % 3);
    ck_assert_str_eq(world_phase(&world, "next"), "Succeeded");
    ck_assert(world_is_complete(&world, "rest"));
    ck_assert(fake.state == LULL_VM_RUNNING);
    ck_assert_uint_eq(fake_sealed(), 2);
    ck_assert_uint_eq(fake_beside(), 0);
    world_clear(&world);
}
END_TEST

/* Who waits for a lock gets it when its holder is deleted, at whatever moment. */
START_TEST(test_a_holder_that_is_deleted_makes_room)
{
    World world = {0};

    world_init_with_snapshot(&world, (guint32)_i, FALSE);
    world_restore(&world, "rest", "snap", WAITS);
    for (int i = 0; i < 2 * _i; i++)
        world_pass(&world);
    world_take(&world, "next", "", ",'failureDeadline':0");
    world_delete(&world, &lull_kind_restore, "rest");
    world_live(&world, world_all_settled, 1);
    ck_assert_str_eq(world_phase(&world, "next"), "Succeeded");
    ck_assert_uint_eq(fake_beside(), 0);
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("world-turns");
    TCase *tcase = tcase_create("world-turns");

    world_use_memory();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_a_lock_that_nobody_holds_is_not_taken_for_ones_own_later, 0, 20);
    tcase_add_loop_test(tcase, test_two_snapshots_of_one_machine_take_turns, 0, WORLD_SEEDS / 2);
    tcase_add_loop_test(tcase, test_a_snapshot_and_two_restores_of_one_machine_take_turns, 0,
                        WORLD_SEEDS / 2);
    tcase_add_loop_test(tcase, test_a_snapshot_and_a_restore_that_stops_the_machine_take_turns, 0,
                        WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_a_holder_that_is_deleted_makes_room, 0, WORLD_SEEDS / 2);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
