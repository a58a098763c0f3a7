/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Text for people. Much of what is printed was said by guests and files: nothing of it may steer a
 * terminal, break a line or fill a screen. */

/* One safe line: control and format characters become a blank or "?", bytes that are no UTF-8 the
 * replacement character; at most @max_columns wide (0: any), cut with "...". Owned by the caller. */
char *lull_text_clean(const char *text, guint max_columns) G_GNUC_WARN_UNUSED_RESULT;

/* Columns that a clean text takes on a terminal: East Asian wide characters two, combining ones none. */
guint lull_text_width(const char *text);

/* Appends @text and blanks up to @columns. */
void lull_text_append_padded(GString *line, const char *text, guint columns);

/* Those of @names (NULL-terminated) that @word may have been meant to be, best first; at most 3. */
GPtrArray *lull_text_near(const char *word, const char *const *names) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
