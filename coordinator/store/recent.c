/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/recent.h"

#include "coordinator/model/meta.h"
#include "coordinator/store/object.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define MANY 32 /* objects, of those that are worked on just now */

/* There is one as long as something is known, or asked; without it no answer is kept. */
typedef struct {
    LullJson *object; /* NULL: it is asked for, or there is a newer one than was read */
    gboolean absent;  /* there was none, and no event told of one since */
    guint64 version;  /* what is older than that is not true any more; 0: who knows */
    gint64 since;     /* boot clock: when it was asked for; answers to what was asked before do not count */
} Entry;

/* Of one kind. */
typedef struct {
    LullRecentKind kind;
    guint watches;
} Shelf;

typedef struct _Recent Recent;
typedef struct {
    LullStore base;
    Recent *recent;
} Door;

struct _Recent {
    Door trusting, asking;
    LullStore *inner;
    gint64 fresh; /* usec */
    GMutex lock;
    /* under it: */
    GHashTable *entries; /* "<plural>/<namespace>/<name>" -> Entry */
    GArray *shelves;
};

typedef struct {
    LullWatch base;
    LullWatch *inner;
    Recent *recent;
    Shelf *shelf;
    LullWatchFunc func;
    gpointer user_data;
} Watch;

static Recent *
recent_of(LullStore *store)
{
    return ((Door *)store)->recent;
}

static void
entry_free(gpointer data)
{
    Entry *entry = data;

    lull_json_put(entry->object);
    g_free(entry);
}

static char *
key_of(const char *plural, const char *ns, const char *name)
{
    return g_strconcat(plural, "/", ns ? ns : "", "/", name, NULL);
}

static Shelf *
shelf_of(const Recent *self, const LullKind *kind)
{
    for (guint i = 0; i < self->shelves->len; i++) {
        Shelf *shelf = &g_array_index(self->shelves, Shelf, i);

        if (g_str_equal(shelf->kind.plural, kind->plural))
            return shelf;
    }
    return NULL;
}

/* Versions of one kind have an order where they are numbers. FALSE: who knows. */
static gboolean
version_of(LullJson *object, guint64 *ret_version)
{
    const char *text = lull_meta_version(object);

    return text && g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT64, ret_version, NULL);
}

/* With the lock. What is too old goes, and as much as is too much. */
static void
make_room(Recent *self, gint64 now)
{
    gint64 oldest_since = G_MAXINT64;
    gpointer oldest = NULL;
    GHashTableIter iter;
    gpointer key = NULL;
    const Entry *entry = NULL;

    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, &key, (gpointer *)&entry)) {
        if (now - entry->since > self->fresh) {
            g_hash_table_iter_remove(&iter);
        } else if (entry->since < oldest_since) {
            oldest = key;
            oldest_since = entry->since;
        }
    }
    if (g_hash_table_size(self->entries) >= MANY)
        g_hash_table_remove(self->entries, oldest);
}

/* Before it is asked for, or written; returns when. */
static gint64
begin(Recent *self, const LullKind *kind, const char *ns, const char *name)
{
    g_autofree char *key = key_of(kind->plural, ns, name);
    const Shelf *shelf = shelf_of(self, kind);
    const gint64 now = lull_clock_boottime();

    g_mutex_lock(&self->lock);
    if (shelf && shelf->watches && !g_hash_table_contains(self->entries, key)) {
        Entry *entry = g_new0(Entry, 1);

        make_room(self, now);
        entry->since = now;
        g_hash_table_insert(self->entries, g_steal_pointer(&key), entry);
    }
    g_mutex_unlock(&self->lock);
    return now;
}

static gboolean
is_news(const Entry *known, guint64 version, gint64 since)
{
    if (known->object)
        return version > known->version || (version == known->version && since > known->since);
    return version >= known->version && since >= known->since;
}

/* The answer. @object NULL: it is not known what became of it. A write that takes the last finalizer off is
 * answered with what is gone. */
static void
note(Recent *self, const LullKind *kind, const char *ns, const char *name, LullJson *object, gint64 since)
{
    g_autofree char *key = key_of(kind->plural, ns, name);
    Entry *known = NULL;
    guint64 version = 0;

    g_mutex_lock(&self->lock);
    known = g_hash_table_lookup(self->entries, key);
    if (known && (!object || lull_object_may_go(object) || !version_of(object, &version))) {
        g_hash_table_remove(self->entries, key);
    } else if (known && is_news(known, version, since)) {
        lull_json_put(known->object);
        *known = (Entry){lull_json_dup(object), FALSE, version, since};
    }
    g_mutex_unlock(&self->lock);
}

/* The answer: there is none. */
static void
note_absent(Recent *self, const LullKind *kind, const char *ns, const char *name, gint64 since)
{
    g_autofree char *key = key_of(kind->plural, ns, name);
    const Shelf *shelf = shelf_of(self, kind);
    Entry *known = NULL;

    g_mutex_lock(&self->lock);
    known = g_hash_table_lookup(self->entries, key);
    if (known && (!shelf || !shelf->kind.absence || known->object || known->version))
        g_hash_table_remove(self->entries, key);
    else if (known && since >= known->since)
        *known = (Entry){NULL, TRUE, 0, since};
    g_mutex_unlock(&self->lock);
}

/* Of what an event tells no more is kept than that there is something to be read. */
static void
note_event(Recent *self, const Shelf *shelf, LullWatchType type, LullJson *object)
{
    const char *name = lull_meta_name(object);
    g_autofree char *key = name ? key_of(shelf->kind.plural, lull_meta_namespace(object), name) : NULL;
    Entry *known = NULL;
    guint64 version = 0;

    if (!key || type == LULL_WATCH_BOOKMARK || type == LULL_WATCH_ERROR)
        return;
    g_mutex_lock(&self->lock);
    known = g_hash_table_lookup(self->entries, key);
    if (known && (type == LULL_WATCH_DELETED || !version_of(object, &version))) {
        g_hash_table_remove(self->entries, key);
    } else if (known && version > known->version) {
        g_clear_pointer(&known->object, json_object_put);
        known->absent = FALSE;
        known->version = version;
    }
    g_mutex_unlock(&self->lock);
}

/* FALSE: it has to be asked for. *@ret_object NULL: there is none. */
static gboolean
find(Recent *self, const LullKind *kind, const char *ns, const char *name, LullJson **ret_object)
{
    g_autofree char *key = key_of(kind->plural, ns, name);
    const Shelf *shelf = shelf_of(self, kind);
    const Entry *entry = NULL;
    gboolean found = FALSE;

    g_mutex_lock(&self->lock);
    entry = shelf && shelf->watches ? g_hash_table_lookup(self->entries, key) : NULL;
    if (entry && (entry->object || entry->absent) && lull_clock_boottime() - entry->since <= self->fresh) {
        found = TRUE;
        *ret_object = lull_json_dup(entry->object);
    }
    g_mutex_unlock(&self->lock);
    return found;
}

static LullJson *
ask(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    Recent *self = recent_of(store);
    const gint64 since = begin(self, kind, ns, name);
    GError *problem = NULL;
    LullJson *object = lull_store_get(self->inner, kind, ns, name, &problem);

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        note_absent(self, kind, ns, name, since);
    else
        note(self, kind, ns, name, object, since);
    if (problem)
        g_propagate_error(error, problem);
    return object;
}

static LullJson *
trust(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    LullJson *object = NULL;

    if (!find(recent_of(store), kind, ns, name, &object))
        return ask(store, kind, ns, name, error);
    if (!object)
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "%s %s/%s: there was none a moment ago",
                    kind->singular, ns ? ns : "", name);
    return object;
}

static LullJson *
recent_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
            GError **error)
{
    return lull_store_list(recent_of(store)->inner, kind, ns, options, error);
}

static LullJson *
recent_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    Recent *self = recent_of(store);
    const char *ns = lull_meta_namespace(object), *name = lull_meta_name(object);
    const gint64 since = name ? begin(self, kind, ns, name) : 0;
    LullJson *made = lull_store_create(self->inner, kind, object, error);

    if (name)
        note(self, kind, ns, name, made, since);
    return made;
}

static LullJson *
recent_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
             LullJson *patch, GError **error)
{
    Recent *self = recent_of(store);
    const gint64 since = begin(self, kind, ns, name);
    LullJson *after = lull_store_patch(self->inner, kind, ns, name, target, patch, error);

    note(self, kind, ns, name, after, since);
    return after;
}

static gboolean
recent_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
              GError **error)
{
    Recent *self = recent_of(store);
    const gboolean removed = lull_store_remove(self->inner, kind, ns, name, uid, error);

    note(self, kind, ns, name, NULL, 0);
    return removed;
}

static void
on_event(LullWatchType type, LullJson *object, gpointer user_data)
{
    Watch *watch = user_data;

    note_event(watch->recent, watch->shelf, type, object);
    watch->func(type, object, watch->user_data);
}

static void
count_watch(Watch *watch, gboolean more)
{
    g_mutex_lock(&watch->recent->lock);
    if (more)
        watch->shelf->watches++;
    else
        watch->shelf->watches--;
    g_mutex_unlock(&watch->recent->lock);
}

static LullWatch *
recent_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
             GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    Recent *self = recent_of(store);
    Shelf *shelf = shelf_of(self, kind);
    Watch *watch = NULL;

    if (!shelf)
        return lull_store_watch_selected(self->inner, kind, ns, options, context, func, user_data, error);
    watch = g_new0(Watch, 1);
    *watch = (Watch){{store}, NULL, self, shelf, func, user_data};
    watch->inner = lull_store_watch_selected(self->inner, kind, ns, options, context, on_event, watch, error);
    if (!watch->inner) {
        g_free(watch);
        return NULL;
    }
    count_watch(watch, TRUE);
    return &watch->base;
}

static void
recent_watch_stop(LullWatch *base)
{
    Watch *watch = (Watch *)base;

    count_watch(watch, FALSE);
    lull_watch_stop(watch->inner);
    g_free(watch);
}

static void
recent_limit_patience(LullStore *store, gint64 patience)
{
    lull_store_limit_patience(recent_of(store)->inner, patience);
}

static gint64
recent_now(LullStore *store)
{
    return lull_store_now(recent_of(store)->inner);
}

static void
recent_free(LullStore *store)
{
    Recent *self = recent_of(store);

    lull_store_free(self->inner);
    g_hash_table_unref(self->entries);
    g_array_unref(self->shelves);
    g_mutex_clear(&self->lock);
    g_free(self);
}

static void
leave_open(LullStore *store)
{
}

static const LullStoreOps trusting_ops = {.get = trust,
                                          .list = recent_list,
                                          .create = recent_create,
                                          .patch = recent_patch,
                                          .remove = recent_remove,
                                          .watch = recent_watch,
                                          .watch_stop = recent_watch_stop,
                                          .limit_patience = recent_limit_patience,
                                          .now = recent_now,
                                          .free = recent_free};

static const LullStoreOps asking_ops = {.get = ask,
                                        .list = recent_list,
                                        .create = recent_create,
                                        .patch = recent_patch,
                                        .remove = recent_remove,
                                        .watch = recent_watch,
                                        .watch_stop = recent_watch_stop,
                                        .limit_patience = recent_limit_patience,
                                        .now = recent_now,
                                        .free = leave_open};

LullStore *
lull_store_recent_new(LullStore *take_inner, const LullRecentKind *kinds, gint64 fresh)
{
    Recent *self = g_new0(Recent, 1);

    self->trusting = (Door){{&trusting_ops}, self};
    self->asking = (Door){{&asking_ops}, self};
    self->inner = take_inner;
    self->fresh = fresh;
    g_mutex_init(&self->lock);
    self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    self->shelves = g_array_new(FALSE, TRUE, sizeof(Shelf));
    for (gsize i = 0; kinds[i].plural; i++) {
        const Shelf shelf = {.kind = kinds[i]};

        g_array_append_val(self->shelves, shelf);
    }
    return &self->trusting.base;
}

LullStore *
lull_store_recent_asking(LullStore *recent)
{
    return &recent_of(recent)->asking.base;
}
