/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/metrics/endpoint.h"

#include <string.h>

#include "coordinator/metrics/door.h"
#include "protocol/error.h"

#define BACKLOG      256
#define TEXT_TYPE    "text/plain; charset=utf-8"
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct _LullEndpoint {
    LullMetrics *metrics;
    LullHealth *health;
    GSocket *socket;
    char *address;
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread;
};

static void
answer(SoupServerMessage *message, guint status, const char *type, const char *text, gsize length)
{
    soup_server_message_set_status(message, status, NULL);
    soup_server_message_set_response(message, type, SOUP_MEMORY_COPY, text, length);
}

static void
answer_metrics(LullEndpoint *self, SoupServerMessage *message)
{
    GString *text = lull_metrics_text(self->metrics);
    const gsize length = text->len;

    soup_server_message_set_status(message, SOUP_STATUS_OK, NULL);
    soup_server_message_set_response(message, METRICS_TYPE, SOUP_MEMORY_TAKE, g_string_free(text, FALSE),
                                     length);
}

/* @take_problem: NULL: none. */
static void
answer_health(SoupServerMessage *message, char *take_problem)
{
    g_autofree char *problem = take_problem;
    const char *text = problem ? problem : "ok\n";

    answer(message, problem ? SOUP_STATUS_SERVICE_UNAVAILABLE : SOUP_STATUS_OK, TEXT_TYPE, text,
           strlen(text));
}

static void
handle(SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
    static const char unknown[] = "there are /metrics, /healthz and /readyz\n";
    LullEndpoint *self = user_data;

    if (g_str_equal(path, "/metrics"))
        answer_metrics(self, message);
    else if (g_str_equal(path, "/healthz"))
        answer_health(message, lull_health_stalled(self->health));
    else if (g_str_equal(path, "/readyz"))
        answer_health(message, lull_health_unready(self->health));
    else
        answer(message, SOUP_STATUS_NOT_FOUND, TEXT_TYPE, unknown, strlen(unknown));
}

/* A second request comes by a second connection. */
static void
on_started(SoupServer *soup, SoupServerMessage *message, gpointer user_data)
{
    soup_message_body_set_accumulate(soup_server_message_get_request_body(message), FALSE);
    soup_message_headers_replace(soup_server_message_get_response_headers(message), "Connection", "close");
}

static gpointer
serve(gpointer data)
{
    LullEndpoint *self = data;
    SoupServer *soup = NULL;
    LullDoor *door = NULL;

    g_main_context_push_thread_default(self->context);
    soup = soup_server_new("server-header", "lull/" LULL_VERSION, NULL);
    g_signal_connect(soup, "request-started", G_CALLBACK(on_started), self);
    soup_server_add_handler(soup, NULL, handle, self, NULL);
    door = lull_door_new(soup, self->socket, 0);
    g_main_loop_run(self->loop);
    lull_door_free(door);
    soup_server_disconnect(soup);
    g_object_unref(soup);
    g_main_context_pop_thread_default(self->context);
    return NULL;
}

/* NULL: it is none. */
static GSocketAddress *
parse_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    guint64 port = 0;
    g_autofree char *host = NULL;

    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
        return NULL;
    host = *text == '[' && colon[-1] == ']' ? g_strndup(text + 1, (gsize)(colon - text - 2))
                                            : g_strndup(text, (gsize)(colon - text));
    if (*text != '[' && strchr(host, ':'))
        return NULL; /* of an address without brackets the last part may not be a port */
    return g_inet_socket_address_new_from_string(host, (guint)port);
}

static char *
address_of(GSocket *socket)
{
    g_autoptr(GSocketAddress) address = g_socket_get_local_address(socket, NULL);
    GInetAddress *host = address ? g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address)) : NULL;
    g_autofree char *text = host ? g_inet_address_to_string(host) : NULL;
    const gboolean six = host && g_inet_address_get_family(host) == G_SOCKET_FAMILY_IPV6;

    return text ? g_strdup_printf(six ? "[%s]:%u" : "%s:%u", text,
                                  g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address)))
                : NULL;
}

static GSocket *
open_at(const char *listen, GError **error)
{
    g_autoptr(GSocketAddress) address = parse_address(listen);
    g_autoptr(GSocket) socket = NULL;

    if (!address) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "--metrics-listen %s: expected an address and a port: 127.0.0.1:9180, [::1]:9180, *:9180",
                    listen);
        return NULL;
    }
    socket = g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP,
                          error);
    if (socket)
        g_socket_set_listen_backlog(socket, BACKLOG);
    if (!socket || !g_socket_bind(socket, address, TRUE, error) || !g_socket_listen(socket, error)) {
        g_prefix_error(error, "--metrics-listen %s: ", listen);
        return NULL;
    }
    return g_steal_pointer(&socket);
}

/* All addresses are those of IPv6, of which those of IPv4 are a part, or, where there is no IPv6, those of
 * IPv4.
 */
static GSocket *
open_socket(const char *listen, GError **error)
{
    const gboolean all = g_str_has_prefix(listen, "*:");
    g_autofree char *six = all ? g_strconcat("[::]", listen + 1, NULL) : NULL;
    g_autofree char *four = all ? g_strconcat("0.0.0.0", listen + 1, NULL) : NULL;
    GSocket *socket = NULL;

    if (!four)
        return open_at(listen, error);
    socket = open_at(six, NULL);
    return socket ? socket : open_at(four, error);
}

LullEndpoint *
lull_endpoint_new(const char *listen, LullMetrics *metrics, LullHealth *health, GError **error)
{
    GSocket *socket = open_socket(listen, error);
    LullEndpoint *self = NULL;

    if (!socket)
        return NULL;
    self = g_new0(LullEndpoint, 1);
    self->metrics = metrics;
    self->health = health;
    self->socket = socket;
    self->address = address_of(socket);
    self->context = g_main_context_new();
    self->loop = g_main_loop_new(self->context, FALSE);
    self->thread = g_thread_new("metrics", serve, self);
    return self;
}

const char *
lull_endpoint_address(const LullEndpoint *self)
{
    return self->address;
}

static gboolean
on_quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

void
lull_endpoint_free(LullEndpoint *self)
{
    g_autoptr(GSource) quit = NULL;

    if (!self)
        return;
    quit = g_idle_source_new(); /* it may not run yet */
    g_source_set_callback(quit, on_quit, self->loop, NULL);
    (void)g_source_attach(quit, self->context);
    g_thread_join(self->thread);
    g_main_loop_unref(self->loop);
    g_main_context_unref(self->context);
    g_object_unref(self->socket);
    g_free(self->address);
    g_free(self);
}
