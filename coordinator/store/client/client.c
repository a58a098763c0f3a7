/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/client/client.h"
#include "coordinator/model/meta.h"

#include <string.h>
#include <sys/un.h>

#include "coordinator/store/client/transfer.h"
#include "coordinator/store/kube/url.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define CALL_MS        30000
#define SUBRESOURCE_MS 180000
#define VERIFY_MS      (24 * 3600 * 1000L)
#define MAX_BODY       (16 * 1024 * 1024)
#define PAGE           500
#define MAX_PAGES      1000

/* Takes @take_config also where it fails. */
static LullClient *
make_client(LullKubeConfig *take_config, GError **error)
{
    LullClient *self;

    if (curl_global_init(take_config->socket_path ? CURL_GLOBAL_NOTHING : CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "libcurl: cannot be initialised");
        lull_kube_config_free(take_config);
        return NULL;
    }
    self = g_new0(LullClient, 1);
    self->config = take_config;
    self->credentials = lull_credentials_new(take_config);
    lull_dial_init(&self->dial);
    self->call_ms = CALL_MS;
    return self;
}

LullClient *
lull_client_new(const char *socket_path, GError **error)
{
    LullKubeConfig *config;
    LullClient *self;
    const gsize limit = sizeof(((struct sockaddr_un *)NULL)->sun_path);

    if (strlen(socket_path) >= limit) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "socket, %s: its path has %zu bytes and may have %zu; use a shorter one", socket_path,
                    strlen(socket_path), limit - 1);
        return NULL;
    }
    config = g_new0(LullKubeConfig, 1);
    config->socket_path = g_strdup(socket_path);
    self = make_client(config, error);
    if (self)
        self->group = g_strdup(LULL_GROUP_SNAPSHOT);
    return self;
}

LullClient *
lull_client_new_server(LullKubeConfig *take_config, const char *group, GError **error)
{
    LullClient *self = make_client(take_config, error);

    if (self)
        self->group = g_strdup(group);
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
    lull_dial_clear(&self->dial);
    lull_credentials_free(self->credentials);
    lull_kube_config_free(self->config);
    curl_global_cleanup();
    g_free(self->group);
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
    g_autoptr(LullJson) answer = NULL;
    g_autoptr(GError) parse_error = NULL;
    long http_code = 0;

    if (!lull_transfer_begin(self, request, error))
        return FALSE;
    curl_easy_setopt(self->dial.easy, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(self->dial.easy, CURLOPT_WRITEDATA, body);
    CURLcode code = curl_easy_perform(self->dial.easy);
    if (code != CURLE_OK) {
        lull_transfer_set_error(self, code == CURLE_WRITE_ERROR ? CURLE_FILESIZE_EXCEEDED : code, request,
                                error);
        return FALSE;
    }
    http_code = lull_dial_code(&self->dial);
    if (body->len)
        answer = lull_json_parse(body->str, (gssize)body->len, &parse_error);
    if (http_code < 200 || http_code > 299) {
        lull_transfer_set_refusal(self, answer, request, error);
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

/* Whether the server has this group. FALSE with an error where it does not say. */
static gboolean
serves_group(LullClient *self, const char *group, GError **error)
{
    g_autofree char *path = g_strconcat("/apis/", group, NULL);
    const LullTransfer request = {.method = "GET", .path = path, .timeout_ms = self->call_ms};
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) answer = exchange_object(self, &request, &problem);

    if (problem && !lull_error_is(problem, LULL_ERROR_UNSUPPORTED))
        g_propagate_error(error, g_steal_pointer(&problem));
    return answer != NULL;
}

const char *
lull_client_find_group(LullClient *self, GError **error)
{
    /* beside another controller, which owns the other one, only ours is of any use */
    static const char *const groups[] = {LULL_GROUP_SNAPSHOT_OWN, LULL_GROUP_SNAPSHOT};

    for (gsize i = 0; !self->group && i < G_N_ELEMENTS(groups); i++) {
        GError *problem = NULL;

        if (serves_group(self, groups[i], &problem))
            self->group = g_strdup(groups[i]);
        if (problem) {
            g_propagate_error(error, problem);
            return NULL;
        }
    }
    if (!self->group)
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                    "API server, on %s: it has neither " LULL_GROUP_SNAPSHOT_OWN " nor " LULL_GROUP_SNAPSHOT
                    ": Lull is not installed in this cluster; see packaging/kubernetes, and lull doctor",
                    self->config->server);
    return self->group;
}

LullJson *
lull_client_list_kinds(LullClient *self, GError **error)
{
    const char *group = lull_client_find_group(self, error);
    g_autofree char *path =
        group ? g_strconcat("/apis/", group, "/", lull_kind_snapshot.version, NULL) : NULL;
    const LullTransfer request = {.method = "GET", .path = path, .timeout_ms = self->call_ms};

    return path ? exchange_object(self, &request, error) : NULL;
}

char *
lull_client_path(LullClient *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    LullKind there = *kind;

    if (g_str_equal(kind->group, LULL_GROUP_SNAPSHOT)) {
        there.group = lull_client_find_group(self, error);
        if (!there.group)
            return NULL;
    }
    return lull_url_object(&there, kind->cluster_scoped ? NULL : ns, name);
}

/* What is made here may name the group that KubeVirt's clients know. */
static LullJson *
in_group(LullClient *self, const LullKind *kind, LullJson *object)
{
    const char *version = strchr(lull_json_string(object, "apiVersion", ""), '/');
    g_autofree char *there = NULL;
    LullJson *named = lull_json_dup(object);

    if (!g_str_equal(kind->group, LULL_GROUP_SNAPSHOT) || !version)
        return named;
    there = g_strconcat(self->group, version, NULL);
    lull_json_set_string(named, "apiVersion", there);
    return named;
}

LullJson *
lull_client_get(LullClient *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    g_autofree char *path = lull_client_path(self, kind, ns, name, error);
    const LullTransfer request = {.method = "GET", .path = path, .timeout_ms = self->call_ms};

    if (!path)
        return NULL;
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
    g_autofree char *path = lull_client_path(self, kind, ns, NULL, error);
    g_autoptr(LullJson) result = json_object_new_object();
    g_autofree char *token = NULL;
    LullJson *all = json_object_new_array();

    lull_json_take(result, "items", all);
    if (!path)
        return NULL;
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
    g_autofree char *path = lull_client_path(self, kind, ns, NULL, error);
    g_autoptr(LullJson) named = path ? in_group(self, kind, object) : NULL;
    const LullTransfer request = {.method = "POST",
                                  .path = path,
                                  .content_type = "application/json",
                                  .body = named,
                                  .timeout_ms = self->call_ms};

    if (!path)
        return NULL;
    return exchange_object(self, &request, error);
}

LullJson *
lull_client_patch(LullClient *self, const LullKind *kind, const char *ns, const char *name, LullJson *patch,
                  GError **error)
{
    g_autofree char *path = lull_client_path(self, kind, ns, name, error);
    const LullTransfer request = {.method = "PATCH",
                                  .path = path,
                                  .content_type = "application/merge-patch+json",
                                  .body = patch,
                                  .timeout_ms = self->call_ms};

    if (!path)
        return NULL;
    return exchange_object(self, &request, error);
}

gboolean
lull_client_remove(LullClient *self, const LullKind *kind, const char *ns, const char *name, const char *uid,
                   GError **error)
{
    g_autofree char *path = lull_client_path(self, kind, ns, name, error);
    g_autoptr(LullJson) options = json_object_new_object();

    lull_json_set_string(options, "apiVersion", "v1");
    lull_json_set_string(options, "kind", "DeleteOptions");
    if (uid)
        lull_json_take(options, "preconditions", lull_meta_preconditions(uid));

    const LullTransfer request = {.method = "DELETE",
                                  .path = path,
                                  .content_type = "application/json",
                                  .body = options,
                                  .timeout_ms = self->call_ms};

    if (!path)
        return FALSE;
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
