/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/event-gate.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define NOW     LULL_SEC(1000)
#define MINUTES LULL_SEC(60)

static const LullEventGateLimits limits = {
    .burst = 5, .refill = MINUTES, .similar = 2, .similar_span = 10 * MINUTES, .objects = 3};

static LullEventGate *gate;

static void
setup(void)
{
    gate = lull_event_gate_new(&limits);
}

static void
teardown(void)
{
    g_clear_pointer(&gate, lull_event_gate_free);
}

static LullEventGateVerdict
ask(const char *uid, const char *reason, const char *text, guint minute)
{
    return lull_event_gate_ask(gate, uid, reason, text, NOW + minute * MINUTES);
}

static const char *
next_text(void)
{
    static char text[16];
    static guint n;

    g_snprintf(text, sizeof text, "%u", n++);
    return text;
}

START_TEST(what_is_said_again_is_never_combined)
{
    for (guint i = 0; i < limits.burst; i++)
        ck_assert_int_eq(ask("a", "Reason", "the same", 0), LULL_EVENT_GATE_TELL);
}
END_TEST

START_TEST(many_texts_for_one_reason_are_combined)
{
    ck_assert_int_eq(ask("a", "Reason", "1", 0), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(ask("a", "Reason", "2", 0), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(ask("a", "Reason", "3", 0), LULL_EVENT_GATE_COMBINE);
    ck_assert_int_eq(ask("a", "Reason", "1", 0), LULL_EVENT_GATE_TELL);  /* it has an event of its own */
    ck_assert_int_eq(ask("a", "Another", "3", 0), LULL_EVENT_GATE_TELL); /* as has another reason, */
    ck_assert_int_eq(ask("b", "Reason", "3", 0), LULL_EVENT_GATE_TELL);  /* and another object */
}
END_TEST

START_TEST(after_a_pause_texts_have_events_of_their_own_again)
{
    for (guint i = 0; i < 2; i++)
        ck_assert_int_eq(ask("a", "Reason", next_text(), 0), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(ask("a", "Reason", next_text(), 0), LULL_EVENT_GATE_COMBINE);
    ck_assert_int_eq(ask("a", "Reason", next_text(), 9), LULL_EVENT_GATE_COMBINE);
    ck_assert_int_eq(ask("a", "Reason", next_text(), 18), LULL_EVENT_GATE_COMBINE); /* no pause */
    ck_assert_int_eq(ask("a", "Reason", next_text(), 28), LULL_EVENT_GATE_TELL);
}
END_TEST

START_TEST(whoever_says_too_much_is_hushed_until_some_time_went_by)
{
    for (guint i = 0; i < limits.burst; i++)
        ck_assert_int_eq(ask("a", "Reason", "x", 0), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(ask("a", "Reason", "x", 0), LULL_EVENT_GATE_HUSH);
    ck_assert_int_eq(ask("b", "Reason", "x", 0), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(ask("a", "Reason", "x", 1), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(ask("a", "Reason", "x", 1), LULL_EVENT_GATE_HUSH);
    for (guint i = 0; i < limits.burst; i++) /* and never more than the burst at once */
        ck_assert_int_eq(ask("a", "Reason", "x", 1000), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(ask("a", "Reason", "x", 1000), LULL_EVENT_GATE_HUSH);
}
END_TEST

START_TEST(being_asked_often_does_not_keep_it_shut)
{
    for (guint i = 0; i < limits.burst; i++)
        ck_assert_int_eq(ask("a", "Reason", "x", 0), LULL_EVENT_GATE_TELL);
    for (guint second = 1; second < 60; second++)
        ck_assert_int_eq(lull_event_gate_ask(gate, "a", "Reason", "x", NOW + LULL_SEC(second)),
                         LULL_EVENT_GATE_HUSH);
    ck_assert_int_eq(ask("a", "Reason", "x", 1), LULL_EVENT_GATE_TELL);
}
END_TEST

START_TEST(who_was_silent_longest_is_forgotten)
{
    for (guint i = 0; i < limits.burst; i++)
        ck_assert_int_eq(ask("a", "Reason", "x", 0), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(ask("b", "Reason", "x", 0), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(lull_event_gate_ask(gate, "a", "Reason", "x", NOW + 1), LULL_EVENT_GATE_HUSH);
    ck_assert_int_eq(lull_event_gate_ask(gate, "c", "Reason", "x", NOW + 2), LULL_EVENT_GATE_TELL);
    ck_assert_int_eq(lull_event_gate_ask(gate, "d", "Reason", "x", NOW + 3), LULL_EVENT_GATE_TELL); /* b */
    ck_assert_int_eq(lull_event_gate_ask(gate, "a", "Reason", "x", NOW + 4), LULL_EVENT_GATE_HUSH);
    ck_assert_int_eq(lull_event_gate_ask(gate, "b", "Reason", "x", NOW + 5), LULL_EVENT_GATE_TELL); /* c */
    ck_assert_int_eq(lull_event_gate_ask(gate, "c", "Reason", "x", NOW + 6), LULL_EVENT_GATE_TELL); /* d */
    ck_assert_int_eq(lull_event_gate_ask(gate, "d", "Reason", "x", NOW + 7), LULL_EVENT_GATE_TELL); /* a */
    ck_assert_int_eq(lull_event_gate_ask(gate, "a", "Reason", "x", NOW + 8), LULL_EVENT_GATE_TELL);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("event-gate");
    TCase *tcase = tcase_create("event-gate");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_said_again_is_never_combined);
    tcase_add_test(tcase, many_texts_for_one_reason_are_combined);
    tcase_add_test(tcase, after_a_pause_texts_have_events_of_their_own_again);
    tcase_add_test(tcase, whoever_says_too_much_is_hushed_until_some_time_went_by);
    tcase_add_test(tcase, being_asked_often_does_not_keep_it_shut);
    tcase_add_test(tcase, who_was_silent_longest_is_forgotten);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
