/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "protocol/json.h"

G_BEGIN_DECLS

/* What is served, in Kubernetes' shapes, made from the table of kinds. */
LullJson *lull_discovery_legacy(void) G_GNUC_WARN_UNUSED_RESULT;             /* /api */
LullJson *lull_discovery_groups(void) G_GNUC_WARN_UNUSED_RESULT;             /* /apis */
LullJson *lull_discovery_group(const char *group) G_GNUC_WARN_UNUSED_RESULT; /* a served one */
LullJson *lull_discovery_resources(const char *group, const char *version) G_GNUC_WARN_UNUSED_RESULT;
LullJson *lull_discovery_version(void) G_GNUC_WARN_UNUSED_RESULT; /* /version */

/* All of /api (@legacy) or /apis in one document. */
LullJson *lull_discovery_aggregated(gboolean legacy) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
