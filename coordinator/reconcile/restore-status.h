/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/reconcile/restore-view.h"

G_BEGIN_DECLS

/* The status that a restore ought to have, from its view alone. Pure; what was right stays as written. */
LullJson *
lull_restore_status(const LullRestoreView *view, const LullRestoreRules *rules) G_GNUC_WARN_UNUSED_RESULT;

/* And one that tells, beside why it ended, why what it made could not be taken away; NULL: that is done. How
 * the message begins is how it is known. */
#define LULL_RESTORE_LEFT "what it made is still there, and to go: "
LullJson *lull_restore_status_left(const LullRestoreView *view, const char *why) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
