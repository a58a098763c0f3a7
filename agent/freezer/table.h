/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/freezer/hold.h"

/* The hold's table as an anonymous file that both processes map: the agent makes it from the plan
 * (table-create.h), the freezer gets the descriptor. Its size is sealed, so that neither can make the other
 * fault. */

#define LULL_TABLE_MAGIC        0x4c554c34u /* changes with the layout: agent and freezer may be of two builds */
#define LULL_TABLE_MOUNTS_LIMIT 65536

/* Where names begin in it. */
size_t lull_table_mounts_end(uint32_t n_mounts);

/* The freezer's half: maps and checks what @fd holds. NULL with errno. */
LullHold *lull_table_map(int fd) __attribute__((warn_unused_result));

void lull_table_unmap(LullHold *hold);

/* Names in the plan; NULL where there is none. */
const char *lull_table_path(const LullHold *hold, uint32_t index);
const char *lull_table_counter(const LullHold *hold, uint32_t index);
