/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The way to the host, as a stream of bytes with at most one peer at a time. A peer that is not there
 * is no error: the channel waits for it, and reopens what went away. Lives on the default main context;
 * never blocks. A new transport is one file with an open function, and one line in agent.c. */
typedef struct _LullChannel LullChannel;

typedef struct {
    /* Bytes came. */
    void (*data)(const void *bytes, gsize length, gpointer user_data);
    /* The peer went away: half a message is worthless, and so is an answer not yet given. */
    void (*gone)(gpointer user_data);
    /* The peer has taken most of what was sent: more answers are welcome. */
    void (*drained)(gpointer user_data);
} LullChannelHandler;

/* A virtio-serial port, or anything else that is opened by a name and read and written. A port that is
 * not there yet is waited for. */
LullChannel *lull_channel_open_virtio(const char *path, const LullChannelHandler *handler,
                                      gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;

/* Listens at @path, in place of a socket that an earlier process left there. */
LullChannel *lull_channel_open_unix(const char *path, const LullChannelHandler *handler, gpointer user_data,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

void lull_channel_free(LullChannel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullChannel, lull_channel_free)

/* Queues bytes for the peer; dropped where there is none. */
void lull_channel_send(LullChannel *self, const void *bytes, gsize length);

/* The peer reads more slowly than it asks: give no further answers until `drained`. */
gboolean lull_channel_is_congested(const LullChannel *self);

/* Whether to read. Off while enough requests are waiting: the kernel's buffer then holds the peer. */
void lull_channel_set_reading(LullChannel *self, gboolean reading);

G_END_DECLS
