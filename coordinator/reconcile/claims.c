/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/claims.h"

#include "protocol/error.h"

struct _LullClaims {
    GMutex mutex;
    GHashTable *claims; /* uid -> Claim */
};

typedef struct {
    char *owner;   /* of those that share it the first */
    guint sharing; /* 0: it is one's alone */
} Claim;

static void
claim_free(gpointer data)
{
    Claim *claim = data;

    g_free(claim->owner);
    g_free(claim);
}

LullClaims *
lull_claims_new(void)
{
    LullClaims *self = g_new0(LullClaims, 1);

    g_mutex_init(&self->mutex);
    self->claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, claim_free);
    return self;
}

void
lull_claims_free(LullClaims *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->claims);
    g_mutex_clear(&self->mutex);
    g_free(self);
}

static gboolean
claim(LullClaims *self, const char *uid, const char *owner, gboolean shared, GError **error)
{
    Claim *there = NULL;
    gboolean ok;

    g_mutex_lock(&self->mutex);
    there = g_hash_table_lookup(self->claims, uid);
    ok = !there || (shared && there->sharing > 0);
    if (!ok)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "it is held by %s: wait until that has ended",
                    there->owner);
    if (!there) {
        there = g_new0(Claim, 1);
        there->owner = g_strdup(owner);
        g_hash_table_insert(self->claims, g_strdup(uid), there);
    }
    there->sharing += ok && shared;
    g_mutex_unlock(&self->mutex);
    return ok;
}

gboolean
lull_claims_take(LullClaims *self, const char *uid, const char *owner, GError **error)
{
    return claim(self, uid, owner, FALSE, error);
}

gboolean
lull_claims_share(LullClaims *self, const char *uid, const char *owner, GError **error)
{
    return claim(self, uid, owner, TRUE, error);
}

void
lull_claims_release(LullClaims *self, const char *uid)
{
    Claim *there = NULL;

    g_mutex_lock(&self->mutex);
    there = g_hash_table_lookup(self->claims, uid);
    if (there && there->sharing > 1)
        there->sharing--;
    else
        g_hash_table_remove(self->claims, uid);
    g_mutex_unlock(&self->mutex);
}
