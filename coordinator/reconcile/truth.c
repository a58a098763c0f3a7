/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/truth.h"

#include "protocol/names.h"

#define NOTHING_FROZEN "nothing was frozen"
#define NOT_ALL_FROZEN "not every file system could be frozen"

static const struct {
    LullIndication bit;
    const char *name;
    const char *message;
} indications[] = {
    {LULL_INDICATION_GUEST_AGENT, "GuestAgent",
     "Guest agent was active and attempted to quiesce the filesystem for application consistency."},
    {LULL_INDICATION_NO_GUEST_AGENT, "NoGuestAgent",
     "Guest agent was not available. Snapshot is crash-consistent and may not be application-consistent."},
    {LULL_INDICATION_ONLINE, "Online",
     "Snapshot taken while the VM was running. Consistency depends on guest-agent quiescing."},
    {LULL_INDICATION_PAUSED, "Paused",
     "Snapshot taken while the VM was paused. Snapshot is crash-consistent and may not be "
     "application-consistent."},
    {LULL_INDICATION_QUIESCE_FAILED, "QuiesceFailed",
     "Guest agent could not quiesce the file systems. Snapshot is crash-consistent and may not be "
     "application-consistent."},
    {LULL_INDICATION_QUIESCE_TIMEOUT, "QuiesceTimeout",
     "Guest agent quiesced the filesystem, but the freeze window timed out before completion. Snapshot is "
     "crash-consistent and may not be application-consistent."},
};

static const char *
or_else(const char *text, const char *fallback)
{
    return text && *text ? text : fallback;
}

/* NULL: it held. */
static const char *
why_broken(const LullTruthFacts *facts)
{
    if (!facts->held)
        return or_else(facts->broken, "the guest cannot say that it was held");
    if (!facts->cut_while_frozen)
        return LULL_BROKEN_LATE_CUT;
    if (facts->witness == LULL_WITNESS_NOISY)
        return LULL_BROKEN_NOISY;
    if (facts->agent == LULL_AGENT_STOCK && facts->witness != LULL_WITNESS_QUIET)
        return LULL_BROKEN_NO_WITNESS;
    return NULL;
}

static LullTruth
not_quiesced(const LullTruthFacts *facts, LullProof proof, const char *reason, gboolean final)
{
    const guint timeout = facts->timed_out ? LULL_INDICATION_QUIESCE_TIMEOUT : 0;

    return (LullTruth){LULL_INDICATION_ONLINE | LULL_INDICATION_QUIESCE_FAILED | timeout,
                       LULL_LEVEL_CRASH,
                       proof,
                       LULL_PROOF_BY_NOTHING,
                       reason,
                       final};
}

const char *
lull_truth_unrest(LullVmEnd end)
{
    static const char *const reasons[LULL_VM_END_N] = {
        [LULL_VM_END_UNKNOWN] =
            "the VM was off, but whether the guest switched itself off is not known: it did not run since "
            "libvirt was started",
        [LULL_VM_END_SHUTDOWN] = NULL,
        [LULL_VM_END_TERMINATED] =
            "the VM was off, but the guest did not switch itself off: the host ended its process",
        [LULL_VM_END_DESTROYED] =
            "the VM was off, but the guest did not switch itself off: its power was cut (virsh destroy)",
        [LULL_VM_END_CRASHED] = "the VM was off, but the guest did not switch itself off: its process died",
        [LULL_VM_END_SAVED] =
            "the VM was off, but the guest did not switch itself off: it was saved with its "
            "memory, which has what its disks lack",
        [LULL_VM_END_MIGRATED] =
            "the VM was off, but the guest did not switch itself off: it was moved to another host",
        [LULL_VM_END_FAILED] =
            "the VM was off, but whether the guest switched itself off is not known: a start "
            "failed since",
        [LULL_VM_END_REVERTED] = "the VM was off, but whether the guest switched itself off is not known: it "
                                 "was reverted to one of libvirt's snapshots",
        [LULL_VM_END_RESTORED] =
            "the VM was off, but it did not run since a restore brought back disks of a guest that had not "
            "switched itself off",
        [LULL_VM_END_UNSEEN] = "the VM was off, but whether the guest switched itself off is not known: "
                               "KubeVirt does not say that "
                               "it was stopped, or its run strategy would have it run",
    };

    return reasons[end < LULL_VM_END_N ? end : LULL_VM_END_UNKNOWN];
}

/* Nobody in the guest brought its disks to rest: whoever reads the indications alone must see that. */
static LullTruth
off(LullVmEnd end)
{
    const char *unrest = lull_truth_unrest(end);

    return (LullTruth){unrest ? LULL_INDICATION_NO_GUEST_AGENT : 0,
                       unrest ? LULL_LEVEL_CRASH : LULL_LEVEL_STOPPED,
                       LULL_PROOF_NONE,
                       LULL_PROOF_BY_NOTHING,
                       unrest ? unrest : "the VM was off",
                       TRUE};
}

LullTruth
lull_truth_of(const LullTruthFacts *facts)
{
    const gboolean ours = facts->agent == LULL_AGENT_LULL;
    const char *broken = NULL;

    if (facts->vm == LULL_VM_STOPPED)
        return off(facts->end);
    if (facts->vm == LULL_VM_PAUSED)
        return (LullTruth){LULL_INDICATION_ONLINE | LULL_INDICATION_PAUSED,
                           LULL_LEVEL_CRASH,
                           LULL_PROOF_NONE,
                           LULL_PROOF_BY_NOTHING,
                           "the VM was paused",
                           TRUE};
    if (facts->no_volumes)
        return (LullTruth){LULL_INDICATION_ONLINE,
                           LULL_LEVEL_CRASH,
                           LULL_PROOF_NONE,
                           LULL_PROOF_BY_NOTHING,
                           "no volume is included, only the configuration",
                           TRUE};
    if (facts->given_up)
        return not_quiesced(facts, LULL_PROOF_NONE, facts->given_up, TRUE);
    if (facts->agent == LULL_AGENT_NONE)
        return (LullTruth){LULL_INDICATION_ONLINE | LULL_INDICATION_NO_GUEST_AGENT,
                           LULL_LEVEL_CRASH,
                           LULL_PROOF_NONE,
                           LULL_PROOF_BY_NOTHING,
                           or_else(facts->agent_problem, "no guest agent"),
                           TRUE};
    if (!facts->frozen)
        return not_quiesced(facts, LULL_PROOF_NONE, or_else(facts->problem, NOTHING_FROZEN), facts->nothing);
    broken = why_broken(facts);
    if (broken)
        return not_quiesced(facts, LULL_PROOF_BROKEN, broken, !ours && facts->witness == LULL_WITNESS_NONE);
    if (facts->incomplete)
        return not_quiesced(facts, LULL_PROOF_NONE, NOT_ALL_FROZEN, FALSE);
    return (LullTruth){LULL_INDICATION_ONLINE | LULL_INDICATION_GUEST_AGENT,
                       ours && facts->writers_met ? LULL_LEVEL_APP : LULL_LEVEL_FS,
                       LULL_PROOF_HELD,
                       ours ? LULL_PROOF_BY_EPOCH : LULL_PROOF_BY_WITNESS,
                       "",
                       TRUE};
}

gboolean
lull_truth_writers_met(LullJson *writers)
{
    gboolean any = FALSE;

    if (!json_object_is_type(writers, json_type_array))
        return FALSE;
    for (size_t i = 0; i < json_object_array_length(writers); i++) {
        LullJson *row = json_object_array_get_idx(writers, i);
        const char *result = lull_json_string(row, "result", "");
        const gboolean met = g_str_equal(result, "held") || g_str_equal(result, "prepared");

        if (!met && !g_str_equal(result, "skipped") && lull_json_bool(row, "required", FALSE))
            return FALSE;
        any = any || met;
    }
    return any;
}

static gboolean
is_on_any(LullJson *volumes, const char *const *cut)
{
    const gsize n = json_object_is_type(volumes, json_type_array) ? json_object_array_length(volumes) : 0;

    for (gsize i = 0; i < n; i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(volumes, i));

        if (name && g_strv_contains(cut, name))
            return TRUE;
    }
    return n == 0;
}

/* Skipped as not asked for counts as well, unless it is on nothing but disks that were not cut. */
static gboolean
moved_on(LullJson *row)
{
    const char *result = lull_json_string(row, "result", "");

    return g_str_equal(result, "failed") ||
           (g_str_equal(result, "skipped") &&
            g_str_equal(lull_json_string(row, "reason", ""), LULL_SKIPPED_NOT_ASKED));
}

gboolean
lull_truth_incomplete(LullJson *filesystems, const char *const *cut)
{
    const gsize n =
        json_object_is_type(filesystems, json_type_array) ? json_object_array_length(filesystems) : 0;

    for (gsize i = 0; i < n; i++) {
        LullJson *row = json_object_array_get_idx(filesystems, i);

        if (moved_on(row) && is_on_any(lull_json_array(row, "volumes"), cut))
            return TRUE;
    }
    return FALSE;
}

const char *
lull_proof_by_to_string(LullProofBy by)
{
    static const char *const names[] = {"", "epoch", "witness"};

    return names[by];
}

const char *
lull_indication_nth(guint bits, guint n, const char **ret_message)
{
    for (gsize i = 0; i < G_N_ELEMENTS(indications); i++) {
        if (!(bits & indications[i].bit) || n-- > 0)
            continue;
        if (ret_message)
            *ret_message = indications[i].message;
        return indications[i].name;
    }
    return NULL;
}

const char *
lull_indication_message(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(indications); i++)
        if (g_str_equal(name, indications[i].name))
            return indications[i].message;
    return "Unknown indication";
}
