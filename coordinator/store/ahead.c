/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/ahead.h"

#define MAX_AT_ONCE 8 /* as many connections are kept */

typedef struct {
    LullWant want; /* lends, until it is answered */
    LullJson *answer;
    GError *error;
} Ask;

typedef struct {
    LullStore base;
    LullStore *inner;
    GHashTable *asks; /* "plural/ns/name", of lists "plural/ns" -> Ask */
} Ahead;

static void
ask_free(gpointer data)
{
    Ask *ask = data;

    g_clear_pointer(&ask->answer, json_object_put);
    g_clear_error(&ask->error);
    g_free(ask);
}

static char *
key_of(const LullKind *kind, const char *ns, const char *name)
{
    return g_strconcat(kind->plural, "/", ns ? ns : "", name ? "/" : NULL, name, NULL);
}

static void
answer(gpointer data, gpointer store)
{
    Ask *ask = data;
    const LullWant *want = &ask->want;

    ask->answer = want->name ? lull_store_get(store, want->kind, want->ns, want->name, &ask->error)
                             : lull_store_list(store, want->kind, want->ns, NULL, &ask->error);
}

/* The last one on this thread, which would have nothing else to do. */
static void
answer_all(LullStore *store, const GPtrArray *asks)
{
    GThreadPool *pool = asks->len > 1 ? g_thread_pool_new(answer, store, MAX_AT_ONCE - 1, FALSE, NULL) : NULL;

    for (guint i = 0; i + 1 < asks->len; i++)
        (void)g_thread_pool_push(pool, asks->pdata[i], NULL);
    if (asks->len > 0)
        answer(asks->pdata[asks->len - 1], store);
    if (pool)
        g_thread_pool_free(pool, FALSE, TRUE);
}

void
lull_store_ahead_ask(LullStore *store, const LullWant *wants, guint n)
{
    Ahead *self = (Ahead *)store;
    g_autoptr(GPtrArray) asks = g_ptr_array_new();

    for (guint i = 0; i < n; i++) {
        g_autofree char *key = key_of(wants[i].kind, wants[i].ns, wants[i].name);
        Ask *ask = NULL;

        if (g_hash_table_contains(self->asks, key))
            continue;
        ask = g_new0(Ask, 1);
        ask->want = wants[i];
        g_hash_table_insert(self->asks, g_steal_pointer(&key), ask);
        g_ptr_array_add(asks, ask);
    }
    answer_all(self->inner, asks);
}

static const Ask *
find(LullStore *store, const LullKind *kind, const char *ns, const char *name)
{
    g_autofree char *key = key_of(kind, ns, name);

    return g_hash_table_lookup(((Ahead *)store)->asks, key);
}

static LullJson *
told(const Ask *ask, GError **error)
{
    if (ask->answer)
        return lull_json_dup(ask->answer);
    g_propagate_error(error, g_error_copy(ask->error));
    return NULL;
}

static LullJson *
ahead_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    const Ask *ask = find(store, kind, ns, name);

    return ask ? told(ask, error) : lull_store_get(((Ahead *)store)->inner, kind, ns, name, error);
}

static LullJson *
ahead_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
           GError **error)
{
    const gboolean all = !options->label_selector && !options->field_selector && !options->limit &&
                         !options->continue_token && !options->raw;
    const Ask *ask = all ? find(store, kind, ns, NULL) : NULL;

    return ask ? told(ask, error) : lull_store_list(((Ahead *)store)->inner, kind, ns, options, error);
}

static gint64
ahead_now(LullStore *store)
{
    return lull_store_now(((Ahead *)store)->inner);
}

static void
ahead_free(LullStore *store)
{
    Ahead *self = (Ahead *)store;

    g_hash_table_unref(self->asks);
    g_free(self);
}

static const LullStoreOps ahead_ops = {
    .get = ahead_get, .list = ahead_list, .now = ahead_now, .free = ahead_free};

LullStore *
lull_store_ahead_new(LullStore *inner)
{
    Ahead *self = g_new0(Ahead, 1);

    self->base.ops = &ahead_ops;
    self->inner = inner;
    self->asks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, ask_free);
    return &self->base;
}
