/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/client/hold.h"

#include "coordinator/store/kube/lines.h"
#include "coordinator/store/client/transfer.h"
#include "coordinator/store/kube/url.h"
#include "protocol/error.h"

#define POLL_MS  60000
#define MAX_LINE (256 * 1024)

struct _LullClientHold {
    LullClient *client;
    CURLM *multi;
    LullLines *lines;
    GString *refusal; /* the body, where the answer is not 200 */
    LullJson *held;
    LullJson *end;
    gboolean over; /* nothing more will come */
    CURLcode code; /* then */
    GError *error; /* of what came */
};

static gboolean
take_line(const char *line, gsize length, gpointer user_data)
{
    LullClientHold *self = user_data;
    g_autoptr(LullJson) told = lull_json_parse(line, (gssize)length, &self->error);

    if (!told)
        return FALSE;
    if (g_str_equal(lull_json_string(told, "state", ""), "held") && !self->held)
        self->held = g_steal_pointer(&told);
    else if (g_str_equal(lull_json_string(told, "state", ""), "ended") && !self->end)
        self->end = g_steal_pointer(&told);
    return TRUE;
}

static size_t
take_bytes(char *bytes, size_t size, size_t n, void *user_data)
{
    LullClientHold *self = user_data;
    long http_code = 0;

    (void)curl_easy_getinfo(self->client->dial.easy, CURLINFO_RESPONSE_CODE, &http_code);
    if (http_code != 200) {
        if (size * n > MAX_LINE - self->refusal->len)
            return 0;
        g_string_append_len(self->refusal, bytes, (gssize)(size * n));
        return size * n;
    }
    if (!lull_lines_feed(self->lines, bytes, size * n, take_line, self, &self->error))
        return 0;
    return size * n;
}

/* Takes what has come; notes where that was all. */
static void
perform(LullClientHold *self)
{
    int running = 0, left = 0;
    const CURLMsg *message;

    if (!self->over && curl_multi_perform(self->multi, &running) == CURLM_OK && running)
        return;
    message = curl_multi_info_read(self->multi, &left);
    if (!self->over)
        self->code = message ? message->data.result : CURLE_RECV_ERROR;
    self->over = TRUE;
}

static gboolean
set_refusal(LullClientHold *self, const LullTransfer *request, GError **error)
{
    g_autoptr(LullJson) status = NULL;
    long http_code = 0;

    (void)curl_easy_getinfo(self->client->dial.easy, CURLINFO_RESPONSE_CODE, &http_code);
    if (self->error) {
        g_propagate_prefixed_error(error, g_steal_pointer(&self->error),
                                   "%s %s: the answer is not understood: ", request->method, request->path);
    } else if (self->code != CURLE_OK) {
        lull_transfer_set_error(self->client, self->code, request, error);
    } else if (http_code != 200) {
        status = lull_json_parse(self->refusal->str, (gssize)self->refusal->len, NULL);
        lull_transfer_set_refusal(self->client, status, request, error);
    } else {
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "coordinator, on %s: it does not hold the guest",
                    self->client->config->socket_path);
    }
    return FALSE;
}

static gboolean
begin(LullClientHold *self, const LullTransfer *request, GError **error)
{
    if (!lull_transfer_begin(self->client, request, error))
        return FALSE;
    curl_easy_setopt(self->client->dial.easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(self->client->dial.easy, CURLOPT_WRITEDATA, self);
    curl_multi_add_handle(self->multi, self->client->dial.easy);
    for (perform(self); !self->over && !self->held; perform(self))
        (void)curl_multi_poll(self->multi, NULL, 0, POLL_MS, NULL);
    return self->held ? TRUE : set_refusal(self, request, error);
}

LullClientHold *
lull_client_hold_new(const char *socket_path, const char *ns, const char *vm, LullJson *body, GError **error)
{
    g_autofree char *path = lull_url_subresource(ns, vm, "hold");
    const LullTransfer request = {
        .method = "PUT", .path = path, .content_type = "application/json", .body = body};
    g_autoptr(LullClientHold) self = g_new0(LullClientHold, 1);

    self->lines = lull_lines_new(MAX_LINE);
    self->refusal = g_string_new(NULL);
    self->multi = curl_multi_init();
    self->client = lull_client_new(socket_path, error);
    return self->client && begin(self, &request, error) ? g_steal_pointer(&self) : NULL;
}

LullJson *
lull_client_hold_facts(const LullClientHold *self)
{
    return self->held;
}

gboolean
lull_client_hold_wait(LullClientHold *self, int fd)
{
    struct curl_waitfd other = {.fd = fd, .events = CURL_WAIT_POLLIN};

    for (;;) {
        perform(self);
        if (self->over || self->end)
            return FALSE;
        if (other.revents)
            return TRUE;
        (void)curl_multi_poll(self->multi, &other, 1, POLL_MS, NULL);
    }
}

LullJson *
lull_client_hold_end(const LullClientHold *self)
{
    return self->end;
}

void
lull_client_hold_free(LullClientHold *self)
{
    if (!self)
        return;
    if (self->client)
        curl_multi_remove_handle(self->multi, self->client->dial.easy);
    lull_client_free(self->client);
    curl_multi_cleanup(self->multi);
    lull_lines_free(self->lines);
    g_string_free(self->refusal, TRUE);
    json_object_put(self->held);
    json_object_put(self->end);
    g_clear_error(&self->error);
    g_free(self);
}
