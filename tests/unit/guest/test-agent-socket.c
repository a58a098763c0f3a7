/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "coordinator/guest/agent-socket.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

#define PATIENCE LULL_SEC(20)
#define REQUEST  "{\"execute\":\"guest-ping\"}"

/* An agent that does with one caller after the other what a test wants. */
typedef struct {
    char *directory;
    char *path;
    int listener;
    GThread *thread;
    void (*serve)(int fd);
    guint callers;
} Agent;

static gpointer
run_agent(gpointer data)
{
    const Agent *self = data;

    for (guint i = 0; i < self->callers; i++) {
        const int fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            break;
        self->serve(fd);
        close(fd);
    }
    return NULL;
}

static void
agent_start(Agent *self, void (*serve)(int fd), guint callers)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    self->directory = g_dir_make_tmp("lull-XXXXXX", NULL);
    self->path = g_build_filename(self->directory, "agent.sock", NULL);
    self->serve = serve;
    self->callers = callers;
    self->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(address.sun_path, self->path, sizeof address.sun_path);
    ck_assert_int_eq(bind(self->listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(self->listener, 1), 0);
    self->thread = g_thread_new("agent", run_agent, self);
}

static void
agent_stop(Agent *self)
{
    g_thread_join(self->thread);
    close(self->listener);
    g_unlink(self->path);
    g_rmdir(self->directory);
    g_free(self->path);
    g_free(self->directory);
}

static void
read_line(int fd, char *line, gsize size)
{
    gsize n = 0;

    while (n < size - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
}

static void
tell(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Answers the call to synchronize after @before. */
static void
synchronize(int fd, const char *before)
{
    char line[256];
    g_autofree char *id = NULL;
    g_autofree char *answer = NULL;
    const char *found;

    read_line(fd, line, sizeof line);
    ck_assert_int_eq((unsigned char)line[0], 0xff);
    found = strstr(line, "\"id\":");
    ck_assert_ptr_nonnull(found);
    id = g_strdelimit(g_strdup(found + strlen("\"id\":")), "}", ' ');
    answer = g_strdup_printf("%s\xff{\"return\": %s}\n", before, id);
    tell(fd, answer);
}

static void
answer_well(int fd)
{
    char line[256];

    synchronize(fd, "");
    read_line(fd, line, sizeof line);
    ck_assert_str_eq(line, REQUEST);
    tell(fd, "{\"return\": {}}\n");
}

static void
answer_late_and_well(int fd)
{
    char line[256];

    synchronize(fd, "{\"return\": \"late\"}\n\xff{\"return\": 1}\n\xff[]\n{\"retu");
    read_line(fd, line, sizeof line);
    tell(fd, "{\"return\": {}}\n");
}

static void
answer_nothing(int fd)
{
    char line[256];

    do
        read_line(fd, line, sizeof line);
    while (*line);
}

static void
hang_up(int fd)
{
    synchronize(fd, "");
}

static void
answer_without_end(int fd)
{
    static const char noise[65536] = {'x'};

    synchronize(fd, "");
    while (send(fd, noise, sizeof noise, MSG_NOSIGNAL) > 0)
        ;
}

static void
check_call(void (*serve)(int fd), gint64 timeout, LullError expected)
{
    Agent agent = {NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *reply = NULL;

    agent_start(&agent, serve, 1);
    reply = lull_agent_socket_call(agent.path, REQUEST, timeout, &error);
    agent_stop(&agent);
    ck_assert_ptr_null(reply);
    ck_assert(lull_error_is(error, expected));
}

static void
check_answer(void (*serve)(int fd))
{
    Agent agent = {NULL};
    g_autofree char *reply = NULL;

    agent_start(&agent, serve, 1);
    reply = lull_agent_socket_call(agent.path, REQUEST, PATIENCE, NULL);
    agent_stop(&agent);
    ck_assert_str_eq(reply, "{\"return\": {}}");
}

START_TEST(a_request_is_answered)
{
    check_answer(answer_well);
}
END_TEST

START_TEST(what_was_said_before_is_passed_over)
{
    check_answer(answer_late_and_well);
}
END_TEST

START_TEST(an_agent_that_does_not_answer_takes_no_longer_than_it_may)
{
    check_call(answer_nothing, LULL_MSEC(100), LULL_ERROR_TIMED_OUT);
}
END_TEST

START_TEST(an_agent_that_hangs_up_is_lost)
{
    check_call(hang_up, PATIENCE, LULL_ERROR_LOST);
}
END_TEST

START_TEST(an_agent_that_talks_without_end_is_cut_off)
{
    check_call(answer_without_end, PATIENCE, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(nobody_there_is_lost)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_agent_socket_call("/nonexistent/agent.sock", REQUEST, PATIENCE, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_LOST));
}
END_TEST

START_TEST(a_path_that_no_socket_has_is_refused)
{
    g_autofree char *path = g_strnfill(200, 'x');
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(lull_agent_socket_call(path, REQUEST, PATIENCE, &error));
    ck_assert(lull_error_is(error, LULL_ERROR_INVALID));
}
END_TEST

static gpointer
call_once(gpointer path)
{
    return lull_agent_socket_call(path, REQUEST, PATIENCE, NULL);
}

START_TEST(callers_wait_their_turn)
{
    Agent agent = {NULL};
    GThread *callers[6];

    agent_start(&agent, answer_well, G_N_ELEMENTS(callers));
    for (guint i = 0; i < G_N_ELEMENTS(callers); i++)
        callers[i] = g_thread_new("caller", call_once, agent.path);
    for (guint i = 0; i < G_N_ELEMENTS(callers); i++) {
        g_autofree char *reply = g_thread_join(callers[i]);

        ck_assert_str_eq(reply, "{\"return\": {}}");
    }
    agent_stop(&agent);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("guest/agent-socket");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, a_request_is_answered);
    tcase_add_test(cases, what_was_said_before_is_passed_over);
    tcase_add_test(cases, an_agent_that_does_not_answer_takes_no_longer_than_it_may);
    tcase_add_test(cases, an_agent_that_hangs_up_is_lost);
    tcase_add_test(cases, an_agent_that_talks_without_end_is_cut_off);
    tcase_add_test(cases, nobody_there_is_lost);
    tcase_add_test(cases, a_path_that_no_socket_has_is_refused);
    tcase_add_test(cases, callers_wait_their_turn);
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
