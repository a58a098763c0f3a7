/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The agent without libvirt in between: on the unix socket at which the hypervisor has the guest's port. For
 * libvirt drivers that carry no agent commands (Xen's, say), whose socket nobody else has open.
 *
 * One call is one connection: synchronized, one request, one reply, and closed. So nobody gets the late
 * answer to another's question, and callers that come at the same time wait for each other, as they do with
 * libvirt. */

/* Sends @request (one line, without its end) and gives the line of the reply. Takes @timeout_usec at most.
 * LOST: nobody listens at @path, or the connection broke; TIMED_OUT: no answer in time, the guest may still
 * do it; INVALID: more than LULL_AGENT_SOCKET_MAX bytes, or a path that cannot be one. */
#define LULL_AGENT_SOCKET_MAX (1024 * 1024)
char *lull_agent_socket_call(const char *path, const char *request, gint64 timeout_usec,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
