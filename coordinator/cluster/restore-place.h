/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work.h"
#include "coordinator/cluster/run-calls.h"
#include "coordinator/reconcile/restore-place.h"
#include "coordinator/store/kube/leader.h"

G_BEGIN_DECLS

/* Restores in a cluster: claims made of VolumeSnapshots, then the machine with them. */
typedef struct {
    LullRestorePlace place;
    LullRestoreTools tools;
    LullRunCalls *calls;
    LullKubeGuard guard; /* of @calls */
} LullRestoreCluster;

/* What is in them is lent. Nobody is asked to stop or start once @leader does not lead. */
void lull_restore_cluster_init(LullRestoreCluster *self, const LullRestoreTools *tools, LullRunCalls *calls,
                               LullLeader *leader);

extern const LullRestoreRules lull_restore_cluster_rules;

G_END_DECLS
