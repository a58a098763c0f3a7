/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/manual-answer.h"

#include "coordinator/reconcile/attempt-report.h"

static void
set_msec(LullJson *json, const char *key, gint64 usec)
{
    lull_json_set_double(json, key, (double)usec / 1000.0);
}

LullJson *
lull_manual_answer_frozen(const LullGuestHoldFacts *hold)
{
    LullJson *json = json_object_new_object();
    LullJson *frozen = json_object_new_array();
    const size_t n = hold->filesystems ? json_object_array_length(hold->filesystems) : 0;

    for (size_t i = 0; i < n; i++) {
        LullJson *row = json_object_array_get_idx(hold->filesystems, i);

        if (g_str_equal(lull_json_string(row, "result", ""), "frozen"))
            lull_json_append_string(frozen, lull_json_string(row, "mountpoint", ""));
    }
    lull_json_set_string(json, "agent", hold->agent_name);
    lull_json_take(json, "frozen", frozen);
    set_msec(json, "freezeMs", hold->freeze_usec);
    return json;
}

LullJson *
lull_manual_answer_thawed(const LullVm *vm, const LullGuestHoldFacts *hold, LullWitnessVerdict witness)
{
    const LullAttemptRecord record = {.vm = vm, .hold = hold, .witness = witness, .cut_while_frozen = TRUE};
    const LullTruth truth = lull_attempt_truth(&record);
    LullJson *json = json_object_new_object();

    lull_json_set_string(json, "level", lull_level_to_string(truth.level));
    lull_json_set_string(json, "proof", lull_proof_to_string(truth.proof));
    lull_json_set_string(json, "proofBy", lull_proof_by_to_string(truth.proof_by));
    lull_json_set_string(json, "proofReason", truth.proof_reason);
    lull_json_set_string(json, "witness", lull_witness_to_string(witness));
    if (hold->window_usec > 0)
        set_msec(json, "windowMs", hold->window_usec);
    return json;
}
