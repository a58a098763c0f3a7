/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "coordinator/store/kube/http-date.h"
#include "coordinator/store/kube/retry.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define CONNECT_MS  5000
#define MAX_HEADERS (256 * 1024)
#define COORDINATOR "lull-coordinator/" LULL_VERSION

#define DEAD_AFTER_MS 15000 /* sent, and not even acknowledged */
#define KEEPALIVE_S   15

void
lull_dial_init(LullDial *self)
{
    *self = (LullDial){.easy = curl_easy_init()};
}

void
lull_dial_clear(LullDial *self)
{
    if (self->easy)
        curl_easy_cleanup(self->easy);
    curl_slist_free_all(self->headers);
    curl_slist_free_all(self->connect_to);
    lull_credential_unref(self->credential);
    g_free(self->url);
    *self = (LullDial){0};
}

/* Of no program that is started meanwhile. */
static curl_socket_t
open_socket(void *user_data, curlsocktype purpose, struct curl_sockaddr *address)
{
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    const int dead_after = DEAD_AFTER_MS;

    if (fd >= 0 && address->family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_after, sizeof dead_after);
    return fd;
}

/* What the header @name says (with its colon), if this is it. */
static char *
value_of(const char *bytes, size_t length, const char *name)
{
    const size_t of_name = strlen(name);

    if (length <= of_name || strncasecmp(bytes, name, of_name) != 0)
        return NULL;
    return g_strstrip(g_strndup(bytes + of_name, MIN(length - of_name, 64)));
}

static size_t
take_header(char *bytes, size_t size, size_t n, void *user_data)
{
    LullDial *self = user_data;
    g_autofree char *after = value_of(bytes, size * n, "retry-after:");
    g_autofree char *date = value_of(bytes, size * n, "date:");

    self->header_bytes += size * n;
    if (self->header_bytes > MAX_HEADERS)
        return 0;
    if (after)
        self->retry_after = lull_retry_after_parse(after, lull_clock_realtime());
    if (date && lull_http_date_parse(date, &self->date))
        self->answered = lull_clock_realtime();
    return size * n;
}

/* The certificate's name is that of the URL, so the URL has it, and the connection goes elsewhere. */
static char *
name_for_tls(LullDial *self, const LullKubeConfig *config)
{
    g_autoptr(GUri) uri = g_uri_parse(config->server, G_URI_FLAGS_ENCODED, NULL);
    g_autoptr(GUri) named = NULL;
    g_autofree char *rule = NULL;
    const char *host = g_uri_get_host(uri);
    const int port = g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : 443;
    const gboolean ipv6 = strchr(host, ':') != NULL;

    named = g_uri_build(G_URI_FLAGS_ENCODED, g_uri_get_scheme(uri), NULL, config->tls_name, port,
                        g_uri_get_path(uri), NULL, NULL);
    rule = g_strdup_printf("%s:%d:%s%s%s:%d", config->tls_name, port, ipv6 ? "[" : "", host, ipv6 ? "]" : "",
                           port);
    self->connect_to = curl_slist_append(NULL, rule);
    curl_easy_setopt(self->easy, CURLOPT_CONNECT_TO, self->connect_to);
    return g_uri_to_string(named);
}

static void
set_server(LullDial *self, const LullKubeConfig *config, const LullDialRequest *request)
{
    g_autofree char *base = NULL;

    if (config->socket_path) {
        curl_easy_setopt(self->easy, CURLOPT_UNIX_SOCKET_PATH, config->socket_path);
        base = g_strdup("http://localhost");
    } else if (config->tls_name) {
        base = name_for_tls(self, config);
    } else {
        base = g_strdup(config->server);
    }
    g_free(self->url);
    self->url = g_strconcat(base, request->path, NULL);
    curl_easy_setopt(self->easy, CURLOPT_URL, self->url);
}

static void
set_tls(LullDial *self, const LullKubeConfig *config)
{
    const LullCredential *credential = self->credential;

    curl_easy_setopt(self->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (config->insecure) {
        curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (credential->ca) {
        curl_easy_setopt(self->easy, CURLOPT_CAINFO, credential->ca);
        curl_easy_setopt(self->easy, CURLOPT_CAPATH, NULL); /* this authority, and no other */
    }
    if (credential->certificate) {
        curl_easy_setopt(self->easy, CURLOPT_SSLCERT, credential->certificate);
        curl_easy_setopt(self->easy, CURLOPT_SSLKEY, credential->key);
    }
}

static void
set_headers(LullDial *self, const LullDialRequest *request)
{
    g_autofree char *type = request->body ? g_strconcat("Content-Type: ", request->content_type, NULL) : NULL;
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");

    headers = curl_slist_append(headers, "Expect:");
    if (self->credential->authorization)
        headers = curl_slist_append(headers, self->credential->authorization);
    if (type)
        headers = curl_slist_append(headers, type);
    self->headers = headers;
    curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(self->easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static size_t
give_body(char *buffer, size_t size, size_t n, void *user_data)
{
    LullDial *self = user_data;
    const gsize length = MIN(strlen(self->body), size * n);

    memcpy(buffer, self->body, length);
    self->body += length;
    return length;
}

/* libcurl repeats by itself what went out on a kept connection that closes without an answer, unless it would
 * have to rewind a body and cannot. */
static void
set_body(LullDial *self, const LullDialRequest *request)
{
    if (!request->body)
        return;
    curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->body));
    if (request->once) {
        self->body = request->body;
        curl_easy_setopt(self->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(self->easy, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(self->easy, CURLOPT_READDATA, self);
    } else {
        curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, request->body);
    }
}

void
lull_dial_begin(LullDial *self, const LullKubeConfig *config, LullCredential *take_credential,
                const LullDialRequest *request)
{
    curl_easy_reset(self->easy);
    g_clear_pointer(&self->headers, curl_slist_free_all);
    g_clear_pointer(&self->connect_to, curl_slist_free_all);
    lull_credential_unref(self->credential);
    self->credential = take_credential;
    self->header_bytes = 0;
    self->retry_after = 0;
    self->date = self->answered = 0;
    self->asked = lull_clock_realtime();
    set_server(self, config, request);
    set_tls(self, config);
    set_body(self, request);
    set_headers(self, request);
    curl_easy_setopt(self->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(self->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(self->easy, CURLOPT_PROXY, config->proxy ? config->proxy : "");
    curl_easy_setopt(self->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(self->easy, CURLOPT_USERAGENT, request->agent ? request->agent : COORDINATOR);
    curl_easy_setopt(self->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(self->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(self->easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    curl_easy_setopt(self->easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S / 3);
    curl_easy_setopt(self->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, (long)(request->timeout / LULL_MSEC(1)));
    curl_easy_setopt(self->easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(self->easy, CURLOPT_HEADERDATA, self);
}

long
lull_dial_code(const LullDial *self)
{
    long code = 0;

    (void)curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

gboolean
lull_dial_was_sent(const LullDial *self)
{
    long request_bytes = 0;

    (void)curl_easy_getinfo(self->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    return request_bytes > 0;
}

gboolean
lull_dial_is_untrusted(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM;
}

GError *
lull_dial_error(const LullDial *self, const LullKubeConfig *config, CURLcode code)
{
    const char *where = config->socket_path ? config->socket_path : config->server;
    const char *why = curl_easy_strerror(code);

    if (code == CURLE_OPERATION_TIMEDOUT && lull_dial_was_sent(self))
        return g_error_new(LULL_ERROR, LULL_ERROR_TIMED_OUT, "API server, on %s: no answer in time", where);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return g_error_new(LULL_ERROR, LULL_ERROR_TIMED_OUT, "API server, on %s: not waited for: it ends",
                           where);
    if (lull_dial_is_untrusted(code))
        return g_error_new(LULL_ERROR, LULL_ERROR_DENIED,
                           "API server, on %s: %s; see the certificates of the kubeconfig or service account",
                           where, why);
    if (code == CURLE_WRITE_ERROR)
        return g_error_new(LULL_ERROR, LULL_ERROR_INVALID, "API server, on %s: the answer is too large",
                           where);
    return g_error_new(LULL_ERROR, LULL_ERROR_LOST, "API server, on %s: %s", where, why);
}

static size_t
keep_body(char *bytes, size_t size, size_t n, void *user_data)
{
    LullDialBody *body = user_data;

    if (size * n > body->max - body->text->len)
        return 0;
    g_string_append_len(body->text, bytes, (gssize)(size * n));
    return size * n;
}

void
lull_dial_keep_body(LullDial *self, LullDialBody *body)
{
    curl_easy_setopt(self->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(self->easy, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(self->easy, CURLOPT_WRITEDATA, body);
}
