/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/freezer/client.h"
#include "tests/lib/check-main.h"

#define HIGHEST 256
#define ENOUGH  24 /* descriptors that a start needs at most */

static guint
count_open(void)
{
    guint n = 0;

    for (int fd = 0; fd < HIGHEST; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void
on_event(LullFreezer *freezer, const LullFreezerEvent *event, gpointer user_data)
{
}

/* Waits until no child is left and nothing more is open than before: what a start leaves is cleared by its
 * thread, or by the main loop. */
static void
assert_nothing_stays(guint open_before)
{
    const gint64 until = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    siginfo_t info;

    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || count_open() > open_before) {
        ck_assert_int_lt(g_get_monotonic_time(), until);
        if (!g_main_context_iteration(NULL, FALSE))
            g_usleep(1000);
    }
}

/* The default main context and its watch of children have descriptors of their own, once and for all. */
static void
warm_up(void)
{
    const char *const argv[] = {"/bin/true", NULL};
    GPid pid = 0;

    ck_assert(g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL));
    g_source_remove(g_child_watch_add(pid, (GChildWatchFunc)(void (*)(void))g_spawn_close_pid, NULL));
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(a_start_that_runs_out_of_descriptors_at_any_point_leaves_nothing)
{
    LullFreezerMount mount = {.mountpoint = "/"};
    g_autoptr(GError) error = NULL;
    struct rlimit limit;
    LullFreezer *freezer;
    guint before;

    warm_up();
    before = count_open();
    limit.rlim_cur = limit.rlim_max = before + (guint)_i;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    freezer = lull_freezer_start("/bin/true", &mount, 1, -1, on_event, NULL, &error);
    ck_assert_int_eq(!freezer, error != NULL);
    if (_i == 0)
        ck_assert_ptr_null(freezer);
    if (_i == ENOUGH)
        ck_assert_ptr_nonnull(freezer);
    lull_freezer_free(freezer);
    assert_nothing_stays(before);
}
END_TEST

START_TEST(a_program_that_is_no_freezer_is_lost_and_reaped)
{
    LullFreezerMount mount = {.mountpoint = "/"};
    guint before;
    LullFreezer *freezer;

    warm_up();
    before = count_open();
    freezer = lull_freezer_start("/bin/true", &mount, 1, -1, on_event, NULL, NULL);
    ck_assert_ptr_nonnull(freezer);
    lull_freezer_free(freezer);
    assert_nothing_stays(before);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("agent/freezer/start");
    TCase *cases = tcase_create("start");

    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, a_start_that_runs_out_of_descriptors_at_any_point_leaves_nothing, 0,
                        ENOUGH + 1);
    tcase_add_test(cases, a_program_that_is_no_freezer_is_lost_and_reaped);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
