/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* A table of clean cells, as wide as it needs to be: three blanks between columns, none at the end of a
 * line. */
typedef struct _LullTable LullTable;

/* @empty: what a cell without text shows ("<none>", ""); a literal. */
LullTable *lull_table_new(guint columns, const char *empty) G_GNUC_WARN_UNUSED_RESULT;
/* @cells: as many as the table has columns; NULL or "": empty. They are cleaned and copied. */
void lull_table_add(LullTable *self, const char *const *cells);
/* One blank-padded line for each row, each beginning with @indent; owned by the caller. */
char *lull_table_format(const LullTable *self, const char *indent) G_GNUC_WARN_UNUSED_RESULT;
void lull_table_free(LullTable *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullTable, lull_table_free)

/* The objects of @items (an array) in the columns that their kind has, NAME before them, headings in
 * capitals. @now: wall clock, for ages. @wide adds what the kind's columns leave out. */
LullTable *lull_table_of_objects(const LullKind *kind, LullJson *items, gboolean wide,
                                 gint64 now) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
