/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The small ones: back-off, clock, errors, phases, proofs, steps. */
#include <signal.h>
#include <string.h>

#include "protocol/backoff.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/phase.h"
#include "protocol/proof.h"
#include "protocol/step-init.h"
#include "tests/lib/check-main.h"

START_TEST(test_backoff_doubles_up_to_its_cap)
{
    const LullBackoff backoff = {.first = 100, .cap = 1000};
    const gint64 expected[] = {0, 100, 200, 400, 800, 1000, 1000};

    for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
        ck_assert_int_eq(lull_backoff_delay(&backoff, i, 0), expected[i]);
    ck_assert_int_eq(lull_backoff_delay(&backoff, G_MAXUINT, 0), 1000);
}
END_TEST

START_TEST(test_backoff_jitter_only_shortens)
{
    const LullBackoff backoff = {.first = 1000, .cap = 1000, .jitter = 0.5};

    ck_assert_int_eq(lull_backoff_delay(&backoff, 1, 0), 1000);
    ck_assert_int_eq(lull_backoff_delay(&backoff, 1, 0.999999), 501);
}
END_TEST

static const struct {
    const char *text;
    gint64 seconds; /* -1: not understood */
    const char *normal;
} times[] = {
    {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
    {"2026-03-01T10:20:30Z", 1772360430, "2026-03-01T10:20:30Z"},
    {"2026-03-01T12:20:30+02:00", 1772360430, "2026-03-01T10:20:30Z"},
    {"2026-03-01", -1, NULL},
    {"yesterday", -1, NULL},
    {"", -1, NULL},
};

START_TEST(test_clock_reads_and_writes_rfc_3339)
{
    gint64 usec = -7;

    if (times[_i].seconds < 0) {
        ck_assert(!lull_clock_parse(times[_i].text, &usec));
        ck_assert_int_eq(usec, -7);
        return;
    }
    ck_assert(lull_clock_parse(times[_i].text, &usec));
    ck_assert_int_eq(usec, LULL_SEC(times[_i].seconds));
    g_autofree char *text = lull_clock_format(usec);
    ck_assert_str_eq(text, times[_i].normal);
}
END_TEST

START_TEST(test_clock_keeps_fractions)
{
    gint64 usec = 0;

    ck_assert(lull_clock_parse("1970-01-01T00:00:01.25Z", &usec));
    ck_assert_int_eq(usec, 1250000);
}
END_TEST

START_TEST(test_every_error_code_has_its_own_word)
{
    for (int i = 0; i < LULL_ERROR_N_CODES; i++)
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(lull_error_code_to_string(i), lull_error_code_to_string(k));
    ck_assert_str_eq(lull_error_code_to_string(-1), "failed");
    ck_assert_str_eq(lull_error_code_to_string(LULL_ERROR_N_CODES), "failed");
}
END_TEST

START_TEST(test_every_phase_has_its_own_name)
{
    for (int i = 0; i < LULL_PHASE_N; i++)
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(lull_phase_to_string((LullPhase)i), lull_phase_to_string((LullPhase)k));
    ck_assert_str_eq(lull_phase_to_string(LULL_PHASE_N), "unknown");
}
END_TEST

#define STEP_NAME(id, name) name,
static const char *const steps[] = {LULL_STEPS(STEP_NAME)};
#undef STEP_NAME

START_TEST(test_every_step_kills_where_it_is_armed_by_its_own_name)
{
    g_autofree char *wish = g_strconcat(steps[_i], "=kill", NULL);

    for (int k = 0; k < _i; k++)
        ck_assert_str_ne(steps[_i], steps[k]);
    g_setenv("LULL_AT_STEP", wish, TRUE);
    ck_assert(lull_steps_init(NULL));
    lull_step((LullStep)_i);
}
END_TEST

START_TEST(test_a_proof_that_nobody_knows_is_none)
{
    ck_assert_str_eq(lull_proof_to_string(LULL_PROOF_HELD), "held");
    ck_assert_str_eq(lull_proof_to_string(LULL_PROOF_BROKEN), "broken");
    ck_assert_str_eq(lull_proof_to_string(LULL_PROOF_NONE), "none");
    ck_assert_str_eq(lull_proof_to_string(LULL_PROOF_N), "none");
}
END_TEST

START_TEST(test_a_step_that_is_not_armed_does_nothing)
{
    g_setenv("LULL_AT_STEP", "agent.frozen=kill", TRUE);
    ck_assert(lull_steps_init(NULL));
    lull_step(LULL_STEP_AGENT_PREPARED);
    lull_step(LULL_STEP_FREEZER_ARMED);
}
END_TEST

START_TEST(test_refuses_to_arm_what_does_not_exist)
{
    const char *const wishes[] = {"agent.lunch=kill", "agent.frozen=dance", "agent.frozen", "=kill",
                                  "agent.frozen="};

    for (gsize i = 0; i < G_N_ELEMENTS(wishes); i++) {
        g_autoptr(GError) error = NULL;

        g_setenv("LULL_AT_STEP", wishes[i], TRUE);
        ck_assert_msg(!lull_steps_init(&error), "%s", wishes[i]);
        ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
        ck_assert_ptr_nonnull(strstr(error->message, wishes[i]));
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("base");
    TCase *tcase = tcase_create("base");

    tcase_add_test(tcase, test_backoff_doubles_up_to_its_cap);
    tcase_add_test(tcase, test_backoff_jitter_only_shortens);
    tcase_add_loop_test(tcase, test_clock_reads_and_writes_rfc_3339, 0, G_N_ELEMENTS(times));
    tcase_add_test(tcase, test_clock_keeps_fractions);
    tcase_add_test(tcase, test_every_error_code_has_its_own_word);
    tcase_add_test(tcase, test_every_phase_has_its_own_name);
    tcase_add_test(tcase, test_a_proof_that_nobody_knows_is_none);
    tcase_add_test(tcase, test_a_step_that_is_not_armed_does_nothing);
    tcase_add_loop_test_raise_signal(tcase, test_every_step_kills_where_it_is_armed_by_its_own_name, SIGKILL,
                                     0, G_N_ELEMENTS(steps));
    tcase_add_test(tcase, test_refuses_to_arm_what_does_not_exist);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
