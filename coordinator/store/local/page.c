/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/local/page.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/error.h"

#define TOKEN_MAX_LENGTH 1024

char *
lull_page_to_token(const LullPage *self)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "/%s/%s", self->version,
                                            self->remaining, self->ns, self->name);

    return g_base64_encode((const guchar *)text, strlen(text));
}

LullPage *
lull_page_from_token(const char *token, GError **error)
{
    gsize length = 0;
    g_autofree char *text =
        strlen(token) <= TOKEN_MAX_LENGTH ? (char *)g_base64_decode(token, &length) : NULL;
    g_autofree char *ended = text ? g_strndup(text, length) : g_strdup("");
    g_auto(GStrv) parts = g_strsplit(ended, "/", 4);
    gint64 version, remaining;

    if (g_strv_length(parts) != 4 || !lull_position_parse(parts[0], &version, NULL) ||
        !lull_position_parse(parts[1], &remaining, NULL) || !lull_name_is_valid(parts[2]) ||
        !lull_name_is_valid(parts[3])) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "continue: not a token that this store gave: begin the list again without it");
        return NULL;
    }
    LullPage *self = g_new0(LullPage, 1);
    self->version = version;
    self->remaining = remaining;
    self->ns = g_steal_pointer(&parts[2]);
    self->name = g_steal_pointer(&parts[3]);
    return self;
}

void
lull_page_free(LullPage *self)
{
    if (!self)
        return;
    g_free(self->ns);
    g_free(self->name);
    g_free(self);
}

gboolean
lull_position_parse(const char *text, gint64 *ret_version, GError **error)
{
    gint64 version;

    if (!g_ascii_isdigit(text[0]) || !g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &version, NULL)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "resourceVersion: \"%.40s\" is none: expected the one of a list or an object", text);
        return FALSE;
    }
    *ret_version = version;
    return TRUE;
}
