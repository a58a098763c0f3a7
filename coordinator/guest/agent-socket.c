/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/agent-socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/json.h"

#define SENTINEL     '\xff' /* whatever the other side was in, it starts anew */
#define CROWDED_USEC LULL_MSEC(5)
#define MAX_SYNC     256 /* bytes: it has one number in it */

typedef struct {
    const char *path;
    int fd;
    gint64 until; /* boot clock */
    GString *in;
    gsize received; /* in all: an agent that talks without end is cut off */
} Wire;

static void
wire_clear(Wire *self)
{
    if (self->fd >= 0)
        close(self->fd);
    g_string_free(self->in, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wire, wire_clear)

static gboolean
lose(const Wire *self, const char *why, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "agent's socket %s: %s", self->path, why);
    return FALSE;
}

static gboolean
wait_for(const Wire *self, short events, GError **error)
{
    for (;;) {
        struct pollfd fd = {.fd = self->fd, .events = events};
        const gint64 left = self->until - lull_clock_boottime();
        const int n = left > 0 ? poll(&fd, 1, (int)MIN((left + 999) / 1000, G_MAXINT)) : 0;

        if (n > 0)
            return TRUE;
        if (n < 0 && errno != EINTR)
            return lose(self, g_strerror(errno), error);
        if (left > 0)
            continue;
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT, "agent's socket %s: no answer in time",
                    self->path);
        return FALSE;
    }
}

/* One that is full of callers says EAGAIN, and nothing tells when to come again. */
static gboolean
dial(Wire *self, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(self->path) >= sizeof address.sun_path) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "agent's socket %s: too long, at most %zu bytes can be dialled", self->path,
                    sizeof address.sun_path - 1);
        return FALSE;
    }
    memcpy(address.sun_path, self->path, strlen(self->path));
    self->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    while (self->fd < 0 || connect(self->fd, (struct sockaddr *)&address, sizeof address) < 0) {
        if (self->fd < 0 || errno != EAGAIN)
            return lose(self, g_strerror(errno), error);
        if (lull_clock_boottime() >= self->until) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "agent's socket %s: others keep it busy",
                        self->path);
            return FALSE;
        }
        g_usleep(CROWDED_USEC);
    }
    return TRUE;
}

static gboolean
send_all(const Wire *self, const char *data, gsize length, GError **error)
{
    while (length > 0) {
        const ssize_t n = send(self->fd, data, length, MSG_NOSIGNAL);

        if (n >= 0) {
            data += n;
            length -= (gsize)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            return lose(self, g_strerror(errno), error);
        } else if (!wait_for(self, POLLOUT, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
receive_some(Wire *self, GError **error)
{
    char buffer[4096];
    const ssize_t n = recv(self->fd, buffer, sizeof buffer, 0);

    if (n > 0) {
        self->received += (gsize)n;
        if (self->received <= LULL_AGENT_SOCKET_MAX) {
            g_string_append_len(self->in, buffer, n);
            return TRUE;
        }
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "agent's socket %s: the agent says too much",
                    self->path);
        return FALSE;
    }
    if (n == 0)
        return lose(self, "the agent closed it", error);
    if (errno != EAGAIN && errno != EINTR)
        return lose(self, g_strerror(errno), error);
    return wait_for(self, POLLIN, error);
}

static char *
receive_line(Wire *self, GError **error)
{
    const char *end;
    char *line;

    while (!(end = memchr(self->in->str, '\n', self->in->len)))
        if (!receive_some(self, error))
            return NULL;
    line = g_strndup(self->in->str, (gsize)(end - self->in->str));
    g_string_erase(self->in, 0, end - self->in->str + 1);
    return line;
}

/* What was said before is none of ours, and ends at the sentinel of the agent's. */
static gboolean
synchronize(Wire *self, GError **error)
{
    const gint64 id = g_random_int();
    g_autofree char *request =
        g_strdup_printf("%c{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":"
                        "%" G_GINT64_FORMAT "}}\n",
                        SENTINEL, id);

    if (!send_all(self, request, strlen(request), error))
        return FALSE;
    for (;;) {
        g_autofree char *line = receive_line(self, error);
        const char *mark = line ? strrchr(line, SENTINEL) : NULL;
        g_autoptr(LullJson) reply =
            mark && strlen(mark) <= MAX_SYNC ? lull_json_parse(mark + 1, -1, NULL) : NULL;

        if (!line)
            return FALSE;
        if (reply && json_object_is_type(reply, json_type_object) && lull_json_int(reply, "return", -1) == id)
            return TRUE;
    }
}

char *
lull_agent_socket_call(const char *path, const char *request, gint64 timeout_usec, GError **error)
{
    g_auto(Wire) self = {
        .path = path, .fd = -1, .until = lull_clock_boottime() + timeout_usec, .in = g_string_new(NULL)};
    g_autofree char *line = g_strconcat(request, "\n", NULL);

    if (!dial(&self, error) || !synchronize(&self, error) || !send_all(&self, line, strlen(line), error))
        return NULL;
    return receive_line(&self, error);
}
