/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work-decide.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* What a restore in a cluster looks at of its plan: claims are listed once and then watched, all else is read
 * when it is first needed, and again while it is not as it has to be. On one thread, whose it is. */
typedef struct _LullRestoreSights LullRestoreSights;

/* @restore, @content, @plan: lent. @fresh: of what is planned nothing can have been made yet: claims are not
 * listed, but watched from the first one that is made. */
LullRestoreSights *lull_restore_sights_new(LullStore *store, LullJson *restore, LullJson *content,
                                           LullJson *plan, gboolean fresh) G_GNUC_WARN_UNUSED_RESULT;
void lull_restore_sights_free(LullRestoreSights *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullRestoreSights, lull_restore_sights_free)

/* What is known now, as many as the plan has (NULL: that has none); lent until the next call of anything
 * here. FALSE: it could not be read. */
gboolean
lull_restore_sights_look(LullRestoreSights *self, const LullRestoreSight **ret_sights, GError **error);

/* What became of a claim by a write of ours. */
void lull_restore_sights_note(LullRestoreSights *self, LullJson *take_claim);

/* The same by looking at the claim of that name; one that is gone is a fact. */
gboolean lull_restore_sights_reread(LullRestoreSights *self, const char *name, GError **error);

/* Until a claim changes, or @usec are over. */
void lull_restore_sights_wait(LullRestoreSights *self, gint64 usec);

G_END_DECLS
