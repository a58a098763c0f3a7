/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

#define LULL_JSON_PATCH_MAX_OPERATIONS 10000

/* RFC 6902: @document after the operations of @patch, all of them or none. INVALID names the operation by its
 * place, whatever was wrong with it: its form, its path, or a test that failed. @document is not changed. */
LullJson *
lull_json_patch_apply(LullJson *document, LullJson *patch, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The merge patch (RFC 7386) that makes @to out of @from, both objects; {} where they are equal. Members that
 * are null in @to count as absent. */
LullJson *lull_json_diff(LullJson *from, LullJson *to) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
