/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/channel/channel.h"
#include "agent/commands/commands.h"

G_BEGIN_DECLS

/* Bytes to commands and answers to bytes: strictly in order, one request at a time, for clients tell
 * answers apart by nothing but their order. A command may be answered later; what comes meanwhile waits
 * in a bounded queue, and when that is full, in the channel. */
typedef struct _LullSession LullSession;

/* @services must outlive it. */
LullSession *lull_session_new(const LullServices *services) G_GNUC_WARN_UNUSED_RESULT;
void lull_session_free(LullSession *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullSession, lull_session_free)

/* To be called with a LullSession as user data, and before any byte comes. */
extern const LullChannelHandler lull_session_handler;

/* Where answers go; lent. */
void lull_session_set_channel(LullSession *self, LullChannel *channel);

G_END_DECLS
