/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "agent/freezer/client.h"
#include "agent/freezer/hold.h"

/* The hold's table as an anonymous file that both processes map: the agent makes it from the plan, the
 * freezer gets the descriptor. Its size is sealed, so that neither can make the other fault. */

/* The agent's half. @ret_fd is close-on-exec and the caller's. Unmap with lull_table_unmap(). */
LullHold *lull_table_create(const LullFreezerMount *mounts, guint n_mounts, int *ret_fd,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The freezer's half: maps and checks what @fd holds. NULL with errno. */
LullHold *lull_table_map(int fd) G_GNUC_WARN_UNUSED_RESULT;

void lull_table_unmap(LullHold *hold);

/* Names in the plan; NULL where there is none. */
const char *lull_table_path(const LullHold *hold, uint32_t index);
const char *lull_table_counter(const LullHold *hold, uint32_t index);
