/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/jobs.h"
#include "coordinator/store/serve/server.h"

G_BEGIN_DECLS

/* Requests that take long: each is a job of its own, and answered when that ends. For one subresource; on the
 * server's context, but for what the jobs do. */
typedef struct _LullErrands LullErrands;

/* On the job's thread: the answer (LullJson), or NULL with @error. */
typedef struct {
    LullJobFunc func;
    gpointer data; /* consumed */
    GDestroyNotify free_data;
    gboolean for_client; /* it is cancelled when its client goes */
} LullErrand;

/* @jobs: lent. @max: at the same time; one more is answered by @busy (static), LULL_ERROR_BUSY. */
LullErrands *lull_errands_new(LullJobs *jobs, guint max, const char *busy) G_GNUC_WARN_UNUSED_RESULT;

/* Where answers are sent; before the first lull_errands_run(). */
void lull_errands_attach(LullErrands *self, GMainContext *context);

/* Answers @reply, now or later. */
void lull_errands_run(LullErrands *self, LullServerReply *reply, LullErrand errand);

/* After the jobs have ended: sends the answers that are left. */
void lull_errands_free(LullErrands *self);

G_END_DECLS
