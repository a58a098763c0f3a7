/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/truth.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/cases.h"

/* Cases of docs/compatibility.md, by their numbers: errors, deadlines, freezes and what is claimed of them.
 */

static World world;

static void
set_up(void)
{
    world = (World){0};
    world_init(&world, 1);
}

static void
tear_down(void)
{
    world_clear(&world);
}

/* A snapshot as it would be seen. */
static LullJson *
as_object(const LullSnapshotView *view)
{
    LullJson *object = json_object_new_object();

    lull_json_take(object, "status", lull_json_dup(view->status));
    return object;
}

static void
fail_to_cut(void)
{
    fake.refuse_cut = TRUE;
    world_take(&world, SNAP, "", "");
    cases_until_content(&world);
    cases_content_errs(&world);
    cases_until_wait(&world, "ContentAtWork");
}

START_TEST(s25_s27_an_error_of_the_content_shows_until_it_is_over)
{
    g_autoptr(LullJson) bad = NULL;
    g_autoptr(LullJson) good = NULL;

    fail_to_cut();
    bad = world_get(&world, &lull_kind_snapshot, SNAP);
    ck_assert_str_eq(cases_phase(bad), "InProgress");
    ck_assert_ptr_nonnull(lull_json_at(bad, "status", "error", "message", NULL));
    cases_condition(bad, "Progressing", FALSE, "In error state");
    fake.refuse_cut = FALSE;
    cases_content_settles(&world);
    cases_until_wait(&world, "Final");
    good = world_get(&world, &lull_kind_snapshot, SNAP);
    ck_assert_ptr_null(lull_json_at(good, "status", "error", NULL));
    cases_condition(good, "Progressing", FALSE, "Operation complete");
}
END_TEST

START_TEST(s26_an_error_that_lasts_beyond_the_deadline_fails_it)
{
    g_autoptr(LullSnapshotView) view = NULL;
    g_autoptr(LullJson) failed = NULL;

    fail_to_cut();
    view = cases_view(&world, 301);
    failed = as_object(view);
    ck_assert_str_eq(cases_phase(failed), "Failed");
    cases_condition(failed, "Progressing", FALSE, "In error state");
    cases_condition(failed, "Failure", TRUE, "snapshot deadline exceeded");
}
END_TEST

START_TEST(s28_the_deadline_means_nothing_to_one_that_succeeded)
{
    g_autoptr(LullSnapshotView) view = NULL;

    world_take(&world, SNAP, "", "");
    cases_until_content(&world);
    cases_content_settles(&world);
    cases_until_wait(&world, "Final");
    view = cases_view(&world, 1000000);
    ck_assert(view->succeeded && !view->failed);
    ck_assert_int_eq(lull_snapshot_decide(view).verb, LULL_SNAPSHOT_WAIT);
}
END_TEST

START_TEST(s29_s30_too_late_it_fails_and_lets_go_of_all_it_has)
{
    static const char *const order[] = {"Progressing", "Ready", "Failure"};
    g_autoptr(LullSnapshotView) early = NULL;
    g_autoptr(LullSnapshotView) late = NULL;
    g_autoptr(LullJson) failed = NULL;
    LullJson *conditions;

    world_take(&world, SNAP, "", "");
    cases_until_content(&world);
    early = cases_view(&world, 290);
    late = cases_view(&world, 301);
    failed = as_object(late);
    ck_assert_int_eq(lull_snapshot_decide(early).verb, LULL_SNAPSHOT_WAIT);
    ck_assert_int_eq(lull_snapshot_decide(early).again_at, early->deadline);
    ck_assert_str_eq(cases_phase(failed), "Failed");
    conditions = lull_json_array(lull_json_object(failed, "status"), "conditions");
    ck_assert_uint_eq(json_object_array_length(conditions), G_N_ELEMENTS(order));
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
        ck_assert_str_eq(lull_json_string(json_object_array_get_idx(conditions, i), "type", ""), order[i]);
    cases_condition(failed, "Progressing", FALSE, "Operation failed");
    cases_condition(failed, "Ready", FALSE, "Not ready");
    cases_condition(failed, "Failure", TRUE, "snapshot deadline exceeded");
    /* that is told first; then the content goes, then the lock */
    ck_assert_int_eq(lull_snapshot_decide(late).verb, LULL_SNAPSHOT_WRITE_STATUS);
    late->status_stale = FALSE;
    ck_assert_int_eq(lull_snapshot_decide(late).verb, LULL_SNAPSHOT_DELETE_CONTENT);
    late->content_deleting = TRUE;
    ck_assert_int_eq(lull_snapshot_decide(late).verb, LULL_SNAPSHOT_WAIT);
    late->content_exists = FALSE;
    ck_assert_int_eq(lull_snapshot_decide(late).verb, LULL_SNAPSHOT_UNLOCK);
    late->locked = FALSE;
    ck_assert_str_eq(lull_snapshot_decide(late).reason, "Final");
}
END_TEST

static const struct {
    LullVmState state;
    LullAgentKind agent;
    const char *indications;
    guint freezes;
} guests[] = {
    {LULL_VM_PAUSED, LULL_AGENT_LULL, "['Online','Paused']", 0},
    {LULL_VM_RUNNING, LULL_AGENT_LULL, "['GuestAgent','Online']", 1},
    {LULL_VM_RUNNING, LULL_AGENT_NONE, "['NoGuestAgent','Online']", 0},
};

START_TEST(s34_s39_s40_what_could_not_be_frozen_is_cut_as_it_is_and_said)
{
    g_autoptr(LullJson) made = NULL;

    g_atomic_int_set(&fake.state, (gint)guests[_i].state);
    fake.agent = guests[_i].agent;
    made = cases_taken(&world, "");
    ck_assert_str_eq(cases_phase(made), "Succeeded");
    cases_list(lull_json_object(made, "status"), "indications", guests[_i].indications);
    ck_assert_uint_eq(world_count('f'), guests[_i].freezes);
    ck_assert_uint_eq(world_count('c'), 1);
}
END_TEST

/* Not tried until the deadline. */
START_TEST(s35_s57_a_guest_that_refuses_twice_is_cut_without_a_freeze)
{
    g_autoptr(LullJson) made = NULL;

    fake.refuse_freeze = TRUE;
    made = cases_taken(&world, "");
    ck_assert_str_eq(cases_phase(made), "Succeeded");
    cases_list(lull_json_object(made, "status"), "indications", "['Online','QuiesceFailed']");
    ck_assert_ptr_null(lull_json_at(made, "status", "error", NULL));
    ck_assert_uint_eq(world_count('f'), 2);
    ck_assert_uint_eq(world_count('c'), 1);
}
END_TEST

/* It was not quiesced, and nothing says that it was. */
START_TEST(s36_a_freeze_that_ran_out_of_time_is_told_as_none)
{
    const LullTruthFacts facts = {
        .vm = LULL_VM_RUNNING, .agent = LULL_AGENT_LULL, .problem = "fsfreeze is limited", .timed_out = TRUE};
    const LullTruth truth = lull_truth_of(&facts);

    ck_assert_str_eq(lull_indication_nth(truth.indications, 0, NULL), "Online");
    ck_assert_str_eq(lull_indication_nth(truth.indications, 1, NULL), "QuiesceFailed");
    ck_assert_str_eq(lull_indication_nth(truth.indications, 2, NULL), "QuiesceTimeout");
    ck_assert_ptr_null(lull_indication_nth(truth.indications, 3, NULL));
    ck_assert_int_eq(truth.level, LULL_LEVEL_CRASH);
}
END_TEST

/* What an attempt before said is no part of it. */
START_TEST(s37_only_the_attempt_that_counts_is_told_of)
{
    g_autoptr(LullJson) made = NULL;

    fake.refuse_freeze = TRUE;
    world_take(&world, SNAP, "", ",'failureDeadline':0");
    cases_until_content(&world);
    cases_content_errs(&world);
    cases_until_wait(&world, "ContentAtWork");
    fake.refuse_freeze = FALSE;
    cases_content_settles(&world);
    cases_until_wait(&world, "Final");
    made = world_get(&world, &lull_kind_snapshot, SNAP);
    cases_list(lull_json_object(made, "status"), "indications", "['GuestAgent','Online']");
}
END_TEST

START_TEST(s38_s61_a_guest_is_frozen_once_cut_and_thawed)
{
    g_autoptr(LullJson) made = cases_taken(&world, "");
    g_autoptr(LullJson) content = world_content(&world);
    LullJson *volumes = lull_json_array(lull_json_object(content, "status"), "volumeSnapshotStatus");

    ck_assert_str_eq(fake_story(), "shpf1c2tS");
    ck_assert(!fake_is_frozen());
    cases_list(lull_json_object(made, "status"), "indications", "['GuestAgent','Online']");
    ck_assert_uint_eq(json_object_array_length(volumes), 2);
    for (size_t i = 0; i < 2; i++)
        ck_assert(lull_json_bool(json_object_array_get_idx(volumes, i), "readyToUse", FALSE));
}
END_TEST

START_TEST(s41_s60_a_machine_of_which_nothing_is_cut_is_ready_and_was_not_frozen)
{
    g_autoptr(LullJson) made = cases_taken(&world, "'lull.dev/exclude-volumes':'vda,vdb'");

    ck_assert_str_eq(cases_phase(made), "Succeeded");
    cases_condition(made, "Ready", TRUE, "Ready");
    cases_list(lull_json_object(made, "status"), "indications", "['Online']");
    ck_assert_uint_eq(world_count('f'), 0);
}
END_TEST

/* A cut that failed is no cut; thawed it is all the same. */
START_TEST(s46_a_guest_is_thawed_after_the_cut_and_only_a_cut_has_a_time)
{
    g_autoptr(LullJson) failed = NULL;
    g_autoptr(LullJson) cut = NULL;

    fail_to_cut();
    failed = world_content(&world);
    ck_assert_ptr_null(lull_json_at(failed, "status", "creationTime", NULL));
    ck_assert(g_str_has_prefix(fake_story(), "shpf1c"));
    ck_assert_ptr_nonnull(strchr(fake_story(), 't'));
    fake.refuse_cut = FALSE;
    cases_content_settles(&world);
    cut = world_content(&world);
    ck_assert_ptr_nonnull(lull_json_at(cut, "status", "creationTime", NULL));
    ck_assert(!fake_is_frozen());
}
END_TEST

START_TEST(s53_a_snapshot_may_come_before_its_machine)
{
    g_autoptr(LullJson) made = NULL;

    world_undefine(&world);
    world_take(&world, SNAP, "", "");
    cases_until_wait(&world, "NoSource");
    world_define(&world);
    cases_until_content(&world);
    cases_content_settles(&world);
    cases_until_wait(&world, "Final");
    made = world_get(&world, &lull_kind_snapshot, SNAP);
    ck_assert_str_eq(cases_phase(made), "Succeeded");
}
END_TEST

START_TEST(s55_a_status_that_was_emptied_is_made_again)
{
    g_autoptr(LullJson) before = cases_taken(&world, "");
    g_autoptr(LullJson) after = NULL;
    static const char *const members[] = {"phase",      "virtualMachineSnapshotContentName",
                                          "sourceUID",  "creationTime",
                                          "readyToUse", "snapshotVolumes"};

    world_empty_status(&world, &lull_kind_snapshot, SNAP);
    cases_until_wait(&world, "Final");
    after = world_get(&world, &lull_kind_snapshot, SNAP);
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
        ck_assert_str_eq(lull_json_to_line(lull_json_at(after, "status", members[i], NULL)),
                         lull_json_to_line(lull_json_at(before, "status", members[i], NULL)));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("cases-claims");
    TCase *tcase = tcase_create("cases-claims");

    world_use_memory();
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, s25_s27_an_error_of_the_content_shows_until_it_is_over);
    tcase_add_test(tcase, s26_an_error_that_lasts_beyond_the_deadline_fails_it);
    tcase_add_test(tcase, s28_the_deadline_means_nothing_to_one_that_succeeded);
    tcase_add_test(tcase, s29_s30_too_late_it_fails_and_lets_go_of_all_it_has);
    tcase_add_loop_test(tcase, s34_s39_s40_what_could_not_be_frozen_is_cut_as_it_is_and_said, 0,
                        G_N_ELEMENTS(guests));
    tcase_add_test(tcase, s35_s57_a_guest_that_refuses_twice_is_cut_without_a_freeze);
    tcase_add_test(tcase, s36_a_freeze_that_ran_out_of_time_is_told_as_none);
    tcase_add_test(tcase, s37_only_the_attempt_that_counts_is_told_of);
    tcase_add_test(tcase, s38_s61_a_guest_is_frozen_once_cut_and_thawed);
    tcase_add_test(tcase, s41_s60_a_machine_of_which_nothing_is_cut_is_ready_and_was_not_frozen);
    tcase_add_test(tcase, s46_a_guest_is_thawed_after_the_cut_and_only_a_cut_has_a_time);
    tcase_add_test(tcase, s53_a_snapshot_may_come_before_its_machine);
    tcase_add_test(tcase, s55_a_status_that_was_emptied_is_made_again);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
