/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Cuts a stream of bytes into lines, whatever the pieces it arrives in: the framing of a watch. */
typedef struct _LullLines LullLines;

/* FALSE: no more lines are wanted. @line is NUL-terminated, without its end of line, and lent. */
typedef gboolean (*LullLineFunc)(const char *line, gsize length, gpointer user_data);

/* @max: bytes of one line; a longer one is an error, so that memory stays bounded. */
LullLines *lull_lines_new(gsize max) G_GNUC_WARN_UNUSED_RESULT;

/* Calls @func for each whole line; empty ones are skipped. FALSE with LULL_ERROR_INVALID for a line too
 * long, FALSE without an error when @func had enough; either is final. What follows the last end of
 * line waits for more: at the end of the stream it is a half line, and nobody may act on it. */
gboolean lull_lines_feed(LullLines *self, const char *bytes, gsize length, LullLineFunc func,
                         gpointer user_data, GError **error);
void lull_lines_free(LullLines *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullLines, lull_lines_free)

G_END_DECLS
