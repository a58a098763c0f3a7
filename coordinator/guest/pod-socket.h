/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The socket of the libvirt daemon in a launcher pod, found from outside, below the kubelet's directory of
 * pods. Whatever is in the pod's own volume is the pod's doing, which may be hostile: no link is followed,
 * and what was looked at is what gets connected to, whatever stands there meanwhile. The kubelet's
 * directories above it are trusted, since no pod can write to them. */

#define LULL_KUBELET_PODS "/var/lib/kubelet/pods"

/* KubeVirt's qemu, whom the daemon belongs to where it is not root's. */
#define LULL_LAUNCHER_UID 107

/* What may be the uid of an object, and so the name of a directory. */
gboolean lull_pod_uid_is_valid(const char *text);

/* Returns a descriptor of the socket itself, for lull_pod_socket_connect() only. NOT_FOUND: the node has no
 * such pod (any more); LOST: its daemon is not there; INVALID: @pod_uid is no uid, or what stands there is no
 * socket; DENIED: it is neither root's nor LULL_LAUNCHER_UID's, nor ours; FAILED: there is no such directory.
 */
int lull_pod_socket_open(const char *pods_directory, const char *pod_uid, GError **error);

/* A connection, which does not block; -1: LOST, nobody listens, or who does has no time; DENIED: who listens
 * is another than the owners above. */
int lull_pod_socket_connect(int socket, GError **error);

G_END_DECLS
