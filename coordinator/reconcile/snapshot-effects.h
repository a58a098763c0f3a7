/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/loop.h"
#include "coordinator/reconcile/snapshot-source.h"
#include "coordinator/store/recorder.h"

G_BEGIN_DECLS

/* VirtualMachineSnapshot: from the wish to a content, and from the content to the status; lock of the source,
 * deletion. Knows nothing of guests and disks. */
typedef struct {
    LullStore *store;
    LullRecorder *recorder;           /* NULL: nobody is told */
    const LullSnapshotSource *source; /* NULL: a machine's object has it all */
    LullStore *asking;                /* the same where @store may give what it knows (recent.h); else NULL */
} LullSnapshots;

/* LullPassFunc; @snapshots: a LullSnapshots. */
gboolean
lull_snapshot_pass(gpointer snapshots, const char *ns, const char *name, LullPass *ret_pass, GError **error);

/* Its content, and its VM until it has come to an end: machines change all the time, and many snapshots are
 * kept of each. LullRefsFunc. */
GStrv lull_snapshot_refs(LullJson *snapshot);

/* Takes off its annotations, which who only hears of it does not look at; LullTrimFunc. */
void lull_snapshot_trim(LullJson *snapshot);

G_END_DECLS
