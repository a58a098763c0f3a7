/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/advice.h"

#include <string.h>

#include "coordinator/cli/outcome.h"
#include "coordinator/model/meta.h"
#include "protocol/names.h"

static gboolean
indicates(LullJson *snapshot, const char *word)
{
    LullJson *list = lull_json_array(lull_json_object(snapshot, "status"), "indications");

    for (gsize i = 0; list && i < json_object_array_length(list); i++) {
        LullJson *each = json_object_array_get_idx(list, i);

        if (json_object_is_type(each, json_type_string) && g_str_equal(json_object_get_string(each), word))
            return TRUE;
    }
    return FALSE;
}

static void advise(GPtrArray *advice, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
advise(GPtrArray *advice, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(advice, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* Of what is still frozen in the guest whoever takes part has said it in these words. */
static gboolean
tells_of_stuck(const LullReport *report)
{
    if (!report)
        return FALSE;
    for (guint i = 0; i < report->filesystems->len; i++) {
        const LullReportRow *row = report->filesystems->pdata[i];

        if (row->reason && strstr(row->reason, LULL_THAWED_YET))
            return TRUE;
    }
    return report->proof_reason && strstr(report->proof_reason, LULL_THAWED_YET);
}

static void
advise_to_switch_off(GPtrArray *advice, const char *vm, const LullMachineWords *words)
{
    advise(advice, "Or take it while the machine is off: %s %s, then lull snapshot %s", words->shutdown, vm,
           vm);
}

/* The freeze was tried, and did not come to what it should. */
static void
advise_on_quiescing(GPtrArray *advice, LullJson *snapshot, const LullReport *report, const char *vm,
                    const LullMachineWords *words)
{
    if (tells_of_stuck(report))
        advise(advice,
               "A file system in the guest was frozen still, and what writes to it waits. Its agent tries to "
               "thaw it "
               "all the time: look for errors of its disk in the guest's log (dmesg) and on the host. Where "
               "it stays "
               "so, reset the machine: %s %s",
               words->reset, vm);
    else if (report && g_str_equal(report->witness, "noisy"))
        advise(
            advice,
            "The guest went on writing while it said it was frozen. Its agent's word cannot be relied on: "
            "see which disk of it is not under a file system that was frozen, and what lull doctor %s says.",
            vm);
    else if (indicates(snapshot, "QuiesceTimeout"))
        advise(advice,
               "There was not time enough to bring the guest to rest. Try again when it writes less: "
               "lull snapshot %s --require fs --retry",
               vm);
    else
        advise(
            advice,
            "The guest could not be brought to rest, for the reason given above. Try again: lull snapshot %s "
            "--require fs --retry; lull doctor %s says what stands in the way.",
            vm, vm);
    advise_to_switch_off(advice, vm, words);
}

static void
advise_on_agent(GPtrArray *advice, const char *vm, const LullMachineWords *words)
{
    advise(
        advice,
        "No agent answered in the guest: install lull-agent there and start it. lull doctor %s says what is "
        "missing and how to mend it.",
        vm);
    advise_to_switch_off(advice, vm, words);
}

/* All that is missing of what was asked for is an application, and there is none to ask. */
static gboolean
lacks_writers(LullJson *snapshot, const LullReport *report)
{
    return g_strcmp0(lull_meta_annotation(snapshot, LULL_ANNOTATION_REQUIRE), "app") == 0 && report &&
           g_str_equal(report->level, "fs") && !report->writers->len;
}

static void
advise_on_failure(GPtrArray *advice, LullJson *snapshot, const LullReport *report, const char *vm)
{
    if (lacks_writers(snapshot, report))
        advise(
            advice,
            "No application of the guest takes part in snapshots, so level app is out of its reach, however "
            "often it is tried. What can be had: lull snapshot %s --require fs",
            vm);
    else
        advise(advice, "Mend what is said above, then take another one: lull snapshot %s --retry", vm);
}

/* Its disks are as they were left. */
static void
advise_on_end(GPtrArray *advice, const char *vm, const LullMachineWords *words)
{
    advise(
        advice,
        "The machine was off, but nothing shows that the guest had brought its disks to rest. Have it switch "
        "itself off: %s %s, %s %s, then lull snapshot %s",
        words->start, vm, words->shutdown, vm, vm);
}

GPtrArray *
lull_advice_of_snapshot(LullJson *snapshot, const LullReport *report, const LullMachineWords *words)
{
    GPtrArray *advice = g_ptr_array_new_with_free_func(g_free);
    const LullOutcome outcome = lull_outcome_of(&lull_kind_snapshot, snapshot, NULL);
    const char *vm = lull_json_string(lull_json_at(snapshot, "spec", "source", NULL), "name", "VM");

    if (outcome == LULL_OUTCOME_PENDING || lull_meta_is_deleting(snapshot))
        return advice;
    if (indicates(snapshot, "NoGuestAgent") && !indicates(snapshot, "Online"))
        advise_on_end(advice, vm, words);
    else if (indicates(snapshot, "NoGuestAgent"))
        advise_on_agent(advice, vm, words);
    else if (indicates(snapshot, "QuiesceFailed"))
        advise_on_quiescing(advice, snapshot, report, vm, words);
    else if (indicates(snapshot, "Paused"))
        advise(advice, "The machine was paused: %s %s, then take another one.", words->resume, vm);
    else if (outcome == LULL_OUTCOME_FAILED)
        advise_on_failure(advice, snapshot, report, vm);
    if (indicates(snapshot, "PartialSnapshot"))
        advise(advice,
               "Not all that the machine keeps is in it. A restore leaves what is not as it is then.");
    if (outcome == LULL_OUTCOME_FAILED)
        advise(advice, "Nothing can be restored from this one: lull delete snapshot/%s",
               lull_meta_name(snapshot) ? lull_meta_name(snapshot) : "NAME");
    return advice;
}
