/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The standard face. */
#include <string.h>

#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/unit/agent/session-harness.h"

START_TEST(test_the_standard_freeze_counts_and_is_strict)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    fire_frozen();
    ck_assert_str_eq(heard(), "{\"return\":2}\n");
    ck_assert_str_eq(called(), "start:/home:/ freeze:300000:strict");
    ck_assert_int_eq(freezer.within_msec, 5000);
    say("{'execute':'guest-fsfreeze-status'}" THAW);
    ck_assert_str_eq(heard(), "{\"return\":\"frozen\"}\n");
    fire_thawed(NULL);
    ck_assert_str_eq(heard(), "{\"return\":2}\n");
    say("{'execute':'guest-fsfreeze-status'}" THAW);
    ck_assert_str_eq(heard(), "{\"return\":\"thawed\"}\n{\"return\":0}\n");
}
END_TEST

START_TEST(test_what_must_wait_for_the_thaw_is_refused_in_the_peers_words)
{
    const char *const refused[] = {"guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list", "guest-get-fsinfo"};

    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    fire_frozen();
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *request = g_strdup_printf("{'execute':'%s'}", refused[i]);
        g_autofree char *words = g_strdup_printf(
            "The command %s has been disabled: the agent is in frozen state (owner standard, since ",
            refused[i]);
        g_autoptr(LullJson) reply = ask(request);

        ck_assert_has(error_of(reply), words);
        ck_assert_str_eq(lull_json_string(lull_json_object(reply, "error"), "class", ""), "CommandNotFound");
    }
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_a_file_system_that_cannot_be_frozen_fails_the_standard_freeze)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    freezer.outcomes[1] = (LullFreezerOutcome){LULL_FREEZER_RESULT_FAILED, .error = EIO};
    fire_full(LULL_FREEZER_FREEZE_FAILED, "undone", FALSE);
    ck_assert_has(heard(), "\"failed to freeze /: Input/output error\"");
    ck_assert(!lull_engine_is_frozen(engine));
}
END_TEST

START_TEST(test_a_freeze_that_could_not_even_be_planned_is_the_last_result)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) refused = NULL;
    g_autoptr(LullJson) status = NULL;
    LullJson *last;

    say(THAW);
    fire_thawed(NULL);
    write_file("proc/self/mountinfo", "1 0 252:1 / / rw - ext4 /dev/vda1 rw\n"
                                      "2 1 252:2 / /home rw - xfs /dev/vda2 rw\n"
                                      "3 2 0:9 / /home rw - tmpfs none rw\n");
    (void)called();
    refused = ask("{'execute':'guest-fsfreeze-freeze'}");
    ck_assert_str_eq(error_of(refused),
                     "failed to freeze /home: covered by another mount: no path leads to it");
    ck_assert_str_eq(called(), "");
    status = ask(STATUS);
    last = lull_json_object(value_of(status), "last");
    ck_assert_str_eq(lull_json_string(last, "op", ""), "standard");
    ck_assert_str_eq(lull_json_string(last, "result", ""), "none");
}
END_TEST

START_TEST(test_a_freeze_that_took_too_long_says_so)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    fire_full(LULL_FREEZER_FREEZE_FAILED, "half the lease was over", TRUE);
    ck_assert_has(heard(), "\"timed out: half the lease was over\"");
}
END_TEST

START_TEST(test_a_thaw_does_not_wait_for_the_freeze_before_it)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    (void)called();
    say(THAW);
    ck_assert_str_eq(called(), "thaw:let go before it was frozen");
    fire_thawed(NULL);
    ck_assert_has(heard(),
                  "{\"error\":{\"class\":\"GenericError\",\"desc\":\"let go before it was frozen\"}}\n"
                  "{\"return\":");
}
END_TEST

START_TEST(test_a_thaw_that_is_refused_does_not_disturb_a_freeze_under_way)
{
    say("{'execute':'guest-fsfreeze-freeze'}");
    fire(LULL_FREEZER_PREPARED);
    (void)called();
    say("{'execute':'guest-fsfreeze-thaw','arguments':{'x':1}}");
    ck_assert_str_eq(called(), "");
    fire_frozen();
    ck_assert_has(heard(), "Parameter 'x' is unexpected");
    ck_assert(lull_engine_is_frozen(engine));
}
END_TEST

START_TEST(test_another_ones_abort_does_not_disturb_a_freeze_under_way)
{
    g_autoptr(LullJson) prepared = ask(PREPARE);

    fire(LULL_FREEZER_PREPARED);
    say(FREEZE);
    (void)called();
    say("{'execute':'__dev.lull_quiesce-abort','arguments':{'op':'o2'}}");
    ck_assert_str_eq(called(), "");
    fire_frozen();
    ck_assert_has(heard(), "{\"undone\":\"nothing\"}");
    fire_thawed(LULL_BROKEN_LEASE);
}
END_TEST

START_TEST(test_a_standard_thaw_breaks_a_vendors_epoch)
{
    g_autofree char *epoch = freeze();
    g_autoptr(LullJson) thawed = NULL;

    say(THAW);
    fire_thawed(LULL_BROKEN_FOREIGN_THAW);
    ck_assert_str_eq(heard(), "{\"return\":2}\n");
    thawed = ask_thaw(epoch);
    ck_assert_str_eq(lull_json_string(value_of(thawed), "proof", ""), "broken");
    ck_assert_str_eq(lull_json_string(value_of(thawed), "reason", ""), LULL_BROKEN_FOREIGN_THAW);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("session-standard");
    TCase *tcase = tcase_create("session-standard");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_the_standard_freeze_counts_and_is_strict);
    tcase_add_test(tcase, test_what_must_wait_for_the_thaw_is_refused_in_the_peers_words);
    tcase_add_test(tcase, test_a_file_system_that_cannot_be_frozen_fails_the_standard_freeze);
    tcase_add_test(tcase, test_a_freeze_that_could_not_even_be_planned_is_the_last_result);
    tcase_add_test(tcase, test_a_freeze_that_took_too_long_says_so);
    tcase_add_test(tcase, test_a_thaw_does_not_wait_for_the_freeze_before_it);
    tcase_add_test(tcase, test_a_thaw_that_is_refused_does_not_disturb_a_freeze_under_way);
    tcase_add_test(tcase, test_another_ones_abort_does_not_disturb_a_freeze_under_way);
    tcase_add_test(tcase, test_a_standard_thaw_breaks_a_vendors_epoch);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
