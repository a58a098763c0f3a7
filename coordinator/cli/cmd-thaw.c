/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"

extern const LullCommand lull_command_thaw;

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    if (!lull_cli_parse(cli, &lull_command_thaw, NULL, &argc, &argv, error) ||
        !lull_names_check("virtual machine", argv[1], error))
        return LULL_EXIT_USAGE;
    return lull_cli_put(cli, argv[1], "unfreeze", NULL, "thawed", error);
}

const LullCommand lull_command_thaw = {
    .name = "thaw",
    .arguments = "VM",
    .summary = "end a freeze begun with lull freeze",
    .min = 1,
    .max = 1,
    .run = run,
};
