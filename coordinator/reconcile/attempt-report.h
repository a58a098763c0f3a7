/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"
#include "coordinator/reconcile/truth.h"

G_BEGIN_DECLS

/* From what an attempt recorded to what is claimed and told of it. Pure. */

typedef struct {
    const char *op;
    guint attempt;
    LullLevel require;
    gboolean unquiesced;            /* the guest was not asked: attempts to quiesce it came to nothing */
    LullJson *earlier;              /* the report of the last one of them; NULL: they were interrupted */
    const LullVm *vm;               /* with the volumes left out marked */
    const LullGuestHoldFacts *hold; /* NULL: the guest was not asked (paused) */
    const char *not_frozen;         /* why nobody asked for a freeze; NULL: `hold` says why */
    LullWitnessVerdict witness;
    gboolean cut_while_frozen;
    gboolean atomic;     /* the storage cut all volumes at the same instant */
    gint64 freeze_asked; /* boot clock; 0: no freeze was asked for */
    gint64 cut_asked;
    gint64 cut_known;
    gint64 cut_time;   /* wall clock */
    LullJson *volumes; /* how each was copied, as LullStorageOps.cut_volumes tells; NULL: not told */
} LullAttemptRecord;

LullTruth lull_attempt_truth(const LullAttemptRecord *record) G_GNUC_WARN_UNUSED_RESULT;
LullJson *
lull_attempt_report(const LullAttemptRecord *record, const LullTruth *truth) G_GNUC_WARN_UNUSED_RESULT;

/* What the storage knows its cuts by, of rows as LullStorageOps.cut_volumes tells: {NAME: identity}; NULL:
 * none.
 */
LullJson *lull_attempt_cuts(LullJson *volumes) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
