/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/policy.h"
#include "coordinator/reconcile/snapshot-source.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Everything that matters for one VirtualMachineSnapshot, gathered once. */
typedef struct {
    /* What decide looks at. Times: wall clock, because creationTimestamp is. */
    gint64 now;
    gint64 deadline; /* 0: none */
    gint64 tell_at;  /* until then a status that is about to change again waits; 0: it does not */
    gboolean exists;
    gboolean deleting;
    gboolean has_finalizer;
    gboolean retain;
    gboolean succeeded; /* the point in time is taken: content says so, or it was recorded */
    gboolean failed;    /* for good: recorded, or a reason to fail stands */
    gboolean source_exists;
    gboolean locked;       /* by this snapshot */
    gboolean loose;        /* locked, but not wholly */
    gboolean other_locked; /* by another snapshot, or a restore */
    gboolean blocked;      /* it cannot be locked yet for another reason, which may pass untold */
    gboolean content_exists;
    gboolean content_deleting;
    gboolean content_ready;
    gboolean restoring; /* deleting only: a restore of it may have begun, and is not over */
    gboolean status_stale;
    gboolean progress_stale;
    gboolean report_stale;

    /* What effects and the status need. */
    char *ns, *name, *uid, *source, *content_name;
    LullJson *snapshot, *content, *vm; /* NULL: not there */
    gboolean sparing;                  /* see lull_status_tell_at() */
    LullPolicy *policy;                /* NULL: bad, see `failure` */
    gint64 taken_at;                   /* the point in time, as far as the content's state tells; else 0 */
    char *failure;                     /* why it failed; NULL */
    char *detail;                      /* what the content's work says of that, in full; NULL: nothing */
    char *loss;                        /* why what succeeded never becomes ready; NULL: it may */
    char *wait;                        /* see lull_snapshot_wait() */
    char *report;                      /* trimmed, to be on the snapshot; NULL: none yet */
    char *progress;                    /* the annotation as it ought to be; NULL: none */
    LullJson *status;                  /* as it ought to be */
} LullSnapshotView;

void lull_snapshot_view_free(LullSnapshotView *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullSnapshotView, lull_snapshot_view_free)

/* Reads the snapshot, its content and its VM. A missing object is a fact. @source may be NULL: then the store
 * is our own, and nothing waits to be told. */
LullSnapshotView *
lull_snapshot_view_gather(LullStore *store, const LullSnapshotSource *source, const char *ns,
                          const char *name, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Pure: from the objects (each consumed, each may be NULL). */
LullSnapshotView *lull_snapshot_view_new(LullJson *snapshot, LullJson *content, LullJson *vm,
                                         gint64 now) G_GNUC_WARN_UNUSED_RESULT;

/* "vmsnapshot-content-<uid>", or what the status names. */
char *lull_snapshot_content_name(LullJson *snapshot) G_GNUC_WARN_UNUSED_RESULT;

/* When it must have been taken: wall clock, 0 for no deadline. */
gint64 lull_snapshot_deadline(LullJson *snapshot);

G_END_DECLS
