/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/channel/stream.h"
#include "protocol/error.h"

#define BACK_OFF_MSEC 100

typedef struct {
    LullChannel channel;
    int listener;
    guint source; /* of the listener, or the timer before it; while there is no client */
} UnixChannel;

static void listen_again(UnixChannel *self);

static gboolean
on_backed_off(gpointer user_data)
{
    listen_again(user_data);
    return G_SOURCE_REMOVE;
}

static gboolean
on_client(gint listener, GIOCondition condition, gpointer user_data)
{
    UnixChannel *self = user_data;
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)condition;
    if (fd < 0) { /* out of descriptors, say: whoever knocks stays, and poll() would return at once */
        self->source = g_timeout_add(BACK_OFF_MSEC, on_backed_off, self);
        return G_SOURCE_REMOVE;
    }
    self->source = 0; /* the next one waits in the kernel until this one goes */
    lull_stream_attach(&self->channel, fd);
    return G_SOURCE_REMOVE;
}

static void
listen_again(UnixChannel *self)
{
    self->source = g_unix_fd_add(self->listener, G_IO_IN, on_client, self);
}

static void
lost(LullChannel *channel)
{
    UnixChannel *self = (UnixChannel *)channel;

    (void)close(lull_stream_detach(channel));
    listen_again(self);
}

static void
destroy(LullChannel *channel)
{
    UnixChannel *self = (UnixChannel *)channel;

    if (self->source > 0)
        g_source_remove(self->source);
    if (self->listener >= 0)
        (void)close(self->listener);
    lull_stream_clear(channel);
    g_free(self);
}

static int
open_listener(const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;
    int fd;

    if (strlen(path) >= sizeof address.sun_path) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: too long for a socket, at most %zu bytes",
                    path, sizeof address.sun_path - 1);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        (void)unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "listen at %s: %s", path, g_strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    return fd;
}

LullChannel *
lull_channel_open_unix(const char *path, const LullChannelHandler *handler, gpointer user_data,
                       GError **error)
{
    const int listener = open_listener(path, error);
    UnixChannel *self;

    if (listener < 0)
        return NULL;
    self = g_new0(UnixChannel, 1);
    lull_stream_init(&self->channel, handler, user_data);
    self->channel.lost = lost;
    self->channel.destroy = destroy;
    self->listener = listener;
    listen_again(self);
    return &self->channel;
}
