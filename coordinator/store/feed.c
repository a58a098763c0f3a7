/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/feed.h"

#include <string.h>

#include "coordinator/store/status.h"

#define EVENTS_PER_DISPATCH 64 /* others on the context get their turn */

struct _LullFeed {
    GMutex lock;
    guint max_pending;
    GPtrArray *watches; /* of Watch, lent: a watch leaves before it goes */
};

struct _LullFeedEvents {
    GQueue queue; /* of Event */
};

typedef struct {
    LullWatchType type;
    gsize before; /* where the labels begin in @text; 0: they did not change */
    char text[];
} Event;

typedef struct {
    LullWatch base;
    LullFeed *feed; /* a reference: the lock outlives the store */
    const LullKind *kind;
    char *ns; /* NULL: all */
    LullSelector *selector;
    GMainContext *context;
    LullWatchFunc func;
    gpointer user_data;
    gboolean stopped; /* only on the context's thread */
    /* under the feed's lock: */
    GQueue events;
    guint first_left; /* of those that the watch began with */
    gboolean deaf;    /* gets no more events */
    GSource *source;  /* NULL: nothing to deliver */
} Watch;

static Event *
event_new(const LullFeedChange *change)
{
    const gsize size = strlen(change->text) + 1;
    const gsize more = change->before ? strlen(change->before) + 1 : 0;
    Event *event = (Event *)g_malloc(sizeof(Event) + size + more);

    event->type = change->type;
    event->before = more ? size : 0;
    memcpy(event->text, change->text, size);
    if (more)
        memcpy(event->text + size, change->before, more);
    return event;
}

static void
feed_clear(LullFeed *self)
{
    g_mutex_clear(&self->lock);
    g_ptr_array_unref(self->watches);
}

static void
feed_unref(LullFeed *self)
{
    g_atomic_rc_box_release_full(self, (GDestroyNotify)feed_clear);
}

static void
watch_clear(Watch *watch)
{
    g_queue_clear_full(&watch->events, g_free);
    g_main_context_unref(watch->context);
    lull_selector_free(watch->selector);
    g_free(watch->ns);
    feed_unref(watch->feed);
}

static void
watch_unref(Watch *watch)
{
    g_atomic_rc_box_release_full(watch, (GDestroyNotify)watch_clear);
}

LullFeed *
lull_feed_new(guint max_pending)
{
    LullFeed *self = g_atomic_rc_box_new0(LullFeed);

    g_mutex_init(&self->lock);
    self->max_pending = max_pending;
    self->watches = g_ptr_array_new();
    return self;
}

void
lull_feed_free(LullFeed *self)
{
    if (self)
        feed_unref(self);
}

LullFeedEvents *
lull_feed_events_new(void)
{
    return g_new0(LullFeedEvents, 1);
}

void
lull_feed_events_add(LullFeedEvents *self, const LullFeedChange *change)
{
    g_queue_push_tail(&self->queue, event_new(change));
}

void
lull_feed_events_free(LullFeedEvents *self)
{
    if (!self)
        return;
    g_queue_clear_full(&self->queue, g_free);
    g_free(self);
}

static Event *
take_event(Watch *watch)
{
    Event *event;

    g_mutex_lock(&watch->feed->lock);
    event = (Event *)g_queue_pop_head(&watch->events);
    if (event && watch->first_left > 0)
        watch->first_left--;
    if (!event)
        g_clear_pointer(&watch->source, g_source_unref);
    g_mutex_unlock(&watch->feed->lock);
    return event;
}

static gboolean
matched_before(const Watch *watch, const Event *event, LullJson *object)
{
    g_autoptr(LullJson) labels = NULL;
    g_autoptr(LullJson) old = NULL;

    if (event->type == LULL_WATCH_ADDED)
        return FALSE;
    if (!event->before)
        return lull_selector_matches(watch->selector, object);
    old = json_object_new_object();
    labels = lull_json_parse(event->text + event->before, -1, NULL);
    lull_json_take(old, "metadata", lull_json_dup(lull_json_object(object, "metadata")));
    lull_json_take(lull_json_ensure(old, "metadata"), "labels", g_steal_pointer(&labels));
    return lull_selector_matches(watch->selector, old);
}

/* What the event is to who sees only what is selected. FALSE: nothing. */
static gboolean
select_event(const Watch *watch, const Event *event, LullJson *object, LullWatchType *ret_type)
{
    gboolean before, after;

    *ret_type = event->type;
    if (event->type == LULL_WATCH_ERROR || lull_selector_is_everything(watch->selector))
        return TRUE;
    before = matched_before(watch, event, object);
    after = event->type != LULL_WATCH_DELETED && lull_selector_matches(watch->selector, object);
    if (before != after)
        *ret_type = after ? LULL_WATCH_ADDED : LULL_WATCH_DELETED;
    return before || after;
}

static gboolean
deliver(gpointer user_data)
{
    Watch *watch = (Watch *)user_data;

    for (guint i = 0; i < EVENTS_PER_DISPATCH; i++) {
        g_autofree Event *event = take_event(watch);
        if (!event)
            return G_SOURCE_REMOVE;
        g_autoptr(LullJson) object = lull_json_parse(event->text, -1, NULL);
        LullWatchType type;
        if (select_event(watch, event, object, &type))
            watch->func(type, object, watch->user_data);
        if (watch->stopped)
            return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

/* Under the lock. The source keeps the watch. */
static void
schedule(Watch *watch)
{
    if (watch->source || g_queue_is_empty(&watch->events))
        return;
    watch->source = g_idle_source_new();
    g_source_set_priority(watch->source, G_PRIORITY_DEFAULT);
    g_source_set_callback(watch->source, deliver, g_atomic_rc_box_acquire(watch),
                          (GDestroyNotify)watch_unref);
    g_source_attach(watch->source, watch->context);
}

/* Under the lock. */
static void
cut_off(Watch *watch)
{
    g_autoptr(LullJson) status =
        lull_status_new(410, "Expired", "the watch lags too far behind: list again and watch from there");

    g_queue_clear_full(&watch->events, g_free);
    g_queue_init(&watch->events);
    const LullFeedChange error = {.type = LULL_WATCH_ERROR, .text = lull_json_to_line(status)};
    g_queue_push_tail(&watch->events, event_new(&error));
    watch->deaf = TRUE;
}

void
lull_feed_publish(LullFeed *self, const LullKind *kind, const char *ns, const LullFeedChange *change)
{
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->watches->len; i++) {
        Watch *watch = (Watch *)g_ptr_array_index(self->watches, i);
        if (watch->deaf || watch->kind != kind || (watch->ns && g_strcmp0(watch->ns, ns) != 0))
            continue;
        if (g_queue_get_length(&watch->events) - watch->first_left >= self->max_pending)
            cut_off(watch);
        else
            g_queue_push_tail(&watch->events, event_new(change));
        schedule(watch);
    }
    g_mutex_unlock(&self->lock);
}

LullWatch *
lull_feed_add(LullFeed *self, LullStore *store, const LullKind *kind, const char *ns,
              LullSelector *take_selector, LullFeedEvents *take_events, GMainContext *context,
              LullWatchFunc func, gpointer user_data)
{
    Watch *watch = g_atomic_rc_box_new0(Watch);

    watch->base.store = store;
    watch->feed = (LullFeed *)g_atomic_rc_box_acquire(self);
    watch->kind = kind;
    watch->ns = g_strdup(ns);
    watch->selector = take_selector;
    watch->context = g_main_context_ref(context ? context : g_main_context_default());
    watch->func = func;
    watch->user_data = user_data;
    watch->events = take_events->queue;
    watch->first_left = g_queue_get_length(&watch->events);
    g_queue_init(&take_events->queue);
    lull_feed_events_free(take_events);

    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->watches, watch);
    schedule(watch);
    g_mutex_unlock(&self->lock);
    return &watch->base;
}

void
lull_feed_stop(LullWatch *base)
{
    Watch *watch = (Watch *)base;
    GSource *source;

    watch->stopped = TRUE;
    g_mutex_lock(&watch->feed->lock);
    g_ptr_array_remove_fast(watch->feed->watches, watch);
    source = g_steal_pointer(&watch->source);
    g_mutex_unlock(&watch->feed->lock);
    if (source) {
        g_source_destroy(source);
        g_source_unref(source);
    }
    watch_unref(watch);
}
