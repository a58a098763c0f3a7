/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/annotation.h"
#include "coordinator/model/manifests.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* Whether an API server takes them is seen in tests/cluster. */

static LullJson *
nth(LullJson *list, size_t i)
{
    return json_object_array_get_idx(lull_json_array(list, "items"), i);
}

START_TEST(a_group_that_nobody_knows_has_none)
{
    ck_assert_ptr_null(lull_api_group_by_name("example.org"));
    ck_assert_ptr_null(lull_api_group_by_name(""));
    ck_assert_str_eq(lull_api_group_by_name("snapshot.lull.dev")->name, "snapshot.lull.dev");
}
END_TEST

START_TEST(both_groups_have_the_same_kinds_by_other_names)
{
    for (const LullApiGroup *group = lull_api_groups(); group->name; group++) {
        const gboolean own = g_str_equal(group->name, "snapshot.lull.dev");
        g_autoptr(LullJson) list = lull_manifests(group);
        LullJson *spec = lull_json_object(nth(list, 0), "spec");
        LullJson *names = lull_json_object(spec, "names");
        LullJson *version = json_object_array_get_idx(lull_json_array(spec, "versions"), 0);
        g_autofree char *name = g_strconcat("virtualmachinesnapshots.", group->name, NULL);

        ck_assert_str_eq(lull_json_string(lull_json_object(nth(list, 0), "metadata"), "name", ""), name);
        ck_assert_str_eq(json_object_to_json_string_ext(lull_json_at(names, "shortNames", NULL), 0),
                         own ? "[\"lullsnapshot\",\"lullsnapshots\"]" : "[\"vmsnapshot\",\"vmsnapshots\"]");
        ck_assert((lull_json_at(names, "categories", NULL) != NULL) == !own);
        ck_assert_str_eq(json_object_to_json_string_ext(lull_json_at(version, "selectableFields", NULL),
                                                        JSON_C_TO_STRING_NOSLASHESCAPE),
                         "[{\"jsonPath\":\".spec.source.name\"}]");
    }
}
END_TEST

START_TEST(every_annotation_is_in_the_policy)
{
    g_autoptr(LullJson) policy = lull_annotation_policy(lull_api_groups());
    const char *text = json_object_to_json_string_ext(policy, JSON_C_TO_STRING_NOSLASHESCAPE);

    for (const LullAnnotation *row = lull_annotations(); row->name; row++)
        if (!row->kinds[0]->read_only)
            ck_assert_msg(strstr(text, row->name) != NULL, "%s", row->name);
    ck_assert_ptr_nonnull(strstr(text, "in ['app', 'fs', 'crash']"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("manifests");
    TCase *tcase = tcase_create("manifests");

    tcase_add_test(tcase, a_group_that_nobody_knows_has_none);
    tcase_add_test(tcase, both_groups_have_the_same_kinds_by_other_names);
    tcase_add_test(tcase, every_annotation_is_in_the_policy);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
