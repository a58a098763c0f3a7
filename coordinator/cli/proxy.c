/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/proxy.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>

#include "coordinator/cli/http-chunks.h"
#include "coordinator/cli/http-head.h"
#include "coordinator/yaml/write.h"
#include "coordinator/store/status.h"
#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/names.h"

#define PROGRAM         "lull" /* the one name in the configuration */
#define SECRET_BYTES    16
#define MAX_CONNECTIONS 128
#define IDLE_SECONDS    60 /* for the client to send its request, and to take what it is sent */
#define PIECE           (64 * 1024)

/* Counted: each connection under way needs it. */
struct _LullProxy {
    GSocketService *service;
    GSocketAddress *upstream;
    char *prefix;
    char *url;
};

/* One connection, on its thread. */
typedef struct {
    GSocket *client;
    GSocket *server;
    guint64 body_left;
    gboolean began; /* the answer's first line was passed on */
    char *buffer;   /* PIECE */
} Relay;

static gboolean
send_all(GSocket *socket, const char *bytes, gsize length)
{
    while (length) {
        const gssize sent = g_socket_send(socket, bytes, length, NULL, NULL);

        if (sent <= 0)
            return FALSE;
        bytes += sent;
        length -= (gsize)sent;
    }
    return TRUE;
}

static void
send_status(GSocket *client, const GError *problem)
{
    g_autoptr(LullJson) status = lull_status_from_error(problem);
    const gboolean invalid = lull_error_is(problem, LULL_ERROR_INVALID);
    const char *body;
    g_autofree char *answer = NULL;

    if (invalid) { /* the request, not an object */
        lull_json_set_int(status, "code", 400);
        lull_json_set_string(status, "reason", "BadRequest");
    }
    body = lull_json_to_line(status);
    answer =
        g_strdup_printf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n%s",
                        lull_status_code(status), lull_json_string(status, "reason", ""), strlen(body), body);
    (void)send_all(client, answer, strlen(answer));
}

/* Reads until the empty line; what follows it is the body's beginning. NULL: the client went, or @error. */
static char *
read_head(GSocket *client, GString *received, GError **error)
{
    char *end;

    while (!(end = strstr(received->str, "\r\n\r\n"))) {
        char piece[4096];
        const gssize count = received->len < LULL_HTTP_MAX_HEAD
                                 ? g_socket_receive(client, piece, sizeof piece, NULL, NULL)
                                 : -1;

        if (received->len >= LULL_HTTP_MAX_HEAD)
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the request's head is larger than %d bytes",
                        LULL_HTTP_MAX_HEAD);
        if (count <= 0)
            return NULL;
        g_string_append_len(received, piece, count);
        if (strlen(received->str) != received->len && !strstr(received->str, "\r\n\r\n")) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "there are zero bytes in the request's head");
            return NULL;
        }
    }
    return end;
}

static gboolean
pass_body(Relay *relay)
{
    const gsize wanted = (gsize)MIN(relay->body_left, PIECE);
    const gssize count = g_socket_receive(relay->client, relay->buffer, wanted, NULL, NULL);

    if (count <= 0 || !send_all(relay->server, relay->buffer, (gsize)count))
        return FALSE;
    relay->body_left -= (guint64)count;
    return TRUE;
}

/* A client that is not told would send its next request just when the connection is closed. */
static gboolean
pass_beginning(Relay *relay, gsize length)
{
    static const char closing[] = "\r\nConnection: close";
    const char *end = memchr(relay->buffer, '\r', length);
    const gsize line = end ? (gsize)(end - relay->buffer) : length;

    relay->began = end != NULL;
    return send_all(relay->client, relay->buffer, line) &&
           (!end || (send_all(relay->client, closing, strlen(closing)) &&
                     send_all(relay->client, end, length - line)));
}

static gboolean
pass_answer(Relay *relay)
{
    const gssize count = g_socket_receive(relay->server, relay->buffer, PIECE, NULL, NULL);

    if (count > 0 && !relay->began)
        return pass_beginning(relay, (gsize)count);
    return count > 0 && send_all(relay->client, relay->buffer, (gsize)count);
}

/* Until either side is done. After the body nothing more is read from the client: it has one request. */
static void
relay_run(Relay *relay)
{
    gboolean going_on = TRUE;

    while (going_on) {
        const short listen = POLLRDHUP | (relay->body_left ? POLLIN : 0);
        struct pollfd fds[] = {{.fd = g_socket_get_fd(relay->client), .events = listen},
                               {.fd = g_socket_get_fd(relay->server), .events = POLLIN}};

        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
            going_on = errno == EINTR;
        else if (fds[1].revents)
            going_on = pass_answer(relay);
        else if (relay->body_left && (fds[0].revents & POLLIN))
            going_on = pass_body(relay);
        else
            going_on = !fds[0].revents;
    }
}

static GSocket *
dial(GSocketAddress *address, GError **error)
{
    g_autoptr(GSocket) socket =
        g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);
    g_autoptr(GError) problem = NULL;

    if (!socket)
        return NULL;
    if (!g_socket_connect(socket, address, NULL, &problem)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the coordinator does not answer: %s",
                    problem->message);
        return NULL;
    }
    g_socket_set_timeout(socket, IDLE_SECONDS);
    return g_steal_pointer(&socket);
}

/* The rest of a body of which the @n bytes at @begun came with the head. NULL: the client went, or @error. */
static LullHttpChunks *
read_chunks(GSocket *client, const char *begun, gsize n, char *buffer, GError **error)
{
    g_autoptr(LullHttpChunks) chunks = lull_http_chunks_new();

    if (!lull_http_chunks_add(chunks, begun, n, error))
        return NULL;
    while (!lull_http_chunks_body(chunks)) {
        const gssize count = g_socket_receive(client, buffer, PIECE, NULL, NULL);

        if (count <= 0 || !lull_http_chunks_add(chunks, buffer, (gsize)count, error))
            return NULL;
    }
    return g_steal_pointer(&chunks);
}

/* As one whose length is known: the coordinator need not read it another way than we do. */
static gboolean
send_whole(GSocket *server, const LullHttpHead *head, const GString *body)
{
    const gsize line = strcspn(head->head, "\r");
    g_autofree char *length = g_strdup_printf("\r\nContent-Length: %zu", body->len);

    return send_all(server, head->head, line) && send_all(server, length, strlen(length)) &&
           send_all(server, head->head + line, strlen(head->head + line)) &&
           send_all(server, body->str, body->len);
}

static void
serve(const LullProxy *self, GSocket *client, GError **error)
{
    g_autoptr(GString) received = g_string_new(NULL);
    g_autofree char *buffer = (char *)g_malloc(PIECE);
    Relay relay = {.client = client, .buffer = buffer};
    g_auto(LullHttpHead) head = {NULL};
    const char *end = read_head(client, received, error);
    g_autoptr(LullHttpChunks) chunks = NULL;
    g_autoptr(GSocket) server = NULL;
    gsize first;

    if (!end ||
        !lull_http_head_translate(received->str, (gsize)(end - received->str), self->prefix, &head, error))
        return;
    end += strlen("\r\n\r\n");
    first = (gsize)(received->str + received->len - end);
    if (head.chunked && !(chunks = read_chunks(client, end, first, buffer, error)))
        return;
    server = dial(self->upstream, error);
    if (!server)
        return;
    first = MIN(first, (gsize)head.body);
    relay.server = server;
    relay.body_left = head.body - first;
    if (chunks ? send_whole(server, &head, lull_http_chunks_body(chunks))
               : send_all(server, head.head, strlen(head.head)) && send_all(server, end, first))
        relay_run(&relay);
}

/* On a thread of its own. */
static gboolean
on_connection(GThreadedSocketService *service, GSocketConnection *connection, GObject *source,
              gpointer user_data)
{
    GSocket *client = g_socket_connection_get_socket(connection);
    g_autoptr(GError) problem = NULL;

    g_socket_set_timeout(client, IDLE_SECONDS);
    serve((const LullProxy *)user_data, client, &problem);
    if (problem)
        send_status(client, problem);
    return TRUE;
}

static char *
make_prefix(GError **error)
{
    guint8 secret[SECRET_BYTES];
    GString *prefix;

    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "no random numbers are to be had: %s",
                    g_strerror(errno));
        return NULL;
    }
    prefix = g_string_new("/");
    for (gsize i = 0; i < sizeof secret; i++)
        g_string_append_printf(prefix, "%02x", secret[i]);
    return g_string_free(prefix, FALSE);
}

static gboolean
listen_on_loopback(LullProxy *self, GError **error)
{
    g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
    g_autoptr(GSocketAddress) any = g_inet_socket_address_new(loopback, 0);
    g_autoptr(GSocketAddress) bound = NULL;

    if (!g_socket_listener_add_address(G_SOCKET_LISTENER(self->service), any, G_SOCKET_TYPE_STREAM,
                                       G_SOCKET_PROTOCOL_DEFAULT, NULL, &bound, error))
        return FALSE;
    self->url = g_strdup_printf("http://127.0.0.1:%u%s",
                                g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound)), self->prefix);
    return TRUE;
}

static void
clear(LullProxy *self)
{
    g_clear_object(&self->upstream);
    g_free(self->prefix);
    g_free(self->url);
}

static void
unref(LullProxy *self)
{
    g_atomic_rc_box_release_full(self, (GDestroyNotify)clear);
}

static void
unref_closure(gpointer self, GClosure *closure)
{
    unref((LullProxy *)self);
}

LullProxy *
lull_proxy_new(const char *socket_path, GError **error)
{
    g_autoptr(LullProxy) self = g_atomic_rc_box_new0(LullProxy);

    self->prefix = make_prefix(error);
    self->upstream = g_unix_socket_address_new(socket_path);
    self->service = g_threaded_socket_service_new(MAX_CONNECTIONS);
    if (!self->prefix || !listen_on_loopback(self, error))
        return NULL;
    g_signal_connect_data(self->service, "run", G_CALLBACK(on_connection), g_atomic_rc_box_acquire(self),
                          unref_closure, (GConnectFlags)0);
    g_socket_service_start(self->service);
    return g_steal_pointer(&self);
}

const char *
lull_proxy_url(const LullProxy *self)
{
    return self->url;
}

void
lull_proxy_free(LullProxy *self)
{
    if (!self)
        return;
    if (self->service) {
        g_socket_service_stop(self->service);
        g_socket_listener_close(G_SOCKET_LISTENER(self->service));
        g_clear_object(&self->service);
    }
    unref(self);
}

static LullJson *
named(const char *name, const char *key, LullJson *take_value)
{
    LullJson *list = json_object_new_array();
    LullJson *entry = json_object_new_object();

    lull_json_set_string(entry, "name", name);
    lull_json_take(entry, key, take_value);
    json_object_array_add(list, entry);
    return list;
}

char *
lull_proxy_kubeconfig(const char *url)
{
    g_autoptr(LullJson) config = json_object_new_object();
    LullJson *cluster = json_object_new_object();
    LullJson *context = json_object_new_object();

    lull_json_set_string(cluster, "server", url);
    lull_json_set_string(context, "cluster", PROGRAM);
    lull_json_set_string(context, "user", PROGRAM);
    lull_json_set_string(context, "namespace", LULL_NAMESPACE);
    lull_json_set_string(config, "apiVersion", "v1");
    lull_json_set_string(config, "kind", "Config");
    lull_json_take(config, "clusters", named(PROGRAM, "cluster", cluster));
    lull_json_take(config, "users", named(PROGRAM, "user", json_object_new_object()));
    lull_json_take(config, "contexts", named(PROGRAM, "context", context));
    lull_json_set_string(config, "current-context", PROGRAM);
    return lull_yaml_write(config, NULL);
}
