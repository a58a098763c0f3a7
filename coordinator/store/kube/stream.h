/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/kube/dial.h"
#include "coordinator/store/kube/link.h"
#include "coordinator/store/kube/mailbox.h"
#include "coordinator/store/kube/watch-machine.h"

G_BEGIN_DECLS

/* One watch of an API server: a watch machine and the one exchange that it has under way, on the thread of
 * the streams' loop. Events go to a mailbox. */
typedef struct _LullStream LullStream;

typedef struct {
    const LullKind *kind;
    const char *ns;             /* NULL: all, or none */
    const char *label_selector; /* or NULL */
    const char *field_selector; /* or NULL */
    const char *since;          /* or NULL */
    gboolean urgent;            /* somebody stands still meanwhile */
    LullTrimFunc trim;          /* or NULL */
} LullStreamOptions;

LullStream *lull_stream_new(LullKubeLink *link, CURLM *multi, const LullStreamOptions *options,
                            LullMailbox *mailbox) G_GNUC_WARN_UNUSED_RESULT;
void lull_stream_free(LullStream *self);

/* Does what is due and says when to come again. */
gint64 lull_stream_drive(LullStream *self, gint64 now);

/* libcurl is done with the exchange of @easy. FALSE: that is not this stream's. */
gboolean lull_stream_finish(LullStream *self, const CURL *easy, CURLcode code, gint64 now);

/* What the server said to the very first request; any thread. FALSE with its error when it refused, TRUE when
 * it agreed, or has not answered by @deadline. */
gboolean lull_stream_wait_opened(LullStream *self, gint64 deadline, GError **error);

G_END_DECLS
