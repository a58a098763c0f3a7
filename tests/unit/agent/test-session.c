/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Requests and replies, and how a session begins and ends. */
#include <string.h>

#include "agent/session/table.h"
#include "protocol/clock.h"
#include "protocol/command.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/unit/agent/session-harness.h"

START_TEST(test_answers_in_order_with_ids)
{
    say("{'execute':'guest-sync','arguments':{'id':7},'id':1}{'execute':'guest-ping','id':'x'}\n"
        "{'execute':'nonsense','id':null}\nrubbish\n{'exec-oob':1,'id':3}{'execute':'guest-ping',"
        "'arguments':{'foo':42}}");
    ck_assert_str_eq(
        heard(),
        "{\"return\":7,\"id\":1}\n{\"return\":{},\"id\":\"x\"}\n"
        "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command nonsense has not been found\"},"
        "\"id\":null}\n"
        "{\"error\":{\"class\":\"GenericError\",\"desc\":\"JSON parse error, expecting value\"}}\n"
        "{\"error\":{\"class\":\"GenericError\",\"desc\":\"QMP input member 'exec-oob' is "
        "unexpected\"},\"id\":3}\n"
        "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Parameter 'foo' is unexpected\"}}\n");
}
END_TEST

START_TEST(test_marks_only_the_success_of_a_delimited_sync)
{
    say("{'execute':'guest-sync-delimited','arguments':{'id':7}}{'execute':'guest-sync-delimited'}");
    ck_assert_str_eq(heard(),
                     "\xff{\"return\":7}\n"
                     "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Parameter 'id' is missing\"}}\n");
}
END_TEST

START_TEST(test_every_command_of_the_table_can_be_run)
{
    g_autoptr(LullJson) reply = ask("{'execute':'guest-info'}");
    LullJson *commands = lull_json_array(value_of(reply), "supported_commands");

    ck_assert_uint_ge(json_object_array_length(commands), 16);
    for (size_t i = 0; i < json_object_array_length(commands); i++) {
        const char *name = lull_json_string(json_object_array_get_idx(commands, i), "name", "");
        g_autofree char *request = g_strdup_printf("{'execute':'%s','arguments':{'what':1}}", name);
        g_autoptr(LullJson) answer = ask(request);

        ck_assert(!strstr(error_of(answer), "has not been found"));
    }
}
END_TEST

START_TEST(test_every_command_has_a_function_and_every_function_a_command)
{
    gsize n_rows = 0;

    for (const LullTableRow *row = lull_table_rows(); row->name; row++, n_rows++) {
        ck_assert_msg(row->run, "%s", row->name);
        ck_assert_msg(lull_command_find(row->name), "%s is not in protocol/command.c", row->name);
    }
    for (const LullCommandSpec *spec = lull_command_specs(); spec->name; spec++, n_rows--)
        ck_assert_msg(lull_table_find(spec->name), "%s is not in agent/session/table.c", spec->name);
    ck_assert_uint_eq(n_rows, 0);
}
END_TEST

START_TEST(test_stops_reading_when_too_much_waits_and_goes_on_after)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    for (int i = 0; i < 200; i++)
        say(PING);
    ck_assert(!channel.reading);
    ck_assert_str_eq(heard(), "");
    fire(LULL_FREEZER_PREPARED);
    fire_frozen();
    ck_assert(channel.reading);
    const char *lines = heard();
    guint n = 0;

    for (const char *at = lines; *at; at++)
        n += *at == '\n';
    ck_assert_uint_eq(n, 201);
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_gives_no_more_answers_to_a_client_that_does_not_read)
{
    channel.congested = TRUE;
    say(PING PING);
    ck_assert_str_eq(heard(), "");
    channel.congested = FALSE;
    lull_session_handler.drained(session);
    ck_assert_str_eq(heard(), "{\"return\":{}}\n{\"return\":{}}\n");
}
END_TEST

START_TEST(test_a_new_client_starts_afresh_and_waits_for_the_old_ones_freeze)
{
    say("{'execute':'guest-fsfreeze-freeze'}" PING "{'execute':'gue");
    lull_session_handler.gone(session);
    say(PING);
    ck_assert_str_eq(heard(), "");
    fire(LULL_FREEZER_PREPARED);
    fire_frozen();
    ck_assert_str_eq(heard(), "{\"return\":{}}\n");
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

static gboolean
note_stop(gpointer user_data)
{
    *(gboolean *)user_data = TRUE;
    return G_SOURCE_REMOVE;
}

START_TEST(test_stops_only_when_nothing_is_frozen_any_more)
{
    g_autofree char *epoch = freeze();
    gboolean stopped = FALSE;

    (void)called();
    lull_engine_stop(engine, note_stop, &stopped);
    ck_assert_str_eq(called(), "thaw:the agent was stopped");
    ck_assert(!stopped);
    fire_thawed("the agent was stopped");
    settle();
    ck_assert(stopped);
}
END_TEST

static void
restart_with_record(const char *boot_id)
{
    g_autofree char *record =
        g_strdup_printf("{\"op\":\"o1\",\"standard\":false,\"boot-id\":\"%s\",\"mounts\":[]}", boot_id);

    stop_engine();
    write_file("state/operation.json", record);
    write_file("state/frozen", "1");
    start_engine();
}

START_TEST(test_tells_after_a_restart_that_the_agent_was_lost)
{
    g_autofree char *boot_id = lull_clock_boot_id();
    g_autofree char *record = record_path();
    g_autoptr(LullJson) thawed = NULL;

    restart_with_record(boot_id);
    ck_assert(!g_file_test(record, G_FILE_TEST_EXISTS));
    thawed = ask_thaw("any");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "proof", ""), "broken");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), LULL_BROKEN_AGENT);
}
END_TEST

START_TEST(test_a_record_of_another_boot_means_nothing)
{
    g_autofree char *record = record_path();
    g_autoptr(LullJson) thawed = NULL;

    restart_with_record("another-boot");
    ck_assert(!g_file_test(record, G_FILE_TEST_EXISTS));
    thawed = ask_thaw("any");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "proof", ""), "none");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), "no such operation");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("session");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_answers_in_order_with_ids);
    tcase_add_test(tcase, test_marks_only_the_success_of_a_delimited_sync);
    tcase_add_test(tcase, test_every_command_of_the_table_can_be_run);
    tcase_add_test(tcase, test_every_command_has_a_function_and_every_function_a_command);
    tcase_add_test(tcase, test_stops_reading_when_too_much_waits_and_goes_on_after);
    tcase_add_test(tcase, test_gives_no_more_answers_to_a_client_that_does_not_read);
    tcase_add_test(tcase, test_a_new_client_starts_afresh_and_waits_for_the_old_ones_freeze);
    tcase_add_test(tcase, test_stops_only_when_nothing_is_frozen_any_more);
    tcase_add_test(tcase, test_tells_after_a_restart_that_the_agent_was_lost);
    tcase_add_test(tcase, test_a_record_of_another_boot_means_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
