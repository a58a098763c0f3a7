/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/client/transfer.h"

#include <errno.h>
#include <string.h>

#include "coordinator/store/kube/status.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define AGENT "lull/" LULL_VERSION

static void
set_socket_error(LullClient *self, CURLcode code, const LullTransfer *request, GError **error)
{
    const char *socket_path = self->config->socket_path;
    long os = 0;

    (void)curl_easy_getinfo(self->dial.easy, CURLINFO_OS_ERRNO, &os);
    if (code == CURLE_OPERATION_TIMEDOUT)
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                    "coordinator, on %s: no answer to %s %s in time; see its log", socket_path,
                    request->method, request->path);
    else if (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST)
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "coordinator, on %s: %s %s broke off (%s)",
                    socket_path, request->method, request->path, curl_easy_strerror(code));
    else if (os == EACCES || os == EPERM)
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_DENIED,
            "coordinator, on %s: permission denied; run this as root or as a member of the group that owns "
            "the socket",
            socket_path);
    else
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_LOST,
            "coordinator, on %s: it is not running (%s); start lull-coordinator, name its socket with "
            "--socket, or a cluster with --context or KUBECONFIG",
            socket_path, os ? g_strerror((int)os) : "nobody answers");
}

static void
set_server_error(LullClient *self, CURLcode code, GError **error)
{
    GError *problem = lull_dial_error(&self->dial, self->config, code);
    g_autofree char *text = g_strdup(problem->message);

    if (lull_error_is(problem, LULL_ERROR_LOST)) {
        g_clear_error(&problem);
        problem = g_error_new(LULL_ERROR, LULL_ERROR_LOST,
                              "%s; see whether \"kubectl version\" reaches it, or name another cluster with "
                              "--context or --kubeconfig",
                              text);
    }
    g_propagate_error(error, problem);
}

void
lull_transfer_set_error(LullClient *self, CURLcode code, const LullTransfer *request, GError **error)
{
    if (code == CURLE_FILESIZE_EXCEEDED)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s %s: the answer is too large", request->method,
                    request->path);
    else if (self->config->socket_path)
        set_socket_error(self, code, request, error);
    else
        set_server_error(self, code, error);
}

/* Whether an API server means the path and not an object of this name. */
static gboolean
is_not_served(LullJson *status, long http_code)
{
    return http_code == 404 && !lull_json_string(lull_json_object(status, "details"), "name", NULL);
}

void
lull_transfer_set_refusal(LullClient *self, LullJson *status, const LullTransfer *request, GError **error)
{
    const long http_code = lull_dial_code(&self->dial);
    const char *server = self->config->server;
    GError *problem = lull_status_to_error(status, http_code);

    if (self->config->socket_path) {
        g_propagate_error(error, problem);
        return;
    }
    if (http_code == 401)
        g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED,
                    "API server, on %s: it does not know who you are (%s): the token or certificate of the "
                    "kubeconfig has expired, or is of another cluster; sign in anew",
                    server, problem->message);
    else if (http_code == 403 && strstr(problem->message, " cannot "))
        g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED,
                    "API server, on %s: %s; ask for a role that has this right, such as view or edit in that "
                    "namespace",
                    server, problem->message);
    else if (is_not_served(status, http_code))
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                    "API server, on %s: it does not serve %s; is what brings it installed there? lull doctor "
                    "tells",
                    server, request->path);
    else
        g_set_error(error, LULL_ERROR, problem->code, "API server, on %s: %s", server, problem->message);
    g_error_free(problem);
}

gboolean
lull_transfer_begin(LullClient *self, const LullTransfer *request, GError **error)
{
    LullCredential *credential = lull_credentials_get(self->credentials, lull_clock_boottime(), error);
    const LullDialRequest dial = {.method = request->method,
                                  .path = request->path,
                                  .content_type = request->content_type,
                                  .body = request->body ? lull_json_to_line(request->body) : NULL,
                                  .once = g_str_equal(request->method, "POST"),
                                  .timeout = LULL_MSEC(request->timeout_ms),
                                  .agent = AGENT};

    if (!credential)
        return FALSE;
    lull_dial_begin(&self->dial, self->config, credential, &dial);
    return TRUE;
}
