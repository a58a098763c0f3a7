/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"

extern const LullCommand lull_command_freeze;

typedef struct {
    char *time;
} Options;

static const GOptionEntry options[] = {
    {"for", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Options, time),
     "thaw by itself after this time (required)", "TIME"},
    {0},
};

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    Options wanted = {NULL};
    g_autoptr(LullJson) body = json_object_new_object();
    g_autofree char *timeout = NULL;
    g_autofree char *said = NULL;
    gint64 usec = 0;

    if (!lull_cli_parse(cli, &lull_command_freeze, &wanted, &argc, &argv, error) ||
        !lull_names_check("virtual machine", argv[1], error))
        return LULL_EXIT_USAGE;
    if (!wanted.time)
        return lull_cli_usage(error,
                              "--for is missing: a frozen machine writes nothing, so say for how long, as in "
                              "--for 30s");
    if (!lull_cli_duration("--for", wanted.time, 1, &usec, error))
        return LULL_EXIT_USAGE;
    timeout = lull_cli_go_duration(wanted.time);
    lull_json_set_string(body, "unfreezeTimeout", timeout);
    said = g_strdup_printf("frozen for at most %s; end it with: lull thaw %s", timeout, argv[1]);
    return lull_cli_put(cli, argv[1], "freeze", body, said, NULL, error);
}

const LullCommand lull_command_freeze = {
    .name = "freeze",
    .arguments = "VM --for TIME",
    .summary = "bring a machine's file systems to rest for a while",
    .details = "The machine thaws by itself when the time is over, whatever becomes of the coordinator.",
    .options = options,
    .min = 1,
    .max = 1,
    .run = run,
};
