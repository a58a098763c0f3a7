/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/freezer/counter.h"

#include <string.h>

#include "tests/lib/check-main.h"

static const struct {
    const char *text;
    int64_t writes;
} cases[] = {
    {"     310       12    20412      118      541      233     9120      301        0      388\n", 541},
    {"0 0 0 0 0 0 0 0 0 0 0\n", 0},
    {"1 2 3 4 5", 5},
    {"1 2 3 4 9223372036854775799", INT64_C(9223372036854775799)},
    {"1 2 3 4 9223372036854775808", -1},
    {"1 2 3 4 99999999999999999999", -1},
    {"1 2 3 4", -1},
    {"1 2 3 4 ", -1},
    {"1 2 x 4 5", -1},
    {"1 2 -3 4 5", -1},
    {"1 2 3 4 x", -1},
    {"", -1},
};

START_TEST(the_fifth_number_is_the_write_count)
{
    ck_assert_int_eq(lull_counter_parse(cases[_i].text, strlen(cases[_i].text)), cases[_i].writes);
}
END_TEST

START_TEST(nothing_is_read_past_the_end)
{
    ck_assert_int_eq(lull_counter_parse("1 2 3 4 567", strlen("1 2 3 4 5")), 5);
}
END_TEST

START_TEST(a_closed_descriptor_is_an_unknown_count)
{
    ck_assert_int_eq(lull_counter_read(-1), -1);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("agent-freezer-counter");
    TCase *tcase = tcase_create("counter");

    tcase_add_loop_test(tcase, the_fifth_number_is_the_write_count, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tcase, nothing_is_read_past_the_end);
    tcase_add_test(tcase, a_closed_descriptor_is_an_unknown_count);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
