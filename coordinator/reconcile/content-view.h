/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/attempt.h"
#include "coordinator/reconcile/content-state.h"
#include "coordinator/reconcile/grant-book.h"
#include "coordinator/reconcile/grant-decide.h"
#include "coordinator/reconcile/jobs.h"
#include "coordinator/reconcile/policy.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* What became of a job, as decide sees it. */
typedef enum { LULL_WORK_NONE = 0, LULL_WORK_RUNNING, LULL_WORK_DONE, LULL_WORK_FAILED } LullWork;

/* Everything that matters for one VirtualMachineSnapshotContent, gathered once. */
typedef struct {
    /* What decide looks at. Times: wall clock. */
    gint64 now;
    gboolean exists;
    gboolean deleting;
    gboolean has_finalizer;
    gboolean wanted; /* its snapshot is there and still waits for it; not asked after its last attempt */
    LullContentStage stage;
    gboolean ours;       /* BEGUN by this life of the coordinator */
    LullCharge charge;   /* on a plain host always the full one */
    gboolean superseded; /* BEGUN: another attempt is granted meanwhile */
    gboolean bare;       /* it promises no volume, and nothing but the object is kept of the machine */
    gint64 retry_at;     /* FAILED: when the next attempt may begin */
    gint64 check_at;     /* SEALED: when to see next whether its data are there still */
    gint64 deadline;     /* of the snapshot; 0: none */
    gboolean strict;     /* a level above `crash` is required */
    guint quiesced;      /* attempts to quiesce the guest that were begun */
    gboolean unquiesced; /* the last one begun is none of them */
    gint64 queue;        /* usec that a cut takes behind those that the last attempt let go first; 0: none */
    LullWork attempt;    /* DONE also for one that came to nothing: its outcome has to be recorded */
    LullWork discard;    /* removal of what an interrupted attempt left */
    LullWork seal;
    LullWork removal;   /* of everything */
    LullWork follow;    /* of the copying after a cut */
    LullCopyState copy; /* follow DONE: how it ended */
    gboolean status_stale;
    gboolean status_hushed; /* stale, but it says nothing yet that is worth a write */
    gboolean progress_stale;
    gint64 tell_at;       /* CUT: when to tell of it, if it is not whole before; 0: at once */
    gboolean seal_unsaid; /* SEALED by a status that is to lose that: it has to be written down before */

    /* What effects and the status need. */
    gboolean sparing; /* see lull_status_tell_at() */
    guint next;       /* the number that the next attempt has */
    guint named;      /* the attempt whose names its snapshots have; 0: those that the content tells */
    char *ns, *name, *uid, *vm_uid, *snapshot_name;
    LullJson *content;
    LullContentState *state;
    LullPolicy *policy;
    char *problem;    /* of copy, seal or stored data, or why the attempt waits: for the status; NULL */
    char *work_error; /* of a discard, seal or removal that failed: for the log; NULL */
    char *progress;   /* the annotation as it ought to be; NULL: none */
    LullJson *status; /* as it ought to be */
    LullJson *sealed; /* and once what is sealed is told by it alone; NULL: it is written down, too */
} LullContentView;
void lull_content_view_free(LullContentView *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullContentView, lull_content_view_free)

/* Of the last attempt that could tell anything; owned; NULL: none. */
LullJson *lull_content_stored_report(const LullContentView *view);

/* The name that a volume, an entry of the content's volumeBackups, has as a snapshot. */
char *lull_content_snapshot_name(const LullContentView *self, LullJson *backup) G_GNUC_WARN_UNUSED_RESULT;

/* Ids of jobs. */
char *lull_content_job(const char *what, const char *uid) G_GNUC_WARN_UNUSED_RESULT;
#define LULL_JOB_ATTEMPT "attempt"
#define LULL_JOB_DISCARD "discard"
#define LULL_JOB_FOLLOW  "follow" /* its result is a LullCopyProgress */
#define LULL_JOB_SEAL    "seal"
#define LULL_JOB_REMOVE  "remove"

/* In a cluster, where attempts are granted: to whom, and what is known of these grants. */
typedef struct {
    char *node;
    LullGrantBook *book; /* of the loop's thread, once that runs */
} LullContentDuty;

typedef struct {
    gint64 pause; /* between attempts: after the first that failed */
    gint64 check; /* from one look at stored data to the next */
} LullContentTimes;

/* Who looks. */
typedef struct {
    LullStore *store;
    LullStorage *storage; /* NULL: all that there is, is bare */
    LullJobs *jobs;
    const char *life;            /* of this coordinator */
    const LullContentDuty *duty; /* NULL: every attempt is ours */
    LullContentTimes times;
    gboolean bare;    /* what promises no volume needs no storage */
    gboolean sparing; /* see lull_status_tell_at() */
} LullContentEyes;

/* Does its @snapshot (NULL: there is none) still wait for the content @name? One of the same name but another
 * uid is another one. */
gboolean lull_content_is_wanted(const char *name, LullJson *snapshot);

/* When the next attempt may begin, wall clock: each one before may have frozen the guest, but where it was
 * refused. 0: now; also where it failed in the future, by a clock that was wrong. */
gint64 lull_content_retry_at(const LullContentState *state, gint64 pause, gint64 now);

LullContentView *lull_content_view_gather(const LullContentEyes *eyes, const char *ns, const char *name,
                                          gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
