/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"
#include "protocol/json.h"

G_BEGIN_DECLS

typedef enum {
    LULL_FORMAT_TABLE = 0,
    LULL_FORMAT_WIDE,
    LULL_FORMAT_JSON,
    LULL_FORMAT_YAML,
    LULL_FORMAT_NAME,
} LullFormat;

gboolean lull_format_parse(const char *word, LullFormat *ret_format, GError **error);

static inline gboolean
lull_format_is_table(LullFormat format)
{
    return format == LULL_FORMAT_TABLE || format == LULL_FORMAT_WIDE;
}

/* One object, or the objects of an array (as a List for JSON and YAML), as text that ends in a line feed. */
char *lull_output_object(LullFormat format, const LullKind *kind, LullJson *object) G_GNUC_WARN_UNUSED_RESULT;
char *lull_output_list(LullFormat format, const LullKind *kind, LullJson *items) G_GNUC_WARN_UNUSED_RESULT;

/* Any JSON: as JSON or YAML for these formats, else its scalars as lines "name: value". */
char *lull_output_facts(LullFormat format, LullJson *facts) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
