/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/page.h"

#include "coordinator/cli/advice.h"
#include "coordinator/cli/outcome.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/text.h"
#include "coordinator/cli/timeline.h"
#include "coordinator/model/age.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/names.h"

#define MAX_TEXT   400 /* columns of one text */
#define MAX_ROWS   256 /* of one table */
#define MAX_EVENTS 5

static void
line(GString *page, const char *label, const char *text)
{
    g_autofree char *clean = text && *text ? lull_text_clean(text, MAX_TEXT) : NULL;

    if (clean)
        g_string_append_printf(page, "  %-11s %s\n", label, clean);
}

/* "2026-03-01T10:20:30Z (5m ago)"; nothing where it is no time. */
static void
line_time(GString *page, const char *label, const char *text, gint64 now)
{
    gint64 when;
    g_autofree char *stamp = NULL;
    g_autofree char *age = NULL;
    g_autofree char *both = NULL;

    if (!text || !lull_clock_parse(text, &when))
        return;
    stamp = lull_clock_format(when);
    age = lull_age_format(now - when);
    both = g_strdup_printf("%s (%s ago)", stamp, age);
    line(page, label, both);
}

static void
line_word(GString *page, const char *label, const char *word, const char *meaning, const char *extra)
{
    g_autofree char *text = NULL;

    if (!*word)
        return;
    text = g_strdup_printf("%s%s%s%s%s%s", word, extra && *extra ? " (" : "", extra && *extra ? extra : "",
                           extra && *extra ? ")" : "", meaning ? ": " : "", meaning ? meaning : "");
    line(page, label, text);
}

static void
heading(GString *page, const char *text)
{
    g_string_append_printf(page, "\n%s\n", text);
}

static void
append_table(GString *page, const LullTable *table)
{
    g_autofree char *text = lull_table_format(table, "  ");

    g_string_append(page, text);
}

/* What is under way or went wrong, for those not at a good end. */
static void
append_state(GString *page, const LullKind *kind, LullJson *object)
{
    const char *error = lull_json_string(lull_json_at(object, "status", "error", NULL), "message", NULL);
    const char *reason = NULL;

    switch (lull_outcome_of(kind, object, &reason)) {
    case LULL_OUTCOME_FAILED:
        line(page, "failed", reason);
        break;
    case LULL_OUTCOME_PENDING:
        line(page, "progress", lull_condition_reason(object, "Progressing"));
        break;
    case LULL_OUTCOME_BELOW:
        line(page, "below", reason);
        break;
    case LULL_OUTCOME_DONE:
        break;
    }
    if (g_strcmp0(error, reason) != 0)
        line(page, "error", error);
}

static void
append_indications(GString *page, LullJson *snapshot)
{
    LullJson *list = lull_json_array(lull_json_object(snapshot, "status"), "indications");
    g_autoptr(GString) words = g_string_new(NULL);

    for (gsize i = 0; list && i < MIN(json_object_array_length(list), 16); i++) {
        LullJson *word = json_object_array_get_idx(list, i);

        if (json_object_is_type(word, json_type_string))
            g_string_append_printf(words, "%s%s", words->len ? ", " : "", json_object_get_string(word));
    }
    line(page, "indications", words->str);
}

static void
append_claims(GString *page, const LullReport *report)
{
    g_autofree char *by = *report->proof_reason ? g_strdup(report->proof_reason)
                          : *report->proof_by   ? g_strconcat("by ", report->proof_by, NULL)
                                                : NULL;

    line_word(page, "level", report->level, lull_level_meaning(report->level), NULL);
    line_word(page, "proof", report->proof, lull_proof_meaning(report->proof), by);
    line_word(page, "witness", report->witness, lull_witness_meaning(report->witness), NULL);
    line(page, "asked for", report->require);
    line(page, "agent", *report->agent ? report->agent : "none");
    if (report->volumes->len > 1)
        line(page, "together",
             report->atomic ? "all volumes show the same instant"
                            : "each volume shows its own instant: only the freeze joins them");
}

static const char *
reason_in(const GPtrArray *rows, const char *name)
{
    for (guint i = 0; rows && i < rows->len; i++) {
        const LullReportRow *row = rows->pdata[i];

        if (g_strcmp0(row->name, name) == 0)
            return row->reason;
    }
    return NULL;
}

static void
add_volumes(LullTable *table, LullJson *names, const char *state, const GPtrArray *rows)
{
    for (gsize i = 0; names && i < MIN(json_object_array_length(names), MAX_ROWS); i++) {
        LullJson *name = json_object_array_get_idx(names, i);

        if (json_object_is_type(name, json_type_string))
            lull_table_add(table, (const char *const[]){json_object_get_string(name), state,
                                                        reason_in(rows, json_object_get_string(name))});
    }
}

static void
append_volumes(GString *page, LullJson *snapshot, const LullReport *report)
{
    LullJson *volumes = lull_json_at(snapshot, "status", "snapshotVolumes", NULL);
    g_autoptr(LullTable) table = lull_table_new(3, "");

    if (!volumes)
        return;
    heading(page, "Volumes");
    lull_table_add(table, (const char *const[]){"NAME", "STATE", "WHY"});
    add_volumes(table, lull_json_array(volumes, "includedVolumes"), "included",
                report ? report->volumes : NULL);
    add_volumes(table, lull_json_array(volumes, "excludedVolumes"), "left out",
                report ? report->excluded : NULL);
    append_table(page, table);
}

static void
append_filesystems(GString *page, const LullReport *report)
{
    g_autoptr(LullTable) table = lull_table_new(4, "");

    if (!report->filesystems->len)
        return;
    heading(page, "File systems");
    lull_table_add(table, (const char *const[]){"MOUNTPOINT", "TYPE", "RESULT", "WHY"});
    for (guint i = 0; i < report->filesystems->len; i++) {
        const LullReportRow *row = report->filesystems->pdata[i];

        lull_table_add(table, (const char *const[]){row->name, row->kind, row->result, row->reason});
    }
    append_table(page, table);
}

static void
append_writers(GString *page, const LullReport *report)
{
    g_autoptr(LullTable) table = lull_table_new(4, "");

    if (!report->writers->len)
        return;
    heading(page, "Writers");
    lull_table_add(table, (const char *const[]){"NAME", "RESULT", "HELD", "MESSAGE"});
    for (guint i = 0; i < report->writers->len; i++) {
        const LullReportRow *row = report->writers->pdata[i];
        g_autofree char *held = row->hold_ms >= 0 ? lull_age_format_ms(row->hold_ms) : NULL;

        lull_table_add(table, (const char *const[]){row->name, row->result, held, row->reason});
    }
    append_table(page, table);
}

static void
append_freeze(GString *page, const LullReport *report)
{
    g_autofree char *drawing = lull_timeline_draw(report, "  ");

    heading(page, "Freeze");
    g_string_append(page, drawing ? drawing : "  nothing was frozen\n");
}

static void
append_title(GString *page, const char *word, LullJson *object)
{
    const char *name = lull_meta_name(object);
    g_autofree char *clean = lull_text_clean(name ? name : "", MAX_TEXT);

    g_string_append_printf(page, "%s/%s\n", word, clean);
}

static void
append_advice(GString *page, LullJson *snapshot, const LullReport *report, const LullMachineWords *words)
{
    g_autoptr(GPtrArray) advice = lull_advice_of_snapshot(snapshot, report, words);

    if (advice->len)
        heading(page, "What to do");
    for (guint i = 0; i < advice->len; i++) {
        g_autofree char *clean = lull_text_clean(advice->pdata[i], MAX_TEXT);

        g_string_append_printf(page, "  %s\n", clean);
    }
}

char *
lull_page_of_snapshot(LullJson *snapshot, const LullReport *report, const char *problem,
                      const LullMachineWords *words, gint64 now)
{
    GString *page = g_string_new(NULL);
    LullJson *status = lull_json_object(snapshot, "status");
    const char *created = lull_json_string(lull_json_object(snapshot, "metadata"), "creationTimestamp", NULL);

    append_title(page, "snapshot", snapshot);
    line(page, "machine", lull_json_string(lull_json_at(snapshot, "spec", "source", NULL), "name", NULL));
    line_time(page, "asked at", created, now);
    line_time(page, "taken", lull_json_string(status, "creationTime", NULL), now);
    line(page, "phase", lull_json_string(status, "phase", "not begun"));
    line(page, "ready", lull_json_bool(status, "readyToUse", FALSE) ? "yes" : "no");
    append_state(page, &lull_kind_snapshot, snapshot);
    append_indications(page, snapshot);
    if (report)
        append_claims(page, report);
    line(page, "report", problem);
    append_volumes(page, snapshot, report);
    if (report) {
        append_freeze(page, report);
        append_filesystems(page, report);
        append_writers(page, report);
        if (report->omitted)
            g_string_append_printf(page, "\n%" G_GINT64_FORMAT " more rows did not fit into the report.\n",
                                   report->omitted);
    }
    append_advice(page, snapshot, report, words);
    return g_string_free(page, FALSE);
}

static void
append_restored(GString *page, LullJson *restore)
{
    LullJson *restores = lull_json_array(lull_json_object(restore, "status"), "restores");
    g_autoptr(LullTable) table = lull_table_new(2, "");

    if (!restores || !json_object_array_length(restores))
        return;
    heading(page, "Volumes");
    lull_table_add(table, (const char *const[]){"NAME", "RESTORED AS"});
    for (gsize i = 0; i < MIN(json_object_array_length(restores), MAX_ROWS); i++) {
        LullJson *row = json_object_array_get_idx(restores, i);

        lull_table_add(table, (const char *const[]){lull_json_string(row, "volumeName", NULL),
                                                    lull_json_string(row, "persistentVolumeClaim", NULL)});
    }
    append_table(page, table);
}

char *
lull_page_of_restore(LullJson *restore, gint64 now)
{
    GString *page = g_string_new(NULL);
    LullJson *status = lull_json_object(restore, "status");
    LullJson *spec = lull_json_object(restore, "spec");
    const char *created = lull_json_string(lull_json_object(restore, "metadata"), "creationTimestamp", NULL);

    append_title(page, "restore", restore);
    line(page, "machine", lull_json_string(lull_json_object(spec, "target"), "name", NULL));
    line(page, "snapshot", lull_json_string(spec, "virtualMachineSnapshotName", NULL));
    line_time(page, "asked at", created, now);
    line_time(page, "restored", lull_json_string(status, "restoreTime", NULL), now);
    line(page, "complete", lull_json_bool(status, "complete", FALSE) ? "yes" : "no");
    append_state(page, &lull_kind_restore, restore);
    append_restored(page, restore);
    return g_string_free(page, FALSE);
}

static int
by_last(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(lull_json_string(*(LullJson *const *)a, "lastTimestamp", ""),
                     lull_json_string(*(LullJson *const *)b, "lastTimestamp", ""));
}

static void
add_event(LullTable *table, LullJson *event, gint64 now)
{
    const gint64 count = lull_json_int(event, "count", 1);
    g_autofree char *message = lull_text_clean(lull_json_string(event, "message", ""), MAX_TEXT);
    g_autofree char *times = count > 1 ? g_strdup_printf("%" G_GINT64_FORMAT " times", count) : NULL;
    g_autofree char *age = NULL;
    gint64 when;

    if (lull_clock_parse(lull_json_string(event, "lastTimestamp", ""), &when))
        age = lull_age_format(now - when);
    lull_table_add(table, (const char *const[]){age, lull_json_string(event, "type", NULL), times, message});
}

char *
lull_page_of_events(LullJson *list, gint64 now)
{
    GString *page = g_string_new(NULL);
    LullJson *items = lull_json_array(list, "items");
    const size_t count = items ? json_object_array_length(items) : 0;
    g_autoptr(GPtrArray) events = g_ptr_array_new();
    g_autoptr(LullTable) table = lull_table_new(4, "");

    for (size_t i = 0; i < count; i++)
        g_ptr_array_add(events, json_object_array_get_idx(items, i));
    g_ptr_array_sort(events, by_last);
    if (!count)
        return g_string_free(page, FALSE);
    heading(page, "Events");
    for (guint i = events->len > MAX_EVENTS ? events->len - MAX_EVENTS : 0; i < events->len; i++)
        add_event(table, events->pdata[i], now);
    append_table(page, table);
    return g_string_free(page, FALSE);
}
