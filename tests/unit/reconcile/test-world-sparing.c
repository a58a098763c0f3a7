/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/world.h"

/* Where each write is one to a server that others need: few of them, and whichever is lost, and whoever dies
 * between two of them, all is as it is where everything is told. */

#define COUNTED 1000000 /* never lost: it counts */
#define WRITES  10
#define TRIES   10

static void
begin(World *world, guint32 seed)
{
    world_init(world, seed);
    world_spare(world);
    world_take(world, "snap", "", ",'failureDeadline':0");
}

static void
check_told(World *world)
{
    g_autoptr(LullJson) snapshot = world_get(world, &lull_kind_snapshot, "snap");
    g_autoptr(LullJson) content = world_content(world);
    LullJson *status = lull_json_object(snapshot, "status");
    LullJson *theirs = lull_json_object(content, "status");

    ck_assert_str_eq(lull_json_string(status, "phase", ""), "Succeeded");
    ck_assert_str_eq(lull_json_string(status, "virtualMachineSnapshotContentName", ""),
                     lull_meta_name(content));
    ck_assert_str_eq(lull_json_string(status, "creationTime", "never"),
                     lull_json_string(theirs, "creationTime", ""));
    ck_assert(lull_json_bool(status, "readyToUse", FALSE) && lull_json_bool(theirs, "readyToUse", FALSE));
    ck_assert_ptr_null(lull_json_object(status, "error"));
    ck_assert_ptr_nonnull(lull_meta_annotation(snapshot, "lull.dev/quiesce-report"));
}

/* Each counts twice, on its way there and on its way back. */
static guint
writes_of(guint32 seed)
{
    World world = {0};
    guint writes = 0;

    begin(&world, seed);
    world.flaky.countdown = COUNTED;
    world_live(&world, world_all_settled, 0);
    writes = (guint)(COUNTED - world.flaky.countdown) / 2;
    check_told(&world);
    world_clear(&world);
    return writes;
}

/* On a machine that takes too long for it more is told. */
START_TEST(test_one_that_goes_fast_is_few_writes)
{
    guint writes = G_MAXUINT;

    for (guint i = 0; i < TRIES && writes > WRITES; i++)
        writes = MIN(writes, writes_of((guint32)(_i * TRIES) + i));
    ck_assert_uint_le(writes, WRITES);
}
END_TEST

START_TEST(test_whichever_write_is_lost_it_is_told_in_the_end)
{
    for (gint lost = 1 + _i % WORLD_STRIDE;; lost += WORLD_STRIDE) {
        World world = {0};
        gboolean was_lost = FALSE;

        begin(&world, (guint32)lost);
        world.flaky.countdown = lost;
        world_live(&world, world_all_settled, 0);
        was_lost = world.flaky.countdown == 0;
        check_told(&world);
        ck_assert_str_eq(fake_story(), "shpf1c2tS");
        world_delete(&world, &lull_kind_snapshot, "snap");
        world_live(&world, world_all_gone, 0);
        world_check_nothing_left(&world);
        world_clear(&world);
        if (!was_lost)
            break;
    }
}
END_TEST

static void
begin_copied_by_itself(World *world, guint32 seed)
{
    begin(world, seed);
    fake.copies_by_itself = TRUE;
    world_restart(world);
}

/* As a cluster's storage does. */
START_TEST(test_what_is_sealed_with_its_copy_is_not_sealed_again)
{
    World world = {0};

    begin_copied_by_itself(&world, (guint32)_i);
    for (int i = 0; i < 2 * _i; i++)
        world_pass(&world);
    if (_i)
        world_restart(&world);
    world_live(&world, world_all_settled, 0);
    check_told(&world);
    ck_assert_uint_eq(world_count('S'), 0);
    ck_assert_uint_eq(fake_sealed(), 1);
    world_clear(&world);
}
END_TEST

START_TEST(test_whoever_dies_between_two_writes_it_is_told_in_the_end)
{
    World world = {0};

    begin(&world, 7);
    for (int i = 0; i < _i; i++)
        world_pass(&world);
    world_restart(&world);
    world_live(&world, world_all_settled, 0);
    check_told(&world);
    ck_assert_uint_eq(fake_sealed(), 1);
    ck_assert_uint_le(world_count('f'), 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_whatever_is_lost_and_whoever_dies_it_goes_without_a_trace)
{
    World world = {0};

    begin(&world, (guint32)_i);
    world.flaky.rate = 8;
    for (int i = 0; i < 3 * _i; i++)
        world_pass(&world);
    world_delete(&world, &lull_kind_snapshot, "snap");
    world_live(&world, world_all_gone, 2);
    world_restart(&world);
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

/* Cut and let go at once; that this is so is told though it is not copied yet. */
START_TEST(test_one_whose_copy_takes_long_is_told_of_before_it_is_ready)
{
    World world = {0};
    g_autoptr(LullJson) snapshot = NULL;
    g_autoptr(LullJson) content = NULL;

    begin(&world, 1);
    g_atomic_int_set(&fake.copying, TRUE);
    while (g_strcmp0(world_phase(&world, "snap"), "Succeeded") != 0 || world_is_locked(&world)) {
        world_pass(&world);
        g_usleep(500);
    }
    snapshot = world_get(&world, &lull_kind_snapshot, "snap");
    ck_assert(!lull_json_bool(lull_json_object(snapshot, "status"), "readyToUse", TRUE));
    do {
        lull_json_put(content);
        world_pass(&world);
        g_usleep(500);
        content = world_content(&world);
    } while (!lull_json_at(content, "status", "creationTime", NULL));
    g_atomic_int_set(&fake.copying, FALSE);
    world_live(&world, world_all_settled, 0);
    check_told(&world);
    world_clear(&world);
}
END_TEST

static const char *
stage_written(World *world)
{
    g_autoptr(LullJson) content = world_content(world);
    const char *text = lull_meta_annotation(content, "lull.dev/attempt");
    g_autoptr(LullJson) state = text ? lull_json_parse(text, -1, NULL) : NULL;

    return g_intern_string(lull_json_string(state, "stage", ""));
}

START_TEST(test_nobody_polls_before_the_verdict_what_is_copied_by_itself)
{
    World world = {0};

    begin_copied_by_itself(&world, 1);
    g_atomic_int_set(&fake.copying, TRUE);
    while (!g_str_equal(stage_written(&world), "cut"))
        world_pass(&world);
    ck_assert_uint_eq(fake.polls, 0);
    g_atomic_int_set(&fake.copying, FALSE);
    world_live(&world, world_all_settled, 0);
    check_told(&world);
    world_clear(&world);
}
END_TEST

static gboolean
is_ready(World *world)
{
    g_autoptr(LullJson) snapshot = world_get(world, &lull_kind_snapshot, "snap");

    return lull_json_bool(lull_json_object(snapshot, "status"), "readyToUse", FALSE);
}

static gboolean
is_unready(World *world)
{
    return !is_ready(world);
}

/* Gone for a while, as of a storage that is away, they are not taken for lost: that they were whole once is
 * known still when the status says it no more. */
START_TEST(test_data_that_are_missed_and_found_again_are_ready_again)
{
    World world = {0};

    begin(&world, 1);
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(stage_written(&world), "cut");
    world.flaky.countdown = _i; /* none, or one of the writes that follow */
    fake.miss_data = TRUE;
    world_live(&world, is_unready, 0);
    ck_assert_str_eq(stage_written(&world), "sealed");
    if (_i % 2)
        world_restart(&world);
    fake.miss_data = FALSE;
    world_live(&world, is_ready, 0);
    check_told(&world);
    ck_assert_str_eq(fake_story(), "shpf1c2tS");
    world_clear(&world);
}
END_TEST

/* By hand: what is written down goes on from there. */
START_TEST(test_a_status_that_is_emptied_by_hand_is_what_it_was_again)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;

    begin(&world, 1);
    world_live(&world, world_all_settled, 0);
    content = world_content(&world);
    world_empty_status(&world, &lull_kind_content, lull_meta_name(content));
    world_empty_status(&world, &lull_kind_snapshot, "snap");
    world_live(&world, world_all_settled, 0);
    check_told(&world);
    world_clear(&world);
}
END_TEST

static LullJson *
read_recent(World *world, const LullKind *kind, const char *name)
{
    g_autoptr(GError) error = NULL;
    LullJson *object = lull_store_get(world->recent, kind, "default", name, &error);

    ck_assert_no_error(error);
    return object;
}

static void
say_ready(World *world, const char *content, gboolean ready)
{
    g_autoptr(LullJson) patch =
        json(ready ? "{'status':{'readyToUse':true}}" : "{'status':{'readyToUse':false}}");
    g_autoptr(LullJson) patched = lull_store_patch(world->flaky.inner, &lull_kind_content, "default", content,
                                                   LULL_PATCH_STATUS, patch, NULL);

    ck_assert_ptr_nonnull(patched);
}

/* Events that come late are no reason to lose what is to be kept. */
START_TEST(test_what_goes_for_good_is_decided_by_what_is_there_now)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) kept = NULL;
    g_autoptr(LullJson) known = NULL;
    LullJson *left = NULL;

    world_init(&world, 1);
    world_spare(&world);
    world_take(&world, "snap", "", ",'failureDeadline':0,'deletionPolicy':'Retain'");
    world_live(&world, world_all_settled, 0);
    content = world_content(&world);
    say_ready(&world, lull_meta_name(content), FALSE);
    world_restart(&world);
    known = read_recent(&world, &lull_kind_content, lull_meta_name(content));
    say_ready(&world, lull_meta_name(content), TRUE);
    world_delete(&world, &lull_kind_snapshot, "snap");
    while ((left = world_get(&world, &lull_kind_snapshot, "snap"))) {
        LullPass pass = {0};

        lull_json_put(left);
        (void)lull_snapshot_pass(&world.snapshots, "default", "snap", &pass, NULL);
    }
    kept = world_content(&world);
    ck_assert(kept && !lull_meta_is_deleting(kept));
    world_clear(&world);
}
END_TEST

START_TEST(test_no_attempt_begins_that_nobody_wants_any_more)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) known = NULL;

    begin(&world, 1);
    while (!g_str_equal(stage_written(&world), "begun"))
        world_pass(&world);
    known = read_recent(&world, &lull_kind_snapshot, "snap");
    ck_assert(!lull_meta_is_deleting(known));
    world_delete(&world, &lull_kind_snapshot, "snap");
    content = world_content(&world);
    for (int i = 0; i < 3; i++) {
        LullPass pass = {0};

        (void)lull_content_pass(&world.contents, "default", lull_meta_name(content), &pass, NULL);
    }
    world_restart(&world); /* what runs ends */
    ck_assert_str_eq(fake_story(), "");
    world_clear(&world);
}
END_TEST

static char *
content_error(World *world)
{
    g_autoptr(LullJson) content = world_content(world);

    return g_strdup(lull_json_string(lull_json_at(content, "status", "error", NULL), "message", ""));
}

static gboolean
is_missed(World *world)
{
    g_autofree char *error = content_error(world);

    return strstr(error, "missing") != NULL;
}

static gboolean
is_content_ready(World *world)
{
    g_autoptr(LullJson) content = world_content(world);

    return lull_json_bool(lull_json_object(content, "status"), "readyToUse", FALSE);
}

/* Backup tools give back objects without status and under another uid, and data before or after these. */
START_TEST(test_one_that_comes_back_from_a_backup_is_ready_once_its_data_are_there)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) created = NULL;
    g_autoptr(GError) error = NULL;
    LullJson *meta = NULL;

    begin(&world, 1);
    world_live(&world, world_all_settled, 0);
    content = world_content(&world);
    world_delete(&world, &lull_kind_snapshot, "snap");
    world_live(&world, world_all_gone, 0);
    json_object_object_del(content, "status");
    meta = lull_json_object(content, "metadata");
    json_object_object_del(meta, "uid");
    json_object_object_del(meta, "resourceVersion");
    created = lull_store_create(world.flaky.inner, &lull_kind_content, content, &error);
    ck_assert_no_error(error);
    fake.find_data = _i == 0;
    world.flaky.countdown = 2 * _i; /* none, or one of the writes that follow */
    if (_i > 0)
        world_live(&world, is_missed, (guint)_i);
    fake.find_data = TRUE;
    world_live(&world, is_content_ready, (guint)_i);
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("world-sparing");
    TCase *tcase = tcase_create("world-sparing");

    world_use_memory();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_one_that_goes_fast_is_few_writes, 0, 3);
    tcase_add_loop_test(tcase, test_whichever_write_is_lost_it_is_told_in_the_end, 0, 2);
    tcase_add_loop_test(tcase, test_what_is_sealed_with_its_copy_is_not_sealed_again, 0, WORLD_SEEDS);
    tcase_add_test(tcase, test_nobody_polls_before_the_verdict_what_is_copied_by_itself);
    tcase_add_loop_test(tcase, test_whoever_dies_between_two_writes_it_is_told_in_the_end, 0, WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_whatever_is_lost_and_whoever_dies_it_goes_without_a_trace, 0,
                        WORLD_SEEDS);
    tcase_add_loop_test(tcase, test_data_that_are_missed_and_found_again_are_ready_again, 0, 6);
    tcase_add_loop_test(tcase, test_one_that_comes_back_from_a_backup_is_ready_once_its_data_are_there, 0, 4);
    tcase_add_test(tcase, test_what_goes_for_good_is_decided_by_what_is_there_now);
    tcase_add_test(tcase, test_no_attempt_begins_that_nobody_wants_any_more);
    tcase_add_test(tcase, test_a_status_that_is_emptied_by_hand_is_what_it_was_again);
    tcase_add_test(tcase, test_one_whose_copy_takes_long_is_told_of_before_it_is_ready);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
