/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What agents answer. Whatever it is, what is made of it has an end, and is sound text. */
#include <string.h>

#include "coordinator/guest/agent-reply.h"
#include "tests/fuzz/fuzz.h"

static void
must_be_bounded(LullJson *rows, LullJson *volumes)
{
    g_autoptr(LullJson) report = lull_rows_for_report(rows, rows, volumes);
    g_autofree char *line = g_strdup(lull_json_to_line(report));

    FUZZ_MUST(json_object_array_length(rows) <= LULL_REPLY_MAX_ROWS + 1);
    FUZZ_MUST(g_utf8_validate(line, -1, NULL));
}

static void
must_be_short(const char *text)
{
    /* a byte that is no UTF-8 becomes three */
    FUZZ_MUST(!text || (strlen(text) <= 3 * LULL_REPLY_MAX_TEXT && g_utf8_validate(text, -1, NULL)));
}

static void
read_ours(LullJson *reply, LullJson *volumes)
{
    g_auto(LullAgentStatus) status = {LULL_PHASE_IDLE};
    g_auto(LullFreezeReply) freeze = {NULL};
    g_auto(LullThawReply) thaw = {FALSE};
    g_autoptr(LullJson) rows = lull_reply_freeze_rows(reply);
    g_autofree char *broken = lull_reply_renew(reply);
    g_autofree char *owner = NULL;
    gboolean accepted = FALSE;

    must_be_bounded(rows, volumes);
    must_be_short(broken);
    if (lull_reply_prepare(reply, &accepted, &owner, NULL))
        FUZZ_MUST(accepted == !owner);
    must_be_short(owner);
    if (lull_reply_status(reply, &status, NULL)) {
        FUZZ_MUST(status.phase < LULL_PHASE_N && status.hold_budget_usec >= 0);
        must_be_bounded(status.filesystems, volumes);
        must_be_short(status.op);
    }
    if (lull_reply_freeze(reply, &freeze, NULL))
        FUZZ_MUST(freeze.freeze_usec >= 0);
    if (lull_reply_thaw(reply, &thaw, NULL)) {
        FUZZ_MUST(thaw.held == !thaw.broken);
        FUZZ_MUST(thaw.window_usec >= 0 && thaw.thaw_usec >= 0);
        must_be_bounded(thaw.filesystems, volumes);
        must_be_bounded(thaw.writers, volumes);
    }
}

static void
read_stock(LullJson *reply, LullJson *volumes)
{
    g_autoptr(LullJson) rows = lull_reply_fsinfo(reply);
    LullAgentInfo info = {LULL_AGENT_NONE};
    gboolean frozen;
    gint64 count;

    must_be_bounded(rows, volumes);
    lull_rows_judge_by_count(rows, 1);
    must_be_bounded(rows, volumes);
    if (lull_reply_count(reply, &count))
        FUZZ_MUST(count >= 0);
    (void)lull_reply_is_frozen(reply, &frozen);
    if (lull_reply_info(reply, &info, NULL))
        FUZZ_MUST(info.name);
    g_free(info.name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(LullJson) reply = lull_json_parse((const char *)data, (gssize)size, NULL);
    g_autoptr(LullJson) volumes = lull_json_parse(
        "[{\"name\":\"vda\",\"serial\":\"A\",\"pci\":\"0000:00:05.0\"},{\"name\":\"vdb\"}]", -1, NULL);

    if (!reply)
        return 0;
    read_ours(reply, volumes);
    read_stock(reply, volumes);
    return 0;
}
