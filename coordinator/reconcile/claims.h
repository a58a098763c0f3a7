/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Who in this process may work on what, one at a time: an attempt or a freeze by hand on a guest, a removal
 * on a content; or many that only read it: restores. Any thread may call; never blocks. */
typedef struct _LullClaims LullClaims;

LullClaims *lull_claims_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_claims_free(LullClaims *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullClaims, lull_claims_free)

/* LULL_ERROR_BUSY naming the owner in the way. @owner is for people: "snapshot nightly". */
gboolean lull_claims_take(LullClaims *self, const char *uid, const char *owner, GError **error);

/* With others that share it. */
gboolean lull_claims_share(LullClaims *self, const char *uid, const char *owner, GError **error);

/* Of either kind, once. */
void lull_claims_release(LullClaims *self, const char *uid);

G_END_DECLS
