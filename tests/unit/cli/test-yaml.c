/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/yaml/read.h"
#include "coordinator/yaml/write.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* Each document as JSON on a line. */
static char *
read_all(const char *text, gsize length, GError **error)
{
    g_autoptr(GPtrArray) documents = lull_yaml_read(text, length, error);
    GString *all = g_string_new(NULL);

    if (!documents) {
        g_string_free(all, TRUE);
        return NULL;
    }
    for (guint i = 0; i < documents->len; i++)
        g_string_append_printf(all, "%s\n",
                               lull_json_to_line(((LullYamlDocument *)documents->pdata[i])->value));
    return g_string_free(all, FALSE);
}

static void
means(const char *yaml, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *lines = read_all(yaml, strlen(yaml), &error);

    ck_assert_no_error(error);
    ck_assert_str_eq(lines, expected);
}

static void
refused(const char *yaml, gsize length, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *lines = read_all(yaml, length, &error);

    ck_assert_msg(lines == NULL, "accepted");
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" lacks \"%s\"", error->message, part);
    ck_assert_msg(strlen(error->message) < 300, "%s", error->message);
}

START_TEST(plain_scalars_have_the_types_of_the_core_schema)
{
    means("[true, True, FALSE, yes, no, on, off, y]",
          "[true,true,false,\"yes\",\"no\",\"on\",\"off\",\"y\"]\n");
    means("[~, null, NULL]", "[null,null,null]\n");
    means("[1, -7, +3, 0x1F, 0o17, 010, 1_000, 1m, 5m0s]", "[1,-7,3,31,15,10,\"1_000\",\"1m\",\"5m0s\"]\n");
    means("[1.5, .5, -2., 1e3, 1.2.3, 1e, ., -, 0x, 0o8]",
          "[1.5,0.5,-2.0,1000.0,\"1.2.3\",\"1e\",\".\",\"-\",\"0x\",\"0o8\"]\n");
    means("[2026-03-01, 12:30:45, \"1\", 'true', !!str 5, ! 7]",
          "[\"2026-03-01\",\"12:30:45\",\"1\",\"true\",\"5\",\"7\"]\n");
}
END_TEST

START_TEST(structures_anchors_and_blocks_become_json)
{
    means("a: &x {b: [1, 2]}\nc: *x\nt: |\n  two\n  lines\ne: >-\n  folded\n  text\n? f\n: g\n",
          "{\"a\":{\"b\":[1,2]},\"c\":{\"b\":[1,2]},\"t\":\"two\\nlines\\n\",\"e\":\"folded "
          "text\",\"f\":\"g\"}\n");
    means("1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}\n");
    means("{\"a\": {\"b\":[1,null,\"x\\/y\\u00e4\"]},\n\t\"c\":{}}",
          "{\"a\":{\"b\":[1,null,\"x/y\303\244\"]},\"c\":{}}\n");
}
END_TEST

START_TEST(many_documents_are_numbered_and_empty_ones_left_out)
{
    const char *text = "# only words\n---\na: 1\n---\n---\n# nothing\n---\nb:\n  c: [x,\n y]\n...\n";
    g_autoptr(GPtrArray) documents = lull_yaml_read(text, strlen(text), NULL);
    const LullYamlDocument *first, *second;

    ck_assert_uint_eq(documents->len, 2);
    first = documents->pdata[0];
    second = documents->pdata[1];
    ck_assert_uint_eq(first->number, 1);
    ck_assert_uint_eq(first->line, 3);
    ck_assert_uint_eq(second->number, 4);
    ck_assert_uint_eq(lull_yaml_line_of(second, "b.c"), 9);
    ck_assert_uint_eq(lull_yaml_line_of(second, "b.c[1]"), 10);
    ck_assert_uint_eq(lull_yaml_line_of(second, "b.c[7].deep.in"), 9);
    ck_assert_uint_eq(lull_yaml_line_of(second, "zebra"), 8);
    ck_assert_uint_eq(lull_yaml_line_of(second, ""), 8);
    means("", "");
    means("---\n...\n", "");
}
END_TEST

START_TEST(what_is_no_yaml_or_has_no_json_is_refused_with_its_line)
{
    static const struct {
        const char *yaml, *part;
    } cases[] = {
        {"a: 1\n\tb: 2\n", "line 2"},
        {"a: [1, 2\nb: 3\n", "line"},
        {"a: 1\na: 2\n", "line 2: the key \"a\" is there twice"},
        {"a: {b: 1, 'b': 2}\n", "twice"},
        {"a: *nobody\n", "has no anchor before it"},
        {"a: &x [*x]\n", "inside of what it stands for"},
        {"a: &x {b: 1}\nc:\n  <<: *x\n", "line 3: merge keys"},
        {"? [a]\n: 1\n", "a key must be a text"},
        {"&k a: 1\n*k : 2\n", "line 2: an alias cannot be a key"},
        {"a: .inf\n", "no form in JSON"},
        {"a: [.nan]\n", "no form in JSON"},
        {"a: 1e999\n", "too large for a number"},
        {"a: 9223372036854775808\n", "quotes"},
        {"a: !!binary aGk=\n", "tag"},
        {"a: !local {b: 1}\n", "tag"},
        {"a: !!int \"5\"\n", "tag"},
        {"%YAML 3.0\n---\na: 1\n", "line 1"},
        {"a: \"\\0\"\n", "NUL"},
        {"\"\\0\": 1\n", "NUL"},
        {"a: @b\n", "line 1"},
        {"a\n---\nb: c: d\n", "line 3"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        refused(cases[i].yaml, strlen(cases[i].yaml), cases[i].part);
    refused("a: \xff\xfe\n", 6, "UTF-8");
    refused("a: b\0c", 6, "");
    refused("\xff\xfe"
            "a\0:\0 \0b\0",
            10, "UTF-8");
}
END_TEST

START_TEST(nesting_has_a_limit)
{
    g_autoptr(GString) deep = g_string_new(NULL);

    for (guint i = 0; i < LULL_YAML_MAX_DEPTH; i++)
        g_string_append_c(deep, '[');
    {
        g_autofree char *closing = g_strnfill(LULL_YAML_MAX_DEPTH, ']');
        g_autofree char *good = g_strconcat(deep->str, closing, NULL);
        g_autofree char *lines = read_all(good, strlen(good), NULL);

        ck_assert_ptr_nonnull(lines);
    }
    g_string_append_c(deep, '[');
    refused(deep->str, deep->len, "nested deeper");
    for (guint i = 0; i < 100000; i++)
        g_string_append_c(deep, i % 2 ? '{' : '[');
    refused(deep->str, deep->len, "nested deeper");
}
END_TEST

START_TEST(aliases_cannot_make_a_small_text_large)
{
    g_autoptr(GString) laughs = g_string_new("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    g_autoptr(GString) long_text = g_string_new("a: &a \"");
    g_autoptr(GString) long_keys = g_string_new("a: &a {");

    for (int i = 1; i < 10; i++)
        g_string_append_printf(laughs,
                               "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
                               i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    refused(laughs->str, laughs->len, "too large once it is expanded");

    for (int i = 0; i < 1000000; i++)
        g_string_append_c(long_text, 'x');
    g_string_append(long_text, "\"\nb: [");
    for (int i = 0; i < 1000; i++)
        g_string_append(long_text, "*a, ");
    g_string_append(long_text, "]\n");
    refused(long_text->str, long_text->len, "too large once it is expanded");

    for (int i = 0; i < 1000; i++)
        g_string_append_printf(long_keys, "? %0900d\n : 1, ", i);
    g_string_append(long_keys, "}\nb: [");
    for (int i = 0; i < 1000; i++)
        g_string_append(long_keys, "*a, ");
    g_string_append(long_keys, "]\n");
    refused(long_keys->str, long_keys->len, "too large once it is expanded");
}
END_TEST

START_TEST(size_has_a_limit_and_so_has_a_key)
{
    g_autofree char *large = g_strnfill(10 * 1024 * 1024, 'x');
    g_autoptr(GString) key = g_string_new("? ");
    g_autoptr(GString) items = g_string_new("");

    refused(large, strlen(large), "larger than");
    for (int i = 0; i < 2000; i++)
        g_string_append_c(key, 'k');
    g_string_append(key, "\n: 1\n");
    refused(key->str, key->len, "a key is longer than");
    for (int i = 0; i < LULL_YAML_MAX_COST + 1; i++)
        g_string_append(items, "- 1\n");
    refused(items->str, items->len, "too large");
}
END_TEST

START_TEST(what_is_written_reads_back_the_same)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "{'a':{},'b':[],'c':null,'d':true,'e':-5,'f':1.5,'g':''}",
        "{'a':[{'b':1,'c':[2,3]},{'d':[[4],[]]}]}",
        "['true','null','~','1','0x1F','1e3','yes','No','on','<<','-','- a','a: b','a "
        "#b','#c','*x','&y','!z']",
        "['5m','-1.5h','2026-03-01T10:20:30Z','127.0.0.1','.5',' lead','trail "
        "','\\ttab','a\\tb','%x','@x','`x']",
        "['two\\nlines','two\\nlines\\n','\\n','\\n\\nlead',' a\\nb','a "
        "\\nb','end\\n\\n\\n','cr\\r\\nlf','tab\\n\\tx']",
        "['\\u0007bell','\\u00e4\\u00f6','\\u2028','\\ud83d\\ude00','\\\\back','{a}','[b]','a, b','a:','key: "
        "|','---','...']",
        "{'':1,'a b':2,'true':3,'1':4,'k: v':5,'#':6,'multi\\nline':7,'-':8}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LullJson) value = json(texts[i]);
        g_autoptr(GError) error = NULL;
        g_autofree char *yaml = lull_yaml_write(value, &error);
        g_autoptr(GPtrArray) documents = NULL;

        ck_assert_no_error(error);
        documents = lull_yaml_read(yaml, strlen(yaml), &error);
        ck_assert_msg(error == NULL, "%s\n%s", error ? error->message : "", yaml);
        ck_assert_uint_eq(documents->len, 1);
        ck_assert_msg(lull_json_equal(value, ((LullYamlDocument *)documents->pdata[0])->value), "%s", yaml);
    }
}
END_TEST

START_TEST(yaml_looks_as_people_write_it)
{
    g_autoptr(LullJson) value = snapshot_json("snap-larry", ",'annotations':{'a/b':'true'},'labels':{}");
    g_autofree char *yaml = lull_yaml_write(value, NULL);

    ck_assert_str_eq(yaml, "apiVersion: snapshot.kubevirt.io/v1beta1\n"
                           "kind: VirtualMachineSnapshot\n"
                           "metadata:\n"
                           "  name: snap-larry\n"
                           "  annotations:\n"
                           "    a/b: \"true\"\n"
                           "  labels: {}\n"
                           "spec:\n"
                           "  source:\n"
                           "    apiGroup: kubevirt.io\n"
                           "    kind: VirtualMachine\n"
                           "    name: larry\n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("yaml");
    TCase *tests = tcase_create("all");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, plain_scalars_have_the_types_of_the_core_schema);
    tcase_add_test(tests, structures_anchors_and_blocks_become_json);
    tcase_add_test(tests, many_documents_are_numbered_and_empty_ones_left_out);
    tcase_add_test(tests, what_is_no_yaml_or_has_no_json_is_refused_with_its_line);
    tcase_add_test(tests, nesting_has_a_limit);
    tcase_add_test(tests, aliases_cannot_make_a_small_text_large);
    tcase_add_test(tests, size_has_a_limit_and_so_has_a_key);
    tcase_add_test(tests, what_is_written_reads_back_the_same);
    tcase_add_test(tests, yaml_looks_as_people_write_it);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
