/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/attempt-decide.h"
#include "coordinator/reconcile/attempt-forecast.h"
#include "coordinator/reconcile/attempt.h"

G_BEGIN_DECLS

/* Between attempt.c and attempt-outcome.c. */

typedef struct {
    LullAttemptVerb verb;
    const char *reason;
    gint64 took;
} LullAttemptNote;

/* Everything an attempt has, made before the freeze, so that nothing is made during it. */
typedef struct {
    const LullAttemptTools *tools;
    const LullAttemptOrder *order;
    GCancellable *cancel; /* lent; may be NULL */
    gulong passed_on;     /* to who waits while the guest is held: handler of @cancel; 0: none */
    const char *leaves;   /* why the guest does, where that is why it was let go; NULL: it is not */
    char *op;
    LullVm *vm;
    LullAttemptView view;
    LullCut *cut;
    LullGuestHold *hold;
    LullWitness *witness;
    LullFrozenPlace *place; /* NULL: nobody counts */
    LullCutForecast forecast;
    char *not_frozen; /* why nobody asked for it, by the forecast; NULL: it was asked for, or not wanted */
    gint64 freeze_asked, cut_asked, cut_known, cut_time;
    gint64 freeze_end; /* when the guest is let go at the latest */
    gboolean cut_while_frozen;
    GError *error; /* the first thing that went wrong with storage, intent or cut */
    LullAttemptNote notes[LULL_ATTEMPT_N];
    guint n_notes;
} LullAttemptRun;

/* Only now, with nothing frozen, is it told. */
void
lull_attempt_run_tell(const LullAttemptRun *self, const LullAttemptOutcome *outcome, const GError *problem);

/* @reason: why the machine ended. NULL, with or without an outcome: as lull_attempt_run(). */
LullAttemptOutcome *
lull_attempt_run_outcome(LullAttemptRun *self, const char *reason, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
