/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* YAML (and with it JSON) to JSON, as one writes Kubernetes objects: many documents in a file, plain
 * scalars by the core schema of YAML 1.2 (quoted ones are always strings), anchors and aliases expanded.
 * The text is hostile: its size, nesting and what aliases make of it are limited; duplicate and non-scalar
 * keys, merge keys, unknown tags and numbers without a JSON form are refused. */

#define LULL_YAML_MAX_BYTES (4 * 1024 * 1024)
#define LULL_YAML_MAX_DEPTH 48
#define LULL_YAML_MAX_KEY   1024
#define LULL_YAML_MAX_COST \
    200000 /* all documents, aliases expanded: each key or value 1, and 1 per 64 bytes */

typedef struct {
    LullJson *value;   /* never NULL: empty documents are left out */
    guint number;      /* counted from 1, empty ones too */
    guint line;        /* where it begins, counted from 1 */
    GHashTable *lines; /* "spec.source.name", "spec.patches[0]" to the line of the key or item */
} LullYamlDocument;

/* Of LullYamlDocument, in order; may be empty. LULL_ERROR_INVALID: "line 3: ...". */
GPtrArray *lull_yaml_read(const char *text, gsize length, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The line of @field, or of the closest thing around it that has one. */
guint lull_yaml_line_of(const LullYamlDocument *document, const char *field);

G_END_DECLS
