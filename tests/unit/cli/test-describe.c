/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/describe.h"
#include "tests/lib/check-main.h"

static const GOptionEntry options[] = {
    {"level", 'l', 0, G_OPTION_ARG_STRING, NULL, "this | that", "LEVEL"},
    {"now", 0, 0, G_OPTION_ARG_NONE, NULL, ".at once", NULL},
    {0},
};
static const LullCommand plain = {.name = "plain", .arguments = "", .summary = "do nothing"};
static const LullCommand rich = {.name = "rich",
                                 .arguments = "VM --for TIME -- COMMAND...",
                                 .summary = "do a lot",
                                 .details = "One. Two\n.three \\ four.\n\n'Five.",
                                 .options = options};
static const LullCommand *const table[] = {&plain, &rich, NULL};

START_TEST(rows_are_one_fact_a_line)
{
    g_autofree char *rows = lull_describe_rows(table);
    const char *own = strstr(rows, "plain|");

    ck_assert(g_str_has_prefix(rows, "*|option|output|o|FORMAT|"));
    ck_assert_ptr_nonnull(own);
    ck_assert_str_eq(own, "plain|command|do nothing\n"
                          "rich|command|do a lot\n"
                          "rich|argument|VM\n"
                          "rich|argument|COMMAND...\n"
                          "rich|option|level|l|LEVEL|this / that\n"
                          "rich|option|now|||.at once\n");
}
END_TEST

START_TEST(text_of_a_page_cannot_be_taken_for_requests)
{
    g_autofree char *page = lull_describe_mdoc(table);
    g_auto(GStrv) parts = g_strsplit(page, ".Ss ", 0);

    ck_assert_str_eq(parts[1], "lull plain\nDo nothing.\n");
    ck_assert_str_eq(parts[2], "lull rich VM --for TIME -- COMMAND...\n"
                               "Do a lot.\n"
                               ".Pp\n"
                               "One.\n"
                               "Two .three \\e four.\n"
                               ".Pp\n"
                               "\\&'Five.\n"
                               ".Bl -tag -width Ds\n"
                               ".It Fl l Ar LEVEL , Fl -level Ar LEVEL\n"
                               "this | that\n"
                               ".It Fl -now\n"
                               "\\&.at once\n"
                               ".El\n");
    ck_assert(g_str_has_prefix(parts[3], "Options of all commands\n"));
}
END_TEST

START_TEST(table_goes_where_the_frame_says)
{
    g_autofree char *filled = lull_describe_fill("a\n@TABLE@\nb\n", "1\n2\n");
    g_autofree char *first = lull_describe_fill("@TABLE@\n", "1\n");

    ck_assert_str_eq(filled, "a\n1\n2\nb\n");
    ck_assert_str_eq(first, "1\n");
    ck_assert_ptr_null(lull_describe_fill("a\n", "1\n"));
    ck_assert_ptr_null(lull_describe_fill("a @TABLE@\n", "1\n"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("describe");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, rows_are_one_fact_a_line);
    tcase_add_test(tests, text_of_a_page_cannot_be_taken_for_requests);
    tcase_add_test(tests, table_goes_where_the_frame_says);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
