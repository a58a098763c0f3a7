/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"
#include "coordinator/cli/follow.h"
#include "coordinator/model/meta.h"

extern const LullCommand lull_command_wait;

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    g_autofree char *timeout_word = NULL;
    const GOptionEntry options[] = {
        {"timeout", 't', 0, G_OPTION_ARG_STRING, &timeout_word, "give up after this time; 0 or absent: never",
         "TIME"},
        {0},
    };
    const LullKind *kind = NULL;
    g_autoptr(LullJson) object = NULL;
    gint64 timeout = 0;

    if (!lull_cli_parse(cli, &lull_command_wait, options, &argc, &argv, error) ||
        (timeout_word && !lull_cli_duration("--timeout", timeout_word, 0, &timeout, error)))
        return LULL_EXIT_USAGE;

    const LullExit found = lull_cli_find(cli, argv[1], &kind, &object, error);
    return found == LULL_EXIT_DONE ? lull_follow_to_end(cli, kind, object, timeout, error) : found;
}

const LullCommand lull_command_wait = {
    .name = "wait",
    .arguments = "NAME",
    .summary = "wait until a snapshot or restore is ready or has failed",
    .details = "NAME is a snapshot or restore; snapshot/NAME and restore/NAME tell them apart.",
    .min = 1,
    .max = 1,
    .run = run,
};
