/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "coordinator/guest/gate.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define BUFFER (64 * 1024)

typedef struct {
    int from;
    int to;
    guint8 bytes[BUFFER];
    gsize begin;
    gsize end;
    gboolean ended; /* there will be no more */
} Flow;

struct _LullRelay {
    gatomicrefcount refs;
    int listener;
    int place; /* the listener's socket, as a file without a name */
    char *what;
    int daemon;
    int done[2]; /* the caller's word, a byte: whether the connection is made */
    const char *why;
    gint told; /* atomic: `why` is final */
    LullGate gate;
    Flow up;
    Flow down;
};

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void
unref(LullRelay *self)
{
    if (!g_atomic_ref_count_dec(&self->refs))
        return;
    close_fd(&self->listener);
    close_fd(&self->place);
    close_fd(&self->daemon);
    close_fd(&self->done[0]);
    close_fd(&self->done[1]);
    g_free(self->what);
    g_free(self);
}

/* A file system that containers have too whose root cannot be written to. */
static char *
make_directory(void)
{
    const char *const places[] = {g_get_tmp_dir(), "/dev/shm"};

    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *directory = g_build_filename(places[i], "lull-relay-XXXXXX", NULL);

        if (g_mkdtemp(directory))
            return g_steal_pointer(&directory);
    }
    return NULL;
}

/* libvirt wants a path. It gets one by a descriptor of the socket's file, whose name is gone by then. */
static gboolean
listen_somewhere(LullRelay *self)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *directory = make_directory();
    gboolean ok = FALSE;

    if (!directory)
        return FALSE;
    self->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ok = self->listener >= 0 && g_snprintf(address.sun_path, sizeof address.sun_path, "%s/socket",
                                           directory) < (int)sizeof address.sun_path;
    ok = ok && bind(self->listener, (const struct sockaddr *)&address, sizeof address) == 0;
    if (ok) {
        self->place = open(address.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        ok = self->place >= 0 && listen(self->listener, 1) == 0;
        (void)g_unlink(address.sun_path);
    }
    (void)g_rmdir(directory);
    return ok;
}

static gboolean
is_ours(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == getpid();
}

/* What is left of the time, for poll(); -1: for ever. */
static int
left(gint64 until)
{
    const gint64 now = lull_clock_boottime();

    if (until == 0)
        return -1;
    return until <= now ? 0 : (int)((until - now) / 1000) + 1;
}

/* libvirt's client, which connects right after the start, or never. */
static int
wait_client(LullRelay *self)
{
    struct pollfd fds[] = {{.fd = self->listener, .events = POLLIN}, {.fd = self->done[0], .events = POLLIN}};

    for (;;) {
        const int ready = poll(fds, G_N_ELEMENTS(fds), left(lull_gate_until(&self->gate)));
        int fd = -1;

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready > 0 && fds[0].revents)
            fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0 && is_ours(fd))
            return fd;
        close_fd(&fd);
        if (ready <= 0 || fds[1].revents)
            return -1;
    }
}

/* TRUE: go on. */
static gboolean
fill(Flow *flow)
{
    const ssize_t n = read(flow->from, flow->bytes, sizeof flow->bytes);

    flow->begin = flow->end = 0;
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    flow->end = (gsize)n;
    flow->ended = n == 0;
    return TRUE;
}

static gboolean
drain(Flow *flow, gsize *ret_n)
{
    const ssize_t n = send(flow->to, flow->bytes + flow->begin, flow->end - flow->begin, MSG_NOSIGNAL);

    *ret_n = n > 0 ? (gsize)n : 0;
    flow->begin += *ret_n;
    return n >= 0 || errno == EINTR || errno == EAGAIN;
}

static gboolean
is_full(const Flow *flow)
{
    return flow->begin < flow->end;
}

/* FALSE: it is over; `why` says whether that is the daemon's fault. */
static gboolean
move(LullRelay *self, const struct pollfd *client, const struct pollfd *daemon)
{
    const gint64 now = lull_clock_boottime();
    const short in = POLLIN | POLLHUP | POLLERR;
    const short out = POLLOUT | POLLHUP | POLLERR;
    gsize taken = 0;

    if (client->revents & (POLLHUP | POLLERR))
        return FALSE; /* nobody wants an answer any more */
    if (is_full(&self->up) && (daemon->revents & out) && !drain(&self->up, &taken))
        return FALSE;
    lull_gate_taken(&self->gate, taken);
    if (is_full(&self->down) && (client->revents & out) && !drain(&self->down, &taken))
        return FALSE;
    if (!is_full(&self->up) && (client->revents & in)) {
        if (!fill(&self->up) || self->up.ended)
            return FALSE;
        self->why = lull_gate_sent(&self->gate, self->up.bytes, self->up.end, now);
        if (self->why)
            return FALSE;
    }
    if (!is_full(&self->down) && (daemon->revents & in)) {
        if (!fill(&self->down) || self->down.ended)
            return FALSE;
        self->why = lull_gate_received(&self->gate, self->down.bytes, self->down.end, now);
        if (self->why)
            return FALSE;
    }
    return TRUE;
}

static short
events_of(const Flow *in, const Flow *out)
{
    return (short)((is_full(in) ? 0 : POLLIN) | (is_full(out) ? POLLOUT : 0));
}

static void
run(LullRelay *self, int client)
{
    self->up = (Flow){.from = client, .to = self->daemon};
    self->down = (Flow){.from = self->daemon, .to = client};
    for (;;) {
        const short wanted = events_of(&self->down, &self->up);
        struct pollfd fds[] = {
            {.fd = client, .events = events_of(&self->up, &self->down)},
            /* one that hung up would tell so again and again */
            {.fd = wanted ? self->daemon : -1, .events = wanted},
            {.fd = self->done[0], .events = POLLIN},
        };
        const gint64 until = lull_gate_until(&self->gate);
        const int ready = poll(fds, G_N_ELEMENTS(fds), left(until));
        char made = 0;

        if (ready < 0 && errno != EINTR)
            return;
        if (until && lull_clock_boottime() >= until) {
            self->why = "it does not answer in time, or not take what it is sent";
            return;
        }
        if (ready <= 0)
            continue;
        if (fds[2].revents) {
            if (read(self->done[0], &made, 1) != 1 || !made)
                return;
            lull_gate_opened(&self->gate);
            close_fd(&self->done[0]);
        }
        if (!move(self, &fds[0], &fds[1]))
            return;
    }
}

static gpointer
relay(gpointer data)
{
    LullRelay *self = data;
    int client = wait_client(self);

    close_fd(&self->listener);
    close_fd(&self->place);
    if (client >= 0)
        run(self, client);
    g_atomic_int_set(&self->told, 1);
    close_fd(&client); /* first of all: somebody waits for it */
    close_fd(&self->daemon);
    if (self->why)
        g_message("%s: the connection is given up: %s", self->what, self->why);
    unref(self);
    return NULL;
}

LullRelay *
lull_relay_start(int take_daemon, const char *what, GError **error)
{
    LullRelay *self = g_new0(LullRelay, 1);
    g_autoptr(GThread) thread = NULL;

    g_atomic_ref_count_init(&self->refs);
    self->listener = self->place = self->done[0] = self->done[1] = -1;
    self->daemon = take_daemon;
    self->what = g_strdup(what);
    lull_gate_init(&self->gate, lull_clock_boottime());
    if (!listen_somewhere(self) || pipe2(self->done, O_CLOEXEC) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s: no place for a socket of our own: %s", what,
                    g_strerror(errno));
        unref(self);
        return NULL;
    }
    g_atomic_ref_count_inc(&self->refs);
    thread = g_thread_try_new("lull-relay", relay, self, error);
    if (!thread) {
        unref(self);
        unref(self);
        return NULL;
    }
    return self;
}

int
lull_relay_socket(const LullRelay *self)
{
    return self->place;
}

const char *
lull_relay_done(LullRelay *self, gboolean made)
{
    const char word = made ? 1 : 0;
    const char *why = g_atomic_int_get(&self->told) ? self->why : NULL;

    if (write(self->done[1], &word, 1) < 0) {
        /* it has ended by itself */
    }
    unref(self);
    return why;
}
