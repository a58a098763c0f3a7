/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "coordinator/cli/names.h"
#include "coordinator/cli/text.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"
#include "protocol/names.h"

LullExit
lull_cli_usage(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error)
        *error = g_error_new_valist(LULL_ERROR, LULL_ERROR_INVALID, format, arguments);
    va_end(arguments);
    return LULL_EXIT_USAGE;
}

/* What GOption found, in our words. */
static void
take_option_error(GError *problem, GError **error)
{
    g_autofree char *lower = g_strdup(problem->message);

    *lower = g_ascii_tolower(*lower);
    (void)lull_cli_usage(error, "%s", lower);
    g_error_free(problem);
}

static gboolean
check_shared(LullCli *self, GError **error)
{
    if (self->format_word && !lull_format_parse(self->format_word, &self->format, error))
        return FALSE;
    if (self->ns && !g_str_equal(self->ns, LULL_NAMESPACE)) {
        (void)lull_cli_usage(error, "-n, \"%s\": a plain host has one namespace only, %s", self->ns,
                             LULL_NAMESPACE);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_count(const LullCommand *command, int n, char **argv, GError **error)
{
    if (n < command->min)
        (void)lull_cli_usage(error, "arguments are missing: %s %s", command->name, command->arguments);
    else if (command->max >= 0 && n > command->max)
        (void)lull_cli_usage(error, "\"%s\" is one argument too many: %s %s", argv[command->max + 1],
                             command->name, command->arguments);
    else
        return TRUE;
    return FALSE;
}

/* A "--" that GOption left behind. */
static void
drop_separator(int *argc, char **argv)
{
    if (*argc < 2 || !g_str_equal(argv[1], "--"))
        return;
    for (int i = 1; i < *argc; i++)
        argv[i] = argv[i + 1];
    --*argc;
}

static char *
default_socket(void)
{
    const char *named = g_getenv("LULL_SOCKET");

    if (named && *named)
        return g_strdup(named);
    if (geteuid() == 0)
        return g_strdup(LULL_COORDINATOR_SOCKET);
    return g_build_filename(g_get_user_runtime_dir(), "lull", "coordinator.sock", NULL);
}

gboolean
lull_cli_parse(LullCli *self, const LullCommand *command, const GOptionEntry *options, int *argc,
               char ***argv, GError **error)
{
    const GOptionEntry shared[] = {
        {"output", 'o', 0, G_OPTION_ARG_STRING, &self->format_word, "table, wide, json, yaml or name",
         "FORMAT"},
        {"namespace", 'n', 0, G_OPTION_ARG_STRING, &self->ns, "only \"default\" exists on a plain host",
         "NAME"},
        {"socket", 0, 0, G_OPTION_ARG_FILENAME, &self->socket, "the coordinator's socket", "PATH"},
        {0},
    };
    g_autofree char *program = g_strconcat("lull ", command->name, NULL);
    GOptionContext *context = g_option_context_new(command->arguments);
    GError *problem = NULL;
    gboolean good;

    g_set_prgname(program);
    g_option_context_set_summary(context, command->summary);
    g_option_context_set_description(context, command->details);
    if (options)
        g_option_context_add_main_entries(context, options, NULL);
    g_option_context_add_main_entries(context, shared, NULL);
    good = g_option_context_parse(context, argc, argv, &problem);
    g_option_context_free(context);
    if (!good) {
        take_option_error(problem, error);
        return FALSE;
    }
    drop_separator(argc, *argv);
    if (!check_shared(self, error) || !check_count(command, *argc - 1, *argv, error))
        return FALSE;
    if (!self->socket)
        self->socket = default_socket();
    self->client = lull_client_new(self->socket, error);
    return self->client != NULL;
}

gboolean
lull_cli_wants_wait(const LullCli *self, gboolean wait, gboolean no_wait)
{
    return wait || (self->terminal && !no_wait);
}

static GPtrArray *
names_of(LullJson *list)
{
    GPtrArray *names = g_ptr_array_new();
    LullJson *items = lull_json_array(list, "items");

    for (gsize i = 0; items && i < json_object_array_length(items); i++) {
        const char *name = lull_meta_name(json_object_array_get_idx(items, i));

        if (name)
            g_ptr_array_add(names, (gpointer)name);
    }
    g_ptr_array_add(names, NULL);
    return names;
}

void
lull_cli_suggest(LullCli *self, const LullKind *kind, const char *name, GError **error)
{
    g_autoptr(LullJson) list = lull_client_list(self->client, kind, LULL_NAMESPACE, NULL);
    g_autoptr(GPtrArray) names = names_of(list);
    g_autoptr(GPtrArray) near = lull_text_near(name, (const char *const *)names->pdata);
    g_autoptr(GString) text = g_string_new(NULL);
    const char *word = lull_names_word(kind);

    for (guint i = 0; i < near->len; i++)
        g_string_append_printf(text, "%s\"%s\"", i ? " or " : "; did you mean ",
                               (const char *)near->pdata[i]);
    g_clear_error(error);
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                "%s, \"%s\": there is none of that name%s; see lull %ss", word, name, text->str, word);
}

/* NULL without an error where there is none of that name. */
static LullJson *
get_or_none(LullCli *self, const LullKind *kind, const char *name, GError **error)
{
    g_autoptr(GError) problem = NULL;
    LullJson *object = lull_client_get(self->client, kind, LULL_NAMESPACE, name, &problem);

    if (!object && !lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        g_propagate_error(error, g_steal_pointer(&problem));
    return object;
}

static LullExit
find_either(LullCli *self, const char *name, const LullKind **ret_kind, LullJson **ret_object, GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) snapshot = get_or_none(self, &lull_kind_snapshot, name, &problem);
    g_autoptr(LullJson) restore = problem ? NULL : get_or_none(self, &lull_kind_restore, name, &problem);

    if (problem) {
        g_propagate_error(error, problem);
        return LULL_EXIT_FAILED;
    }
    if (snapshot && restore)
        return lull_cli_usage(
            error, "\"%s\" is the name of a snapshot and of a restore; say snapshot/%s or restore/%s", name,
            name, name);
    if (!snapshot && !restore) {
        lull_cli_suggest(self, &lull_kind_snapshot, name, error);
        return LULL_EXIT_FAILED;
    }
    *ret_kind = snapshot ? &lull_kind_snapshot : &lull_kind_restore;
    *ret_object = snapshot ? g_steal_pointer(&snapshot) : g_steal_pointer(&restore);
    return LULL_EXIT_DONE;
}

LullExit
lull_cli_find(LullCli *self, const char *text, const LullKind **ret_kind, LullJson **ret_object,
              GError **error)
{
    const LullKind *kind = NULL;
    const char *name = NULL;
    LullJson *object;
    GError *problem = NULL;

    if (!lull_names_split(text, &kind, &name, error))
        return LULL_EXIT_USAGE;
    if (!kind)
        return find_either(self, name, ret_kind, ret_object, error);
    if (kind != &lull_kind_snapshot && kind != &lull_kind_restore)
        return lull_cli_usage(error, "%s: say snapshot/NAME or restore/NAME", text);
    object = get_or_none(self, kind, name, &problem);
    if (!object) {
        if (problem)
            g_propagate_error(error, problem);
        else
            lull_cli_suggest(self, kind, name, error);
        return LULL_EXIT_FAILED;
    }
    *ret_kind = kind;
    *ret_object = object;
    return LULL_EXIT_DONE;
}

gboolean
lull_cli_print_object(const LullCli *self, const LullKind *kind, LullJson *object)
{
    g_autofree char *text = NULL;

    if (lull_format_is_table(self->format))
        return FALSE;
    text = lull_output_object(self->format, kind, object);
    (void)fputs(text, stdout);
    return TRUE;
}

gboolean
lull_cli_duration(const char *option, const char *word, gint64 min, gint64 *ret_usec, GError **error)
{
    GError *problem = NULL;
    gint64 usec = 0;

    if (!lull_duration_parse(word, &usec, &problem)) {
        g_propagate_prefixed_error(error, problem, "%s: ", option);
        return FALSE;
    }
    if (usec < min) {
        (void)lull_cli_usage(error, "%s, \"%s\": must be %s", option, word,
                             min ? "more than nothing" : "0 or more");
        return FALSE;
    }
    *ret_usec = usec;
    return TRUE;
}

LullExit
lull_cli_put(LullCli *self, const char *vm, const char *subresource, LullJson *body, const char *said,
             LullJson **ret_facts, GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) facts = NULL;
    g_autofree char *text = NULL;

    if (!lull_client_put_subresource(self->client, LULL_NAMESPACE, vm, subresource, body, &facts, &problem)) {
        if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
            lull_cli_suggest(self, &lull_kind_vm, vm, &problem);
        else
            g_prefix_error(&problem, "vm \"%s\": ", vm);
        g_propagate_error(error, problem);
        return LULL_EXIT_FAILED;
    }
    if (lull_format_is_table(self->format))
        (void)printf("vm \"%s\": %s\n", vm, said);
    if (facts) {
        text = lull_output_facts(self->format, facts);
        (void)fputs(text, stdout);
    }
    if (ret_facts)
        *ret_facts = g_steal_pointer(&facts);
    return LULL_EXIT_DONE;
}

LullExit
lull_cli_list(LullCli *self, const LullCommand *command, const LullKind *kind, int argc, char **argv,
              GError **error)
{
    g_autoptr(LullJson) list = NULL;
    g_autofree char *text = NULL;
    LullJson *items;

    if (!lull_cli_parse(self, command, NULL, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    list = lull_client_list(self->client, kind, LULL_NAMESPACE, error);
    if (!list)
        return LULL_EXIT_FAILED;
    items = lull_json_array(list, "items");
    if (!json_object_array_length(items) && lull_format_is_table(self->format)) {
        (void)fprintf(stderr, "no %ss\n", lull_names_word(kind));
        return LULL_EXIT_DONE;
    }
    text = lull_output_list(self->format, kind, items);
    (void)fputs(text, stdout);
    return LULL_EXIT_DONE;
}
