/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Stands between libvirt's client in this process and the daemon in a pod, for one connection, on a thread of
 * its own: libvirt knows no time-out, and reads whatever comes. What may pass is gate.h's matter; a
 * connection that breaks its rules ends, and libvirt's call with it. It lives as long as the connection. */
typedef struct _LullRelay LullRelay;

/* @take_daemon: a connected socket. @what: for people, in the log. */
LullRelay *lull_relay_start(int take_daemon, const char *what, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Where libvirt's client finds it: the descriptor of a socket's file; once, and by this process only. */
int lull_relay_socket(const LullRelay *self);

/* The connection is made, and libvirt's; or (@made FALSE) it is not, and the relay ends. Why, if it was the
 * daemon's doing: a constant, else NULL. Frees @self for the caller. */
const char *lull_relay_done(LullRelay *self, gboolean made);

G_END_DECLS
