/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/manifest.h"
#include "coordinator/cli/names.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"
#include "protocol/names.h"

extern const LullCommand lull_command_apply;

/* What is to be done with one entry, decided for all of them before anything is done. */
typedef enum { CREATE = 0, CONFIGURE, LEAVE } Verb;

typedef struct {
    const LullApplyEntry *entry;
    LullJson *there; /* NULL: nothing yet */
    LullJson *patch; /* CONFIGURE */
    Verb verb;
} Plan;

static void
plan_free(gpointer data)
{
    Plan *plan = data;

    json_object_put(plan->there);
    json_object_put(plan->patch);
    g_free(plan);
}

/* The first field in which two specs differ: "spec.failureDeadline"; NULL: none. */
static char *
first_difference(const char *path, LullJson *a, LullJson *b)
{
    if (!json_object_is_type(a, json_type_object) || !json_object_is_type(b, json_type_object))
        return lull_json_equal(a, b) ? NULL : g_strdup(path);
    json_object_object_foreach(a, key, value)
    {
        g_autofree char *inner = g_strdup_printf("%s.%s", path, key);
        char *found = first_difference(inner, value, lull_json_at(b, key, NULL));

        if (found)
            return found;
    }
    json_object_object_foreach(b, other, unused)
    {
        if (unused && !lull_json_at(a, other, NULL))
            return g_strdup_printf("%s.%s", path, other);
    }
    return NULL;
}

/* Annotations and labels of @wanted that are not so in @there, as a merge patch; NULL: none. */
static LullJson *
metadata_patch(LullJson *wanted, LullJson *there)
{
    static const char *const maps[] = {"annotations", "labels"};
    g_autoptr(LullJson) patch = json_object_new_object();

    for (gsize i = 0; i < G_N_ELEMENTS(maps); i++) {
        LullJson *map = lull_json_at(wanted, "metadata", maps[i], NULL);
        LullJson *old = lull_json_at(there, "metadata", maps[i], NULL);

        if (!json_object_is_type(map, json_type_object))
            continue;
        json_object_object_foreach(map, key, value)
        {
            const char *text = value ? json_object_get_string(value) : NULL;

            if (g_strcmp0(text, lull_json_string(old, key, NULL)) != 0)
                lull_json_set_string(lull_json_ensure(lull_json_ensure(patch, "metadata"), maps[i]), key,
                                     text);
        }
    }
    return json_object_object_length(patch) ? g_steal_pointer(&patch) : NULL;
}

/* Policy is read once, when the snapshot is begun: a later change would be a lie. */
static const char *
changed_policy(LullJson *patch)
{
    LullJson *annotations = lull_json_at(patch, "metadata", "annotations", NULL);

    for (const LullAnnotation *row = lull_annotations(); row->name; row++)
        if (row->by_user && lull_json_string(annotations, row->name, NULL))
            return row->name;
    return NULL;
}

static gboolean
refuse(const Plan *plan, const char *field, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT,
                "%s: %s/%s: it exists already with another %s, which cannot be changed; delete it first or "
                "use another "
                "name",
                plan->entry->place, lull_names_word(plan->entry->kind), lull_meta_name(plan->there), field);
    return FALSE;
}

static gboolean
compare(Plan *plan, GError **error)
{
    g_autofree char *difference = first_difference("spec", lull_json_object(plan->entry->object, "spec"),
                                                   lull_json_object(plan->there, "spec"));
    const char *policy;

    if (difference)
        return refuse(plan, difference, error);
    plan->patch = metadata_patch(plan->entry->object, plan->there);
    policy = changed_policy(plan->patch);
    if (policy)
        return refuse(plan, policy, error);
    plan->verb = plan->patch ? CONFIGURE : LEAVE;
    return TRUE;
}

static gboolean
make_plan(LullCli *cli, Plan *plan, GError **error)
{
    const char *name = lull_meta_name(plan->entry->object);
    g_autoptr(GError) problem = NULL;

    if (!name)
        return TRUE;
    plan->there = lull_client_get(cli->client, plan->entry->kind, cli->ns, name, &problem);
    if (plan->there)
        return compare(plan, error);
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean
carry_out(LullCli *cli, const Plan *plan, GError **error)
{
    static const char *const done[] = {
        [CREATE] = "created", [CONFIGURE] = "configured", [LEAVE] = "unchanged"};
    const LullKind *kind = plan->entry->kind;
    g_autoptr(LullJson) result = NULL;

    if (plan->verb == CREATE)
        result = lull_client_create(cli->client, kind, cli->ns, plan->entry->object, error);
    else if (plan->verb == CONFIGURE)
        result =
            lull_client_patch(cli->client, kind, cli->ns, lull_meta_name(plan->there), plan->patch, error);
    else
        result = json_object_get(plan->there);
    if (!result) {
        g_prefix_error(error, "%s: ", plan->entry->place);
        return FALSE;
    }
    if (!lull_cli_print_object(cli, kind, result))
        (void)printf("%s/%s %s\n", lull_names_word(kind), lull_meta_name(result), done[plan->verb]);
    return TRUE;
}

static LullExit
apply(LullCli *cli, const char *path, GError **error)
{
    const LullApplyScope scope = {
        .ns = cli->ns, .group = lull_client_find_group(cli->client, error), .cluster = cli->cluster};
    g_autoptr(GPtrArray) entries = scope.group ? lull_apply_read(path, &scope, error) : NULL;
    g_autoptr(GPtrArray) plans = g_ptr_array_new_with_free_func(plan_free);

    if (!entries)
        return LULL_EXIT_FAILED;
    for (guint i = 0; i < entries->len; i++) {
        Plan *plan = g_new0(Plan, 1);

        plan->entry = entries->pdata[i];
        g_ptr_array_add(plans, plan);
        if (!make_plan(cli, plan, error))
            return LULL_EXIT_FAILED;
    }
    for (guint i = 0; i < plans->len; i++)
        if (!carry_out(cli, plans->pdata[i], error))
            return LULL_EXIT_FAILED;
    return LULL_EXIT_DONE;
}

typedef struct {
    char *file;
} Options;

static const GOptionEntry options[] = {
    {"filename", 'f', 0, G_OPTION_ARG_FILENAME, LULL_OPTION_AT(Options, file),
     "YAML or JSON, one or more objects; - is the standard input", "FILE"},
    {0},
};

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    Options wanted = {NULL};

    if (!lull_cli_parse(cli, &lull_command_apply, &wanted, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    if (!wanted.file)
        return lull_cli_usage(error, "-f FILE is missing");
    return apply(cli, wanted.file, error);
}

const LullCommand lull_command_apply = {
    .name = "apply",
    .arguments = "-f FILE",
    .summary = "create the snapshots and restores that a file describes",
    .details =
        "Every object is checked before the first is created. One that exists already and says the same is\n"
        "left as it is; what it says cannot be changed, but labels and annotations can.",
    .options = options,
    .min = 0,
    .max = 0,
    .run = run,
};
