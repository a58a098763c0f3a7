/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work.h"
#include "coordinator/cluster/run-calls.h"
#include "coordinator/reconcile/restore-place.h"

G_BEGIN_DECLS

/* Restores in a cluster: claims made of VolumeSnapshots, then the machine with them. */
typedef struct {
    LullRestorePlace place;
    LullRestoreTools tools;
    LullRunCalls *calls;
} LullRestoreCluster;

/* What is in them is lent. */
void lull_restore_cluster_init(LullRestoreCluster *self, const LullRestoreTools *tools, LullRunCalls *calls);

extern const LullRestoreRules lull_restore_cluster_rules;

/* @vm, that is off, as it is to be by @note (LullRestoreRules.note): the merge patch; NULL: it is so, or it
 * is not by its spec that it is started. Pure. */
LullJson *lull_restore_start_patch(LullJson *vm, const char *note) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
