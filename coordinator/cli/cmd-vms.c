/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"

extern const LullCommand lull_command_vms;

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    return lull_cli_list(cli, &lull_command_vms, &lull_kind_vm, argc, argv, error);
}

const LullCommand lull_command_vms = {
    .name = "vms",
    .arguments = "",
    .summary = "list virtual machines",
    .run = run,
};
