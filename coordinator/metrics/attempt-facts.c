/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/metrics/attempt-facts.h"

#include <string.h>

#include "protocol/names.h"
#include "protocol/proof.h"

#define MAX_VALUE_BYTES 512

const char *
lull_result_to_string(LullResult result)
{
    static const char *const names[LULL_RESULT_N] = {
        [LULL_RESULT_QUIESCED] = "quiesced",
        [LULL_RESULT_CRASH_CONSISTENT] = "crash_consistent",
        [LULL_RESULT_STOPPED] = "stopped",
        [LULL_RESULT_NOT_QUIESCED] = "not_quiesced",
        [LULL_RESULT_BELOW_REQUIRED] = "below_required",
        [LULL_RESULT_CUT_FAILED] = "cut_failed",
        [LULL_RESULT_REFUSED] = "refused",
        [LULL_RESULT_FAILED] = "failed",
    };

    return names[result < LULL_RESULT_N ? result : LULL_RESULT_FAILED];
}

#define REASON_NO_AGENT   "no_agent"
#define REASON_TIMEOUT    "timeout"
#define REASON_NOT_FROZEN "not_frozen"
#define REASON_OTHER      "other"

/* Whole sentences of ours; what a guest says besides is `other`. */
static const struct {
    const char *why, *reason;
} broken[] = {
    {LULL_BROKEN_LEASE, "lease_expired"}, {LULL_BROKEN_FOREIGN_THAW, "foreign_thaw"},
    {LULL_BROKEN_AGENT, "agent_lost"},    {LULL_BROKEN_FREEZER, "freezer_lost"},
    {LULL_BROKEN_NOISY, "noisy"},         {LULL_BROKEN_REBOOT, "guest_rebooted"},
    {LULL_BROKEN_LATE_CUT, "late_cut"},   {LULL_BROKEN_NO_WITNESS, "no_witness"},
};

const char *const *
lull_attempt_reasons(void)
{
    static const char *const reasons[] = {
        "lease_expired",   "foreign_thaw", "agent_lost", "freezer_lost",  "noisy",
        "guest_rebooted",  "late_cut",     "no_witness", REASON_NO_AGENT, REASON_TIMEOUT,
        REASON_NOT_FROZEN, REASON_OTHER,   NULL,
    };

    return reasons;
}

const char *
lull_attempt_reason(const LullAttemptFacts *facts)
{
    const gboolean was_broken = g_strcmp0(facts->proof, lull_proof_to_string(LULL_PROOF_BROKEN)) == 0;

    if (!facts->asked || !facts->proof || facts->result == LULL_RESULT_QUIESCED)
        return NULL;
    if (!facts->agent)
        return REASON_NO_AGENT;
    for (gsize i = 0; was_broken && i < G_N_ELEMENTS(broken); i++)
        if (g_strcmp0(facts->why, broken[i].why) == 0)
            return broken[i].reason;
    if (facts->timed_out)
        return REASON_TIMEOUT;
    return was_broken ? REASON_OTHER : REASON_NOT_FROZEN;
}

static gboolean
needs_quotes(const char *value)
{
    for (const char *c = value; *c; c++)
        if (g_ascii_iscntrl(*c) || strchr(" \"=\\", *c))
            return TRUE;
    return *value == '\0';
}

/* What a guest said is on one line, whatever it was, and has an end. */
static void
append(GString *line, const char *key, const char *value)
{
    g_autofree char *text = NULL;

    if (!value)
        return;
    text = g_utf8_make_valid(value, (gssize)strnlen(value, MAX_VALUE_BYTES));
    g_string_append_printf(line, " %s=", key);
    if (!needs_quotes(text)) {
        g_string_append(line, text);
        return;
    }
    g_string_append_c(line, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            g_string_append_printf(line, "\\%c", *c);
        else if (*c == '\n')
            g_string_append(line, "\\n");
        else if (g_ascii_iscntrl(*c))
            g_string_append_printf(line, "\\x%02x", (guint)(guchar)*c);
        else
            g_string_append_c(line, *c);
    }
    g_string_append_c(line, '"');
}

void
lull_append_msec(GString *text, gint64 usec)
{
    g_string_append_printf(text, "%.1f", (double)usec / 1000.0);
}

static void
append_msec(GString *line, const char *key, gint64 usec)
{
    if (usec < 0)
        return;
    g_string_append_printf(line, " %s=", key);
    lull_append_msec(line, usec);
}

char *
lull_attempt_line(const LullAttemptFacts *facts)
{
    GString *line = g_string_new("attempt:");

    append(line, "vm", facts->vm ? facts->vm : "");
    append(line, "snapshot", facts->snapshot ? facts->snapshot : "");
    g_string_append_printf(line, " attempt=%u", facts->attempt);
    append(line, "op", facts->op);
    append(line, "result", lull_result_to_string(facts->result));
    append(line, "level", facts->level ? facts->level : "none");
    append(line, "proof", facts->proof ? facts->proof : "none");
    append(line, "proof-by", facts->proof_by && *facts->proof_by ? facts->proof_by : NULL);
    append(line, "witness", facts->witness ? facts->witness : "none");
    append(line, "agent", facts->agent ? facts->agent : "none");
    append_msec(line, "window-ms", facts->window_usec);
    if (facts->window_usec >= 0)
        append(line, "window-is", facts->window_measured ? "measured" : "upper-bound");
    append_msec(line, "prepare-ms", facts->prepare_usec);
    append_msec(line, "freeze-ms", facts->freeze_usec);
    append_msec(line, "cut-ms", facts->cut_usec);
    append_msec(line, "thaw-ms", facts->thaw_usec);
    append(line, "cuts", facts->cuts && *facts->cuts ? facts->cuts : NULL);
    append(line, "steps", facts->steps && *facts->steps ? facts->steps : NULL);
    append(line, "thaw", facts->unconfirmed ? "unconfirmed" : NULL);
    append(line, "why", facts->why && *facts->why ? facts->why : NULL);
    return g_string_free(line, FALSE);
}
