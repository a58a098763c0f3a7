/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/status.h"

#include <string.h>

#include "protocol/error.h"

#define MAX_CAUSES 8

static const struct {
    const char *reason;
    long http;
    LullError code;
} rows[] = {
    {"NotFound", 404, LULL_ERROR_NOT_FOUND},
    {"AlreadyExists", 0, LULL_ERROR_EXISTS},
    {"Conflict", 409, LULL_ERROR_CONFLICT},
    {"Invalid", 422, LULL_ERROR_INVALID},
    {"BadRequest", 400, LULL_ERROR_INVALID},
    {"RequestEntityTooLarge", 413, LULL_ERROR_INVALID},
    {"Forbidden", 403, LULL_ERROR_DENIED},
    {"Unauthorized", 401, LULL_ERROR_DENIED},
    {"MethodNotAllowed", 405, LULL_ERROR_DENIED},
    {"Expired", 410, LULL_ERROR_EXPIRED},
    {"Gone", 0, LULL_ERROR_EXPIRED},
    {"TooManyRequests", 429, LULL_ERROR_BUSY},
    {"ServiceUnavailable", 503, LULL_ERROR_LOST},
    {"Timeout", 504, LULL_ERROR_TIMED_OUT},
    {"ServerTimeout", 0, LULL_ERROR_TIMED_OUT},
};

static LullError
code_of(const char *reason, long http_code)
{
    for (gsize i = 0; reason && i < G_N_ELEMENTS(rows); i++)
        if (g_str_equal(rows[i].reason, reason))
            return rows[i].code;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].http == http_code)
            return rows[i].code;
    return LULL_ERROR_FAILED;
}

static void
append_causes(GString *message, LullJson *status)
{
    LullJson *causes = lull_json_array(lull_json_object(status, "details"), "causes");
    const gsize n = causes ? MIN(json_object_array_length(causes), MAX_CAUSES) : 0;

    for (gsize i = 0; i < n; i++) {
        LullJson *cause = json_object_array_get_idx(causes, i);
        const char *field = lull_json_string(cause, "field", NULL);
        const char *text = lull_json_string(cause, "message", NULL);

        if (!text || strstr(message->str, text))
            continue;
        g_string_append(message, message->len ? "; " : "");
        if (field && !g_str_has_prefix(text, field))
            g_string_append_printf(message, "%s: ", field);
        g_string_append(message, text);
    }
}

GError *
lull_status_to_error(LullJson *status, long http_code)
{
    g_autoptr(GString) message = g_string_new(lull_json_string(status, "message", NULL));

    append_causes(message, status);
    if (!message->len)
        g_string_printf(message, "the server answered %ld without saying why", http_code);
    return g_error_new_literal(LULL_ERROR, (int)code_of(lull_json_string(status, "reason", NULL), http_code),
                               message->str);
}
