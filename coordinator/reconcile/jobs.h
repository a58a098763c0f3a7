/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Long work outside every queue: one thread per job, known by an id that says what it does to what
 * ("seal:<uid>"). A reconciler starts a job, looks away, and finds its state in a later view; the end of a
 * job is told by a function that puts the owner's key back into its queue. Any thread may call. */
typedef struct _LullJobs LullJobs;

typedef enum { LULL_JOB_NONE = 0, LULL_JOB_RUNNING, LULL_JOB_DONE } LullJobState;

/* Runs on the job's thread. Returns the result (its meaning is the job's; freed by the `free_result` given
 * at the start) and may set @error as well. */
typedef gpointer (*LullJobFunc)(gpointer data, GCancellable *cancel, GError **error);

/* On the job's thread, after the result is there. */
typedef void (*LullJobEndFunc)(const char *key, gpointer user_data);

typedef struct {
    LullJobFunc func;
    gpointer data; /* consumed */
    GDestroyNotify free_data;
    GDestroyNotify free_result;
} LullJob;

LullJobs *lull_jobs_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* Cancels all and waits for them: jobs look at their cancellable between bounded calls. */
void lull_jobs_free(LullJobs *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullJobs, lull_jobs_free)

/* A job of that id that runs, or whose result was not dropped, is left alone and @job is freed. */
void lull_jobs_start(LullJobs *self, const char *id, LullJob job, const char *key, LullJobEndFunc end,
                     gpointer user_data);

/* DONE: @ret_result and @ret_error (each may be NULL) lend what came of it until lull_jobs_drop(). */
LullJobState
lull_jobs_state(LullJobs *self, const char *id, gconstpointer *ret_result, const GError **ret_error);

void lull_jobs_cancel(LullJobs *self, const char *id);

/* From the job itself: how far it is. A change of a hundredth or more is told like its end. */
void lull_jobs_tell(LullJobs *self, const char *id, guint permille);
guint lull_jobs_told(LullJobs *self, const char *id);

/* From the job itself: of how much it is so far; 0: that is not known. Seen with the next change. */
void lull_jobs_tell_bytes(LullJobs *self, const char *id, guint64 bytes);
guint64 lull_jobs_bytes(LullJobs *self, const char *id);

/* From the job itself: what it waits for, in words; NULL: it does not wait. A change is told like its end. */
void lull_jobs_tell_wait(LullJobs *self, const char *id, const char *what);
char *lull_jobs_wait(LullJobs *self, const char *id) G_GNUC_WARN_UNUSED_RESULT;

/* Forgets a job that is done. Only the thread that looks at the result may drop it. */
void lull_jobs_drop(LullJobs *self, const char *id);

/* The same also of one that still runs, once it has ended: nobody will look at its result. */
void lull_jobs_forget(LullJobs *self, const char *id);

/* Cancels all; FALSE: some still run after @budget_usec. */
gboolean lull_jobs_stop(LullJobs *self, gint64 budget_usec);

G_END_DECLS
