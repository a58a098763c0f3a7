/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/text.h"
#include "coordinator/model/age.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

START_TEST(nothing_that_was_said_elsewhere_can_steer_the_terminal)
{
    static const struct {
        const char *raw, *clean;
    } cases[] = {
        {"plain", "plain"},
        {"two\nlines\tand\rmore", "two lines and more"},
        {"\033[31mred\033[0m", "?[31mred?[0m"},
        {"\302\2332J", "?2J"},          /* C1 control: CSI */
        {"a\342\200\256b", "a?b"},      /* right-to-left override */
        {"a\342\200\250b", "a?b"},      /* line separator */
        {"bad\xff", "bad\357\277\275"}, /* no UTF-8 */
        {"gr\303\266\303\237e", "gr\303\266\303\237e"},
        {"", ""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *clean = lull_text_clean(cases[i].raw, 0);

        ck_assert_str_eq(clean, cases[i].clean);
    }
}
END_TEST

START_TEST(long_text_is_cut_to_the_columns_with_dots)
{
    static const struct {
        const char *raw;
        guint columns;
        const char *clean;
    } cases[] = {
        {"123456", 6, "123456"},
        {"1234567", 6, "123..."},
        {"1234567", 3, "..."},
        {"1234567", 1, "."},
        {"\346\274\242\345\255\227\346\274\242\345\255\227", 8,
         "\346\274\242\345\255\227\346\274\242\345\255\227"},
        {"\346\274\242\345\255\227\346\274\242\345\255\227", 7, "\346\274\242\345\255\227..."},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *clean = lull_text_clean(cases[i].raw, cases[i].columns);

        ck_assert_str_eq(clean, cases[i].clean);
        ck_assert_uint_le(lull_text_width(clean), cases[i].columns);
    }
}
END_TEST

START_TEST(ages_read_as_those_of_kubectl)
{
    static const struct {
        gint64 seconds;
        const char *age;
    } cases[] = {
        {-2, "<invalid>"}, {-1, "0s"},
        {0, "0s"},         {119, "119s"},
        {120, "2m"},       {150, "2m30s"},
        {599, "9m59s"},    {600, "10m"},
        {3600, "60m"},     {10799, "179m"},
        {10800, "3h"},     {11000, "3h3m"},
        {28799, "7h59m"},  {28800, "8h"},
        {172799, "47h"},   {172800, "2d"},
        {180000, "2d2h"},  {691200, "8d"},
        {63072000, "2y"},  {63158400, "2y1d"},
        {252288000, "8y"}, {G_MAXINT64 / 1000000, "292471y"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *age = lull_age_format(cases[i].seconds * LULL_SEC(1));

        ck_assert_str_eq(age, cases[i].age);
    }
}
END_TEST

START_TEST(milliseconds_are_written_in_a_unit_that_fits)
{
    static const struct {
        double ms;
        const char *text;
    } cases[] = {
        {0, "0.0 ms"},    {26.04, "26.0 ms"}, {999.9, "999.9 ms"},
        {2500, "2.50 s"}, {150000, "2m30s"},  {1e9, "11d"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = lull_age_format_ms(cases[i].ms);

        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(names_near_a_mistyped_one_are_found_best_first)
{
    static const char *const names[] = {"larry", "larry-2", "barry", "moe", "web-frontend-1", NULL};
    static const struct {
        const char *word, *near;
    } cases[] = {
        {"lary", "larry"}, {"larry", "larry,barry,larry-2"}, {"lrary", "larry"},
        {"curly", ""},     {"web", "web-frontend-1"},        {"mo", "moe"},
        {"", ""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) near = lull_text_near(cases[i].word, names);
        g_autofree char *joined = NULL;

        g_ptr_array_add(near, NULL);
        joined = g_strjoinv(",", (char **)near->pdata);
        ck_assert_str_eq(joined, cases[i].near);
    }
}
END_TEST

START_TEST(absurdly_long_words_are_near_to_nothing)
{
    g_autofree char *word = g_strnfill(100000, 'a');
    const char *const names[] = {word, "a", NULL};
    g_autoptr(GPtrArray) near = lull_text_near(word, names);
    g_autoptr(GPtrArray) other = lull_text_near("aa", names);

    ck_assert_uint_eq(near->len, 0);
    ck_assert_uint_eq(other->len, 1);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, nothing_that_was_said_elsewhere_can_steer_the_terminal);
    tcase_add_test(tests, long_text_is_cut_to_the_columns_with_dots);
    tcase_add_test(tests, ages_read_as_those_of_kubectl);
    tcase_add_test(tests, milliseconds_are_written_in_a_unit_that_fits);
    tcase_add_test(tests, names_near_a_mistyped_one_are_found_best_first);
    tcase_add_test(tests, absurdly_long_words_are_near_to_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
