/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/follow.h"
#include "coordinator/cli/names.h"
#include "coordinator/cli/report-read.h"
#include "coordinator/cli/text.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

extern const LullCommand lull_command_snapshot;

/* What is asked for. */
typedef struct {
    const char *vm;
    const char *name;
    char *require;
    char *deadline;
    char **exclude;
    gboolean wait;
} Wish;

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

static LullJson *
find_volume(LullJson *statuses, const char *name)
{
    for (gsize i = 0; statuses && i < json_object_array_length(statuses); i++) {
        LullJson *status = json_object_array_get_idx(statuses, i);

        if (g_strcmp0(lull_json_string(status, "name", NULL), name) == 0)
            return status;
    }
    return NULL;
}

/* A volume excluded by a name that the machine does not have would be a snapshot of too much. */
static gboolean
check_excluded(LullJson *statuses, const Wish *wish, GError **error)
{
    for (char **name = wish->exclude; name && *name; name++) {
        g_autoptr(GString) has = g_string_new(NULL);

        if (!statuses || find_volume(statuses, *name))
            continue;
        for (gsize i = 0; i < json_object_array_length(statuses); i++)
            g_string_append_printf(has, "%s%s", i ? ", " : "",
                                   lull_json_string(json_object_array_get_idx(statuses, i), "name", "?"));
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "--exclude, \"%s\": vm \"%s\" has no such volume; it has: %s", *name, wish->vm, has->str);
        return FALSE;
    }
    return TRUE;
}

static void
note_left_out(LullJson *statuses)
{
    for (gsize i = 0; statuses && i < json_object_array_length(statuses); i++) {
        LullJson *status = json_object_array_get_idx(statuses, i);
        g_autofree char *name = lull_text_clean(lull_json_string(status, "name", "?"), 0);
        g_autofree char *reason =
            lull_text_clean(lull_json_string(status, "reason", "no reason was given"), 0);

        if (!lull_json_bool(status, "enabled", TRUE))
            (void)fprintf(stderr, "lull: note: volume %s cannot be included: %s\n", name, reason);
    }
}

/* Before anything is made: is there such a machine, and what of it cannot be included? */
static gboolean
look_at_vm(LullCli *cli, const Wish *wish, GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) vm = lull_client_get(cli->client, &lull_kind_vm, LULL_NAMESPACE, wish->vm, &problem);
    LullJson *statuses = lull_json_array(lull_json_object(vm, "status"), "volumeSnapshotStatuses");

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        lull_cli_suggest(cli, &lull_kind_vm, wish->vm, &problem);
    if (problem) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (!check_excluded(statuses, wish, error))
        return FALSE;
    note_left_out(statuses);
    return TRUE;
}

static LullExit
create(LullCli *cli, const Wish *wish, GError **error)
{
    g_autoptr(LullJson) request = make_snapshot(wish);
    g_autoptr(LullJson) snapshot = NULL;

    if (!lull_kind_validate(&lull_kind_snapshot, request, TRUE, error))
        return LULL_EXIT_USAGE;
    if (!look_at_vm(cli, wish, error))
        return LULL_EXIT_FAILED;
    snapshot = lull_client_create(cli->client, &lull_kind_snapshot, LULL_NAMESPACE, request, error);
    if (!snapshot) {
        g_prefix_error(error, "snapshot \"%s\" of vm \"%s\": ", wish->name, wish->vm);
        return LULL_EXIT_FAILED;
    }
    if (wish->wait)
        return lull_follow_to_end(cli, &lull_kind_snapshot, snapshot, 0, error);
    if (!lull_cli_print_object(cli, &lull_kind_snapshot, snapshot))
        (void)printf("snapshot/%s created\n", wish->name);
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
    for (char **name = wish->exclude; name && *name; name++)
        if (!**name || g_strrstr(*name, ",")) {
            (void)lull_cli_usage(
                error, "--exclude, \"%s\": not the name of one volume; repeat --exclude for several", *name);
            return FALSE;
        }
    return !wish->deadline || lull_cli_duration("--deadline", wish->deadline, 0, &usec, error);
}

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    g_autofree char *require = NULL;
    g_autofree char *deadline = NULL;
    g_autofree char *generated = NULL;
    g_auto(GStrv) exclude = NULL;
    gboolean wait = FALSE, no_wait = FALSE;
    const GOptionEntry options[] = {
        {"require", 0, 0, G_OPTION_ARG_STRING, &require, "fail below this level: app, fs or crash (default)",
         "LEVEL"},
        {"deadline", 0, 0, G_OPTION_ARG_STRING, &deadline,
         "fail if it is not taken by then (default 5m; 0: none)", "TIME"},
        {"exclude", 0, 0, G_OPTION_ARG_STRING_ARRAY, &exclude, "leave this volume out; may be repeated",
         "VOLUME"},
        {"wait", 0, 0, G_OPTION_ARG_NONE, &wait, "return when it is ready (default on a terminal)", NULL},
        {"no-wait", 0, 0, G_OPTION_ARG_NONE, &no_wait, "return when it has begun", NULL},
        {0},
    };
    Wish wish;

    if (!lull_cli_parse(cli, &lull_command_snapshot, options, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    if (argc < 3)
        generated = lull_names_generate(argv[1], lull_clock_realtime());
    wish = (Wish){.vm = argv[1],
                  .name = generated ? generated : argv[2],
                  .require = require,
                  .deadline = deadline,
                  .exclude = exclude,
                  .wait = lull_cli_wants_wait(cli, wait, no_wait)};
    return check_wish(&wish, error) ? create(cli, &wish, error) : LULL_EXIT_USAGE;
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
    .min = 1,
    .max = 2,
    .run = run,
};
