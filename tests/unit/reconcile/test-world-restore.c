/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/world.h"

/* Restores in the simulated world. Nothing is put in place under a machine that runs; whatever happens, the
 * machine is let go. */

#define WAITS ",'targetReadinessPolicy':'WaitEventually'"
#define STOPS ",'targetReadinessPolicy':'StopTarget'"

static const char *
failure(World *world)
{
    g_autoptr(LullJson) restore = world_get(world, &lull_kind_restore, "rest");
    const char *reason = lull_condition_reason(restore, "Failure");

    return g_intern_string(reason ? reason : "");
}

static const char *
start_told(World *world)
{
    g_autoptr(LullJson) restore = world_get(world, &lull_kind_restore, "rest");
    const char *text = lull_meta_annotation(restore, LULL_ANNOTATION_START_TARGET);

    return g_intern_string(text ? text : "");
}

/* What the guest was cut for is no part of the story any more. */
static const char *
story(void)
{
    const char *text = fake_story();

    ck_assert(g_str_has_prefix(text, "shpf1c2tS"));
    return text + 9;
}

static gboolean
is_restore_gone(World *world)
{
    g_autoptr(LullJson) restore = world_get(world, &lull_kind_restore, "rest");

    return !restore;
}

/* What a restore left beside the images is known from what it was to put in place: that goes last. */
static void
let_go(World *world, guint max_deaths)
{
    world_delete(world, &lull_kind_restore, "rest");
    world_live(world, is_restore_gone, max_deaths);
    ck_assert(!world_is_locked(world));
    ck_assert_uint_eq(fake_beside(), 0);
    world_delete(world, &lull_kind_snapshot, "snap");
    world_live(world, world_all_gone, max_deaths);
    world_check_nothing_left(world);
    world_clear(world);
}

static void
go(World *world)
{
    let_go(world, 0);
}

static void
fail_once(void)
{
    fake.fail_restore = 1;
    fake.restore_error = LULL_ERROR_NO_SPACE;
}

static void
fail_for_good(void)
{
    fake.fail_restore = 1;
    fake.restore_error = LULL_ERROR_INVALID;
}

/* What it says that it is not ready for. */
static const char *
waits_for(World *world)
{
    g_autoptr(LullJson) restore = world_get(world, &lull_kind_restore, "rest");

    return g_intern_string(lull_condition_reason(restore, "Ready"));
}

static void
overhear(void)
{
    fake.fail_shut_down = 2;
}

static void
refuse_start(void)
{
    fake.refuse_start = TRUE;
}

static const struct {
    gboolean runs;
    void (*begin)(void);
    const char *spec;
    const char *story;
    const char *failure;
    const char *start_told;
    gboolean runs_after;
} lives[] = {
    {FALSE, NULL, WAITS, "RD", "", "", FALSE},
    {FALSE, NULL, STOPS, "RD", "", "", FALSE},
    {TRUE, NULL, STOPS, "oRDO", "", "started", TRUE},
    {TRUE, overhear, STOPS, "oRDO", "", "started", TRUE},
    {TRUE, refuse_start, STOPS, "oRD", "", "failed: no memory for it", FALSE},
    {FALSE, fail_once, WAITS, "RRD", "", "", FALSE},
    {TRUE, fail_once, STOPS, "oRRDO", "", "started", TRUE},
    {FALSE, fail_for_good, WAITS, "R", "cannot be put in place", "", FALSE},
    {TRUE, fail_for_good, STOPS, "oR", "cannot be put in place", "true", FALSE},
    {TRUE, NULL, ",'targetReadinessPolicy':'FailImmediate'", "",
     "Restore target VMI must be powered off before restore operation", "", TRUE},
};

static void
live(World *world, guint i)
{
    if (lives[i].begin)
        lives[i].begin();
    world_restore(world, "rest", "snap", lives[i].spec);
    world_live(world, world_all_settled, 0);
    ck_assert_str_eq(story(), lives[i].story);
    ck_assert_str_eq(failure(world), lives[i].failure);
    ck_assert_int_eq(world_is_complete(world, "rest"), !*lives[i].failure);
    ck_assert_str_eq(start_told(world), lives[i].start_told);
    ck_assert_int_eq(fake.state == LULL_VM_RUNNING, lives[i].runs_after);
    ck_assert_uint_eq(fake_beside(), 0);
}

START_TEST(test_lives_its_life)
{
    World world = {0};

    world_init_with_snapshot(&world, (guint32)_i, lives[_i].runs);
    live(&world, (guint)_i);
    go(&world);
}
END_TEST

/* Every call of a life (every WORLD_STRIDE-th), until it has fewer. */
static void
lose_each(void (*func)(World *world, guint i), guint i)
{
    for (gint lost = 1 + (gint)i % WORLD_STRIDE;; lost += WORLD_STRIDE) {
        World world = {0};
        gboolean was_lost = FALSE;

        world_init_with_snapshot(&world, i, lives[i].runs);
        world.flaky.countdown = lost;
        world.flaky.reads = func == live && i == 0;
        func(&world, i);
        was_lost = world.flaky.countdown == 0;
        go(&world);
        if (!was_lost)
            break;
        ck_assert_int_lt(lost, 2000);
    }
}

START_TEST(test_whichever_call_of_the_store_is_lost_it_is_the_same_life)
{
    lose_each(live, (guint)_i);
}
END_TEST

static char awaited;

static gboolean
is_that_far(World *world)
{
    return strchr(story(), awaited) != NULL;
}

/* While it is put in place; once it is; while its target is to stop. */
static void
die_young(World *world, guint i)
{
    awaited = "RDo"[i];
    world_restore(world, "rest", "snap", lives[i].spec);
    world_live(world, is_that_far, 0);
}

START_TEST(test_whichever_call_is_lost_of_one_that_is_deleted_it_goes_without_a_trace)
{
    lose_each(die_young, (guint)_i);
}
END_TEST

/* Of a target that is stopped, or is to be. */
static void
begin_either(World *world, int seed)
{
    world_init_with_snapshot(world, (guint32)seed, seed % 2);
    world_restore(world, "rest", "snap", seed % 2 ? STOPS : WAITS);
}

START_TEST(test_restarted_after_any_step_it_goes_on_where_it_was)
{
    World world = {0};

    begin_either(&world, _i);
    for (int i = 0; i < _i; i++)
        world_pass(&world);
    world_restart(&world);
    world_live(&world, world_all_settled, 0);
    ck_assert(world_is_complete(&world, "rest"));
    ck_assert_int_eq(fake.state == LULL_VM_RUNNING, _i % 2);
    go(&world);
}
END_TEST

START_TEST(test_whatever_is_lost_and_whoever_dies_it_is_put_in_place)
{
    World world = {0};

    begin_either(&world, _i);
    world.flaky.rate = 6;
    fake.fail_restore = (guint)_i % 3;
    fake.restore_error = LULL_ERROR_LOST;
    world_live(&world, world_all_settled, 4);
    ck_assert(world_is_complete(&world, "rest"));
    ck_assert_uint_ge(world_count('D'), 1);
    ck_assert_int_eq(fake.state == LULL_VM_RUNNING, _i % 2);
    ck_assert_uint_eq(fake_beside(), 0);
    go(&world);
}
END_TEST

START_TEST(test_deleted_at_any_moment_it_lets_go_and_leaves_nothing)
{
    World world = {0};

    begin_either(&world, _i);
    world.flaky.rate = 8;
    for (int i = 0; i < _i; i++)
        world_pass(&world);
    let_go(&world, (guint)_i % 2);
}
END_TEST

static gboolean
is_snapshot_gone(World *world)
{
    g_autoptr(LullJson) snapshot = world_get(world, &lull_kind_snapshot, "snap");

    return !snapshot;
}

static gboolean
nothing_is_half_done(World *world)
{
    return !fake_has_begun(NULL);
}

static gboolean
what_is_done_is_told(World *world)
{
    return world_count('D') == 0 || world_is_complete(world, "rest");
}

static void
let_restore_go(World *world, guint max_deaths)
{
    world_delete(world, &lull_kind_restore, "rest");
    world_live(world, is_restore_gone, max_deaths);
    world_live(world, world_all_gone, max_deaths);
    world_check_nothing_left(world);
    world_clear(world);
}

START_TEST(test_what_its_snapshot_is_deleted_under_is_complete_or_untouched)
{
    World world = {0};

    begin_either(&world, _i);
    for (int i = 0; i < _i; i++)
        world_pass(&world);
    world_delete(&world, &lull_kind_snapshot, "snap");
    if (_i % 3 == 0)
        world_restart(&world);
    world_live(&world, is_snapshot_gone, (guint)_i % 2);
    world_live(&world, nothing_is_half_done, 0);
    world_live(&world, what_is_done_is_told, 0);
    ck_assert_uint_eq(world_count('D') > 0, world_is_complete(&world, "rest"));
    let_restore_go(&world, 0);
}
END_TEST

/* Its plan is written next: what it is made of is no more to go by then. */
START_TEST(test_what_its_snapshot_is_deleted_under_once_it_has_the_lock_survives_any_death)
{
    World world = {0};

    world_init_with_snapshot(&world, (guint32)_i, FALSE);
    world_restore(&world, "rest", "snap", WAITS);
    world_live(&world, world_is_locked, 0);
    world_delete(&world, &lull_kind_snapshot, "snap");
    awaited = 'D';
    world_live(&world, is_that_far, 0);
    world_restart(&world);
    world_live(&world, is_snapshot_gone, 0);
    world_live(&world, nothing_is_half_done, 0);
    ck_assert(world_is_complete(&world, "rest"));
    let_restore_go(&world, 0);
}
END_TEST

START_TEST(test_a_target_that_runs_is_waited_for_and_untouched)
{
    World world = {0};

    world_init_with_snapshot(&world, (guint32)_i, TRUE);
    world.flaky.rate = 8;
    world_restore(&world, "rest", "snap", WAITS);
    for (int i = 0; i < 60; i++)
        world_pass(&world);
    ck_assert_str_eq(story(), "");
    ck_assert(!world_is_locked(&world));
    world_set_power(&world, FALSE);
    world_live(&world, world_all_settled, 1);
    ck_assert(world_is_complete(&world, "rest"));
    ck_assert(fake.state == LULL_VM_STOPPED);
    go(&world);
}
END_TEST

/* Before it was locked it is stopped again; after that nothing may be put in place any more. */
START_TEST(test_a_target_that_is_started_at_any_moment_is_left_alone)
{
    World world = {0};

    world_init_with_snapshot(&world, (guint32)_i, FALSE);
    world_restore(&world, "rest", "snap", WAITS);
    for (int i = 0; i < _i; i++)
        world_pass(&world);
    world_set_power(&world, TRUE);
    for (int i = 0; i < 60; i++)
        world_pass(&world);
    world_set_power(&world, FALSE);
    world_live(&world, world_all_settled, 0);
    if (world_is_complete(&world, "rest"))
        ck_assert_uint_eq(world_count('D'), 1);
    else
        ck_assert_str_eq(failure(&world), "the target was started while the restore was under way");
    ck_assert_uint_eq(fake_beside(), 0);
    go(&world);
}
END_TEST

static gboolean
is_taken(World *world)
{
    return g_str_equal(world_phase(world, "second"), "Succeeded") && !world_is_locked(world);
}

/* The job that shows what was cut ends with the machine. */
START_TEST(test_a_target_is_not_stopped_while_another_snapshot_of_it_is_copied)
{
    World world = {0};
    const char *stopped = NULL;

    world_init_with_snapshot(&world, (guint32)_i, TRUE);
    g_atomic_int_set(&fake.copying, TRUE);
    world_take(&world, "second", "", ",'failureDeadline':0");
    world_live(&world, is_taken, 0);
    world_restore(&world, "rest", "snap", STOPS);
    for (int i = 0; i < 60; i++)
        world_pass(&world);
    ck_assert_uint_eq(world_count('o'), 0);
    ck_assert_str_eq(waits_for(&world), "vm snapshot second is being copied");
    g_atomic_int_set(&fake.copying, FALSE);
    world_live(&world, world_all_settled, (guint)_i % 3);
    ck_assert(world_is_complete(&world, "rest"));
    stopped = strchr(fake_story(), 'o');
    ck_assert_ptr_nonnull(stopped);
    ck_assert_ptr_null(strchr(stopped, 'S'));
    ck_assert_uint_ge(world_count('S'), 2);
    world_delete(&world, &lull_kind_snapshot, "second");
    go(&world);
}
END_TEST

/* Asked to switch itself off, it may do so at any moment: nothing is begun that would end with it. */
START_TEST(test_a_target_that_is_to_stop_is_cut_no_more)
{
    World world = {0};

    world_init_with_snapshot(&world, (guint32)_i, TRUE);
    awaited = 'o';
    g_atomic_int_set(&fake.deaf, TRUE);
    world_restore(&world, "rest", "snap", STOPS);
    world_live(&world, is_that_far, 0);
    world_take(&world, "second", "", ",'failureDeadline':0");
    for (int i = 0; i < 60; i++)
        world_pass(&world);
    ck_assert_uint_eq(world_count('c'), 1); /* of the one that is restored */
    g_atomic_int_set(&fake.deaf, FALSE);
    g_atomic_int_set(&fake.asked, TRUE);
    world_live(&world, world_all_settled, 1);
    ck_assert(world_is_complete(&world, "rest"));
    ck_assert_str_eq(world_phase(&world, "second"), "Succeeded");
    world_delete(&world, &lull_kind_snapshot, "second");
    go(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("world-restore");
    TCase *tcase = tcase_create("world-restore");

    world_use_memory();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_lives_its_life, 0, G_N_ELEMENTS(lives));
    tcase_add_loop_test(tcase, test_whichever_call_of_the_store_is_lost_it_is_the_same_life, 0,
                        G_N_ELEMENTS(lives));
    tcase_add_loop_test(tcase, test_whichever_call_is_lost_of_one_that_is_deleted_it_goes_without_a_trace, 0,
                        3);
    tcase_add_loop_test(tcase, test_restarted_after_any_step_it_goes_on_where_it_was, 0, WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_whatever_is_lost_and_whoever_dies_it_is_put_in_place, 0, WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_deleted_at_any_moment_it_lets_go_and_leaves_nothing, 0, WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_what_its_snapshot_is_deleted_under_is_complete_or_untouched, 0,
                        WORLD_SEEDS);
    tcase_add_loop_test(tcase,
                        test_what_its_snapshot_is_deleted_under_once_it_has_the_lock_survives_any_death, 0,
                        WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_a_target_that_runs_is_waited_for_and_untouched, 0, 5);
    tcase_add_loop_test(tcase, test_a_target_that_is_started_at_any_moment_is_left_alone, 0, WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_a_target_is_not_stopped_while_another_snapshot_of_it_is_copied, 0, 12);
    tcase_add_loop_test(tcase, test_a_target_that_is_to_stop_is_cut_no_more, 0, 6);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
