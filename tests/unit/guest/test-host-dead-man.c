/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <gio/gio.h>

#include "coordinator/guest/host-dead-man.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

/* This program is its own dead man, over the machine that libvirt's mock driver always has. */
#define URI    "test:///default"
#define DOMAIN "6695eb01-f6a4-8304-79aa-97f2502e193f"

START_TEST(test_takes_the_longest_hold_that_may_be_asked_for)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullHostDeadMan) man = lull_host_dead_man_start(URI, DOMAIN, &error);

    ck_assert_msg(man != NULL, "%s", error ? error->message : "");
    ck_assert_msg(lull_host_dead_man_arm(man, LULL_GUEST_HOLD_MAX + LULL_GUEST_HOLD_GRACE, &error), "%s",
                  error ? error->message : "");
    lull_host_dead_man_release(man);
}
END_TEST

START_TEST(test_a_deadline_beyond_that_is_an_error_before_anything_is_frozen)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullHostDeadMan) man = lull_host_dead_man_start(URI, DOMAIN, NULL);

    ck_assert_ptr_nonnull(man);
    ck_assert(!lull_host_dead_man_arm(man, LULL_HOST_DEAD_MAN_MAX + LULL_SEC(1), &error));
    ck_assert_msg(lull_error_is(error, LULL_ERROR_INVALID), "%s", error->message);
}
END_TEST

START_TEST(test_a_machine_that_is_not_there_is_an_error)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullHostDeadMan) man =
        lull_host_dead_man_start(URI, "00000000-0000-0000-0000-000000000000", &error);

    ck_assert_ptr_null(man);
    ck_assert_msg(lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
}
END_TEST

static const char *const nonsense[] = {
    "",      "arm", "arm ", "arm x", "arm 0", "arm -1", "arm 1 2", "arm 3602001", "arm 99999999999999999999",
    "hold 5"};

static char *
next_line(GDataInputStream *from)
{
    return g_data_input_stream_read_line(from, NULL, NULL, NULL);
}

START_TEST(test_an_order_that_makes_no_sense_is_refused_and_arms_nothing)
{
    g_autoptr(GSubprocess) process =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL,
                         "/proc/self/exe", "dead-man", "--uri", URI, "--domain", DOMAIN, NULL);
    GOutputStream *to = g_subprocess_get_stdin_pipe(process);
    g_autoptr(GDataInputStream) from = g_data_input_stream_new(g_subprocess_get_stdout_pipe(process));
    g_autofree char *ready = next_line(from);

    ck_assert_str_eq(ready, "ready");
    for (gsize i = 0; i < G_N_ELEMENTS(nonsense); i++) {
        g_autofree char *order = g_strconcat(nonsense[i], "\n", NULL);
        g_autofree char *said = NULL;

        ck_assert(g_output_stream_write_all(to, order, strlen(order), NULL, NULL, NULL));
        said = next_line(from);
        ck_assert_msg(g_strcmp0(said, "refused") == 0, "\"%s\": %s", nonsense[i], said);
    }
    ck_assert(g_output_stream_close(to, NULL, NULL));
    ck_assert(g_subprocess_wait_check(process, NULL, NULL)); /* not armed: at the end it leaves all alone */
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("host-dead-man");
    TCase *tcase = tcase_create("host-dead-man");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_takes_the_longest_hold_that_may_be_asked_for);
    tcase_add_test(tcase, test_a_deadline_beyond_that_is_an_error_before_anything_is_frozen);
    tcase_add_test(tcase, test_a_machine_that_is_not_there_is_an_error);
    tcase_add_test(tcase, test_an_order_that_makes_no_sense_is_refused_and_arms_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

int
main(int argc, char **argv)
{
    if (argc > 1 && g_str_equal(argv[1], "dead-man"))
        return lull_host_dead_man_main(argc - 1, argv + 1);
    return lull_check_run(make_suite());
}
