/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/config.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/error.h"

#define MAX_URL      2048
#define MAX_INLINE   (1024 * 1024) /* of a secret in the file, encoded */
#define DEFAULT_NAME "default"

static void
secret_clear(LullKubeSecret *secret)
{
    g_free(secret->path);
    g_free(secret->bytes);
}

void
lull_kube_config_free(LullKubeConfig *self)
{
    if (!self)
        return;
    g_free(self->server);
    g_free(self->socket_path);
    g_free(self->ns);
    g_free(self->tls_name);
    g_free(self->proxy);
    secret_clear(&self->ca);
    secret_clear(&self->certificate);
    secret_clear(&self->key);
    secret_clear(&self->token);
    g_free(self);
}

/* An entry of a named list, and the file that it is in. */
typedef struct {
    const char *path;
    const char *what; /* "cluster", for errors */
    const char *name;
    LullJson *body;
} Entry;

static gboolean
fail(const Entry *entry, const char *field, const char *problem, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: %s \"%.80s\": %s: %s", entry->path, entry->what,
                entry->name, field, problem);
    return FALSE;
}

/* {"name": ..., "<what>": {...}} of the first file that has it. */
static gboolean
find_entry(const GPtrArray *files, const char *list, const char *what, const char *name, Entry *ret_entry,
           GError **error)
{
    for (guint i = 0; i < files->len; i++) {
        const LullKubeconfig *file = g_ptr_array_index(files, i);
        LullJson *entries = lull_json_array(file->document, list);
        const gsize n = entries ? json_object_array_length(entries) : 0;

        for (gsize k = 0; k < n; k++) {
            LullJson *entry = json_object_array_get_idx(entries, k);

            if (g_strcmp0(lull_json_string(entry, "name", NULL), name) != 0)
                continue;
            *ret_entry = (Entry){file->path, what, name, lull_json_object(entry, what)};
            return ret_entry->body ? TRUE : fail(ret_entry, what, "is missing or no mapping", error);
        }
    }
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "kubeconfig: there is no %s \"%.80s\"", what, name);
    return FALSE;
}

static gboolean
is_plain(const char *text, gsize max)
{
    if (strlen(text) > max)
        return FALSE;
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~')
            return FALSE;
    return TRUE;
}

/* A member that is a text without blanks, or absent. */
static gboolean
read_text(const Entry *entry, const char *field, gsize max, char **ret_text, GError **error)
{
    LullJson *value = lull_json_at(entry->body, field, NULL);
    const char *text = lull_json_string(entry->body, field, "");

    if (value && !json_object_is_type(value, json_type_string))
        return fail(entry, field, "must be a text", error);
    if (!is_plain(text, max))
        return fail(entry, field, "has characters that do not belong there, or is too long", error);
    g_free(*ret_text);
    *ret_text = *text ? g_strdup(text) : NULL;
    return TRUE;
}

/* "@field", a path, or "@field-data", its content in base64, which wins. */
static gboolean
read_pem(const Entry *entry, const char *field, LullKubeSecret *secret, GError **error)
{
    g_autofree char *data_field = g_strconcat(field, "-data", NULL);
    const char *data = lull_json_string(entry->body, data_field, "");
    const char *path = lull_json_string(entry->body, field, "");
    gsize length = 0;

    if (*data) {
        if (strlen(data) > MAX_INLINE)
            return fail(entry, data_field, "is too long", error);
        g_autofree guchar *bytes = g_base64_decode(data, &length);
        secret->bytes = g_strndup((const char *)bytes, length);
        if (length != strlen(secret->bytes) || !strstr(secret->bytes, "-----BEGIN "))
            return fail(entry, data_field, "is no PEM in base64", error);
    } else if (*path) {
        g_autofree char *folder = g_path_get_dirname(entry->path);
        secret->path = g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(folder, path, NULL);
    }
    return TRUE;
}

static gboolean
has_secret(const LullKubeSecret *secret)
{
    return secret->path || secret->bytes;
}

/* Takes the slashes off the end, and has the scheme in small letters: others look at how it begins. */
static gboolean
check_server(const Entry *entry, char *server, GError **error)
{
    g_autoptr(GUri) uri = server ? g_uri_parse(server, G_URI_FLAGS_NONE, NULL) : NULL;
    const char *scheme = uri ? g_uri_get_scheme(uri) : NULL;

    if (!server)
        return fail(entry, "server", "is missing", error);
    if (!uri || (!g_str_equal(scheme, "https") && !g_str_equal(scheme, "http")) || !g_uri_get_host(uri) ||
        !*g_uri_get_host(uri))
        return fail(entry, "server", "must be https://HOST:PORT", error);
    if (g_uri_get_userinfo(uri) || g_uri_get_query(uri) || g_uri_get_fragment(uri))
        return fail(entry, "server", "may have no user, query or fragment", error);
    memcpy(server, scheme, strlen(scheme));
    while (g_str_has_suffix(server, "/"))
        server[strlen(server) - 1] = '\0';
    return TRUE;
}

static gboolean
read_cluster(LullKubeConfig *self, const Entry *entry, GError **error)
{
    if (!read_text(entry, "server", MAX_URL, &self->server, error) ||
        !read_text(entry, "tls-server-name", 253, &self->tls_name, error) ||
        !read_text(entry, "proxy-url", MAX_URL, &self->proxy, error) ||
        !read_pem(entry, "certificate-authority", &self->ca, error))
        return FALSE;
    self->insecure = lull_json_bool(entry->body, "insecure-skip-tls-verify", FALSE);
    if (self->insecure && has_secret(&self->ca))
        return fail(entry, "insecure-skip-tls-verify", "goes with no certificate-authority", error);
    return check_server(entry, self->server, error);
}

static gboolean
refuse_unknown_ways(const Entry *entry, GError **error)
{
    static const char *const fields[] = {"exec", "auth-provider", "username",  "password",
                                         "as",   "as-uid",        "as-groups", "as-user-extra"};

    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        if (lull_json_at(entry->body, fields[i], NULL)) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                        "%s: user \"%.80s\": %s is not supported; use a client certificate, or a token as "
                        "`kubectl create token` makes them",
                        entry->path, entry->name, fields[i]);
            return FALSE;
        }
    return TRUE;
}

static gboolean
read_token(LullKubeConfig *self, const Entry *entry, GError **error)
{
    char *path = NULL;

    if (!read_text(entry, "tokenFile", 4096, &path, error))
        return FALSE;
    if (path) {
        g_autofree char *folder = g_path_get_dirname(entry->path);
        self->token.path = g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(folder, path, NULL);
        g_free(path);
        return TRUE;
    }
    return read_text(entry, "token", MAX_INLINE, &self->token.bytes, error);
}

static gboolean
read_user(LullKubeConfig *self, const Entry *entry, GError **error)
{
    if (!refuse_unknown_ways(entry, error) ||
        !read_pem(entry, "client-certificate", &self->certificate, error) ||
        !read_pem(entry, "client-key", &self->key, error) || !read_token(self, entry, error))
        return FALSE;
    if (has_secret(&self->certificate) != has_secret(&self->key))
        return fail(entry, has_secret(&self->key) ? "client-certificate" : "client-key", "is missing", error);
    if (g_str_has_prefix(self->server, "http://") &&
        (has_secret(&self->token) || has_secret(&self->certificate)))
        return fail(entry, "token or client-certificate",
                    "would be of no use, or travel in the clear: the "
                    "server is http",
                    error);
    return TRUE;
}

static const char *
current_context(const GPtrArray *files)
{
    for (guint i = 0; i < files->len; i++) {
        const LullKubeconfig *file = g_ptr_array_index(files, i);
        const char *name = lull_json_string(file->document, "current-context", "");

        if (*name)
            return name;
    }
    return NULL;
}

LullKubeConfig *
lull_kube_config_choose(const GPtrArray *files, const char *name, GError **error)
{
    g_autoptr(LullKubeConfig) self = g_new0(LullKubeConfig, 1);
    const char *chosen = name ? name : current_context(files);
    Entry context, cluster, user;

    if (!chosen) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "kubeconfig: there is no current-context; name one");
        return NULL;
    }
    if (!find_entry(files, "contexts", "context", chosen, &context, error) ||
        !find_entry(files, "clusters", "cluster", lull_json_string(context.body, "cluster", ""), &cluster,
                    error) ||
        !read_cluster(self, &cluster, error))
        return NULL;
    const char *user_name = lull_json_string(context.body, "user", "");
    if (*user_name &&
        (!find_entry(files, "users", "user", user_name, &user, error) || !read_user(self, &user, error)))
        return NULL;
    self->ns = g_strdup(lull_json_string(context.body, "namespace", DEFAULT_NAME));
    if (!lull_name_is_valid(self->ns)) {
        (void)fail(&context, "namespace", "is no name of a namespace", error);
        return NULL;
    }
    return g_steal_pointer(&self);
}

LullKubeConfig *
lull_kube_config_of_pod(const char *host, const char *port, const char *dir, const char *ns, GError **error)
{
    g_autoptr(LullKubeConfig) self = g_new0(LullKubeConfig, 1);
    g_autofree char *trimmed = g_strstrip(g_strdup(ns ? ns : DEFAULT_NAME));
    const gboolean bare_ipv6 = host && strchr(host, ':') && *host != '[';
    const Entry entry = {"the pod", "service", "kubernetes", NULL};

    if (!host || !port || !is_plain(host, 253) || !is_plain(port, 5)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "cluster: KUBERNETES_SERVICE_HOST and _PORT do not say where it is; give a kubeconfig, "
                    "or run this in a pod");
        return NULL;
    }
    self->server =
        g_strdup_printf("https://%s%s%s:%s", bare_ipv6 ? "[" : "", host, bare_ipv6 ? "]" : "", port);
    if (!check_server(&entry, self->server, error))
        return NULL;
    if (!lull_name_is_valid(trimmed)) {
        (void)fail(&entry, "namespace", "is no name of a namespace", error);
        return NULL;
    }
    self->ns = g_steal_pointer(&trimmed);
    self->ca.path = g_build_filename(dir, "ca.crt", NULL);
    self->token.path = g_build_filename(dir, "token", NULL);
    return g_steal_pointer(&self);
}
