/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/doctor/cluster-facts.h"
#include "coordinator/doctor/finding.h"

G_BEGIN_DECLS

/* A check is a name and a pure function of one of these shapes: the first is called once, the second for
 * every machine that is looked at. Each adds findings under @name; one whose subject it does not say is about
 * the cluster, or the machine. */
typedef struct {
    const char *name;
    void (*of_cluster)(const LullClusterFacts *facts, const char *name, GPtrArray *findings);
    void (*of_vm)(const LullClusterFacts *facts, LullJson *vm, const char *name, GPtrArray *findings);
} LullClusterCheck;

/* NULL names end them. */
extern const LullClusterCheck lull_checks_of_install[]; /* what has to be installed, and run */
extern const LullClusterCheck lull_checks_of_machine[];

/* Every check over all facts; pure. Of LullFinding, the cluster's first. */
GPtrArray *lull_cluster_examine(const LullClusterFacts *facts) G_GNUC_WARN_UNUSED_RESULT;

/* How many machines are looked at. */
guint lull_cluster_machines(const LullClusterFacts *facts);

G_END_DECLS
