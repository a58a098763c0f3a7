/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/status-patch.h"

#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define BASE LULL_SEC(1000000)

/* What was cut at BASE + 0.9 s says BASE. */
START_TEST(what_says_when_in_whole_seconds_has_the_whole_moment)
{
    ck_assert_int_eq(lull_status_tell_at(BASE, BASE + LULL_MSEC(900)), BASE + LULL_SEC(4));
    ck_assert_int_eq(lull_status_tell_at(BASE, BASE + LULL_MSEC(3999)), BASE + LULL_SEC(4));
    ck_assert_int_eq(lull_status_tell_at(BASE, BASE + LULL_SEC(4)), 0);
}
END_TEST

START_TEST(what_says_when_to_the_millisecond_has_no_more)
{
    const gint64 since = BASE + LULL_MSEC(900);

    ck_assert_int_eq(lull_status_tell_at(since, since), since + LULL_SEC(3));
    ck_assert_int_eq(lull_status_tell_at(since, since + LULL_SEC(3)), 0);
}
END_TEST

START_TEST(between_clocks_that_differ_nothing_waits)
{
    ck_assert_int_ne(lull_status_tell_at(BASE, BASE - LULL_SEC(2)), 0);
    ck_assert_int_eq(lull_status_tell_at(BASE, BASE - LULL_SEC(3)), 0);
    ck_assert_int_eq(lull_status_tell_at(BASE, BASE + LULL_SEC(3600)), 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("status-patch");
    TCase *tcase = tcase_create("status-patch");

    tcase_add_test(tcase, what_says_when_in_whole_seconds_has_the_whole_moment);
    tcase_add_test(tcase, what_says_when_to_the_millisecond_has_no_more);
    tcase_add_test(tcase, between_clocks_that_differ_nothing_waits);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
