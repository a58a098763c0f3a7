/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"

extern const LullCommand lull_command_snapshots;

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    return lull_cli_list(cli, &lull_command_snapshots, &lull_kind_snapshot, argc, argv, error);
}

const LullCommand lull_command_snapshots = {
    .name = "snapshots",
    .arguments = "",
    .summary = "list snapshots",
    .details = "-o wide adds what each snapshot honestly is: level, proof, witness, freeze window.",
    .run = run,
};
