/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/stream.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/status.h"
#include "protocol/error.h"

#define PAGE        100
#define PENDING_LOW (64 * 1024)       /* below this the next page is read */
#define PENDING_MAX (4 * 1024 * 1024) /* above this the client is too slow */

struct _LullStreams {
    GHashTable *set; /* of Stream, owned */
    guint bookmark_ms;
};

typedef struct {
    LullStreams *streams;
    LullStore *store;
    LullPresent present;
    char *ns;      /* NULL: all */
    char *version; /* of the API */
    char *labels;
    char *fields;
    SoupServerMessage *message;
    GMainContext *context;
    char *position;       /* resourceVersion of what the client was told last, at least */
    char *reached;        /* where the store was when a bookmark became due */
    char *continue_token; /* while the first state is being listed */
    gboolean listing;
    gboolean tells_end; /* of the first state */
    gboolean bookmarks;
    gboolean timed_out;
    gboolean ended;
    LullWatch *watch;
    GSource *timeout;
    GSource *bookmark;
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
    clear_source(&stream->bookmark);
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
    g_free(stream->labels);
    g_free(stream->fields);
    g_free(stream->position);
    g_free(stream->reached);
    g_free(stream->continue_token);
    g_free(stream->version);
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

/* @object: as it is to be shown. */
static void
write_event(Stream *stream, const char *type, LullJson *object)
{
    char *line = g_strdup_printf("{\"type\":\"%s\",\"object\":%s}\n", type, lull_json_to_line(object));
    const gsize size = strlen(line);

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

static void
write_bookmark(Stream *stream, gboolean initial_end)
{
    g_autoptr(LullJson) bookmark = lull_present_bookmark(&stream->present, stream->position, initial_end);

    write_event(stream, "BOOKMARK", bookmark);
}

static void
move_to(Stream *stream, const char *position)
{
    g_free(stream->position);
    stream->position = g_strdup(position);
}

static void
on_event(LullWatchType type, LullJson *object, gpointer user_data)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
    Stream *stream = (Stream *)user_data;
    g_autoptr(LullJson) shown = NULL;

    if (type == LULL_WATCH_ERROR) {
        write_error(stream, object);
        return;
    }
    if (type == LULL_WATCH_BOOKMARK)
        return;
    if (!stream->listing)
        move_to(stream, lull_meta_version(object));
    shown = lull_present_object(&stream->present, object);
    write_event(stream, names[type], shown);
    if (stream->watch && stream->pending > PENDING_MAX)
        drop(stream);
}

static gboolean
start_watch(Stream *stream, GError **error)
{
    const LullWatchOptions options = {stream->position, stream->labels, stream->fields};

    stream->watch = lull_store_watch_selected(stream->store, stream->present.kind, stream->ns, &options,
                                              stream->context, on_event, stream, error);
    return stream->watch != NULL;
}

/* Lists the next page of the first state as ADDED; after the last the watch begins where the list was. */
static gboolean
write_page(Stream *stream, GError **error)
{
    const LullListOptions options = {stream->labels, stream->fields, PAGE, stream->continue_token};
    g_autoptr(LullJson) list =
        lull_store_list(stream->store, stream->present.kind, stream->ns, &options, error);
    LullJson *items = lull_json_array(list, "items");

    if (!list)
        return FALSE;
    for (size_t i = 0; i < json_object_array_length(items); i++)
        on_event(LULL_WATCH_ADDED, json_object_array_get_idx(items, i), stream);
    move_to(stream, lull_meta_version(list));
    g_free(stream->continue_token);
    stream->continue_token = g_strdup(lull_json_string(lull_json_object(list, "metadata"), "continue", NULL));
    stream->listing = stream->continue_token != NULL;
    if (!stream->listing && stream->tells_end)
        write_bookmark(stream, TRUE);
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
on_hangup(GSocket *socket, GIOCondition condition, gpointer user_data)
{
    finish((Stream *)user_data);
    return G_SOURCE_REMOVE;
}

/* Bookmarks say how far the client is, so that it can go on from there after a pause. Two steps: the store
 * says how far it is; what happened up to then waits in the watch's queue, which is delivered at a higher
 * priority than the second step has. */

static void plan_bookmark(Stream *stream);

static gint64
later_of(const char *a, const char *b)
{
    const gint64 x = a ? g_ascii_strtoll(a, NULL, 10) : 0;
    const gint64 y = b ? g_ascii_strtoll(b, NULL, 10) : 0;

    return MAX(x, y);
}

static gboolean
on_delivered(gpointer user_data)
{
    Stream *stream = (Stream *)user_data;
    const gint64 position = later_of(stream->position, stream->reached);

    clear_source(&stream->bookmark);
    g_free(stream->position);
    stream->position = g_strdup_printf("%" G_GINT64_FORMAT, position);
    write_bookmark(stream, FALSE);
    if (stream->timed_out)
        finish(stream);
    else
        plan_bookmark(stream);
    return G_SOURCE_REMOVE;
}

static gboolean
on_bookmark_due(gpointer user_data)
{
    Stream *stream = (Stream *)user_data;
    const LullListOptions options = {.limit = 1};
    g_autoptr(LullJson) list =
        lull_store_list(stream->store, stream->present.kind, stream->ns, &options, NULL);

    clear_source(&stream->bookmark);
    if (!stream->watch) { /* still at the first state */
        plan_bookmark(stream);
        return G_SOURCE_REMOVE;
    }
    g_free(stream->reached);
    stream->reached = g_strdup(list ? lull_meta_version(list) : NULL);
    stream->bookmark = g_idle_source_new();
    g_source_set_callback(stream->bookmark, on_delivered, stream, NULL);
    g_source_attach(stream->bookmark, stream->context);
    return G_SOURCE_REMOVE;
}

static void
plan_bookmark(Stream *stream)
{
    stream->bookmark = g_timeout_source_new(stream->streams->bookmark_ms);
    g_source_set_callback(stream->bookmark, on_bookmark_due, stream, NULL);
    g_source_attach(stream->bookmark, stream->context);
}

static gboolean
on_timeout(gpointer user_data)
{
    Stream *stream = (Stream *)user_data;

    stream->timed_out = TRUE;
    if (stream->bookmarks && stream->watch)
        (void)on_bookmark_due(stream);
    else
        finish(stream);
    return G_SOURCE_REMOVE;
}

typedef enum { BEGIN_WITH_STATE = 0, BEGIN_AT_VERSION, BEGIN_NOW } Begin;

/* FALSE: what is asked for contradicts itself, and was answered. */
static gboolean
parse_begin(const LullExchange *exchange, Begin *ret_begin, gboolean *ret_tells_end)
{
    const char *since = lull_exchange_query(exchange, "resourceVersion");
    const char *initial = lull_exchange_query(exchange, "sendInitialEvents");
    const char *match = lull_exchange_query(exchange, "resourceVersionMatch");
    const gboolean from_any = !since || g_str_equal(since, "0");
    const gboolean wanted = g_strcmp0(initial, "true") == 0;

    if (!initial && match)
        lull_exchange_fail(exchange, 422, "Invalid",
                           "resourceVersionMatch: forbidden for watch unless sendInitialEvents is provided");
    else if (initial && !wanted && !g_str_equal(initial, "false"))
        lull_exchange_fail(exchange, 400, "BadRequest", "sendInitialEvents: neither true nor false");
    else if (initial && g_strcmp0(match, "NotOlderThan") != 0)
        lull_exchange_fail(exchange, 422, "Invalid",
                           "resourceVersionMatch: sendInitialEvents requires it to be NotOlderThan");
    else if (wanted && !lull_exchange_query_bool(exchange, "allowWatchBookmarks"))
        lull_exchange_fail(
            exchange, 422, "Invalid",
            "allowWatchBookmarks: sendInitialEvents requires it, its end is told by a bookmark");
    else {
        *ret_begin = wanted || (!initial && from_any) ? BEGIN_WITH_STATE
                     : from_any                       ? BEGIN_NOW
                                                      : BEGIN_AT_VERSION;
        *ret_tells_end = wanted;
        return TRUE;
    }
    return FALSE;
}

static gboolean
begin(Stream *stream, Begin where, const char *since, GError **error)
{
    const LullListOptions options = {.limit = 1};
    g_autoptr(LullJson) list = NULL;

    if (where == BEGIN_WITH_STATE) {
        stream->listing = TRUE;
        return write_page(stream, error);
    }
    if (where == BEGIN_NOW) {
        list = lull_store_list(stream->store, stream->present.kind, stream->ns, &options, error);
        if (!list)
            return FALSE;
    }
    move_to(stream, list ? lull_meta_version(list) : since);
    return start_watch(stream, error);
}

static Stream *
stream_new(LullStreams *streams, const LullExchange *exchange)
{
    const LullRoute *route = exchange->route;
    Stream *stream = g_new0(Stream, 1);

    stream->streams = streams;
    stream->store = exchange->store;
    stream->ns = g_strdup(route->ns);
    stream->version = g_strdup(route->version);
    stream->present = lull_exchange_form(exchange);
    stream->present.version = stream->version;
    stream->labels = g_strdup(lull_exchange_query(exchange, "labelSelector"));
    stream->fields = g_strdup(lull_exchange_query(exchange, "fieldSelector"));
    stream->bookmarks = lull_exchange_query_bool(exchange, "allowWatchBookmarks");
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
    if (stream->bookmarks)
        plan_bookmark(stream);
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
    SoupMessageBody *body = soup_server_message_get_response_body(exchange->message);
    g_autoptr(GError) error = NULL;
    gboolean tells_end;
    Stream *stream;
    guint seconds;
    Begin where;

    if (!lull_exchange_query_uint(exchange, "timeoutSeconds", 0, &seconds) ||
        !parse_begin(exchange, &where, &tells_end))
        return;
    stream = stream_new(self, exchange);
    stream->tells_end = tells_end;
    soup_message_body_set_accumulate(body, FALSE);
    if (!begin(stream, where, lull_exchange_query(exchange, "resourceVersion"), &error)) {
        soup_message_body_set_accumulate(body, TRUE);
        lull_exchange_fail_query(exchange, error);
        stream_free(stream);
        return;
    }
    soup_server_message_set_status(exchange->message, 200, NULL);
    SoupMessageHeaders *headers = soup_server_message_get_response_headers(exchange->message);
    soup_message_headers_set_content_type(headers, "application/json", NULL);
    soup_message_headers_set_encoding(headers, SOUP_ENCODING_CHUNKED);
    attach(stream, seconds);
}

LullStreams *
lull_streams_new(guint bookmark_ms)
{
    LullStreams *self = g_new0(LullStreams, 1);

    self->bookmark_ms = bookmark_ms;
    self->set = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)stream_free, NULL);
    return self;
}

void
lull_streams_set_interval(LullStreams *self, guint bookmark_ms)
{
    self->bookmark_ms = bookmark_ms;
}

void
lull_streams_free(LullStreams *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->set);
    g_free(self);
}
