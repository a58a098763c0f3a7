/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/text.h"

#define COMMANDS(X) \
    X(snapshot)     \
    X(restore) X(vms) X(snapshots) X(restores) X(show) X(wait) X(delete) X(apply) X(freeze) X(thaw)

#define COMMAND_DECLARE(name) extern const LullCommand lull_command_##name;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

static const LullCommand *const commands[] = {
#define COMMAND_ROW(name) &lull_command_##name,
    COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};

static void
print_help(FILE *stream)
{
    (void)fputs("Usage: lull [-n NAMESPACE] [-o FORMAT] [--socket PATH] COMMAND ...\n\n"
                "Snapshots of running virtual machines that can be trusted.\n\n",
                stream);
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        (void)fprintf(stream, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    (void)fputs(
        "\nlull COMMAND --help tells more. The coordinator's socket is --socket, else LULL_SOCKET, else the\n"
        "system's (root) or your session's.\n"
        "Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but below the level asked for.\n",
        stream);
}

/* An error may have several lines, one a fault. */
static void
print_error(const char *command, const char *message)
{
    g_auto(GStrv) lines = g_strsplit(message, "\n", 0);

    (void)fflush(stdout);
    for (char **line = lines; *line; line++) {
        g_autofree char *clean = lull_text_clean(*line, 0);

        (void)fprintf(stderr, "lull: %s%s%s\n", command ? command : "", command ? ": " : "", clean);
    }
}

static const LullCommand *
find_command(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (g_str_equal(commands[i]->name, name))
            return commands[i];
    return NULL;
}

static LullExit
unknown_command(const char *name)
{
    const char *names[G_N_ELEMENTS(commands) + 1] = {NULL};
    g_autoptr(GPtrArray) near = NULL;
    g_autofree char *message = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        names[i] = commands[i]->name;
    near = lull_text_near(name, names);
    message = near->len ? g_strdup_printf("\"%s\" is no command; did you mean \"%s\"?", name,
                                          (const char *)near->pdata[0])
                        : g_strdup_printf("\"%s\" is no command; see lull --help", name);
    print_error(NULL, message);
    return LULL_EXIT_USAGE;
}

static LullExit
run_command(LullCli *cli, const LullCommand *command, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    LullExit exit_code = command->run(cli, argc, argv, &error);

    if (error) {
        print_error(command->name, error->message);
        if (exit_code == LULL_EXIT_USAGE)
            (void)fprintf(stderr, "See lull %s --help.\n", command->name);
    }
    if (fflush(stdout) != 0 && exit_code == LULL_EXIT_DONE) {
        print_error(command->name, "standard output, writing: it is closed or full");
        exit_code = LULL_EXIT_FAILED;
    }
    return exit_code;
}

/* Options before the command. FALSE: the usage is wrong, and was said. */
static gboolean
parse_before(LullCli *cli, gboolean *ret_version, gboolean *ret_help, int *argc, char ***argv)
{
    const GOptionEntry entries[] = {
        {"output", 'o', 0, G_OPTION_ARG_STRING, &cli->format_word, NULL, NULL},
        {"namespace", 'n', 0, G_OPTION_ARG_STRING, &cli->ns, NULL, NULL},
        {"socket", 0, 0, G_OPTION_ARG_FILENAME, &cli->socket, NULL, NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, ret_version, NULL, NULL},
        {"help", 'h', 0, G_OPTION_ARG_NONE, ret_help, NULL, NULL},
        {0},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_set_strict_posix(context, TRUE);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, entries, NULL);
    if (g_option_context_parse(context, argc, argv, &error))
        return TRUE;
    *error->message = g_ascii_tolower(*error->message);
    print_error(NULL, error->message);
    (void)fputs("See lull --help.\n", stderr);
    return FALSE;
}

static LullExit
run(LullCli *cli, int argc, char **argv)
{
    gboolean version = FALSE, help = FALSE;
    const LullCommand *command;

    if (!parse_before(cli, &version, &help, &argc, &argv))
        return LULL_EXIT_USAGE;
    if (version) {
        (void)printf("lull %s\n", LULL_VERSION);
        return LULL_EXIT_DONE;
    }
    if (help || (argc > 1 && g_str_equal(argv[1], "help"))) {
        print_help(stdout);
        return LULL_EXIT_DONE;
    }
    if (argc < 2) {
        print_help(stderr);
        return LULL_EXIT_USAGE;
    }
    command = find_command(argv[1]);
    return command ? run_command(cli, command, argc - 1, argv + 1) : unknown_command(argv[1]);
}

int
main(int argc, char **argv)
{
    LullCli cli = {.terminal = isatty(STDOUT_FILENO) == 1};
    LullExit exit_code;

    /* characters only: numbers and times are written the same everywhere */
    (void)setlocale(LC_CTYPE, "");
    exit_code = run(&cli, argc, argv);
    lull_client_free(cli.client);
    g_free(cli.socket);
    g_free(cli.ns);
    g_free(cli.format_word);
    return (int)exit_code;
}
