/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-state.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/world.h"

/* Lives of a snapshot in the simulated world, good and bad: whichever call of the store is lost (of the first
 * one; else whichever write), one after the other, on the way there and on the way back, it is the same life.
 */

static void
refuse_freeze(World *world)
{
    fake.refuse_freeze = TRUE;
}

static void
refuse_prepare(World *world)
{
    fake.refuse_prepare = TRUE;
}

static void
break_hold(World *world)
{
    fake.break_hold = TRUE;
}

static void
refuse_cut(World *world)
{
    fake.refuse_cut = TRUE;
}

static void
refuse_held_cut(World *world)
{
    fake.refuse_held_cut = TRUE;
}

static void
lose_copy(World *world)
{
    fake.lose_copy = LULL_COPY_FAILED;
}

static void
have_no_room_to_seal(World *world)
{
    fake.fail_seal = 1;
}

static void
find_no_copy(World *world)
{
    fake.lose_copy = LULL_COPY_ABSENT;
}

static void
look_away(World *world)
{
    fake.fail_poll = 2;
}

static void
be_stock(World *world)
{
    fake.agent = LULL_AGENT_STOCK;
}

static void
have_no_agent(World *world)
{
    fake.agent = LULL_AGENT_NONE;
}

static void
switch_off(World *world)
{
    world_set_power(world, FALSE);
}

static const char *
message(World *world)
{
    g_autoptr(LullJson) snapshot = world_get(world, &lull_kind_snapshot, "snap");

    return g_intern_string(lull_json_string(lull_json_at(snapshot, "status", "error", NULL), "message", ""));
}

/* Settled, or what was cut is lost and said to be. */
static gboolean
is_over(World *world)
{
    return world_all_settled(world) || (fake.lose_copy && !world_is_locked(world) && *message(world) != '\0');
}

static const struct {
    void (*begin)(World *world);
    const char *annotations, *spec;
    const char *phase;
    const char *story;
    const char *error;
    guint stored;
} lives[] = {
    {NULL, "", "", "Succeeded", "shpf1c2tS", "", 1},
    {have_no_room_to_seal, "", "", "Succeeded", "shpf1c2tS", "", 1},
    {look_away, "", "", "Succeeded", "shpf1c2tS", "", 1},
    {be_stock, "", "", "Succeeded", "shpf1c2tS", "", 1},
    {have_no_agent, "", "", "Succeeded", "shcS", "", 1},
    {switch_off, "", "", "Succeeded", "scS", "", 1},
    {refuse_prepare, "", "", "Succeeded", "shptrshptrscS", "", 1},
    {refuse_freeze, "", "", "Succeeded", "shpftrshpftrscS", "", 1},
    {break_hold, "", "", "Succeeded", "shpf1c2trshpf1c2trscS", "", 1},
    {refuse_prepare, "'lull.dev/require':'fs'", "", "Failed", "shptrshptrr", "required level not reached", 0},
    {refuse_freeze, "'lull.dev/require':'fs'", "", "Failed", "shpftrshpftrr", "required level not reached",
     0},
    {break_hold, "'lull.dev/require':'fs'", "", "Failed", "shpf1c2trshpf1c2trr", "required level not reached",
     0},
    {refuse_held_cut, "", "", "Succeeded", "shpf1ctrshpf1ctrscS", "", 1},
    {refuse_held_cut, "'lull.dev/require':'fs'", "", "Failed", "shpf1ctrshpf1ctrr",
     "required level not reached: fs is required, nothing was reached: no cut", 0},
    {refuse_cut, "", "", "Failed", "shpf1ctrshpf1ctrscrr", "no cut", 0},
    {lose_copy, "", "", "Succeeded", "shpf1c2t", "the copy was lost", 1},
    {find_no_copy, "", "", "Succeeded", "shpf1c2t", "the copy was lost", 1},
    {NULL, "", ",'failureDeadline':'-1s'", "Failed", "", "snapshot deadline exceeded", 0},
};

static void
live(World *world, guint i)
{
    if (lives[i].begin)
        lives[i].begin(world);
    world_take(world, "snap", lives[i].annotations, *lives[i].spec ? lives[i].spec : ",'failureDeadline':0");
    world_live(world, is_over, 0);
    ck_assert_str_eq(world_phase(world, "snap"), lives[i].phase);
    ck_assert_str_eq(fake_story(), lives[i].story);
    ck_assert_msg(g_str_has_prefix(message(world), lives[i].error) && !*lives[i].error == !*message(world),
                  "%s", message(world));
    ck_assert(!fake_is_frozen());
    ck_assert_uint_eq(fake_stored(), lives[i].stored);
    world_delete(world, &lull_kind_snapshot, "snap");
    world_live(world, world_all_gone, 0);
    world_check_nothing_left(world);
}

/* Every call of a life (every WORLD_STRIDE-th), until it has fewer. */
static void
lose_each(void (*func)(World *world, guint i), guint i)
{
    for (gint lost = 1 + (gint)i % WORLD_STRIDE;; lost += WORLD_STRIDE) {
        World world = {0};
        gboolean was_lost = FALSE;

        world_init(&world, i);
        world.flaky.reads = func == live && i == 0;
        world.flaky.countdown = lost;
        func(&world, i);
        was_lost = world.flaky.countdown == 0;
        world_clear(&world);
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

static const char *const stages[] = {"\"begun\"", "\"cut\"", "\"sealed\""};
static const char *awaited;

static gboolean
is_that_far(World *world)
{
    g_autoptr(LullJson) content = world_content(world);
    const char *state = content ? lull_meta_annotation(content, LULL_ANNOTATION_ATTEMPT) : NULL;

    return state && strstr(state, awaited);
}

static void
die_young(World *world, guint i)
{
    awaited = stages[i];
    world_take(world, "snap", "", ",'failureDeadline':0");
    world_live(world, is_that_far, 0);
    world_delete(world, &lull_kind_snapshot, "snap");
    world_live(world, world_all_gone, 0);
    ck_assert_uint_le(world_count('f'), 1);
    world_check_nothing_left(world);
}

START_TEST(test_whichever_call_is_lost_of_one_that_is_deleted_it_goes_without_a_trace)
{
    lose_each(die_young, (guint)_i);
}
END_TEST

static gboolean
is_there(World *world)
{
    g_autoptr(LullJson) content = world_content(world);

    return content != NULL;
}

static gboolean
is_deleting(World *world)
{
    return g_str_equal(world_phase(world, "snap"), "Deleting");
}

/* Its data cannot be removed at first. */
START_TEST(test_one_that_is_deleted_under_way_is_deleting_until_all_of_it_is_gone)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    fake.refuse_cut = TRUE;
    world_take(&world, "snap", "", ",'failureDeadline':0");
    world_live(&world, is_there, 0);
    world_delete(&world, &lull_kind_snapshot, "snap");
    fake.fail_remove = 3;
    world_live(&world, is_deleting, 0);
    while (is_there(&world)) {
        ck_assert(is_deleting(&world) && world_is_locked(&world));
        world_pass(&world);
    }
    world_live(&world, world_all_gone, 0);
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

/* Its job would go on without anybody who knows of it. */
START_TEST(test_an_attempt_that_came_to_nothing_is_not_over_before_its_data_is_gone)
{
    World world = {0};

    world_init(&world, 1);
    fake.refuse_cut = TRUE;
    fake.fail_remove = 3;
    world_take(&world, "snap", "", ",'failureDeadline':0");
    while (world_count('s') < 2)
        world_pass(&world);
    ck_assert_uint_ge(world_count('r'), 1);
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Failed");
    world_clear(&world);
}
END_TEST

/* What failed for want of something to write to goes on once that is there. */
START_TEST(test_nothing_is_frozen_that_cannot_be_noted_and_all_is_well_once_it_can)
{
    World world = {0};
    g_autofree char *dir = NULL;

    world_init(&world, (guint32)_i);
    dir = world_intents_dir(&world);
    ck_assert_int_eq(g_rmdir(dir), 0);
    world_take(&world, "snap", "", ",'failureDeadline':0");
    for (guint i = 0; world_count('h') < 3; i++) {
        ck_assert_uint_lt(i, 3000);
        world_pass(&world);
    }
    ck_assert_uint_eq(world_count('p') + world_count('f'), 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "InProgress");
    ck_assert_int_eq(g_mkdir(dir, 0700), 0);
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_uint_eq(world_count('f'), 1);
    ck_assert_str_eq(message(&world), "");
    world_clear(&world);
}
END_TEST

static const char *const missing[] = {"larry is gone", "full"};

START_TEST(test_what_is_missing_for_a_while_is_waited_for)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    fake.gone = _i == 0;
    fake.refuse_storage = _i == 1;
    world_take(&world, "snap", "", ",'failureDeadline':0");
    for (guint i = 0; !g_str_equal(message(&world), missing[_i]); i++) {
        ck_assert_uint_lt(i, 3000);
        world_pass(&world);
    }
    ck_assert_str_eq(world_phase(&world, "snap"), "InProgress");
    fake.gone = fake.refuse_storage = FALSE;
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert(g_str_has_suffix(fake_story(), "shpf1c2tS"));
    ck_assert_uint_eq(world_count('f'), 1);
    ck_assert_uint_eq(fake_stored(), 1);
    ck_assert_str_eq(message(&world), "");
    world_clear(&world);
}
END_TEST

static guint cuts;

/* The first while the guest begins to leave; the next one is refused. */
static void
fail_two_cuts(void)
{
    cuts++;
    fake.refuse_cut = cuts <= 2;
    if (cuts > 1)
        return;
    fake.leaves = "it migrates to another node";
    fake.refuse_prepare = TRUE;
}

static void
arrive(World *world, const LullKind *kind, const char *name)
{
    if (world_count('r') > 0)
        fake.leaves = NULL;
}

START_TEST(test_a_guest_that_leaves_is_no_storage_that_refuses)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    cuts = 0;
    fake.on_cut = fail_two_cuts;
    world.before = arrive;
    world_take(&world, "snap", "", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert(g_str_has_suffix(fake_story(), "scrscS"));
    ck_assert_uint_eq(world_count('f'), 1);
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("world-lost");
    TCase *tcase = tcase_create("world-lost");

    world_use_memory();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_whichever_call_of_the_store_is_lost_it_is_the_same_life, 0,
                        G_N_ELEMENTS(lives));
    tcase_add_loop_test(tcase, test_whichever_call_is_lost_of_one_that_is_deleted_it_goes_without_a_trace, 0,
                        G_N_ELEMENTS(stages));
    tcase_add_loop_test(tcase, test_one_that_is_deleted_under_way_is_deleting_until_all_of_it_is_gone, 0, 5);
    tcase_add_test(tcase, test_an_attempt_that_came_to_nothing_is_not_over_before_its_data_is_gone);
    tcase_add_loop_test(tcase, test_nothing_is_frozen_that_cannot_be_noted_and_all_is_well_once_it_can, 0, 3);
    tcase_add_loop_test(tcase, test_what_is_missing_for_a_while_is_waited_for, 0, G_N_ELEMENTS(missing));
    tcase_add_loop_test(tcase, test_a_guest_that_leaves_is_no_storage_that_refuses, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
