/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/report.h"

#include <string.h>

#define MAX_TEXT_BYTES     256
#define MAX_METADATA_BYTES 1024
#define MAX_OMITTED_BYTES  128 /* the counts of rows left out */

#define MAX_SENTENCES 8

static const char *const row_lists[] = {"filesystems", "writers", "excluded",
                                        "volumes"}; /* give way in this order */

/* Valid UTF-8 of at most MAX_TEXT_BYTES. */
static char *
shorten(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    const char *end = valid + MAX_TEXT_BYTES - strlen("...");

    if (strlen(valid) <= MAX_TEXT_BYTES)
        return g_steal_pointer(&valid);
    while ((*end & 0xc0) == 0x80)
        end--;
    return g_strdup_printf("%.*s...", (int)(end - valid), valid);
}

static void
set_text(LullJson *object, const char *key, const char *text)
{
    g_autofree char *shortened = shorten(text);

    lull_json_set_string(object, key, shortened);
}

static void
set_msec(LullJson *object, const char *key, gint64 usec)
{
    if (usec >= 0)
        lull_json_set_double(object, key, (double)usec / 1000.0);
}

static gsize
size_of(LullJson *value)
{
    return strlen(lull_json_to_line(value));
}

/* Texts of a row shortened in place; one level deep, which is all that rows have. */
static LullJson *
tidy_row(LullJson *row)
{
    LullJson *copy = json_object_new_object();

    if (!json_object_is_type(row, json_type_object))
        return copy;
    json_object_object_foreach(row, key, value)
    {
        if (json_object_is_type(value, json_type_string))
            set_text(copy, key, json_object_get_string(value));
        else
            lull_json_take(copy, key, lull_json_dup(value));
    }
    if (lull_json_at(copy, "metadata", NULL) &&
        size_of(lull_json_at(copy, "metadata", NULL)) > MAX_METADATA_BYTES)
        lull_json_take(copy, "metadata", json_object_new_object());
    return copy;
}

static LullJson *
tidy_rows(LullJson *rows)
{
    LullJson *copy = json_object_new_array();

    if (!json_object_is_type(rows, json_type_array))
        return copy;
    for (size_t i = 0; i < json_object_array_length(rows); i++)
        json_object_array_add(copy, tidy_row(json_object_array_get_idx(rows, i)));
    return copy;
}

static LullJson *
sentences(const GPtrArray *texts)
{
    LullJson *list = json_object_new_array();

    for (guint i = 0; i < MIN(texts->len, MAX_SENTENCES); i++)
        lull_json_append_string(list, texts->pdata[i]);
    return list;
}

LullJson *
lull_report_to_json(const LullReportFacts *report)
{
    g_autoptr(LullJson) json = json_object_new_object();
    LullJson *indications = json_object_new_array();

    lull_json_set_int(json, "version", LULL_REPORT_VERSION);
    set_text(json, "op", report->op);
    lull_json_set_int(json, "attempt", report->attempt);
    if (report->agent)
        set_text(json, "agent", report->agent);
    else
        json_object_object_add(json, "agent", NULL);
    set_text(json, "level", report->level);
    set_text(json, "require", report->require);
    set_text(json, "proof", report->proof);
    set_text(json, "proofBy", report->proof_by);
    set_text(json, "proofReason", report->proof_reason);
    set_text(json, "witness", report->witness);
    lull_json_set_bool(json, "atomic", report->atomic);
    for (gsize i = 0; report->indications && report->indications[i]; i++)
        lull_json_append_string(indications, report->indications[i]);
    lull_json_take(json, "indications", indications);
    set_msec(json, "prepareMs", report->prepare_usec);
    set_msec(json, "freezeMs", report->freeze_usec);
    set_msec(json, "cutMs", report->cut_usec);
    set_msec(json, "thawMs", report->thaw_usec);
    set_msec(json, "windowMs", report->window_usec);
    if (report->window_usec >= 0)
        lull_json_set_string(json, "windowIs", report->window_measured ? "measured" : "upper-bound");
    if (report->definition)
        lull_json_take(json, "definition", sentences(report->definition));
    if (report->earlier)
        lull_json_take(json, "earlier", tidy_row(report->earlier));
    lull_json_take(json, "volumes", tidy_rows(report->volumes));
    lull_json_take(json, "excluded", tidy_rows(report->excluded));
    lull_json_take(json, "filesystems", tidy_rows(report->filesystems));
    lull_json_take(json, "writers", tidy_rows(report->writers));
    return lull_report_trim(json, LULL_REPORT_FULL_BYTES);
}

static void
empty_metadata(LullJson *report)
{
    LullJson *writers = lull_json_array(report, "writers");

    for (size_t i = 0; writers && i < json_object_array_length(writers); i++) {
        LullJson *row = json_object_array_get_idx(writers, i);

        if (lull_json_at(row, "metadata", NULL))
            lull_json_take(row, "metadata", json_object_new_object());
    }
}

static gboolean
went_well(LullJson *row)
{
    const char *result = lull_json_string(row, "result", "");

    return g_str_equal(result, "frozen") || g_str_equal(result, "held") || g_str_equal(result, "prepared") ||
           g_str_equal(result, "skipped");
}

/* Drops rows of one list, the last first, until the whole fits. Each row counts with its comma. */
static void
drop_rows(LullJson *report, const char *list, gboolean all, gsize max_bytes)
{
    LullJson *rows = lull_json_array(report, list);
    gsize size = size_of(report);
    gint64 dropped = 0;

    for (size_t i = rows ? json_object_array_length(rows) : 0; i > 0 && size > max_bytes; i--) {
        LullJson *row = json_object_array_get_idx(rows, i - 1);

        if (!all && !went_well(row))
            continue;
        size -= size_of(row) + 1;
        json_object_array_del_idx(rows, i - 1, 1);
        dropped++;
    }
    if (dropped) {
        LullJson *omitted = lull_json_ensure(report, "omitted");

        lull_json_set_int(omitted, list, lull_json_int(omitted, list, 0) + dropped);
    }
}

LullJson *
lull_report_trim(LullJson *report, gsize max_bytes)
{
    LullJson *copy = lull_json_dup(report);
    const gsize room = max_bytes - MAX_OMITTED_BYTES;

    if (size_of(copy) <= max_bytes)
        return copy;
    empty_metadata(copy);
    for (gsize i = 0; i < G_N_ELEMENTS(row_lists); i++)
        drop_rows(copy, row_lists[i], FALSE, room);
    for (gsize i = 0; i < G_N_ELEMENTS(row_lists); i++)
        drop_rows(copy, row_lists[i], TRUE, room);
    return copy;
}
