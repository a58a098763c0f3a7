/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/guest/host.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/reconcile/claims.h"
#include "coordinator/reconcile/intents.h"
#include "coordinator/reconcile/truth.h"
#include "coordinator/storage/storage.h"

G_BEGIN_DECLS

/* One attempt, from making the targets to the thaw, on the calling thread, which does nothing else:
 * between freeze and thaw there is no store, no log, and no lock that others hold. */

typedef struct {
    LullHost *host;
    LullStorage *storage;
    LullIntents *intents;
    LullClaims *claims;
    gint64 lease;         /* of a freeze by our agent; 0: the default */
    LullMetrics *metrics; /* NULL: nobody counts */
} LullAttemptTools;       /* lent; each may be used from any thread */

typedef struct {
    char *vm_uid;
    char *content_uid;
    char *owner;    /* for people: "snapshot nightly" */
    char *snapshot; /* "namespace/name"; may be NULL */
    guint number;
    gboolean unquiesced; /* cut without asking the guest: attempts to quiesce it came to nothing */
    LullJson *earlier;   /* `unquiesced`: the report of the last one of them; NULL: they were interrupted */
    LullLevel require;
    char **exclude;    /* volumes that the user leaves out; NULL: none */
    char **volumes;    /* that the content promises; NULL: none */
    gboolean by_claim; /* what is cut are the claims of `volumes`, also those that are no disk of the guest */
    LullJson *content; /* of a machine that is off and that no host knows; NULL: the host is asked for it */
    LullVmEnd end;     /* `content`: how it ended */
    char *life;        /* `content`: for the outcome; see LullRest */
    char *problem;     /* why nothing may be cut; NULL: it may */
    gint64 deadline;   /* boot clock; 0: none */
    gint64 skew;       /* usec that the clock of the objects' times is before ours: what is told is on that */
    /* Told what is waited for while nothing is held yet, and NULL when that is over; may be NULL. */
    void (*tell_wait)(const char *what, gpointer tell_data);
    gpointer tell_data; /* lent */
} LullAttemptOrder;
void lull_attempt_order_free(LullAttemptOrder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullAttemptOrder, lull_attempt_order_free)

typedef struct {
    gint64 cut_time;  /* wall clock, that of the objects' times: when the last cut was known; 0: nothing was
                         cut */
    gboolean reached; /* this is as good as it gets, and at least the level required */
    gboolean again;   /* not reached, but another attempt may do better */
    gboolean refused; /* somebody else works on the machine, or comes first at its storage: as if it had not
                         been begun, for that reason */
    gint64 queue;     /* `refused`: usec that the cut takes behind those that come first; 0: not known */
    gboolean cut_failed; /* there is no cut: nothing but `held` is set, and the error says why */
    gboolean held;       /* `cut_failed`: while a guest stood still for it */
    gboolean left; /* there is no cut, since the guest left while it stood still: the error says where to */
    LullJson *report; /* NULL where nothing could be said: the error says why */
    char *life;       /* of a machine that was off; NULL: it was not */
    LullJson *cuts;   /* volumes' names to what the storage knows their cuts by; NULL: by their names alone */
} LullAttemptOutcome;
void lull_attempt_outcome_free(LullAttemptOutcome *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullAttemptOutcome, lull_attempt_outcome_free)

/* NULL with an error where no claim can be made: no space, VM gone, cancelled, too late; with an outcome
 * where it was refused, and where the cut failed, or the guest left us before it, since it may have stood
 * still for that. An outcome without a
 * cut says that the guest was not frozen, and that nothing was cut for that reason. The guest is not frozen
 * by us when this returns, whatever it returns. */
LullAttemptOutcome *lull_attempt_run(const LullAttemptTools *tools, const LullAttemptOrder *order,
                                     GCancellable *cancel, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
