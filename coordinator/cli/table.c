/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/table.h"

#include <string.h>

#include "coordinator/cli/report-read.h"
#include "coordinator/cli/text.h"
#include "coordinator/model/age.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/names.h"

#define GAP       3
#define MAX_WIDTH 120 /* of a cell */

struct _LullTable {
    guint columns;
    const char *empty;
    guint *widths;
    GPtrArray *cells; /* row after row */
};

LullTable *
lull_table_new(guint columns, const char *empty)
{
    LullTable *self = g_new0(LullTable, 1);

    self->columns = columns;
    self->empty = empty;
    self->widths = g_new0(guint, columns);
    self->cells = g_ptr_array_new_with_free_func(g_free);
    return self;
}

void
lull_table_add(LullTable *self, const char *const *cells)
{
    for (guint i = 0; i < self->columns; i++) {
        char *cell = lull_text_clean(cells[i] && *cells[i] ? cells[i] : self->empty, MAX_WIDTH);

        self->widths[i] = MAX(self->widths[i], lull_text_width(cell));
        g_ptr_array_add(self->cells, cell);
    }
}

char *
lull_table_format(const LullTable *self, const char *indent)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < self->cells->len; i++) {
        const guint column = i % self->columns;
        const char *cell = self->cells->pdata[i];

        if (!column)
            g_string_append(text, indent);
        if (column + 1 < self->columns) {
            lull_text_append_padded(text, cell, self->widths[column] + GAP);
            continue;
        }
        g_string_append(text, cell);
        while (text->len && text->str[text->len - 1] == ' ')
            g_string_truncate(text, text->len - 1);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

void
lull_table_free(LullTable *self)
{
    if (!self)
        return;
    g_free(self->widths);
    g_ptr_array_unref(self->cells);
    g_free(self);
}

/* A path like ".a.b.c" to a scalar; a date becomes an age; "" where there is nothing. */
static char *
cell_of(const LullColumn *column, LullJson *object, gint64 now)
{
    LullJson *value = lull_kind_find(object, column->path);
    gint64 when;

    if (!value || json_object_is_type(value, json_type_object) || json_object_is_type(value, json_type_array))
        return g_strdup("");
    if (g_str_equal(column->type, "date"))
        return lull_clock_parse(json_object_get_string(value), &when) ? lull_age_format(now - when)
                                                                      : g_strdup("<unknown>");
    return g_strdup(json_object_get_string(value));
}

/* What a snapshot honestly is, which the columns of its kind do not tell. */
static void
add_report_cells(GPtrArray *cells, LullJson *object)
{
    g_autoptr(LullReport) report = lull_report_of(object, NULL);

    g_ptr_array_add(cells, g_strdup(report ? report->level : ""));
    g_ptr_array_add(cells, g_strdup(report ? report->proof : ""));
    g_ptr_array_add(cells, g_strdup(report ? report->witness : ""));
    g_ptr_array_add(cells,
                    report && report->window_ms >= 0 ? lull_age_format_ms(report->window_ms) : g_strdup(""));
}

static GPtrArray *
heading(const LullKind *kind, gboolean wide)
{
    GPtrArray *cells = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(cells, g_strdup("NAME"));
    for (const LullColumn *column = kind->columns; column && column->name; column++)
        g_ptr_array_add(cells, g_ascii_strup(column->name, -1));
    if (wide && kind == &lull_kind_snapshot)
        for (const char *const *name = (const char *const[]){"LEVEL", "PROOF", "WITNESS", "WINDOW", NULL};
             *name; name++)
            g_ptr_array_add(cells, g_strdup(*name));
    return cells;
}

LullTable *
lull_table_of_objects(const LullKind *kind, LullJson *items, gboolean wide, gint64 now)
{
    g_autoptr(GPtrArray) head = heading(kind, wide);
    LullTable *self = lull_table_new(head->len, "<none>");
    const gsize n = items ? json_object_array_length(items) : 0;

    lull_table_add(self, (const char *const *)head->pdata);
    for (gsize i = 0; i < n; i++) {
        LullJson *object = json_object_array_get_idx(items, i);
        g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);

        g_ptr_array_add(cells, g_strdup(lull_meta_name(object)));
        for (const LullColumn *column = kind->columns; column && column->name; column++)
            g_ptr_array_add(cells, cell_of(column, object, now));
        if (wide && kind == &lull_kind_snapshot)
            add_report_cells(cells, object);
        lull_table_add(self, (const char *const *)cells->pdata);
    }
    return self;
}
