/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/channel/stream.h"
#include "protocol/backoff.h"

/* While no host is attached, the port is readable for ever with nothing to read: it has to be asked
 * again, ever more seldom. It stays open meanwhile, for the host attaches only to a port that is. A port
 * that was unplugged is closed and its successor opened in the same rhythm. */
typedef struct {
    LullChannel channel;
    char *path;
    int away_fd; /* the open port without a host; -1 */
    guint timer;
    guint failures;
    gboolean complained;
} VirtioChannel;

static const LullBackoff pace = {.first = 100 * 1000, .cap = 1000 * 1000};

static gboolean look_for_host(gpointer user_data);

static void
look_later(VirtioChannel *self)
{
    const gint64 delay = lull_backoff_delay(&pace, ++self->failures, 0);

    self->timer = g_timeout_add((guint)(delay / 1000), look_for_host, self);
}

static gboolean
is_host_there(int fd)
{
    struct pollfd port = {.fd = fd, .events = POLLIN | POLLOUT};

    return poll(&port, 1, 0) >= 0 && !(port.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* The name leads elsewhere, or nowhere: the port was unplugged, and perhaps plugged in again. */
static gboolean
is_stale(const VirtioChannel *self)
{
    struct stat ours;
    struct stat named;

    return fstat(self->away_fd, &ours) < 0 || stat(self->path, &named) < 0 || ours.st_rdev != named.st_rdev ||
           ours.st_ino != named.st_ino;
}

static void
open_port(VirtioChannel *self)
{
    self->away_fd = open(self->path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (self->away_fd < 0 && !self->complained)
        g_warning("%s: %s; waiting for it", self->path, g_strerror(errno));
    self->complained = self->away_fd < 0;
}

static gboolean
look_for_host(gpointer user_data)
{
    VirtioChannel *self = user_data;
    int fd;

    self->timer = 0;
    if (self->away_fd >= 0 && is_stale(self)) {
        (void)close(self->away_fd);
        self->away_fd = -1;
    }
    if (self->away_fd < 0)
        open_port(self);
    if (self->away_fd < 0 || !is_host_there(self->away_fd)) {
        look_later(self);
        return G_SOURCE_REMOVE;
    }
    fd = self->away_fd;
    self->away_fd = -1;
    self->failures = 0;
    lull_stream_attach(&self->channel, fd);
    return G_SOURCE_REMOVE;
}

static void
lost(LullChannel *channel)
{
    VirtioChannel *self = (VirtioChannel *)channel;

    self->away_fd = lull_stream_detach(channel);
    look_later(self);
}

static void
destroy(LullChannel *channel)
{
    VirtioChannel *self = (VirtioChannel *)channel;

    if (self->timer > 0)
        g_source_remove(self->timer);
    if (self->away_fd >= 0)
        (void)close(self->away_fd);
    lull_stream_clear(channel);
    g_free(self->path);
    g_free(self);
}

LullChannel *
lull_channel_open_virtio(const char *path, const LullChannelHandler *handler, gpointer user_data)
{
    VirtioChannel *self = g_new0(VirtioChannel, 1);

    lull_stream_init(&self->channel, handler, user_data);
    self->channel.lost = lost;
    self->channel.destroy = destroy;
    self->path = g_strdup(path);
    self->away_fd = -1;
    (void)look_for_host(self);
    return &self->channel;
}
