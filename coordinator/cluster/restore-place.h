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

G_END_DECLS
