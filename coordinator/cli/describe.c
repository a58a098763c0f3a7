/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/describe.h"

#include <string.h>

#define MARK "@TABLE@\n"

static void
append_field(GString *rows, const char *text)
{
    g_autofree char *field = g_strdup(text ? text : "");

    g_string_append_printf(rows, "|%s", g_strdelimit(field, "|\n", '/'));
}

static void
append_option_rows(GString *rows, const char *command, const GOptionEntry *options)
{
    for (const GOptionEntry *option = options; option && option->long_name; option++) {
        const char letter[] = {option->short_name ? option->short_name : '\0', '\0'};

        g_string_append(rows, command);
        append_field(rows, "option");
        append_field(rows, option->long_name);
        append_field(rows, letter);
        append_field(rows, option->arg_description);
        append_field(rows, option->description);
        g_string_append_c(rows, '\n');
    }
}

static void
append_command_rows(GString *rows, const LullCommand *command)
{
    g_auto(GStrv) words = g_strsplit(command->arguments, " ", 0);

    g_string_append(rows, command->name);
    append_field(rows, "command");
    append_field(rows, command->summary);
    g_string_append_c(rows, '\n');
    for (char **word = words; *word; word++) {
        if (!**word || g_str_equal(*word, "--"))
            continue;
        if (**word == '-' && word[1]) { /* an option that must be there, and its value */
            word++;
            continue;
        }
        g_string_append(rows, command->name);
        append_field(rows, "argument");
        append_field(rows, *word);
        g_string_append_c(rows, '\n');
    }
    append_option_rows(rows, command->name, command->options);
}

char *
lull_describe_rows(const LullCommand *const *commands)
{
    GString *rows = g_string_new(NULL);

    append_option_rows(rows, "*", lull_cli_options);
    for (const LullCommand *const *each = commands; *each; each++)
        append_command_rows(rows, *each);
    return g_string_free(rows, FALSE);
}

/* A line of text: nothing in it is a request, an escape, or the end of one. */
static void
append_mdoc_line(GString *page, const char *line)
{
    if (*line == '.' || *line == '\'')
        g_string_append(page, "\\&");
    for (const char *c = line; *c; c++) {
        if (*c == '\\')
            g_string_append(page, "\\e");
        else
            g_string_append_c(page, *c);
    }
    g_string_append_c(page, '\n');
}

/* Sentences begin on lines of their own, empty lines make paragraphs. */
static void
append_mdoc_text(GString *page, const char *text)
{
    g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", 0);

    for (char **paragraph = paragraphs; *paragraph; paragraph++) {
        g_auto(GStrv) sentences = NULL;

        if (paragraph != paragraphs)
            g_string_append(page, ".Pp\n");
        g_strdelimit(*paragraph, "\n", ' ');
        sentences = g_strsplit(*paragraph, ". ", 0);
        for (char **sentence = sentences; *sentence; sentence++) {
            g_autofree char *line = g_strconcat(*sentence, sentence[1] ? "." : "", NULL);

            append_mdoc_line(page, line);
        }
    }
}

static void
append_mdoc_options(GString *page, const GOptionEntry *options)
{
    if (!options || !options->long_name)
        return;
    g_string_append(page, ".Bl -tag -width Ds\n");
    for (const GOptionEntry *option = options; option->long_name; option++) {
        const char *value = option->arg_description;

        g_string_append(page, ".It ");
        if (option->short_name)
            g_string_append_printf(page, "Fl %c%s%s , ", option->short_name, value ? " Ar " : "",
                                   value ? value : "");
        g_string_append_printf(page, "Fl -%s%s%s\n", option->long_name, value ? " Ar " : "",
                               value ? value : "");
        append_mdoc_line(page, option->description);
    }
    g_string_append(page, ".El\n");
}

static void
append_mdoc_command(GString *page, const LullCommand *command)
{
    g_string_append_printf(page, ".Ss lull %s%s%s\n", command->name, *command->arguments ? " " : "",
                           command->arguments);
    g_string_append_printf(page, "%c%s.\n", g_ascii_toupper(*command->summary), command->summary + 1);
    if (command->details) {
        g_string_append(page, ".Pp\n");
        append_mdoc_text(page, command->details);
    }
    append_mdoc_options(page, command->options);
}

char *
lull_describe_mdoc(const LullCommand *const *commands)
{
    GString *page = g_string_new(NULL);

    for (const LullCommand *const *each = commands; *each; each++)
        append_mdoc_command(page, *each);
    g_string_append(page, ".Ss Options of all commands\n"
                          "They may stand before the command too.\n");
    append_mdoc_options(page, lull_cli_options);
    return g_string_free(page, FALSE);
}

char *
lull_describe_fill(const char *frame, const char *table)
{
    const char *mark = strstr(frame, MARK);
    GString *filled;

    if (!mark || (mark != frame && mark[-1] != '\n'))
        return NULL;
    filled = g_string_new_len(frame, mark - frame);
    g_string_append(filled, table);
    g_string_append(filled, mark + strlen(MARK));
    return g_string_free(filled, FALSE);
}
