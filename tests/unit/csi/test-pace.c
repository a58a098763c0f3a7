/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/pace.h"

#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define NOW LULL_SEC(5000)

static LullCsiPace
after(const LullCsiPaceSample *samples, guint n)
{
    LullCsiPace pace = {0};

    for (guint i = 0; i < n; i++)
        lull_csi_pace_note(&pace, &samples[i]);
    return pace;
}

START_TEST(what_was_never_cut_by_is_not_known)
{
    ck_assert_int_eq(lull_csi_pace_expect(&(LullCsiPace){0}, 1, NOW), 0);
}
END_TEST

START_TEST(what_two_cuts_took_the_next_one_takes)
{
    const LullCsiPaceSample samples[] = {{LULL_SEC(8), 2, NOW, FALSE}, {LULL_SEC(9), 2, NOW, FALSE}};
    const LullCsiPace once = after(samples, 1);
    const LullCsiPace twice = after(samples, 2);

    ck_assert_int_eq(lull_csi_pace_expect(&once, 2, NOW + 1), 0);
    ck_assert_int_eq(lull_csi_pace_expect(&twice, 2, NOW + 1), LULL_SEC(8));
}
END_TEST

START_TEST(fewer_volumes_may_take_less_by_as_much_and_more_of_them_no_more)
{
    const LullCsiPaceSample samples[] = {{LULL_SEC(8), 4, NOW, FALSE}, {LULL_SEC(8), 4, NOW, FALSE}};
    const LullCsiPace pace = after(samples, 2);

    ck_assert_int_eq(lull_csi_pace_expect(&pace, 1, NOW), LULL_SEC(2));
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 3, NOW), LULL_SEC(6));
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 400, NOW), LULL_SEC(8));
}
END_TEST

/* A driver that was starting anew, or what other nodes had it cut, is no reason to leave guests unfrozen. */
START_TEST(two_that_take_long_do_not_make_slow_what_was_quick_once_of_three)
{
    LullCsiPace pace = {0};

    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(60), 1, NOW, FALSE});
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_MSEC(500), 1, NOW, FALSE});
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 1, NOW), LULL_MSEC(500));
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(60), 1, NOW, FALSE});
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(50), 1, NOW, FALSE});
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 1, NOW), LULL_MSEC(500));
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(70), 1, NOW, FALSE});
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 1, NOW), LULL_SEC(50));
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_MSEC(500), 1, NOW, FALSE});
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 1, NOW), LULL_MSEC(500));
}
END_TEST

START_TEST(a_queue_is_expected_of_what_was_measured_behind_one)
{
    const LullCsiPaceSample samples[] = {
        {LULL_SEC(20), 40, NOW, FALSE}, {LULL_SEC(1), 2, NOW, FALSE}, {LULL_SEC(20), 40, NOW, FALSE}};
    const LullCsiPace queues = after(samples, 1);
    LullCsiPace pace = queues;

    lull_csi_pace_note(&pace, &samples[2]);
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 2, NOW), LULL_SEC(1));
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 40, NOW), LULL_SEC(20));
    lull_csi_pace_note(&pace, &samples[1]); /* what it takes with nobody before it says nothing of a queue */
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 2, NOW), LULL_SEC(1));
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 40, NOW), LULL_SEC(1));
}
END_TEST

START_TEST(a_cut_that_was_given_up_took_longer_than_that)
{
    const LullCsiPaceSample eight = {LULL_SEC(8), 2, NOW, FALSE};
    LullCsiPace pace = {0};

    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_MSEC(5), 2, NOW, TRUE}); /* its guest left */
    lull_csi_pace_note(&pace, &eight);
    lull_csi_pace_note(&pace,
                       &(LullCsiPaceSample){LULL_SEC(3), 2, NOW, TRUE}); /* it was patience that ended */
    lull_csi_pace_note(&pace, &eight);
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 2, NOW), LULL_SEC(8));
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(12), 2, NOW, TRUE});
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(12), 2, NOW, TRUE});
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(12), 2, NOW, TRUE});
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 2, NOW), LULL_SEC(12));
}
END_TEST

/* Else nobody would be frozen any more where nothing is cut without a freeze, and so nothing be measured. */
START_TEST(what_is_old_is_not_known_any_more)
{
    LullCsiPace pace = {0};

    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(60), 2, NOW, FALSE});
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(60), 2, NOW + LULL_SEC(30), FALSE});
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 2, NOW + LULL_SEC(89)), LULL_SEC(60));
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 2, NOW + LULL_SEC(90)), 0); /* there is one only */
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(1), 2, NOW + LULL_SEC(300), FALSE});
    lull_csi_pace_note(&pace, &(LullCsiPaceSample){LULL_SEC(2), 2, NOW + LULL_SEC(301), FALSE});
    ck_assert_int_eq(lull_csi_pace_expect(&pace, 2, NOW + LULL_SEC(302)), LULL_SEC(1));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("pace");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, what_was_never_cut_by_is_not_known);
    tcase_add_test(tcase, what_two_cuts_took_the_next_one_takes);
    tcase_add_test(tcase, fewer_volumes_may_take_less_by_as_much_and_more_of_them_no_more);
    tcase_add_test(tcase, two_that_take_long_do_not_make_slow_what_was_quick_once_of_three);
    tcase_add_test(tcase, a_queue_is_expected_of_what_was_measured_behind_one);
    tcase_add_test(tcase, a_cut_that_was_given_up_took_longer_than_that);
    tcase_add_test(tcase, what_is_old_is_not_known_any_more);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
