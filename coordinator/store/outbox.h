/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What waits for a thread that sends one after the other, so that nobody else waits. */
typedef struct _LullOutbox LullOutbox;

/* On the thread of the box; @item is lent. FALSE: it failed, and another would wait as long. */
typedef gboolean (*LullOutboxSend)(gpointer item, gpointer user_data);

/* @max: so many wait. @linger: for so long, microseconds, it goes on sending after it was closed. */
LullOutbox *lull_outbox_new(guint max, gint64 linger, LullOutboxSend send, GDestroyNotify item_free,
                            gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;

/* Any thread. FALSE: the box is full, the item is dropped. One that is closed drops it too, and that is fine.
 */
gboolean lull_outbox_put(LullOutbox *self, gpointer take_item);

/* Takes nothing more. What waits is sent, up to the first that fails, or as long as it may linger. */
void lull_outbox_close(LullOutbox *self);

/* Closes it, and waits for that: no longer than it may linger and one sending takes. */
void lull_outbox_free(LullOutbox *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullOutbox, lull_outbox_free)

G_END_DECLS
