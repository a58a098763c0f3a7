/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* What a plain (unquoted) scalar means by the core schema of YAML 1.2. Owned by the caller; NULL without an
 * error: null. LULL_ERROR_INVALID for numbers that JSON or 64 bits cannot hold. */
LullJson *lull_yaml_scalar_parse(const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
