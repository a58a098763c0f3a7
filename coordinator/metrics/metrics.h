/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/metrics/attempt-facts.h"
#include "coordinator/metrics/frozen.h"
#include "coordinator/metrics/registry.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* All figures of a coordinator; docs/metrics.md lists them. Any thread may call anything. @self NULL is
 * fine everywhere but in lull_metrics_text(): nobody asked for figures. Nothing here is for between freeze
 * and thaw, except what says so. */
typedef struct _LullMetrics LullMetrics;

LullMetrics *lull_metrics_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_metrics_free(LullMetrics *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullMetrics, lull_metrics_free)

GString *lull_metrics_text(LullMetrics *self) G_GNUC_WARN_UNUSED_RESULT;

/* All that there may be. */
const LullFamily *lull_metrics_families(guint *ret_n);

/* Lent; NULL where @self is. Its places may be used while a guest is frozen. */
LullFrozen *lull_metrics_frozen(LullMetrics *self);

/* After the attempt. */
void lull_metrics_attempt(LullMetrics *self, const LullAttemptFacts *facts);

void lull_metrics_set_leader(LullMetrics *self, gboolean leads);

/* Of one work queue, to be counted by its users; all NULL where @self is. */
typedef struct {
    LullSeries *depth;   /* keys that wait for their turn; not those that wait for a time */
    LullSeries *adds;    /* keys that began to wait */
    LullSeries *retries; /* because it went wrong */
    LullSeries *waited, *worked;
} LullQueueSeries;

/* @name: of few. */
LullQueueSeries lull_metrics_queue(LullMetrics *self, const char *name);

/* One request to an API server, which was answered with @http, 0: not answered. May be called while a guest
 * is frozen. */
void lull_metrics_request(LullMetrics *self, const char *method, long http, gint64 usec);

/* Whether the last request to an API server was not answered. */
gboolean lull_metrics_server_is_away(LullMetrics *self);

/* A watch of an API server began once more. May be called while a guest is frozen. */
void lull_metrics_watch_restart(LullMetrics *self);

/* Objects as they are, and as they change: a snapshot or a restore that was added or modified, or deleted.
 * One thread. */
void lull_metrics_snapshot(LullMetrics *self, LullJson *snapshot, gboolean deleted);
void lull_metrics_restore(LullMetrics *self, LullJson *restore, gboolean deleted);

/* They are another coordinator's to tell from now on. The same thread. */
void lull_metrics_forget_objects(LullMetrics *self);

G_END_DECLS
