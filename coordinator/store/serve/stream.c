/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/stream.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/selector.h"
#include "coordinator/store/status.h"
#include "protocol/error.h"

#define PAGE        100
#define PENDING_LOW (64 * 1024)       /* below this the next page is read */
#define PENDING_MAX (4 * 1024 * 1024) /* above this the client is too slow */

struct _LullStreams {
    GHashTable *set; /* of Stream, owned */
};

typedef struct {
    LullStreams *streams;
    LullStore *store;
    const LullKind *kind;
    char *ns;          /* NULL: all */
    char *api_version; /* NULL: as stored */
    LullSelector *labels;
    LullSelector *fields;
    GHashTable *shown; /* "ns/name" of what the client was shown; NULL without a label selector */
    SoupServerMessage *message;
    GMainContext *context;
    char *since;          /* where the watch begins */
    char *continue_token; /* while the first state is being listed */
    gboolean listing;
    gboolean ended;
    LullWatch *watch;
    GSource *timeout;
    GSource *hangup;
    gsize pending; /* bytes that the client has not taken */
} Stream;

static void
clear_source(GSource **source)
{
    if (!*source)
        return;
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static void
stop_feeding(Stream *stream)
{
    stream->ended = TRUE;
    stream->listing = FALSE;
    clear_source(&stream->timeout);
    clear_source(&stream->hangup);
    g_clear_pointer(&stream->watch, lull_watch_stop);
}

static void
stream_free(Stream *stream)
{
    stop_feeding(stream);
    g_signal_handlers_disconnect_by_data(stream->message, stream);
    g_object_unref(stream->message);
    g_main_context_unref(stream->context);
    g_clear_pointer(&stream->shown, g_hash_table_unref);
    lull_selector_free(stream->labels);
    lull_selector_free(stream->fields);
    g_free(stream->since);
    g_free(stream->continue_token);
    g_free(stream->api_version);
    g_free(stream->ns);
    g_free(stream);
}

static void
finish(Stream *stream)
{
    if (stream->ended)
        return;
    stop_feeding(stream);
    soup_message_body_complete(soup_server_message_get_response_body(stream->message));
    soup_server_message_unpause(stream->message);
}

static void
drop(Stream *stream)
{
    stop_feeding(stream);
    (void)g_socket_shutdown(soup_server_message_get_socket(stream->message), TRUE, TRUE, NULL);
    soup_server_message_unpause(stream->message);
}

static void
write_event(Stream *stream, const char *type, LullJson *object)
{
    g_autoptr(LullJson) other = NULL;
    char *line;
    gsize size;

    if (stream->api_version && !g_str_equal(type, "ERROR")) {
        other = lull_json_dup(object);
        lull_json_set_string(other, "apiVersion", stream->api_version);
    }
    line =
        g_strdup_printf("{\"type\":\"%s\",\"object\":%s}\n", type, lull_json_to_line(other ? other : object));
    size = strlen(line);
    stream->pending += size;
    soup_message_body_append_take(soup_server_message_get_response_body(stream->message), (guchar *)line,
                                  size);
    soup_server_message_unpause(stream->message);
}

static void
write_error(Stream *stream, LullJson *status)
{
    write_event(stream, "ERROR", status);
    finish(stream);
}

/* What the client of a label selector is to be told, given what it was shown. NULL: nothing. */
static const char *
relative_type(Stream *stream, LullWatchType type, LullJson *object)
{
    g_autofree char *key = g_strdup_printf("%s/%s", lull_meta_namespace(object), lull_meta_name(object));
    const gboolean matches = type != LULL_WATCH_DELETED && lull_selector_matches(stream->labels, object);
    const gboolean shown = g_hash_table_contains(stream->shown, key);

    if (matches)
        g_hash_table_add(stream->shown, g_steal_pointer(&key));
    else
        g_hash_table_remove(stream->shown, key);
    if (matches)
        return shown ? "MODIFIED" : "ADDED";
    return shown ? "DELETED" : NULL;
}

static void
on_event(LullWatchType type, LullJson *object, gpointer user_data)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
    Stream *stream = (Stream *)user_data;
    const char *name = names[type];

    if (type == LULL_WATCH_ERROR) {
        write_error(stream, object);
        return;
    }
    if (type == LULL_WATCH_BOOKMARK || !lull_selector_matches(stream->fields, object))
        return;
    if (stream->shown)
        name = relative_type(stream, type, object);
    if (name)
        write_event(stream, name, object);
    if (stream->watch && stream->pending > PENDING_MAX)
        drop(stream);
}

static gboolean
start_watch(Stream *stream, GError **error)
{
    stream->watch = lull_store_watch(stream->store, stream->kind, stream->ns, stream->since, stream->context,
                                     on_event, stream, error);
    return stream->watch != NULL;
}

/* Lists the next page of the first state as ADDED; after the last the watch begins where the list was. */
static gboolean
write_page(Stream *stream, GError **error)
{
    const LullListOptions options = {.limit = PAGE, .continue_token = stream->continue_token};
    g_autoptr(LullJson) list = lull_store_list(stream->store, stream->kind, stream->ns, &options, error);
    LullJson *items = lull_json_array(list, "items");

    if (!list)
        return FALSE;
    for (size_t i = 0; i < json_object_array_length(items); i++)
        on_event(LULL_WATCH_ADDED, json_object_array_get_idx(items, i), stream);
    g_free(stream->since);
    stream->since = g_strdup(lull_meta_version(list));
    g_free(stream->continue_token);
    stream->continue_token = g_strdup(lull_json_string(lull_json_object(list, "metadata"), "continue", NULL));
    stream->listing = stream->continue_token != NULL;
    return stream->listing || start_watch(stream, error);
}

static void
go_on_listing(Stream *stream)
{
    g_autoptr(GError) error = NULL;

    while (stream->listing && stream->pending < PENDING_LOW)
        if (!write_page(stream, &error)) {
            g_autoptr(LullJson) status = lull_status_from_error(error);
            write_error(stream, status);
        }
}

static void
on_wrote(SoupServerMessage *message, guint size, gpointer user_data)
{
    Stream *stream = (Stream *)user_data;

    stream->pending -= MIN(stream->pending, size);
    go_on_listing(stream);
}

static void
on_finished(SoupServerMessage *message, gpointer user_data)
{
    Stream *stream = (Stream *)user_data;

    (void)g_hash_table_remove(stream->streams->set, stream);
}

static gboolean
on_timeout(gpointer user_data)
{
    finish((Stream *)user_data);
    return G_SOURCE_REMOVE;
}

static gboolean
on_hangup(GSocket *socket, GIOCondition condition, gpointer user_data)
{
    finish((Stream *)user_data);
    return G_SOURCE_REMOVE;
}

/* Those that match now, so that their ceasing to match is seen. */
static gboolean
seed_shown(Stream *stream, const char *labels, GError **error)
{
    const LullListOptions options = {.label_selector = labels};
    g_autoptr(LullJson) list = lull_store_list(stream->store, stream->kind, stream->ns, &options, error);
    LullJson *items = lull_json_array(list, "items");

    for (size_t i = 0; items && i < json_object_array_length(items); i++) {
        LullJson *item = json_object_array_get_idx(items, i);
        g_hash_table_add(stream->shown,
                         g_strdup_printf("%s/%s", lull_meta_namespace(item), lull_meta_name(item)));
    }
    return list != NULL;
}

static gboolean
prepare(Stream *stream, const LullExchange *exchange, GError **error)
{
    const char *labels = lull_exchange_query(exchange, "labelSelector");
    const char *since = lull_exchange_query(exchange, "resourceVersion");

    stream->labels = lull_selector_new(labels, NULL, error);
    stream->fields = stream->labels
                         ? lull_selector_new(NULL, lull_exchange_query(exchange, "fieldSelector"), error)
                         : NULL;
    if (!stream->fields)
        return FALSE;
    if (!lull_selector_is_everything(stream->labels))
        stream->shown = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (since && !g_str_equal(since, "0")) {
        stream->since = g_strdup(since);
        return (!stream->shown || seed_shown(stream, labels, error)) && start_watch(stream, error);
    }
    stream->listing = TRUE;
    return write_page(stream, error);
}

static Stream *
stream_new(LullStreams *streams, const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    Stream *stream = g_new0(Stream, 1);

    stream->streams = streams;
    stream->store = exchange->store;
    stream->kind = route->kind;
    stream->ns = g_strdup(route->ns);
    if (!g_str_equal(route->version, route->kind->version))
        stream->api_version = g_strdup_printf("%s/%s", route->group, route->version);
    stream->message = (SoupServerMessage *)g_object_ref(exchange->message);
    stream->context = g_main_context_ref_thread_default();
    return stream;
}

static void
attach(Stream *stream, guint seconds)
{
    if (seconds) {
        stream->timeout = g_timeout_source_new_seconds(seconds);
        g_source_set_callback(stream->timeout, on_timeout, stream, NULL);
        g_source_attach(stream->timeout, stream->context);
    }
    /* Nothing is read while we write, so a client that goes is noticed by this alone. */
    stream->hangup =
        g_socket_create_source(soup_server_message_get_socket(stream->message), G_IO_HUP | G_IO_ERR, NULL);
    g_source_set_callback(stream->hangup, G_SOURCE_FUNC(on_hangup), stream, NULL);
    g_source_attach(stream->hangup, stream->context);
    g_signal_connect(stream->message, "wrote-body-data", G_CALLBACK(on_wrote), stream);
    g_signal_connect(stream->message, "finished", G_CALLBACK(on_finished), stream);
    g_hash_table_add(stream->streams->set, stream);
}

void
lull_streams_start(LullStreams *self, const LullExchange *exchange)
{
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(exchange->message);
    g_autoptr(GError) error = NULL;
    Stream *stream;
    guint seconds;

    if (!lull_exchange_query_uint(exchange, "timeoutSeconds", 0, &seconds))
        return;
    if (lull_exchange_query(exchange, "sendInitialEvents")) {
        lull_exchange_fail(exchange, 422, "Invalid", "sendInitialEvents: not served: list, then watch");
        return;
    }
    stream = stream_new(self, exchange);
    soup_message_body_set_accumulate(soup_server_message_get_response_body(exchange->message), FALSE);
    if (!prepare(stream, exchange, &error)) {
        soup_message_body_set_accumulate(soup_server_message_get_response_body(exchange->message), TRUE);
        lull_exchange_fail_query(exchange, error);
        stream_free(stream);
        return;
    }
    soup_server_message_set_status(exchange->message, 200, NULL);
    soup_message_headers_set_content_type(headers, "application/json", NULL);
    soup_message_headers_set_encoding(headers, SOUP_ENCODING_CHUNKED);
    attach(stream, seconds);
}

LullStreams *
lull_streams_new(void)
{
    LullStreams *self = g_new0(LullStreams, 1);

    self->set = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)stream_free, NULL);
    return self;
}

void
lull_streams_free(LullStreams *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->set);
    g_free(self);
}
