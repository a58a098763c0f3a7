/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static const struct {
    const char *text;
    gint64 usec;
} good[] = {
    {"0", 0},
    {"5m", LULL_SEC(300)},
    {"1m", LULL_SEC(60)},
    {"300ms", LULL_MSEC(300)},
    {"-1.5h", -LULL_SEC(5400)},
    {"2h45m", LULL_SEC(9900)},
    {"+1m0.5s", LULL_MSEC(60500)},
    {".5s", LULL_MSEC(500)},
    {"1.s", LULL_SEC(1)},
    {"1us", 1},
    {"1\302\265s", 1},
    {"1\316\274s", 1},
    {"1999ns", 1},
    {"1ns", 1}, /* not none */
    {"-1ns", -1},
    {"0ns", 0},
    {"0.000001s", 1},
    {"60", LULL_SEC(60)},
    {"1.5", LULL_MSEC(1500)},
    {"-0", 0},
    {"2562047h", LULL_SEC(G_GINT64_CONSTANT(2562047) * 3600)},
};

START_TEST(durations_are_understood_as_go_has_them)
{
    gint64 usec = 42;
    g_autoptr(GError) error = NULL;

    ck_assert(lull_duration_parse(good[_i].text, &usec, &error));
    ck_assert_msg(usec == good[_i].usec, "%s gave %" G_GINT64_FORMAT, good[_i].text, usec);
}
END_TEST

#define N_TOO_LARGE 2 /* at the end: their form is right */
static const char *const bad[] = {
    "",     "-",  "5 minutes", "5 m",  "m",      "1x",    ".s",  "1h2",      "1m 30s",
    "1e3s", "5M", "0x1",       "--1s", "1.2.3s", "1m-3s", " 1s", "2562048h", "99999999999999999999s",
};

START_TEST(the_pattern_in_schemas_takes_what_is_taken)
{
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        ck_assert_msg(g_regex_match_simple(LULL_DURATION_PATTERN, good[i].text, 0, 0), "%s", good[i].text);
    for (gsize i = 0; i < G_N_ELEMENTS(bad) - N_TOO_LARGE; i++)
        ck_assert_msg(!g_regex_match_simple(LULL_DURATION_PATTERN, bad[i], 0, 0), "%s", bad[i]);
}
END_TEST

START_TEST(what_is_no_duration_is_refused_with_the_form_expected)
{
    gint64 usec = 42;
    g_autoptr(GError) error = NULL;

    ck_assert_msg(!lull_duration_parse(bad[_i], &usec, &error), "\"%s\" was taken", bad[_i]);
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_ptr_nonnull(strstr(error->message, "is no duration"));
    ck_assert_int_eq(usec, 42);
}
END_TEST

static const struct {
    const char *json;
    gboolean valid;
    gint64 usec;
} values[] = {
    {"'1m'", TRUE, LULL_SEC(60)},
    {"60", TRUE, LULL_SEC(60)},
    {"0", TRUE, 0},
    {"1.5", TRUE, LULL_MSEC(1500)},
    {"-1", TRUE, -LULL_SEC(1)},
    {"1e-9", TRUE, 1},
    {"-1e-9", TRUE, -1},
    {"0.0", TRUE, 0},
    {"true", FALSE, 0},
    {"{}", FALSE, 0},
    {"1e300", FALSE, 0},
    {"[60]", FALSE, 0},
};

START_TEST(in_json_a_number_counts_seconds)
{
    g_autoptr(LullJson) value = json(values[_i].json);
    gint64 usec = 0;

    ck_assert_msg(lull_duration_from_json(value, &usec, NULL) == values[_i].valid, "%s", values[_i].json);
    ck_assert_int_eq(usec, values[_i].usec);
}
END_TEST

START_TEST(an_absent_value_is_no_duration)
{
    gint64 usec = 0;

    ck_assert(!lull_duration_from_json(NULL, &usec, NULL));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("duration");
    TCase *tcase = tcase_create("duration");

    tcase_add_test(tcase, the_pattern_in_schemas_takes_what_is_taken);
    tcase_add_loop_test(tcase, durations_are_understood_as_go_has_them, 0, G_N_ELEMENTS(good));
    tcase_add_loop_test(tcase, what_is_no_duration_is_refused_with_the_form_expected, 0, G_N_ELEMENTS(bad));
    tcase_add_loop_test(tcase, in_json_a_number_counts_seconds, 0, G_N_ELEMENTS(values));
    tcase_add_test(tcase, an_absent_value_is_no_duration);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
