/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/store/kube/lines.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

typedef struct {
    GString *seen; /* lines with a | after each */
    guint enough;  /* lines until no more are wanted; 0: never */
    guint n;
} Seen;

static gboolean
note(const char *line, gsize length, gpointer user_data)
{
    Seen *seen = user_data;

    ck_assert_uint_eq(strlen(line), length);
    g_string_append_printf(seen->seen, "%s|", line);
    return ++seen->n != seen->enough;
}

START_TEST(lines_come_out_the_same_however_the_bytes_arrive)
{
    const char *text = "one\ntwo\r\n\n\r\nthree\nhalf";

    for (gsize piece = 1; piece <= strlen(text); piece++) {
        g_autoptr(LullLines) lines = lull_lines_new(100);
        Seen seen = {.seen = g_string_new(NULL)};

        for (gsize at = 0; at < strlen(text); at += piece)
            ck_assert(lull_lines_feed(lines, text + at, MIN(piece, strlen(text) - at), note, &seen, NULL));
        ck_assert_str_eq(seen.seen->str, "one|two|three|");
        g_string_free(seen.seen, TRUE);
    }
}
END_TEST

START_TEST(line_as_long_as_allowed_passes_and_one_byte_more_is_an_error)
{
    for (int whole = 0; whole < 2; whole++) {
        g_autoptr(LullLines) lines = lull_lines_new(8);
        g_autoptr(GError) error = NULL;
        Seen seen = {.seen = g_string_new(NULL)};

        ck_assert(lull_lines_feed(lines, "12345678\n", 9, note, &seen, &error));
        ck_assert_str_eq(seen.seen->str, "12345678|");
        ck_assert(lull_lines_feed(lines, "1234", 4, note, &seen, &error));
        ck_assert(!lull_lines_feed(lines, whole ? "56789\n" : "56789", whole ? 6 : 5, note, &seen, &error));
        ck_assert_error(error, LULL_ERROR_INVALID);
        g_string_free(seen.seen, TRUE);
    }
}
END_TEST

START_TEST(reader_that_had_enough_stops_the_rest_of_the_same_piece)
{
    g_autoptr(LullLines) lines = lull_lines_new(8);
    g_autoptr(GError) error = NULL;
    Seen seen = {.seen = g_string_new(NULL), .enough = 2};

    ck_assert(!lull_lines_feed(lines, "a\nb\nc\n", 6, note, &seen, &error));
    ck_assert_no_error(error);
    ck_assert_str_eq(seen.seen->str, "a|b|");
    g_string_free(seen.seen, TRUE);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("lines");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, lines_come_out_the_same_however_the_bytes_arrive);
    tcase_add_test(tests, line_as_long_as_allowed_passes_and_one_byte_more_is_an_error);
    tcase_add_test(tests, reader_that_had_enough_stops_the_rest_of_the_same_piece);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
