/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt-forecast.h"

#include "protocol/names.h"

gint64
lull_attempt_patience(const LullGuestHoldFacts *hold)
{
    gint64 usec = LULL_MSEC(LULL_FREEZE_MAX_MS);

    if (hold->hold_budget)
        usec = MIN(usec, hold->hold_budget); /* a cut after that is none of data that anybody held */
    return hold->agent == LULL_AGENT_LULL ? usec : MIN(usec, LULL_STOCK_DEADLINE);
}

static double
seconds(gint64 usec)
{
    return (double)usec / G_USEC_PER_SEC;
}

static const char *
name_of(const char *by)
{
    return by ? by : "the storage";
}

char *
lull_attempt_why_not_frozen(const LullCutForecast *forecast, gint64 patience, gint64 left)
{
    if (forecast->alone > patience)
        return g_strdup_printf(
            "not frozen: %s takes %.1f s to cut by its last cuts, but the guest may stand still for %.1f s "
            "only: "
            "see what its driver and snapshotter are busy with, or allow for a longer hold",
            name_of(forecast->by), seconds(forecast->alone), seconds(patience));
    if (forecast->asking)
        return g_strdup_printf(
            "not frozen yet: the requests that a cut makes take %.1f s to be answered, and no guest is "
            "frozen for "
            "so long: it is tried again as long as there is time; see what the API server is busy with",
            seconds(forecast->asking));
    if (forecast->behind > patience)
        return g_strdup_printf(
            "not frozen yet: %s has %u volumes of others to cut, and takes %.1f s for so many by its last "
            "cuts, but the guest may stand still for %.1f s only: it is tried again as long as there is time",
            name_of(forecast->behind_by), forecast->others, seconds(forecast->behind), seconds(patience));
    if (left > 0 && forecast->behind > left)
        return g_strdup_printf(
            "not frozen: %s takes %.1f s to cut by its last cuts, but there are %.1f s left before the "
            "deadline: "
            "it is tried again as long as there is time; see what its driver and snapshotter are busy with",
            name_of(forecast->behind_by), seconds(forecast->behind), seconds(left));
    return NULL;
}
