/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/attempt-report.h"

#include "coordinator/reconcile/attempt-volumes.h"
#include "coordinator/model/report.h"
#include "coordinator/model/volumes.h"
#include "protocol/clock.h"

/* Names of the volumes that were cut, lent, NULL-terminated. */
static GPtrArray *
cut_names(const LullVm *vm)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = vm->volumes->pdata[i];

        if (!volume->excluded)
            g_ptr_array_add(names, volume->name);
    }
    g_ptr_array_add(names, NULL);
    return names;
}

#define INTERRUPTED "attempts to quiesce it were interrupted"

/* What the last attempt to quiesce the guest came to, for one that did not try any more. */
static void
remember(const LullAttemptRecord *record, LullTruthFacts *facts)
{
    LullJson *indications = lull_json_array(record->earlier, "indications");

    facts->given_up = lull_json_string(record->earlier, "proofReason", INTERRUPTED);
    for (size_t i = 0; indications && i < json_object_array_length(indications); i++)
        if (g_strcmp0(json_object_get_string(json_object_array_get_idx(indications, i)), "QuiesceTimeout") ==
            0)
            facts->timed_out = TRUE;
}

LullTruth
lull_attempt_truth(const LullAttemptRecord *record)
{
    const LullGuestHoldFacts *hold = record->hold;
    LullTruthFacts facts = {.vm = record->vm->state, .end = record->vm->end};

    if (hold) {
        g_autoptr(GPtrArray) cut = cut_names(record->vm);

        facts.agent = hold->agent;
        facts.agent_problem = hold->agent_problem;
        facts.frozen = hold->frozen;
        facts.nothing = hold->nothing;
        facts.incomplete = lull_truth_incomplete(hold->filesystems, (const char *const *)cut->pdata);
        facts.held = hold->held;
        facts.timed_out = hold->timed_out;
        facts.cut_while_frozen = record->cut_while_frozen;
        facts.writers_met = lull_truth_writers_met(hold->writers);
        facts.witness = record->witness;
        facts.problem = record->not_frozen ? record->not_frozen : hold->problem;
        facts.broken = hold->broken;
    }
    facts.no_volumes = !lull_attempt_has_volumes(record->vm);
    if (record->unquiesced)
        remember(record, &facts);
    return lull_truth_of(&facts);
}

/* What storage and host say of one volume: how it was copied, and what it lacks. */
static void
add_copy(const LullAttemptRecord *record, const LullVmVolume *volume, LullJson *row)
{
    for (size_t i = 0; record->volumes && i < json_object_array_length(record->volumes); i++) {
        LullJson *told = json_object_array_get_idx(record->volumes, i);

        if (g_strcmp0(lull_json_string(told, "name", NULL), volume->name) != 0)
            continue;
        lull_json_set_string(row, "copy", lull_json_string(told, "copy", NULL));
        lull_json_set_string(row, "copyReason", lull_json_string(told, "copyReason", NULL));
        lull_json_set_string(row, "storageTime", lull_json_string(told, "storageTime", NULL));
        if (record->freeze_asked && lull_json_int(told, "receivedAt", 0))
            lull_json_set_double(row, "cutReceivedAtMs",
                                 (double)(lull_json_int(told, "receivedAt", 0) - record->freeze_asked) /
                                     1000.0);
    }
    if (volume->flushes_ignored)
        lull_json_set_string(
            row, "note",
            "its cache mode is unsafe: what it acknowledges may not be on disk, so there is no "
            "witness for it; with cache='none' there is one, from its next start on");
}

static LullJson *
volume_rows(const LullAttemptRecord *record)
{
    LullJson *rows = json_object_new_array();
    g_autofree char *when = lull_clock_format(record->cut_time);

    for (guint i = 0; record->cut_time && i < record->vm->volumes->len; i++) {
        const LullVmVolume *volume = record->vm->volumes->pdata[i];
        LullJson *row = NULL;

        if (volume->excluded)
            continue;
        row = json_object_new_object();
        lull_json_set_string(row, "name", volume->name);
        lull_json_set_string(row, "disk", volume->disk);
        if (record->freeze_asked)
            lull_json_set_double(row, "cutReceivedAtMs",
                                 (double)(record->cut_known - record->freeze_asked) / 1000.0);
        lull_json_set_string(row, "storageTime", when);
        lull_json_set_string(row, "atomicGroup", "");
        add_copy(record, volume, row);
        json_object_array_add(rows, row);
    }
    return rows;
}

static void
add_excluded(LullJson *rows, const char *name, const char *reason)
{
    LullJson *row = json_object_new_object();

    lull_json_set_string(row, "name", name);
    lull_json_set_string(row, "reason", reason);
    json_object_array_add(rows, row);
}

static LullJson *
excluded_rows(const LullVm *vm)
{
    LullJson *rows = json_object_new_array();

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = vm->volumes->pdata[i];

        if (volume->excluded)
            add_excluded(rows, volume->name, volume->excluded);
    }
    if (vm->tpm) {
        g_autofree char *name = lull_volume_of_tpm(vm->name);

        add_excluded(rows, name, vm->tpm);
    }
    return rows;
}

/* What is worth telling of an attempt whose cuts do not count. */
static LullJson *
earlier_of(LullJson *report)
{
    static const char *const keys[] = {"attempt", "proof", "proofReason", "witness", "windowMs"};
    LullJson *earlier = report ? json_object_new_object() : NULL;

    for (gsize i = 0; report && i < G_N_ELEMENTS(keys); i++) {
        LullJson *value = lull_json_at(report, keys[i], NULL);

        if (value)
            lull_json_take(earlier, keys[i], lull_json_dup(value));
    }
    return earlier;
}

/* As a report has it. */
static gint64
if_known(gint64 usec)
{
    return usec > 0 ? usec : -1;
}

LullJson *
lull_attempt_cuts(LullJson *volumes)
{
    LullJson *cuts = NULL;

    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++) {
        LullJson *row = json_object_array_get_idx(volumes, i);
        LullJson *identity = lull_json_object(row, "identity");

        if (!identity)
            continue;
        if (!cuts)
            cuts = json_object_new_object();
        lull_json_take(cuts, lull_json_string(row, "name", ""), lull_json_dup(identity));
    }
    return cuts;
}

LullJson *
lull_attempt_report(const LullAttemptRecord *record, const LullTruth *truth)
{
    const LullGuestHoldFacts *hold = record->hold;
    const gboolean frozen = hold && hold->frozen;
    const char *names[8] = {NULL};
    g_autoptr(LullJson) earlier = earlier_of(record->earlier);
    g_autoptr(LullJson) volumes = volume_rows(record);
    g_autoptr(LullJson) excluded = excluded_rows(record->vm);

    for (guint i = 0; i < G_N_ELEMENTS(names) - 1; i++)
        names[i] = lull_indication_nth(truth->indications, i, NULL);

    const LullReportFacts report = {
        .op = record->op,
        .attempt = record->attempt,
        .agent = hold ? hold->agent_name : lull_json_string(record->earlier, "agent", NULL),
        .level = lull_level_to_string(truth->level),
        .require = lull_level_to_string(record->require),
        .proof = lull_proof_to_string(truth->proof),
        .proof_by = lull_proof_by_to_string(truth->proof_by),
        .proof_reason = truth->proof_reason,
        .witness = lull_witness_to_string(frozen ? record->witness : LULL_WITNESS_NONE),
        .atomic = record->atomic,
        .prepare_usec = hold && hold->agent != LULL_AGENT_NONE ? hold->prepare_usec : -1,
        .freeze_usec = frozen ? hold->freeze_usec : -1,
        .cut_usec = record->cut_time ? record->cut_known - record->cut_asked : -1,
        .thaw_usec = frozen ? if_known(hold->thaw_usec) : -1,
        .window_usec = frozen ? if_known(hold->window_usec) : -1,
        .window_measured = hold && hold->window_measured,
        .indications = names,
        .earlier = earlier,
        .definition = record->vm->differences,
        .volumes = volumes,
        .excluded = excluded,
        .filesystems = hold ? hold->filesystems : NULL,
        .writers = hold ? hold->writers : NULL,
    };
    return lull_report_to_json(&report);
}
