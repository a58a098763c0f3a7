/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"

extern const LullCommand lull_command_incremental;

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr(LullJson) body = json_object_new_object();
    gboolean on;

    if (!lull_cli_parse(cli, &lull_command_incremental, NULL, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    on = g_str_equal(argv[1], "on");
    if (!on && !g_str_equal(argv[1], "off"))
        return lull_cli_usage(error, "\"%.40s\" is neither on nor off: lull incremental on VM", argv[1]);
    if (!lull_names_check("virtual machine", argv[2], error))
        return LULL_EXIT_USAGE;
    lull_json_set_bool(body, "enabled", on);
    return lull_cli_put(cli, argv[2], "incremental", body,
                        on ? "snapshots of its qcow2 disks will hold what changed, with a full one every 7"
                           : "snapshots will be full ones, from the next on",
                        NULL, error);
}

const LullCommand lull_command_incremental = {
    .name = "incremental",
    .arguments = "SWITCH VM",
    .summary = "switch incremental snapshots of a machine on or off",
    .details = "SWITCH is on or off; lull vms shows what it is. It is kept in the machine's definition.\n"
               "A raw disk keeps no record of changes, and is copied as a whole all the same.",
    .min = 2,
    .max = 2,
    .run = run,
};
