/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/outbox.h"

#include <pthread.h>

#include "protocol/clock.h"

struct _LullOutbox {
    guint max;
    gint64 linger;
    LullOutboxSend send;
    GDestroyNotify item_free;
    gpointer user_data;
    GThread *thread;
    pthread_mutex_t lock; /* not GLib's: thread sanitizers know only these */
    pthread_cond_t changed;
    /* under the lock: */
    GQueue items;
    gboolean closed;
    gint64 closed_at; /* boot clock */
};

/* NULL: no more will come. */
static gpointer
wait_for_item(LullOutbox *self)
{
    gpointer item;

    pthread_mutex_lock(&self->lock);
    while (g_queue_is_empty(&self->items) && !self->closed)
        pthread_cond_wait(&self->changed, &self->lock);
    item = g_queue_pop_head(&self->items);
    pthread_mutex_unlock(&self->lock);
    return item;
}

/* Whether what waits is still to be sent. */
static gboolean
goes_on(LullOutbox *self, gboolean sent)
{
    gboolean more;

    pthread_mutex_lock(&self->lock);
    more = !self->closed || (sent && lull_clock_boottime() - self->closed_at < self->linger);
    pthread_mutex_unlock(&self->lock);
    return more;
}

static gpointer
run(gpointer user_data)
{
    LullOutbox *self = user_data;
    gboolean sent = TRUE;
    gpointer item;

    while (goes_on(self, sent) && (item = wait_for_item(self))) {
        sent = self->send(item, self->user_data);
        self->item_free(item);
    }
    return NULL;
}

LullOutbox *
lull_outbox_new(guint max, gint64 linger, LullOutboxSend send, GDestroyNotify item_free, gpointer user_data)
{
    LullOutbox *self = g_new0(LullOutbox, 1);

    self->max = max;
    self->linger = linger;
    self->send = send;
    self->item_free = item_free;
    self->user_data = user_data;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    g_queue_init(&self->items);
    self->thread = g_thread_new("outbox", run, self);
    return self;
}

gboolean
lull_outbox_put(LullOutbox *self, gpointer take_item)
{
    gboolean fits, taken;

    pthread_mutex_lock(&self->lock);
    fits = self->closed || g_queue_get_length(&self->items) < self->max;
    taken = fits && !self->closed;
    if (taken) {
        g_queue_push_tail(&self->items, take_item);
        pthread_cond_signal(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    if (!taken)
        self->item_free(take_item);
    return fits;
}

void
lull_outbox_close(LullOutbox *self)
{
    pthread_mutex_lock(&self->lock);
    if (!self->closed)
        self->closed_at = lull_clock_boottime();
    self->closed = TRUE;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void
lull_outbox_free(LullOutbox *self)
{
    if (!self)
        return;
    lull_outbox_close(self);
    g_thread_join(self->thread);
    g_queue_clear_full(&self->items, self->item_free);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    g_free(self);
}
