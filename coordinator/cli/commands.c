/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/commands.h"

/* clang-format off */
#define COMMANDS(X) \
    X(snapshot)     \
    X(restore)      \
    X(vms)          \
    X(snapshots)    \
    X(restores)     \
    X(show)         \
    X(wait)         \
    X(delete)       \
    X(apply)        \
    X(freeze)       \
    X(thaw)         \
    X(hold)         \
    X(proxy)        \
    X(doctor)       \
    X(incremental)  \
    X(verify)
/* clang-format on */

#define COMMAND_DECLARE(name) extern const LullCommand lull_command_##name;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

const LullCommand *const lull_commands[] = {
#define COMMAND_ROW(name) &lull_command_##name,
    COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
        NULL,
};
