/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/restore-view.h"

G_BEGIN_DECLS

/* The status that a restore ought to have, from its view alone. Pure; what was right stays as written. */
LullJson *
lull_restore_status(const LullRestoreView *view, const LullRestoreRules *rules) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
