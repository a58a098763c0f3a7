/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "agent/commands/commands.h"

G_BEGIN_DECLS

/* Which function runs a command of protocol/command.h. */
typedef struct {
    const char *name;
    LullCommand run;
    LullHurry hurry; /* called when the request is seen while another one is under way; mostly NULL */
} LullTableRow;

/* All of them; NULL name ends. Every command of the table there has its row here. */
const LullTableRow *lull_table_rows(void);
const LullTableRow *lull_table_find(const char *name);

G_END_DECLS
