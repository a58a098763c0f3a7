/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/create.h"
#include "coordinator/cli/follow.h"
#include "coordinator/cli/left-out.h"
#include "coordinator/cli/names.h"
#include "coordinator/cli/report-read.h"
#include "coordinator/cli/text.h"
#include "coordinator/model/meta.h"
#include "protocol/backoff.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define TRIES 3 /* with --retry, in all */

extern const LullCommand lull_command_snapshot;

/* For what stood in the way to pass: an agent that restarts, a burst of writes. */
static const LullBackoff between_tries = {.first = LULL_SEC(2), .cap = LULL_SEC(10), .jitter = 0.2};

/* What is asked for. */
typedef struct {
    const char *vm;
    const char *name;
    char *require;
    char *deadline;
    char **exclude;
    gboolean partial;
    gboolean retry;
    gboolean wait, no_wait;
    gboolean generated; /* the name */
} Wish;

static const GOptionEntry options[] = {
    {"require", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Wish, require),
     "fail below this level: app, fs or crash (default)", "LEVEL"},
    {"deadline", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Wish, deadline),
     "fail if it is not taken by then (default 5m; 0: none)", "TIME"},
    {"exclude", 0, 0, G_OPTION_ARG_STRING_ARRAY, LULL_OPTION_AT(Wish, exclude),
     "leave this volume out; may be repeated", "VOLUME"},
    {"partial", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Wish, partial),
     "take it although volumes with data cannot be included", NULL},
    {"retry", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Wish, retry),
     "if it fails, delete it and try again, at most three times in all; waits", NULL},
    {"wait", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Wish, wait),
     "return when it is ready (default on a terminal)", NULL},
    {"no-wait", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Wish, no_wait), "return when it has begun", NULL},
    {0},
};

static LullJson *
make_snapshot(const Wish *wish)
{
    LullJson *object = json_object_new_object();
    LullJson *metadata, *spec, *source;

    lull_json_set_string(object, "apiVersion", LULL_GROUP_SNAPSHOT "/v1beta1");
    lull_json_set_string(object, "kind", lull_kind_snapshot.kind);
    metadata = lull_json_ensure(object, "metadata");
    lull_json_set_string(metadata, "name", wish->name);
    if (wish->require)
        lull_json_set_string(lull_json_ensure(metadata, "annotations"), LULL_ANNOTATION_REQUIRE,
                             wish->require);
    if (wish->exclude) {
        g_autofree char *names = g_strjoinv(",", wish->exclude);

        lull_json_set_string(lull_json_ensure(metadata, "annotations"), LULL_ANNOTATION_EXCLUDE, names);
    }
    spec = lull_json_ensure(object, "spec");
    source = lull_json_ensure(spec, "source");
    lull_json_set_string(source, "apiGroup", LULL_GROUP_VM);
    lull_json_set_string(source, "kind", lull_kind_vm.kind);
    lull_json_set_string(source, "name", wish->vm);
    lull_json_set_string(spec, "failureDeadline", wish->deadline);
    return object;
}

/* Before anything is made: is there such a machine, and what of it cannot be included? */
static gboolean
look_at_vm(LullCli *cli, const Wish *wish, GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) vm = lull_client_get(cli->client, &lull_kind_vm, cli->ns, wish->vm, &problem);

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        lull_cli_suggest(cli, &lull_kind_vm, wish->vm, &problem);
    if (problem) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    return lull_left_out_check(vm, (const char *const *)wish->exclude, wish->partial, error);
}

/* @fresh: its name, where it is not the user's, may still be another. */
static LullJson *
create(LullCli *cli, const Wish *wish, LullJson *request, gboolean fresh, GError **error)
{
    LullJson *snapshot = wish->generated && fresh
                             ? lull_create_generated(cli, &lull_kind_snapshot, request, error)
                             : lull_client_create(cli->client, &lull_kind_snapshot, cli->ns, request, error);

    if (!snapshot)
        g_prefix_error(error, "snapshot \"%s\" of vm \"%s\": ", wish->name, wish->vm);
    return snapshot;
}

/* Makes room for the next try under the same name: only what this one made is deleted. */
static gboolean
clear_away(LullCli *cli, LullJson *snapshot, GError **error)
{
    const char *name = lull_meta_name(snapshot);
    const char *uid = lull_meta_uid(snapshot);
    g_autoptr(GError) problem = NULL;

    if (lull_client_remove(cli->client, &lull_kind_snapshot, cli->ns, name, uid, &problem))
        return lull_follow_until_gone(cli, &lull_kind_snapshot, name, uid, error);
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&problem), "deleting the try that failed: ");
    return FALSE;
}

/* Another try where the snapshot itself failed or is less than asked for, not where the way to it broke. The
 * last one stays, for people to look at. */
static LullExit
take_with_retries(LullCli *cli, const Wish *wish, LullJson *request, GError **error)
{
    for (guint try = 1;; try++) {
        g_autoptr(GError) problem = NULL;
        g_autoptr(LullJson) snapshot = create(cli, wish, request, try == 1, error);
        const gboolean last = try == TRIES;
        const gint64 pause = lull_backoff_delay(&between_tries, try - 1, 0.5);
        LullExit exit_code;

        if (!snapshot)
            return LULL_EXIT_FAILED;
        exit_code = last ? lull_follow_to_end(cli, &lull_kind_snapshot, snapshot, 0, &problem)
                         : lull_follow_try(cli, &lull_kind_snapshot, snapshot, &problem);
        if (last || !lull_error_is(problem, LULL_ERROR_FAILED)) {
            if (problem)
                g_propagate_error(error, g_steal_pointer(&problem));
            return exit_code;
        }
        g_autofree char *why = lull_text_clean(problem->message, 0);
        (void)fprintf(stderr, "lull: %s; it is deleted, and try %u of %d begins\n", why, try + 1, TRIES);
        if (!clear_away(cli, snapshot, error))
            return LULL_EXIT_FAILED;
        g_usleep((gulong)pause);
    }
}

static LullExit
take(LullCli *cli, const Wish *wish, GError **error)
{
    g_autoptr(LullJson) request = make_snapshot(wish);
    g_autoptr(LullJson) snapshot = NULL;

    if (!lull_kind_validate(&lull_kind_snapshot, request, NULL, TRUE, error))
        return LULL_EXIT_USAGE;
    if (!look_at_vm(cli, wish, error))
        return LULL_EXIT_FAILED;
    if (wish->retry)
        return take_with_retries(cli, wish, request, error);
    snapshot = create(cli, wish, request, TRUE, error);
    if (!snapshot)
        return LULL_EXIT_FAILED;
    if (lull_cli_wants_wait(cli, wish->wait, wish->no_wait))
        return lull_follow_to_end(cli, &lull_kind_snapshot, snapshot, 0, error);
    lull_create_say_begun(cli, &lull_kind_snapshot, snapshot);
    return LULL_EXIT_DONE;
}

static gboolean
check_wish(const Wish *wish, GError **error)
{
    gint64 usec;

    if (!lull_names_check("virtual machine", wish->vm, error) ||
        !lull_names_check("snapshot", wish->name, error))
        return FALSE;
    if (wish->require && (lull_level_rank(wish->require) == 0 || g_str_equal(wish->require, "stopped"))) {
        (void)lull_cli_usage(error, "--require, \"%s\": not a level; use app, fs or crash", wish->require);
        return FALSE;
    }
    if (wish->retry && wish->no_wait) {
        (void)lull_cli_usage(error, "--retry and --no-wait: whoever is to try again has to wait");
        return FALSE;
    }
    for (char **name = wish->exclude; name && *name; name++)
        if (!**name || g_strrstr(*name, ",")) {
            (void)lull_cli_usage(
                error, "--exclude, \"%s\": not the name of one volume; repeat --exclude for several", *name);
            return FALSE;
        }
    if (!lull_cli_check_wait(wish->wait, wish->no_wait, error))
        return FALSE;
    return !wish->deadline || lull_cli_duration("--deadline", wish->deadline, 0, &usec, error);
}

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    g_autofree char *generated = NULL;
    Wish wish = {NULL};

    if (!lull_cli_parse(cli, &lull_command_snapshot, &wish, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    if (argc < 3)
        generated = lull_names_generate(argv[1], lull_clock_realtime());
    wish.vm = argv[1];
    wish.generated = generated != NULL;
    wish.name = generated ? generated : argv[2];
    if (!check_wish(&wish, error))
        return LULL_EXIT_USAGE;
    return take(cli, &wish, error);
}

const LullCommand lull_command_snapshot = {
    .name = "snapshot",
    .arguments = "VM [NAME]",
    .summary = "take a snapshot of a machine",
    .details =
        "Without NAME it is called VM-YYYYMMDD-HHMMSS. A running machine is brought to rest for the cut; if\n"
        "that cannot be done the snapshot is taken anyway and says so, unless --require asks for more: fs "
        "needs\n"
        "an agent in the guest; app needs an application that takes part, and none can yet.",
    .options = options,
    .min = 1,
    .max = 2,
    .run = run,
};
