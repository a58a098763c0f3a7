/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The vendor's face. */
#include <string.h>

#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/unit/agent/session-harness.h"

START_TEST(test_a_freeze_that_lasts_is_held)
{
    g_autofree char *epoch = freeze();
    g_autofree char *record = record_path();
    g_autofree char *request = g_strdup_printf(
        "{'execute':'__dev.lull_quiesce-thaw','arguments':{'op':'o1','epoch':'%s'}}" PING, epoch);
    g_autoptr(LullJson) renewed = ask_renew(epoch);
    g_autoptr(LullJson) status = ask(STATUS);

    ck_assert_uint_eq(strlen(epoch), 32);
    ck_assert_int_eq(lull_json_int(value_of(renewed), "remaining-ms", 0), 1234);
    ck_assert_str_eq(lull_json_string(value_of(status), "phase", ""), "frozen");
    say(request);
    ck_assert_str_eq(heard(), "");
    ck_assert_str_eq(called(), "start:/home:/ freeze:8000 renew:5000 thaw:");
    fire_thawed(NULL);
    const char *lines = heard();
    ck_assert_has(lines, "{\"return\":{\"proof\":\"held\",\"reason\":\"\"");
    ck_assert_has(lines, "\n{\"return\":{}}\n");
    wait_freed();
    ck_assert_str_eq(called(), "free");
    ck_assert(!g_file_test(record, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(test_a_thaw_can_be_asked_for_again)
{
    g_autofree char *epoch = freeze();
    g_autofree char *request =
        g_strdup_printf("{'execute':'__dev.lull_quiesce-thaw','arguments':{'op':'o1','epoch':'%s'}}", epoch);
    g_autofree char *first = NULL;

    say(request);
    fire_thawed(NULL);
    first = g_strdup(heard());
    say(request);
    ck_assert_str_eq(heard(), first);
    ck_assert_has(first, "\"held\"");
}
END_TEST

START_TEST(test_a_thaw_with_a_wrong_epoch_thaws_and_is_broken)
{
    g_autofree char *epoch = freeze();

    (void)called();
    say("{'execute':'__dev.lull_quiesce-thaw','arguments':{'op':'o1','epoch':'any'}}");
    ck_assert_str_eq(called(), "thaw:thawed under another epoch");
    fire_thawed(NULL);
    ck_assert_has(heard(), "\"broken\"");
}
END_TEST

START_TEST(test_what_breaks_while_frozen_is_told_to_whoever_asks_after)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) thawed = NULL;
    g_autoptr(LullJson) renewed = NULL;
    g_autoptr(LullJson) status = NULL;

    fire_thawed(LULL_BROKEN_LEASE);
    renewed = ask_renew(epoch);
    ck_assert_int_eq(lull_json_int(value_of(renewed), "remaining-ms", -1), 0);
    ck_assert_str_eq(lull_json_string(value_of(renewed), "broken", ""), LULL_BROKEN_LEASE);
    status = ask(STATUS);
    ck_assert_str_eq(lull_json_string(lull_json_object(value_of(status), "last"), "result", ""), "broken");
    thawed = ask_thaw(epoch);
    ck_assert_str_eq(lull_json_string(value_of(thawed), "proof", ""), "broken");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_a_lost_freezer_breaks_it)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) thawed = NULL;

    fire(LULL_FREEZER_LOST);
    thawed = ask_thaw(epoch);
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), LULL_BROKEN_FREEZER);
}
END_TEST

START_TEST(test_a_repeated_freeze_gets_the_same_answer_and_no_more_time)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) again = NULL;

    (void)called();
    again = ask(FREEZE);
    ck_assert_str_eq(lull_json_string(value_of(again), "epoch", ""), epoch);
    ck_assert_str_eq(called(), "");
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_only_one_operation_at_a_time)
{
    g_autoptr(LullJson) first = ask(PREPARE);
    g_autoptr(LullJson) repeated = ask(PREPARE);
    g_autoptr(LullJson) other = ask("{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o2'}}");
    g_autoptr(LullJson) standard = ask("{'execute':'guest-fsfreeze-freeze'}");
    g_autoptr(LullJson) early = ask(FREEZE);
    g_autoptr(LullJson) stranger = ask("{'execute':'__dev.lull_quiesce-abort','arguments':{'op':'o2'}}");

    ck_assert(lull_json_bool(value_of(repeated), "accepted", FALSE));
    ck_assert(!lull_json_bool(value_of(other), "accepted", TRUE));
    ck_assert_str_eq(lull_json_string(value_of(other), "owner", ""), "o1");
    ck_assert_has(error_of(standard), "another operation is under way: o1 (preparing)");
    ck_assert_has(error_of(early), "still preparing");
    ck_assert_str_eq(lull_json_string(value_of(stranger), "undone", ""), "nothing");
    ck_assert_str_eq(called(), "start:/home:/");
    say(ABORT);
    fire(LULL_FREEZER_THAWED);
    ck_assert_has(heard(), "{\"undone\":\"prepare\"}");
    wait_freed();
    ck_assert_str_eq(called(), "thaw:aborted free");
}
END_TEST

START_TEST(test_abort_while_frozen_undoes_the_freeze)
{
    g_autofree char *epoch = freeze();

    say(ABORT);
    fire_thawed(NULL);
    ck_assert_has(heard(), "{\"undone\":\"freeze\"}");
    say(ABORT);
    ck_assert_has(heard(), "{\"undone\":\"nothing\"}");
}
END_TEST

START_TEST(test_a_freezer_that_cannot_start_ends_the_operation_and_says_why)
{
    g_autoptr(LullJson) prepared = NULL;
    g_autoptr(LullJson) status = NULL;
    g_autoptr(LullJson) frozen = NULL;

    freezer.refusal = "no such program";
    prepared = ask(PREPARE);
    ck_assert_str_eq(lull_json_string(value_of(prepared), "phase", ""), "idle");
    status = ask(STATUS);
    ck_assert_str_eq(lull_json_string(lull_json_object(value_of(status), "last"), "reason", ""),
                     "no such program");
    frozen = ask(FREEZE);
    ck_assert_has(error_of(frozen), "no such program");
}
END_TEST

START_TEST(test_a_freeze_of_nothing_has_no_epoch)
{
    g_autoptr(LullJson) prepared =
        ask("{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o1','mountpoints':['/nowhere']}}");
    g_autoptr(LullJson) frozen = ask(FREEZE);
    LullJson *filesystems = lull_json_array(value_of(frozen), "filesystems");

    ck_assert_str_eq(lull_json_string(value_of(frozen), "epoch", "?"), "");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(filesystems, 0), "result", ""), "failed");
    ck_assert_str_eq(called(), "");
    ck_assert(!lull_engine_is_frozen(engine));
}
END_TEST

static const struct {
    const char *request;
    const char *problem;
} mistakes[] = {
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':''}}", "op: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'a b'}}", "op: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'standard'}}", "op: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'01234567890123456789012345678901234567890"
     "123456789012345678901234'}}",
     "op: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','budget-ms':0}}", "budget-ms: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','disks':[],'mountpoints':[]}}",
     "exclude each other"},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','level':'best'}}",
     "level: \"best\" is none of app, fs, crash"},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','level':''}}", "level: "},
    {"{'execute':'__dev.lull_quiesce-prepare','arguments':{'op':'o','level':'stopped'}}", "level: "},
    {"{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':99}}", "lease-ms: "},
    {"{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':-1}}", "lease-ms: "},
    {"{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':8000}}", "not prepared"},
};

START_TEST(test_refuses_what_makes_no_sense)
{
    g_autoptr(LullJson) reply = ask(mistakes[_i].request);

    ck_assert_has(error_of(reply), mistakes[_i].problem);
    ck_assert_str_eq(called(), "");
}
END_TEST

static const char *const levels[] = {"app", "fs", "crash"};

START_TEST(test_freezes_the_same_whatever_level_is_wanted)
{
    g_autofree char *request = g_strdup_printf("{'execute':'__dev.lull_quiesce-prepare',"
                                               "'arguments':{'op':'o1','atomic':%s,'level':'%s'}}",
                                               _i ? "true" : "false", levels[_i]);
    g_autoptr(LullJson) reply = ask(request);
    g_autoptr(LullJson) status = ask(STATUS);
    LullJson *writers = lull_json_array(value_of(status), "writers");

    ck_assert(lull_json_bool(value_of(reply), "accepted", FALSE));
    ck_assert_str_eq(called(), "start:/home:/");
    ck_assert_ptr_nonnull(writers);
    ck_assert_uint_eq(json_object_array_length(writers), 0);
}
END_TEST

START_TEST(test_caps_the_lease)
{
    g_autoptr(LullJson) prepared = ask(PREPARE);

    fire(LULL_FREEZER_PREPARED);
    (void)called();
    say("{'execute':'__dev.lull_quiesce-freeze','arguments':{'op':'o1','lease-ms':9223372036854775807}}");
    ck_assert_str_eq(called(), "freeze:30000");
    fire_full(LULL_FREEZER_FREEZE_FAILED, "no", FALSE);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("session-vendor");
    TCase *tcase = tcase_create("session-vendor");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_a_freeze_that_lasts_is_held);
    tcase_add_test(tcase, test_a_thaw_can_be_asked_for_again);
    tcase_add_test(tcase, test_a_thaw_with_a_wrong_epoch_thaws_and_is_broken);
    tcase_add_test(tcase, test_what_breaks_while_frozen_is_told_to_whoever_asks_after);
    tcase_add_test(tcase, test_a_lost_freezer_breaks_it);
    tcase_add_test(tcase, test_a_repeated_freeze_gets_the_same_answer_and_no_more_time);
    tcase_add_test(tcase, test_only_one_operation_at_a_time);
    tcase_add_test(tcase, test_abort_while_frozen_undoes_the_freeze);
    tcase_add_test(tcase, test_a_freezer_that_cannot_start_ends_the_operation_and_says_why);
    tcase_add_test(tcase, test_a_freeze_of_nothing_has_no_epoch);
    tcase_add_loop_test(tcase, test_refuses_what_makes_no_sense, 0, G_N_ELEMENTS(mistakes));
    tcase_add_loop_test(tcase, test_freezes_the_same_whatever_level_is_wanted, 0, G_N_ELEMENTS(levels));
    tcase_add_test(tcase, test_caps_the_lease);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
