/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/store/kube/election-decide.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

extern const LullKind lull_kind_lease; /* coordination.k8s.io */

/* Takes part in an election, on a thread of its own, over any store that keeps leases. */
typedef struct _LullLeader LullLeader;

typedef struct {
    const char *ns;
    const char *name;     /* of the lease */
    const char *identity; /* another for each process and each of its lives */
    const LullElectionTuning *tuning;
} LullLeaderOptions;

/* We lead from now on, or do not any more; on the election's thread. Whoever must be sure asks
 * lull_leader_leads(): a store that hangs delays what is told here, and nothing there. */
typedef void (*LullLeaderFunc)(gboolean leads, gint64 term, gpointer user_data);

/* @store is lent, for this and nothing else: its calls get a third of the tuning's deadline, so that one that
 * hangs leaves time for another. */
LullLeader *lull_leader_new(LullStore *store, const LullLeaderOptions *options, LullLeaderFunc func,
                            gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;

/* Releases what it holds, so that another need not wait; here it is only told to. */
void lull_leader_resign(LullLeader *self);

/* Has it resign, and waits until it has. */
void lull_leader_free(LullLeader *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullLeader, lull_leader_free)

/* At this moment; any thread. @ret_term (may be NULL): to be carried by what is done as the leader. */
gboolean lull_leader_leads(LullLeader *self, gint64 *ret_term);

G_END_DECLS
