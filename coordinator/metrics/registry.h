/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Figures for Prometheus: families of series, told in its text format (version 0.0.4). To count is one atomic
 * addition, without lock or allocation: whoever has a series may do so while a guest is frozen. Series are
 * made, dropped and told under the registry's lock. Any thread may call anything. */
typedef struct _LullRegistry LullRegistry;
typedef struct _LullSeries LullSeries;

typedef enum { LULL_FAMILY_COUNTER = 0, LULL_FAMILY_GAUGE, LULL_FAMILY_HISTOGRAM } LullFamilyType;

#define LULL_FAMILY_MAX_LABELS 4
#define LULL_FAMILY_MAX_BOUNDS 16

typedef struct {
    const char *name;
    const char *help;
    LullFamilyType type;
    gboolean usec;    /* values are microseconds, and told as seconds; of a histogram always */
    gboolean if_used; /* a series is told from the first value on, not from when it is made */
    const char *labels[LULL_FAMILY_MAX_LABELS + 1];  /* NULL ends */
    const gint64 bounds[LULL_FAMILY_MAX_BOUNDS + 1]; /* of a histogram: upper, rising, without +Inf; 0 ends */
    guint max_series;                                /* 0: LULL_FAMILY_MAX_SERIES */
} LullFamily;

/* Names that others choose must not fill the memory, here and in what reads it. */
#define LULL_FAMILY_MAX_SERIES 256

/* @families is lent, and is told in its order; a family is named by its place in it. */
LullRegistry *lull_registry_new(const LullFamily *families, guint n_families) G_GNUC_WARN_UNUSED_RESULT;
void lull_registry_free(LullRegistry *self); /* and all series */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullRegistry, lull_registry_free)

/* The one with these values of its labels, as many as the family has; lent until it is dropped. Where the
 * family is full: NULL, which takes values and forgets them, and is counted. */
LullSeries *lull_registry_series(LullRegistry *self, guint family, const char *const *values);

/* Nobody may use it any more. NULL is fine. */
void lull_registry_drop(LullRegistry *self, LullSeries *series);

/* How often a family was full. */
guint64 lull_registry_left_out(LullRegistry *self);

void lull_series_add(LullSeries *self, gint64 n); /* counters (n >= 0), gauges */
void lull_series_set(LullSeries *self, gint64 value);
void lull_series_observe(LullSeries *self, gint64 usec); /* histograms; what is negative counts as 0 */

/* Called before anything is told, in the order of their additions, without the lock: to set what is not
 * counted but looked at. Must not block. */
typedef void (*LullCollectFunc)(gpointer user_data);
void lull_registry_add_collector(LullRegistry *self, LullCollectFunc func, gpointer user_data);

/* All of it. A histogram is told such that its count and its buckets agree, whatever is counted meanwhile. */
GString *lull_registry_text(LullRegistry *self) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
