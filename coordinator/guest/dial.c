/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/dial.h"

#include <string.h>
#include <unistd.h>

#include "coordinator/guest/link.h"
#include "coordinator/guest/pod-socket.h"
#include "coordinator/guest/relay.h"
#include "protocol/error.h"

#define LAUNCHER "launcher:"

/* Both a daemon of root's and one of a user's answer to this; one is never started where none listens. */
#define RELAYED "qemu+unix:///session?socket=/proc/self/fd/"

char *
lull_libvirt_launcher_uri(const char *pods_directory, const char *pod_uid)
{
    return g_strconcat(LAUNCHER, pods_directory, "/", pod_uid, NULL);
}

static virConnectPtr
dial_relayed(LullRelay *take_relay, const char *what, GError **error)
{
    g_autofree char *uri = g_strdup_printf(RELAYED "%d", lull_relay_socket(take_relay));
    virConnectPtr connection =
        virConnectOpen(uri); /* without anything to log in with, which could ask for it */
    const char *why = NULL;

    if (!connection)
        lull_link_error(error, what);
    why = lull_relay_done(take_relay, connection != NULL);
    if (!connection && why) {
        g_clear_error(error);
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "%s: %s", what, why);
    }
    return connection;
}

static virConnectPtr
dial_pod(const char *place, GError **error)
{
    const char *slash = strrchr(place, '/');
    g_autofree char *directory = slash ? g_strndup(place, (gsize)(slash - place)) : g_strdup("");
    const char *pod = slash ? slash + 1 : place;
    g_autofree char *what = g_strconcat("libvirt of pod ", pod, NULL);
    const int socket = lull_pod_socket_open(directory, pod, error);
    const int daemon = socket >= 0 ? lull_pod_socket_connect(socket, error) : -1;
    LullRelay *relay = NULL;

    if (socket >= 0)
        close(socket);
    relay = daemon >= 0 ? lull_relay_start(daemon, what, error) : NULL;
    return relay ? dial_relayed(relay, what, error) : NULL;
}

virConnectPtr
lull_libvirt_dial(const char *uri, virConnectAuthPtr auth, GError **error)
{
    virConnectPtr connection = NULL;

    if (g_str_has_prefix(uri, LAUNCHER))
        return dial_pod(uri + strlen(LAUNCHER), error);
    connection = virConnectOpenAuth(uri, auth, 0);
    if (!connection) {
        g_autofree char *what = g_strdup_printf("libvirt at %s", uri);
        lull_link_error(error, what);
    }
    return connection;
}

gboolean
lull_libvirt_is_launcher(virConnectPtr connection)
{
    char *uri = virConnectGetURI(connection); /* the one that it was opened by */
    const gboolean relayed = !uri || g_str_has_prefix(uri, RELAYED);

    free(uri);
    return relayed;
}
