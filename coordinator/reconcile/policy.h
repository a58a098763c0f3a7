/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/truth.h"

G_BEGIN_DECLS

/* What a user wants of a snapshot beyond the schema: annotations, read once, then fixed in the content. */
typedef struct {
    LullLevel require; /* default: crash */
    char **exclude;    /* names of volumes, sorted, each once; never NULL */
} LullPolicy;
void lull_policy_free(LullPolicy *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullPolicy, lull_policy_free)

/* From the annotations lull.dev/require and lull.dev/exclude-volumes ("a,b"). LULL_ERROR_INVALID naming it.
 */
LullPolicy *lull_policy_of_snapshot(LullJson *snapshot, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The annotation lull.dev/policy: {"require":"fs","excludeVolumes":["a"]}. Absent: the default. */
LullPolicy *lull_policy_of_content(LullJson *content, GError **error) G_GNUC_WARN_UNUSED_RESULT;
char *lull_policy_to_annotation(const LullPolicy *self) G_GNUC_WARN_UNUSED_RESULT;

gboolean lull_policy_excludes(const LullPolicy *self, const char *volume);

G_END_DECLS
