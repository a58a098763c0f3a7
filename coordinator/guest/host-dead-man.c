/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/host-dead-man.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <libvirt/virterror.h>

#include "coordinator/guest/agent-call.h"
#include "coordinator/guest/reach.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define READY        "ready\n"
#define ARMED        "armed\n"
#define REFUSED      "refused\n"
#define READY_USEC   LULL_SEC(5)
#define ARMED_USEC   LULL_SEC(2)
#define GONE_USEC    (LULL_HOST_DEAD_MAN_SETTLE_USEC + LULL_SEC(1))
#define CALL_USEC    LULL_SEC(5)
#define LOOK_USEC    LULL_MSEC(200)
#define HURRY_USEC   LULL_SEC(60) /* after this it looks less often, but as long as there is a guest */
#define PATIENT_USEC LULL_SEC(5)

struct _LullHostDeadMan {
    GSubprocess *process;
    int to;
    int from;
    gint64 deadline; /* boot clock; 0: never armed */
};

/* Waits for one line: @word, or an error. */
static gboolean
hear(int fd, const char *word, gint64 budget_usec, GError **error)
{
    const gint64 until = lull_clock_boottime() + budget_usec;
    char text[16] = "";
    size_t got = 0;

    while (!strchr(text, '\n') && got < sizeof text - 1) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        const gint64 left = until - lull_clock_boottime();
        const int ready = left > 0 ? poll(&poll_fd, 1, (int)(left / 1000) + 1) : 0;
        ssize_t n;

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT, "host dead man: it did not say %.*s in time",
                        (int)strcspn(word, "\n"), word);
            return FALSE;
        }
        n = read(fd, text + got, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "host dead man: it is gone; the log says why");
            return FALSE;
        }
        got += (size_t)n;
    }
    if (g_str_equal(text, word))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "host dead man: it said \"%.*s\" instead of %.*s",
                (int)strcspn(text, "\n"), text, (int)strcspn(word, "\n"), word);
    return FALSE;
}

LullHostDeadMan *
lull_host_dead_man_start(const char *uri, const char *domain_uid, GError **error)
{
    const char *const argv[] = {"/proc/self/exe", "dead-man", "--uri", uri, "--domain", domain_uid, NULL};
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
    g_autoptr(LullHostDeadMan) self = g_new0(LullHostDeadMan, 1);
    int in[2];
    int out[2];

    self->to = -1;
    self->from = -1;
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "host dead man: pipe: %s", g_strerror(errno));
        return NULL;
    }
    self->to = in[1];
    self->from = out[0];
    g_subprocess_launcher_take_stdin_fd(launcher, in[0]);
    g_subprocess_launcher_take_stdout_fd(launcher, out[1]);
    self->process = g_subprocess_launcher_spawnv(launcher, argv, error);
    g_subprocess_launcher_close(launcher);
    return self->process && hear(self->from, READY, READY_USEC, error) ? g_steal_pointer(&self) : NULL;
}

static gboolean
say(LullHostDeadMan *self, const char *line)
{
    const size_t length = strlen(line);

    /* far below a pipe's atomic size, and a writer whose reader is gone ignores SIGPIPE as all of us do */
    return self->to >= 0 && write(self->to, line, length) == (ssize_t)length;
}

gboolean
lull_host_dead_man_arm(LullHostDeadMan *self, gint64 deadline_usec, GError **error)
{
    g_autofree char *line = g_strdup_printf("arm %" G_GINT64_FORMAT "\n", deadline_usec / 1000);

    self->deadline = lull_clock_boottime() + deadline_usec;
    if (say(self, line))
        return hear(self->from, ARMED, ARMED_USEC, error);
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "host dead man: it is gone");
    return FALSE;
}

/* Until its end of the pipe is closed. */
static void
wait_gone(const LullHostDeadMan *self)
{
    const gint64 until = lull_clock_boottime() + GONE_USEC;
    char byte;

    for (;;) {
        struct pollfd poll_fd = {.fd = self->from, .events = POLLIN};
        const gint64 left = until - lull_clock_boottime();

        if (left <= 0)
            return;
        if (poll(&poll_fd, 1, (int)(left / 1000) + 1) > 0 && read(self->from, &byte, 1) <= 0)
            return;
    }
}

void
lull_host_dead_man_release(LullHostDeadMan *self)
{
    (void)say(self, "release\n");
    if (self->deadline && lull_clock_boottime() >= self->deadline)
        wait_gone(self);
}

void
lull_host_dead_man_free(LullHostDeadMan *self)
{
    if (!self)
        return;
    if (self->to >= 0)
        close(self->to);
    if (self->from >= 0)
        close(self->from);
    g_clear_object(&self->process);
    g_free(self);
}

/* The other side. One thread, one job: a thaw that waits for a daemon is still the best there is. */

/* 1 thawed (or there is no guest any more), 0 frozen, -1 not known. */
static int
look(LullReach *self)
{
    g_autoptr(LullJson) reply = NULL;
    int active = -1;

    if (lull_reach_open(self))
        active = virDomainIsActive(self->domain);
    if (active != 1)
        return active == 0 || lull_reach_is_gone(self) ? 1 : -1;
    reply = lull_agent_call(self->domain, "guest-fsfreeze-status", NULL, CALL_USEC, NULL);
    if (!reply || !json_object_is_type(reply, json_type_string))
        return -1;
    return g_str_equal(json_object_get_string(reply), "thawed");
}

/* Ends when the guest is known to be thawed, or gone. */
static void
thaw(LullReach *self)
{
    const gint64 start = lull_clock_boottime();
    gint64 thawed_since = 0;

    for (;;) {
        const int thawed = look(self);
        const gboolean hurry = lull_clock_boottime() - start < HURRY_USEC;

        if (thawed == 1 && !thawed_since)
            thawed_since = lull_clock_boottime();
        if (thawed != 1)
            thawed_since = 0;
        if (thawed_since && lull_clock_boottime() - thawed_since >= LULL_HOST_DEAD_MAN_SETTLE_USEC)
            return;
        if (thawed != 1 && self->domain)
            lull_json_put(lull_agent_call(self->domain, "guest-fsfreeze-thaw", NULL, CALL_USEC, NULL));
        g_usleep((gulong)(hurry || thawed == 1 ? LOOK_USEC : PATIENT_USEC));
    }
}

typedef struct {
    GString *buffer;
    gint64 deadline; /* 0: not armed */
    gboolean released;
    gboolean ended;
} Orders;

/* What it answers. A refused order changes nothing: whoever gave it does not freeze. */
static const char *
obey(Orders *orders, const char *line)
{
    gint64 ms = 0;

    if (g_str_equal(line, "release")) {
        orders->released = TRUE;
        return "";
    }
    if (!g_str_has_prefix(line, "arm ") ||
        !g_ascii_string_to_signed(line + 4, 10, 1, LULL_HOST_DEAD_MAN_MAX / 1000, &ms, NULL))
        return REFUSED;
    orders->deadline = lull_clock_boottime() + LULL_MSEC(ms);
    return ARMED;
}

static void
read_orders(Orders *orders, int fd, int answers)
{
    char bytes[256];
    const ssize_t n = read(fd, bytes, sizeof bytes);
    const char *answer = NULL;
    char *end = NULL;

    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        orders->ended = TRUE;
        return;
    }
    g_string_append_len(orders->buffer, bytes, n);
    while ((end = memchr(orders->buffer->str, '\n', orders->buffer->len))) {
        *end = '\0';
        answer = obey(orders, orders->buffer->str);
        if (write(answers, answer, strlen(answer)) < 0)
            orders->ended = TRUE; /* nobody listens any more */
        g_string_erase(orders->buffer, 0, end - orders->buffer->str + 1);
    }
}

static void
keep_watch(LullReach *self)
{
    g_autoptr(GString) buffer = g_string_new(NULL);
    Orders orders = {.buffer = buffer};

    for (;;) {
        struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};
        const gint64 left = orders.deadline - lull_clock_boottime();

        /* an order that is there comes before the deadline: who gave it in time relies on that */
        if (poll(&poll_fd, 1, orders.deadline ? (int)(MAX(left, 0) / 1000) + 1 : -1) > 0)
            read_orders(&orders, STDIN_FILENO, STDOUT_FILENO);
        if (orders.released || (orders.ended && !orders.deadline))
            return;
        if (orders.ended || (orders.deadline && lull_clock_boottime() >= orders.deadline))
            break;
    }
    thaw(self);
}

int
lull_host_dead_man_main(int argc, char **argv)
{
    g_autofree char *uri = NULL;
    g_autofree char *uid = NULL;
    const GOptionEntry entries[] = {
        {"uri", 0, 0, G_OPTION_ARG_STRING, &uri, "libvirt's URI", "URI"},
        {"domain", 0, 0, G_OPTION_ARG_STRING, &uid, "the domain's UUID", "UUID"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    LullReach watch = {NULL};

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || !uri || !uid) {
        g_printerr("dead-man: %s\n", error ? error->message : "--uri and --domain are needed");
        return 2;
    }
    lull_reach_stand_alone();
    watch.uri = uri;
    watch.uid = uid;
    if (!lull_reach_open(&watch)) {
        g_printerr("dead-man: libvirt at %s: %s\n", uri, virGetLastErrorMessage());
        return 1;
    }
    if (write(STDOUT_FILENO, READY, strlen(READY)) < 0)
        return 1;
    keep_watch(&watch);
    lull_reach_close(&watch);
    return 0;
}
