/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/turns.h"

struct _LullTurns {
    GMutex mutex;
    GCond changed;
    guint free;
    GQueue line; /* of GCancellable, lent: its first is next */
};

LullTurns *
lull_turns_new(guint at_a_time)
{
    LullTurns *self = g_new0(LullTurns, 1);

    g_mutex_init(&self->mutex);
    g_cond_init(&self->changed);
    g_queue_init(&self->line);
    self->free = at_a_time;
    return self;
}

void
lull_turns_free(LullTurns *self)
{
    if (!self)
        return;
    g_queue_clear(&self->line);
    g_cond_clear(&self->changed);
    g_mutex_clear(&self->mutex);
    g_free(self);
}

void
lull_turns_join(LullTurns *self, GCancellable *who)
{
    g_mutex_lock(&self->mutex);
    g_queue_push_tail(&self->line, who);
    g_mutex_unlock(&self->mutex);
}

gboolean
lull_turns_wait(LullTurns *self, GCancellable *who)
{
    gboolean taken;

    g_mutex_lock(&self->mutex);
    while (!g_cancellable_is_cancelled(who) &&
           (!self->free || g_queue_peek_head(&self->line) != (gpointer)who))
        g_cond_wait(&self->changed, &self->mutex);
    taken = !g_cancellable_is_cancelled(who);
    g_queue_remove(&self->line, who);
    if (taken)
        self->free--;
    g_cond_broadcast(&self->changed); /* another is the first now */
    g_mutex_unlock(&self->mutex);
    return taken;
}

void
lull_turns_leave(LullTurns *self, GCancellable *who)
{
    g_mutex_lock(&self->mutex);
    g_queue_remove(&self->line, who);
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->mutex);
}

void
lull_turns_give(LullTurns *self)
{
    g_mutex_lock(&self->mutex);
    self->free++;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->mutex);
}

void
lull_turns_cancel(LullTurns *self, GCancellable *who)
{
    g_cancellable_cancel(who);
    g_mutex_lock(&self->mutex);
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->mutex);
}
