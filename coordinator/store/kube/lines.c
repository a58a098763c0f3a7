/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/lines.h"

#include <string.h>

#include "protocol/error.h"

struct _LullLines {
    gsize max;
    GString *pending; /* the line begun and not ended */
};

LullLines *
lull_lines_new(gsize max)
{
    LullLines *self = g_new0(LullLines, 1);

    self->max = max;
    self->pending = g_string_new(NULL);
    return self;
}

static gboolean
deliver(LullLines *self, LullLineFunc func, gpointer user_data)
{
    gboolean more = TRUE;

    if (self->pending->len && self->pending->str[self->pending->len - 1] == '\r')
        g_string_truncate(self->pending, self->pending->len - 1);
    if (self->pending->len)
        more = func(self->pending->str, self->pending->len, user_data);
    g_string_truncate(self->pending, 0);
    return more;
}

gboolean
lull_lines_feed(LullLines *self, const char *bytes, gsize length, LullLineFunc func, gpointer user_data,
                GError **error)
{
    while (length) {
        const char *end = memchr(bytes, '\n', length);
        const gsize piece = end ? (gsize)(end - bytes) : length;

        if (piece > self->max - self->pending->len) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                        "a line is longer than %" G_GSIZE_FORMAT " bytes", self->max);
            return FALSE;
        }
        g_string_append_len(self->pending, bytes, (gssize)piece);
        if (!end)
            return TRUE;
        bytes += piece + 1;
        length -= piece + 1;
        if (!deliver(self, func, user_data))
            return FALSE;
    }
    return TRUE;
}

void
lull_lines_free(LullLines *self)
{
    if (!self)
        return;
    g_string_free(self->pending, TRUE);
    g_free(self);
}
