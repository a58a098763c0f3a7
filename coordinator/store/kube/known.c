/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/known.h"

#include <string.h>

#include "coordinator/model/meta.h"

struct _LullKnown {
    GHashTable *entries; /* "ns/name" to Entry */
    guint round;
};

typedef struct {
    guint round; /* in which it was seen last */
    char *uid;
    char *version;
} Entry;

static void
entry_free(gpointer data)
{
    Entry *entry = data;

    g_free(entry->uid);
    g_free(entry->version);
    g_free(entry);
}

LullKnown *
lull_known_new(void)
{
    LullKnown *self = g_new0(LullKnown, 1);

    self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    return self;
}

void
lull_known_free(LullKnown *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->entries);
    g_free(self);
}

static char *
key_of(LullJson *object)
{
    const char *ns = lull_meta_namespace(object);

    return g_strconcat(ns ? ns : "", "/", lull_meta_name(object), NULL);
}

static LullJson *
tombstone(const char *key, const Entry *entry)
{
    LullJson *object = json_object_new_object();
    LullJson *metadata = lull_json_ensure(object, "metadata");
    const char *slash = strchr(key, '/');
    g_autofree char *ns = g_strndup(key, (gsize)(slash - key));

    lull_json_set_string(metadata, "name", slash + 1);
    lull_json_set_string(metadata, "namespace", *ns ? ns : NULL);
    lull_json_set_string(metadata, "uid", entry->uid);
    lull_json_set_string(metadata, "resourceVersion", entry->version);
    return object;
}

LullKnownNews
lull_known_see(LullKnown *self, LullJson *object, LullJson **ret_gone)
{
    g_autofree char *key = key_of(object);
    Entry *entry = g_hash_table_lookup(self->entries, key);
    const gboolean fresh = !entry;
    const gboolean replaced = entry && g_strcmp0(entry->uid, lull_meta_uid(object)) != 0;

    if (entry && !replaced && g_strcmp0(entry->version, lull_meta_version(object)) == 0) {
        entry->round = self->round;
        return LULL_KNOWN_SAME;
    }
    if (replaced)
        *ret_gone = tombstone(key, entry);
    if (fresh) {
        entry = g_new0(Entry, 1);
        g_hash_table_insert(self->entries, g_steal_pointer(&key), entry);
    }
    g_free(entry->uid);
    g_free(entry->version);
    entry->uid = g_strdup(lull_meta_uid(object));
    entry->version = g_strdup(lull_meta_version(object));
    entry->round = self->round;
    return fresh ? LULL_KNOWN_ADDED : replaced ? LULL_KNOWN_REPLACED : LULL_KNOWN_MODIFIED;
}

LullKnownNews
lull_known_remove(LullKnown *self, LullJson *object)
{
    g_autofree char *key = key_of(object);
    const Entry *entry = g_hash_table_lookup(self->entries, key);

    /* a late word on an object whose name has another by now */
    if (!entry || g_strcmp0(entry->uid, lull_meta_uid(object)) != 0)
        return LULL_KNOWN_SAME;
    g_hash_table_remove(self->entries, key);
    return LULL_KNOWN_DELETED;
}

void
lull_known_begin(LullKnown *self)
{
    self->round++;
}

GPtrArray *
lull_known_sweep(LullKnown *self)
{
    GPtrArray *gone = g_ptr_array_new_with_free_func((GDestroyNotify)lull_json_put);
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Entry *entry = value;

        if (entry->round == self->round)
            continue;
        g_ptr_array_add(gone, tombstone(key, entry));
        g_hash_table_iter_remove(&iter);
    }
    return gone;
}
