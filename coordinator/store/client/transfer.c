/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/client/transfer.h"

#include <errno.h>
#include <sys/socket.h>

#include "protocol/error.h"

#define CONNECT_MS 5000

static void
set_connect_error(LullClient *self, GError **error)
{
    long os = 0;

    (void)curl_easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &os);
    if (os == EACCES || os == EPERM)
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_DENIED,
            "coordinator, on %s: permission denied; run this as root or as a member of the group that owns "
            "the socket",
            self->socket_path);
    else
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_LOST,
            "coordinator, on %s: it is not running (%s); start lull-coordinator, or name its socket with "
            "--socket",
            self->socket_path, os ? g_strerror((int)os) : "nobody answers");
}

void
lull_transfer_set_error(LullClient *self, CURLcode code, const LullTransfer *request, GError **error)
{
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
        set_connect_error(self, error);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                    "coordinator, on %s: no answer to %s %s in time; see its log", self->socket_path,
                    request->method, request->path);
    else if (code == CURLE_FILESIZE_EXCEEDED)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s %s: the answer is too large", request->method,
                    request->path);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "coordinator, on %s: %s %s broke off (%s)",
                    self->socket_path, request->method, request->path, curl_easy_strerror(code));
}

/* Of no program that is started meanwhile: a connection that should end something must end with us. */
static curl_socket_t
open_socket(void *user_data, curlsocktype purpose, struct curl_sockaddr *address)
{
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void
lull_transfer_begin(LullClient *self, const LullTransfer *request, struct curl_slist *headers)
{
    g_autofree char *url = g_strconcat("http://localhost", request->path, NULL);

    curl_easy_reset(self->easy);
    curl_easy_setopt(self->easy, CURLOPT_UNIX_SOCKET_PATH, self->socket_path);
    curl_easy_setopt(self->easy, CURLOPT_URL, url);
    curl_easy_setopt(self->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(self->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(self->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(self->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(self->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, request->timeout_ms);
    curl_easy_setopt(self->easy, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, headers);
    if (request->body)
        curl_easy_setopt(self->easy, CURLOPT_COPYPOSTFIELDS, lull_json_to_line(request->body));
}

struct curl_slist *
lull_transfer_headers(const LullTransfer *request)
{
    g_autofree char *type = g_strconcat("Content-Type: ", request->content_type, NULL);
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");

    headers = curl_slist_append(headers, "Expect:");
    return request->body ? curl_slist_append(headers, type) : headers;
}
