/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/server.h"

#include <string.h>
#include <unistd.h>

#include "coordinator/store/serve/discovery.h"
#include "coordinator/store/serve/exchange.h"
#include "coordinator/store/serve/resource.h"
#include "coordinator/store/serve/socket.h"
#include "coordinator/store/serve/stream.h"
#include "coordinator/store/status.h"

#define RECEIVED "lull-received" /* bytes of the body so far, on the message */

struct _LullServer {
    LullStore *store;
    SoupServer *soup;
    char *path;
    LullStreams *streams;
    GHashTable *subresources; /* name -> Subresource */
    GHashTable *replies;      /* of LullServerReply under way, lent */
};

typedef struct {
    LullSubresourceFunc func;
    gpointer user_data;
} Subresource;

struct _LullServerReply {
    LullServer *server;         /* NULL once nobody waits for the answer */
    SoupServerMessage *message; /* a reference */
};

/* Nobody waits any more: the client or the server has gone. */
static void
reply_abandon(LullServerReply *reply)
{
    if (!reply->server)
        return;
    g_signal_handlers_disconnect_by_data(reply->message, reply);
    (void)g_hash_table_remove(reply->server->replies, reply);
    reply->server = NULL;
}

static void
on_reply_finished(SoupServerMessage *message, gpointer user_data)
{
    reply_abandon((LullServerReply *)user_data);
}

static LullServerReply *
reply_new(LullServer *self, SoupServerMessage *message)
{
    LullServerReply *reply = g_new0(LullServerReply, 1);

    reply->server = self;
    reply->message = (SoupServerMessage *)g_object_ref(message);
    g_signal_connect(message, "finished", G_CALLBACK(on_reply_finished), reply);
    g_hash_table_add(self->replies, reply);
    return reply;
}

static void
reply_send(LullServerReply *reply, guint code, LullJson *body)
{
    if (reply->server) {
        soup_server_message_set_status(reply->message, code, NULL);
        if (body)
            lull_message_send(reply->message, code, body);
        soup_server_message_unpause(reply->message);
    }
    reply_abandon(reply);
    g_object_unref(reply->message);
    g_free(reply);
}

void
lull_server_reply(LullServerReply *reply, LullJson *take_body)
{
    reply_send(reply, 200, take_body);
    lull_json_put(take_body);
}

void
lull_server_reply_error(LullServerReply *reply, const GError *error)
{
    g_autoptr(LullJson) status = lull_status_from_error(error);

    reply_send(reply, (guint)lull_status_code(status), status);
}

static void
handle_subresource(LullServer *self, const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    const Subresource *subresource =
        (Subresource *)g_hash_table_lookup(self->subresources, route->subresource);
    LullServerReply *reply;
    gboolean ok;

    if (!subresource) {
        lull_exchange_fail(exchange, 404, "NotFound", "the server could not find the requested resource");
        return;
    }
    if (!g_str_equal(soup_server_message_get_method(exchange->message), "PUT")) {
        lull_exchange_fail(exchange, 405, "MethodNotAllowed", "only PUT is served on %s", route->subresource);
        return;
    }
    g_autoptr(LullJson) body = lull_exchange_body(exchange, "application/json", TRUE, &ok);
    if (!ok)
        return;
    reply = reply_new(self, exchange->message);
    soup_server_message_pause(exchange->message);
    subresource->func(route->ns, route->name, body, reply, subresource->user_data);
}

static void
handle_document(const LullExchange *exchange, LullJson *take_document)
{
    g_autoptr(LullJson) document = take_document;

    if (g_str_equal(soup_server_message_get_method(exchange->message), "GET"))
        lull_exchange_send(exchange, 200, document);
    else
        lull_exchange_fail(exchange, 405, "MethodNotAllowed", "only GET is served here");
}

static gboolean
is_watch(const LullExchange *exchange)
{
    const char *watch = lull_exchange_query(exchange, "watch");

    return watch && (g_str_equal(watch, "1") || g_str_equal(watch, "true")) &&
           g_str_equal(soup_server_message_get_method(exchange->message), "GET");
}

static void
dispatch(LullServer *self, const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;

    switch (route->type) {
    case LULL_ROUTE_HEALTH:
        soup_server_message_set_status(exchange->message, 200, NULL);
        soup_server_message_set_response(exchange->message, "text/plain", SOUP_MEMORY_STATIC, "ok", 2);
        break;
    case LULL_ROUTE_VERSION:
        handle_document(exchange, lull_discovery_version());
        break;
    case LULL_ROUTE_LEGACY:
        handle_document(exchange, lull_discovery_legacy());
        break;
    case LULL_ROUTE_GROUPS:
        handle_document(exchange, lull_discovery_groups());
        break;
    case LULL_ROUTE_RESOURCES:
        handle_document(exchange, lull_discovery_resources(route->group, route->version));
        break;
    case LULL_ROUTE_COLLECTION:
        if (is_watch(exchange)) {
            lull_streams_start(self->streams, exchange);
            break;
        }
        lull_resource_handle(exchange);
        break;
    case LULL_ROUTE_OBJECT:
    case LULL_ROUTE_STATUS:
        lull_resource_handle(exchange);
        break;
    case LULL_ROUTE_SUBRESOURCE:
        handle_subresource(self, exchange);
        break;
    case LULL_ROUTE_NONE:
        lull_exchange_fail(exchange, 404, "NotFound", "the server could not find the requested resource");
        break;
    }
}

static gsize
received(SoupServerMessage *message)
{
    return GPOINTER_TO_SIZE(g_object_get_data(G_OBJECT(message), RECEIVED));
}

static void
handle(SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
    LullServer *self = (LullServer *)user_data;
    g_autoptr(LullRoute) route = lull_route_parse(path);
    const LullExchange exchange = {.store = self->store, .message = message, .route = route, .query = query};

    if (received(message) > LULL_EXCHANGE_MAX_BODY)
        lull_exchange_fail(&exchange, 413, "RequestEntityTooLarge", "the body is larger than %d bytes",
                           LULL_EXCHANGE_MAX_BODY);
    else
        dispatch(self, &exchange);
}

/* Beyond the limit a body is read but no longer kept. */
static void
on_chunk(SoupServerMessage *message, GBytes *chunk, gpointer user_data)
{
    const gsize total = MIN(received(message) + g_bytes_get_size(chunk), G_MAXSIZE / 2);
    SoupMessageBody *body = soup_server_message_get_request_body(message);

    g_object_set_data(G_OBJECT(message), RECEIVED, GSIZE_TO_POINTER(total));
    if (total > LULL_EXCHANGE_MAX_BODY && soup_message_body_get_accumulate(body)) {
        soup_message_body_set_accumulate(body, FALSE);
        soup_message_body_truncate(body);
    }
}

static void
on_started(SoupServer *soup, SoupServerMessage *message, gpointer user_data)
{
    g_signal_connect(message, "got-chunk", G_CALLBACK(on_chunk), NULL);
}

LullServer *
lull_server_new(LullStore *store, const char *socket_path, const char *group, GError **error)
{
    g_autoptr(LullServer) self = g_new0(LullServer, 1);
    g_autoptr(GSocket) socket = lull_socket_listen(socket_path, group, error);

    if (!socket)
        return NULL;
    self->path = g_strdup(socket_path);
    self->store = store;
    self->streams = lull_streams_new();
    self->subresources = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self->replies = g_hash_table_new(NULL, NULL);
    self->soup = soup_server_new("server-header", "lull/" LULL_VERSION, NULL);
    g_signal_connect(self->soup, "request-started", G_CALLBACK(on_started), self);
    soup_server_add_handler(self->soup, NULL, handle, self, NULL);
    if (!soup_server_listen_socket(self->soup, socket, (SoupServerListenOptions)0, error))
        return NULL;
    return g_steal_pointer(&self);
}

void
lull_server_add_subresource(LullServer *self, const char *subresource, LullSubresourceFunc func,
                            gpointer user_data)
{
    Subresource *entry = g_new0(Subresource, 1);

    entry->func = func;
    entry->user_data = user_data;
    g_hash_table_replace(self->subresources, g_strdup(subresource), entry);
}

static void
abandon_replies(LullServer *self)
{
    GHashTableIter iter;
    gpointer reply;

    g_hash_table_iter_init(&iter, self->replies);
    while (g_hash_table_iter_next(&iter, &reply, NULL)) {
        g_signal_handlers_disconnect_by_data(((LullServerReply *)reply)->message, reply);
        ((LullServerReply *)reply)->server = NULL;
    }
    g_hash_table_unref(self->replies);
}

void
lull_server_free(LullServer *self)
{
    if (!self)
        return;
    if (self->soup) {
        lull_streams_free(self->streams);
        abandon_replies(self);
        soup_server_disconnect(self->soup);
        g_object_unref(self->soup);
        g_hash_table_unref(self->subresources);
        (void)unlink(self->path);
    }
    g_free(self->path);
    g_free(self);
}
