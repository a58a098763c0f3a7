/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/metrics/metrics.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* The loop of one reconciler: keys ("namespace/name") come from watches, one worker thread passes over
 * them, one pass does one thing. The loop owns queueing, time and retries; what to do is the pass's. */
typedef struct _LullLoop LullLoop;

typedef struct {
    gboolean acted;    /* something was done: look again at once */
    gint64 again_usec; /* else: look again after this long; 0: only when something changes */
    gboolean pending;  /* work that may fail goes on or was begun: failures in a row are counted on */
} LullPass;

/* One look at one key: view, decide, effect. On the loop's own thread; may block. LULL_ERROR_CONFLICT: it
 * changed meanwhile, look again at once; any other error: look again after a growing while. */
typedef gboolean (*LullPassFunc)(gpointer user_data, const char *ns, const char *name, LullPass *ret_pass,
                                 GError **error);

/* What an object of the loop's own kind depends on, as a NULL-terminated list of lull_loop_ref(): a change of
 * one of these is a reason to look at the object. Called on the watches' context; must not block. */
typedef GStrv (*LullRefsFunc)(LullJson *object);

/* What of an object of a kind that others depend on means something to these: a change that leaves it as it
 * was is none. Static. NULL: all of it. As above. */
typedef const char *(*LullSightFunc)(const LullKind *kind, LullJson *object);

/* The reference of an object: "<plural>/<namespace>/<name>"; @ns: "" of a kind without namespaces. With
 * LULL_LOOP_ANY for a name it is of all that are there, and of those to come. */
#define LULL_LOOP_ANY "*"
char *lull_loop_ref(const LullKind *kind, const char *ns, const char *name) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    const char *name;        /* for logs and the thread */
    const LullKind *kind;    /* its own */
    const LullKind *also[5]; /* kinds of what it depends on; NULL ends */
    LullRefsFunc refs;
    LullPassFunc pass;
    gpointer user_data;
    const char *selector;  /* labels that objects of its own kind have, and what they own; NULL: any */
    const LullKind *owned; /* of objects that those of its own kind own: one that goes is a reason to look at
                              its owner; NULL: none */
    LullSightFunc sight;   /* may be NULL */
    LullTrimFunc trim; /* of its own kind, what neither refs nor whoever sees it looks at; NULL: nothing */
} LullReconciler;

LullLoop *lull_loop_new(LullStore *store, const LullReconciler *reconciler) G_GNUC_WARN_UNUSED_RESULT;

/* Before it starts: counts its queue and its passes by its name, and shows objects of its own kind, as they
 * are and as they change, to @see (may be NULL). @metrics: lent; NULL: nobody counts. */
typedef void (*LullSeeFunc)(LullMetrics *metrics, LullJson *object, gboolean deleted);
void lull_loop_set_metrics(LullLoop *self, LullMetrics *metrics, LullSeeFunc see);

/* Begins to watch, on @context, which must not be run by another thread until this returns; starts the
 * worker. */
gboolean lull_loop_start(LullLoop *self, GMainContext *context, GError **error);

/* From any thread: look at it. */
void lull_loop_poke(LullLoop *self, const char *ns, const char *name);

/* LullJobEndFunc: @key is "namespace/name", @user_data the loop. */
void lull_loop_poke_key(const char *key, gpointer user_data);

/* On the thread of the context: ends the watches; no pass begins any more. Waits for nothing. Idempotent. */
void lull_loop_stop(LullLoop *self);

/* Stops it, and waits for the pass under way: on any thread where it was stopped before. */
void lull_loop_free(LullLoop *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullLoop, lull_loop_free)

G_END_DECLS
