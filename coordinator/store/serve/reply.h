/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <libsoup/soup.h>

#include "coordinator/store/serve/server.h"

G_BEGIN_DECLS

/* The replies under way; those that are left when it goes are answered to nobody. */
typedef struct _LullReplies LullReplies;

LullReplies *lull_replies_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_replies_free(LullReplies *self);

/* Pauses @message until the reply is given. */
LullServerReply *lull_replies_add(LullReplies *self, SoupServerMessage *message) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
