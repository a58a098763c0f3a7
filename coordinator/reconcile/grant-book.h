/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/grant.h"

G_BEGIN_DECLS

/* When somebody first saw what: a node its grants, the leader what it granted and what was begun. A life's
 * own memory, never written down: whoever starts anew knows nothing of the age of what he finds. Of one
 * thread; times are of the boot clock. */
typedef struct _LullGrantBook LullGrantBook;

LullGrantBook *lull_grant_book_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_grant_book_free(LullGrantBook *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullGrantBook, lull_grant_book_free)

/* What was there when we started: its grant is void for us, however often it is seen again. */
void lull_grant_book_find(LullGrantBook *self, const char *uid, const LullGrant *grant);

/* The content as it is now: its grant (NULL: none) and the last attempt begun. Only what differs from the
 * sight before has a new time. */
void
lull_grant_book_see(LullGrantBook *self, const char *uid, const LullGrant *grant, guint begun, gint64 now);

/* Before a claim is sent: whatever is done under it is counted from now. */
void lull_grant_book_claim(LullGrantBook *self, const char *uid, guint attempt, gint64 now);

/* There is no such content any more. */
void lull_grant_book_forget(LullGrantBook *self, const char *uid);

/* Whether @grant, which was seen, may be claimed: it is no leftover, no leader of a later term has spoken
 * since, and it has not run out. */
gboolean lull_grant_book_is_good(LullGrantBook *self, const char *uid, const LullGrant *grant, gint64 now);

/* When the grant was seen first, and when that the last attempt had begun; @now where nothing was seen. */
gint64 lull_grant_book_granted_at(LullGrantBook *self, const char *uid, gint64 now);
gint64 lull_grant_book_begun_at(LullGrantBook *self, const char *uid, gint64 now);

G_END_DECLS
