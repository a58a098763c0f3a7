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

/* What is said of a guest that is prepared, and not frozen since it would stand still for longer than
 * @patience allows, or than what is @left (usec; 0: no deadline) before the deadline: what, by what is known,
 * and what to do. NULL: it would not. Pure. */
char *lull_attempt_why_not_frozen(const LullCutForecast *forecast, gint64 patience,
                                  gint64 left) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
