/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/world.h"

/* What users do to snapshots besides taking them, in the simulated world. */

#define TAKES   ",'failureDeadline':0"
#define RETAINS ",'failureDeadline':0,'deletionPolicy':'Retain'"

static gboolean
is_snapshot_gone(World *world)
{
    g_autoptr(LullJson) snapshot = world_get(world, &lull_kind_snapshot, "snap");

    return !snapshot;
}

START_TEST(test_a_content_that_is_retained_outlives_its_snapshot_and_goes_with_its_data)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;

    world_init(&world, (guint32)_i);
    world.flaky.rate = _i % 2 ? 8 : 0;
    world_take(&world, "snap", "", RETAINS);
    world_live(&world, world_all_settled, 1);
    world_delete(&world, &lull_kind_snapshot, "snap");
    world_live(&world, is_snapshot_gone, 1);
    for (int i = 0; i < 40; i++)
        world_pass(&world);
    content = world_content(&world);
    ck_assert(content && !lull_meta_is_deleting(content));
    ck_assert(lull_json_bool(lull_json_object(content, "status"), "readyToUse", FALSE));
    ck_assert_uint_eq(fake_sealed(), 1);
    ck_assert(!world_is_locked(&world));
    world_delete(&world, &lull_kind_content, lull_meta_name(content));
    world_live(&world, world_all_gone, 1);
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

static gboolean
is_cut(World *world)
{
    return g_str_equal(world_phase(world, "snap"), "Succeeded");
}

/* There is nothing yet that could be kept. */
START_TEST(test_one_that_is_not_stored_yet_is_not_retained)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    g_atomic_int_set(&fake.copying, TRUE);
    world_take(&world, "snap", "", RETAINS);
    world_live(&world, is_cut, 0);
    world_delete(&world, &lull_kind_snapshot, "snap");
    world_live(&world, world_all_gone, 1);
    world_check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_machine_may_come_after_its_snapshot)
{
    World world = {0};
    g_autoptr(LullJson) early = NULL;

    world_init(&world, (guint32)_i);
    world_undefine(&world);
    world_take(&world, "snap", "", TAKES);
    for (int i = 0; i < 40; i++)
        world_pass(&world);
    early = world_get(&world, &lull_kind_snapshot, "snap");
    ck_assert_str_eq(lull_condition_reason(early, "Progressing"), "Source does not exist");
    ck_assert_str_eq(world_phase(&world, "snap"), "InProgress");
    ck_assert_str_eq(fake_story(), "");
    world_define(&world);
    world_live(&world, world_all_settled, 1);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    world_clear(&world);
}
END_TEST

static gint64
in_an_hour(LullStore *store)
{
    return lull_clock_realtime() + LULL_SEC(3600);
}

START_TEST(test_a_deadline_is_on_the_clock_that_the_creation_was_on)
{
    World world = {0};
    LullStoreOps early = {0}; /* our clock goes an hour behind the server's */

    world_init(&world, 1);
    early = *world.flaky.store.ops;
    early.now = in_an_hour;
    world.flaky.store.ops = &early;
    world_take(&world, "snap", "", ",'failureDeadline':'30m'");
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Failed");
    ck_assert_str_eq(fake_story(), "");
    world_clear(&world);
}
END_TEST

START_TEST(test_what_is_cut_was_cut_on_the_clock_that_the_creation_was_on)
{
    World world = {0};
    LullStoreOps early = {0}; /* our clock goes an hour behind the server's */
    const gint64 begun = lull_clock_realtime();
    g_autoptr(LullJson) snapshot = NULL;
    gint64 cut = 0;

    world_init(&world, 1);
    early = *world.flaky.store.ops;
    early.now = in_an_hour;
    world.flaky.store.ops = &early;
    world_take(&world, "snap", "", ",'failureDeadline':'2h'");
    world_live(&world, world_all_settled, 0);
    snapshot = world_get(&world, &lull_kind_snapshot, "snap");
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    lull_clock_parse(lull_json_string(lull_json_object(snapshot, "status"), "creationTime", ""), &cut);
    ck_assert_int_ge(cut, begun + LULL_SEC(3590));
    world_clear(&world);
}
END_TEST

#define IN_TIME    "shpf1c2t"
#define NOT_FROZEN "shpt"

static guint queued; /* attempts that others come before */
static gboolean was_told;

static void
let_others_go_first(void)
{
    fake.forecast.behind = queued > 0 ? LULL_SEC(60) : 0;
    queued -= queued > 0;
}

static void
see_what_is_told(World *world, const LullKind *kind, const char *name, const GError *error)
{
    g_autoptr(LullJson) snapshot = world_get(world, &lull_kind_snapshot, "snap");
    LullJson *told = lull_json_at(snapshot, "status", "error", NULL);

    was_told |= strstr(lull_json_string(told, "message", ""), "not frozen yet: the storage has") != NULL;
}

START_TEST(test_whoever_queues_for_the_storage_has_all_his_attempts_afterwards)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    queued = 4;
    was_told = FALSE;
    fake.on_prepared = let_others_go_first;
    world.after = see_what_is_told;
    world_take(&world, "snap", "'lull.dev/require':'fs'", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_str_eq(fake_story(), NOT_FROZEN NOT_FROZEN NOT_FROZEN NOT_FROZEN IN_TIME "S");
    ck_assert(was_told);
    world_clear(&world);
}
END_TEST

START_TEST(test_whoever_queues_for_too_long_is_cut_without_a_freeze_before_the_deadline)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) report = NULL;

    world_init(&world, (guint32)_i);
    queued = G_MAXUINT;
    fake.on_prepared = let_others_go_first;
    world_take(&world, "snap", "", ",'failureDeadline':'20s'");
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_str_eq(fake_story(), NOT_FROZEN "scS");
    content = world_content(&world);
    report = lull_json_parse(lull_meta_annotation(content, LULL_ANNOTATION_REPORT), -1, NULL);
    ck_assert_str_eq(lull_json_string(report, "level", ""), "crash");
    ck_assert_ptr_nonnull(strstr(lull_json_string(report, "proofReason", ""), "not frozen yet"));
    world_clear(&world);
}
END_TEST

static gint wait_was_told; /* atomic: one thread waits, the other tells */

static void
stay_busy_until_told(void)
{
    fake.busy_storage += !g_atomic_int_get(&wait_was_told);
}

static void
see_wait(World *world, const LullKind *kind, const char *name, const GError *error)
{
    g_autoptr(LullJson) snapshot = world_get(world, &lull_kind_snapshot, "snap");
    LullJson *told = lull_json_at(snapshot, "status", "error", NULL);

    if (g_str_equal(lull_json_string(told, "message", ""), "attempt 1 waits: a merge is under way"))
        g_atomic_int_set(&wait_was_told, TRUE);
}

START_TEST(test_what_an_attempt_waits_for_is_told_as_long_as_it_waits)
{
    World world = {0};
    g_autoptr(LullJson) snapshot = NULL;

    world_init(&world, (guint32)_i);
    if (_i % 2)
        world_spare(&world);
    g_atomic_int_set(&wait_was_told, FALSE);
    fake.busy_storage = 1;
    fake.on_busy = stay_busy_until_told;
    world.after = see_wait;
    world_take(&world, "snap", "", ",'failureDeadline':0");
    while (!world_all_settled(&world)) { /* seconds, if it is not told before it is looked at again */
        world_pass(&world);
        g_usleep(500);
    }
    snapshot = world_get(&world, &lull_kind_snapshot, "snap");
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_ptr_null(lull_json_at(snapshot, "status", "error", NULL));
    world_clear(&world);
}
END_TEST

START_TEST(test_where_the_storage_is_too_slow_for_a_guest_it_is_never_frozen)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    g_autoptr(LullJson) report = NULL;

    world_init(&world, (guint32)_i);
    fake.forecast.alone = fake.forecast.behind = LULL_SEC(60);
    world_take(&world, "snap", "", ",'failureDeadline':0");
    world_live(&world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(&world, "snap"), "Succeeded");
    ck_assert_str_eq(fake_story(), NOT_FROZEN "r" NOT_FROZEN "r"
                                              "scS");
    content = world_content(&world);
    report = lull_json_parse(lull_meta_annotation(content, LULL_ANNOTATION_REPORT), -1, NULL);
    ck_assert_str_eq(lull_json_string(report, "level", ""), "crash");
    ck_assert_ptr_nonnull(
        strstr(lull_json_string(report, "proofReason", ""), "not frozen: the storage takes 60.0 s"));
    world_clear(&world);
}
END_TEST

/* What is told of a snapshot; when it was told matters to nobody. */
static char *
told_of(World *world)
{
    static const char *const keys[] = {"sourceUID",
                                       "phase",
                                       "virtualMachineSnapshotContentName",
                                       "creationTime",
                                       "readyToUse",
                                       "error",
                                       "indications",
                                       "sourceIndications",
                                       "snapshotVolumes"};
    g_autoptr(LullJson) snapshot = world_get(world, &lull_kind_snapshot, "snap");
    LullJson *status = lull_json_object(snapshot, "status");
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        g_string_append_printf(text, "%s: %s\n", keys[i],
                               lull_json_to_line(lull_json_at(status, keys[i], NULL)));
    return g_string_free(text, FALSE);
}

START_TEST(test_the_status_names_the_snapshots_of_the_attempt_that_counts)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    LullJson *row = NULL;
    LullJson *backup = NULL;
    g_autofree char *expected = NULL;

    world_init(&world, (guint32)_i);
    fake.refuse_freeze = TRUE; /* the third attempt counts */
    fake.named_by_attempt = _i % 2;
    (void)fake_storage();
    world_take(&world, "snap", "", TAKES);
    world_live(&world, world_all_settled, 0);
    content = world_content(&world);
    backup =
        json_object_array_get_idx(lull_json_array(lull_json_object(content, "spec"), "volumeBackups"), 0);
    row = json_object_array_get_idx(
        lull_json_array(lull_json_object(content, "status"), "volumeSnapshotStatus"), 0);
    expected = g_strconcat(lull_json_string(backup, "volumeSnapshotName", "?"), _i % 2 ? ".3" : "", NULL);
    ck_assert_str_eq(lull_json_string(row, "volumeSnapshotName", ""), expected);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_status_that_is_emptied_by_hand_is_what_it_was_again)
{
    World world = {0};
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    world_init(&world, (guint32)_i);
    world_take(&world, "snap", "", TAKES);
    world_live(&world, world_all_settled, 0);
    before = told_of(&world);
    if (_i % 2)
        world_undefine(&world); /* whom nobody can ask any more */
    world_empty_status(&world, &lull_kind_snapshot, "snap");
    world_live(&world, _i % 2 ? is_cut : world_all_settled, 0);
    after = told_of(&world);
    ck_assert_str_eq(after, before);
    ck_assert_str_eq(fake_story(), "shpf1c2tS");
    world_clear(&world);
}
END_TEST

START_TEST(test_the_machine_that_a_snapshot_is_of_stays_the_one_that_it_was)
{
    World world = {0};
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    world_init(&world, (guint32)_i);
    world_take(&world, "snap", "", TAKES);
    world_live(&world, world_all_settled, 0);
    before = told_of(&world);
    world_undefine(&world);
    world_define(&world);
    for (int i = 0; i < 40; i++)
        world_pass(&world);
    after = told_of(&world);
    ck_assert_str_eq(after, before);
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("world-stories");
    TCase *tcase = tcase_create("world-stories");

    world_use_memory();
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_a_content_that_is_retained_outlives_its_snapshot_and_goes_with_its_data,
                        0, 10);
    tcase_add_loop_test(tcase, test_one_that_is_not_stored_yet_is_not_retained, 0, 6);
    tcase_add_loop_test(tcase, test_a_machine_may_come_after_its_snapshot, 0, 4);
    tcase_add_loop_test(tcase, test_a_status_that_is_emptied_by_hand_is_what_it_was_again, 0, 4);
    tcase_add_loop_test(tcase, test_the_status_names_the_snapshots_of_the_attempt_that_counts, 0, 4);
    tcase_add_loop_test(tcase, test_the_machine_that_a_snapshot_is_of_stays_the_one_that_it_was, 0, 2);
    tcase_add_loop_test(tcase, test_whoever_queues_for_the_storage_has_all_his_attempts_afterwards, 0, 4);
    tcase_add_loop_test(tcase, test_whoever_queues_for_too_long_is_cut_without_a_freeze_before_the_deadline,
                        0, 2);
    tcase_add_loop_test(tcase, test_what_an_attempt_waits_for_is_told_as_long_as_it_waits, 0, 2);
    tcase_add_loop_test(tcase, test_where_the_storage_is_too_slow_for_a_guest_it_is_never_frozen, 0, 4);
    tcase_add_test(tcase, test_what_is_cut_was_cut_on_the_clock_that_the_creation_was_on);
    tcase_add_test(tcase, test_a_deadline_is_on_the_clock_that_the_creation_was_on);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
