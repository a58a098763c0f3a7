/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/sync.h"

#include <glib.h>

#include "tests/lib/check-main.h"

#define N_MOUNTS 6
#define THREADS  3

/* Each sync may wait until others have begun; each notes what had ended before it began. */
typedef struct {
    LullHold *hold;
    LullSync sync;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    guint together; /* as many of a level must be in there before any comes back */
    guint n_begun[N_MOUNTS];
    guint n_ended;
    guint inside;
    guint inside_at_most;
    guint late; /* begun before all of the levels above had ended */
} World;

static guint
n_above(const World *world, uint32_t level)
{
    guint n = 0;

    for (guint i = 0; i < world->hold->n_mounts; i++)
        n += world->hold->mounts[i].level < level;
    return n;
}

static guint
n_begun_of(const World *world, uint32_t level)
{
    guint n = 0;

    for (guint i = 0; i < world->hold->n_mounts; i++)
        n += world->hold->mounts[i].level == level ? world->n_begun[i] : 0;
    return n;
}

static void
sync_one(void *context, uint32_t index)
{
    World *world = context;
    const uint32_t level = world->hold->mounts[index].level;

    pthread_mutex_lock(&world->lock);
    world->n_begun[index]++;
    world->late += world->n_ended < n_above(world, level);
    world->inside++;
    world->inside_at_most = MAX(world->inside_at_most, world->inside);
    pthread_cond_broadcast(&world->changed);
    while (n_begun_of(world, level) < world->together)
        pthread_cond_wait(&world->changed, &world->lock);
    world->inside--;
    world->n_ended++;
    pthread_mutex_unlock(&world->lock);
}

static World *
world_new(const uint32_t *levels, guint n_mounts, guint together)
{
    World *world = g_new0(World, 1);

    world->hold = g_malloc0(sizeof(LullHold) + n_mounts * sizeof(LullHoldMount));
    world->hold->n_mounts = n_mounts;
    for (guint i = 0; i < n_mounts; i++)
        world->hold->mounts[i].level = levels[i];
    world->together = together;
    pthread_mutex_init(&world->lock, NULL);
    pthread_cond_init(&world->changed, NULL);
    lull_sync_init(&world->sync, world->hold, sync_one, world);
    return world;
}

static void
world_free(World *world)
{
    pthread_mutex_destroy(&world->lock);
    pthread_cond_destroy(&world->changed);
    g_free(world->hold);
    g_free(world);
}

static void *
thread_main(void *data)
{
    World *world = data;
    guint ended;

    lull_sync_run(&world->sync);
    pthread_mutex_lock(&world->lock);
    ended = world->n_ended;
    pthread_mutex_unlock(&world->lock);
    return GUINT_TO_POINTER(ended);
}

/* Each mount is synced once, and no thread comes back before all are. */
static void
run(World *world, guint n_threads)
{
    pthread_t threads[THREADS];
    void *ended;

    for (guint i = 0; i < n_threads; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, thread_main, world), 0);
    for (guint i = 0; i < n_threads; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &ended), 0);
        ck_assert_uint_eq(GPOINTER_TO_UINT(ended), world->hold->n_mounts);
    }
    for (guint i = 0; i < world->hold->n_mounts; i++)
        ck_assert_uint_eq(world->n_begun[i], 1);
    ck_assert_uint_eq(world->late, 0);
}

START_TEST(file_systems_of_one_level_are_synced_at_the_same_time)
{
    const uint32_t levels[] = {0, 0, 0};
    World *world = world_new(levels, G_N_ELEMENTS(levels), 3);

    run(world, 3);
    ck_assert_uint_eq(world->inside_at_most, 3);
    world_free(world);
}
END_TEST

START_TEST(what_others_stand_on_is_synced_after_them)
{
    const uint32_t levels[] = {4, 0, 2, 0, 4, 2};
    World *world = world_new(levels, G_N_ELEMENTS(levels), 2);

    run(world, 3);
    ck_assert_uint_eq(world->inside_at_most, 2);
    world_free(world);
}
END_TEST

START_TEST(levels_of_their_own_are_synced_one_by_one)
{
    const uint32_t levels[] = {0, 1, 2, 3, 4, 5};
    World *world = world_new(levels, G_N_ELEMENTS(levels), 1);

    run(world, 3);
    ck_assert_uint_eq(world->inside_at_most, 1);
    world_free(world);
}
END_TEST

START_TEST(one_thread_is_enough)
{
    const uint32_t levels[] = {1, 0, 0, 1, 0};
    World *world = world_new(levels, G_N_ELEMENTS(levels), 1);

    run(world, 1);
    world_free(world);
}
END_TEST

START_TEST(a_thread_that_comes_when_all_is_done_goes_again)
{
    const uint32_t levels[] = {0, 1};
    World *world = world_new(levels, G_N_ELEMENTS(levels), 1);

    run(world, 1);
    run(world, 2);
    world_free(world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("agent/freezer/sync");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, file_systems_of_one_level_are_synced_at_the_same_time);
    tcase_add_test(cases, what_others_stand_on_is_synced_after_them);
    tcase_add_test(cases, levels_of_their_own_are_synced_one_by_one);
    tcase_add_test(cases, one_thread_is_enough);
    tcase_add_test(cases, a_thread_that_comes_when_all_is_done_goes_again);
    suite_add_tcase(suite, cases);
    return suite;
}
LULL_CHECK_MAIN(make_suite)
