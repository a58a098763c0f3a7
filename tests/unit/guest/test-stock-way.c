/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/stock-way.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

static const struct {
    gint64 lease, seconds;
} timers[] = {
    {LULL_SEC(20), 20}, {LULL_SEC(20) + 1, 21},      {LULL_SEC(20) - 1, 20}, {1, 1}, {0, 1},
    {-LULL_SEC(5), 1},  {LULL_GUEST_HOLD_MAX, 3600}, {G_MAXINT64, 3600},
};

START_TEST(test_a_timer_has_whole_seconds_and_is_never_none)
{
    ck_assert_int_eq(lull_stock_timer(timers[_i].lease), timers[_i].seconds);
}
END_TEST

START_TEST(test_only_who_was_certainly_not_asked_is_not_thawed)
{
    for (int code = 0; code < LULL_ERROR_N_CODES; code++) {
        g_autoptr(GError) error = g_error_new_literal(LULL_ERROR, code, "no");
        const gboolean refused =
            code == LULL_ERROR_NOT_FOUND || code == LULL_ERROR_CONFLICT || code == LULL_ERROR_DENIED;

        ck_assert_int_eq(lull_stock_is_refusal(error), refused);
    }
    ck_assert(!lull_stock_is_refusal(NULL));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("stock-way");
    TCase *tcase = tcase_create("stock-way");

    tcase_add_loop_test(tcase, test_a_timer_has_whole_seconds_and_is_never_none, 0, G_N_ELEMENTS(timers));
    tcase_add_test(tcase, test_only_who_was_certainly_not_asked_is_not_thawed);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
