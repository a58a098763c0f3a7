/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <libvirt/libvirt.h>

#include <glib.h>

G_BEGIN_DECLS

/* One way to call libvirt, by anything that has a URI: libvirt's own, and that of a launcher pod,
 * launcher:PODS-DIRECTORY/POD-UID. A pod's daemon is not trusted: gate.h says what that means, and nobody may
 * follow a path that it names. */

char *lull_libvirt_launcher_uri(const char *pods_directory, const char *pod_uid) G_GNUC_WARN_UNUSED_RESULT;

/* LOST: libvirt is not there, or does not answer (a pod's: in bounded time); NOT_FOUND: the pod is gone, and
 * with it the guest; others as lull_pod_socket_open() and lull_link_error() have them. */
virConnectPtr
lull_libvirt_dial(const char *uri, virConnectAuthPtr auth, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whether such a pod is at the other end. */
gboolean lull_libvirt_is_launcher(virConnectPtr connection);

G_END_DECLS
