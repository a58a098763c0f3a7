/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "protocol/clock.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/trial.h"

START_TEST(test_holds_cuts_and_tells)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = attempt(LULL_LEVEL_FS, &error);

    ck_assert_no_error(error);
    ck_assert_str_eq(fake_story(), "shpf1c2t");
    ck_assert(outcome->reached && outcome->cut_time > 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "fs");
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "held");
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "volumes")), 2);
}
END_TEST

START_TEST(test_a_cut_is_not_waited_for_longer_than_the_guest_is_kept)
{
    static const struct {
        LullAgentKind agent;
        gint64 budget;  /* of its writers */
        gint64 longest; /* 0: it is not frozen */
    } cases[] = {
        {LULL_AGENT_LULL, 0, LULL_MSEC(LULL_FREEZE_MAX_MS)},
        {LULL_AGENT_LULL, LULL_SEC(3), LULL_SEC(3)},
        {LULL_AGENT_LULL, LULL_SEC(600), LULL_MSEC(LULL_FREEZE_MAX_MS)},
        {LULL_AGENT_STOCK, 0, LULL_SEC(20)},
        {LULL_AGENT_NONE, 0, 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const gint64 begun = lull_clock_boottime();
        g_autoptr(LullAttemptOutcome) outcome = NULL;

        fake.agent = cases[i].agent;
        fake.hold_budget = cases[i].budget;
        outcome = attempt(LULL_LEVEL_CRASH, NULL);
        ck_assert_int_eq(fake.terms.held, cases[i].longest > 0);
        if (cases[i].longest) {
            ck_assert_int_ge(fake.terms.until, begun + cases[i].longest);
            ck_assert_int_le(fake.terms.until, lull_clock_boottime() + cases[i].longest);
        } else {
            ck_assert_int_eq(fake.terms.until, 0);
        }
    }
}
END_TEST

START_TEST(test_a_cut_without_a_freeze_is_waited_for_until_the_deadline)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    trial.deadline = lull_clock_boottime() + LULL_SEC(3600);
    fake.agent = LULL_AGENT_NONE;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(!fake.terms.held);
    ck_assert_int_eq(fake.terms.until, trial.deadline);
    trial.deadline = 0;
}
END_TEST

START_TEST(test_whether_the_cuts_are_one_is_what_the_storage_says)
{
    g_autoptr(LullAttemptOutcome) one = attempt(LULL_LEVEL_FS, NULL);
    g_autoptr(LullAttemptOutcome) many = NULL;

    fake.separate_cuts = TRUE;
    many = attempt(LULL_LEVEL_FS, NULL);
    ck_assert(lull_json_bool(one->report, "atomic", FALSE));
    ck_assert(!lull_json_bool(many->report, "atomic", TRUE));
}
END_TEST

START_TEST(test_a_guest_that_could_not_be_frozen_is_not_cut_yet)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.refuse_freeze = TRUE;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "shpft");
    ck_assert(outcome->again && !outcome->reached && outcome->cut_time == 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "proofReason", ""), "refused");
}
END_TEST

START_TEST(test_a_guest_that_could_not_be_prepared_is_neither_frozen_nor_cut_yet)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.refuse_prepare = TRUE;
    outcome = attempt(_i ? LULL_LEVEL_FS : LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "shpt");
    ck_assert(outcome->again && !outcome->reached && outcome->cut_time == 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "none");
    ck_assert_str_eq(lull_json_string(outcome->report, "proofReason", ""), "vetoed");
}
END_TEST

/* That it has no agent is not known. */
START_TEST(test_a_guest_that_cannot_even_be_asked_is_not_said_to_have_no_agent)
{
    g_autoptr(GError) error = NULL;

    fake.refuse_hold = TRUE;
    ck_assert_ptr_null(attempt(_i ? LULL_LEVEL_FS : LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_LOST);
    ck_assert_str_eq(fake_story(), "sh");
}
END_TEST

static const struct {
    gboolean none, no_first, no_second;
    const char *story;
} blind[] = {
    {TRUE, FALSE, FALSE, "shpfct"},
    {FALSE, TRUE, FALSE, "shpf1c2t"},
    {FALSE, FALSE, TRUE, "shpf1c2t"},
};

START_TEST(test_a_reading_that_fails_stops_nothing_and_proves_nothing)
{
    g_autoptr(LullAttemptOutcome) ours = NULL;
    g_autoptr(LullAttemptOutcome) stock = NULL;
    g_autoptr(LullAttemptOutcome) strict = NULL;

    fake.refuse_witness = blind[_i].none;
    fake.refuse_first = blind[_i].no_first;
    fake.refuse_second = blind[_i].no_second;
    ours = attempt(LULL_LEVEL_FS, NULL);
    ck_assert_str_eq(fake_story(), blind[_i].story);
    ck_assert(ours->reached && ours->cut_time > 0);
    ck_assert_str_eq(lull_json_string(ours->report, "witness", ""), "none");
    ck_assert_str_eq(lull_json_string(ours->report, "proofBy", ""), "epoch");
    fake.agent = LULL_AGENT_STOCK;
    stock = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(stock->reached && stock->cut_time > 0);
    ck_assert_str_eq(lull_json_string(stock->report, "level", ""), "crash");
    ck_assert_str_eq(lull_json_string(stock->report, "proof", ""), "broken");
    strict = attempt(LULL_LEVEL_FS, NULL);
    ck_assert(!strict->reached && !strict->again);
}
END_TEST

START_TEST(test_an_end_that_the_guest_does_not_confirm_is_tried_again_later)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.unconfirmed = TRUE;
    fake.agent = _i ? LULL_AGENT_STOCK : LULL_AGENT_LULL;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(!outcome->reached && outcome->again);
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "broken");
    ck_assert_uint_eq(lull_intents_recover(trial.intents, NULL, trial.claims, LULL_SEC(10)), 0);
    ck_assert(!fake_is_frozen());
    ck_assert_uint_eq(count_intents(), 0);
}
END_TEST

START_TEST(test_cuts_at_once_where_there_is_nothing_to_freeze)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.refuse_freeze = fake.nothing = TRUE;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "shpftc");
    ck_assert(outcome->reached && !outcome->again);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
}
END_TEST

START_TEST(test_without_a_freeze_it_asks_nobody_and_tells_why_not)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;
    LullJson *earlier_told = NULL;

    trial.earlier =
        json("{'attempt':2,'agent':'fake 1','level':'crash','proof':'broken','proofReason':'foreign thaw',"
             "'witness':'quiet','windowMs':3.5,'indications':['Online','QuiesceFailed','QuiesceTimeout']}");
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    g_clear_pointer(&trial.earlier, lull_json_put);
    earlier_told = lull_json_object(outcome->report, "earlier");
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert(outcome->reached && !outcome->again);
    ck_assert_str_eq(lull_json_string(outcome->report, "agent", ""), "fake 1");
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "none");
    ck_assert_str_eq(lull_json_string(outcome->report, "proofReason", ""), "foreign thaw");
    ck_assert_str_eq(lull_json_to_line(lull_json_array(outcome->report, "indications")),
                     "[\"Online\",\"QuiesceFailed\",\"QuiesceTimeout\"]");
    ck_assert_int_eq(lull_json_int(earlier_told, "attempt", 0), 2);
    ck_assert_str_eq(lull_json_string(earlier_told, "proof", ""), "broken");
}
END_TEST

START_TEST(test_cuts_nothing_where_the_level_required_is_out_of_reach)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.agent = LULL_AGENT_NONE;
    outcome = attempt(LULL_LEVEL_FS, &error);
    ck_assert_no_error(error);
    ck_assert_str_eq(fake_story(), "sh");
    ck_assert(!outcome->reached && outcome->cut_time == 0);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "volumes")), 0);
}
END_TEST

START_TEST(test_a_hold_that_broke_does_not_count)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.break_hold = TRUE;
    outcome = attempt(_i ? LULL_LEVEL_FS : LULL_LEVEL_CRASH, NULL);
    ck_assert(!outcome->reached && outcome->again && outcome->cut_time > 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "broken");
}
END_TEST

START_TEST(test_a_noisy_witness_breaks_what_the_guest_calls_held)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.witness = LULL_WITNESS_NOISY;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(lull_json_string(outcome->report, "level", ""), "crash");
    ck_assert_str_eq(lull_json_string(outcome->report, "proofReason", ""), "noisy");
}
END_TEST

START_TEST(test_thaws_when_the_cut_fails)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.refuse_cut = TRUE;
    outcome = attempt(LULL_LEVEL_CRASH, &error);
    ck_assert(outcome->cut_failed && outcome->held && !outcome->reached && !outcome->report);
    ck_assert_str_eq(error->message, "no cut");
    ck_assert_str_eq(fake_story(), "shpf1ct");
}
END_TEST

START_TEST(test_asks_nobody_to_hold_still_for_the_configuration_alone)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    trial.promised = "";
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    trial.promised = NULL;
    ck_assert(outcome->reached);
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert_uint_eq(json_object_array_length(lull_json_array(outcome->report, "excluded")), 2);
}
END_TEST

START_TEST(test_asks_nobody_when_there_is_no_room)
{
    g_autoptr(GError) error = NULL;

    fake.refuse_storage = TRUE;
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_error(error, LULL_ERROR_NO_SPACE);
    ck_assert_str_eq(fake_story(), "s");
}
END_TEST

static void
cancel_now(void)
{
    g_cancellable_cancel(trial.cancel);
}

START_TEST(test_thaws_at_once_when_it_is_cancelled_while_frozen)
{
    g_autoptr(GError) error = NULL;

    fake.on_frozen = cancel_now;
    ck_assert_ptr_null(attempt(LULL_LEVEL_CRASH, &error));
    ck_assert_str_eq(fake_story(), "shpft");
}
END_TEST

START_TEST(test_a_paused_guest_is_left_in_peace)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.state = LULL_VM_PAUSED;
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), "sc");
    ck_assert(outcome->reached);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("attempt");
    TCase *tcase = tcase_create("attempt");

    tcase_add_checked_fixture(tcase, trial_setup, trial_teardown);
    tcase_add_test(tcase, test_holds_cuts_and_tells);
    tcase_add_test(tcase, test_a_cut_is_not_waited_for_longer_than_the_guest_is_kept);
    tcase_add_test(tcase, test_a_cut_without_a_freeze_is_waited_for_until_the_deadline);
    tcase_add_test(tcase, test_whether_the_cuts_are_one_is_what_the_storage_says);
    tcase_add_test(tcase, test_a_guest_that_could_not_be_frozen_is_not_cut_yet);
    tcase_add_loop_test(tcase, test_a_guest_that_could_not_be_prepared_is_neither_frozen_nor_cut_yet, 0, 2);
    tcase_add_loop_test(tcase, test_a_guest_that_cannot_even_be_asked_is_not_said_to_have_no_agent, 0, 2);
    tcase_add_loop_test(tcase, test_a_reading_that_fails_stops_nothing_and_proves_nothing, 0,
                        G_N_ELEMENTS(blind));
    tcase_add_loop_test(tcase, test_an_end_that_the_guest_does_not_confirm_is_tried_again_later, 0, 2);
    tcase_add_test(tcase, test_cuts_at_once_where_there_is_nothing_to_freeze);
    tcase_add_test(tcase, test_without_a_freeze_it_asks_nobody_and_tells_why_not);
    tcase_add_test(tcase, test_cuts_nothing_where_the_level_required_is_out_of_reach);
    tcase_add_loop_test(tcase, test_a_hold_that_broke_does_not_count, 0, 2);
    tcase_add_test(tcase, test_a_noisy_witness_breaks_what_the_guest_calls_held);
    tcase_add_test(tcase, test_thaws_when_the_cut_fails);
    tcase_add_test(tcase, test_asks_nobody_to_hold_still_for_the_configuration_alone);
    tcase_add_test(tcase, test_asks_nobody_when_there_is_no_room);
    tcase_add_test(tcase, test_thaws_at_once_when_it_is_cancelled_while_frozen);
    tcase_add_test(tcase, test_a_paused_guest_is_left_in_peace);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
