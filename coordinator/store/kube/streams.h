/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/kube/stream.h"

G_BEGIN_DECLS

/* All watches of an API server, on one thread of their own. Any thread may begin and stop one. */
typedef struct _LullKubeStreams LullKubeStreams;

LullKubeStreams *lull_kube_streams_new(LullKubeLink *link) G_GNUC_WARN_UNUSED_RESULT;
void lull_kube_streams_free(LullKubeStreams *self); /* ends those under way */

/* @wait: for the server's first answer, at most so long; its refusal is the error then. */
LullStream *
lull_kube_streams_add(LullKubeStreams *self, const LullStreamOptions *options, LullMailbox *mailbox,
                      gint64 wait, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* It goes soon; it is not to be used any more. */
void lull_kube_streams_remove(LullKubeStreams *self, LullStream *stream);

G_END_DECLS
