/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/serve/exchange.h"

G_BEGIN_DECLS

/* Watches as answers without an end: one JSON event a line, chunked. Without a resourceVersion what there
 * is comes first, page by page as the client reads; a client that then reads too slowly is dropped, never
 * waited for. A stream ends by itself when the client goes, at timeoutSeconds, or with an ERROR event.
 * Clients that allow bookmarks get one every @bookmark_ms and before the end at timeoutSeconds. */
typedef struct _LullStreams LullStreams; /* those under way; ends them when freed */

LullStreams *lull_streams_new(guint bookmark_ms) G_GNUC_WARN_UNUSED_RESULT;
void
lull_streams_set_interval(LullStreams *self, guint bookmark_ms); /* of bookmarks that are planned later */
void lull_streams_free(LullStreams *self);
void lull_streams_start(LullStreams *self, const LullExchange *exchange); /* answers it in any case */

G_END_DECLS
