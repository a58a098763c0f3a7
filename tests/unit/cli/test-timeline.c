/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/timeline.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static LullReport *
report_of(const char *text)
{
    g_autofree char *copy = g_strdelimit(g_strdup(text), "'", '"');
    g_autoptr(GError) error = NULL;
    LullReport *report = lull_report_read(copy, &error);

    ck_assert_no_error(error);
    return report;
}

static void
draws(const char *text, const char *expected)
{
    g_autoptr(LullReport) report = report_of(text);
    g_autofree char *drawing = lull_timeline_draw(report, "");

    ck_assert_msg(g_strcmp0(drawing, expected) == 0, "\n%s", drawing ? drawing : "(nothing)");
}

START_TEST(held_freeze_is_drawn_to_scale_with_every_cut)
{
    draws("{'prepareMs':12.1,'freezeMs':5.0,'cutMs':40.0,'thawMs':5.0,'windowMs':49.5,'windowIs':'measured',"
          "'volumes':[{'name':'rootdisk','cutReceivedAtMs':25.0},{'name':'data','cutReceivedAtMs':45.0}]}",
          "prepare    12.1 ms  before anything was blocked\n"
          "                   |0                                          50.0 ms|\n"
          "freeze      5.0 ms |#####                                             |\n"
          "frozen     40.0 ms |     ========================================     |\n"
          "cut        25.0 ms |                         ^                        | rootdisk\n"
          "cut        45.0 ms |                                             ^    | data\n"
          "thaw        5.0 ms |                                             #####|\n"
          "window     49.5 ms  measured, on the guest's clock\n");
}
END_TEST

START_TEST(window_that_is_an_upper_bound_is_called_one)
{
    draws("{'freezeMs':100,'cutMs':20,'thawMs':1880,'windowMs':2000,'windowIs':'upper-bound','volumes':[]}",
          "                   |0                                           2.00 s|\n"
          "freeze    100.0 ms |##                                                |\n"
          "frozen     20.0 ms |  =                                               |\n"
          "thaw        1.88 s |   ###############################################|\n"
          "window      2.00 s  upper bound: from the host's request to the guest's reply\n");
}
END_TEST

START_TEST(broken_freeze_without_a_window_shows_what_is_known)
{
    draws("{'proof':'broken','freezeMs':3,'cutMs':9,'volumes':[{'name':'vda'}]}",
          "                   |0                                          12.0 ms|\n"
          "freeze      3.0 ms |############                                      |\n"
          "frozen      9.0 ms |            ======================================|\n"
          "cut        unknown |                                                  | vda\n"
          "thaw       unknown |                                                  |\n");
}
END_TEST

START_TEST(durations_of_nothing_draw_an_empty_freeze)
{
    draws("{'prepareMs':0,'freezeMs':0,'cutMs':0,'thawMs':0,'windowMs':0,'volumes':[{'name':'vda','"
          "cutReceivedAtMs':0}]}",
          "prepare     0.0 ms  before anything was blocked\n"
          "                   |0                                           0.0 ms|\n"
          "freeze      0.0 ms |                                                  |\n"
          "frozen      0.0 ms |                                                  |\n"
          "cut         0.0 ms |^                                                 | vda\n"
          "thaw        0.0 ms |                                                  |\n"
          "window      0.0 ms  upper bound: from the host's request to the guest's reply\n");
}
END_TEST

START_TEST(absurd_values_count_as_not_said)
{
    draws("{'prepareMs':-1,'freezeMs':1e300,'cutMs':'soon','thawMs':2,'windowMs':[1],'windowIs':7,"
          "'volumes':[{'name':'\\u001b[2Jevil','cutReceivedAtMs':-5},7,{'name':{},'cutReceivedAtMs':1e308}]}",
          "                   |0                                           2.0 ms|\n"
          "freeze     unknown |                                                  |\n"
          "frozen      0.0 ms |                                                  |\n"
          "cut        unknown |                                                  | ?[2Jevil\n"
          "cut        unknown |                                                  | \n"
          "cut        unknown |                                                  | \n"
          "thaw        2.0 ms |##################################################|\n");
}
END_TEST

START_TEST(nothing_frozen_draws_nothing)
{
    draws("{}", NULL);
    draws("{'prepareMs':5,'cutMs':3,'volumes':[{'name':'vda','cutReceivedAtMs':3}]}", NULL);
}
END_TEST

START_TEST(hundreds_of_volumes_do_not_fill_the_screen)
{
    g_autoptr(GString) text = g_string_new("{'freezeMs':1,'thawMs':1,'windowMs':10,'volumes':[");
    g_autoptr(LullReport) report = NULL;
    g_autofree char *drawing = NULL;
    g_auto(GStrv) lines = NULL;

    for (int i = 0; i < 1000; i++)
        g_string_append_printf(text, "%s{'name':'v%d','cutReceivedAtMs':%d}", i ? "," : "", i, i % 9);
    g_string_append(text, "]}");
    report = report_of(text->str);
    ck_assert_uint_eq(report->volumes->len, LULL_REPORT_MAX_ROWS);
    drawing = lull_timeline_draw(report, "  ");
    lines = g_strsplit(drawing, "\n", 0);
    ck_assert_uint_lt(g_strv_length(lines), 25);
    ck_assert_ptr_nonnull(strstr(drawing, "| and 240 more"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("timeline");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, held_freeze_is_drawn_to_scale_with_every_cut);
    tcase_add_test(tests, window_that_is_an_upper_bound_is_called_one);
    tcase_add_test(tests, broken_freeze_without_a_window_shows_what_is_known);
    tcase_add_test(tests, durations_of_nothing_draw_an_empty_freeze);
    tcase_add_test(tests, absurd_values_count_as_not_said);
    tcase_add_test(tests, nothing_frozen_draws_nothing);
    tcase_add_test(tests, hundreds_of_volumes_do_not_fill_the_screen);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
