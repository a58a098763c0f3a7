/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"

extern const LullCommand lull_command_vms;

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    if (!lull_cli_parse(cli, &lull_command_vms, NULL, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    return lull_cli_list(cli, &lull_kind_vm, NULL, error);
}

const LullCommand lull_command_vms = {
    .name = "vms",
    .arguments = "",
    .summary = "list virtual machines",
    .run = run,
};
