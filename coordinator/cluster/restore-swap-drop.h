/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work.h"

G_BEGIN_DECLS

/* A restore in place is given up: what it did to what was there before is taken back, or brought to its end
 * (restore-swap-decide.h). *@ret_finished: the latter. FALSE, BUSY: it waits for something. */
gboolean lull_restore_swap_drop(const LullRestoreTools *tools, LullJson *restore, LullJson *content,
                                gboolean *ret_finished, GError **error);

G_END_DECLS
