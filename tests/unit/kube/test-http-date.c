/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/http-date.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static gint64
at(const char *text)
{
    gint64 usec = 0;

    ck_assert(lull_clock_parse(text, &usec));
    return usec;
}

START_TEST(a_date_is_a_point_in_time)
{
    gint64 usec = 0;

    ck_assert(lull_http_date_parse(DATE, &usec));
    ck_assert_int_eq(usec, at("1994-11-06T08:49:37Z"));
}
END_TEST

static const char *const nonsense[] = {"",
                                       "now",
                                       "Sun, 06 Nov 1994",
                                       "Sun, 06 Now 1994 08:49:37 GMT",
                                       "Sun, xx Nov 1994 08:49:37 GMT",
                                       "1994-11-06T08:49:37Z"};

START_TEST(what_is_no_date_is_none)
{
    gint64 usec = 0;

    ck_assert(!lull_http_date_parse(nonsense[_i], &usec));
}
END_TEST

#define NOW  LULL_SEC(784111777)
#define SOON LULL_MSEC(100)

/* An answer that took so long, of a clock that is so far before ours, rounded down as dates are. */
static void
hear(LullHttpClock *clock, gint64 took, gint64 ahead)
{
    lull_http_clock_hear(clock, (NOW + ahead) / LULL_SEC(1) * LULL_SEC(1), NOW - took, NOW);
}

static const struct {
    gint64 took, ahead, skew;
} rows[] = {
    {SOON, 0, 0},
    {SOON, LULL_SEC(1), 0},
    {SOON, -LULL_SEC(1), 0},
    {LULL_SEC(60), -LULL_SEC(40), 0}, /* the answer may have been long on its way */
    {SOON, -LULL_SEC(10), -LULL_MSEC(9500)},
    {LULL_SEC(1), LULL_SEC(3600), LULL_SEC(3600) + LULL_MSEC(500)},
    {LULL_SEC(20), LULL_SEC(3), LULL_MSEC(3500)}, /* an answer is dated when it is given */
};

START_TEST(a_clock_that_is_off_by_more_than_a_date_can_tell_is)
{
    LullHttpClock clock = {0};

    hear(&clock, rows[_i].took, rows[_i].ahead);
    ck_assert_int_eq(clock.skew, rows[_i].skew);
}
END_TEST

START_TEST(what_is_known_of_a_clock_steps_by_two_answers_that_agree)
{
    LullHttpClock clock = {0};

    hear(&clock, SOON, -LULL_SEC(600));
    ck_assert_int_eq(clock.skew, -LULL_SEC(600) + LULL_MSEC(500));
    hear(&clock, SOON, LULL_SEC(3600));
    hear(&clock, SOON, LULL_SEC(7200));
    hear(&clock, SOON, -LULL_SEC(601));
    hear(&clock, SOON, LULL_SEC(3600));
    ck_assert_int_eq(clock.skew, -LULL_SEC(601) + LULL_MSEC(500));
    hear(&clock, SOON, LULL_SEC(3601));
    ck_assert_int_eq(clock.skew, LULL_SEC(3601) + LULL_MSEC(500));
    hear(&clock, SOON, 0);
    hear(&clock, SOON, 0);
    ck_assert_int_eq(clock.skew, 0);
}
END_TEST

START_TEST(an_answer_that_took_long_says_nothing_that_is_not_known_better)
{
    LullHttpClock clock = {0};

    hear(&clock, LULL_SEC(20), LULL_SEC(3));
    ck_assert_int_eq(clock.skew, LULL_MSEC(3500));
    hear(&clock, LULL_SEC(20), LULL_SEC(900));
    hear(&clock, LULL_SEC(20), LULL_SEC(900));
    ck_assert_int_eq(clock.skew, LULL_MSEC(3500));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("http-date");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, a_date_is_a_point_in_time);
    tcase_add_loop_test(tcase, what_is_no_date_is_none, 0, G_N_ELEMENTS(nonsense));
    tcase_add_loop_test(tcase, a_clock_that_is_off_by_more_than_a_date_can_tell_is, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, what_is_known_of_a_clock_steps_by_two_answers_that_agree);
    tcase_add_test(tcase, an_answer_that_took_long_says_nothing_that_is_not_known_better);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
