/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"

extern const LullCommand lull_command_freeze;

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    g_autofree char *time = NULL;
    const GOptionEntry options[] = {
        {"for", 0, 0, G_OPTION_ARG_STRING, &time, "thaw by itself after this time (required)", "TIME"},
        {0},
    };
    g_autoptr(LullJson) body = json_object_new_object();
    g_autofree char *timeout = NULL;
    g_autofree char *said = NULL;
    gint64 usec = 0;

    if (!lull_cli_parse(cli, &lull_command_freeze, options, &argc, &argv, error) ||
        !lull_names_check("virtual machine", argv[1], error))
        return LULL_EXIT_USAGE;
    if (!time)
        return lull_cli_usage(error,
                              "--for is missing: a frozen machine writes nothing, so say for how long, as in "
                              "--for 30s");
    if (!lull_cli_duration("--for", time, 1, &usec, error))
        return LULL_EXIT_USAGE;
    /* a bare number is seconds to us and nothing to Go */
    timeout = g_strconcat(time, g_ascii_isdigit(time[strlen(time) - 1]) ? "s" : "", NULL);
    lull_json_set_string(body, "unfreezeTimeout", timeout);
    said = g_strdup_printf("frozen for at most %s; end it with: lull thaw %s", timeout, argv[1]);
    return lull_cli_put(cli, argv[1], "freeze", body, said, NULL, error);
}

const LullCommand lull_command_freeze = {
    .name = "freeze",
    .arguments = "VM --for TIME",
    .summary = "bring a machine's file systems to rest for a while",
    .details = "The machine thaws by itself when the time is over, whatever becomes of the coordinator.",
    .min = 1,
    .max = 1,
    .run = run,
};
