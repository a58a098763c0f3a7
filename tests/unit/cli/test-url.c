/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/url.h"
#include "tests/lib/check-main.h"

START_TEST(names_cannot_leave_their_place_in_the_path)
{
    static const struct {
        const char *name, *path;
    } cases[] = {
        {"snap-1.2_3~", "snap-1.2_3~"}, {"a/b", "a%2Fb"},     {"a?b=c&d#e", "a%3Fb%3Dc%26d%23e"},
        {"a%2Fb", "a%252Fb"},           {"a b", "a%20b"},     {"\xc3\xa4", "%C3%A4"},
        {"\xff\n", "%FF%0A"},           {"@:;", "%40%3A%3B"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *url = lull_url_object(&lull_kind_snapshot, "default", cases[i].name);
        g_autofree char *expected =
            g_strconcat("/apis/snapshot.kubevirt.io/v1beta1/namespaces/default/virtualmachinesnapshots/",
                        cases[i].path, NULL);

        ck_assert_str_eq(url, expected);
    }
}
END_TEST

START_TEST(collection_has_no_name_and_a_machine_is_of_another_group)
{
    g_autofree char *collection = lull_url_object(&lull_kind_vm, "a/b", NULL);
    g_autofree char *events = lull_url_object(&lull_kind_event, "default", NULL);
    g_autofree char *freeze = lull_url_subresource("default", "../vm", "freeze");

    ck_assert_str_eq(events, "/api/v1/namespaces/default/events");
    ck_assert_str_eq(collection, "/apis/kubevirt.io/v1/namespaces/a%2Fb/virtualmachines");
    ck_assert_str_eq(freeze, "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/"
                             "..%2Fvm/freeze");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("url");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, names_cannot_leave_their_place_in_the_path);
    tcase_add_test(tests, collection_has_no_name_and_a_machine_is_of_another_group);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
