/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/daemon-cluster.h"
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

static const struct {
    const char *said;
    const char *is; /* NULL: refused */
} freezers[] = {
    {NULL, "auto"},           {"auto", "auto"},   {"libvirt", "libvirt"},
    {"kubevirt", "kubevirt"}, {"KubeVirt", NULL}, {"", NULL},
};

START_TEST(who_freezes_guests_of_stock_agents_is_one_of_these)
{
    g_auto(LullClusterOptions) options = {
        .node = g_strdup("node-a"), .state_dir = g_strdup("/s"), .stock_freeze = g_strdup(freezers[_i].said)};
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(lull_cluster_options_complete(&options, &error), freezers[_i].is != NULL);
    if (freezers[_i].is)
        ck_assert_str_eq(options.stock_freeze, freezers[_i].is);
    else
        ck_assert_ptr_nonnull(strstr(error->message, "expected auto, libvirt or kubevirt"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("daemon/options");
    TCase *cases = tcase_create("options");

    tcase_add_loop_test(cases, what_was_not_said_is_as_the_manual_has_it, 0, 2);
    tcase_add_test(cases, what_was_said_stays);
    tcase_add_loop_test(cases, who_freezes_guests_of_stock_agents_is_one_of_these, 0, G_N_ELEMENTS(freezers));
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
