/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/seen.h"

struct _LullSeen {
    GHashTable *uids; /* "namespace/name" -> uid */
    LullGoneFunc gone;
    gpointer user_data;
};

LullSeen *
lull_seen_new(LullGoneFunc gone, gpointer user_data)
{
    LullSeen *self = g_new0(LullSeen, 1);

    self->uids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    self->gone = gone;
    self->user_data = user_data;
    return self;
}

void
lull_seen_free(LullSeen *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->uids);
    g_free(self);
}

void
lull_seen_note(LullSeen *self, const char *ns, const char *name, const char *uid)
{
    g_autofree char *key = g_strconcat(ns, "/", name, NULL);
    const char *before = g_hash_table_lookup(self->uids, key);

    if (g_strcmp0(before, uid) == 0)
        return;
    if (before)
        self->gone(self->user_data, before);
    if (uid)
        g_hash_table_insert(self->uids, g_steal_pointer(&key), g_strdup(uid));
    else
        g_hash_table_remove(self->uids, key);
}
