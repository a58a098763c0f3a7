/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/metrics/registry.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* Snapshots and restores as a watch tells them, and what is to be counted of that. What began before this
 * process did is counted when it ends; what had ended by then is not. One thread; the series are lent. */
typedef struct _LullObjects LullObjects;

typedef enum {
    LULL_OBJECT_IN_PROGRESS = 0, /* also where nothing is said yet */
    LULL_OBJECT_SUCCEEDED,
    LULL_OBJECT_FAILED,
    LULL_OBJECT_DELETING,
    LULL_OBJECT_N_PHASES
} LullObjectPhase;

const char *lull_object_phase_to_string(LullObjectPhase phase);

typedef struct {
    LullRegistry *registry;
    guint stamps; /* the family of those that have succeeded, labels VM, snapshot and namespace */
    gboolean has_stamps;
    LullSeries *phases[LULL_OBJECT_N_PHASES]; /* how many there are; NULL: that is not told */
    LullSeries *done, *failed;
    LullSeries *spans; /* from creation to done */
} LullObjectSeries;

LullObjects *lull_objects_new(const LullObjectSeries *series) G_GNUC_WARN_UNUSED_RESULT;
void lull_objects_free(LullObjects *self); /* before the registry */

/* They are not seen any more; none of them is told, or awaited. */
void lull_objects_forget(LullObjects *self);

/* @now: wall clock. */
void lull_objects_see_snapshot(LullObjects *self, LullJson *snapshot, gboolean deleted, gint64 now);
void lull_objects_see_restore(LullObjects *self, LullJson *restore, gboolean deleted, gint64 now);

G_END_DECLS
