/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* JSON as one YAML document in block style, without the "---" before it, ending in a line feed. Texts
 * that a reader of YAML 1.1 or 1.2 would take for something else are quoted. */
char *lull_yaml_write(LullJson *value, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
