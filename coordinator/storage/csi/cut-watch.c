/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/cut.h"
#include "coordinator/storage/csi/kinds.h"
#include "protocol/clock.h"

/* With the lock. */
static LullCsiVolumeCut *
find_volume(LullCsiCut *self, LullJson *snapshot)
{
    const char *name = lull_meta_name(snapshot);
    const char *uid = lull_meta_uid(snapshot);

    for (guint i = 0; i < self->n; i++) {
        LullCsiVolumeCut *volume = &self->volumes[i];

        if (g_strcmp0(volume->planned->snapshot, name) == 0)
            return !volume->uid || g_strcmp0(volume->uid, uid) == 0 ? volume : NULL;
    }
    return NULL;
}

static void
on_snapshot(LullWatchType type, LullJson *object, gpointer user_data)
{
    LullCsiCut *self = user_data;
    LullCsiVolumeCut *volume = NULL;

    if (type != LULL_WATCH_ADDED && type != LULL_WATCH_MODIFIED)
        return; /* one that goes was told to be going before */
    g_mutex_lock(&self->lock);
    volume = find_volume(self, object);
    if (volume && lull_csi_facts_see_snapshot(&volume->facts, object, lull_clock_boottime()))
        g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
}

static void
on_content(LullWatchType type, LullJson *object, gpointer user_data)
{
    LullCsiCut *self = user_data;

    if (type != LULL_WATCH_ADDED && type != LULL_WATCH_MODIFIED)
        return;
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->n; i++) {
        LullCsiVolumeCut *volume = &self->volumes[i];

        if (volume->uid && lull_csi_facts_see_content(&volume->facts, object, volume->uid,
                                                      volume->planned->volume, lull_clock_boottime()))
            g_cond_broadcast(&self->changed);
    }
    g_mutex_unlock(&self->lock);
}

typedef struct {
    LullCsiCut *cut;
    LullCsiVolumeCut *volume;
} WatchOrder;

/* On the watches' thread. A watch that cannot be made is not missed: GETs find the same. */
static gboolean
watch_content(gpointer data)
{
    const WatchOrder *order = data;
    LullCsiCut *self = order->cut;
    g_autofree char *name = NULL;
    g_autofree char *selector = NULL;
    const LullWatchOptions options = {.field_selector = NULL, .urgent = TRUE};
    LullWatchOptions by_name = options;
    gboolean over;

    g_mutex_lock(&self->lock);
    over = self->over;
    name = lull_csi_content_name(order->volume->uid);
    g_mutex_unlock(&self->lock);
    selector = g_strconcat("metadata.name=", name, NULL);
    by_name.field_selector = selector;
    if (!over)
        order->volume->watch =
            lull_store_watch_selected(self->csi->store, &lull_csi_kind_content, NULL, &by_name,
                                      self->csi->context, on_content, self, NULL);
    return G_SOURCE_REMOVE;
}

void
lull_csi_cut_watch_content(LullCsiCut *self, LullCsiVolumeCut *volume)
{
    WatchOrder *order = g_new0(WatchOrder, 1);

    order->cut = self;
    order->volume = volume;
    lull_csi_order(self->csi, watch_content, order, g_free);
}

static void
watch_snapshots(gpointer data)
{
    LullCsiCut *self = data;
    g_autofree char *selector = lull_csi_selector(self->content->uid, self->attempt);
    const LullWatchOptions options = {.label_selector = selector, .urgent = TRUE};

    self->watch = lull_store_watch_selected(self->csi->store, &lull_csi_kind_snapshot, self->content->ns,
                                            &options, self->csi->context, on_snapshot, self, NULL);
}

void
lull_csi_cut_watch(LullCsiCut *self)
{
    lull_csi_run(self->csi, watch_snapshots, self);
}

static void
stop_watches(gpointer data)
{
    LullCsiCut *self = data;

    lull_watch_stop(g_steal_pointer(&self->watch));
    for (guint i = 0; i < self->n; i++)
        lull_watch_stop(g_steal_pointer(&self->volumes[i].watch));
}

void
lull_csi_cut_unwatch(LullCsiCut *self)
{
    lull_csi_run(self->csi, stop_watches, self);
}
