/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The chains of one machine are changed, or read as a whole, by one at a time in this process. Any thread. */
typedef struct _LullChainLocks LullChainLocks;

LullChainLocks *lull_chain_locks_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_chain_locks_free(LullChainLocks *self);

/* Waits for at most @timeout microseconds, then BUSY. */
gboolean lull_chain_lock(LullChainLocks *self, const char *vm_uid, gint64 timeout, GCancellable *cancel,
                         GError **error);
void lull_chain_unlock(LullChainLocks *self, const char *vm_uid);

G_END_DECLS
