/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/attempt.h"
#include "coordinator/reconcile/content-view.h"
#include "coordinator/reconcile/jobs.h"
#include "coordinator/reconcile/loop.h"
#include "coordinator/reconcile/seen.h"
#include "coordinator/store/recorder.h"

G_BEGIN_DECLS

/* VirtualMachineSnapshotContent: attempts until a cut counts, then its copy, its seal, its checks, its end.
 */
typedef struct {
    LullStore *store;
    LullJobs *jobs;
    LullAttemptTools tools;
    LullLoop *loop; /* told when a job ends; set once the loop is made */
    char *life;     /* random: of this run of the coordinator */
    LullContentTimes times;
    LullRecorder *recorder;      /* NULL: nobody is told */
    const LullContentDuty *duty; /* in a cluster; NULL: every attempt is ours */
    gboolean bare;               /* what promises no volume needs neither host nor storage */
    gboolean sparing;            /* see lull_status_tell_at() */
    LullStore *asking;           /* the same where @store may give what it knows (recent.h); else NULL */
    LullSeen *seen;              /* tells lull_content_gone(); NULL: nothing is kept of what is gone */
} LullContents;

/* LullGoneFunc; @contents: a LullContents. */
void lull_content_gone(gpointer contents, const char *uid);

/* LullPassFunc; @contents: a LullContents. */
gboolean
lull_content_pass(gpointer contents, const char *ns, const char *name, LullPass *ret_pass, GError **error);

/* Its snapshot; LullRefsFunc. */
GStrv lull_content_refs(LullJson *content);

G_END_DECLS
