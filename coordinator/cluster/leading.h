/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/run-calls.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/store/kube/leader.h"
#include "coordinator/store/recorder.h"

G_BEGIN_DECLS

/* What the leader of a cluster's coordinators does, as long as it leads: snapshots, the grants of their
 * attempts, restores, and, in KubeVirt's group, what machines say of their volumes. Everything of it is
 * forgotten when another leads. */
typedef struct _LullLeading LullLeading;

typedef struct {
    LullStore *store;  /* lent, as all here */
    LullStore *asking; /* the same where that one may give what it knows (recent.h) */
    LullStore *trial;  /* an API server itself: what is to be made is tried there */
    LullRunCalls *run_calls;
    LullRecorder *recorder;
    LullLeader *leader;
    const char *node;     /* ours */
    const char *group;    /* LullApiGroup.name */
    gint64 attempt_pause; /* between attempts: after the first that failed */
    LullMetrics *metrics; /* NULL: nobody counts */
} LullLeadingTools;

/* On the thread that runs @context. */
LullLeading *lull_leading_start(const LullLeadingTools *tools, GMainContext *context,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* There, too: it begins nothing any more. Waits for nothing. Idempotent. */
void lull_leading_stop(LullLeading *self);

/* Waits for what is under way, which writes nothing once another leads: on any thread where it was stopped
 * before. */
void lull_leading_free(LullLeading *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullLeading, lull_leading_free)

G_END_DECLS
