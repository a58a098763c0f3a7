/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/ending.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

#define BY_ITSELF 7 /* status of a process that came to its own end */
#define LONG      600

/* What a process that is asked to end tells of it, a letter each: r it is ready, g its guests are let go, q
 * its loop has quit. */
static int told[2];

static void
tell(char letter)
{
    ck_assert_int_eq(write(told[1], &letter, 1), 1);
}

static gint has_let_go; /* atomic */

static void
let_go(gpointer user_data)
{
    (void)user_data;
    tell('g');
    g_atomic_int_set(&has_let_go, 1);
}

static gboolean
on_ready(gpointer user_data)
{
    (void)user_data;
    tell('r');
    return G_SOURCE_REMOVE;
}

/* As one does that waits for a server which does not answer. */
static gboolean
on_ready_stand_still(gpointer user_data)
{
    (void)user_data;
    tell('r');
    for (;;)
        (void)sleep(LONG);
    return G_SOURCE_REMOVE;
}

/* Whoever waits for it to be ready may be quick. */
static void
end_before_it_runs(void)
{
    tell('r');
    while (!g_atomic_int_get(&has_let_go))
        g_usleep(1000);
}

typedef enum { WELL = 0, EARLY, STANDS, STANDS_AT_END, FORGOTTEN } Manner;

G_GNUC_NORETURN static void
live(Manner manner)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    LullEnding *ending =
        lull_ending_await(loop, let_go, NULL, manner <= EARLY ? LULL_SEC(LONG) : LULL_MSEC(200));

    if (manner == FORGOTTEN)
        lull_ending_forget(ending);
    if (manner == EARLY)
        end_before_it_runs();
    else
        g_idle_add(manner == STANDS ? on_ready_stand_still : on_ready, NULL);
    g_main_loop_run(loop);
    tell('q');
    while (manner == STANDS_AT_END)
        (void)sleep(LONG);
    _exit(BY_ITSELF);
}

static const struct {
    Manner manner;
    const char *story;
    int status;
} rows[] = {
    {WELL, "rgq", BY_ITSELF},     {EARLY, "rgq", BY_ITSELF},
    {STANDS, "rg", EXIT_SUCCESS}, {STANDS_AT_END, "rgq", EXIT_SUCCESS},
    {FORGOTTEN, "rq", BY_ITSELF},
};

START_TEST(guests_are_let_go_and_the_process_ends_whatever_its_loop_waits_for)
{
    g_autoptr(GString) story = g_string_new(NULL);
    pid_t child = -1;
    char letter = 0;
    int status = 0;

    ck_assert_int_eq(pipe(told), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        live(rows[_i].manner);
    (void)close(told[1]);
    while (read(told[0], &letter, 1) == 1) {
        g_string_append_c(story, letter);
        if (letter == 'r')
            ck_assert_int_eq(kill(child, SIGTERM), 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_str_eq(story->str, rows[_i].story);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), rows[_i].status);
    (void)close(told[0]);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("ending");
    TCase *tcase = tcase_create("ending");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, guests_are_let_go_and_the_process_ends_whatever_its_loop_waits_for, 0,
                        G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
