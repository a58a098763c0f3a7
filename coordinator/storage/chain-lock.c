/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/chain-lock.h"

#include "protocol/clock.h"
#include "protocol/error.h"

#define LOOK_USEC LULL_MSEC(200) /* whether it was cancelled */

struct _LullChainLocks {
    GMutex mutex;
    GCond changed;
    GHashTable *held; /* of uids */
};

LullChainLocks *
lull_chain_locks_new(void)
{
    LullChainLocks *self = g_new0(LullChainLocks, 1);

    g_mutex_init(&self->mutex);
    g_cond_init(&self->changed);
    self->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return self;
}

void
lull_chain_locks_free(LullChainLocks *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->held);
    g_cond_clear(&self->changed);
    g_mutex_clear(&self->mutex);
    g_free(self);
}

gboolean
lull_chain_lock(LullChainLocks *self, const char *vm_uid, gint64 timeout, GCancellable *cancel,
                GError **error)
{
    const gint64 until = g_get_monotonic_time() + timeout;
    gboolean busy = TRUE;

    g_mutex_lock(&self->mutex);
    while ((busy = g_hash_table_contains(self->held, vm_uid)) && g_get_monotonic_time() < until &&
           !g_cancellable_is_cancelled(cancel))
        g_cond_wait_until(&self->changed, &self->mutex, MIN(until, g_get_monotonic_time() + LOOK_USEC));
    if (!busy)
        g_hash_table_add(self->held, g_strdup(vm_uid));
    g_mutex_unlock(&self->mutex);
    if (busy && !g_cancellable_set_error_if_cancelled(cancel, error))
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_BUSY,
            "the machine's stored snapshots are being merged, restored, checked or added to: try again when "
            "that is over");
    return !busy;
}

void
lull_chain_unlock(LullChainLocks *self, const char *vm_uid)
{
    g_mutex_lock(&self->mutex);
    g_hash_table_remove(self->held, vm_uid);
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->mutex);
}
