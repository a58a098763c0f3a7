/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "coordinator/init.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define PATIENT LULL_SEC(60)

static char *directory;

static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

/* Whoever runs this in the background may ignore some of these, and a shell cannot catch what was ignored. */
static void
setup(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
        (void)signal(numbers[i], SIG_DFL);
    directory = g_dir_make_tmp("lull-init-XXXXXX", NULL);
    ck_assert_ptr_nonnull(directory);
    ck_assert_int_eq(chdir(directory), 0);
}

static void
teardown(void)
{
    static const char *const files[] = {"thawed", "pid"};

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        (void)g_unlink(files[i]);
    (void)g_rmdir(directory);
    g_clear_pointer(&directory, g_free);
}

static int
run(const char *script, gint64 patience)
{
    char *const argv[] = {"sh", "-c", (char *)script, NULL};

    return lull_init_run("/bin/sh", argv, patience);
}

static const struct {
    const char *script;
    int status;
} ends[] = {{"exit 0", 0}, {"exit 7", 7}, {"kill -KILL $$", 137}, {"kill -SEGV $$", 139}};

START_TEST(its_status_is_that_of_what_it_ran)
{
    ck_assert_int_eq(run(ends[_i].script, PATIENT), ends[_i].status);
}
END_TEST

START_TEST(what_is_not_there_is_not_run)
{
    char *const argv[] = {"nobody", NULL};

    ck_assert_int_eq(lull_init_run("/nowhere/nobody", argv, PATIENT), 127);
}
END_TEST

START_TEST(it_stays_until_those_are_done_who_thaw_in_the_place_of_one_that_died)
{
    ck_assert_int_eq(run("(sleep 0.3; touch thawed) & kill -KILL $$", PATIENT), 137);
    ck_assert(g_file_test("thawed", G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(it_does_not_stay_for_ever_for_one_that_is_never_done)
{
    g_autofree char *pid = NULL;

    ck_assert_int_eq(run("sleep 1000 & echo $! >pid; exit 3", LULL_MSEC(50)), 3);
    ck_assert(g_file_get_contents("pid", &pid, NULL, NULL));
    ck_assert_int_eq(kill((pid_t)atoi(pid), SIGKILL), 0);
}
END_TEST

static const char *const asked[] = {"TERM", "INT", "HUP", "QUIT"};

START_TEST(who_asks_it_to_end_asks_what_it_runs)
{
    g_autofree char *script = g_strdup_printf(
        "trap 'exit 5' %s; kill -%s $PPID; while :; do sleep 0.05; done", asked[_i], asked[_i]);

    ck_assert_int_eq(run(script, PATIENT), 5);
}
END_TEST

START_TEST(what_it_runs_has_the_signals_that_it_would_have_without_it)
{
    ck_assert_int_eq(run("kill -TERM $$; exit 0", PATIENT), 128 + SIGTERM);
}
END_TEST

START_TEST(an_init_of_an_init_is_refused)
{
    char *argv[] = {LULL_INIT_WORD, LULL_INIT_WORD, NULL};

    ck_assert_int_eq(lull_init_main(2, argv), 2);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("init");
    TCase *tcase = tcase_create("init");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, its_status_is_that_of_what_it_ran, 0, G_N_ELEMENTS(ends));
    tcase_add_test(tcase, what_is_not_there_is_not_run);
    tcase_add_test(tcase, it_stays_until_those_are_done_who_thaw_in_the_place_of_one_that_died);
    tcase_add_test(tcase, it_does_not_stay_for_ever_for_one_that_is_never_done);
    tcase_add_loop_test(tcase, who_asks_it_to_end_asks_what_it_runs, 0, G_N_ELEMENTS(asked));
    tcase_add_test(tcase, what_it_runs_has_the_signals_that_it_would_have_without_it);
    tcase_add_test(tcase, an_init_of_an_init_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
