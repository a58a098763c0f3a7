/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/store.h"

typedef struct {
    LullStore base;
    LullStore *fallback;
    GHashTable *by_kind; /* LullKind -> LullStore, lent */
    GPtrArray *stores;   /* owned, each once */
} Set;

static LullStore *
choose(LullStore *store, const LullKind *kind)
{
    Set *self = (Set *)store;
    LullStore *found = (LullStore *)g_hash_table_lookup(self->by_kind, kind);

    return found ? found : self->fallback;
}

static LullJson *
set_get(LullStore *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    return lull_store_get(choose(self, kind), kind, ns, name, error);
}

static LullJson *
set_get_raw(LullStore *self, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    return lull_store_get_raw(choose(self, kind), kind, ns, name, error);
}

static LullJson *
set_list(LullStore *self, const LullKind *kind, const char *ns, const LullListOptions *options,
         GError **error)
{
    return lull_store_list(choose(self, kind), kind, ns, options, error);
}

static LullJson *
set_create(LullStore *self, const LullKind *kind, LullJson *object, GError **error)
{
    return lull_store_create(choose(self, kind), kind, object, error);
}

static LullJson *
set_patch(LullStore *self, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
          LullJson *patch, GError **error)
{
    return lull_store_patch(choose(self, kind), kind, ns, name, target, patch, error);
}

static gboolean
set_remove(LullStore *self, const LullKind *kind, const char *ns, const char *name, const char *uid,
           GError **error)
{
    return lull_store_remove(choose(self, kind), kind, ns, name, uid, error);
}

/* The watch belongs to the store chosen, so stopping it never comes here. */
static LullWatch *
set_watch(LullStore *self, const LullKind *kind, const char *ns, const LullWatchOptions *options,
          GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    return lull_store_watch_selected(choose(self, kind), kind, ns, options, context, func, user_data, error);
}

static void
set_limit_patience(LullStore *store, gint64 patience)
{
    Set *self = (Set *)store;

    for (guint i = 0; i < self->stores->len; i++)
        lull_store_limit_patience((LullStore *)g_ptr_array_index(self->stores, i), patience);
}

static gint64
set_now(LullStore *store)
{
    return lull_store_now(((Set *)store)->fallback);
}

static void
set_free(LullStore *store)
{
    Set *self = (Set *)store;

    g_hash_table_unref(self->by_kind);
    g_ptr_array_unref(self->stores);
    g_free(self);
}

static const LullStoreOps set_ops = {
    .get = set_get,
    .get_raw = set_get_raw,
    .list = set_list,
    .create = set_create,
    .patch = set_patch,
    .remove = set_remove,
    .watch = set_watch,
    .limit_patience = set_limit_patience,
    .now = set_now,
    .free = set_free,
};

LullStore *
lull_store_set_new(LullStore *fallback)
{
    Set *self = g_new0(Set, 1);

    self->base.ops = &set_ops;
    self->fallback = fallback;
    self->by_kind = g_hash_table_new(NULL, NULL);
    self->stores = g_ptr_array_new_with_free_func((GDestroyNotify)lull_store_free);
    g_ptr_array_add(self->stores, fallback);
    return &self->base;
}

void
lull_store_set_add(LullStore *store, const LullKind *kind, LullStore *take_store)
{
    Set *self = (Set *)store;

    g_hash_table_insert(self->by_kind, (gpointer)kind, take_store);
    if (!g_ptr_array_find(self->stores, take_store, NULL))
        g_ptr_array_insert(self->stores, 0, take_store);
}
