/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/jobs.h"
#include "coordinator/reconcile/loop.h"
#include "coordinator/reconcile/restore-place.h"
#include "coordinator/store/recorder.h"

G_BEGIN_DECLS

/* VirtualMachineRestore: waits for the target, locks it, has the data put in place. */
typedef struct {
    LullStore *store;
    LullJobs *jobs;
    LullRestorePlace *place;
    LullLoop *loop; /* told when a job ends; set once the loop is made */
    LullRecorder *recorder;
} LullRestores;

/* LullPassFunc; @restores: a LullRestores. */
gboolean
lull_restore_pass(gpointer restores, const char *ns, const char *name, LullPass *ret_pass, GError **error);

/* Its target and its snapshot, until it has come to an end; LullRefsFunc. */
GStrv lull_restore_refs(LullJson *restore);

G_END_DECLS
