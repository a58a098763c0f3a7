/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/model/kind.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* What was seen of a cluster, before anything is made of it: objects as the API server gives them, read with
 * the user's own rights. What could not be seen is NULL, and no check may take it for a fault. */

typedef enum {
    LULL_CLUSTER_POLICIES = 0,
    LULL_CLUSTER_BINDINGS, /* of policies */
    LULL_CLUSTER_DAEMONSETS,
    LULL_CLUSTER_PODS,
    LULL_CLUSTER_SETTINGS, /* ConfigMaps of the coordinator's namespace */
    LULL_CLUSTER_LEASES,
    LULL_CLUSTER_KUBEVIRTS,
    LULL_CLUSTER_CLASSES,
    LULL_CLUSTER_STORAGE_CLASSES,
    LULL_CLUSTER_PROFILES,
    LULL_CLUSTER_CLAIMS,
    LULL_CLUSTER_MACHINES,
    LULL_CLUSTER_INSTANCES,
    LULL_CLUSTER_N
} LullClusterThing;

typedef enum {
    LULL_CLUSTER_EVERYWHERE = 0,
    LULL_CLUSTER_OURS, /* the coordinator's namespace */
    LULL_CLUSTER_USERS,
} LullClusterPlace;

typedef struct {
    const LullKind *kind;
    LullClusterPlace place;
} LullClusterRow;

extern const LullClusterRow lull_cluster_things[LULL_CLUSTER_N];

#define LULL_CLUSTER_NAMESPACE "lull" /* of the coordinator, as it is shipped */

typedef struct {
    char *group;                       /* that has the kinds of snapshots; NULL: none has */
    LullJson *kinds;                   /* array of {"name"}: what is served of them */
    char *ns;                          /* whose machines are looked at */
    char *const *names;                /* of these alone, NULL-terminated; NULL: all. Lent */
    gint64 now;                        /* wall clock */
    LullJson *items[LULL_CLUSTER_N];   /* arrays; NULL: not seen */
    gboolean unserved[LULL_CLUSTER_N]; /* not seen, since the API server does not have the kind */
} LullClusterFacts;

LullClusterFacts *lull_cluster_facts_new(const char *ns, char *const *names) G_GNUC_WARN_UNUSED_RESULT;
void lull_cluster_facts_free(LullClusterFacts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullClusterFacts, lull_cluster_facts_free)

/* The objects of a thing: how many, and each. Lent. */
gsize lull_cluster_count(const LullClusterFacts *self, LullClusterThing thing);
LullJson *lull_cluster_item(const LullClusterFacts *self, LullClusterThing thing, gsize i);
LullJson *lull_cluster_find(const LullClusterFacts *self, LullClusterThing thing, const char *name);

/* Whether a machine of this name is looked at. */
gboolean lull_cluster_looks_at(const LullClusterFacts *self, const char *vm);

G_END_DECLS
