/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/bare.h"

#include "coordinator/model/meta.h"
#include "coordinator/model/report.h"
#include "coordinator/reconcile/offline-vm.h"

static LullVmState
state_of(LullJson *vm)
{
    const char *text = lull_json_string(lull_json_object(vm, "status"), "printableStatus", "Stopped");

    if (lull_condition_is(vm, "Paused", TRUE) || g_str_equal(text, "Paused"))
        return LULL_VM_PAUSED;
    return g_str_equal(text, "Stopped") ? LULL_VM_STOPPED : LULL_VM_RUNNING;
}

LullJson *
lull_bare_report(LullJson *vm, const char *op, guint attempt, LullLevel require, gboolean *ret_reached)
{
    const LullTruthFacts facts = {.vm = state_of(vm), .end = lull_machine_end(vm), .no_volumes = TRUE};
    const LullTruth truth = lull_truth_of(&facts);
    const char *names[8] = {NULL};

    for (guint i = 0; i < G_N_ELEMENTS(names) - 1; i++)
        names[i] = lull_indication_nth(truth.indications, i, NULL);
    *ret_reached = lull_level_satisfies(truth.level, require);

    const LullReportFacts report = {
        .op = op,
        .attempt = attempt,
        .level = lull_level_to_string(truth.level),
        .require = lull_level_to_string(require),
        .proof = lull_proof_to_string(truth.proof),
        .proof_by = lull_proof_by_to_string(truth.proof_by),
        .proof_reason = truth.proof_reason,
        .witness = lull_witness_to_string(LULL_WITNESS_NONE),
        .prepare_usec = -1,
        .freeze_usec = -1,
        .cut_usec = -1,
        .thaw_usec = -1,
        .window_usec = -1,
        .indications = names,
    };
    return lull_report_to_json(&report);
}
