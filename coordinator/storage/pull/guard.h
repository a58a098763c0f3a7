/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Who looks after a pull job when nobody else does. The job goes on without the coordinator, and with it
 * grows what the guest overwrites, until the disk is full and the guest's writes fail. So there is a process
 * of its own for each job, which outlives the coordinator: it ends the job when the room runs out, or when no
 * coordinator was there for so long, and goes when the job is over or the attempt's folder is gone.
 *
 * It is this very program, run as `<program> pull-guard --uri URI --domain UUID --folder FOLDER --lease MS`.
 * That a coordinator is there it sees by a shared lock on the store's directory, of its open description
 * (F_OFD_SETLK). Nearly everywhere the kernel keeps a directory's locks itself, also where files' are kept by
 * a server (NFS, SMB, FUSE). CephFS, GFS2 and OCFS2 share them: there a coordinator that has the same store
 * on another host counts as well. Where asking is refused the guard only looks at the room; where saying is
 * and asking is not, it sees nobody, and ends a copy that takes longer than its lease. */

#define LULL_PULL_GUARD_WORD "pull-guard"

/* Says that a coordinator is there, as long as the descriptor is open. -1: it cannot be said, which is
 * logged with what it means. */
int lull_pull_guard_be_there(const char *directory);

/* Whether one is. @directory: a descriptor of it that says nothing itself. Asking takes nothing, so many may
 * ask at the same time, and nobody who asks is taken for one. TRUE where it cannot be told. */
gboolean lull_pull_guard_sees_one(int directory);

/* Never waits for it. @lease: microseconds without a coordinator. */
gboolean lull_pull_guard_start(const char *uri, const char *domain_uid, const char *folder, gint64 lease,
                               GError **error);

typedef struct {
    gint64 now;
    gint64 away_since; /* no coordinator was there; 0: one is */
    gint64 lease;
    guint64 free;
    guint64 reserve; /* a coordinator that is there ends the job when less is free */
} LullPullGuardView;

/* Why the job has to end now; NULL: it need not. Pure. */
const char *lull_pull_guard_decide(const LullPullGuardView *view);

/* Why the guard of the attempt in @folder has ended its job; NULL: it has not. */
char *lull_pull_guard_why(const char *folder) G_GNUC_WARN_UNUSED_RESULT;

/* The other side: what a program does whose first argument is LULL_PULL_GUARD_WORD. Returns the exit status.
 */
int lull_pull_guard_main(int argc, char **argv);

G_END_DECLS
