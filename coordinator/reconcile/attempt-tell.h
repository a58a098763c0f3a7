/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/attempt.h"

G_BEGIN_DECLS

/* What is told of an attempt besides its report, once nothing is frozen: one line in the log, and figures. */

/* All lent. */
typedef struct {
    const char *vm;
    const char *op;                 /* NULL: it was not begun */
    gboolean asked;                 /* the guest was to be held still */
    const LullGuestHoldFacts *hold; /* NULL: it was not asked */
    const char *steps;              /* as LullAttemptFacts has them */
} LullAttemptTelling;

/* Pure. What it gives is lent from its arguments, and from @cuts, which it fills. @outcome and @problem as
 * lull_attempt_run() gives them. */
LullAttemptFacts lull_attempt_facts(const LullAttemptOrder *order, const LullAttemptTelling *telling,
                                    const LullAttemptOutcome *outcome, const GError *problem, GString *cuts);

/* @metrics: NULL: nobody counts. */
void lull_attempt_tell(LullMetrics *metrics, const LullAttemptOrder *order, const LullAttemptTelling *telling,
                       const LullAttemptOutcome *outcome, const GError *problem);

G_END_DECLS
