/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/channel/stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <unistd.h>

#define READ_BYTES      (64 * 1024)
#define CONGESTED_BYTES (256 * 1024)

static gboolean on_ready(gint fd, GIOCondition condition, gpointer user_data);

static gsize
pending(const LullChannel *self)
{
    return self->output->len - self->sent;
}

/* No handler runs the loop, and one that may lets GLib leave the descriptor in its poll while it is
 * dispatched: taking it out and putting it back costs more than answering a ping. */
static guint
watch(LullChannel *self, GIOCondition needs)
{
    GSource *source = g_unix_fd_source_new(self->fd, needs);
    guint id;

    g_source_set_callback(source, (GSourceFunc)(void (*)(void))on_ready, self, NULL);
    g_source_set_can_recurse(source, TRUE);
    id = g_source_attach(source, NULL);
    g_source_unref(source);
    return id;
}

static void
poll_for_needs(LullChannel *self)
{
    const GIOCondition needs = (self->reading ? G_IO_IN | G_IO_HUP | G_IO_ERR : 0) |
                               (pending(self) > 0 ? G_IO_OUT | G_IO_HUP | G_IO_ERR : 0);

    if (self->polled == needs)
        return;
    if (self->source > 0)
        g_source_remove(self->source);
    self->source = needs && self->fd >= 0 ? watch(self, needs) : 0;
    self->polled = self->source > 0 ? needs : 0;
}

/* FALSE: the peer is gone. */
static gboolean
flush(LullChannel *self)
{
    const gboolean was_congested = lull_channel_is_congested(self);

    while (pending(self) > 0) {
        const ssize_t n = write(self->fd, self->output->data + self->sent, pending(self));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0)
            return FALSE;
        self->sent += (gsize)n;
    }
    if (pending(self) == 0) {
        g_byte_array_unref(self->output);
        self->output = g_byte_array_new();
        self->sent = 0;
    }
    if (was_congested && !lull_channel_is_congested(self))
        self->handler.drained(self->user_data);
    return TRUE;
}

/* FALSE: the peer is gone. */
static gboolean
take_input(LullChannel *self)
{
    static guint8 bytes[READ_BYTES]; /* only ever one reader: this is the main context */
    const ssize_t n = read(self->fd, bytes, sizeof bytes);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n > 0)
        self->handler.data(bytes, (gsize)n, self->user_data);
    return n > 0;
}

static gboolean
on_ready(gint fd, GIOCondition condition, gpointer user_data)
{
    LullChannel *self = user_data;
    gboolean alive = TRUE;

    (void)fd;
    if (condition & G_IO_OUT)
        alive = flush(self);
    if (alive && self->reading && (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)))
        alive = take_input(self);
    else if (alive && (condition & (G_IO_HUP | G_IO_ERR)))
        alive = FALSE;
    if (!alive) {
        self->lost(self);
        return G_SOURCE_REMOVE; /* a no-op where detaching has removed it already */
    }
    poll_for_needs(self);
    return G_SOURCE_CONTINUE;
}

void
lull_stream_init(LullChannel *self, const LullChannelHandler *handler, gpointer user_data)
{
    self->handler = *handler;
    self->user_data = user_data;
    self->fd = -1;
    self->reading = TRUE;
    self->output = g_byte_array_new();
}

void
lull_stream_clear(LullChannel *self)
{
    if (self->source > 0)
        g_source_remove(self->source);
    if (self->fd >= 0)
        (void)close(self->fd);
    g_byte_array_unref(self->output);
}

void
lull_stream_attach(LullChannel *self, int fd)
{
    self->fd = fd;
    poll_for_needs(self);
}

int
lull_stream_detach(LullChannel *self)
{
    const int fd = self->fd;

    if (self->source > 0)
        g_source_remove(self->source);
    self->source = 0;
    self->polled = 0;
    self->fd = -1;
    g_byte_array_set_size(self->output, 0);
    self->sent = 0;
    self->handler.gone(self->user_data);
    return fd;
}

void
lull_channel_send(LullChannel *self, const void *bytes, gsize length)
{
    if (self->fd < 0)
        return;
    g_byte_array_append(self->output, bytes, (guint)length);
    /* most answers fit at once; what does not, and a peer that is gone, is for the poll to see */
    (void)flush(self);
    poll_for_needs(self);
}

gboolean
lull_channel_is_congested(const LullChannel *self)
{
    return pending(self) > CONGESTED_BYTES;
}

void
lull_channel_set_reading(LullChannel *self, gboolean reading)
{
    self->reading = reading;
    poll_for_needs(self);
}

void
lull_channel_free(LullChannel *self)
{
    if (!self)
        return;
    self->destroy(self);
}
