/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Lets TCP connections in to a SoupServer that has no limits of its own: so many at a time (one more ends the
 * oldest), each only so long, and each only once the whole head of a GET or HEAD without a body has come,
 * which may be so large. All on the thread-default main context, which is the server's. */
typedef struct _LullDoor LullDoor;

#define LULL_DOOR_MAX_VISITORS 16
#define LULL_DOOR_MAX_HEAD     8192

/* @socket listens. @patience: how long a connection may last, in milliseconds; 0: the default, 5 s. */
LullDoor *lull_door_new(SoupServer *soup, GSocket *socket, guint patience) G_GNUC_WARN_UNUSED_RESULT;
void lull_door_free(LullDoor *self); /* before the server */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullDoor, lull_door_free)

G_END_DECLS
