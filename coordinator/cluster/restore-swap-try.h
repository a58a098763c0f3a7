/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-acts.h"

G_BEGIN_DECLS

/* Before the first claim goes: would the API server take all those that are to be made, forward and back?
 * FALSE, INVALID or another: it would not, and nothing has gone. */
gboolean lull_restore_swap_try(LullRestoreActs *self, const LullRestoreSight *sights, GError **error);

G_END_DECLS
