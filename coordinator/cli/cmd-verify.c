/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/names.h"
#include "coordinator/cli/text.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"
#include "protocol/names.h"

extern const LullCommand lull_command_verify;

static void
say_findings(LullJson *findings, gint64 omitted)
{
    for (size_t i = 0; findings && i < json_object_array_length(findings); i++) {
        LullJson *finding = json_object_array_get_idx(findings, i);
        g_autofree char *file = lull_text_clean(lull_json_string(finding, "file", ""), 0);
        g_autofree char *problem = lull_text_clean(lull_json_string(finding, "problem", ""), 0);

        (void)printf("  %s: %s\n", file, problem);
    }
    if (omitted > 0)
        (void)printf("  and %" G_GINT64_FORMAT " more\n", omitted);
}

/* TRUE: nothing was found. */
static gboolean
verify_one(LullCli *cli, const char *name, gboolean *ret_whole, GError **error)
{
    g_autoptr(LullJson) result = lull_client_verify(cli->client, cli->ns, name, error);
    LullJson *findings = lull_json_array(result, "findings");
    const size_t found = findings ? json_object_array_length(findings) : 0;

    if (!result) {
        g_prefix_error(error, "snapshot \"%s\": ", name);
        return FALSE;
    }
    *ret_whole = findings && !found;
    if (!lull_format_is_table(cli->format)) {
        g_autofree char *text = lull_output_facts(cli->format, result);
        (void)fputs(text, stdout);
    } else if (*ret_whole) {
        (void)printf("snapshot \"%s\": whole: %" G_GINT64_FORMAT " files, %" G_GINT64_FORMAT " bytes read\n",
                     name, lull_json_int(result, "files", 0), lull_json_int(result, "bytes", 0));
    } else {
        (void)printf("snapshot \"%s\": damaged:\n", name);
        say_findings(findings, lull_json_int(result, "omitted", 0));
    }
    (void)fflush(stdout);
    return TRUE;
}

/* One that failed, or is not through yet, has nothing stored that could differ; of one that goes nothing is
 * to be as it was. */
static gboolean
is_stored(LullCli *cli, LullJson *snapshot)
{
    const char *phase = lull_json_string(lull_json_object(snapshot, "status"), "phase", "InProgress");
    const gboolean deleting = lull_meta_is_deleting(snapshot);
    g_autofree char *clean = lull_text_clean(deleting ? "being deleted" : phase, 0);

    if (g_str_equal(phase, "Succeeded") && !deleting)
        return TRUE;
    if (lull_format_is_table(cli->format))
        (void)printf("snapshot \"%s\": passed over: it is %s\n", lull_meta_name(snapshot), clean);
    return FALSE;
}

static GPtrArray *
names_wanted(LullCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(LullJson) list = NULL;
    LullJson *items;

    for (int i = 1; i < argc; i++)
        g_ptr_array_add(names, g_strdup(argv[i]));
    if (argc > 1)
        return g_steal_pointer(&names);
    list = lull_client_list(cli->client, &lull_kind_snapshot, cli->ns, error);
    if (!list)
        return NULL;
    items = lull_json_array(list, "items");
    for (size_t i = 0; items && i < json_object_array_length(items); i++)
        if (is_stored(cli, json_object_array_get_idx(items, i)))
            g_ptr_array_add(names, g_strdup(lull_meta_name(json_object_array_get_idx(items, i))));
    return g_steal_pointer(&names);
}

typedef struct {
    guint damaged;
    guint unread; /* of them nothing can be told */
} Tally;

/* One of which nothing can be told hides no other; without a coordinator there is none to ask. */
static gboolean
verify_each(LullCli *cli, const GPtrArray *names, Tally *tally, GError **error)
{
    for (guint i = 0; i < names->len; i++) {
        g_autoptr(GError) problem = NULL;
        g_autofree char *clean = NULL;
        gboolean whole = FALSE;

        if (verify_one(cli, names->pdata[i], &whole, &problem)) {
            tally->damaged += whole ? 0 : 1;
            continue;
        }
        if (names->len == 1 || lull_error_is(problem, LULL_ERROR_LOST)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        tally->unread++;
        clean = lull_text_clean(problem->message, 0);
        (void)fprintf(stderr, "lull: verify: %s\n", clean);
    }
    return TRUE;
}

static LullExit
conclude(const Tally *tally, guint of, GError **error)
{
    g_autofree char *damaged = g_strdup_printf(
        "%u of %u snapshots are damaged: restore nothing from them, and take new ones", tally->damaged, of);
    g_autofree char *unread =
        g_strdup_printf("%u of %u snapshots could not be verified, see above", tally->unread, of);

    if (!tally->damaged && !tally->unread)
        return LULL_EXIT_DONE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s%s%s", tally->unread ? unread : "",
                tally->unread && tally->damaged ? "\n" : "", tally->damaged ? damaged : "");
    return LULL_EXIT_FAILED;
}

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr(GPtrArray) names = NULL;
    Tally tally = {0};

    if (!lull_cli_parse(cli, &lull_command_verify, NULL, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    for (int i = 1; i < argc; i++)
        if (!lull_names_check("snapshot", argv[i], error))
            return LULL_EXIT_USAGE;
    names = names_wanted(cli, argc, argv, error);
    if (!names || !verify_each(cli, names, &tally, error))
        return LULL_EXIT_FAILED;
    return conclude(&tally, names->len, error);
}

const LullCommand lull_command_verify = {
    .name = "verify",
    .arguments = "[SNAPSHOT...]",
    .summary = "read all that snapshots have stored and compare it with what was written",
    .details =
        "Without a name: all snapshots that have succeeded. Sums, sizes, the chain that a snapshot is\n"
        "based on, and files that do not belong there.\n\n"
        "Exit status: 0 all is as it was written; 1 something differs or cannot be verified, and is named.",
    .min = 0,
    .max = -1,
    .host_only = "the storage keeps what was cut there, and verifies it by its own means",
    .run = run,
};
