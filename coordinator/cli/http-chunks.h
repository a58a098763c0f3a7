/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The body of a request that comes in chunks (as kubectl sends files), put together, so that it can be passed
 * on with its length. Nothing but sizes and data: extensions and trailers are refused. */

#define LULL_HTTP_MAX_CHUNKED (2 * 1024 * 1024) /* bytes; more than the server takes */

typedef struct _LullHttpChunks LullHttpChunks;

LullHttpChunks *lull_http_chunks_new(void);
void lull_http_chunks_free(LullHttpChunks *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullHttpChunks, lull_http_chunks_free)

/* What came next, in pieces of any size. FALSE: INVALID, nothing may follow. What follows the end is ignored.
 */
gboolean lull_http_chunks_add(LullHttpChunks *self, const char *bytes, gsize length, GError **error);

/* The whole body, lent; NULL: there is more to come. */
const GString *lull_http_chunks_body(const LullHttpChunks *self);

G_END_DECLS
