/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "coordinator/model/kind.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* Which objects of a list or watch are meant: labels "a=b,c!=d,e,!f,g in (h,i),j notin (k)" (a missing label
 * differs from every value), fields "metadata.name=X", "metadata.namespace!=X" and what the kind has besides.
 */
typedef struct _LullSelector LullSelector;

/* INVALID names the term that is not understood. NULL or "" selects everything. */
LullSelector *lull_selector_new(const LullKind *kind, const char *labels, const char *fields,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lull_selector_is_everything(const LullSelector *self);
gboolean lull_selector_matches(const LullSelector *self, LullJson *object);
void lull_selector_free(LullSelector *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullSelector, lull_selector_free)

G_END_DECLS
