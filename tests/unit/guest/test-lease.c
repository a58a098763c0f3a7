/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/lease.h"

#include "protocol/clock.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"

#define LEASE LULL_MSEC(LULL_LEASE_MS)
#define LEAST LULL_MSEC(LULL_LEASE_MIN_MS)

START_TEST(a_lease_is_as_long_as_asked_for_while_there_is_time)
{
    ck_assert_int_eq(lull_lease_next(LEASE, LULL_SEC(30), 0), LEASE);
    ck_assert_int_eq(lull_lease_next(LEASE, LULL_SEC(30), LULL_SEC(30) - LEASE), LEASE);
}
END_TEST

START_TEST(no_lease_lasts_beyond_the_end)
{
    ck_assert_int_eq(lull_lease_next(LEASE, LULL_SEC(30), LULL_SEC(29)), LULL_SEC(1));
    ck_assert_int_eq(lull_lease_next(LEASE, LULL_SEC(30), LULL_SEC(30) - LEAST), LEAST);
}
END_TEST

START_TEST(at_the_end_there_is_none)
{
    ck_assert_int_eq(lull_lease_next(LEASE, LULL_SEC(30), LULL_SEC(30) - LEAST + 1), 0);
    ck_assert_int_eq(lull_lease_next(LEASE, LULL_SEC(30), LULL_SEC(30)), 0);
    ck_assert_int_eq(lull_lease_next(LEASE, LULL_SEC(30), LULL_SEC(300)), 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/lease");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, a_lease_is_as_long_as_asked_for_while_there_is_time);
    tcase_add_test(cases, no_lease_lasts_beyond_the_end);
    tcase_add_test(cases, at_the_end_there_is_none);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
