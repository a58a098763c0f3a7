/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/content-effects.h"

G_BEGIN_DECLS

/* What becomes of a content, written down: each of these is one write, of its state and, where something was
 * learned, of its report; FALSE: nothing was written. What was written forgets the job that it is about. */

/* The next attempt, before anything is done for it. */
gboolean lull_content_begin_attempt(const LullContents *self, const LullContentView *view,
                                    gboolean unquiesced, GError **error);

/* What the attempt came to. */
gboolean lull_content_record_attempt(const LullContents *self, const LullContentView *view, GError **error);

/* No attempt can reach what is required. */
gboolean lull_content_record_refusal(const LullContents *self, const LullContentView *view, GError **error);

/* What an attempt left is gone. */
gboolean lull_content_record_discard(const LullContents *self, const LullContentView *view, GError **error);

/* One of a configuration alone: cut and sealed at once. */
gboolean lull_content_record_bare(const LullContents *self, const LullContentView *view, GError **error);

/* All its data are there, and whole. */
gboolean lull_content_record_seal(const LullContents *self, const LullContentView *view, GError **error);

/* Its data are not what was cut any more. */
gboolean lull_content_record_loss(const LullContents *self, const LullContentView *view, GError **error);

G_END_DECLS
