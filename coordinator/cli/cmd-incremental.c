/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"
#include "protocol/error.h"
#include "protocol/names.h"

extern const LullCommand lull_command_incremental;

static gboolean
is_switch(const char *word)
{
    return g_str_equal(word, "on") || g_str_equal(word, "off");
}

static LullExit
tell(LullCli *cli, const char *vm, GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) object = lull_client_get(cli->client, &lull_kind_vm, cli->ns, vm, &problem);
    g_autoptr(LullJson) facts = json_object_new_object();
    g_autofree char *text = NULL;
    gboolean on;

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        lull_cli_suggest(cli, &lull_kind_vm, vm, &problem);
    if (problem) {
        g_propagate_error(error, problem);
        return LULL_EXIT_FAILED;
    }
    on = lull_json_bool(lull_json_object(object, "status"), "incremental", FALSE);
    lull_json_set_bool(facts, "enabled", on);
    if (lull_format_is_table(cli->format)) {
        (void)printf("vm \"%s\": incremental snapshots are %s\n", vm, on ? "on" : "off");
        return LULL_EXIT_DONE;
    }
    text = lull_output_facts(cli->format, facts);
    (void)fputs(text, stdout);
    return LULL_EXIT_DONE;
}

static LullExit
set(LullCli *cli, const char *vm, gboolean on, GError **error)
{
    g_autoptr(LullJson) body = json_object_new_object();

    lull_json_set_bool(body, "enabled", on);
    return lull_cli_put(cli, vm, "incremental", body,
                        on ? "snapshots of its qcow2 disks will hold what changed, with a full one every 7"
                           : "snapshots will be full ones, from the next on",
                        NULL, error);
}

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    if (!lull_cli_parse(cli, &lull_command_incremental, NULL, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    if (argc > 2 && !is_switch(argv[2]) && is_switch(argv[1]))
        return lull_cli_usage(error, "the machine comes first: lull incremental %.80s %s", argv[2], argv[1]);
    if (!lull_names_check("virtual machine", argv[1], error))
        return LULL_EXIT_USAGE;
    if (argc == 2)
        return tell(cli, argv[1], error);
    if (!is_switch(argv[2]))
        return lull_cli_usage(error, "\"%.40s\" is neither on nor off: lull incremental %s on", argv[2],
                              argv[1]);
    return set(cli, argv[1], g_str_equal(argv[2], "on"), error);
}

const LullCommand lull_command_incremental = {
    .name = "incremental",
    .arguments = "VM [SWITCH]",
    .summary = "say or switch whether snapshots of a machine are incremental",
    .details =
        "SWITCH is on or off; without it the command says which it is, as lull vms does. It is kept in "
        "the\n"
        "machine's definition. A raw disk keeps no record of changes, and is copied as a whole all the "
        "same.",
    .min = 1,
    .max = 2,
    .host_only = "the storage decides there what it copies",
    .run = run,
};
