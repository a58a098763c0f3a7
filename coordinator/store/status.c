/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/status.h"

#include <string.h>

#include "protocol/error.h"

typedef struct {
    int code;
    const char *reason;
} Row;

static const Row rows[] = {
    [LULL_ERROR_FAILED] = {500, "InternalError"},
    [LULL_ERROR_INVALID] = {422, "Invalid"},
    [LULL_ERROR_NOT_FOUND] = {404, "NotFound"},
    [LULL_ERROR_EXISTS] = {409, "AlreadyExists"},
    [LULL_ERROR_CONFLICT] = {409, "Conflict"},
    [LULL_ERROR_BUSY] = {409, "Conflict"},
    [LULL_ERROR_DENIED] = {405, "MethodNotAllowed"},
    [LULL_ERROR_TIMED_OUT] = {504, "Timeout"},
    [LULL_ERROR_VETOED] = {409, "Conflict"},
    [LULL_ERROR_UNSUPPORTED] = {501, "NotImplemented"},
    [LULL_ERROR_LOST] = {503, "ServiceUnavailable"},
    [LULL_ERROR_EXPIRED] = {410, "Expired"},
    [LULL_ERROR_NO_SPACE] = {507, "InsufficientStorage"},
};
G_STATIC_ASSERT(G_N_ELEMENTS(rows) == LULL_ERROR_N_CODES);

LullJson *
lull_status_new(int code, const char *reason, const char *message)
{
    LullJson *status = json_object_new_object();

    lull_json_set_string(status, "kind", "Status");
    lull_json_set_string(status, "apiVersion", "v1");
    (void)lull_json_ensure(status, "metadata");
    lull_json_set_string(status, "status", code < 400 ? "Success" : "Failure");
    lull_json_set_string(status, "message", message);
    lull_json_set_string(status, "reason", reason);
    lull_json_set_int(status, "code", code);
    return status;
}

/* "spec.source.kind: invalid kind" names a field; "store /x: disk is full" does not. */
static char *
field_of(const char *message)
{
    static const char *const roots[] = {"spec", "status", "metadata", "apiVersion", "kind"};
    const char *colon = strstr(message, ": ");

    for (gsize i = 0; colon && i < G_N_ELEMENTS(roots); i++) {
        const gsize length = strlen(roots[i]);
        if (g_str_has_prefix(message, roots[i]) && strchr(".[:", message[length]))
            return g_strndup(message, (gsize)(colon - message));
    }
    return NULL;
}

LullJson *
lull_status_from_error(const GError *error)
{
    const int known = error->domain == LULL_ERROR && error->code > 0 && error->code < LULL_ERROR_N_CODES;
    const int code = known ? error->code : LULL_ERROR_FAILED;
    LullJson *status = lull_status_new(rows[code].code, rows[code].reason, error->message);
    g_autofree char *field = code == LULL_ERROR_INVALID ? field_of(error->message) : NULL;

    if (field) {
        LullJson *causes = json_object_new_array();
        LullJson *cause = json_object_new_object();
        lull_json_set_string(cause, "reason", "FieldValueInvalid");
        lull_json_set_string(cause, "message", error->message + strlen(field) + 2);
        lull_json_set_string(cause, "field", field);
        json_object_array_add(causes, cause);
        lull_json_take(lull_json_ensure(status, "details"), "causes", causes);
    }
    return status;
}

int
lull_status_code(LullJson *status)
{
    return (int)lull_json_int(status, "code", 500);
}
