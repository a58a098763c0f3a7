/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/client/client.h"

#include <string.h>
#include <sys/un.h>

#include "coordinator/store/kube/status.h"
#include "coordinator/store/client/transfer.h"
#include "coordinator/store/kube/url.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define CALL_MS        30000
#define SUBRESOURCE_MS 180000
#define VERIFY_MS      (24 * 3600 * 1000L)
#define MAX_BODY       (16 * 1024 * 1024)
#define PAGE           500
#define MAX_PAGES      1000

LullClient *
lull_client_new(const char *socket_path, GError **error)
{
    LullClient *self;
    const gsize limit = sizeof(((struct sockaddr_un *)NULL)->sun_path);

    if (strlen(socket_path) >= limit) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "socket, %s: its path has %zu bytes and may have %zu; use a shorter one", socket_path,
                    strlen(socket_path), limit - 1);
        return NULL;
    }
    if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "libcurl: cannot be initialised");
        return NULL;
    }
    self = g_new0(LullClient, 1);
    self->socket_path = g_strdup(socket_path);
    self->easy = curl_easy_init();
    self->call_ms = CALL_MS;
    return self;
}

void
lull_client_set_patience(LullClient *self, gint64 usec)
{
    self->call_ms = (long)(usec / LULL_MSEC(1));
}

void
lull_client_free(LullClient *self)
{
    if (!self)
        return;
    curl_easy_cleanup(self->easy);
    curl_global_cleanup();
    g_free(self->socket_path);
    g_free(self);
}

static size_t
keep_body(char *bytes, size_t size, size_t n, void *user_data)
{
    GString *body = user_data;

    if (size * n > MAX_BODY - body->len)
        return 0;
    g_string_append_len(body, bytes, (gssize)(size * n));
    return size * n;
}

/* One exchange. *@ret_answer is NULL for an empty answer. */
static gboolean
exchange(LullClient *self, const LullTransfer *request, LullJson **ret_answer, GError **error)
{
    g_autoptr(GString) body = g_string_new(NULL);
    struct curl_slist *headers = lull_transfer_headers(request);
    g_autoptr(LullJson) answer = NULL;
    g_autoptr(GError) parse_error = NULL;
    long http_code = 0;

    lull_transfer_begin(self, request, headers);
    curl_easy_setopt(self->easy, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(self->easy, CURLOPT_WRITEDATA, body);
    CURLcode code = curl_easy_perform(self->easy);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        lull_transfer_set_error(self, code == CURLE_WRITE_ERROR ? CURLE_FILESIZE_EXCEEDED : code, request,
                                error);
        return FALSE;
    }
    (void)curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &http_code);
    if (body->len)
        answer = lull_json_parse(body->str, (gssize)body->len, &parse_error);
    if (http_code < 200 || http_code > 299) {
        g_propagate_error(error, lull_status_to_error(answer, http_code));
        return FALSE;
    }
    if (parse_error) {
        g_propagate_prefixed_error(error, g_steal_pointer(&parse_error),
                                   "%s %s: the answer is not understood: ", request->method, request->path);
        return FALSE;
    }
    if (ret_answer)
        *ret_answer = g_steal_pointer(&answer);
    return TRUE;
}

/* An exchange that must be answered by an object. */
static LullJson *
exchange_object(LullClient *self, const LullTransfer *request, GError **error)
{
    g_autoptr(LullJson) answer = NULL;

    if (!exchange(self, request, &answer, error))
        return NULL;
    if (!json_object_is_type(answer, json_type_object)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s %s: the answer is no JSON object",
                    request->method, request->path);
        return NULL;
    }
    return g_steal_pointer(&answer);
}

LullJson *
lull_client_get_version(LullClient *self, GError **error)
{
    const LullTransfer request = {.method = "GET", .path = "/version", .timeout_ms = self->call_ms};

    return exchange_object(self, &request, error);
}

LullJson *
lull_client_get(LullClient *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    g_autofree char *path = lull_url_object(kind, ns, name);
    const LullTransfer request = {.method = "GET", .path = path, .timeout_ms = self->call_ms};

    return exchange_object(self, &request, error);
}

static gboolean
append_items(LullJson *all, LullJson *page)
{
    LullJson *items = lull_json_array(page, "items");

    if (!items)
        return FALSE;
    for (gsize i = 0; i < json_object_array_length(items); i++)
        json_object_array_add(all, json_object_get(json_object_array_get_idx(items, i)));
    return TRUE;
}

LullJson *
lull_client_list(LullClient *self, const LullKind *kind, const char *ns, GError **error)
{
    g_autofree char *path = lull_url_object(kind, ns, NULL);
    g_autoptr(LullJson) result = json_object_new_object();
    g_autofree char *token = NULL;
    LullJson *all = json_object_new_array();

    lull_json_take(result, "items", all);
    for (guint i = 0; i < MAX_PAGES; i++) {
        const LullUrlQuery query = {.limit = PAGE, .continue_token = token};
        g_autofree char *full = lull_url_query(path, &query);
        const LullTransfer request = {.method = "GET", .path = full, .timeout_ms = self->call_ms};
        g_autoptr(LullJson) page = exchange_object(self, &request, error);

        if (!page)
            return NULL;
        if (!append_items(all, page)) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "GET %s: the answer is no list", full);
            return NULL;
        }
        g_free(token);
        token = g_strdup(lull_json_string(lull_json_object(page, "metadata"), "continue", NULL));
        if (!token || !*token)
            return g_steal_pointer(&result);
    }
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "GET %s: the list does not end", path);
    return NULL;
}

LullJson *
lull_client_list_events(LullClient *self, const char *ns, const char *uid, GError **error)
{
    g_autofree char *collection = lull_url_object(&lull_kind_event, ns, NULL);
    g_autofree char *selector = g_strconcat("involvedObject.uid=", uid, NULL);
    const LullUrlQuery query = {.field_selector = selector, .limit = PAGE};
    g_autofree char *path = lull_url_query(collection, &query);
    const LullTransfer request = {.method = "GET", .path = path, .timeout_ms = self->call_ms};

    return exchange_object(self, &request, error);
}

LullJson *
lull_client_create(LullClient *self, const LullKind *kind, const char *ns, LullJson *object, GError **error)
{
    g_autofree char *path = lull_url_object(kind, ns, NULL);
    const LullTransfer request = {.method = "POST",
                                  .path = path,
                                  .content_type = "application/json",
                                  .body = object,
                                  .timeout_ms = self->call_ms};

    return exchange_object(self, &request, error);
}

LullJson *
lull_client_patch(LullClient *self, const LullKind *kind, const char *ns, const char *name, LullJson *patch,
                  GError **error)
{
    g_autofree char *path = lull_url_object(kind, ns, name);
    const LullTransfer request = {.method = "PATCH",
                                  .path = path,
                                  .content_type = "application/merge-patch+json",
                                  .body = patch,
                                  .timeout_ms = self->call_ms};

    return exchange_object(self, &request, error);
}

gboolean
lull_client_remove(LullClient *self, const LullKind *kind, const char *ns, const char *name, const char *uid,
                   GError **error)
{
    g_autofree char *path = lull_url_object(kind, ns, name);
    g_autoptr(LullJson) options = json_object_new_object();

    lull_json_set_string(options, "apiVersion", "v1");
    lull_json_set_string(options, "kind", "DeleteOptions");
    if (uid)
        lull_json_set_string(lull_json_ensure(options, "preconditions"), "uid", uid);

    const LullTransfer request = {.method = "DELETE",
                                  .path = path,
                                  .content_type = "application/json",
                                  .body = options,
                                  .timeout_ms = self->call_ms};
    return exchange(self, &request, NULL, error);
}

gboolean
lull_client_put_subresource(LullClient *self, const char *ns, const char *vm, const char *subresource,
                            LullJson *body, LullJson **ret_answer, GError **error)
{
    g_autofree char *path = lull_url_subresource(ns, vm, subresource);
    const LullTransfer request = {.method = "PUT",
                                  .path = path,
                                  .content_type = "application/json",
                                  .body = body,
                                  .timeout_ms = SUBRESOURCE_MS};

    return exchange(self, &request, ret_answer, error);
}

LullJson *
lull_client_verify(LullClient *self, const char *ns, const char *snapshot, GError **error)
{
    g_autofree char *object = lull_url_object(&lull_kind_snapshot, ns, snapshot);
    g_autofree char *path = g_strconcat(object, "/verify", NULL);
    const LullTransfer request = {.method = "PUT", .path = path, .timeout_ms = VERIFY_MS};

    return exchange_object(self, &request, error);
}
