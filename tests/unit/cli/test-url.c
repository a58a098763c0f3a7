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
    g_autofree char *stop = lull_url_machine_subresource("default", "../vm", "stop");

    ck_assert_str_eq(events, "/api/v1/namespaces/default/events");
    ck_assert_str_eq(collection, "/apis/kubevirt.io/v1/namespaces/a%2Fb/virtualmachines");
    ck_assert_str_eq(freeze, "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/"
                             "..%2Fvm/freeze");
    ck_assert_str_eq(stop,
                     "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/..%2Fvm/stop");
}
END_TEST

START_TEST(without_a_namespace_it_is_all_of_them_or_none)
{
    static const LullKind cluster = {
        .group = "snapshot.storage.k8s.io", .version = "v1", .plural = "volumesnapshotcontents"};
    g_autofree char *all = lull_url_object(&lull_kind_restore, NULL, NULL);
    g_autofree char *one = lull_url_object(&cluster, NULL, "snapcontent-1");
    g_autofree char *status = lull_url_status(&lull_kind_snapshot, "a", "b/status?");

    ck_assert_str_eq(all, "/apis/snapshot.kubevirt.io/v1beta1/virtualmachinerestores");
    ck_assert_str_eq(one, "/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents/snapcontent-1");
    ck_assert_str_eq(status, "/apis/snapshot.kubevirt.io/v1beta1/namespaces/a/virtualmachinesnapshots/"
                             "b%2Fstatus%3F/status");
}
END_TEST

START_TEST(queries_have_what_is_asked_for_and_nothing_else)
{
    static const struct {
        LullUrlQuery query;
        const char *url;
    } cases[] = {
        {{0}, "/p"},
        {{.label_selector = "", .field_selector = "", .continue_token = "", .resource_version = ""}, "/p"},
        {{.limit = 500}, "/p?limit=500"},
        {{.limit = 500, .continue_token = "a=/+&"}, "/p?limit=500&continue=a%3D%2F%2B%26"},
        {{.continue_token = "t", .resource_version = "7"}, "/p?continue=t"},
        {{.continue_token = "", .resource_version = "7"}, "/p?resourceVersion=7"},
        {{.resource_version = "0&watch=true"}, "/p?resourceVersion=0%26watch%3Dtrue"},
        {{.label_selector = "a=b,c in (d,e),!f"}, "/p?labelSelector=a%3Db%2Cc%20in%20%28d%2Ce%29%2C%21f"},
        {{.field_selector = "metadata.name=snapcontent-1"}, "/p?fieldSelector=metadata.name%3Dsnapcontent-1"},
        {{.watch = TRUE}, "/p?watch=true"},
        {{.strict = TRUE, .dry_run = TRUE}, "/p?fieldValidation=Strict&dryRun=All"},
        {{.label_selector = "l",
          .field_selector = "f",
          .resource_version = "7",
          .watch = TRUE,
          .bookmarks = TRUE,
          .timeout_s = 301},
         "/p?labelSelector=l&fieldSelector=f&resourceVersion=7&watch=true&allowWatchBookmarks=true&"
         "timeoutSeconds=301"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *url = lull_url_query("/p", &cases[i].query);
        ck_assert_str_eq(url, cases[i].url);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("url");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, names_cannot_leave_their_place_in_the_path);
    tcase_add_test(tests, collection_has_no_name_and_a_machine_is_of_another_group);
    tcase_add_test(tests, without_a_namespace_it_is_all_of_them_or_none);
    tcase_add_test(tests, queries_have_what_is_asked_for_and_nothing_else);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
