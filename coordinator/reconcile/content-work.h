/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/attempt.h"
#include "coordinator/reconcile/jobs.h"

G_BEGIN_DECLS

/* The long work of contents, each on a thread of its own (LullJobFunc): whatever asks libvirt or a disk may
 * block as long as that one guest hangs, and must stand in no other's way. */

/* What a job needs, for itself alone: the view is gone when it runs. */
typedef struct {
    LullAttemptTools tools;
    LullAttemptOrder *order; /* attempts only */
    char *vm_uid;
    char *content_uid;
    guint number;
    LullJson *content; /* seal only */
    LullJobs *jobs;    /* where to tell how far it is, or what it waits for, */
    char *id;          /* and as which job */
} LullContentTask;
void lull_content_task_free(gpointer task);

/* Result: a LullAttemptOutcome. Removes what the attempt left where nothing good came of it. */
gpointer lull_content_run_attempt(gpointer task, GCancellable *cancellable, GError **error);

/* Attempt 0 stands for all there is. Not under a restore that reads it. */
gpointer lull_content_run_remove(gpointer task, GCancellable *cancellable, GError **error);

/* Until the copying has come to an end, whichever. Result: a LullCopyProgress. */
gpointer lull_content_run_follow(gpointer task, GCancellable *cancellable, GError **error);
void lull_content_copy_free(gpointer progress);

gpointer lull_content_run_seal(gpointer task, GCancellable *cancellable, GError **error);

G_END_DECLS
