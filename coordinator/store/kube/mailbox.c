/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/mailbox.h"

#include "coordinator/store/status.h"

#define EVENTS_PER_DISPATCH 64 /* others on the context get their turn */

typedef struct {
    LullWatchType type;
    gboolean counted;
    LullJson *object;
} Letter;

struct _LullMailbox {
    guint max_pending;
    GMainContext *context;
    LullWatchFunc func;
    gpointer user_data;
    gboolean stopped; /* only on the context's thread */
    GMutex lock;
    /* under it: */
    GQueue letters;
    guint counted;
    gboolean closed;
    GSource *source; /* NULL: nothing to deliver */
};

static void
letter_free(gpointer data)
{
    Letter *letter = data;

    json_object_put(letter->object);
    g_free(letter);
}

LullMailbox *
lull_mailbox_new(guint max_pending, GMainContext *context, LullWatchFunc func, gpointer user_data)
{
    LullMailbox *self = g_atomic_rc_box_new0(LullMailbox);

    self->max_pending = max_pending;
    self->context = g_main_context_ref(context ? context : g_main_context_default());
    self->func = func;
    self->user_data = user_data;
    g_mutex_init(&self->lock);
    g_queue_init(&self->letters);
    return self;
}

LullMailbox *
lull_mailbox_ref(LullMailbox *self)
{
    return g_atomic_rc_box_acquire(self);
}

static void
mailbox_clear(LullMailbox *self)
{
    g_queue_clear_full(&self->letters, letter_free);
    g_main_context_unref(self->context);
    g_mutex_clear(&self->lock);
}

void
lull_mailbox_unref(LullMailbox *self)
{
    if (self)
        g_atomic_rc_box_release_full(self, (GDestroyNotify)mailbox_clear);
}

static Letter *
take_letter(LullMailbox *self)
{
    Letter *letter;

    g_mutex_lock(&self->lock);
    letter = g_queue_pop_head(&self->letters);
    if (letter && letter->counted)
        self->counted--;
    if (!letter)
        g_clear_pointer(&self->source, g_source_unref);
    g_mutex_unlock(&self->lock);
    return letter;
}

static gboolean
deliver(gpointer user_data)
{
    LullMailbox *self = user_data;

    for (guint i = 0; i < EVENTS_PER_DISPATCH; i++) {
        Letter *letter = take_letter(self);

        if (!letter)
            return G_SOURCE_REMOVE;
        self->func(letter->type, letter->object, self->user_data);
        letter_free(letter);
        if (self->stopped)
            return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

/* Under the lock. The source keeps the mailbox. */
static void
post(LullMailbox *self, LullWatchType type, LullJson *take_object, gboolean counted)
{
    Letter *letter = g_new(Letter, 1);

    *letter = (Letter){type, counted, take_object};
    self->counted += counted ? 1 : 0;
    g_queue_push_tail(&self->letters, letter);
    if (self->source)
        return;
    self->source = g_idle_source_new();
    g_source_set_priority(self->source, G_PRIORITY_DEFAULT);
    g_source_set_callback(self->source, deliver, lull_mailbox_ref(self), (GDestroyNotify)lull_mailbox_unref);
    g_source_attach(self->source, self->context);
}

gboolean
lull_mailbox_push(LullMailbox *self, LullWatchType type, LullJson *take_object, gboolean counted)
{
    gboolean more;

    g_mutex_lock(&self->lock);
    if (!self->closed && counted && self->counted >= self->max_pending) {
        g_queue_clear_full(&self->letters, letter_free);
        g_queue_init(&self->letters);
        self->counted = 0;
        self->closed = TRUE;
        post(
            self, LULL_WATCH_ERROR,
            lull_status_new(410, "Expired", "the watch lags too far behind: list again and watch from there"),
            FALSE);
        json_object_put(take_object);
    } else if (self->closed) {
        json_object_put(take_object);
    } else {
        self->closed = type == LULL_WATCH_ERROR;
        post(self, type, take_object, counted);
    }
    more = !self->closed;
    g_mutex_unlock(&self->lock);
    return more;
}

guint
lull_mailbox_pending(LullMailbox *self)
{
    guint n;

    g_mutex_lock(&self->lock);
    n = g_queue_get_length(&self->letters);
    g_mutex_unlock(&self->lock);
    return n;
}

void
lull_mailbox_stop(LullMailbox *self)
{
    GSource *source;

    self->stopped = TRUE;
    g_mutex_lock(&self->lock);
    self->closed = TRUE;
    source = g_steal_pointer(&self->source);
    g_mutex_unlock(&self->lock);
    if (source) {
        g_source_destroy(source);
        g_source_unref(source);
    }
}
