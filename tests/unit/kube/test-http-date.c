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

START_TEST(what_is_no_date_says_nothing_of_a_clock)
{
    gint64 usec = 0;

    ck_assert(!lull_http_date_parse(nonsense[_i], &usec));
    ck_assert_int_eq(lull_http_skew(nonsense[_i], 0, at("1994-11-06T08:49:37Z")), 0);
}
END_TEST

static const struct {
    const char *asked, *now;
    gint64 skew;
} rows[] = {
    {"1994-11-06T08:49:37Z", "1994-11-06T08:49:37Z", 0},
    {"1994-11-06T08:49:38Z", "1994-11-06T08:49:38Z", 0},
    {"1994-11-06T08:49:36Z", "1994-11-06T08:49:36Z", 0},
    {"1994-11-06T08:49:20Z", "1994-11-06T08:50:20Z", 0}, /* the answer was long on its way */
    {"1994-11-06T08:49:47Z", "1994-11-06T08:49:47Z", -LULL_MSEC(9500)},
    {"1994-11-06T07:49:36Z", "1994-11-06T07:49:38Z", LULL_SEC(3600) + LULL_MSEC(500)},
};

START_TEST(a_clock_that_is_off_by_more_than_a_date_can_tell_is)
{
    ck_assert_int_eq(lull_http_skew(DATE, at(rows[_i].asked), at(rows[_i].now)), rows[_i].skew);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("http-date");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, a_date_is_a_point_in_time);
    tcase_add_loop_test(tcase, what_is_no_date_says_nothing_of_a_clock, 0, G_N_ELEMENTS(nonsense));
    tcase_add_loop_test(tcase, a_clock_that_is_off_by_more_than_a_date_can_tell_is, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
