/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/grant.h"

G_BEGIN_DECLS

/* Where a machine's object alone does not say what a snapshot of it would hold, somebody puts that together
 * while one is wanted: the spec that runs, and in its status
 *
 * - volumeSnapshotStatuses, each with the claim that the volume is on as "persistentVolumeClaim";
 * - LULL_SOURCE_PROBLEM: why it cannot be locked yet, as "Source not locked" goes on;
 * - LULL_SOURCE_SPARSE: that a snapshot of nothing but the configuration is wanted, too, where no volume can
 *   be snapshotted. */
typedef struct {
    gboolean (*complete)(gpointer user_data, LullJson *vm, GError **error); /* in place; may block */
    /* What @spec, that of @vm to be kept, refers to and what goes with the machine is kept for @snapshot,
     * too, before its content is made; @spec may be changed. May block, and be called again. NULL: nothing
     * is. */
    gboolean (*keep)(gpointer user_data, LullJson *snapshot, LullJson *vm, LullJson *spec, GError **error);
    gpointer user_data; /* of both */
    const char *node;   /* sees to a new content as long as nothing is granted; NULL: there are no nodes */
    /* Who may begin the first attempt of a content that is about to be made of @vm, which is complete: it is
     * granted with it, in one write. NULL: nobody yet. May be NULL. */
    LullGrant *(*grant)(gpointer granter, LullJson *vm);
    gpointer granter;
} LullSnapshotSource;

#define LULL_SOURCE_PROBLEM "snapshotProblem"
#define LULL_SOURCE_SPARSE  "snapshotSparse"

/* There, too: our lock of it is not whole yet, or not any more. */
#define LULL_MACHINE_LOOSE "lockLoose"

G_END_DECLS
