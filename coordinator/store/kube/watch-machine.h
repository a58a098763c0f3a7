/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* How a collection of an API server is followed: list page by page, watch from the list's version, go on
 * after every break, list again where the server has forgotten. It decides and does nothing itself: whoever
 * drives it asks for the next step, takes it, and tells what came of it. Times are of the boot clock.
 *
 * One that begins with everything knows what it told: events that come twice are told once, and after a new
 * list only the differences are told, with a DELETED for what is gone. Of such an object nothing but its
 * identity is known, and no more is given. */
typedef struct _LullWatchMachine LullWatchMachine;

typedef struct {
    gint64 backoff_first; /* doubled by each failure in a row, up to: */
    gint64 backoff_max;
    gint64 healthy;  /* without a failure for so long, the next one counts as the first */
    gint64 patience; /* with one page of a list */
    gint64 silence;  /* of a server that has given a bookmark before, in whatever stream */
    guint page;      /* objects of one page */
} LullWatchTuning;

/* Objects of one page, so that neither its text nor what becomes of it is large. */
#define LULL_KUBE_PAGE 50

/* For controllers, and for those who keep a guest frozen while they wait. */
extern const LullWatchTuning lull_watch_usual;
extern const LullWatchTuning lull_watch_urgent;

/* Takes @object, on the thread of whoever drives. */
typedef void (*LullWatchEmit)(LullWatchType type, LullJson *take_object, gpointer user_data);

/* @since NULL: first what there is. Else a version to go on from; there is no way back behind one that is
 * forgotten, so that ends with ERROR. @seed: of the jitter. */
LullWatchMachine *lull_watch_machine_new(const LullWatchTuning *tuning, const char *since, guint32 seed,
                                         LullWatchEmit emit, gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;
void lull_watch_machine_free(LullWatchMachine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullWatchMachine, lull_watch_machine_free)

typedef enum {
    LULL_WATCH_STEP_WAIT = 0, /* for what is under way, at most until `at` */
    LULL_WATCH_STEP_LIST,     /* get one page */
    LULL_WATCH_STEP_WATCH,    /* open a stream */
    LULL_WATCH_STEP_CUT,      /* drop what is under way; then ask again */
    LULL_WATCH_STEP_END       /* never anything more */
} LullWatchVerb;

typedef struct {
    LullWatchVerb verb;
    gint64 at;                  /* WAIT */
    guint limit;                /* LIST; 0: all in one page */
    const char *continue_token; /* LIST, or NULL; lent until the next call */
    const char *version;        /* WATCH, or NULL; lent until the next call */
    guint timeout_s;            /* WATCH: after which the server should end it */
} LullWatchStep;

LullWatchStep lull_watch_machine_next(LullWatchMachine *self, gint64 now);

/* What came of a step. FALSE: it makes no sense, drop what is under way; the machine knows. The documents are
 * lent, but lose what is emitted. */
gboolean lull_watch_machine_page(LullWatchMachine *self, LullJson *page, gint64 now);
gboolean lull_watch_machine_event(LullWatchMachine *self, LullJson *event, gint64 now);

/* The server has agreed to a watch; bytes came, of whatever. Neither says that it gets on. */
void lull_watch_machine_opened(LullWatchMachine *self);
void lull_watch_machine_alive(LullWatchMachine *self, gint64 now);

/* The server answered with @http and perhaps a Status. @retry_after: 0 where it did not say. */
void lull_watch_machine_refused(LullWatchMachine *self, long http, LullJson *status, gint64 retry_after,
                                gint64 now);

/* The answer is over. @why: what broke it off, NULL: it just ended. */
void lull_watch_machine_ended(LullWatchMachine *self, const char *why, gint64 now);

/* Whether what is emitted now is what there was already. */
gboolean lull_watch_machine_is_listing(const LullWatchMachine *self);

/* Why it does not get on, for people; NULL: it does. */
const char *lull_watch_machine_problem(const LullWatchMachine *self);

G_END_DECLS
