/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "protocol/command.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"

static LullJson *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    LullJson *value = lull_json_parse(text, -1, &error);

    ck_assert_msg(value, "%s: %s", text, error ? error->message : "");
    return value;
}

static const struct {
    const char *message;
    const char *problem; /* NULL: fine */
} envelopes[] = {
    {"{\"execute\":\"guest-ping\"}", NULL},
    {"{\"execute\":\"guest-ping\",\"id\":null,\"arguments\":{}}", NULL},
    {"[]", "QMP input must be a JSON object"},
    {"\"x\"", "QMP input must be a JSON object"},
    {"{}", "QMP input lacks member 'execute'"},
    {"{\"id\":1}", "QMP input lacks member 'execute'"},
    {"{\"exec-oob\":\"guest-ping\"}", "QMP input member 'exec-oob' is unexpected"},
    {"{\"execute\":1}", "QMP input member 'execute' must be a string"},
    {"{\"execute\":null}", "QMP input member 'execute' must be a string"},
    {"{\"execute\":\"x\",\"arguments\":[]}", "QMP input member 'arguments' must be an object"},
    {"{\"execute\":\"x\",\"arguments\":null}", "QMP input member 'arguments' must be an object"},
};

START_TEST(test_checks_the_envelope_in_the_peers_words)
{
    g_autoptr(LullJson) message = parse(envelopes[_i].message);
    g_autoptr(GError) error = NULL;
    LullRequest request;

    if (!envelopes[_i].problem) {
        ck_assert(lull_request_read(message, &request, &error));
        ck_assert_str_eq(request.name, "guest-ping");
    } else {
        ck_assert(!lull_request_read(message, &request, &error));
        ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
        ck_assert_str_eq(error->message, envelopes[_i].problem);
    }
}
END_TEST

static const struct {
    const char *command;
    const char *arguments; /* NULL: none came */
    const char *problem;
} checks[] = {
    {"guest-ping", NULL, NULL},
    {"guest-ping", "{}", NULL},
    {"guest-ping", "{\"foo\":42}", "Parameter 'foo' is unexpected"},
    {"guest-sync", NULL, "Parameter 'id' is missing"},
    {"guest-sync", "{\"foo\":42}", "Parameter 'id' is missing"},
    {"guest-sync", "{\"id\":1}", NULL},
    {"guest-sync", "{\"id\":-9223372036854775808}", NULL},
    {"guest-sync", "{\"id\":9223372036854775807}", NULL},
    {"guest-sync", "{\"id\":9223372036854775808}", "Invalid parameter type for 'id', expected: integer"},
    {"guest-sync", "{\"id\":99999999999999999999999}", "Invalid parameter type for 'id', expected: integer"},
    {"guest-sync", "{\"id\":5.5}", "Invalid parameter type for 'id', expected: integer"},
    {"guest-sync", "{\"id\":1e3}", "Invalid parameter type for 'id', expected: integer"},
    {"guest-sync", "{\"id\":\"5\"}", "Invalid parameter type for 'id', expected: integer"},
    {"guest-sync", "{\"id\":null}", "Invalid parameter type for 'id', expected: integer"},
    {"guest-sync", "{\"foo\":1,\"id\":\"5\"}", "Invalid parameter type for 'id', expected: integer"},
    {"guest-fsfreeze-freeze-list", NULL, NULL},
    {"guest-fsfreeze-freeze-list", "{\"mountpoints\":[]}", NULL},
    {"guest-fsfreeze-freeze-list", "{\"mountpoints\":\"/\"}",
     "Invalid parameter type for 'mountpoints', expected: array"},
    {"guest-fsfreeze-freeze-list", "{\"mountpoints\":[\"/\",7]}",
     "Invalid parameter type for 'mountpoints[1]', expected: string"},
    {LULL_CMD_PREPARE, "{\"op\":\"o\",\"disks\":[{}],\"atomic\":true,\"budget-ms\":1,\"level\":\"fs\"}",
     NULL},
    {LULL_CMD_PREPARE, "{\"op\":\"o\",\"disks\":[null]}",
     "Invalid parameter type for 'disks[0]', expected: object"},
    {LULL_CMD_PREPARE, "{\"op\":\"o\",\"atomic\":1}",
     "Invalid parameter type for 'atomic', expected: boolean"},
    {LULL_CMD_RESTORED, "{\"snapshot\":\"s\",\"metadata\":[]}",
     "Invalid parameter type for 'metadata', expected: object"},
    {LULL_CMD_FREEZE, "{\"op\":\"o\"}", "Parameter 'lease-ms' is missing"},
};

START_TEST(test_checks_arguments_in_the_peers_words)
{
    const LullCommandSpec *spec = lull_command_find(checks[_i].command);
    g_autoptr(LullJson) arguments = checks[_i].arguments ? parse(checks[_i].arguments) : NULL;
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_nonnull(spec);
    if (!checks[_i].problem) {
        ck_assert(lull_command_check(spec, arguments, &error));
    } else {
        ck_assert(!lull_command_check(spec, arguments, &error));
        ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
        ck_assert_str_eq(error->message, checks[_i].problem);
    }
}
END_TEST

START_TEST(test_bounds_the_elements_of_a_list)
{
    const LullCommandSpec *spec = lull_command_find("guest-fsfreeze-freeze-list");
    g_autoptr(LullJson) arguments = parse("{\"mountpoints\":[]}");
    LullJson *list = lull_json_array(arguments, "mountpoints");
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < LULL_ARG_MAX_ELEMENTS; i++)
        lull_json_append_string(list, "/");
    ck_assert(lull_command_check(spec, arguments, &error));
    lull_json_append_string(list, "/");
    ck_assert(!lull_command_check(spec, arguments, &error));
    ck_assert_str_eq(error->message, "Parameter 'mountpoints' has too many elements, at most: 1024");
}
END_TEST

START_TEST(test_every_command_is_found_by_its_own_name_only)
{
    for (const LullCommandSpec *spec = lull_command_specs(); spec->name; spec++)
        ck_assert_ptr_eq(lull_command_find(spec->name), spec);
    ck_assert_ptr_null(lull_command_find("guest-pin"));
    ck_assert_ptr_null(lull_command_find(""));
}
END_TEST

START_TEST(test_only_what_cannot_disturb_a_freeze_runs_while_frozen)
{
    const char *refused[] = {"guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list", "guest-get-fsinfo",
                             LULL_CMD_PREPARE};

    for (const LullCommandSpec *spec = lull_command_specs(); spec->name; spec++) {
        gboolean allowed = TRUE;

        for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
            allowed = allowed && !g_str_equal(refused[i], spec->name);
        ck_assert_msg(spec->while_frozen == allowed, "%s", spec->name);
    }
}
END_TEST

static const char *const ids[] = {"1", "null", "\"x\"", "{\"a\":[1.5]}", "9223372036854775807"};

START_TEST(test_echoes_any_id)
{
    g_autofree char *text = g_strdup_printf("{\"execute\":\"guest-ping\",\"id\":%s}", ids[_i]);
    g_autoptr(LullJson) message = parse(text);
    LullRequest request;

    ck_assert(lull_request_read(message, &request, NULL));

    g_autofree char *good = lull_reply_return(json_object_new_object(), &request);
    g_autofree char *bad = lull_reply_error("GenericError", "no", &request);
    g_autofree char *good_expected = g_strdup_printf("{\"return\":{},\"id\":%s}\n", ids[_i]);
    g_autofree char *bad_expected =
        g_strdup_printf("{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"},\"id\":%s}\n", ids[_i]);

    ck_assert_str_eq(good, good_expected);
    ck_assert_str_eq(bad, bad_expected);
}
END_TEST

START_TEST(test_a_reply_has_no_id_where_none_came)
{
    g_autofree char *text = lull_reply_return(json_object_new_int64(7), NULL);

    ck_assert_str_eq(text, "{\"return\":7}\n");
}
END_TEST

START_TEST(test_a_reply_is_one_line_of_valid_utf8_whatever_the_guest_calls_its_files)
{
    g_autofree char *text = lull_reply_return(json_object_new_string("a\xff\xfe\n\x01z"), NULL);

    ck_assert(g_utf8_validate(text, -1, NULL));
    ck_assert_ptr_null(strchr(text, '\xff'));
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("command");
    TCase *tcase = tcase_create("command");

    tcase_add_loop_test(tcase, test_checks_the_envelope_in_the_peers_words, 0, G_N_ELEMENTS(envelopes));
    tcase_add_loop_test(tcase, test_checks_arguments_in_the_peers_words, 0, G_N_ELEMENTS(checks));
    tcase_add_test(tcase, test_bounds_the_elements_of_a_list);
    tcase_add_test(tcase, test_every_command_is_found_by_its_own_name_only);
    tcase_add_test(tcase, test_only_what_cannot_disturb_a_freeze_runs_while_frozen);
    tcase_add_loop_test(tcase, test_echoes_any_id, 0, G_N_ELEMENTS(ids));
    tcase_add_test(tcase, test_a_reply_has_no_id_where_none_came);
    tcase_add_test(tcase, test_a_reply_is_one_line_of_valid_utf8_whatever_the_guest_calls_its_files);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
