/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cluster/restore-work.h"

G_BEGIN_DECLS

/* A restore in place is given up: all claims get again what they had, or, where the machine is written, it is
 * brought to its end (restore-swap-decide.h). FALSE, BUSY: it waits for something; *@ret_between: by then
 * some claims have new data and others old ones, or nobody knows: nobody else may have the machine. */
gboolean lull_restore_swap_drop(const LullRestoreTools *tools, LullJson *restore, LullJson *content,
                                gboolean *ret_between, GError **error);

G_END_DECLS
