/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/metrics/registry.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

enum { COUNTER, GAUGE, SPANS, BARE_SPANS, RARE, AGE, FEW, N };

static const LullFamily families[N] = {
    [COUNTER] = {"things_total", "How many.", LULL_FAMILY_COUNTER, .labels = {"color", "size"}},
    [GAUGE] = {"depth", "A back\\slash and\na line.", LULL_FAMILY_GAUGE},
    [SPANS] = {"spans_seconds", "How long.", LULL_FAMILY_HISTOGRAM, .labels = {"who"},
               .bounds = {LULL_MSEC(5), LULL_MSEC(100), LULL_SEC(1), LULL_SEC(60)}},
    [BARE_SPANS] = {"bare_seconds", "How long.", LULL_FAMILY_HISTOGRAM, .bounds = {LULL_SEC(1)}},
    [RARE] = {"rare_total", "Told when it was.", LULL_FAMILY_COUNTER, .if_used = TRUE, .labels = {"code"}},
    [AGE] = {"age_seconds", "Of something.", LULL_FAMILY_GAUGE, .usec = TRUE},
    [FEW] = {"few", "Two at most.", LULL_FAMILY_GAUGE, .labels = {"name"}, .max_series = 2},
};

static LullRegistry *registry;

static void
setup(void)
{
    registry = lull_registry_new(families, N);
}

static void
teardown(void)
{
    g_clear_pointer(&registry, lull_registry_free);
}

static LullSeries *
series(guint family, const char *first, const char *second)
{
    const char *const values[] = {first, second};

    return lull_registry_series(registry, family, values);
}

static void
must_tell(const char *expected)
{
    GString *text = lull_registry_text(registry);

    ck_assert_str_eq(text->str, expected);
    g_string_free(text, TRUE);
}

START_TEST(test_what_has_no_series_is_not_told)
{
    must_tell("");
}
END_TEST

START_TEST(test_a_counter_is_told_with_its_labels_from_nothing_on)
{
    lull_series_add(series(COUNTER, "red", "big"), 2);
    lull_series_add(series(COUNTER, "red", "big"), 1);
    (void)series(COUNTER, "blue", "big");
    must_tell("# HELP things_total How many.\n# TYPE things_total counter\n"
              "things_total{color=\"red\",size=\"big\"} 3\nthings_total{color=\"blue\",size=\"big\"} 0\n");
}
END_TEST

START_TEST(test_help_and_values_of_labels_are_escaped)
{
    lull_series_set(series(GAUGE, NULL, NULL), -4);
    must_tell("# HELP depth A back\\\\slash and\\na line.\n# TYPE depth gauge\ndepth -4\n");
}
END_TEST

static const struct {
    const char *value, *told;
} values[] = {
    {"", ""},
    {"plain", "plain"},
    {"a\"b", "a\\\"b"},
    {"a\\b", "a\\\\b"},
    {"a\nb", "a\\nb"},
    {"\\n", "\\\\n"},
    {"a{b}=,#", "a{b}=,#"},
    {"gr\303\274n", "gr\303\274n"},
    {"\377", "\357\277\275"},
};

START_TEST(test_any_bytes_are_a_value_of_a_label)
{
    g_autofree char *expected =
        g_strdup_printf("# HELP few Two at most.\n# TYPE few gauge\nfew{name=\"%s\"} 1\n", values[_i].told);

    lull_series_set(series(FEW, values[_i].value, NULL), 1);
    must_tell(expected);
}
END_TEST

START_TEST(test_an_endless_value_has_an_end)
{
    g_autofree char *endless = g_strnfill(100000, 'x');
    GString *text = NULL;

    lull_series_set(series(FEW, endless, NULL), 1);
    text = lull_registry_text(registry);
    ck_assert_uint_lt(text->len, 400);
    g_string_free(text, TRUE);
}
END_TEST

START_TEST(test_buckets_are_cumulative_and_bounds_belong_to_theirs)
{
    const gint64 spans[] = {-7, 0, LULL_MSEC(5), LULL_MSEC(5) + 1, LULL_SEC(1), LULL_SEC(60), LULL_SEC(61)};

    for (guint i = 0; i < G_N_ELEMENTS(spans); i++)
        lull_series_observe(series(SPANS, "me", NULL), spans[i]);
    must_tell("# HELP spans_seconds How long.\n# TYPE spans_seconds histogram\n"
              "spans_seconds_bucket{who=\"me\",le=\"0.005\"} 3\n"
              "spans_seconds_bucket{who=\"me\",le=\"0.1\"} 4\n"
              "spans_seconds_bucket{who=\"me\",le=\"1\"} 5\n"
              "spans_seconds_bucket{who=\"me\",le=\"60\"} 6\n"
              "spans_seconds_bucket{who=\"me\",le=\"+Inf\"} 7\n"
              "spans_seconds_sum{who=\"me\"} 122.010001\n"
              "spans_seconds_count{who=\"me\"} 7\n");
}
END_TEST

START_TEST(test_a_histogram_without_labels_has_le_alone)
{
    lull_series_observe(series(BARE_SPANS, NULL, NULL), LULL_MSEC(1500));
    must_tell("# HELP bare_seconds How long.\n# TYPE bare_seconds histogram\n"
              "bare_seconds_bucket{le=\"1\"} 0\nbare_seconds_bucket{le=\"+Inf\"} 1\n"
              "bare_seconds_sum 1.5\nbare_seconds_count 1\n");
}
END_TEST

START_TEST(test_what_is_rare_is_told_when_it_happened)
{
    LullSeries *one = series(RARE, "409", NULL);

    (void)series(RARE, "500", NULL);
    must_tell("");
    lull_series_add(one, 1);
    must_tell("# HELP rare_total Told when it was.\n# TYPE rare_total counter\nrare_total{code=\"409\"} 1\n");
}
END_TEST

static const struct {
    gint64 usec;
    const char *told;
} ages[] = {
    {0, "0"},
    {1, "0.000001"},
    {1500000, "1.5"},
    {-1500000, "-1.5"},
    {-1, "-0.000001"},
    {10000000, "10"},
    {10000010, "10.00001"},
    {G_MININT64, "-9223372036854.775808"},
    {G_MAXINT64, "9223372036854.775807"},
};

START_TEST(test_microseconds_are_told_as_seconds)
{
    g_autofree char *expected = g_strdup_printf(
        "# HELP age_seconds Of something.\n# TYPE age_seconds gauge\nage_seconds %s\n", ages[_i].told);

    lull_series_set(series(AGE, NULL, NULL), ages[_i].usec);
    must_tell(expected);
}
END_TEST

START_TEST(test_a_full_family_takes_no_more_and_says_how_often)
{
    LullSeries *first = series(FEW, "a", NULL), *second = series(FEW, "b", NULL);

    ck_assert_ptr_null(series(FEW, "c", NULL));
    lull_series_set(series(FEW, "d", NULL), 1);
    ck_assert_uint_eq(lull_registry_left_out(registry), 2);
    ck_assert_ptr_eq(series(FEW, "a", NULL), first);
    lull_registry_drop(registry, first);
    ck_assert_ptr_nonnull(series(FEW, "c", NULL));
    lull_series_set(second, 5);
    must_tell("# HELP few Two at most.\n# TYPE few gauge\nfew{name=\"b\"} 5\nfew{name=\"c\"} 0\n");
}
END_TEST

START_TEST(test_what_was_dropped_begins_anew)
{
    LullSeries *one = series(FEW, "a", NULL);

    lull_series_set(one, 9);
    lull_registry_drop(registry, one);
    lull_registry_drop(registry, NULL);
    must_tell("");
    (void)series(FEW, "a", NULL);
    must_tell("# HELP few Two at most.\n# TYPE few gauge\nfew{name=\"a\"} 0\n");
}
END_TEST

static void
look(gpointer user_data)
{
    lull_series_set(user_data, 42);
}

START_TEST(test_what_is_looked_at_is_set_before_it_is_told)
{
    lull_registry_add_collector(registry, look, series(GAUGE, NULL, NULL));
    must_tell("# HELP depth A back\\\\slash and\\na line.\n# TYPE depth gauge\ndepth 42\n");
}
END_TEST

#define COUNTS 20000

static gpointer
count(gpointer data)
{
    for (guint i = 0; i < COUNTS; i++) {
        lull_series_observe(data, LULL_MSEC(i % 200));
        if (i % 100 == 0)
            lull_registry_drop(registry, series(COUNTER, "red", i % 200 ? "a" : "b"));
    }
    return NULL;
}

/* "name_count N" at the end of the only histogram. */
static void
must_agree(const char *text)
{
    const char *infinite = strstr(text, "le=\"+Inf\"} "), *total = strstr(text, "_count{who=\"me\"} ");

    ck_assert_ptr_nonnull(infinite);
    ck_assert_ptr_nonnull(total);
    ck_assert_uint_eq(g_ascii_strtoull(strchr(infinite, ' '), NULL, 10),
                      g_ascii_strtoull(strchr(total, ' '), NULL, 10));
}

START_TEST(test_threads_count_while_it_is_told_and_nothing_is_lost)
{
    LullSeries *spans = series(SPANS, "me", NULL);
    GThread *thread = g_thread_new("count", count, spans);
    GString *text = NULL;

    for (guint i = 0; i < 100; i++) {
        text = lull_registry_text(registry);
        must_agree(text->str);
        g_string_free(text, TRUE);
        lull_series_observe(spans, 0);
    }
    g_thread_join(thread);
    text = lull_registry_text(registry);
    ck_assert_ptr_nonnull(strstr(text->str, "spans_seconds_count{who=\"me\"} 20100\n"));
    g_string_free(text, TRUE);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("registry");
    TCase *tcase = tcase_create("registry");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60); /* threads, on a busy machine, with TSan */
    tcase_add_test(tcase, test_what_has_no_series_is_not_told);
    tcase_add_test(tcase, test_a_counter_is_told_with_its_labels_from_nothing_on);
    tcase_add_test(tcase, test_help_and_values_of_labels_are_escaped);
    tcase_add_loop_test(tcase, test_any_bytes_are_a_value_of_a_label, 0, G_N_ELEMENTS(values));
    tcase_add_test(tcase, test_an_endless_value_has_an_end);
    tcase_add_test(tcase, test_buckets_are_cumulative_and_bounds_belong_to_theirs);
    tcase_add_test(tcase, test_a_histogram_without_labels_has_le_alone);
    tcase_add_test(tcase, test_what_is_rare_is_told_when_it_happened);
    tcase_add_loop_test(tcase, test_microseconds_are_told_as_seconds, 0, G_N_ELEMENTS(ages));
    tcase_add_test(tcase, test_a_full_family_takes_no_more_and_says_how_often);
    tcase_add_test(tcase, test_what_was_dropped_begins_anew);
    tcase_add_test(tcase, test_what_is_looked_at_is_set_before_it_is_told);
    tcase_add_test(tcase, test_threads_count_while_it_is_told_and_nothing_is_lost);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
