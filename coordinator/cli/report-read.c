/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/report-read.h"

#include <math.h>
#include <string.h>

#include "coordinator/cli/text.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"

#define MAX_TEXT 200 /* columns of one text */

typedef struct {
    const char *word;
    guint rank;
    const char *meaning;
} Word;

static const Word levels[] = {
    {"crash", 1, "like a disk after a power cut: journals and databases recover on the first start"},
    {"fs", 2, "file systems were whole and at rest; applications recover as after a restart"},
    {"app", 3, "applications had brought their data to rest and file systems were whole"},
    {"stopped", 4, "the guest had switched itself off: nothing was at work"},
    {NULL},
};

static const Word proofs[] = {
    {"held", 0, "no write reached a disk from before the cut until after it"},
    {"broken", 0, "writes may have reached a disk around the cut, so the freeze counts for nothing"},
    {"none", 0, "nothing was frozen"},
    {NULL},
};

static const Word witnesses[] = {
    {"quiet", 0, "the host counted no write on any cut disk while it was frozen"},
    {"noisy", 0, "the host counted writes on a cut disk that was said to be frozen"},
    {"none", 0, "the host has no counters to check it by"},
    {NULL},
};

static const Word *
find_word(const Word *words, const char *word)
{
    for (const Word *row = words; row->word; row++)
        if (g_strcmp0(row->word, word) == 0)
            return row;
    return NULL;
}

guint
lull_level_rank(const char *level)
{
    const Word *word = find_word(levels, level);

    return word ? word->rank : 0;
}

static const char *
meaning(const Word *words, const char *text)
{
    const Word *word = find_word(words, text);

    return word ? word->meaning : NULL;
}

const char *
lull_level_meaning(const char *level)
{
    return meaning(levels, level);
}

const char *
lull_proof_meaning(const char *proof)
{
    return meaning(proofs, proof);
}

const char *
lull_witness_meaning(const char *witness)
{
    return meaning(witnesses, witness);
}

static void
row_free(gpointer data)
{
    LullReportRow *row = data;

    g_free(row->name);
    g_free(row->kind);
    g_free(row->result);
    g_free(row->reason);
    g_free(row);
}

static char *
text_of(LullJson *object, const char *key)
{
    return lull_text_clean(lull_json_string(object, key, ""), MAX_TEXT);
}

static double
ms_of(LullJson *object, const char *key)
{
    const double ms = lull_json_double(object, key, -1);

    return isfinite(ms) && ms >= 0 && ms <= LULL_REPORT_MAX_MS ? ms : -1;
}

/* How a volume was copied and what it lacks, as one text. */
static char *
text_of_copy(LullJson *volume)
{
    const char *copy = lull_json_string(volume, "copy", "");
    const char *reason = lull_json_string(volume, "copyReason", "");
    const char *note = lull_json_string(volume, "note", "");
    g_autoptr(GString) text = g_string_new(NULL);

    if (g_str_equal(copy, "incremental"))
        g_string_append(text, "copied as what had changed since the snapshot before it");
    else if (*reason)
        g_string_append_printf(text, "full copy: %s", reason);
    if (*note)
        g_string_append_printf(text, "%s%s", text->len ? "; " : "", note);
    return lull_text_clean(text->str, MAX_TEXT);
}

static void
tell_copies(GPtrArray *rows, LullJson *volumes)
{
    for (guint i = 0; i < rows->len; i++) {
        LullReportRow *row = rows->pdata[i];

        g_free(row->reason);
        row->reason = text_of_copy(json_object_array_get_idx(volumes, i));
    }
}

/* The rows of one list; @name and @kind, @reason: keys that differ between lists. */
static GPtrArray *
rows_of(LullJson *report, const char *list, const char *name, const char *kind, const char *reason)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);
    LullJson *array = lull_json_array(report, list);
    const gsize n = array ? MIN(json_object_array_length(array), LULL_REPORT_MAX_ROWS) : 0;

    for (gsize i = 0; i < n; i++) {
        LullJson *item = json_object_array_get_idx(array, i);
        LullReportRow *row = g_new0(LullReportRow, 1);

        row->name = text_of(item, name);
        row->kind = text_of(item, kind);
        row->result = text_of(item, "result");
        row->reason = text_of(item, reason);
        row->at_ms = ms_of(item, "cutReceivedAtMs");
        row->hold_ms = ms_of(item, "holdMs");
        g_ptr_array_add(rows, row);
    }
    return rows;
}

static gint64
count_omitted(LullJson *report)
{
    static const char *const lists[] = {"volumes", "excluded", "filesystems", "writers"};
    LullJson *omitted = lull_json_object(report, "omitted");
    gint64 total = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        total += CLAMP(lull_json_int(omitted, lists[i], 0), 0, 1000000);
    return total;
}

LullReport *
lull_report_read(const char *text, GError **error)
{
    g_autoptr(LullJson) json = NULL;
    LullReport *self;

    if (strnlen(text, LULL_REPORT_MAX_BYTES + 1) > LULL_REPORT_MAX_BYTES) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "report: larger than %d bytes",
                    LULL_REPORT_MAX_BYTES);
        return NULL;
    }
    json = lull_json_parse(text, -1, error);
    if (!json) {
        g_prefix_error(error, "report: ");
        return NULL;
    }
    if (!json_object_is_type(json, json_type_object)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "report: no JSON object");
        return NULL;
    }
    self = g_new0(LullReport, 1);
    self->agent = text_of(json, "agent");
    self->level = text_of(json, "level");
    self->require = text_of(json, "require");
    self->proof = text_of(json, "proof");
    self->proof_by = text_of(json, "proofBy");
    self->proof_reason = text_of(json, "proofReason");
    self->witness = text_of(json, "witness");
    self->atomic = lull_json_bool(json, "atomic", FALSE);
    self->measured = g_str_equal(lull_json_string(json, "windowIs", ""), "measured");
    self->prepare_ms = ms_of(json, "prepareMs");
    self->freeze_ms = ms_of(json, "freezeMs");
    self->cut_ms = ms_of(json, "cutMs");
    self->thaw_ms = ms_of(json, "thawMs");
    self->window_ms = ms_of(json, "windowMs");
    self->volumes = rows_of(json, "volumes", "name", "disk", "reason");
    tell_copies(self->volumes, lull_json_array(json, "volumes"));
    self->excluded = rows_of(json, "excluded", "name", "disk", "reason");
    self->filesystems = rows_of(json, "filesystems", "mountpoint", "type", "reason");
    self->writers = rows_of(json, "writers", "name", "kind", "message");
    self->omitted = count_omitted(json);
    return self;
}

LullReport *
lull_report_of(LullJson *object, GError **error)
{
    const char *text = lull_meta_annotation(object, LULL_ANNOTATION_REPORT);

    return text ? lull_report_read(text, error) : NULL;
}

void
lull_report_free(LullReport *self)
{
    if (!self)
        return;
    g_free(self->agent);
    g_free(self->level);
    g_free(self->require);
    g_free(self->proof);
    g_free(self->proof_by);
    g_free(self->proof_reason);
    g_free(self->witness);
    g_ptr_array_unref(self->volumes);
    g_ptr_array_unref(self->excluded);
    g_ptr_array_unref(self->filesystems);
    g_ptr_array_unref(self->writers);
    g_free(self);
}
