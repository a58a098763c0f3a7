/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/csi.h"

#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/follow.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/storage/csi/lane.h"
#include "coordinator/storage/csi/private.h"
#include "protocol/error.h"

typedef struct {
    LullCsiContent *content;
    guint attempt; /* that counts */
    guint cut;     /* whose cuts are known; 0: none */
    char *cuts;    /* as a line of JSON, a tenth of what a tree takes: all that is kept has them */
} Known;

static void
known_free(gpointer data)
{
    Known *known = data;

    lull_csi_content_unref(known->content);
    g_free(known->cuts);
    g_free(known);
}

static void
set_cuts(Known *known, guint attempt, LullJson *cuts)
{
    g_free(known->cuts);
    known->cuts = g_strdup(lull_json_to_line(cuts));
    known->cut = attempt;
}

/* With the lock. What an attempt of this life cut is known before anybody is told. */
static void
note(Known *known, guint attempt, LullJson *cuts)
{
    known->attempt = attempt;
    if (cuts && known->cut != attempt)
        set_cuts(known, attempt, cuts);
}

static void
introduce(LullStorage *storage, LullJson *object, guint attempt, LullJson *cuts)
{
    LullCsi *self = (LullCsi *)storage;
    const char *uid = lull_meta_uid(object);
    g_autoptr(LullCsiContent) content = NULL;
    g_autoptr(GError) error = NULL;
    Known *known = NULL;

    g_mutex_lock(&self->lock);
    known = uid ? g_hash_table_lookup(self->known, uid) : NULL;
    if (known)
        note(known, attempt, cuts); /* nothing else of it changes */
    g_mutex_unlock(&self->lock);
    if (known)
        return;
    content = lull_csi_content_new(object, &error);
    if (!content) {
        g_warning("%s", error->message);
        return;
    }
    known = g_new0(Known, 1);
    known->content = g_steal_pointer(&content);
    note(known, attempt, cuts);
    g_mutex_lock(&self->lock);
    g_hash_table_replace(self->known, g_strdup(uid), known);
    g_mutex_unlock(&self->lock);
}

void
lull_csi_note_cuts(LullCsi *self, const char *content_uid, guint attempt, LullJson *take_cuts)
{
    Known *known = NULL;

    g_mutex_lock(&self->lock);
    known = g_hash_table_lookup(self->known, content_uid);
    if (known)
        set_cuts(known, attempt, take_cuts);
    g_mutex_unlock(&self->lock);
    lull_json_put(take_cuts);
}

LullJson *
lull_csi_cuts_of(LullCsi *self, const char *content_uid, guint attempt)
{
    const Known *known = NULL;
    g_autofree char *cuts = NULL;

    g_mutex_lock(&self->lock);
    known = g_hash_table_lookup(self->known, content_uid);
    if (known && known->cut == attempt)
        cuts = g_strdup(known->cuts);
    g_mutex_unlock(&self->lock);
    return cuts ? lull_json_parse(cuts, -1, NULL) : NULL;
}

LullCsiContent *
lull_csi_find(LullCsi *self, const char *content_uid, guint *ret_attempt, GError **error)
{
    LullCsiContent *content = NULL;
    const Known *known = NULL;

    g_mutex_lock(&self->lock);
    known = g_hash_table_lookup(self->known, content_uid);
    if (known) {
        content = lull_csi_content_ref(known->content);
        if (ret_attempt)
            *ret_attempt = known->attempt;
    }
    g_mutex_unlock(&self->lock);
    if (!content)
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "content %s: nobody has told which object this is, or it is not understood", content_uid);
    return content;
}

static void
forget(LullStorage *storage, const char *content_uid)
{
    LullCsi *self = (LullCsi *)storage;

    lull_csi_forget_follow(self, content_uid, 0);
    g_mutex_lock(&self->lock);
    g_hash_table_remove(self->known, content_uid);
    g_mutex_unlock(&self->lock);
}

LullJson *
lull_csi_list(LullCsi *self, const LullCsiContent *content, guint attempt, GError **error)
{
    g_autofree char *selector = lull_csi_selector(content->uid, attempt);
    const LullListOptions options = {.label_selector = selector};
    g_autoptr(GError) problem = NULL;
    LullJson *list = lull_store_list(self->store, &lull_csi_kind_snapshot, content->ns, &options, &problem);

    if (!list && lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
        list = json_object_new_object(); /* the cluster has no VolumeSnapshots any more */
        lull_json_take(list, "items", json_object_new_array());
    } else if (!list) {
        g_propagate_error(error, g_steal_pointer(&problem));
    }
    return list;
}

void
lull_csi_order(LullCsi *self, GSourceFunc func, gpointer data, GDestroyNotify free_data)
{
    GSource *source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, func, data, free_data);
    g_source_attach(source, self->context);
    g_source_unref(source);
}

typedef struct {
    void (*func)(gpointer data);
    gpointer data;
    GMutex lock;
    GCond changed;
    gboolean done;
} Order;

static gboolean
run_order(gpointer data)
{
    Order *order = data;

    order->func(order->data);
    g_mutex_lock(&order->lock);
    order->done = TRUE;
    g_cond_signal(&order->changed);
    g_mutex_unlock(&order->lock);
    return G_SOURCE_REMOVE;
}

void
lull_csi_run(LullCsi *self, void (*func)(gpointer data), gpointer data)
{
    Order order = {.func = func, .data = data};

    g_mutex_init(&order.lock);
    g_cond_init(&order.changed);
    lull_csi_order(self, run_order, &order, NULL);
    g_mutex_lock(&order.lock);
    while (!order.done)
        g_cond_wait(&order.changed, &order.lock);
    g_mutex_unlock(&order.lock);
    g_mutex_clear(&order.lock);
    g_cond_clear(&order.changed);
}

static gpointer
run_watches(gpointer data)
{
    LullCsi *self = data;

    g_main_context_push_thread_default(self->context);
    g_main_loop_run(self->loop);
    g_main_context_pop_thread_default(self->context);
    return NULL;
}

static gboolean
refuse(GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                "snapshots by a cluster's storage cannot be restored or verified by this version: their "
                "VolumeSnapshots can, each as the data source of a new claim");
    return FALSE;
}

static gboolean
refuse_restore(LullStorage *storage, const char *content_uid, const char *vm_uid, const char *restore_uid,
               void (*progress)(guint permille, gpointer user_data), gpointer user_data, GCancellable *cancel,
               GError **error)
{
    return refuse(error);
}

static gboolean
drop_no_restore(LullStorage *storage, const char *content_uid, const char *restore_uid, GError **error)
{
    return TRUE;
}

static gboolean
refuse_verify(LullStorage *storage, const char *content_uid, GCancellable *cancel, LullJson **ret_result,
              GError **error)
{
    return refuse(error);
}

static void
quit(gpointer data)
{
    LullCsi *self = data;

    lull_csi_drop_follows(self);
    g_main_loop_quit(self->loop);
}

static void
csi_free(LullStorage *storage)
{
    LullCsi *self = (LullCsi *)storage;

    lull_csi_run(self, quit, self);
    g_thread_join(self->thread);
    g_main_loop_unref(self->loop);
    g_main_context_unref(self->context);
    g_hash_table_unref(self->known);
    g_hash_table_unref(self->follows);
    g_hash_table_unref(self->lanes);
    g_mutex_clear(&self->lock);
    g_free(self);
}

static const LullStorageOps csi_ops = {
    .named_by_attempt = TRUE,
    .copies_by_itself = TRUE,
    .introduce = introduce,
    .forget = forget,
    .prepare = lull_csi_prepare,
    .forecast = lull_csi_forecast,
    .cut = lull_csi_cut,
    .cut_volumes = lull_csi_cut_volumes,
    .cut_free = lull_csi_cut_free,
    .poll = lull_csi_poll,
    .seal = lull_csi_seal,
    .remove = lull_csi_remove,
    .restore = refuse_restore,
    .drop_restore = drop_no_restore,
    .check = lull_csi_check,
    .verify = refuse_verify,
    .free = csi_free,
};

LullStorage *
lull_storage_csi_new(LullStore *store)
{
    LullCsi *self = g_new0(LullCsi, 1);

    self->base.ops = &csi_ops;
    self->store = store;
    self->context = g_main_context_new();
    self->loop = g_main_loop_new(self->context, FALSE);
    self->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    self->follows = lull_csi_follows_new();
    self->lanes = lull_csi_lanes_new();
    g_mutex_init(&self->lock);
    self->thread = g_thread_new("csi-watch", run_watches, self);
    return &self->base;
}
