/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/snapshot-view.h"

G_BEGIN_DECLS

/* The status that a snapshot ought to have, from its view alone: phase, conditions and their texts, what
 * the content says, indications from the report. Pure; what was right stays as it was written. */
LullJson *lull_snapshot_status(const LullSnapshotView *view) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
