/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"

extern const LullCommand lull_command_restores;

typedef struct {
    char *vm;
} Options;

static const GOptionEntry options[] = {
    {"vm", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Options, vm), "only those onto this machine", "VM"},
    {0},
};

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    Options wanted = {NULL};

    if (!lull_cli_parse(cli, &lull_command_restores, &wanted, &argc, &argv, error) ||
        (wanted.vm && !lull_names_check("virtual machine", wanted.vm, error)))
        return LULL_EXIT_USAGE;
    return lull_cli_list(cli, &lull_kind_restore, wanted.vm, error);
}

const LullCommand lull_command_restores = {
    .name = "restores",
    .arguments = "",
    .summary = "list restores",
    .options = options,
    .run = run,
};
