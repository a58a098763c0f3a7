/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/trial.h"

START_TEST(test_a_machine_that_is_gone_is_an_error)
{
    g_autoptr(GError) error = NULL;

    fake.gone = TRUE;
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    ck_assert_str_eq(fake_story(), "");
}
END_TEST

static void
pause_guest(void)
{
    fake.state = LULL_VM_PAUSED;
}

static void
remove_guest(void)
{
    fake.gone = TRUE;
}

START_TEST(test_a_machine_is_looked_at_again_after_a_wait_for_storage)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.busy_storage = 1;
    fake.on_busy = pause_guest;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "ssc");
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
    ck_assert_str_eq(trial.waits->str, "a merge is under way;-;");
}
END_TEST

START_TEST(test_a_machine_that_goes_while_storage_is_waited_for_is_not_saved)
{
    g_autoptr(GError) error = NULL;

    fake.busy_storage = 1;
    fake.on_busy = remove_guest;
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_NOT_FOUND);
    ck_assert_str_eq(fake_story(), "s");
    ck_assert_str_eq(trial.waits->str, "a merge is under way;-;");
}
END_TEST

START_TEST(test_begins_nothing_where_a_promised_volume_is_gone)
{
    g_autoptr(GError) error = NULL;

    trial.promised = "vda,vdc";
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    trial.promised = NULL;
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_msg(strstr(error->message, "\"vdc\"") != NULL, "%s", error->message);
    ck_assert_str_eq(fake_story(), "");
}
END_TEST

/* In a cluster, where trial.claims are cut; one that only keeps firmware's state is no volume that an
 * instance lists. */
START_TEST(test_begins_nothing_where_a_promised_claim_is_none_of_the_machines_any_more)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    trial.by_claim = TRUE;
    trial.promised = "vda,vdc";
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert_msg(strstr(error->message, "\"vdc\"") != NULL, "%s", error->message);
    ck_assert_str_eq(fake_story(), "");
    trial.promised = "vda,persistent-state-for-larry";
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(outcome->reached);
    trial.by_claim = FALSE;
    trial.promised = NULL;
}
END_TEST

START_TEST(test_what_came_later_than_the_promise_is_left_out_and_told)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;
    LullJson *rows = NULL;

    trial.promised = "vda";
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "volumes")), 1);
    rows = lull_json_array(outcome->report, "excluded");
    ck_assert_uint_eq(json_object_array_length(rows), 1);
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(rows, 0), "name", ""), "vdb");
}
END_TEST

static const struct {
    const char *exclude;
    const char *reason;
} tpms[] = {
    {NULL, "apart"},
    {"persistent-state-for-larry", "left out by the snapshot's annotation"},
};

START_TEST(test_what_a_tpm_holds_is_told_to_be_left_out)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;
    LullJson *rows = NULL;
    LullJson *row = NULL;

    fake.tpm = "kept apart";
    trial.promised = "vda,vdb";
    trial.excluded = tpms[_i].exclude;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    rows = lull_json_array(outcome->report, "excluded");
    row = json_object_array_get_idx(rows, 0);
    ck_assert_uint_eq(json_object_array_length(rows), 1);
    ck_assert_str_eq(lull_json_string(row, "name", ""), "persistent-state-for-larry");
    ck_assert_ptr_nonnull(strstr(lull_json_string(row, "reason", ""), tpms[_i].reason));
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "volumes")), 2);
}
END_TEST

START_TEST(test_a_tpm_that_is_not_there_cannot_be_left_out)
{
    g_autoptr(GError) error = NULL;

    trial.excluded = "persistent-state-for-larry";
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(test_a_guest_that_lost_its_power_is_crash_consistent)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.state = LULL_VM_STOPPED;
    fake.end = LULL_VM_END_DESTROYED;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert(outcome->reached && outcome->cut_time > 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
    ck_assert_ptr_nonnull(strstr(lull_json_string(outcome->report, "proofReason", ""), "power was cut"));
}
END_TEST

START_TEST(test_a_guest_that_lost_its_power_is_not_cut_for_more)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.state = LULL_VM_STOPPED;
    fake.end = LULL_VM_END_CRASHED;
    outcome = attempt(LULL_LEVEL_FS, NULL);
    ck_assert_str_eq(fake_story(), "s");
    ck_assert(!outcome->reached && !outcome->again && !outcome->cut_time);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
}
END_TEST

/* Whatever the attempts before it saw: only how it is now counts. */
START_TEST(test_a_guest_that_ran_for_an_earlier_attempt_is_what_it_is_now)
{
    g_autoptr(LullAttemptOutcome) lost = NULL;
    g_autoptr(LullAttemptOutcome) off = NULL;

    trial.earlier =
        json("{'proofReason':'foreign thaw','indications':['Online','QuiesceFailed','QuiesceTimeout']}");
    fake.state = LULL_VM_STOPPED;
    fake.end = LULL_VM_END_CRASHED;
    lost = attempt(LULL_LEVEL_CRASH, NULL);
    fake.end = LULL_VM_END_SHUTDOWN;
    off = attempt(LULL_LEVEL_CRASH, NULL);
    g_clear_pointer(&trial.earlier, lull_json_put);

    ck_assert(lost->reached && off->reached);
    ck_assert_str_eq(lull_json_string(lost->report, "level", ""), "crash");
    ck_assert_ptr_nonnull(strstr(lull_json_string(lost->report, "proofReason", ""), "its process died"));
    ck_assert_str_eq(lull_json_string(off->report, "level", ""), "stopped");
}
END_TEST

START_TEST(test_a_stopped_guest_is_as_good_as_can_be)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.state = LULL_VM_STOPPED;
    fake.end = LULL_VM_END_SHUTDOWN;
    outcome = attempt(LULL_LEVEL_APP, NULL);
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert(outcome->reached && outcome->cut_time > 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "stopped");
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "none");
}
END_TEST

static void
leave(void)
{
    fake.leaves = "it migrates to another node";
}

static void
leave_uncut(void)
{
    leave();
    fake.refuse_cut = TRUE;
}

/* When it begins to, what is done then, and whether it stood still for nothing. */
static const struct {
    gboolean before;
    void (*on_prepared)(void), (*on_frozen)(void), (*on_cut)(void);
    const char *story;
    gboolean held;
} leavings[] = {
    {TRUE, NULL, NULL, NULL, "sh", FALSE},
    {FALSE, leave, NULL, NULL, "shpt", FALSE},
    {FALSE, NULL, leave, NULL, "shpft", TRUE},
    {FALSE, NULL, NULL, leave_uncut, "shpf1ct", TRUE},
};

START_TEST(test_a_guest_that_leaves_is_let_go_at_once_and_told_why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    if (leavings[_i].before)
        leave();
    fake.on_prepared = leavings[_i].on_prepared;
    fake.on_frozen = leavings[_i].on_frozen;
    fake.on_cut = leavings[_i].on_cut;
    outcome = attempt(LULL_LEVEL_CRASH, &error);
    ck_assert_str_eq(fake_story(), leavings[_i].story);
    ck_assert_error(error, LULL_ERROR_BUSY);
    ck_assert_msg(strstr(error->message, "larry: it migrates to another node") != NULL, "%s", error->message);
    ck_assert_int_eq(outcome && outcome->left && !outcome->cut_failed, leavings[_i].held);
    ck_assert(outcome == NULL || leavings[_i].held);
}
END_TEST

START_TEST(test_one_that_leaves_once_it_is_cut_is_cut)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.on_cut = leave;
    outcome = attempt(LULL_LEVEL_FS, NULL);
    ck_assert_str_eq(fake_story(), "shpf1c2t");
    ck_assert(outcome->reached);
}
END_TEST

static void
cancel_in_the_cut(void)
{
    ck_assert(!g_cancellable_is_cancelled(fake.terms.cancel));
    g_cancellable_cancel(trial.cancel);
    ck_assert(g_cancellable_is_cancelled(fake.terms.cancel));
    fake.refuse_cut = TRUE;
}

START_TEST(test_who_waits_for_a_cut_hears_that_it_is_not_wanted_any_more)
{
    static const LullAgentKind agents[] = {LULL_AGENT_LULL, LULL_AGENT_STOCK, LULL_AGENT_NONE};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.agent = agents[_i];
    fake.on_cut = cancel_in_the_cut;
    outcome = attempt(LULL_LEVEL_CRASH, &error);
    ck_assert(fake.refuse_cut);
    ck_assert(outcome->cut_failed);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("attempt-machine");
    TCase *tcase = tcase_create("attempt-machine");

    tcase_add_checked_fixture(tcase, trial_setup, trial_teardown);
    tcase_add_test(tcase, test_a_machine_that_is_gone_is_an_error);
    tcase_add_test(tcase, test_a_machine_is_looked_at_again_after_a_wait_for_storage);
    tcase_add_test(tcase, test_a_machine_that_goes_while_storage_is_waited_for_is_not_saved);
    tcase_add_test(tcase, test_begins_nothing_where_a_promised_volume_is_gone);
    tcase_add_test(tcase, test_begins_nothing_where_a_promised_claim_is_none_of_the_machines_any_more);
    tcase_add_test(tcase, test_what_came_later_than_the_promise_is_left_out_and_told);
    tcase_add_loop_test(tcase, test_what_a_tpm_holds_is_told_to_be_left_out, 0, G_N_ELEMENTS(tpms));
    tcase_add_test(tcase, test_a_tpm_that_is_not_there_cannot_be_left_out);
    tcase_add_test(tcase, test_a_guest_that_lost_its_power_is_crash_consistent);
    tcase_add_test(tcase, test_a_guest_that_lost_its_power_is_not_cut_for_more);
    tcase_add_test(tcase, test_a_guest_that_ran_for_an_earlier_attempt_is_what_it_is_now);
    tcase_add_test(tcase, test_a_stopped_guest_is_as_good_as_can_be);
    tcase_add_loop_test(tcase, test_a_guest_that_leaves_is_let_go_at_once_and_told_why, 0,
                        G_N_ELEMENTS(leavings));
    tcase_add_test(tcase, test_one_that_leaves_once_it_is_cut_is_cut);
    tcase_add_loop_test(tcase, test_who_waits_for_a_cut_hears_that_it_is_not_wanted_any_more, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
