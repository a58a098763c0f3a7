/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/grant-book.h"
#include "coordinator/reconcile/loop.h"
#include "coordinator/reconcile/seen.h"

G_BEGIN_DECLS

/* The leader's part in contents once they are made: who may begin which attempt, and who sees to what was
 * begun where a node is no more. */
typedef struct {
    LullStore *store;
    LullGrantBook *book; /* of the loop's thread, as is the next */
    LullSeen *seen;      /* tells the book; NULL: it need not forget */
    const char *node;    /* ours: machines that are off are worked on here */
    gint64 pause;        /* between attempts: after the first that failed */
    gboolean (*leads)(gpointer leader, gint64 *ret_term);
    gpointer leader;
} LullGrants;

extern const LullKind lull_kind_node; /* of a cluster */

/* In the status of a machine's object that is a cluster's: the node where it runs; "": it is on none where it
 * could be worked on now. Absent: it is off. */
#define LULL_MACHINE_NODE "nodeName"

/* LullPassFunc; @grants: a LullGrants. LULL_ERROR_LOST: we do not lead. */
gboolean
lull_grant_pass(gpointer grants, const char *ns, const char *name, LullPass *ret_pass, GError **error);

/* LullSnapshotSource.grant, @grants a LullGrants: the first attempt at @vm, to the node where it runs. Any
 * thread. NULL: it is nowhere, or we do not lead. */
LullGrant *lull_grants_first(gpointer grants, LullJson *vm) G_GNUC_WARN_UNUSED_RESULT;

/* Of a node whether it can see to anything; LullSightFunc. */
const char *lull_grant_sight(const LullKind *kind, LullJson *object);

/* Its node, and as long as an attempt may follow its snapshot and its machine; LullRefsFunc. */
GStrv lull_grant_refs(LullJson *content);

G_END_DECLS
