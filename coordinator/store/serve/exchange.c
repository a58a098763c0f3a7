/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/serve/exchange.h"

#include <stdarg.h>
#include <string.h>

#include "coordinator/store/status.h"
#include "protocol/error.h"

const char *
lull_exchange_query(const LullExchange *self, const char *key)
{
    const char *value = self->query ? (const char *)g_hash_table_lookup(self->query, key) : NULL;

    return value && *value ? value : NULL;
}

gboolean
lull_exchange_query_uint(const LullExchange *self, const char *key, guint fallback, guint *ret_value)
{
    const char *text = lull_exchange_query(self, key);
    guint64 value = fallback;

    if (text && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &value, NULL)) {
        lull_exchange_fail(self, 400, "BadRequest", "%s: \"%.40s\" is no number", key, text);
        return FALSE;
    }
    *ret_value = (guint)value;
    return TRUE;
}

gboolean
lull_exchange_query_bool(const LullExchange *self, const char *key)
{
    const char *text = lull_exchange_query(self, key);

    return text && (g_str_equal(text, "true") || g_str_equal(text, "1"));
}

const char *
lull_exchange_content_type(const LullExchange *self)
{
    SoupMessageHeaders *headers = soup_server_message_get_request_headers(self->message);
    const char *given = soup_message_headers_get_content_type(headers, NULL);

    return given ? given : "";
}

static void
fail_unparsed(const LullExchange *self, gboolean list, const GError *error)
{
    lull_exchange_fail(self, 400, "BadRequest", "the body is no JSON %s%s%s", list ? "array" : "object",
                       error ? ": " : "", error ? error->message : "");
}

LullJson *
lull_exchange_body(const LullExchange *self, gboolean list)
{
    SoupMessageBody *body = soup_server_message_get_request_body(self->message);
    g_autoptr(GBytes) bytes = soup_message_body_flatten(body);
    g_autoptr(GError) error = NULL;
    gsize size;
    const char *data = (const char *)g_bytes_get_data(bytes, &size);
    LullJson *document = lull_json_parse(data ? data : "", (gssize)size, &error);

    if (document && !json_object_is_type(document, list ? json_type_array : json_type_object))
        g_clear_pointer(&document, lull_json_put);
    if (!document)
        fail_unparsed(self, list, error);
    return document;
}

static gboolean
has_body(const LullExchange *self)
{
    return soup_server_message_get_request_body(self->message)->length > 0;
}

LullJson *
lull_exchange_json_body(const LullExchange *self, gboolean optional, gboolean *ret_ok)
{
    const char *type = lull_exchange_content_type(self);
    LullJson *document;

    *ret_ok = optional && !has_body(self);
    if (*ret_ok)
        return NULL;
    if (*type && !g_str_equal(type, "application/json")) { /* kubectl --raw names none */
        lull_exchange_fail_type(self, "application/json");
        return NULL;
    }
    document = lull_exchange_body(self, FALSE);
    *ret_ok = document != NULL;
    return document;
}

void
lull_message_send(SoupServerMessage *message, guint code, LullJson *body)
{
    const char *text = lull_json_to_line(body);

    soup_server_message_set_status(message, code, NULL);
    soup_server_message_set_response(message, "application/json", SOUP_MEMORY_COPY, text, strlen(text));
}

void
lull_exchange_send(const LullExchange *self, guint code, LullJson *body)
{
    lull_message_send(self->message, code, body);
}

/* Says what the error is about, as clients expect it. */
static void
send_status(const LullExchange *self, const char *name, LullJson *status)
{
    const LullKind *kind = self->route->kind;
    LullJson *details = kind ? lull_json_ensure(status, "details") : NULL;

    if (kind) {
        lull_json_set_string(details, "name", name ? name : self->route->name);
        if (*kind->group)
            lull_json_set_string(details, "group", kind->group);
        lull_json_set_string(details, "kind", kind->plural);
    }
    lull_exchange_send(self, (guint)lull_status_code(status), status);
}

void
lull_exchange_fail(const LullExchange *self, int code, const char *reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_autoptr(LullJson) status = lull_status_new(code, reason, message);
    send_status(self, NULL, status);
}

void
lull_exchange_fail_type(const LullExchange *self, const char *accepted)
{
    lull_exchange_fail(self, 415, "UnsupportedMediaType",
                       "the body of the request was in an unknown format - accepted media types include: %s",
                       accepted);
}

static void
prefix_invalid(const LullExchange *self, const char *name, LullJson *status)
{
    const LullKind *kind = self->route->kind;

    if (!kind)
        return;
    g_autofree char *message = g_strdup_printf("%s.%s \"%s\" is invalid: %s", kind->kind, kind->group,
                                               name ? name : "", lull_json_string(status, "message", ""));
    lull_json_set_string(status, "message", message);
}

void
lull_exchange_fail_error(const LullExchange *self, const GError *error)
{
    g_autoptr(LullJson) status = lull_status_from_error(error);

    if (lull_error_is(error, LULL_ERROR_INVALID))
        prefix_invalid(self, self->route->name, status);
    send_status(self, NULL, status);
}

void
lull_exchange_fail_query(const LullExchange *self, const GError *error)
{
    if (lull_error_is(error, LULL_ERROR_INVALID))
        lull_exchange_fail(self, 400, "BadRequest", "%s", error->message);
    else
        lull_exchange_fail_error(self, error);
}

void
lull_exchange_fail_causes(const LullExchange *self, const char *name, LullJson *causes)
{
    const size_t count = json_object_array_length(causes);
    g_autoptr(GString) message = g_string_new(NULL);

    for (size_t i = 0; i < count; i++) {
        LullJson *cause = json_object_array_get_idx(causes, i);
        g_string_append_printf(message, "%s%s: %s", i ? ", " : "", lull_json_string(cause, "field", ""),
                               lull_json_string(cause, "message", ""));
    }
    g_autoptr(LullJson) status = lull_status_new(422, "Invalid", message->str);
    lull_json_take(lull_json_ensure(status, "details"), "causes", lull_json_dup(causes));
    prefix_invalid(self, name, status);
    send_status(self, name, status);
}

LullPresent
lull_exchange_form(const LullExchange *self)
{
    return (LullPresent){self->route->kind, self->route->version, self->form, self->include};
}

void
lull_exchange_send_object(const LullExchange *self, guint code, LullJson *object)
{
    const LullPresent form = lull_exchange_form(self);
    g_autoptr(LullJson) shown = lull_present_object(&form, object);

    lull_exchange_send(self, code, shown);
}
