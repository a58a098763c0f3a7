/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt-tell.h"

static LullResult
result_of(const LullAttemptOutcome *outcome)
{
    const char *level = outcome ? lull_json_string(outcome->report, "level", "") : "";

    if (!outcome)
        return LULL_RESULT_FAILED;
    if (outcome->refused)
        return LULL_RESULT_REFUSED;
    if (outcome->cut_failed)
        return LULL_RESULT_CUT_FAILED;
    if (outcome->again || outcome->left)
        return LULL_RESULT_NOT_QUIESCED;
    if (!outcome->reached)
        return LULL_RESULT_BELOW_REQUIRED;
    if (g_str_equal(level, lull_level_to_string(LULL_LEVEL_STOPPED)))
        return LULL_RESULT_STOPPED;
    return g_str_equal(level, lull_level_to_string(LULL_LEVEL_CRASH)) ? LULL_RESULT_CRASH_CONSISTENT
                                                                      : LULL_RESULT_QUIESCED;
}

static gint64
usec_of(LullJson *report, const char *key)
{
    const double msec = lull_json_double(report, key, -1);

    return msec < 0 ? -1 : (gint64)(msec * 1000.0 + 0.5);
}

static const char *
agent_of(const LullGuestHoldFacts *hold)
{
    if (!hold || hold->agent == LULL_AGENT_NONE)
        return NULL;
    return hold->agent == LULL_AGENT_LULL ? "lull" : "stock";
}

static void
list_cuts(LullJson *report, GString *cuts)
{
    LullJson *volumes = lull_json_array(report, "volumes");

    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++) {
        LullJson *row = json_object_array_get_idx(volumes, i);
        const gint64 at = usec_of(row, "cutReceivedAtMs");

        if (at < 0)
            continue;
        g_string_append_printf(cuts, "%s%s:", cuts->len ? "," : "", lull_json_string(row, "name", ""));
        lull_append_msec(cuts, at);
    }
}

LullAttemptFacts
lull_attempt_facts(const LullAttemptOrder *order, const LullAttemptTelling *telling,
                   const LullAttemptOutcome *outcome, const GError *problem, GString *cuts)
{
    LullJson *report = outcome ? outcome->report : NULL;
    const LullGuestHoldFacts *hold = telling->hold;

    list_cuts(report, cuts);
    return (LullAttemptFacts){
        .vm = telling->vm,
        .snapshot = order->snapshot,
        .op = telling->op,
        .attempt = order->number,
        .result = result_of(outcome),
        .asked = telling->asked,
        .agent = agent_of(hold),
        .level = lull_json_string(report, "level", NULL),
        .proof = lull_json_string(report, "proof", NULL),
        .proof_by = lull_json_string(report, "proofBy", NULL),
        .witness = lull_json_string(report, "witness", NULL),
        .why = problem ? problem->message : lull_json_string(report, "proofReason", NULL),
        .cuts = cuts->str,
        .steps = telling->steps,
        .timed_out = hold && hold->timed_out,
        .unconfirmed = hold && hold->unconfirmed,
        .prepare_usec = usec_of(report, "prepareMs"),
        .freeze_usec = usec_of(report, "freezeMs"),
        .cut_usec = usec_of(report, "cutMs"),
        .thaw_usec = usec_of(report, "thawMs"),
        .window_usec = usec_of(report, "windowMs"),
        .window_measured = hold && hold->window_measured,
    };
}

void
lull_attempt_tell(LullMetrics *metrics, const LullAttemptOrder *order, const LullAttemptTelling *telling,
                  const LullAttemptOutcome *outcome, const GError *problem)
{
    g_autoptr(GString) cuts = g_string_new(NULL);
    const LullAttemptFacts facts = lull_attempt_facts(order, telling, outcome, problem, cuts);
    g_autofree char *line = lull_attempt_line(&facts);

    g_message("%s", line);
    lull_metrics_attempt(metrics, &facts);
}
