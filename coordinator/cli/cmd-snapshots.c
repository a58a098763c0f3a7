/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"

extern const LullCommand lull_command_snapshots;

typedef struct {
    char *vm;
} Options;

static const GOptionEntry options[] = {
    {"vm", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Options, vm), "only those of this machine", "VM"},
    {0},
};

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    Options wanted = {NULL};

    if (!lull_cli_parse(cli, &lull_command_snapshots, &wanted, &argc, &argv, error) ||
        (wanted.vm && !lull_names_check("virtual machine", wanted.vm, error)))
        return LULL_EXIT_USAGE;
    return lull_cli_list(cli, &lull_kind_snapshot, wanted.vm, error);
}

const LullCommand lull_command_snapshots = {
    .name = "snapshots",
    .arguments = "",
    .summary = "list snapshots",
    .details = "-o wide adds what each snapshot honestly is: level, proof, witness, freeze window.",
    .options = options,
    .run = run,
};
