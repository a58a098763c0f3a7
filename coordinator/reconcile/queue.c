/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/queue.h"

#include "coordinator/reconcile/wait.h"

typedef struct {
    char *key;
    gboolean dirty;      /* has to run (again) */
    gboolean processing; /* somebody took it */
    gint64 since;        /* monotonic; in `ready` from then on */
    guint failures;
    gint64 due; /* monotonic; only while `timer` is set */
    GSequenceIter *timer;
} Item;

struct _LullQueue {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    LullBackoff backoff;
    LullQueueSeries series;
    GHashTable *items; /* key -> Item; those with nothing to remember are dropped */
    GQueue ready;      /* of Item: dirty and not processing, in order of arrival */
    GSequence *timers; /* of Item by due */
    gboolean closed;
};

static void
item_free(gpointer data)
{
    Item *item = data;

    g_free(item->key);
    g_free(item);
}

LullQueue *
lull_queue_new(LullBackoff backoff)
{
    LullQueue *self = g_new0(LullQueue, 1);

    pthread_mutex_init(&self->mutex, NULL);
    lull_wait_init(&self->cond);
    g_queue_init(&self->ready);
    self->backoff = backoff;
    self->items = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, item_free);
    self->timers = g_sequence_new(NULL);
    return self;
}

void
lull_queue_set_series(LullQueue *self, const LullQueueSeries *series)
{
    self->series = *series;
}

void
lull_queue_free(LullQueue *self)
{
    if (!self)
        return;
    g_queue_clear(&self->ready);
    g_sequence_free(self->timers);
    g_hash_table_unref(self->items);
    pthread_cond_destroy(&self->cond);
    pthread_mutex_destroy(&self->mutex);
    g_free(self);
}

static Item *
item_get(LullQueue *self, const char *key)
{
    Item *item = g_hash_table_lookup(self->items, key);

    if (!item) {
        item = g_new0(Item, 1);
        item->key = g_strdup(key);
        g_hash_table_insert(self->items, item->key, item);
    }
    return item;
}

static void
item_drop_if_idle(LullQueue *self, Item *item)
{
    if (!item->dirty && !item->processing && !item->timer && item->failures == 0)
        g_hash_table_remove(self->items, item->key);
}

static void
item_stop_timer(Item *item)
{
    if (item->timer)
        g_sequence_remove(item->timer);
    item->timer = NULL;
}

static void
make_ready(LullQueue *self, Item *item)
{
    item->since = g_get_monotonic_time();
    g_queue_push_tail(&self->ready, item);
    lull_series_add(self->series.depth, 1);
    pthread_cond_signal(&self->cond);
}

static void
item_make_dirty(LullQueue *self, Item *item)
{
    item_stop_timer(item);
    if (item->dirty)
        return;
    item->dirty = TRUE;
    lull_series_add(self->series.adds, 1);
    if (!item->processing)
        make_ready(self, item);
}

static gint
compare_due(gconstpointer a, gconstpointer b, gpointer user_data)
{
    const gint64 left = ((const Item *)a)->due, right = ((const Item *)b)->due;

    return (left > right) - (left < right);
}

static void
item_start_timer(LullQueue *self, Item *item, gint64 delay)
{
    const gint64 due = g_get_monotonic_time() + MAX(delay, 0);

    if (item->dirty || (item->timer && item->due <= due))
        return;
    item_stop_timer(item);
    item->due = due;
    item->timer = g_sequence_insert_sorted(self->timers, item, compare_due, NULL);
    pthread_cond_signal(&self->cond);
}

void
lull_queue_add(LullQueue *self, const char *key)
{
    pthread_mutex_lock(&self->mutex);
    item_make_dirty(self, item_get(self, key));
    pthread_mutex_unlock(&self->mutex);
}

void
lull_queue_add_after(LullQueue *self, const char *key, gint64 delay_usec)
{
    pthread_mutex_lock(&self->mutex);
    item_start_timer(self, item_get(self, key), delay_usec);
    pthread_mutex_unlock(&self->mutex);
}

/* Moves what is due; says when the next one will be, 0: never. */
static gint64
run_timers(LullQueue *self)
{
    while (!g_sequence_is_empty(self->timers)) {
        Item *item = g_sequence_get(g_sequence_get_begin_iter(self->timers));

        if (item->due > g_get_monotonic_time())
            return item->due;
        item_make_dirty(self, item);
    }
    return 0;
}

char *
lull_queue_take(LullQueue *self)
{
    char *key = NULL;

    pthread_mutex_lock(&self->mutex);
    while (!self->closed) {
        const gint64 next = run_timers(self);
        Item *item = g_queue_pop_head(&self->ready);

        if (item) {
            item->dirty = FALSE;
            item->processing = TRUE;
            lull_series_add(self->series.depth, -1);
            lull_series_observe(self->series.waited, g_get_monotonic_time() - item->since);
            key = g_strdup(item->key);
            break;
        }
        if (next)
            lull_wait_until(&self->cond, &self->mutex, next);
        else
            pthread_cond_wait(&self->cond, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    return key;
}

void
lull_queue_done(LullQueue *self, const char *key)
{
    Item *item = NULL;

    pthread_mutex_lock(&self->mutex);
    item = item_get(self, key);
    item->processing = FALSE;
    if (item->dirty)
        make_ready(self, item);
    item_drop_if_idle(self, item);
    pthread_mutex_unlock(&self->mutex);
}

gint64
lull_queue_retry(LullQueue *self, const char *key)
{
    Item *item = NULL;
    gint64 delay = 0;

    pthread_mutex_lock(&self->mutex);
    item = item_get(self, key);
    item->failures++;
    lull_series_add(self->series.retries, 1);
    delay = lull_backoff_delay(&self->backoff, item->failures, g_random_double());
    item_start_timer(self, item, delay);
    pthread_mutex_unlock(&self->mutex);
    return delay;
}

void
lull_queue_forget(LullQueue *self, const char *key)
{
    Item *item = NULL;

    pthread_mutex_lock(&self->mutex);
    item = g_hash_table_lookup(self->items, key);
    if (item) {
        item->failures = 0;
        item_drop_if_idle(self, item);
    }
    pthread_mutex_unlock(&self->mutex);
}

void
lull_queue_close(LullQueue *self)
{
    pthread_mutex_lock(&self->mutex);
    self->closed = TRUE;
    pthread_cond_broadcast(&self->cond);
    pthread_mutex_unlock(&self->mutex);
}
