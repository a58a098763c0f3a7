/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "agent/channel/channel.h"

G_BEGIN_DECLS

/* What all transports share: one connected descriptor, an output queue, poll for what is needed. A
 * transport embeds a LullChannel as its first member and fills in the two functions. */
struct _LullChannel {
    LullChannelHandler handler;
    gpointer user_data;
    void (*lost)(LullChannel *self); /* the descriptor reported its end, and is still open */
    void (*destroy)(LullChannel *self);

    int fd; /* -1: no peer */
    guint source;
    GIOCondition polled;
    gboolean reading;
    GByteArray *output;
    gsize sent; /* of @output */
};

void lull_stream_init(LullChannel *self, const LullChannelHandler *handler, gpointer user_data);
void lull_stream_clear(LullChannel *self);

/* Takes @fd, non-blocking, as the peer's. */
void lull_stream_attach(LullChannel *self, int fd);

/* Stops polling and forgets what was not sent, and tells the handler; gives the descriptor back. */
int lull_stream_detach(LullChannel *self);

G_END_DECLS
