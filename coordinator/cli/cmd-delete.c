/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/follow.h"
#include "coordinator/cli/names.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"
#include "protocol/names.h"

extern const LullCommand lull_command_delete;

/* One object to delete. */
typedef struct {
    const LullKind *kind;
    LullJson *object;
} Victim;

static void
victim_free(gpointer data)
{
    Victim *victim = data;

    json_object_put(victim->object);
    g_free(victim);
}

static gboolean
check_all(char **names, GError **error)
{
    for (char **name = names; *name; name++) {
        const LullKind *kind;
        const char *bare;

        if (!lull_names_split(*name, &kind, &bare, error))
            return FALSE;
    }
    return TRUE;
}

static LullExit
find_all(LullCli *cli, char **names, GPtrArray *victims, GError **error)
{
    for (char **name = names; *name; name++) {
        Victim *victim = g_new0(Victim, 1);

        g_ptr_array_add(victims, victim);
        const LullExit found = lull_cli_find(cli, *name, &victim->kind, &victim->object, error);
        if (found != LULL_EXIT_DONE) {
            g_prefix_error(error, "nothing was deleted: ");
            return found;
        }
    }
    return LULL_EXIT_DONE;
}

static gboolean
remove_one(LullCli *cli, const Victim *victim, gboolean wait, GError **error)
{
    const char *name = lull_meta_name(victim->object);
    const char *uid = lull_meta_uid(victim->object);
    g_autoptr(GError) problem = NULL;

    if (!lull_client_remove(cli->client, victim->kind, cli->ns, name, uid, &problem) &&
        !lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
        g_propagate_prefixed_error(error, g_steal_pointer(&problem), "%s/%s: ", lull_names_word(victim->kind),
                                   name);
        return FALSE;
    }
    if (wait && !lull_follow_until_gone(cli, victim->kind, name, uid, error))
        return FALSE;
    if (cli->format == LULL_FORMAT_NAME)
        return lull_cli_print_object(cli, victim->kind, victim->object);
    (void)printf("%s/%s deleted\n", lull_names_word(victim->kind), name);
    return TRUE;
}

typedef struct {
    gboolean wait, no_wait;
} Options;

static const GOptionEntry options[] = {
    {"wait", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Options, wait),
     "return when the data is gone (default on a terminal)", NULL},
    {"no-wait", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Options, no_wait),
     "return when the deletion has begun", NULL},
    {0},
};

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    Options wanted = {FALSE};
    g_autoptr(GPtrArray) victims = g_ptr_array_new_with_free_func(victim_free);

    if (!lull_cli_parse(cli, &lull_command_delete, &wanted, &argc, &argv, error) ||
        !lull_cli_check_wait(wanted.wait, wanted.no_wait, error) || !check_all(argv + 1, error))
        return LULL_EXIT_USAGE;

    const LullExit found = find_all(cli, argv + 1, victims, error);
    if (found != LULL_EXIT_DONE)
        return found;
    for (guint i = 0; i < victims->len; i++)
        if (!remove_one(cli, victims->pdata[i], lull_cli_wants_wait(cli, wanted.wait, wanted.no_wait), error))
            return LULL_EXIT_FAILED;
    return LULL_EXIT_DONE;
}

const LullCommand lull_command_delete = {
    .name = "delete",
    .arguments = "NAME...",
    .summary = "delete snapshots and restores",
    .details =
        "Nothing is deleted unless every NAME is found. snapshot/NAME and restore/NAME tell them apart.\n"
        "A snapshot's data goes with it; a restored machine stays as it is.",
    .options = options,
    .min = 1,
    .max = -1,
    .run = run,
};
