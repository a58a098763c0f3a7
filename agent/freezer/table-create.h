/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "agent/freezer/client.h"
#include "agent/freezer/hold.h"

/* The agent's half of table.h: makes the table from the plan. @ret_fd is close-on-exec and the caller's.
 * Unmap with lull_table_unmap(). */
LullHold *lull_table_create(const LullFreezerMount *mounts, guint n_mounts, int *ret_fd,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
