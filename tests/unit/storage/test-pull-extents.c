/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/extents.h"

#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define CLUSTER  ((guint32)LULL_QCOW2_CLUSTER)
#define CAPACITY (16 * CLUSTER)

static LullQcow2Layout *layout;

static void
set_up(void)
{
    layout = lull_qcow2_layout_new(CAPACITY, NULL, NULL);
}

static void
tear_down(void)
{
    g_clear_pointer(&layout, lull_qcow2_layout_free);
}

static GArray *
list_of(const LullPullExtent *extents, guint n)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(LullPullExtent));

    return n ? g_array_append_vals(list, extents, n) : list;
}

#define LIST(...)                                  \
    list_of((const LullPullExtent[]){__VA_ARGS__}, \
            sizeof((const LullPullExtent[]){__VA_ARGS__}) / sizeof(LullPullExtent))

static guint64
data_clusters(void)
{
    lull_qcow2_layout_close(layout);
    return lull_qcow2_layout_data(layout) / CLUSTER;
}

START_TEST(what_is_not_said_to_be_zero_is_data)
{
    g_autoptr(GArray) allocation =
        LIST({CLUSTER, 0}, {CLUSTER, LULL_PULL_ZERO}, {CLUSTER, 1}, {CLUSTER, 3}, {CLUSTER, ~LULL_PULL_ZERO});
    guint64 n = 0;

    ck_assert(lull_pull_extents_add(layout, allocation, NULL, FALSE, CAPACITY, &n, NULL));
    ck_assert_uint_eq(n, 5 * CLUSTER);
    ck_assert_uint_eq(data_clusters(), 3);
}
END_TEST

START_TEST(what_is_clean_is_left_out_whatever_it_has)
{
    g_autoptr(GArray) allocation = LIST({4 * CLUSTER, 0}, {4 * CLUSTER, LULL_PULL_ZERO});
    g_autoptr(GArray) dirty = LIST({CLUSTER, 0}, {4 * CLUSTER, LULL_PULL_DIRTY}, {3 * CLUSTER, 0});
    guint64 n = 0;

    ck_assert(lull_pull_extents_add(layout, allocation, dirty, TRUE, CAPACITY, &n, NULL));
    ck_assert_uint_eq(n, 8 * CLUSTER);
    ck_assert_uint_eq(data_clusters(), 3);
}
END_TEST

START_TEST(zeroes_are_kept_only_where_they_hide_something)
{
    g_autoptr(GArray) allocation = LIST({CAPACITY, LULL_PULL_ZERO});
    g_autoptr(LullQcow2Layout) without = lull_qcow2_layout_new(CAPACITY, NULL, NULL);
    guint64 n = 0;

    ck_assert(lull_pull_extents_add(layout, allocation, NULL, TRUE, CAPACITY, &n, NULL));
    ck_assert(lull_pull_extents_add(without, allocation, NULL, FALSE, CAPACITY, &n, NULL));
    ck_assert_uint_eq(data_clusters(), 0);
    lull_qcow2_layout_close(without);
    ck_assert_uint_eq(lull_qcow2_layout_metadata(layout), lull_qcow2_layout_metadata(without) + CLUSTER);
}
END_TEST

START_TEST(lists_count_as_far_as_both_go_and_not_past_the_question)
{
    g_autoptr(GArray) allocation = LIST({CLUSTER, 0}, {CLUSTER, 0});
    g_autoptr(GArray) dirty = LIST({G_MAXUINT32, LULL_PULL_DIRTY}, {G_MAXUINT32, LULL_PULL_DIRTY});
    guint64 n = 0;

    ck_assert(lull_pull_extents_add(layout, allocation, dirty, FALSE, CAPACITY, &n, NULL));
    ck_assert_uint_eq(n, 2 * CLUSTER);
    ck_assert(lull_pull_extents_add(layout, dirty, dirty, FALSE, CLUSTER, &n, NULL));
    ck_assert_uint_eq(n, CLUSTER);
    ck_assert_uint_eq(data_clusters(), 3);
}
END_TEST

START_TEST(an_answer_that_leads_nowhere_is_an_error)
{
    g_autoptr(GArray) good = LIST({CLUSTER, 1});
    g_autoptr(GArray) standing = LIST({0, 1}, {CLUSTER, 1});
    g_autoptr(GArray) empty = list_of(NULL, 0);
    const GArray *const bad[][2] = {{empty, NULL}, {standing, NULL}, {good, empty},
                                    {empty, good}, {good, standing}, {standing, good}};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        guint64 n = 77;

        ck_assert(!lull_pull_extents_add(layout, bad[i][0], bad[i][1], FALSE, CAPACITY, &n, &error));
        ck_assert(lull_error_is(error, LULL_ERROR_FAILED));
        ck_assert_uint_eq(n, 77);
    }
}
END_TEST

START_TEST(what_was_said_before_an_extent_without_length_counts)
{
    g_autoptr(GArray) allocation = LIST({CLUSTER, 0}, {0, 0}, {CLUSTER, 0});
    guint64 n = 0;

    ck_assert(lull_pull_extents_add(layout, allocation, NULL, FALSE, CAPACITY, &n, NULL));
    ck_assert_uint_eq(n, CLUSTER);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/pull-extents");
    TCase *cases = tcase_create("pull-extents");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, what_is_not_said_to_be_zero_is_data);
    tcase_add_test(cases, what_is_clean_is_left_out_whatever_it_has);
    tcase_add_test(cases, zeroes_are_kept_only_where_they_hide_something);
    tcase_add_test(cases, lists_count_as_far_as_both_go_and_not_past_the_question);
    tcase_add_test(cases, an_answer_that_leads_nowhere_is_an_error);
    tcase_add_test(cases, what_was_said_before_an_extent_without_length_counts);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
