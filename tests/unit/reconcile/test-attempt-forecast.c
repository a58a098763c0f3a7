/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/reconcile/attempt-forecast.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/trial.h"

#define LANE "driver.example (class fast)"
#define SLOW "driver.example (class slow)" /* with nothing else under way */

static void
expect_cut(gint64 alone, gint64 behind)
{
    fake.forecast =
        (LullCutForecast){.alone = alone, .behind = behind, .others = 12, .by = SLOW, .behind_by = LANE};
}

static const struct {
    LullAgentKind agent;
    gint64 budget; /* of its writers */
    gint64 takes;
    const char *story;
} patience[] = {
    {LULL_AGENT_LULL, 0, LULL_SEC(31), "shpt"},
    {LULL_AGENT_LULL, 0, LULL_SEC(30), "shpf1c2t"},
    {LULL_AGENT_LULL, LULL_SEC(3), LULL_SEC(4), "shpt"},
    {LULL_AGENT_LULL, LULL_SEC(3), LULL_SEC(2), "shpf1c2t"},
    {LULL_AGENT_STOCK, 0, LULL_SEC(21), "shpt"},
    {LULL_AGENT_STOCK, 0, LULL_SEC(19), "shpf1c2t"},
    {LULL_AGENT_LULL, LULL_SEC(3), 0, "shpf1c2t"}, /* nobody knows */
};

START_TEST(a_guest_that_would_stand_still_for_too_long_is_not_frozen)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.agent = patience[_i].agent;
    fake.hold_budget = patience[_i].budget;
    expect_cut(patience[_i].takes, patience[_i].takes);
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(fake_story(), patience[_i].story);
}
END_TEST

START_TEST(why_it_was_not_frozen_is_told_and_it_is_tried_again)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;
    const char *reason = NULL;

    fake.hold_budget = LULL_SEC(3);
    expect_cut(LULL_MSEC(12345), LULL_MSEC(12345));
    outcome = attempt(_i ? LULL_LEVEL_FS : LULL_LEVEL_CRASH, NULL);
    ck_assert(outcome->again && !outcome->reached && outcome->cut_time == 0);
    ck_assert_str_eq(lull_json_string(outcome->report, "proof", ""), "none");
    reason = lull_json_string(outcome->report, "proofReason", "");
    ck_assert_msg(strstr(reason, SLOW " takes 12.3 s") && strstr(reason, "3.0 s only"), "%s", reason);
}
END_TEST

START_TEST(a_guest_that_has_to_queue_is_as_if_nobody_had_begun)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.hold_budget = LULL_SEC(3);
    expect_cut(LULL_SEC(2), LULL_SEC(24));
    outcome = attempt(LULL_LEVEL_CRASH, &error);
    ck_assert(outcome->refused);
    ck_assert_error(error, LULL_ERROR_BUSY);
    ck_assert_msg(strstr(error->message, LANE " has 12 volumes of others") &&
                      strstr(error->message, "24.0 s"),
                  "%s", error->message);
    ck_assert_str_eq(fake_story(), "shpt");
}
END_TEST

/* A grant's time may be over, or a snapshot's: the guest has nothing to do with that. */
START_TEST(a_guest_whose_cut_would_come_after_the_deadline_is_not_blamed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    trial.deadline = lull_clock_boottime() + LULL_SEC(9);
    expect_cut(LULL_SEC(10), LULL_SEC(11));
    outcome = attempt(LULL_LEVEL_CRASH, &error);
    ck_assert_str_eq(fake_story(), "shpt");
    ck_assert(outcome && outcome->refused);
    ck_assert_int_eq(outcome->queue, LULL_SEC(11));
    ck_assert_error(error, LULL_ERROR_BUSY);
    ck_assert_msg(strstr(error->message, LANE " takes 11.0 s") &&
                      strstr(error->message, "before the deadline") && !strstr(error->message, "stand still"),
                  "%s", error->message);
}
END_TEST

START_TEST(a_guest_whose_cut_takes_long_to_ask_for_is_not_frozen_and_is_cut_in_the_end)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullAttemptOutcome) outcome = NULL;
    g_autoptr(LullAttemptOutcome) last = NULL;

    fake.forecast.asking = LULL_SEC(7);
    outcome = attempt(LULL_LEVEL_CRASH, &error);
    ck_assert_str_eq(fake_story(), "shpt");
    ck_assert(outcome && outcome->refused);
    ck_assert_int_eq(outcome->queue, LULL_SEC(7));
    ck_assert_msg(strstr(error->message, "take 7.0 s to be answered") != NULL, "%s", error->message);
    trial.earlier = json("{'proofReason':'its requests take 7 s'}");
    last = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(last->reached);
    g_clear_pointer(&trial.earlier, lull_json_put);
}
END_TEST

START_TEST(a_queue_that_is_short_enough_is_no_reason)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.hold_budget = LULL_SEC(3);
    expect_cut(LULL_SEC(1), LULL_SEC(2));
    outcome = attempt(LULL_LEVEL_FS, NULL);
    ck_assert(outcome->reached);
}
END_TEST

START_TEST(where_nobody_is_frozen_a_cut_may_take_its_time)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    expect_cut(LULL_SEC(600), LULL_SEC(600));
    trial.earlier = json("{'proofReason':'frozen too long'}");
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert(outcome->reached);
    ck_assert_str_eq(fake_story(), "sc");
    g_clear_pointer(&trial.earlier, lull_json_put);
}
END_TEST

START_TEST(a_guest_that_could_not_be_prepared_was_not_frozen_for_that_reason)
{
    g_autoptr(LullAttemptOutcome) outcome = NULL;

    fake.refuse_prepare = TRUE;
    expect_cut(LULL_SEC(600), LULL_SEC(600));
    outcome = attempt(LULL_LEVEL_CRASH, NULL);
    ck_assert_str_eq(lull_json_string(outcome->report, "proofReason", ""), "vetoed");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("attempt-forecast");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, trial_setup, trial_teardown);
    tcase_add_loop_test(tcase, a_guest_that_would_stand_still_for_too_long_is_not_frozen, 0,
                        G_N_ELEMENTS(patience));
    tcase_add_loop_test(tcase, why_it_was_not_frozen_is_told_and_it_is_tried_again, 0, 2);
    tcase_add_test(tcase, a_guest_that_has_to_queue_is_as_if_nobody_had_begun);
    tcase_add_test(tcase, a_guest_whose_cut_would_come_after_the_deadline_is_not_blamed);
    tcase_add_test(tcase, a_guest_whose_cut_takes_long_to_ask_for_is_not_frozen_and_is_cut_in_the_end);
    tcase_add_test(tcase, a_queue_that_is_short_enough_is_no_reason);
    tcase_add_test(tcase, where_nobody_is_frozen_a_cut_may_take_its_time);
    tcase_add_test(tcase, a_guest_that_could_not_be_prepared_was_not_frozen_for_that_reason);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
