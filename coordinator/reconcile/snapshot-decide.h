/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/snapshot-view.h"

G_BEGIN_DECLS

typedef enum {
    LULL_SNAPSHOT_WAIT = 0,
    LULL_SNAPSHOT_ADD_FINALIZER,
    LULL_SNAPSHOT_WRITE_REPORT,
    LULL_SNAPSHOT_WRITE_STATUS,
    LULL_SNAPSHOT_WRITE_PROGRESS,
    LULL_SNAPSHOT_LOCK,
    LULL_SNAPSHOT_CREATE_CONTENT,
    LULL_SNAPSHOT_DELETE_CONTENT,
    LULL_SNAPSHOT_UNLOCK,
    LULL_SNAPSHOT_REMOVE_FINALIZER,
    LULL_SNAPSHOT_N
} LullSnapshotVerb;

typedef struct {
    LullSnapshotVerb verb;
    const char *reason;
    gint64 again_at; /* wall clock; 0: only when something changes */
} LullSnapshotStep;

LullSnapshotStep lull_snapshot_decide(const LullSnapshotView *view) G_GNUC_PURE G_GNUC_WARN_UNUSED_RESULT;

const char *lull_snapshot_verb_to_string(LullSnapshotVerb verb);

G_END_DECLS
