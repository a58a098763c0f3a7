/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/http-chunks.h"

#include <string.h>

#include "protocol/error.h"

#define MAX_DIGITS 8

typedef enum {
    SIZE,     /* digits of a size, and the end of their line */
    DATA,     /* of a chunk */
    DATA_END, /* the line's end behind them */
    LAST_END, /* the one behind the last, empty chunk */
    DONE,
} State;

struct _LullHttpChunks {
    State state;
    char digits[MAX_DIGITS + 1];
    guint n_digits;
    gboolean returned; /* a CR came, now its LF has to */
    gsize left;        /* of the chunk's data */
    GString *body;
};

LullHttpChunks *
lull_http_chunks_new(void)
{
    LullHttpChunks *self = g_new0(LullHttpChunks, 1);

    self->body = g_string_new(NULL);
    return self;
}

void
lull_http_chunks_free(LullHttpChunks *self)
{
    if (!self)
        return;
    g_string_free(self->body, TRUE);
    g_free(self);
}

static gboolean
refuse(GError **error, const char *why)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "the request is not passed on: %s", why);
    return FALSE;
}

static gboolean
end_size(LullHttpChunks *self, GError **error)
{
    guint64 size = 0;

    self->digits[self->n_digits] = '\0';
    self->n_digits = 0;
    if (!g_ascii_string_to_unsigned(self->digits, 16, 0, LULL_HTTP_MAX_CHUNKED, &size, NULL) ||
        self->body->len + size > LULL_HTTP_MAX_CHUNKED)
        return refuse(error, "the size of a chunk of its body is not understood, or too large");
    self->left = (gsize)size;
    self->state = size ? DATA : LAST_END;
    return TRUE;
}

/* One character of a line that has to end. */
static gboolean
add_to_line(LullHttpChunks *self, char c, GError **error)
{
    if (self->returned != (c == '\n'))
        return refuse(error, "the chunks of its body are not understood");
    if (self->returned) {
        self->returned = FALSE;
        if (self->state == SIZE)
            return end_size(self, error);
        self->state = self->state == DATA_END ? SIZE : DONE;
        return TRUE;
    }
    if (c == '\r') {
        self->returned = TRUE;
        return TRUE;
    }
    if (self->state != SIZE || !g_ascii_isxdigit(c) || self->n_digits == MAX_DIGITS)
        return refuse(error, "the chunks of its body are not understood");
    self->digits[self->n_digits++] = c;
    return TRUE;
}

gboolean
lull_http_chunks_add(LullHttpChunks *self, const char *bytes, gsize length, GError **error)
{
    for (gsize at = 0; at < length && self->state != DONE;) {
        if (self->state == DATA) {
            const gsize n = MIN(self->left, length - at);

            g_string_append_len(self->body, bytes + at, (gssize)n);
            at += n;
            self->left -= n;
            self->state = self->left ? DATA : DATA_END;
        } else if (!add_to_line(self, bytes[at++], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

const GString *
lull_http_chunks_body(const LullHttpChunks *self)
{
    return self->state == DONE ? self->body : NULL;
}
