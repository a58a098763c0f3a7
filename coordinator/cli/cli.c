/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/cli/names.h"
#include "coordinator/cli/target.h"
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

const GOptionEntry lull_cli_options[] = {
    {"output", 'o', 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(LullCli, format_word),
     "table, wide, json, yaml or name", "FORMAT"},
    {"namespace", 'n', 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(LullCli, ns),
     "of a cluster, else its context's; only \"default\" exists on a plain host", "NAMESPACE"},
    {"socket", 0, 0, G_OPTION_ARG_FILENAME, LULL_OPTION_AT(LullCli, socket), "the coordinator's socket",
     "PATH"},
    {"context", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(LullCli, context), "a cluster of the kubeconfig",
     "NAME"},
    {"kubeconfig", 0, 0, G_OPTION_ARG_FILENAME, LULL_OPTION_AT(LullCli, kubeconfig),
     "where clusters are described (KUBECONFIG, ~/.kube/config)", "PATH"},
    {"api-group", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(LullCli, api_group),
     "of snapshots in a cluster, where it has both (snapshot.lull.dev)", "GROUP"},
    {0},
};

/* @options with their places in @values for addresses. */
static GArray *
place_options(const GOptionEntry *options, gpointer values)
{
    GArray *placed = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));

    for (; options && options->long_name; options++) {
        GOptionEntry entry = *options;

        entry.arg_data = (char *)values + GPOINTER_TO_SIZE(options->arg_data);
        g_array_append_val(placed, entry);
    }
    return placed;
}

static void
own(LullCli *self, gpointer string)
{
    /* what stood before the sub-command, and not after it, is there already */
    if (string && !g_ptr_array_find(self->owned, string, NULL))
        g_ptr_array_add(self->owned, string);
}

static void
own_values(LullCli *self, const GArray *placed)
{
    for (guint i = 0; i < placed->len; i++) {
        const GOptionEntry *entry = &g_array_index(placed, GOptionEntry, i);

        if (entry->arg == G_OPTION_ARG_STRING || entry->arg == G_OPTION_ARG_FILENAME) {
            own(self, *(char **)entry->arg_data);
        } else if (entry->arg == G_OPTION_ARG_STRING_ARRAY) {
            char **words = *(char ***)entry->arg_data;

            for (char **word = words; word && *word; word++)
                own(self, *word);
            own(self, words);
        }
    }
}

gboolean
lull_cli_parse_options(LullCli *self, GOptionContext *context, const GOptionEntry *options, gpointer values,
                       int *argc, char ***argv, GError **error)
{
    g_autoptr(GArray) placed = place_options(options, values);
    g_autoptr(GArray) shared = place_options(lull_cli_options, self);

    g_option_context_add_main_entries(context, (const GOptionEntry *)(gpointer)placed->data, NULL);
    g_option_context_add_main_entries(context, (const GOptionEntry *)(gpointer)shared->data, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    own_values(self, placed);
    own_values(self, shared);
    return TRUE;
}

void
lull_cli_init(LullCli *self)
{
    *self =
        (LullCli){.terminal = isatty(STDOUT_FILENO) == 1, .owned = g_ptr_array_new_with_free_func(g_free)};
}

void
lull_cli_clear(LullCli *self)
{
    lull_client_free(self->client);
    g_ptr_array_unref(self->owned);
}

gboolean
lull_cli_parse(LullCli *self, const LullCommand *command, gpointer values, int *argc, char ***argv,
               GError **error)
{
    g_autofree char *program = g_strconcat("lull ", command->name, NULL);
    g_autoptr(GOptionContext) context = g_option_context_new(command->arguments);
    GError *problem = NULL;

    g_set_prgname(program);
    g_option_context_set_summary(context, command->summary);
    g_option_context_set_description(context, command->details);
    if (!lull_cli_parse_options(self, context, command->options, values, argc, argv, &problem)) {
        take_option_error(problem, error);
        return FALSE;
    }
    drop_separator(argc, *argv);
    if (!check_shared(self, error) || !check_count(command, *argc - 1, *argv, error))
        return FALSE;
    return lull_target_open(self, command, error);
}

gboolean
lull_cli_check_wait(gboolean wait, gboolean no_wait, GError **error)
{
    if (!wait || !no_wait)
        return TRUE;
    (void)lull_cli_usage(error, "--wait and --no-wait: one or the other");
    return FALSE;
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
    g_autoptr(LullJson) list = lull_client_list(self->client, kind, self->ns, NULL);
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
    LullJson *object = lull_client_get(self->client, kind, self->ns, name, &problem);

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

char *
lull_cli_go_duration(const char *word)
{
    return g_strconcat(word, g_ascii_isdigit(word[strlen(word) - 1]) ? "s" : "", NULL);
}

LullExit
lull_cli_put(LullCli *self, const char *vm, const char *subresource, LullJson *body, const char *said,
             LullJson **ret_facts, GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) facts = NULL;
    g_autofree char *text = NULL;

    if (!lull_client_put_subresource(self->client, self->ns, vm, subresource, body, &facts, &problem)) {
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

/* Only those objects of @items that are of this machine. */
static LullJson *
items_of_vm(const LullKind *kind, LullJson *items, const char *vm)
{
    LullJson *mine = json_object_new_array();

    for (gsize i = 0; i < json_object_array_length(items); i++) {
        LullJson *item = json_object_array_get_idx(items, i);
        LullJson *of = lull_json_at(item, "spec", kind == &lull_kind_restore ? "target" : "source", NULL);

        if (g_strcmp0(lull_json_string(of, "name", NULL), vm) == 0)
            json_object_array_add(mine, json_object_get(item));
    }
    return mine;
}

LullExit
lull_cli_list(LullCli *self, const LullKind *kind, const char *vm, GError **error)
{
    g_autoptr(LullJson) list = lull_client_list(self->client, kind, self->ns, error);
    g_autoptr(LullJson) items = NULL;
    g_autofree char *text = NULL;

    if (!list)
        return LULL_EXIT_FAILED;
    items = vm ? items_of_vm(kind, lull_json_array(list, "items"), vm)
               : json_object_get(lull_json_array(list, "items"));
    if (!json_object_array_length(items) && lull_format_is_table(self->format)) {
        (void)fprintf(stderr, "no %ss%s%s\n", lull_names_word(kind), vm ? " of vm " : "", vm ? vm : "");
        return LULL_EXIT_DONE;
    }
    text = lull_output_list(self->format, kind, items);
    (void)fputs(text, stdout);
    return LULL_EXIT_DONE;
}
