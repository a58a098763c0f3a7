/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"
#include "coordinator/cli/follow.h"
#include "coordinator/model/meta.h"

extern const LullCommand lull_command_wait;

typedef struct {
    char *timeout;
} Options;

static const GOptionEntry options[] = {
    {"timeout", 't', 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Options, timeout),
     "give up after this time; 0 or absent: never", "TIME"},
    {0},
};

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    Options wanted = {NULL};
    const LullKind *kind = NULL;
    g_autoptr(LullJson) object = NULL;
    gint64 timeout = 0;

    if (!lull_cli_parse(cli, &lull_command_wait, &wanted, &argc, &argv, error) ||
        (wanted.timeout && !lull_cli_duration("--timeout", wanted.timeout, 0, &timeout, error)))
        return LULL_EXIT_USAGE;

    const LullExit found = lull_cli_find(cli, argv[1], &kind, &object, error);
    return found == LULL_EXIT_DONE ? lull_follow_to_end(cli, kind, object, timeout, error) : found;
}

const LullCommand lull_command_wait = {
    .name = "wait",
    .arguments = "NAME",
    .summary = "wait until a snapshot or restore is ready or has failed",
    .details = "NAME is a snapshot or restore; snapshot/NAME and restore/NAME tell them apart.",
    .options = options,
    .min = 1,
    .max = 1,
    .run = run,
};
