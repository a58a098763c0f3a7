/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/store/selector.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Hands a store's events to its watches: one bounded queue each, emptied on the watch's own context. A
 * watch that has more than @max_pending events waiting (those it began with not counted) gets ERROR and
 * nothing more. Thread-safe; publish and add from under the store's lock, so that the order of events is
 * that of the changes and none falls between a watch's beginning and its feed. */
typedef struct _LullFeed LullFeed;

LullFeed *lull_feed_new(guint max_pending) G_GNUC_WARN_UNUSED_RESULT;
void lull_feed_free(LullFeed *self);

/* A change, as text, so that none is shared between threads. */
typedef struct {
    LullWatchType type;
    const char *text;   /* of the object */
    const char *before; /* its labels before the change, as an object; NULL: they were the same */
} LullFeedChange;

void lull_feed_publish(LullFeed *self, const LullKind *kind, const char *ns, const LullFeedChange *change);

typedef struct _LullFeedEvents LullFeedEvents; /* what a watch begins with */
LullFeedEvents *lull_feed_events_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_feed_events_add(LullFeedEvents *self, const LullFeedChange *change);
void lull_feed_events_free(LullFeedEvents *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullFeedEvents, lull_feed_events_free)

/* As lull_store_watch_selected(); stop it with lull_feed_stop(). */
LullWatch *lull_feed_add(LullFeed *self, LullStore *store, const LullKind *kind, const char *ns,
                         LullSelector *take_selector, LullFeedEvents *take_events, GMainContext *context,
                         LullWatchFunc func, gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;
void lull_feed_stop(LullWatch *watch);

G_END_DECLS
