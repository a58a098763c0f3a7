/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/pull/watchdog.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define PATIENCE_MS 60000
#define COPY        "/snapshots/of-larry/vda.qcow2"

static int ends[2]; /* the reader's, the server's */

static void
set_up(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void
tear_down(void)
{
    close(ends[0]);
    close(ends[1]);
}

static gboolean
is_shut(int wait_ms)
{
    struct pollfd fd = {.fd = ends[1], .events = POLLIN};

    return poll(&fd, 1, wait_ms) > 0;
}

START_TEST(only_what_waits_without_a_sign_is_counted)
{
    ck_assert_uint_eq(lull_pull_watchdog_count(7, FALSE, TRUE), 8);
    ck_assert_uint_eq(lull_pull_watchdog_count(7, TRUE, TRUE), 0);
    ck_assert_uint_eq(lull_pull_watchdog_count(7, FALSE, FALSE), 0);
    ck_assert_uint_eq(lull_pull_watchdog_count(7, TRUE, FALSE), 0);
}
END_TEST

START_TEST(a_reader_that_leaves_answers_where_they_are_is_cut_off)
{
    g_autoptr(LullPullWatchdog) watchdog = lull_pull_watchdog_new(ends[0], COPY, NULL);

    ck_assert_ptr_nonnull(watchdog);
    ck_assert_int_eq(write(ends[1], "answer", 6), 6);
    ck_assert(is_shut(PATIENCE_MS));
}
END_TEST

START_TEST(whose_connection_it_was_is_told)
{
    g_autoptr(LullPullWatchdog) watchdog = NULL;
    char told[512] = {0};
    int log[2];

    ck_assert_int_eq(pipe(log), 0);
    ck_assert_int_eq(dup2(log[1], STDERR_FILENO), STDERR_FILENO);
    watchdog = lull_pull_watchdog_new(ends[0], COPY, NULL);
    ck_assert_int_eq(write(ends[1], "answer", 6), 6);
    ck_assert_int_gt(read(log[0], told, sizeof told - 1), 0);
    ck_assert_msg(strstr(told, COPY ": its reader takes no answers") != NULL, "%s", told);
}
END_TEST

/* Longer than one may be without a sign. */
START_TEST(a_reader_that_gives_signs_is_left_alone_and_so_is_one_that_has_nothing_to_take)
{
    g_autoptr(LullPullWatchdog) watchdog = lull_pull_watchdog_new(ends[0], COPY, NULL);
    char taken[6];

    ck_assert_ptr_nonnull(watchdog);
    ck_assert(!is_shut(3000));
    ck_assert_int_eq(write(ends[1], "answer", 6), 6);
    for (guint i = 0; i < 60; i++) {
        lull_pull_watchdog_beat(watchdog);
        ck_assert(!is_shut(50));
    }
    ck_assert_int_eq(read(ends[0], taken, 6), 6);
}
END_TEST

START_TEST(a_reader_that_is_dead_is_cut_off_at_once)
{
    const pid_t reader = fork();

    if (reader == 0)
        _exit(lull_pull_watchdog_new(ends[0], COPY, NULL) ? 0 : 1); /* which nobody frees */
    ck_assert_int_eq(waitpid(reader, NULL, 0), reader);
    ck_assert(is_shut(PATIENCE_MS));
}
END_TEST

START_TEST(one_that_stands_still_itself_goes_all_the_same)
{
    LullPullWatchdog *watchdog = lull_pull_watchdog_new(ends[0], COPY, NULL);
    g_autofree char *children = g_strdup_printf("/proc/self/task/%d/children", (int)getpid());
    g_autofree char *process = NULL;

    ck_assert_ptr_nonnull(watchdog);
    ck_assert(g_file_get_contents(children, &process, NULL, NULL));
    ck_assert_int_eq(kill((pid_t)g_ascii_strtoll(process, NULL, 10), SIGSTOP), 0);
    lull_pull_watchdog_free(watchdog);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert(!is_shut(0));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/pull-watchdog");
    TCase *cases = tcase_create("pull-watchdog");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, only_what_waits_without_a_sign_is_counted);
    tcase_add_test(cases, a_reader_that_leaves_answers_where_they_are_is_cut_off);
    tcase_add_test(cases, whose_connection_it_was_is_told);
    tcase_add_test(cases, a_reader_that_gives_signs_is_left_alone_and_so_is_one_that_has_nothing_to_take);
    tcase_add_test(cases, a_reader_that_is_dead_is_cut_off_at_once);
    tcase_add_test(cases, one_that_stands_still_itself_goes_all_the_same);
    suite_add_tcase(suite, cases);
    return suite;
}

int
main(int argc, char **argv)
{
    if (argc > 1 && g_str_equal(argv[1], LULL_PULL_WATCHDOG_WORD))
        return lull_pull_watchdog_main(argc - 1, argv + 1);
    return lull_check_run(make_suite());
}
