/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes in, whole messages out. Incremental: feed whatever read() gave, take what is complete. A
 * message is one JSON object; its closing brace completes it, no newline is needed, and a newline
 * does not end one. A 0xFF byte throws away whatever is half there and starts afresh, silently.
 * One bad message gives one error, then everything up to the next newline or 0xFF is skipped.
 * Pure: no I/O. Memory is bounded by LULL_FRAME_MAX_BYTES and given back after a large message. */

#define LULL_FRAME_MAX_BYTES  (8 * 1024 * 1024) /* above libvirt's 4 MiB cap of one command */
#define LULL_FRAME_MAX_TOKENS (64 * 1024)       /* "," ":" "[" "{": each makes a parser allocate */

typedef struct _LullFrame LullFrame;

LullFrame *lull_frame_new(gsize max_bytes, guint max_depth) G_GNUC_WARN_UNUSED_RESULT;
void lull_frame_free(LullFrame *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullFrame, lull_frame_free)

/* Adds bytes; never fails. */
void lull_frame_feed(LullFrame *self, const void *bytes, gsize length);

typedef enum { LULL_FRAME_NONE = 0, LULL_FRAME_MESSAGE, LULL_FRAME_BAD } LullFrameKind;

/* Takes the next message. MESSAGE: @ret_text is its text (owned by the caller). BAD: @error says
 * what was wrong (LULL_ERROR_INVALID). NONE: more bytes are needed. */
LullFrameKind lull_frame_next(LullFrame *self, char **ret_text, gsize *ret_length, GError **error);

/* Forgets a half message: another client is at the other end now. */
void lull_frame_reset(LullFrame *self);

G_END_DECLS
