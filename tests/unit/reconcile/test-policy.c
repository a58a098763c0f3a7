/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/policy.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static LullJson *
annotated(const char *key, const char *value)
{
    LullJson *object = json("{'metadata':{'name':'x','annotations':{}}}");

    lull_json_set_string(lull_json_at(object, "metadata", "annotations", NULL), key, value);
    return object;
}

static const struct {
    const char *key;
    const char *value;
    const char *policy; /* NULL: refused */
} cases[] = {
    {"other", "x", "{\"require\":\"crash\",\"excludeVolumes\":[]}"},
    {"lull.dev/require", "app", "{\"require\":\"app\",\"excludeVolumes\":[]}"},
    {"lull.dev/require", "fs", "{\"require\":\"fs\",\"excludeVolumes\":[]}"},
    {"lull.dev/require", "stopped", NULL},
    {"lull.dev/require", "FS", NULL},
    {"lull.dev/require", "", NULL},
    {"lull.dev/exclude-volumes", "b, a,b", "{\"require\":\"crash\",\"excludeVolumes\":[\"a\",\"b\"]}"},
    {"lull.dev/exclude-volumes", "", "{\"require\":\"crash\",\"excludeVolumes\":[]}"},
    {"lull.dev/exclude-volumes", "a,,b", NULL},
    {"lull.dev/exclude-volumes", ",", NULL},
};

START_TEST(test_reads_the_annotations_and_refuses_nonsense_by_name)
{
    g_autoptr(LullJson) snapshot = annotated(cases[_i].key, cases[_i].value);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullPolicy) policy = lull_policy_of_snapshot(snapshot, &error);

    if (cases[_i].policy) {
        g_autofree char *text = lull_policy_to_annotation(policy);

        ck_assert_str_eq(text, cases[_i].policy);
    } else {
        ck_assert_ptr_null(policy);
        ck_assert_error(error, LULL_ERROR_INVALID);
        ck_assert_msg(g_str_has_prefix(error->message, cases[_i].key), "%s", error->message);
    }
}
END_TEST

START_TEST(test_what_is_fixed_in_the_content_is_read_back)
{
    g_autoptr(LullJson) content =
        annotated("lull.dev/policy", "{\"require\":\"fs\",\"excludeVolumes\":[\"a\",\"b\"]}");
    g_autoptr(LullPolicy) policy = lull_policy_of_content(content, NULL);

    ck_assert_int_eq(policy->require, LULL_LEVEL_FS);
    ck_assert(lull_policy_excludes(policy, "b"));
    ck_assert(!lull_policy_excludes(policy, "c"));
}
END_TEST

START_TEST(test_a_content_without_a_policy_has_the_default_and_a_bad_one_is_an_error)
{
    g_autoptr(LullJson) none = annotated("other", "x");
    g_autoptr(LullJson) bad = annotated("lull.dev/policy", "{");
    g_autoptr(LullPolicy) policy = lull_policy_of_content(none, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(policy->require, LULL_LEVEL_CRASH);
    ck_assert_ptr_null(policy->exclude[0]);
    ck_assert_ptr_null(lull_policy_of_content(bad, &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("policy");
    TCase *tcase = tcase_create("policy");

    tcase_add_loop_test(tcase, test_reads_the_annotations_and_refuses_nonsense_by_name, 0,
                        G_N_ELEMENTS(cases));
    tcase_add_test(tcase, test_what_is_fixed_in_the_content_is_read_back);
    tcase_add_test(tcase, test_a_content_without_a_policy_has_the_default_and_a_bad_one_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
