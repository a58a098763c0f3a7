/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* OpenAPI v3, made from the table of kinds: what clients check and explain objects by. */
LullJson *lull_openapi_index(void) G_GNUC_WARN_UNUSED_RESULT; /* /openapi/v3 */
LullJson *lull_openapi_document(const char *group, const char *version) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
