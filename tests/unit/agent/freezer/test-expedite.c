/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/expedite.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/freezer/hold.h"
#include "tests/lib/check-main.h"

/* -- the switch ----------------------------------------------------------------------------------- */

static char *
switch_with(const char *text)
{
    char *path = NULL;
    const int fd = g_file_open_tmp("lull-expedite-XXXXXX", &path, NULL);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    return path;
}

static char
first_byte(const char *path)
{
    g_autofree char *text = NULL;

    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    return text[0];
}

START_TEST(it_is_switched_on_and_off_again)
{
    g_autofree char *path = switch_with("0\n");
    const int fd = lull_expedite_open(path);

    lull_expedite_set(fd, true);
    ck_assert_int_eq(first_byte(path), '1');
    lull_expedite_set(fd, false);
    ck_assert_int_eq(first_byte(path), '0');
    (void)close(fd);
    (void)g_unlink(path);
}
END_TEST

START_TEST(what_somebody_else_has_switched_on_is_left_on)
{
    g_autofree char *path = switch_with("1\n");

    ck_assert_int_eq(lull_expedite_open(path), -1);
    lull_expedite_set(-1, false);
    ck_assert_int_eq(first_byte(path), '1');
    (void)g_unlink(path);
}
END_TEST

START_TEST(a_kernel_without_it_is_no_failure)
{
    ck_assert_int_eq(lull_expedite_open("/nonexistent/rcu_expedited"), -1);
}
END_TEST

/* -- when a hold uses it ---------------------------------------------------------------------------- */

typedef struct {
    LullHold *hold;
    GString *heard; /* 1 on, 0 off, F FIFREEZE, T FITHAW */
    gboolean ends;  /* in the first FIFREEZE */
    gboolean refuses;
} World;

static int64_t
world_now(void *context)
{
    return 1;
}

static int
world_freeze(void *context, uint32_t index)
{
    World *world = context;

    g_string_append_c(world->heard, 'F');
    if (world->ends)
        (void)lull_hold_end(world->hold, LULL_HOLD_REASON_AGENT, 2);
    return world->refuses ? EIO : 0;
}

static int
world_thaw(void *context, uint32_t index)
{
    World *world = context;

    g_string_append_c(world->heard, 'T');
    return 0;
}

static void
world_expedite(void *context, bool on)
{
    World *world = context;

    g_string_append_c(world->heard, on ? '1' : '0');
}

static void
world_armed(void *context)
{
}

static const LullHoldOps world_ops = {
    .now = world_now,
    .freeze = world_freeze,
    .thaw = world_thaw,
    .armed = world_armed,
    .expedite = world_expedite,
};

static World
world_new(guint n_mounts)
{
    World world = {
        .hold = g_malloc0(sizeof(LullHold) + n_mounts * sizeof(LullHoldMount)),
        .heard = g_string_new(NULL),
    };

    world.hold->n_mounts = n_mounts;
    atomic_store(&world.hold->lease_usec, 1000);
    atomic_store(&world.hold->within_usec, 500);
    return world;
}

static void
world_expect(World *world, const char *heard)
{
    ck_assert_str_eq(world->heard->str, heard);
    ck_assert_uint_eq(atomic_load(&world->hold->expedited), 0);
    g_string_free(world->heard, TRUE);
    g_free(world->hold);
}

START_TEST(it_is_on_while_file_systems_freeze_and_no_longer)
{
    World world = world_new(2);

    lull_hold_freeze(world.hold, &world_ops, &world);
    world_expect(&world, "1FF0");
}
END_TEST

START_TEST(a_freeze_that_fails_switches_it_off)
{
    World world = world_new(2);

    world.refuses = TRUE;
    atomic_store(&world.hold->strict, 1);
    lull_hold_freeze(world.hold, &world_ops, &world);
    world_expect(&world, "1F0");
}
END_TEST

START_TEST(a_freeze_that_is_ended_switches_it_off)
{
    World world = world_new(2);

    world.ends = TRUE;
    lull_hold_freeze(world.hold, &world_ops, &world);
    world_expect(&world, "1FT0");
}
END_TEST

START_TEST(a_hold_that_ended_before_never_switches_it_on)
{
    World world = world_new(1);

    (void)lull_hold_end(world.hold, LULL_HOLD_REASON_AGENT, 1);
    lull_hold_freeze(world.hold, &world_ops, &world);
    world_expect(&world, "");
}
END_TEST

START_TEST(the_agent_switches_off_what_a_dead_freezer_left_on)
{
    World world = world_new(1);

    atomic_store(&world.hold->course, LULL_HOLD_FREEZING);
    atomic_store(&world.hold->expedited, 1);
    atomic_store(&world.hold->mounts[0].state, LULL_MOUNT_FREEZING);
    (void)lull_hold_end(world.hold, LULL_HOLD_REASON_FREEZER, 2);
    lull_hold_release(world.hold, LULL_HOLD_SIDE_AGENT, true, &world_ops, &world);
    world_expect(&world, "T0");
}
END_TEST

START_TEST(the_agent_leaves_it_to_a_freezer_that_lives)
{
    World world = world_new(1);

    atomic_store(&world.hold->expedited, 1);
    (void)lull_hold_end(world.hold, LULL_HOLD_REASON_LEASE, 2);
    lull_hold_release(world.hold, LULL_HOLD_SIDE_AGENT, false, &world_ops, &world);
    ck_assert_uint_eq(atomic_load(&world.hold->expedited), 1);
    atomic_store(&world.hold->expedited, 0);
    world_expect(&world, "");
}
END_TEST

static Suite *
suite(void)
{
    Suite *suite = suite_create("agent/freezer/expedite");
    TCase *file = tcase_create("switch");
    TCase *hold = tcase_create("hold");

    tcase_add_test(file, it_is_switched_on_and_off_again);
    tcase_add_test(file, what_somebody_else_has_switched_on_is_left_on);
    tcase_add_test(file, a_kernel_without_it_is_no_failure);
    tcase_add_test(hold, it_is_on_while_file_systems_freeze_and_no_longer);
    tcase_add_test(hold, a_freeze_that_fails_switches_it_off);
    tcase_add_test(hold, a_freeze_that_is_ended_switches_it_off);
    tcase_add_test(hold, a_hold_that_ended_before_never_switches_it_on);
    tcase_add_test(hold, the_agent_switches_off_what_a_dead_freezer_left_on);
    tcase_add_test(hold, the_agent_leaves_it_to_a_freezer_that_lives);
    suite_add_tcase(suite, file);
    suite_add_tcase(suite, hold);
    return suite;
}

LULL_CHECK_MAIN(suite)
