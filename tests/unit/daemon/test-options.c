/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/daemon.h"
#include "tests/lib/check-main.h"

START_TEST(what_was_not_said_is_as_the_manual_has_it)
{
    g_auto(LullDaemonOptions) options = {.runtime_dir = g_strdup("/somewhere"), .attempt_pause = -_i};

    lull_daemon_options_complete(&options);
    ck_assert(options.uri && options.state_dir);
    ck_assert_str_eq(options.socket, "/somewhere/coordinator.sock");
    ck_assert_int_eq(options.attempt_pause, 10000);
    ck_assert_int_eq(options.check_interval, 300000);
}
END_TEST

START_TEST(what_was_said_stays)
{
    g_auto(LullDaemonOptions)
        options = {.uri = g_strdup("u"), .socket = g_strdup("s"), .attempt_pause = 1, .check_interval = 2};

    lull_daemon_options_complete(&options);
    ck_assert_str_eq(options.uri, "u");
    ck_assert_str_eq(options.socket, "s");
    ck_assert_int_eq(options.attempt_pause, 1);
    ck_assert_int_eq(options.check_interval, 2);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("daemon/options");
    TCase *cases = tcase_create("options");

    tcase_add_loop_test(cases, what_was_not_said_is_as_the_manual_has_it, 0, 2);
    tcase_add_test(cases, what_was_said_stays);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
