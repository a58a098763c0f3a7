/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/outbox.h"

struct _LullOutbox {
    guint max;
    LullOutboxSend send;
    GDestroyNotify item_free;
    gpointer user_data;
    GThread *thread;
    GMutex lock;
    GCond changed;
    /* under the lock: */
    GQueue items;
    gboolean closed;
};

/* NULL: no more will come. */
static gpointer
wait_for_item(LullOutbox *self)
{
    gpointer item;

    g_mutex_lock(&self->lock);
    while (g_queue_is_empty(&self->items) && !self->closed)
        g_cond_wait(&self->changed, &self->lock);
    item = g_queue_pop_head(&self->items);
    g_mutex_unlock(&self->lock);
    return item;
}

static gboolean
is_closed(LullOutbox *self)
{
    gboolean closed;

    g_mutex_lock(&self->lock);
    closed = self->closed;
    g_mutex_unlock(&self->lock);
    return closed;
}

static gpointer
run(gpointer user_data)
{
    LullOutbox *self = user_data;
    gpointer item;

    while ((item = wait_for_item(self))) {
        const gboolean sent = self->send(item, self->user_data);

        self->item_free(item);
        if (!sent && is_closed(self))
            break;
    }
    return NULL;
}

LullOutbox *
lull_outbox_new(guint max, LullOutboxSend send, GDestroyNotify item_free, gpointer user_data)
{
    LullOutbox *self = g_new0(LullOutbox, 1);

    self->max = max;
    self->send = send;
    self->item_free = item_free;
    self->user_data = user_data;
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    g_queue_init(&self->items);
    self->thread = g_thread_new("outbox", run, self);
    return self;
}

gboolean
lull_outbox_put(LullOutbox *self, gpointer take_item)
{
    gboolean fits;

    g_mutex_lock(&self->lock);
    fits = !self->closed && g_queue_get_length(&self->items) < self->max;
    if (fits) {
        g_queue_push_tail(&self->items, take_item);
        g_cond_signal(&self->changed);
    }
    g_mutex_unlock(&self->lock);
    if (!fits)
        self->item_free(take_item);
    return fits;
}

void
lull_outbox_close(LullOutbox *self)
{
    g_mutex_lock(&self->lock);
    self->closed = TRUE;
    g_cond_signal(&self->changed);
    g_mutex_unlock(&self->lock);
}

void
lull_outbox_free(LullOutbox *self)
{
    if (!self)
        return;
    lull_outbox_close(self);
    g_thread_join(self->thread);
    g_queue_clear_full(&self->items, self->item_free);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self);
}
