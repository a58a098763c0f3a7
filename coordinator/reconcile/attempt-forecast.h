/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/guest/hold.h"
#include "coordinator/storage/storage.h"

G_BEGIN_DECLS

/* Of the host dead man; a stock freeze alone may take half of it. */
#define LULL_STOCK_DEADLINE LULL_SEC(20)

/* usec that a guest that is prepared may stand still, whatever a deadline says. Pure. */
gint64 lull_attempt_patience(const LullGuestHoldFacts *hold) G_GNUC_PURE;

/* Why a guest is not frozen, now (@queued: for what others have cut) or at all, since it would have to stand
 * still for longer than @patience (usec) allows: what, by what is known, and what to do. Pure. */
char *lull_attempt_why_not_frozen(const LullCutForecast *forecast, gint64 patience,
                                  gboolean queued) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
