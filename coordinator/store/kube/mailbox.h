/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Hands a watch's events from the thread that reads them to the context of who watches: in order, bounded,
 * and never after it was stopped. Shared by both: each has a reference. */
typedef struct _LullMailbox LullMailbox;

LullMailbox *lull_mailbox_new(guint max_pending, GMainContext *context, LullWatchFunc func,
                              gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;
LullMailbox *lull_mailbox_ref(LullMailbox *self) G_GNUC_WARN_UNUSED_RESULT;
void lull_mailbox_unref(LullMailbox *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullMailbox, lull_mailbox_unref)

/* Any thread. @counted: it counts to what may be pending. Where that is too much, or after an ERROR, nothing
 * more is taken, FALSE; the watch is told by an ERROR that it lags. */
gboolean lull_mailbox_push(LullMailbox *self, LullWatchType type, LullJson *take_object, gboolean counted);

/* What was pushed and not delivered yet. Any thread. */
guint lull_mailbox_pending(LullMailbox *self);

/* On the context's thread; no call of the function after it. */
void lull_mailbox_stop(LullMailbox *self);

G_END_DECLS
