/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/store/kube/lines.h"
#include "coordinator/store/kube/status.h"
#include "coordinator/store/client/transfer.h"
#include "coordinator/store/kube/url.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define TICK_MS   200
#define MAX_EVENT (4 * 1024 * 1024)

/* A watch under way. */
typedef struct {
    LullClient *client;
    const char *name;
    const LullClientWatch *watch;
    LullLines *lines;
    GString *refusal; /* the body, where the answer is not 200 */
    gboolean enough;
    GError *error;
} Stream;

static LullWatchType
watch_type(const char *word)
{
    static const struct {
        const char *word;
        LullWatchType type;
    } types[] = {
        {"ADDED", LULL_WATCH_ADDED},
        {"MODIFIED", LULL_WATCH_MODIFIED},
        {"DELETED", LULL_WATCH_DELETED},
        {"BOOKMARK", LULL_WATCH_BOOKMARK},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_str_equal(word, types[i].word))
            return types[i].type;
    return LULL_WATCH_ERROR;
}

static gboolean
take_event(const char *line, gsize length, gpointer user_data)
{
    Stream *stream = user_data;
    g_autoptr(LullJson) event = lull_json_parse(line, (gssize)length, &stream->error);
    LullJson *object;
    LullWatchType type;

    if (!event)
        return FALSE;
    object = lull_json_object(event, "object");
    type = watch_type(lull_json_string(event, "type", ""));
    if (type == LULL_WATCH_ERROR) {
        stream->error = lull_status_to_error(object, lull_json_int(object, "code", 0));
        return FALSE;
    }
    /* the server's selector is a courtesy: what is not ours is not passed on */
    if (type == LULL_WATCH_BOOKMARK ||
        g_strcmp0(lull_json_string(lull_json_object(object, "metadata"), "name", NULL), stream->name) != 0)
        return TRUE;
    stream->enough = !stream->watch->event(type, object, stream->watch->user_data);
    return !stream->enough;
}

static size_t
take_bytes(char *bytes, size_t size, size_t n, void *user_data)
{
    Stream *stream = user_data;
    long http_code = 0;

    (void)curl_easy_getinfo(stream->client->dial.easy, CURLINFO_RESPONSE_CODE, &http_code);
    if (http_code != 200) {
        if (size * n > MAX_EVENT - stream->refusal->len)
            return 0;
        g_string_append_len(stream->refusal, bytes, (gssize)(size * n));
        return size * n;
    }
    if (!lull_lines_feed(stream->lines, bytes, size * n, take_event, stream, &stream->error))
        return 0;
    return size * n;
}

/* Runs the transfer until it ends by itself, by the event function or by the deadline. */
static CURLcode
run_stream(Stream *stream, gint64 deadline)
{
    CURLM *multi = curl_multi_init();
    CURLcode code = CURLE_OPERATION_TIMEDOUT;
    int running = 1;

    curl_multi_add_handle(multi, stream->client->dial.easy);
    while (running) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            break;
        if (!running || (deadline && lull_clock_boottime() >= deadline))
            break;
        if (stream->watch->tick)
            stream->watch->tick(stream->watch->user_data);
        (void)curl_multi_poll(multi, NULL, 0, TICK_MS, NULL);
    }
    if (!running) {
        int left;
        const CURLMsg *message = curl_multi_info_read(multi, &left);

        code = message ? message->data.result : CURLE_RECV_ERROR;
    }
    curl_multi_remove_handle(multi, stream->client->dial.easy);
    curl_multi_cleanup(multi);
    return code;
}

static gboolean
judge_stream(Stream *stream, CURLcode code, const LullTransfer *request, GError **error)
{
    long http_code = 0;

    if (stream->enough)
        return TRUE;
    if (stream->error) {
        g_propagate_error(error, g_steal_pointer(&stream->error));
        return FALSE;
    }
    (void)curl_easy_getinfo(stream->client->dial.easy, CURLINFO_RESPONSE_CODE, &http_code);
    if (code == CURLE_OK && http_code != 200) {
        g_autoptr(LullJson) status =
            lull_json_parse(stream->refusal->str, (gssize)stream->refusal->len, NULL);

        lull_transfer_set_refusal(stream->client, status, request, error);
        return FALSE;
    }
    if (code == CURLE_OK)
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "server, on %s: it ended the watch",
                    stream->client->config->socket_path ? stream->client->config->socket_path
                                                        : stream->client->config->server);
    else
        lull_transfer_set_error(stream->client, code, request, error);
    return FALSE;
}

gboolean
lull_client_watch(LullClient *self, const LullKind *kind, const char *ns, const char *name, const char *since,
                  gint64 deadline, const LullClientWatch *watch, GError **error)
{
    g_autofree char *path = lull_client_path(self, kind, ns, NULL, error);
    g_autofree char *selector = g_strconcat("metadata.name=", name, NULL);
    const LullUrlQuery query = {.field_selector = selector, .resource_version = since, .watch = TRUE};
    g_autofree char *full = path ? lull_url_query(path, &query) : NULL;
    const LullTransfer request = {.method = "GET", .path = full};
    Stream stream = {.client = self, .name = name, .watch = watch};
    gboolean done;

    if (!path || !lull_transfer_begin(self, &request, error))
        return FALSE;
    stream.lines = lull_lines_new(MAX_EVENT);
    stream.refusal = g_string_new(NULL);
    curl_easy_setopt(self->dial.easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(self->dial.easy, CURLOPT_WRITEDATA, &stream);
    done = judge_stream(&stream, run_stream(&stream, deadline), &request, error);
    lull_lines_free(stream.lines);
    g_string_free(stream.refusal, TRUE);
    g_clear_error(&stream.error);
    return done;
}
