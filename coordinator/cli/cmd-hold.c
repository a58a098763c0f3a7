/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <stdio.h>

#include "coordinator/cli/child.h"
#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"
#include "coordinator/cli/text.h"
#include "coordinator/store/client/hold.h"
#include "protocol/error.h"
#include "protocol/names.h"

extern const LullCommand lull_command_hold;

typedef struct {
    char *time;
} Options;

static const GOptionEntry options[] = {
    {"for", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Options, time),
     "thaw after this time, whatever COMMAND does (default 5m, at most 1h)", "TIME"},
    {0},
};

/* Ends the hold and learns what it was worth; NULL: nobody says. */
static LullJson *
end_hold(LullCli *cli, const char *vm, LullClientHold *hold)
{
    g_autoptr(LullJson) body = json_object_new_object();
    g_autoptr(GError) problem = NULL;
    LullJson *facts = NULL;

    lull_json_set_string(body, "op", lull_json_string(lull_client_hold_facts(hold), "op", NULL));
    if (!lull_client_put_subresource(cli->client, cli->ns, vm, "unfreeze", body, &facts, &problem)) {
        g_autofree char *clean = lull_text_clean(problem->message, 0);

        (void)fprintf(stderr, "lull: hold: vm \"%s\": asking for its end: %s\n", vm, clean);
    }
    return facts;
}

static void
say_facts(const LullCli *cli, LullJson *facts)
{
    g_autofree char *text = facts ? lull_output_facts(cli->format, facts) : NULL;

    /* standard output is COMMAND's */
    if (text)
        (void)fputs(text, stderr);
}

/* COMMAND goes on without it, but what it does is worth nothing any more. */
static void
say_lost(const char *vm, LullJson *end)
{
    g_autofree char *why = lull_text_clean(
        lull_json_string(end, "why", "the coordinator went away; its lease ends by itself"), 0);

    (void)fprintf(stderr, "lull: hold: vm \"%s\": the hold has ended before COMMAND: %s\n", vm, why);
}

static LullExit
judge(const char *vm, LullJson *facts, const LullChild *child, GError **error)
{
    g_autofree char *problem = lull_child_problem(child);
    const char *reason = lull_json_string(facts, "proofReason", "");

    if (!g_str_equal(lull_json_string(facts, "proof", ""), "held")) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_FAILED,
            "vm \"%s\": it was not held all the time that COMMAND ran%s%s; what was copied meanwhile is "
            "not consistent",
            vm, *reason ? ": " : "", reason);
        return LULL_EXIT_BELOW;
    }
    if (problem) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "vm \"%s\": it was held, but COMMAND failed: %s",
                    vm, problem);
        return LULL_EXIT_COMMAND;
    }
    return LULL_EXIT_DONE;
}

/* Until COMMAND has ended, the hold has, or somebody wants us to. */
static LullExit
run_held(LullCli *cli, const char *vm, LullClientHold *take_hold, char **command, GError **error)
{
    g_autoptr(LullClientHold) hold = take_hold;
    g_autoptr(LullJson) facts = NULL;
    LullChild child;
    gboolean held = TRUE;

    if (!lull_child_start(&child, command, error))
        return LULL_EXIT_FAILED;
    while ((held = lull_client_hold_wait(hold, child.fd)) && !lull_child_look(&child))
        continue;
    if (!held)
        say_lost(vm, lull_client_hold_end(hold));
    else if (!child.stopped)
        facts = end_hold(cli, vm, hold);
    g_clear_pointer(&hold, lull_client_hold_free);
    lull_child_wait(&child);
    if (child.stopped) {
        (void)fprintf(stderr, "lull: hold: vm \"%s\": released, as it was interrupted\n", vm);
        (void)signal(child.stopped, SIG_DFL);
        (void)raise(child.stopped);
    }
    say_facts(cli, facts);
    return judge(vm, facts, &child, error);
}

static LullExit
hold_and_run(LullCli *cli, const char *vm, char *time, char **command, GError **error)
{
    g_autoptr(LullJson) body = json_object_new_object();
    g_autofree char *program = g_find_program_in_path(command[0]);
    g_autofree char *timeout = time ? lull_cli_go_duration(time) : NULL;
    GError *problem = NULL;
    LullClientHold *hold;

    if (!program) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "\"%s\": there is no such program; nothing was frozen", command[0]);
        return LULL_EXIT_FAILED;
    }
    if (timeout)
        lull_json_set_string(body, "unfreezeTimeout", timeout);
    hold = lull_client_hold_new(cli->socket, cli->ns, vm, body, &problem);
    if (!hold) {
        if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
            lull_cli_suggest(cli, &lull_kind_vm, vm, &problem);
        else
            g_prefix_error(&problem, "vm \"%s\": ", vm);
        g_propagate_error(error, problem);
        return LULL_EXIT_FAILED;
    }
    command[0] = program;
    return run_held(cli, vm, hold, command, error);
}

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    Options wanted = {NULL};
    gint64 usec = 0;
    char **command;

    if (!lull_cli_parse(cli, &lull_command_hold, &wanted, &argc, &argv, error) ||
        !lull_names_check("virtual machine", argv[1], error) ||
        (wanted.time && !lull_cli_duration("--for", wanted.time, 1, &usec, error)))
        return LULL_EXIT_USAGE;
    command = argv + (g_str_equal(argv[2], "--") ? 3 : 2);
    if (!*command)
        return lull_cli_usage(error, "arguments are missing: hold %s", lull_command_hold.arguments);
    return hold_and_run(cli, argv[1], wanted.time, command, error);
}

const LullCommand lull_command_hold = {
    .name = "hold",
    .arguments = "VM -- COMMAND...",
    .summary = "run a command while a machine's file systems are at rest",
    .details =
        "For a copy made by other means. The machine thaws when COMMAND ends, when this is interrupted or\n"
        "killed, and when the time is over.\n\n"
        "Exit status: 0 the machine was held, unbroken, all the time that COMMAND ran, and COMMAND "
        "succeeded;\n"
        "1 it could not be held, COMMAND was not run; 3 COMMAND was run, but the hold did not last or is "
        "not\n"
        "proven: what it copied is not consistent; 4 the machine was held, but COMMAND failed, standard "
        "error\n"
        "says how. COMMAND's own status is never passed on, so that it cannot be mistaken for the proof.",
    .options = options,
    .min = 2,
    .max = -1,
    .host_only = "freeze the machine with lull freeze, copy, and end it with lull thaw",
    .run = run,
};
