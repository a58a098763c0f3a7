/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/content-view.h"
#include "coordinator/reconcile/jobs.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

typedef enum {
    LULL_READINESS_WAIT_GRACE_PERIOD = 0,
    LULL_READINESS_WAIT_EVENTUALLY,
    LULL_READINESS_STOP_TARGET,
    LULL_READINESS_FAIL_IMMEDIATE,
} LullReadiness;

/* Everything that matters for one VirtualMachineRestore, gathered once. */
typedef struct {
    /* What decide looks at. Times: wall clock. */
    gint64 now;
    gint64 grace_end; /* WAIT_GRACE_PERIOD: when waiting for the target ends */
    gboolean exists;
    gboolean deleting;
    gboolean has_finalizer;
    gboolean complete; /* recorded, or the data is there */
    gboolean failed;   /* recorded, or a reason to fail stands */
    gboolean target_exists;
    gboolean target_stopped; /* or not there */
    LullReadiness readiness;
    gboolean snapshot_ready; /* or not asked for any more */
    gboolean planned;        /* what it puts in place is recorded: it may have begun to */
    gboolean written;      /* the target is as this restore wrote it: what is left to do needs nothing off */
    gboolean locked;       /* by this restore */
    gboolean other_locked; /* by another restore, or a snapshot */
    gboolean stops_locked; /* the place's */
    gboolean copied;       /* what was cut of it while it ran is being copied, and lost when it stops */
    LullWork data;
    LullWork shut_down; /* of the target, for a restore that may stop it */
    gint64 asked_at;    /* shut_down DONE: when the guest had been asked */
    LullWork start;     /* of the target, in the end */
    gboolean start_target;
    gboolean ends_itself;   /* it runs, and is off soon without being asked to */
    gboolean untold;        /* nothing is told of it yet */
    gint64 tell_at;         /* until when what is about to change again need not be told; 0: it is told */
    gboolean owner_missing; /* it belongs to the target, and does not say so yet */
    const char *leftover;   /* of one that ended: why what it made is not gone, as it tells; lent, NULL */
    gboolean status_stale;
    gboolean progress_stale;

    /* What effects and the status need. */
    char *ns, *name, *uid, *target, *content_uid;
    LullJson *restore, *snapshot, *content, *vm; /* NULL: not there */
    char *vm_uid;                                /* of the target; one that is gone is to have it again */
    const char *note;                            /* by what a target that runs is started again; static */
    char *failure;                               /* why it failed; NULL */
    char *problem;    /* what it waits for, or what went wrong and is tried again; NULL */
    gboolean queued;  /* what it waits for has an end that needs nobody */
    char *work_error; /* of the data job, else of the one that stops; NULL */
    char *start_error;
    char *progress;   /* the annotation as it ought to be; NULL: none */
    LullJson *status; /* as it ought to be */
} LullRestoreView;
void lull_restore_view_free(LullRestoreView *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullRestoreView, lull_restore_view_free)

/* restore-place.h */
typedef struct _LullRestoreRules LullRestoreRules;

LullRestoreView *
lull_restore_view_gather(const LullRestoreRules *rules, LullStore *store, LullJobs *jobs, const char *ns,
                         const char *name, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What became of the jobs of a restore, and what others do with its target. */
typedef struct {
    LullWork state;
    const GError *error; /* FAILED; lent */
    guint permille;      /* RUNNING, data only */
    gint64 ended_at;     /* DONE, shut_down only */
    guint64 bytes;       /* RUNNING, data only: of how much; 0: not known */
} LullRestoreWork;
typedef struct {
    LullRestoreWork data, shut_down, start;
    const char *copied_for; /* the snapshot whose cut of it is being copied; NULL: none */
} LullRestoreWorks;

/* Pure: from the objects (each consumed, each may be NULL) and the state of the jobs. */
LullRestoreView *
lull_restore_view_new(const LullRestoreRules *rules, LullJson *restore, LullJson *snapshot, LullJson *content,
                      LullJson *vm, const LullRestoreWorks *works, gint64 now) G_GNUC_WARN_UNUSED_RESULT;

/* Ids of jobs. */
char *lull_restore_job(const char *what, const char *uid) G_GNUC_WARN_UNUSED_RESULT;
#define LULL_JOB_RESTORE   "restore"
#define LULL_JOB_SHUT_DOWN "shut-down" /* its result is a gint64: when the guest was asked, wall clock */
#define LULL_JOB_START     "start"

G_END_DECLS
