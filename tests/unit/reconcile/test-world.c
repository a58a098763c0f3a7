/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/world.h"

/* Snapshots in the simulated world. Whatever happens, each comes to a good end. */

static void
take_snapshot(World *world, const char *annotations, const char *spec)
{
    world_take(world, "snap", annotations, spec);
}

static void
delete_snapshot(World *world)
{
    world_delete(world, &lull_kind_snapshot, "snap");
}

START_TEST(test_in_a_good_world_one_attempt_is_enough)
{
    World world = {0};
    g_autoptr(LullJson) snapshot = NULL;

    world_init(&world, (guint32)_i);
    take_snapshot(&world, "", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 0);
    snapshot = world_get(&world, &lull_kind_snapshot, "snap");
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_str_eq(fake_story(), "shpf1c2tS");
    ck_assert_str_eq(lull_json_to_line(lull_json_array(lull_json_object(snapshot, "status"), "indications")),
                     "[\"GuestAgent\",\"Online\"]");
    delete_snapshot(&world);
    world_live(&world, world_all_gone, 0);
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_whatever_is_lost_and_whoever_dies_it_is_taken_and_goes_without_a_trace)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.flaky.rate = 6;
    fake.fail_seal = (guint)_i % 3;
    fake.fail_remove = (guint)_i % 2;
    take_snapshot(&world, "", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 4);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert(!fake_is_frozen());
    ck_assert_uint_eq(fake_sealed(), 1);
    fake.fail_remove = 2;
    delete_snapshot(&world);
    world_live(&world, world_all_gone, 2);
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_restarted_after_any_step_it_goes_on_where_it_was)
{
    World world = {0};

    world_init(&world, 7);
    take_snapshot(&world, "", ",'failureDeadline':0");
    for (int i = 0; i < _i; i++)
        world_pass(&world);
    world_restart(&world);
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_uint_eq(fake_sealed(), 1);
    ck_assert_uint_le(world_count('f'), 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_deleted_at_any_moment_it_lets_go_and_leaves_nothing)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.flaky.rate = 8;
    take_snapshot(&world, "", ",'failureDeadline':0");
    for (int i = 0; i < _i; i++)
        world_pass(&world);
    delete_snapshot(&world);
    world_live(&world, world_all_gone, 1);
    world_restart(&world);
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_level_not_reached_fails_it_and_its_data_goes)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.flaky.rate = 8;
    fake.break_hold = TRUE;
    take_snapshot(&world, "'lull.dev/require':'fs'", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 1);
    ck_assert_str_eq(world_phase(&world, "snap"), "Failed");
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_guest_that_never_keeps_still_is_cut_without_a_freeze_in_the_end)
{
    World world = {0};
    g_autoptr(LullJson) snapshot = NULL;

    world_init(&world, (guint32)_i);
    fake.break_hold = TRUE;
    take_snapshot(&world, "", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 0);
    snapshot = world_get(&world, &lull_kind_snapshot, "snap");
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_str_eq(fake_story(), "shpf1c2tr"
                                   "shpf1c2tr"
                                   "scS");
    ck_assert_uint_eq(fake_stored(), 1);
    ck_assert_str_eq(lull_json_to_line(lull_json_array(lull_json_object(snapshot, "status"), "indications")),
                     "[\"Online\",\"QuiesceFailed\"]");
    ck_assert_ptr_null(lull_json_object(lull_json_object(snapshot, "status"), "error"));
    world_clear(&world);
}
END_TEST

START_TEST(test_whoever_dies_no_guest_is_frozen_more_than_twice)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.flaky.rate = 8;
    fake.break_hold = TRUE;
    take_snapshot(&world, _i % 2 ? "" : "'lull.dev/require':'fs'", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 5);
    ck_assert_str_eq(world_phase(&world, "snap"), _i % 2 ? "Succeeded" : "Failed");
    ck_assert_uint_le(world_count('f'), 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_guest_is_not_stopped_again_and_again_for_a_cut_that_fails)
{
    World world = {0};
    g_autoptr(LullJson) snapshot = NULL;

    world_init(&world, (guint32)_i);
    fake.refuse_cut = TRUE;
    take_snapshot(&world, "", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 0);
    snapshot = world_get(&world, &lull_kind_snapshot, "snap");
    ck_assert_str_eq(world_phase(&world, "snap"), "Failed");
    ck_assert_str_eq(lull_condition_reason(snapshot, "Failure"), "no cut");
    ck_assert_str_eq(fake_story(), "shpf1ctr"
                                   "shpf1ctr"
                                   "scr"
                                   "r");
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_what_is_not_cut_while_the_guest_waits_is_cut_while_it_does_not)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) report = NULL;

    world_init(&world, (guint32)_i);
    fake.refuse_held_cut = TRUE;
    take_snapshot(&world, "", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_str_eq(fake_story(), "shpf1ctr"
                                   "shpf1ctr"
                                   "scS");
    content = world_content(&world);
    report = lull_json_parse(lull_meta_annotation(content, LULL_ANNOTATION_REPORT), -1, NULL);
    ck_assert_str_eq(lull_json_string(report, "level", ""), "crash");
    ck_assert_str_eq(lull_json_string(report, "proof", ""), "none");
    ck_assert_str_eq(lull_json_string(report, "proofReason", ""), "no cut");
    world_clear(&world);
}
END_TEST

/* The storage may have much to do; who may wait how long is said by the deadline. */
START_TEST(test_a_cut_that_is_late_is_tried_again_while_nobody_waits_frozen)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    fake.refuse_cut = TRUE;
    fake.cut_error = LULL_ERROR_TIMED_OUT;
    take_snapshot(&world, "", ",'failureDeadline':0");
    for (guint i = 0; world_count('s') < 6; i++) {
        ck_assert_uint_lt(i, 3000);
        world_pass(&world);
    }
    ck_assert_uint_eq(world_count('f'), 2);
    fake.refuse_cut = FALSE;
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_uint_eq(world_count('f'), 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_machine_that_waits_for_nothing_is_tried_twice_where_its_storage_refuses)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world_set_power(&world, FALSE);
    fake.refuse_cut = TRUE;
    take_snapshot(&world, "", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Failed");
    ck_assert_uint_eq(world_count('c'), 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_lock_of_an_owner_that_does_not_exist_is_void)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world_lock(&world, _i ? "restoreInProgress" : "snapshotInProgress", "gone");
    take_snapshot(&world, "", "");
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_past_its_deadline_it_fails_and_its_source_is_free)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    take_snapshot(&world, "", ",'failureDeadline':'-1s'");
    world_live(&world, world_all_settled, 1);
    ck_assert_str_eq(world_phase(&world, "snap"), "Failed");
    ck_assert_str_eq(fake_story(), "");
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

static gboolean
is_cut(World *world)
{
    g_autoptr(LullJson) content = world_content(world);
    const char *state = content ? lull_meta_annotation(content, LULL_ANNOTATION_ATTEMPT) : NULL;

    return state && strstr(state, "\"cut\"");
}

/* Each failure makes the pause before the next look longer: nothing in between may end the row, and nothing
 * is written, which would be a reason to look at once. */
START_TEST(test_a_copy_that_cannot_be_looked_at_is_looked_for_less_and_less_often)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    guint failures = 0;

    world_init(&world, (guint32)_i);
    fake.fail_poll = 1 + 5; /* the first one only begins the copy, and nobody waits for it */
    take_snapshot(&world, "", ",'failureDeadline':0");
    world_live(&world, is_cut, 0);
    content = world_content(&world);
    for (guint i = 0; failures < 5; i++) {
        LullPass pass = {0};

        ck_assert_uint_lt(i, 3000);
        if (!lull_content_pass(&world.contents, "default", lull_meta_name(content), &pass, NULL))
            failures++;
        else if (failures > 0)
            ck_assert_msg(pass.pending && !pass.acted, "after %u failures", failures);
        g_usleep(100);
    }
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    world_clear(&world);
}
END_TEST

/* As what holds the machine does until it is known to be thawed. */
START_TEST(test_an_attempt_that_is_refused_for_who_holds_the_machine_is_none)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) machine = NULL;
    const char *state = NULL;

    world_init(&world, (guint32)_i);
    machine = world_get(&world, &lull_kind_vm, "larry");
    ck_assert(lull_claims_take(world.claims, lull_meta_uid(machine), "a thaw that is due", NULL));
    take_snapshot(&world, "", ",'failureDeadline':0");
    for (int i = 0; i < 300; i++)
        world_pass(&world);
    ck_assert_str_eq(fake_story(), "");
    content = world_content(&world);
    state = lull_meta_annotation(content, LULL_ANNOTATION_ATTEMPT);
    ck_assert_msg(strstr(state, "a thaw that is due") != NULL, "%s", state);
    lull_claims_release(world.claims, lull_meta_uid(machine));
    world_live(&world, world_all_settled, 0);
    lull_json_put(content);
    content = world_content(&world);
    state = lull_meta_annotation(content, LULL_ANNOTATION_ATTEMPT);
    ck_assert_msg(strstr(state, "\"number\":1,\"quiesced\":1,") != NULL, "%s", state);
    ck_assert_str_eq(fake_story(), "shpf1c2tS");
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("world");
    TCase *tcase = tcase_create("world");

    world_use_memory();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_in_a_good_world_one_attempt_is_enough, 0, 5);
    tcase_add_loop_test(tcase, test_whatever_is_lost_and_whoever_dies_it_is_taken_and_goes_without_a_trace, 0,
                        WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_restarted_after_any_step_it_goes_on_where_it_was, 0, WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_deleted_at_any_moment_it_lets_go_and_leaves_nothing, 0, WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_a_level_not_reached_fails_it_and_its_data_goes, 0, 10);
    tcase_add_loop_test(tcase, test_a_guest_that_never_keeps_still_is_cut_without_a_freeze_in_the_end, 0, 5);
    tcase_add_loop_test(tcase, test_whoever_dies_no_guest_is_frozen_more_than_twice, 0, WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_a_guest_is_not_stopped_again_and_again_for_a_cut_that_fails, 0, 3);
    tcase_add_loop_test(tcase, test_what_is_not_cut_while_the_guest_waits_is_cut_while_it_does_not, 0, 3);
    tcase_add_loop_test(tcase, test_a_cut_that_is_late_is_tried_again_while_nobody_waits_frozen, 0, 3);
    tcase_add_loop_test(tcase, test_a_machine_that_waits_for_nothing_is_tried_twice_where_its_storage_refuses,
                        0, 3);
    tcase_add_loop_test(tcase, test_a_lock_of_an_owner_that_does_not_exist_is_void, 0, 2);
    tcase_add_loop_test(tcase, test_past_its_deadline_it_fails_and_its_source_is_free, 0, 3);
    tcase_add_loop_test(tcase, test_a_copy_that_cannot_be_looked_at_is_looked_for_less_and_less_often, 0, 3);
    tcase_add_loop_test(tcase, test_an_attempt_that_is_refused_for_who_holds_the_machine_is_none, 0, 5);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
