/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/claims.h"

#include "protocol/error.h"

struct _LullClaims {
    GMutex mutex;
    GHashTable *owners; /* uid -> owner */
};

LullClaims *
lull_claims_new(void)
{
    LullClaims *self = g_new0(LullClaims, 1);

    g_mutex_init(&self->mutex);
    self->owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return self;
}

void
lull_claims_free(LullClaims *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->owners);
    g_mutex_clear(&self->mutex);
    g_free(self);
}

gboolean
lull_claims_take(LullClaims *self, const char *uid, const char *owner, GError **error)
{
    const char *other = NULL;

    g_mutex_lock(&self->mutex);
    other = g_hash_table_lookup(self->owners, uid);
    if (other)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "it is held by %s: wait until that has ended", other);
    else
        g_hash_table_insert(self->owners, g_strdup(uid), g_strdup(owner));
    g_mutex_unlock(&self->mutex);
    return !other;
}

void
lull_claims_release(LullClaims *self, const char *uid)
{
    g_mutex_lock(&self->mutex);
    g_hash_table_remove(self->owners, uid);
    g_mutex_unlock(&self->mutex);
}
