/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "protocol/error.h"
#include "protocol/json.h"
#include "tests/lib/check-main.h"

static LullJson *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    LullJson *value = lull_json_parse(text, -1, &error);

    ck_assert_msg(value, "%s: %s", text, error ? error->message : "");
    return value;
}

static const char *const bad[] = {"",
                                  " ",
                                  "{",
                                  "{}x",
                                  "null",
                                  "{\"a\":}",
                                  "{\"a\"}",
                                  "[1,2",
                                  "\"\xff",
                                  "{} \x01 {}",
                                  "\xc3\x28\"\"",
                                  "{\"id\":NaN}",
                                  "[-Infinity]",
                                  "[1.]",
                                  "{\"a\":-1.e5}"};

START_TEST(test_refuses_what_is_no_document)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_json_parse(bad[_i], -1, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert(g_str_has_prefix(error->message, "JSON: "));
}
END_TEST

START_TEST(test_takes_one_document_with_white_space_around_it)
{
    const char *const good[] = {" {} \n", "[]",  "7",     "\"x\"",         "true",
                                "-0.0",   "0.5", "1E400", "[1.5e-3,-2e+1]"};

    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(LullJson) value = parse(good[i]);

        ck_assert_ptr_nonnull(value);
    }
}
END_TEST

START_TEST(test_bounds_the_depth)
{
    g_autofree char *open = g_strnfill(LULL_JSON_MAX_DEPTH + 1, '[');
    g_autofree char *close = g_strnfill(LULL_JSON_MAX_DEPTH + 1, ']');
    g_autofree char *deep = g_strconcat(open, close, NULL);
    g_autoptr(LullJson) fine = NULL;

    ck_assert_ptr_null(lull_json_parse(deep, -1, NULL));
    fine = lull_json_parse(deep + 2, (gssize)strlen(deep) - 4, NULL);
    ck_assert_ptr_nonnull(fine);
}
END_TEST

START_TEST(test_getters_fall_back_on_what_is_absent_or_of_another_type)
{
    g_autoptr(LullJson) value =
        parse("{'s':'x','i':7,'d':1.5,'b':true,'o':{'deep':{'er':1}},'a':[],'n':null}");

    ck_assert_str_eq(lull_json_string(value, "s", "?"), "x");
    ck_assert_str_eq(lull_json_string(value, "i", "?"), "?");
    ck_assert_str_eq(lull_json_string(value, "n", "?"), "?");
    ck_assert_str_eq(lull_json_string(NULL, "s", "?"), "?");
    ck_assert_int_eq(lull_json_int(value, "i", -1), 7);
    ck_assert_int_eq(lull_json_int(value, "d", -1), -1);
    ck_assert(lull_json_double(value, "i", -1) == 7.0);
    ck_assert(lull_json_double(value, "s", -1) == -1.0);
    ck_assert(lull_json_bool(value, "b", FALSE));
    ck_assert(!lull_json_bool(value, "i", FALSE));
    ck_assert_ptr_nonnull(lull_json_at(value, "o", "deep", "er", NULL));
    ck_assert_ptr_null(lull_json_at(value, "s", "deep", NULL));
    ck_assert_ptr_null(lull_json_at(NULL, "s", NULL));
    ck_assert_ptr_null(lull_json_object(value, "a"));
    ck_assert_ptr_null(lull_json_array(value, "o"));
}
END_TEST

START_TEST(test_writes_one_line)
{
    g_autoptr(LullJson) value = json_object_new_object();

    lull_json_set_string(value, "s", "a/\"b\"\n");
    lull_json_set_string(value, "none", NULL);
    lull_json_set_int(value, "i", G_MAXINT64);
    lull_json_set_double(value, "d", 12.3456);
    lull_json_set_bool(value, "b", FALSE);
    lull_json_set_string(lull_json_ensure(value, "o"), "x", "y");
    ck_assert_str_eq(lull_json_to_line(value),
                     "{\"s\":\"a/\\\"b\\\"\\n\",\"i\":9223372036854775807,\"d\":12.3,"
                     "\"b\":false,\"o\":{\"x\":\"y\"}}");
}
END_TEST

/* RFC 7386, appendix A, as far as documents are objects. */
static const struct {
    const char *target;
    const char *patch;
    const char *result;
} patches[] = {
    {"{'a':'b'}", "{'a':'c'}", "{'a':'c'}"},
    {"{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}"},
    {"{'a':'b'}", "{'a':null}", "{}"},
    {"{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}"},
    {"{'a':['b']}", "{'a':'c'}", "{'a':'c'}"},
    {"{'a':'c'}", "{'a':['b']}", "{'a':['b']}"},
    {"{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}"},
    {"{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}"},
    {"['a','b']", "['c','d']", "['c','d']"},
    {"{'a':'b'}", "['c']", "['c']"},
    {"{'e':null}", "{'a':1}", "{'e':null,'a':1}"},
    {"[1,2]", "{'a':'b','c':null}", "{'a':'b'}"},
    {"{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}"},
};

START_TEST(test_copies_a_member_or_that_there_is_none)
{
    g_autoptr(LullJson) from = lull_json_parse("{\"a\":{\"b\":1},\"n\":null}", -1, NULL);
    g_autoptr(LullJson) to = lull_json_parse("{\"a\":2,\"n\":3,\"x\":4,\"y\":5}", -1, NULL);

    lull_json_copy(to, from, "a");
    lull_json_copy(to, from, "n");
    lull_json_copy(to, from, "x");
    lull_json_set_int(lull_json_object(from, "a"), "b", 9); /* a copy it is */
    ck_assert_str_eq(lull_json_to_line(to), "{\"a\":{\"b\":1},\"y\":5}");
    lull_json_copy(to, NULL, "y");
    ck_assert_str_eq(lull_json_to_line(to), "{\"a\":{\"b\":1}}");
}
END_TEST

START_TEST(test_merges_as_the_standard_says)
{
    g_autoptr(LullJson) target = parse(patches[_i].target);
    g_autoptr(LullJson) before = lull_json_dup(target);
    g_autoptr(LullJson) patch = parse(patches[_i].patch);
    g_autoptr(LullJson) expected = parse(patches[_i].result);
    g_autoptr(LullJson) result = lull_json_merge_patch(target, patch);

    ck_assert_msg(lull_json_equal(result, expected), "%s", lull_json_to_line(result));
    ck_assert(lull_json_equal(target, before));
}
END_TEST

START_TEST(test_passes_text_on_as_it_is)
{
    g_autoptr(LullJson) list = json_object_new_array();

    json_object_array_add(list, lull_json_raw("{\"a\":\"x/y\",\"n\":1.50}"));
    json_object_array_add(list, lull_json_raw("null"));
    ck_assert_str_eq(lull_json_to_line(list), "[{\"a\":\"x/y\",\"n\":1.50},null]");
}
END_TEST

START_TEST(test_weighs_a_document_by_its_values)
{
    static const char text[] = "{\"a\":[1,2,{}],\"b\":[]}"; /* two objects, two arrays, two numbers */

    ck_assert_uint_ge(lull_json_weigh(text, strlen(text)), 6);
    ck_assert_uint_ge(lull_json_weigh("[{},{},{}]", 10), 4);
    ck_assert_uint_le(lull_json_weigh("\"a long text and nothing else\"", 31), 1);
    ck_assert_uint_eq(lull_json_weigh("", 0), 1);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");

    tcase_add_loop_test(tcase, test_refuses_what_is_no_document, 0, G_N_ELEMENTS(bad));
    tcase_add_test(tcase, test_takes_one_document_with_white_space_around_it);
    tcase_add_test(tcase, test_bounds_the_depth);
    tcase_add_test(tcase, test_getters_fall_back_on_what_is_absent_or_of_another_type);
    tcase_add_test(tcase, test_writes_one_line);
    tcase_add_test(tcase, test_copies_a_member_or_that_there_is_none);
    tcase_add_test(tcase, test_passes_text_on_as_it_is);
    tcase_add_test(tcase, test_weighs_a_document_by_its_values);
    tcase_add_loop_test(tcase, test_merges_as_the_standard_says, 0, G_N_ELEMENTS(patches));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
