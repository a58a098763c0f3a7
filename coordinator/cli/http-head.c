/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/http-head.h"

#include <string.h>

#include "protocol/error.h"

#define MAX_BODY (64 * 1024 * 1024) /* the server has a limit of its own */

static gboolean
refuse(GError **error, const char *why)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the request is not passed on: %s", why);
    return FALSE;
}

static gboolean
is_token(const char *text)
{
    const char *c = text;

    while (g_ascii_isalnum(*c) || (*c && strchr("!#$%&'*+-.^_`|~", *c)))
        c++;
    return c > text && !*c;
}

/* Lines end in CR LF and hold nothing that ends a line elsewhere. */
static char **
split_lines(const char *text, gsize length, GError **error)
{
    g_autofree char *copy = g_strndup(text, length);
    g_auto(GStrv) lines = strlen(copy) == length ? g_strsplit(copy, "\r\n", -1) : NULL;

    for (char **line = lines; line && *line; line++)
        for (const char *c = *line; *c; c++)
            if ((g_ascii_iscntrl(*c) && *c != '\t') || (*c & 0x80)) {
                (void)refuse(error, "there are control characters in its head");
                return NULL;
            }
    if (!lines)
        (void)refuse(error, "there are zero bytes in its head");
    return g_steal_pointer(&lines);
}

/* Compares all of it, so that the time tells nothing about how much was right. */
static gboolean
has_secret(const char *target, const char *prefix)
{
    const gsize length = strlen(prefix);
    guint different = 0;

    if (strlen(target) < length)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        different |= (guint)(target[i] ^ prefix[i]);
    return different == 0 && (target[length] == '/' || target[length] == '?' || !target[length]);
}

static gboolean
translate_request_line(const char *line, const char *prefix, GString *head, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(line, " ", -1);
    const char *rest;

    if (g_strv_length(parts) != 3 || !is_token(parts[0]) || !g_str_equal(parts[2], "HTTP/1.1") ||
        parts[1][0] != '/')
        return refuse(error, "its first line is not understood");
    if (!has_secret(parts[1], prefix)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "the server could not find the requested resource");
        return FALSE;
    }
    rest = parts[1] + strlen(prefix);
    g_string_append_printf(head, "%s %s%s HTTP/1.1\r\n", parts[0], *rest == '/' ? "" : "/", rest);
    return TRUE;
}

/* Those that speak of this connection only. */
static gboolean
is_of_connection(const char *name)
{
    static const char *const names[] = {"Connection", "Keep-Alive", "Proxy-Connection",
                                        "Upgrade",    "TE",         "Trailer"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_ascii_strcasecmp(name, names[i]) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
take_length(const char *value, gboolean *seen, guint64 *ret_body, GError **error)
{
    if (*seen)
        return refuse(error, "it has two lengths");
    *seen = TRUE;
    if (!g_ascii_isdigit(*value) || !g_ascii_string_to_unsigned(value, 10, 0, MAX_BODY, ret_body, NULL))
        return refuse(error, "its length is not understood");
    return TRUE;
}

/* Which is a length of its own. */
static gboolean
take_encoding(const char *value, gboolean *seen, gboolean *ret_chunked, GError **error)
{
    if (*seen)
        return refuse(error, "it has two lengths");
    *seen = *ret_chunked = TRUE;
    return g_ascii_strcasecmp(value, "chunked") == 0 || refuse(error, "how its body comes is not understood");
}

static gboolean
translate_header(const char *line, GString *head, gboolean *has_length, LullHttpHead *ret, GError **error)
{
    const char *colon = strchr(line, ':');
    g_autofree char *name = colon ? g_strndup(line, (gsize)(colon - line)) : NULL;
    g_autofree char *value = colon ? g_strstrip(g_strdup(colon + 1)) : NULL;

    if (!name || !is_token(name))
        return refuse(error, "a header is not understood");
    if (g_ascii_strcasecmp(name, "Transfer-Encoding") == 0)
        return take_encoding(value, has_length, &ret->chunked, error);
    if (g_ascii_strcasecmp(name, "Content-Length") == 0 && !take_length(value, has_length, &ret->body, error))
        return FALSE;
    if (!is_of_connection(name))
        g_string_append_printf(head, "%s: %s\r\n", name, value);
    return TRUE;
}

gboolean
lull_http_head_translate(const char *text, gsize length, const char *prefix, LullHttpHead *ret_head,
                         GError **error)
{
    g_auto(GStrv) lines = split_lines(text, length, error);
    g_autoptr(GString) head = g_string_new(NULL);
    LullHttpHead found = {NULL};
    gboolean has_length = FALSE;

    if (!lines || !translate_request_line(lines[0] ? lines[0] : "", prefix, head, error))
        return FALSE;
    for (char **line = lines + 1; *line; line++)
        if (!translate_header(*line, head, &has_length, &found, error))
            return FALSE;
    g_string_append(head, "Connection: close\r\n\r\n");
    found.head = g_string_free(g_steal_pointer(&head), FALSE);
    *ret_head = found;
    return TRUE;
}

void
lull_http_head_clear(LullHttpHead *self)
{
    g_clear_pointer(&self->head, g_free);
}
