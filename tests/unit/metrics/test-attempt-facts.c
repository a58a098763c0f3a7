/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/metrics/attempt-facts.h"
#include "protocol/json.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"

/* All that an attempt may know; the tests take away. */
static LullAttemptFacts
quiesced(void)
{
    return (LullAttemptFacts){
        .vm = "web",
        .snapshot = "default/nightly",
        .op = "0f0e",
        .attempt = 1,
        .result = LULL_RESULT_QUIESCED,
        .asked = TRUE,
        .agent = "lull",
        .level = "fs",
        .proof = "held",
        .proof_by = "epoch",
        .witness = "quiet",
        .why = "",
        .cuts = "vda:18.0,vdb:18.0",
        .steps = "freeze:3.2,cut:21.8",
        .prepare_usec = 12100,
        .freeze_usec = 3200,
        .cut_usec = 21849,
        .thaw_usec = 0,
        .window_usec = 26000,
        .window_measured = TRUE,
    };
}

static void
must_read(const LullAttemptFacts *facts, const char *expected)
{
    g_autofree char *line = lull_attempt_line(facts);

    ck_assert_str_eq(line, expected);
}

START_TEST(test_a_line_has_all_that_is_known)
{
    const LullAttemptFacts facts = quiesced();

    must_read(
        &facts,
        "attempt: vm=web snapshot=default/nightly attempt=1 op=0f0e result=quiesced level=fs proof=held "
        "proof-by=epoch witness=quiet agent=lull window-ms=26.0 window-is=measured prepare-ms=12.1 "
        "freeze-ms=3.2 cut-ms=21.8 thaw-ms=0.0 cuts=vda:18.0,vdb:18.0 steps=freeze:3.2,cut:21.8");
}
END_TEST

START_TEST(test_what_is_not_known_is_left_out_and_what_is_asked_for_always_is_there)
{
    const LullAttemptFacts facts = {.attempt = 3,
                                    .result = LULL_RESULT_FAILED,
                                    .why = "no room: 3 MiB are needed",
                                    .prepare_usec = -1,
                                    .freeze_usec = -1,
                                    .cut_usec = -1,
                                    .thaw_usec = -1,
                                    .window_usec = -1};

    must_read(&facts,
              "attempt: vm=\"\" snapshot=\"\" attempt=3 result=failed level=none proof=none witness=none "
              "agent=none why=\"no room: 3 MiB are needed\"");
}
END_TEST

static const gint64 times[] = {0,     1,      49,     50,     51,     999,    1050,
                               21850, 125850, 125870, 125899, 125949, 125950, 3600000000};

START_TEST(test_a_time_is_the_same_in_the_line_and_in_the_report)
{
    g_autoptr(LullJson) report = json_object_new_object();
    g_autoptr(GString) line = g_string_new("{\"windowMs\":");

    lull_json_set_double(report, "windowMs", (double)times[_i] / 1000.0);
    lull_append_msec(line, times[_i]);
    g_string_append_c(line, '}');
    ck_assert_str_eq(line->str, lull_json_to_line(report));
}
END_TEST

static const struct {
    const char *why, *told;
} whys[] = {
    {"plain", "plain"},
    {"two words", "\"two words\""},
    {"a=b", "\"a=b\""},
    {"\"", "\"\\\"\""},
    {"\\", "\"\\\\\""},
    {"a\nattempt: vm=other", "\"a\\nattempt: vm=other\""},
    {"\r\t\033[31m", "\"\\x0d\\x09\\x1b[31m\""},
    {"\177", "\"\\x7f\""},
    {"gr\303\274n", "gr\303\274n"},
    {"\377x", "\357\277\275x"},
};

START_TEST(test_what_a_guest_says_stays_on_its_line_and_in_its_value)
{
    LullAttemptFacts facts = quiesced();
    g_autofree char *line = NULL, *end = g_strconcat(" why=", whys[_i].told, NULL);

    facts.why = whys[_i].why;
    line = lull_attempt_line(&facts);
    ck_assert(g_str_has_suffix(line, end));
    ck_assert_ptr_null(strchr(line, '\n'));
}
END_TEST

START_TEST(test_what_a_guest_says_has_an_end)
{
    LullAttemptFacts facts = quiesced();
    g_autofree char *endless = g_strnfill(1 << 20, '\001'), *line = NULL;

    facts.why = facts.cuts = facts.vm = endless;
    line = lull_attempt_line(&facts);
    ck_assert_uint_lt(strlen(line), 8192);
}
END_TEST

static const struct {
    const char *agent, *proof, *why;
    gboolean timed_out;
    const char *reason;
} reasons[] = {
    {"lull", "broken", LULL_BROKEN_LEASE, TRUE, "lease_expired"},
    {"lull", "broken", LULL_BROKEN_FOREIGN_THAW, FALSE, "foreign_thaw"},
    {"lull", "broken", LULL_BROKEN_AGENT, FALSE, "agent_lost"},
    {"lull", "broken", LULL_BROKEN_FREEZER, FALSE, "freezer_lost"},
    {"lull", "broken", LULL_BROKEN_NOISY, FALSE, "noisy"},
    {"stock", "broken", LULL_BROKEN_REBOOT, FALSE, "guest_rebooted"},
    {"lull", "broken", LULL_BROKEN_LATE_CUT, FALSE, "late_cut"},
    {"stock", "broken", LULL_BROKEN_NO_WITNESS, FALSE, "no_witness"},
    {"lull", "broken", "whatever a guest says", FALSE, "other"},
    {"lull", "broken", "whatever a guest says", TRUE, "timeout"},
    {"lull", "broken", NULL, FALSE, "other"},
    {"lull", "none", LULL_BROKEN_LEASE, FALSE, "not_frozen"}, /* it only says so */
    {"stock", "none", "the freeze was refused", FALSE, "not_frozen"},
    {"stock", "none", "the freeze took too long", TRUE, "timeout"},
    {NULL, "none", "no channel", FALSE, "no_agent"},
    {NULL, "none", "no answer", TRUE, "no_agent"},
};

START_TEST(test_why_a_guest_was_not_held_is_one_of_few_words)
{
    LullAttemptFacts facts = quiesced();

    facts.result = LULL_RESULT_NOT_QUIESCED;
    facts.agent = reasons[_i].agent;
    facts.proof = reasons[_i].proof;
    facts.why = reasons[_i].why;
    facts.timed_out = reasons[_i].timed_out;
    ck_assert_pstr_eq(lull_attempt_reason(&facts), reasons[_i].reason);
    ck_assert(g_strv_contains(lull_attempt_reasons(), reasons[_i].reason));
}
END_TEST

START_TEST(test_each_word_is_given_for_something)
{
    for (guint i = 0; lull_attempt_reasons()[i]; i++) {
        gboolean found = FALSE;

        for (guint j = 0; j < G_N_ELEMENTS(reasons); j++)
            found = found || g_str_equal(reasons[j].reason, lull_attempt_reasons()[i]);
        ck_assert_msg(found, "%s", lull_attempt_reasons()[i]);
    }
}
END_TEST

START_TEST(test_there_is_no_reason_where_it_held_or_nobody_was_asked_or_it_came_to_nothing)
{
    LullAttemptFacts facts = quiesced();

    ck_assert_ptr_null(lull_attempt_reason(&facts));
    facts.result = LULL_RESULT_CRASH_CONSISTENT;
    facts.proof = "none";
    facts.asked = FALSE;
    ck_assert_ptr_null(lull_attempt_reason(&facts));
    facts.asked = TRUE;
    facts.proof = NULL;
    facts.result = LULL_RESULT_CUT_FAILED;
    ck_assert_ptr_null(lull_attempt_reason(&facts));
}
END_TEST

START_TEST(test_results_have_names_of_their_own)
{
    for (guint i = 0; i < LULL_RESULT_N; i++)
        for (guint j = 0; j < i; j++)
            ck_assert_str_ne(lull_result_to_string(i), lull_result_to_string(j));
    ck_assert_str_eq(lull_result_to_string(LULL_RESULT_N), "failed");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("attempt-facts");
    TCase *tcase = tcase_create("attempt-facts");

    tcase_add_test(tcase, test_a_line_has_all_that_is_known);
    tcase_add_test(tcase, test_what_is_not_known_is_left_out_and_what_is_asked_for_always_is_there);
    tcase_add_loop_test(tcase, test_a_time_is_the_same_in_the_line_and_in_the_report, 0, G_N_ELEMENTS(times));
    tcase_add_loop_test(tcase, test_what_a_guest_says_stays_on_its_line_and_in_its_value, 0,
                        G_N_ELEMENTS(whys));
    tcase_add_test(tcase, test_what_a_guest_says_has_an_end);
    tcase_add_loop_test(tcase, test_why_a_guest_was_not_held_is_one_of_few_words, 0, G_N_ELEMENTS(reasons));
    tcase_add_test(tcase, test_each_word_is_given_for_something);
    tcase_add_test(tcase, test_there_is_no_reason_where_it_held_or_nobody_was_asked_or_it_came_to_nothing);
    tcase_add_test(tcase, test_results_have_names_of_their_own);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
