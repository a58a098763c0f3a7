/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/quantity.h"

#include "tests/lib/check-main.h"

static const struct {
    const char *text;
    long double amount;
} amounts[] = {
    {"0", 0},
    {"128974848", 128974848},
    {"1Ki", 1024},
    {"10Gi", 10.0L * 1024 * 1024 * 1024},
    {"7Ei", 8070450532247928832.0L},
    {"18446744073709551615", 18446744073709551615.0L},
    {"1.5G", 1500000000},
    {".5Mi", 524288},
    {"+3k", 3000},
    {"12e6", 12000000},
    {"12E6", 12000000},
    {"5e+1", 50},
    {"2E", 2000000000000000000.0L},
    {"2000m", 2},
    {"3000000u", 3},
    {"4000000000n", 4},
    {"500e-2", 5},
};

START_TEST(an_amount_is_read)
{
    long double amount = -1;

    ck_assert_msg(lull_quantity_parse(amounts[_i].text, &amount), "%s", amounts[_i].text);
    ck_assert_msg(amount == amounts[_i].amount, "%s: %Lg", amounts[_i].text, amount);
}
END_TEST

static const char *const wrong[] = {
    NULL,   "",     "-1", "Gi",   ".",  "1.2.3", "1 Gi", "1gi",
    "1KiB", "0x10", "1e", "1e99", "e6", "nan",   "inf",  "11111111111111111111111111111111111111111",
};

START_TEST(what_is_none_is_refused)
{
    long double amount = 0;

    ck_assert_msg(!lull_quantity_parse(wrong[_i], &amount), "%s", wrong[_i]);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("quantity");
    TCase *tcase = tcase_create("quantity");

    tcase_add_loop_test(tcase, an_amount_is_read, 0, G_N_ELEMENTS(amounts));
    tcase_add_loop_test(tcase, what_is_none_is_refused, 0, G_N_ELEMENTS(wrong));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
