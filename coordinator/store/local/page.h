/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where a list goes on: the position of its first page and the last object given. Opaque to clients. */
typedef struct {
    gint64 version;
    gint64 remaining; /* objects after it, as they were when the list began */
    char *ns;
    char *name;
} LullPage;

char *lull_page_to_token(const LullPage *self) G_GNUC_WARN_UNUSED_RESULT;
LullPage *lull_page_from_token(const char *token, GError **error) G_GNUC_WARN_UNUSED_RESULT; /* INVALID */
void lull_page_free(LullPage *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullPage, lull_page_free)

/* A resourceVersion as a client gives it: decimal digits only. INVALID. */
gboolean lull_position_parse(const char *text, gint64 *ret_version, GError **error);

G_END_DECLS
