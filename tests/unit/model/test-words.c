/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/words.h"

#include <string.h>

#include "tests/lib/check-main.h"

START_TEST(what_is_short_and_plain_stays)
{
    g_autofree char *words = lull_words("no such command: \xc3\xa4", 100);

    ck_assert_str_eq(words, "no such command: \xc3\xa4");
}
END_TEST

START_TEST(they_stand_on_one_line_and_steer_nothing)
{
    g_autofree char *words = lull_words("a\nb\r\x1b[31mc\x7f", 100);

    ck_assert_str_eq(words, "a b  [31mc ");
}
END_TEST

START_TEST(what_is_long_is_cut_and_stays_sound)
{
    g_autofree char *text = g_strnfill(4 * 1024 * 1024, '\xff');
    g_autofree char *words = lull_words(text, 100);
    g_autofree char *halved = lull_words("\xc3\xa4\xc3\xa4", 3);

    ck_assert_uint_eq(strlen(words), 300);
    ck_assert(g_utf8_validate(words, -1, NULL));
    ck_assert_str_eq(halved, "\xc3\xa4\xef\xbf\xbd");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("words");
    TCase *tcase = tcase_create("words");

    tcase_add_test(tcase, what_is_short_and_plain_stays);
    tcase_add_test(tcase, they_stand_on_one_line_and_steer_nothing);
    tcase_add_test(tcase, what_is_long_is_cut_and_stays_sound);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
