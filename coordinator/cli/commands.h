/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/cli/cli.h"

G_BEGIN_DECLS

/* Every sub-command of lull, in the order in which help shows them; NULL ends. */
extern const LullCommand *const lull_commands[];

G_END_DECLS
