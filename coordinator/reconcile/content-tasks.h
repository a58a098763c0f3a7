/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/content-effects.h"

G_BEGIN_DECLS

/* The jobs of a content: begun with all that they need, cancelled, and forgotten once what they came to is
 * written. What they do is in content-work.h; @what is one of LULL_JOB_* (content-view.h). */

/* For what has to be as it is now. Lent. */
LullStore *lull_contents_asking(const LullContents *self);

/* Under the state that is written: its number, quiesced or not. Fails where the machine cannot be looked at.
 */
gboolean lull_content_start_attempt(const LullContents *self, const LullContentView *view, GError **error);
void lull_content_start_follow(const LullContents *self, const LullContentView *view);
void lull_content_start_seal(const LullContents *self, const LullContentView *view);

/* Of what attempt @number left; 0: of all. */
void lull_content_start_removal(const LullContents *self, const LullContentView *view, const char *what,
                                guint number);

void lull_content_cancel(const LullContents *self, const LullContentView *view, const char *what);
void lull_content_drop(const LullContents *self, const LullContentView *view, const char *what);
void lull_content_drop_all(const LullContents *self, const LullContentView *view);

/* Cancels all of them; their end nobody waits for. */
void lull_content_abandon(const LullContents *self, const char *uid);

G_END_DECLS
