/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/json-patch.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

static const struct {
    const char *document, *patch, *result; /* result NULL: refused */
} rows[] = {
    {"{}", "[]", "{}"},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":1}]", "{\"a\":1}"},
    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":2}]", "{\"a\":2}"},
    {"{}", "[{\"op\":\"add\",\"path\":\"\",\"value\":{\"b\":1}}]", "{\"b\":1}"},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]", NULL},
    {"{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2,3]}"},
    {"{\"a\":[2,3]}", "[{\"op\":\"add\",\"path\":\"/a/0\",\"value\":1}]", "{\"a\":[1,2,3]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":[1,2]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2]}"},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":2}]", NULL},
    {"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":2}]", NULL},
    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/x\",\"value\":2}]", NULL},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a\"}]", NULL},
    {"{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", NULL},
    {"{\"a/b\":1,\"c~d\":2}",
     "[{\"op\":\"remove\",\"path\":\"/a~1b\"},{\"op\":\"replace\",\"path\":\"/c~0d\",\"value\":3}]",
     "{\"c~d\":3}"},
    {"{\"a~1\":1}", "[{\"op\":\"remove\",\"path\":\"/a~01\"}]", "{}"},
    {"{}", "[{\"op\":\"add\",\"path\":\"/a~2\",\"value\":1}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", "{}"},
    {"{\"a\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", "{\"a\":[1,3]}"},
    {"{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", NULL},
    {"{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", NULL},
    {"{}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2}]", "{\"a\":2}"},
    {"{\"a\":[1,2,3]}", "[{\"op\":\"replace\",\"path\":\"/a/1\",\"value\":9}]", "{\"a\":[1,9,3]}"},
    {"{\"a\":[1,2,3]}", "[{\"op\":\"replace\",\"path\":\"/a/2\",\"value\":9}]", "{\"a\":[1,2,9]}"},
    {"{}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"b\":1}"},
    {"{\"a\":[1,2,3]}", "[{\"op\":\"move\",\"from\":\"/a/0\",\"path\":\"/a/2\"}]", "{\"a\":[2,3,1]}"},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/c\"}]", NULL},
    {"{\"a\":1}", "[{\"op\":\"move\",\"path\":\"/c\"}]", NULL},
    {"{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/c\"}]",
     "{\"a\":{\"b\":1,\"c\":{\"b\":1}}}"},
    {"{\"a\":{\"b\":[1]}}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"b\":[1]}}]",
     "{\"a\":{\"b\":[1]}}"},
    {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]",
     NULL},
    {"{\"a\":null}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}"},
    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":\"1\"}]", NULL},
    {"{}", "[{\"op\":\"grow\",\"path\":\"/a\",\"value\":1}]", NULL},
    {"{}", "[1]", NULL},
    {"{}", "{\"op\":\"add\",\"path\":\"/a\",\"value\":1}", NULL},
};

START_TEST(operations_are_done_all_or_none)
{
    g_autoptr(LullJson) document = lull_json_parse(rows[_i].document, -1, NULL);
    g_autoptr(LullJson) before = lull_json_dup(document);
    g_autoptr(LullJson) patch = lull_json_parse(rows[_i].patch, -1, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) result = lull_json_patch_apply(document, patch, &error);

    ck_assert_pstr_eq(result ? lull_json_to_line(result) : NULL, rows[_i].result);
    ck_assert(result || lull_error_is(error, LULL_ERROR_INVALID));
    ck_assert(lull_json_equal(document, before));
}
END_TEST

/* What nests deeper than a document may could be written, but never read again. */
START_TEST(a_result_that_nests_too_deeply_is_refused)
{
    g_autoptr(LullJson) document = lull_json_parse("{\"a\":{\"b\":{\"c\":{}}}}", -1, NULL);
    g_autoptr(GString) text = g_string_new("[");
    g_autoptr(GString) path = g_string_new("/a/b");
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 29; i++) {
        g_string_append(path, "/c");
        g_string_append_printf(text,
                               "%s{\"op\":\"add\",\"path\":\"%s\",\"value\":"
                               "{\"c\":{\"c\":{\"d\":{\"d\":{\"d\":{\"d\":{\"d\":{}}}}}}}}}",
                               i ? "," : "", path->str);
        g_string_append(path, "/c");
    }
    g_string_append_c(text, ']');
    g_autoptr(LullJson) patch = lull_json_parse(text->str, -1, NULL);
    g_autoptr(LullJson) result = lull_json_patch_apply(document, patch, &error);
    ck_assert_ptr_null(result);
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
}
END_TEST

static const struct {
    const char *from, *to, *diff;
} diffs[] = {
    {"{\"a\":1}", "{\"a\":1}", "{}"},
    {"{\"a\":1}", "{\"a\":2,\"b\":3}", "{\"a\":2,\"b\":3}"},
    {"{\"a\":1,\"b\":2}", "{\"a\":1}", "{\"b\":null}"},
    {"{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":3}}", "{\"a\":{\"c\":3}}"},
    {"{\"a\":{\"b\":1}}", "{\"a\":{}}", "{\"a\":{\"b\":null}}"},
    {"{\"a\":[1]}", "{\"a\":[1,2]}", "{\"a\":[1,2]}"},
    {"{\"a\":{\"b\":1}}", "{\"a\":[]}", "{\"a\":[]}"},
    {"{\"a\":1}", "{\"a\":null}", "{\"a\":null}"},
    {"{\"a\":{\"b\":null}}", "{\"a\":{}}", "{}"}, /* null is absent there too, and nothing is to be written */
    {"{\"a\":{}}", "{\"a\":{\"b\":{\"c\":null}}}", "{\"a\":{\"b\":{\"c\":null}}}"},
};

START_TEST(a_difference_makes_the_one_out_of_the_other)
{
    g_autoptr(LullJson) from = lull_json_parse(diffs[_i].from, -1, NULL);
    g_autoptr(LullJson) to = lull_json_parse(diffs[_i].to, -1, NULL);
    g_autoptr(LullJson) diff = lull_json_diff(from, to);

    ck_assert_str_eq(lull_json_to_line(diff), diffs[_i].diff);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("json-patch");
    TCase *tcase = tcase_create("json-patch");

    tcase_add_loop_test(tcase, operations_are_done_all_or_none, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, a_result_that_nests_too_deeply_is_refused);
    tcase_add_loop_test(tcase, a_difference_makes_the_one_out_of_the_other, 0, G_N_ELEMENTS(diffs));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
