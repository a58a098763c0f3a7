/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/pace.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define LONGEST LULL_MSEC(250)
#define SOON    LULL_MSEC(20) /* below this no pause is long */

/* When the end at @ready is noticed, by who asks at the pace of a guest that answers at once. */
static gint64
noticed(gint64 ready, guint *ret_asked)
{
    gint64 now = 0;

    for (*ret_asked = 1; now < ready; ++*ret_asked)
        now += lull_pace_pause(now);
    return now;
}

START_TEST(the_end_is_noticed_soon_in_proportion_to_what_it_took)
{
    guint asked;

    for (gint64 ready = 1; ready < LULL_SEC(20); ready += 1 + ready / 100) {
        const gint64 late = noticed(ready, &asked) - ready;

        ck_assert_int_ge(late, 0);
        ck_assert_int_le(late, MAX(ready, SOON) / 3);
        ck_assert_int_le(late, LONGEST);
    }
}
END_TEST

START_TEST(a_guest_that_takes_long_is_asked_seldom)
{
    guint asked;

    (void)noticed(LULL_MSEC(300), &asked);
    ck_assert_uint_le(asked, 20);
    (void)noticed(LULL_SEC(10), &asked);
    ck_assert_uint_le(asked, 70);
    ck_assert_int_eq(lull_pace_pause(LULL_SEC(60)), LONGEST);
}
END_TEST

START_TEST(a_clock_that_went_nowhere_makes_no_pause_without_length)
{
    ck_assert_int_gt(lull_pace_pause(0), 0);
    ck_assert_int_gt(lull_pace_pause(-1), 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/pace");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, the_end_is_noticed_soon_in_proportion_to_what_it_took);
    tcase_add_test(cases, a_guest_that_takes_long_is_asked_seldom);
    tcase_add_test(cases, a_clock_that_went_nowhere_makes_no_pause_without_length);
    suite_add_tcase(suite, cases);
    return suite;
}
LULL_CHECK_MAIN(make_suite)
