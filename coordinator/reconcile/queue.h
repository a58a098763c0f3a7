/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/metrics/metrics.h"
#include "protocol/backoff.h"

G_BEGIN_DECLS

/* Work to be done, by key. Adding a key that waits is nothing; adding one that is being worked on has it
 * run again afterwards: a key never runs twice at once and never gets lost. Any thread may call. */
typedef struct _LullQueue LullQueue;

LullQueue *lull_queue_new(LullBackoff backoff) G_GNUC_WARN_UNUSED_RESULT;
void lull_queue_free(LullQueue *self); /* only after every taker is gone */

/* Before it is used; counts adds, depth, retries and how long keys wait. */
void lull_queue_set_series(LullQueue *self, const LullQueueSeries *series);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullQueue, lull_queue_free)

void lull_queue_add(LullQueue *self, const char *key);

/* In @delay_usec, or earlier if that was asked for before. An addition in between takes its place. */
void lull_queue_add_after(LullQueue *self, const char *key, gint64 delay_usec);

/* Blocks until there is work; NULL once closed. Every key taken must be given back by lull_queue_done(). */
char *lull_queue_take(LullQueue *self) G_GNUC_WARN_UNUSED_RESULT;
void lull_queue_done(LullQueue *self, const char *key);

/* It went wrong: adds @key after a delay that grows with each failure in a row; says how long that is. */
gint64 lull_queue_retry(LullQueue *self, const char *key);

/* It went well: the next failure is the first one. */
void lull_queue_forget(LullQueue *self, const char *key);

/* Wakes all takers; nothing is given out any more. */
void lull_queue_close(LullQueue *self);

G_END_DECLS
