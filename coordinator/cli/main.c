/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <locale.h>
#include <stdio.h>

#include "coordinator/cli/commands.h"
#include "coordinator/cli/text.h"

static void
print_help(FILE *stream)
{
    (void)fputs("Usage: lull [-n NAMESPACE] [-o FORMAT] [--socket PATH | --context NAME] COMMAND ...\n\n"
                "Snapshots of running virtual machines that can be trusted.\n\n",
                stream);
    for (const LullCommand *const *each = lull_commands; *each; each++)
        (void)fprintf(stream, "  %-11s %s\n", (*each)->name, (*each)->summary);
    (void)fputs(
        "\nlull COMMAND --help tells more. It asks the cluster of --context or --kubeconfig; else the\n"
        "coordinator on this host, by --socket or LULL_SOCKET; else the cluster of KUBECONFIG; else the\n"
        "coordinator on this host, by the system's socket (root) or your session's.\n"
        "Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but below the level asked for,\n"
        "4 (hold) held, but the command that was run failed.\n",
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
    for (const LullCommand *const *each = lull_commands; *each; each++)
        if (g_str_equal((*each)->name, name))
            return *each;
    return NULL;
}

static LullExit
unknown_command(const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GPtrArray) near = NULL;
    g_autofree char *message = NULL;

    for (const LullCommand *const *each = lull_commands; *each; each++)
        g_ptr_array_add(names, (gpointer)(*each)->name);
    g_ptr_array_add(names, NULL);
    near = lull_text_near(name, (const char *const *)names->pdata);
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

/* What may be said instead of a command. */
typedef struct {
    gboolean version;
    gboolean help;
} Instead;

static const GOptionEntry instead_options[] = {
    {"version", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Instead, version), NULL, NULL},
    {"help", 'h', 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Instead, help), NULL, NULL},
    {0},
};

/* Options before the command. FALSE: the usage is wrong, and was said. */
static gboolean
parse_before(LullCli *cli, Instead *instead, int *argc, char ***argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_set_strict_posix(context, TRUE);
    g_option_context_set_help_enabled(context, FALSE);
    if (lull_cli_parse_options(cli, context, instead_options, instead, argc, argv, &error))
        return TRUE;
    *error->message = g_ascii_tolower(*error->message);
    print_error(NULL, error->message);
    (void)fputs("See lull --help.\n", stderr);
    return FALSE;
}

static LullExit
run(LullCli *cli, int argc, char **argv)
{
    Instead instead = {FALSE};
    const LullCommand *command;

    if (!parse_before(cli, &instead, &argc, &argv))
        return LULL_EXIT_USAGE;
    if (instead.version) {
        (void)printf("lull %s\n", LULL_VERSION);
        return LULL_EXIT_DONE;
    }
    if (instead.help || (argc > 1 && g_str_equal(argv[1], "help"))) {
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
    LullCli cli;
    LullExit exit_code;

    /* characters only: numbers and times are written the same everywhere */
    (void)setlocale(LC_CTYPE, "");
    lull_cli_init(&cli);
    exit_code = run(&cli, argc, argv);
    lull_cli_clear(&cli);
    return (int)exit_code;
}
