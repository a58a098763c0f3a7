/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "protocol/frame.h"

#include <string.h>

#include "protocol/error.h"

#define RESYNC          0xFF
#define KEEP_ALLOCATION (64 * 1024) /* a larger buffer is given back once it is empty */

typedef enum {
    STATE_BETWEEN = 0, /* only white space so far */
    STATE_INSIDE,      /* in an object, outside of strings */
    STATE_STRING,
    STATE_ESCAPE,
    STATE_SKIPPING, /* after a bad message, until a newline or 0xFF */
} State;

struct _LullFrame {
    gsize max_bytes;
    guint max_depth;

    GByteArray *buffer;
    gsize start; /* first byte of the message under way */
    gsize at;    /* next byte to look at */

    State state;
    guint depth;
    guint tokens;
    guint8 quote;
    guint8 last;      /* last byte inside that was no white space */
    gboolean newline; /* one was seen since @last */
};

LullFrame *
lull_frame_new(gsize max_bytes, guint max_depth)
{
    LullFrame *self = g_new0(LullFrame, 1);

    self->max_bytes = max_bytes;
    self->max_depth = max_depth;
    self->buffer = g_byte_array_new();
    return self;
}

void
lull_frame_free(LullFrame *self)
{
    if (!self)
        return;
    g_byte_array_unref(self->buffer);
    g_free(self);
}

/* Everything before @at is done with. */
static void
forget_consumed(LullFrame *self)
{
    self->start = self->at;
    if (self->at < self->buffer->len)
        return;
    if (self->buffer->len > KEEP_ALLOCATION) {
        g_byte_array_unref(self->buffer);
        self->buffer = g_byte_array_new();
    } else {
        g_byte_array_set_size(self->buffer, 0);
    }
    self->start = self->at = 0;
}

void
lull_frame_feed(LullFrame *self, const void *bytes, gsize length)
{
    if (self->start > 0) {
        g_byte_array_remove_range(self->buffer, 0, (guint)self->start);
        self->at -= self->start;
        self->start = 0;
    }
    g_byte_array_append(self->buffer, bytes, (guint)length);
}

void
lull_frame_reset(LullFrame *self)
{
    self->at = self->buffer->len;
    self->state = STATE_BETWEEN;
    forget_consumed(self);
}

static void
begin_message(LullFrame *self)
{
    self->start = self->at;
    self->state = STATE_INSIDE;
    self->depth = 0;
    self->tokens = 0;
    self->last = 0;
    self->newline = FALSE;
}

/* The message under way is bad; @byte is where that showed. A newline already seen is as good a place
 * to start afresh as one still to come. */
static LullFrameKind
refuse(LullFrame *self, guint8 byte, const char *why, GError **error)
{
    if (byte == '\n')
        self->state = STATE_BETWEEN;
    else if (self->state == STATE_INSIDE && self->newline && byte == '{')
        begin_message(self);
    else
        self->state = STATE_SKIPPING;
    if (self->state == STATE_INSIDE)
        self->start = self->at;
    else {
        self->at++;
        forget_consumed(self);
    }
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "JSON parse error, %s", why);
    return LULL_FRAME_BAD;
}

/* A value cannot begin right after another one. Seeing that here, and not only when the braces
 * balance, lets a client that left half a request behind be heard again. */
static gboolean
may_open(const LullFrame *self)
{
    return self->last == 0 || self->last == ':' || self->last == ',' || self->last == '[';
}

static gboolean
is_token(guint8 byte)
{
    return byte == ',' || byte == ':' || byte == '[' || byte == '{';
}

/* One byte inside an object, outside of strings. NULL, or why the message is bad. @ret_complete. */
static const char *
take_structural(LullFrame *self, guint8 byte, gboolean *ret_complete)
{
    if (is_token(byte) && ++self->tokens > LULL_FRAME_MAX_TOKENS)
        return "JSON token count limit exceeded";
    switch (byte) {
    case '\n':
        self->newline = TRUE;
        return NULL;
    case ' ':
    case '\t':
    case '\r':
        return NULL;
    case '"':
    case '\'':
        self->quote = byte;
        self->state = STATE_STRING;
        break;
    case '{':
    case '[':
        if (!may_open(self))
            return "expected separator in dict";
        if (++self->depth > self->max_depth)
            return "JSON nesting depth limit exceeded";
        break;
    case '}':
    case ']':
        *ret_complete = --self->depth == 0;
        break;
    default:
        break;
    }
    self->last = byte;
    self->newline = FALSE;
    return NULL;
}

static LullFrameKind
complete(LullFrame *self, char **ret_text, gsize *ret_length)
{
    self->at++;
    *ret_length = self->at - self->start;
    *ret_text = g_strndup((const char *)self->buffer->data + self->start, *ret_length);
    self->state = STATE_BETWEEN;
    forget_consumed(self);
    return LULL_FRAME_MESSAGE;
}

LullFrameKind
lull_frame_next(LullFrame *self, char **ret_text, gsize *ret_length, GError **error)
{
    for (; self->at < self->buffer->len; self->at++) {
        const guint8 byte = self->buffer->data[self->at];
        gboolean done = FALSE;
        const char *why = NULL;

        if (byte == RESYNC) {
            self->state = STATE_BETWEEN;
            continue;
        }
        if (self->state == STATE_BETWEEN && (byte == '{' || byte == '['))
            begin_message(self);
        switch (self->state) {
        case STATE_SKIPPING:
            if (byte == '\n')
                self->state = STATE_BETWEEN;
            continue;
        case STATE_BETWEEN:
            if (!g_ascii_isspace(byte))
                why = "expecting value";
            break;
        case STATE_INSIDE:
            why = take_structural(self, byte, &done);
            break;
        case STATE_STRING:
            if (byte < 0x20)
                why = "control character in string";
            else if (byte == '\\')
                self->state = STATE_ESCAPE;
            else if (byte == self->quote)
                self->state = STATE_INSIDE;
            break;
        case STATE_ESCAPE:
            if (byte < 0x20)
                why = "invalid escape sequence in string";
            self->state = STATE_STRING;
            break;
        }
        if (!why && self->state != STATE_BETWEEN && self->at - self->start >= self->max_bytes)
            why = "JSON token size limit exceeded";
        if (why)
            return refuse(self, byte, why, error);
        if (done)
            return complete(self, ret_text, ret_length);
    }
    if (self->state == STATE_BETWEEN || self->state == STATE_SKIPPING)
        forget_consumed(self);
    return LULL_FRAME_NONE;
}
