/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/content-state.h"

G_BEGIN_DECLS

/* What the next attempt at @content waits for longer than it should, in words for its snapshot; NULL: for
 * nothing, or it is done. Only a cluster's contents, which are granted, have such waits: on a plain host
 * there is one who may. */
char *lull_snapshot_wait(LullJson *content, const LullContentState *state) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
