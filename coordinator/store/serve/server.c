/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/server.h"

#include <string.h>
#include <unistd.h>

#include "coordinator/store/serve/discovery.h"
#include "coordinator/store/serve/exchange.h"
#include "coordinator/store/serve/openapi.h"
#include "coordinator/store/serve/reply.h"
#include "coordinator/store/serve/resource.h"
#include "coordinator/store/serve/socket.h"
#include "coordinator/store/serve/stream.h"

#define BOOKMARK_MS 60000
#define RECEIVED    "lull-received" /* bytes of the body so far, on the message */

struct _LullServer {
    LullStore *store;
    SoupServer *soup;
    char *path;
    LullStreams *streams;
    GHashTable *subresources; /* name -> Subresource */
    GHashTable *admissions;   /* LullKind (lent) -> LullAdmission */
    LullReplies *replies;
    LullJson *said; /* in /version, besides */
};

typedef struct {
    LullSubresourceFunc func;
    gpointer user_data;
} Subresource;

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
    g_autoptr(LullJson) body = lull_exchange_json_body(exchange, TRUE, &ok);
    if (!ok)
        return;
    reply = lull_replies_add(self->replies, exchange->message);
    subresource->func(route->ns, route->name, body, reply, subresource->user_data);
}

static void
handle_document(const LullExchange *exchange, LullJson *take_document)
{
    g_autoptr(LullJson) document = take_document;

    if (!g_str_equal(soup_server_message_get_method(exchange->message), "GET")) {
        lull_exchange_fail(exchange, 405, "MethodNotAllowed", "only GET is served here");
        return;
    }
    lull_exchange_send(exchange, 200, document);
    if (exchange->form == LULL_ACCEPT_DISCOVERY)
        soup_message_headers_replace(soup_server_message_get_response_headers(exchange->message),
                                     "Content-Type", LULL_CONTENT_TYPE_DISCOVERY);
}

static gboolean
is_watch(const LullExchange *exchange)
{
    return lull_exchange_query_bool(exchange, "watch") &&
           g_str_equal(soup_server_message_get_method(exchange->message), "GET");
}

static LullJson *
version_of(const LullServer *self)
{
    LullJson *document = lull_discovery_version();

    json_object_object_foreach(self->said, key, value)
    {
        lull_json_take(document, key, json_object_get(value));
    }
    return document;
}

static LullJson *
document_of(const LullServer *self, const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    const gboolean aggregated = exchange->form == LULL_ACCEPT_DISCOVERY;

    if (route->type == LULL_ROUTE_VERSION)
        return version_of(self);
    if (route->type == LULL_ROUTE_LEGACY)
        return aggregated ? lull_discovery_aggregated(TRUE) : lull_discovery_legacy();
    if (route->type == LULL_ROUTE_GROUPS)
        return aggregated ? lull_discovery_aggregated(FALSE) : lull_discovery_groups();
    if (route->type == LULL_ROUTE_GROUP)
        return lull_discovery_group(route->group);
    if (route->type == LULL_ROUTE_RESOURCES)
        return lull_discovery_resources(route->group, route->version);
    return route->type == LULL_ROUTE_OPENAPI ? lull_openapi_index()
                                             : lull_openapi_document(route->group, route->version);
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
    case LULL_ROUTE_LEGACY:
    case LULL_ROUTE_GROUPS:
    case LULL_ROUTE_GROUP:
    case LULL_ROUTE_RESOURCES:
    case LULL_ROUTE_OPENAPI:
    case LULL_ROUTE_SCHEMA:
        handle_document(exchange, document_of(self, exchange));
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

static guint
forms_of(LullRouteType type)
{
    if (type == LULL_ROUTE_COLLECTION || type == LULL_ROUTE_OBJECT || type == LULL_ROUTE_STATUS)
        return LULL_ACCEPT_OBJECTS;
    return type == LULL_ROUTE_LEGACY || type == LULL_ROUTE_GROUPS ? LULL_ACCEPT_JSON | LULL_ACCEPT_DISCOVERY
                                                                  : LULL_ACCEPT_JSON;
}

/* FALSE: answered. Errors are JSON whatever is accepted. */
static gboolean
choose_form(LullExchange *exchange)
{
    SoupMessageHeaders *headers = soup_server_message_get_request_headers(exchange->message);
    const char *accept = soup_message_headers_get_list(headers, "Accept");

    exchange->form = lull_accept_parse(accept, forms_of(exchange->route->type));
    if (exchange->form == LULL_ACCEPT_NONE && exchange->route->type != LULL_ROUTE_HEALTH)
        lull_exchange_fail(exchange, 406, "NotAcceptable",
                           "only the following media types are accepted: application/json");
    else if (!lull_include_parse(lull_exchange_query(exchange, "includeObject"), &exchange->include))
        lull_exchange_fail(exchange, 400, "BadRequest",
                           "includeObject: unsupported value: supported values: None, Metadata, Object");
    else
        return TRUE;
    return FALSE;
}

static gsize
received(SoupServerMessage *message)
{
    return GPOINTER_TO_SIZE(g_object_get_data(G_OBJECT(message), RECEIVED));
}

/* Errors repeat what was asked for, and are JSON. */
static gboolean
is_text(const char *path, GHashTable *query)
{
    GHashTableIter iter;
    gpointer key, value;

    if (!g_utf8_validate(path, -1, NULL))
        return FALSE;
    if (!query)
        return TRUE;
    g_hash_table_iter_init(&iter, query);
    while (g_hash_table_iter_next(&iter, &key, &value))
        if (!g_utf8_validate((const char *)key, -1, NULL) || !g_utf8_validate((const char *)value, -1, NULL))
            return FALSE;
    return TRUE;
}

static void
handle(SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
    LullServer *self = (LullServer *)user_data;
    g_autoptr(LullRoute) route = lull_route_parse(g_utf8_validate(path, -1, NULL) ? path : "");
    LullExchange exchange = {.store = self->store, .message = message, .route = route, .query = query};

    exchange.admission = route->kind ? g_hash_table_lookup(self->admissions, route->kind) : NULL;
    if (!is_text(path, query))
        lull_exchange_fail(&exchange, 400, "BadRequest", "path and query must be UTF-8");
    else if (received(message) > LULL_EXCHANGE_MAX_BODY)
        lull_exchange_fail(&exchange, 413, "RequestEntityTooLarge", "the body is larger than %d bytes",
                           LULL_EXCHANGE_MAX_BODY);
    else if (choose_form(&exchange))
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

/* Before 3.3 libsoup never closes a connection whose client has gone while it was idle: so none is. */
static gboolean
may_be_idle(void)
{
    return soup_check_version(3, 3, 0);
}

static void
on_started(SoupServer *soup, SoupServerMessage *message, gpointer user_data)
{
    if (!may_be_idle())
        soup_message_headers_replace(soup_server_message_get_response_headers(message), "Connection",
                                     "close");
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
    self->streams = lull_streams_new(BOOKMARK_MS);
    self->subresources = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self->admissions = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    self->replies = lull_replies_new();
    self->said = json_object_new_object();
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

void
lull_server_set_admission(LullServer *self, const LullKind *kind, LullAdmitFunc func, gpointer user_data)
{
    LullAdmission *admission = g_new0(LullAdmission, 1);

    admission->func = func;
    admission->user_data = user_data;
    g_hash_table_replace(self->admissions, (gpointer)kind, admission);
}

void
lull_server_say(LullServer *self, const char *key, const char *value)
{
    lull_json_set_string(self->said, key, value);
}

void
lull_server_set_bookmark_interval(LullServer *self, guint milliseconds)
{
    lull_streams_set_interval(self->streams, milliseconds);
}

void
lull_server_free(LullServer *self)
{
    if (!self)
        return;
    if (self->soup) {
        lull_streams_free(self->streams);
        lull_replies_free(self->replies);
        soup_server_disconnect(self->soup);
        g_object_unref(self->soup);
        g_hash_table_unref(self->subresources);
        g_hash_table_unref(self->admissions);
        (void)unlink(self->path);
    }
    lull_json_put(self->said);
    g_free(self->path);
    g_free(self);
}
