/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

START_TEST(getters_lend_what_is_there)
{
    g_autoptr(LullJson) object =
        json("{'metadata':{'name':'a','namespace':'default','uid':'u','resourceVersion':'7',"
             "'creationTimestamp':'1970-01-01T00:00:10Z','deletionTimestamp':'1970-01-01T00:00:11Z',"
             "'annotations':{'lull.dev/require':'app'},'finalizers':['a.org/x']}}");

    ck_assert_str_eq(lull_meta_name(object), "a");
    ck_assert_str_eq(lull_meta_namespace(object), "default");
    ck_assert_str_eq(lull_meta_uid(object), "u");
    ck_assert_str_eq(lull_meta_version(object), "7");
    ck_assert_str_eq(lull_meta_annotation(object, "lull.dev/require"), "app");
    ck_assert_ptr_null(lull_meta_annotation(object, "lull.dev/other"));
    ck_assert_int_eq(lull_meta_created(object), LULL_SEC(10));
    ck_assert(lull_meta_is_deleting(object));
    ck_assert(lull_meta_has_finalizer(object, "a.org/x"));
    ck_assert(!lull_meta_has_finalizer(object, "a.org/y"));
}
END_TEST

static const char *const empty[] = {
    "{}",
    "{'metadata':null}",
    "{'metadata':[]}",
    "{'metadata':{'name':'','uid':7,'deletionTimestamp':null,'creationTimestamp':'soon','finalizers':'a.org/"
    "x',"
    "'annotations':[]}}",
    "{'metadata':{'finalizers':[1,null,{}]}}",
};

START_TEST(getters_give_nothing_where_nothing_fits)
{
    g_autoptr(LullJson) object = json(empty[_i]);

    ck_assert_ptr_null(lull_meta_name(object));
    ck_assert_ptr_null(lull_meta_uid(object));
    ck_assert_ptr_null(lull_meta_annotation(object, "lull.dev/require"));
    ck_assert(!lull_meta_is_deleting(object));
    ck_assert_int_eq(lull_meta_created(object), 0);
    ck_assert(!lull_meta_has_finalizer(object, "a.org/x"));
}
END_TEST

START_TEST(a_finalizer_patch_carries_the_version_and_keeps_the_others)
{
    g_autoptr(LullJson) object =
        json("{'metadata':{'resourceVersion':'7','finalizers':['a.org/x','a.org/y']}}");
    g_autoptr(LullJson) add = lull_meta_patch_finalizer(object, "a.org/z", TRUE);
    g_autoptr(LullJson) drop = lull_meta_patch_finalizer(object, "a.org/x", FALSE);
    g_autoptr(LullJson) added =
        json("{'metadata':{'finalizers':['a.org/x','a.org/y','a.org/z'],'resourceVersion':'7'}}");
    g_autoptr(LullJson) dropped = json("{'metadata':{'finalizers':['a.org/y'],'resourceVersion':'7'}}");

    ck_assert(lull_json_equal(add, added));
    ck_assert(lull_json_equal(drop, dropped));
}
END_TEST

START_TEST(no_patch_where_nothing_would_change)
{
    g_autoptr(LullJson) object = json("{'metadata':{'finalizers':['a.org/x']}}");

    ck_assert_ptr_null(lull_meta_patch_finalizer(object, "a.org/x", TRUE));
    ck_assert_ptr_null(lull_meta_patch_finalizer(object, "a.org/y", FALSE));
}
END_TEST

static const struct {
    const char *name;
    gboolean valid;
} names[] = {
    {"a", TRUE},    {"snap-larry", TRUE}, {"a.b.c", TRUE},     {"1", TRUE},     {"a--b", TRUE},
    {"", FALSE},    {"A", FALSE},         {"a_b", FALSE},      {"-a", FALSE},   {"a-", FALSE},
    {".a", FALSE},  {"a.", FALSE},        {"a..b", FALSE},     {"a.-b", FALSE}, {"a-.b", FALSE},
    {"a b", FALSE}, {"a/b", FALSE},       {"\303\244", FALSE}, {"a\n", FALSE},
};

START_TEST(names_are_dns_1123_subdomains)
{
    ck_assert_msg(lull_name_is_valid(names[_i].name) == names[_i].valid, "\"%s\"", names[_i].name);
}
END_TEST

START_TEST(names_end_at_253_characters)
{
    g_autofree char *longest = g_strnfill(253, 'a');
    g_autofree char *too_long = g_strnfill(254, 'a');

    ck_assert(lull_name_is_valid(longest));
    ck_assert(!lull_name_is_valid(too_long));
    ck_assert(!lull_name_is_valid(NULL));
}
END_TEST

START_TEST(a_trimmed_object_says_which_it_is_and_no_more)
{
    g_autoptr(LullJson) object =
        json("{'kind':'K','metadata':{'name':'a','labels':{'x':'y'},'namespace':'n','uid':'u',"
             "'resourceVersion':'7'},'spec':{'much':1},'status':{}}");
    g_autoptr(LullJson) expected =
        json("{'metadata':{'name':'a','namespace':'n','uid':'u','resourceVersion':'7'}}");

    lull_meta_trim(object);
    ck_assert(lull_json_equal(object, expected));
}
END_TEST

START_TEST(who_owns_an_object_controls_it)
{
    g_autoptr(LullJson) object = json("{'metadata':{}}");

    ck_assert_str_eq(lull_meta_controller(object), "");
    lull_json_take(lull_json_object(object, "metadata"), "ownerReferences",
                   lull_meta_owners("g/v1", "Kind", "name", "u-1"));
    ck_assert_str_eq(lull_meta_controller(object), "u-1");
    ck_assert_str_eq(lull_json_to_line(object),
                     "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"g/v1\",\"kind\":\"Kind\","
                     "\"name\":\"name\",\"uid\":\"u-1\",\"controller\":true,"
                     "\"blockOwnerDeletion\":true}]}}");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("meta");
    TCase *tcase = tcase_create("meta");

    tcase_add_test(tcase, getters_lend_what_is_there);
    tcase_add_loop_test(tcase, getters_give_nothing_where_nothing_fits, 0, G_N_ELEMENTS(empty));
    tcase_add_test(tcase, a_finalizer_patch_carries_the_version_and_keeps_the_others);
    tcase_add_test(tcase, no_patch_where_nothing_would_change);
    tcase_add_loop_test(tcase, names_are_dns_1123_subdomains, 0, G_N_ELEMENTS(names));
    tcase_add_test(tcase, names_end_at_253_characters);
    tcase_add_test(tcase, who_owns_an_object_controls_it);
    tcase_add_test(tcase, a_trimmed_object_says_which_it_is_and_no_more);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
