/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"

extern const LullCommand lull_command_restores;

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    return lull_cli_list(cli, &lull_command_restores, &lull_kind_restore, argc, argv, error);
}

const LullCommand lull_command_restores = {
    .name = "restores",
    .arguments = "",
    .summary = "list restores",
    .run = run,
};
