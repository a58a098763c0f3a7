/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/follow.h"
#include "coordinator/cli/names.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

extern const LullCommand lull_command_restore;

/* The snapshot that is restored, NULL with an error where it is not one to restore from. */
static LullJson *
get_snapshot(LullCli *cli, const char *name, GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) snapshot =
        lull_client_get(cli->client, &lull_kind_snapshot, LULL_NAMESPACE, name, &problem);

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        lull_cli_suggest(cli, &lull_kind_snapshot, name, &problem);
    if (problem) {
        g_propagate_error(error, problem);
        return NULL;
    }
    if (!lull_json_bool(lull_json_object(snapshot, "status"), "readyToUse", FALSE)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "snapshot \"%s\": it is not ready to restore from; see lull show snapshot/%s", name,
                    name);
        return NULL;
    }
    return g_steal_pointer(&snapshot);
}

static LullJson *
make_restore(const char *name, const char *snapshot, const char *vm)
{
    LullJson *object = json_object_new_object();
    LullJson *spec, *target;

    lull_json_set_string(object, "apiVersion", LULL_GROUP_SNAPSHOT "/v1beta1");
    lull_json_set_string(object, "kind", lull_kind_restore.kind);
    lull_json_set_string(lull_json_ensure(object, "metadata"), "name", name);
    spec = lull_json_ensure(object, "spec");
    target = lull_json_ensure(spec, "target");
    lull_json_set_string(target, "apiGroup", LULL_GROUP_VM);
    lull_json_set_string(target, "kind", lull_kind_vm.kind);
    lull_json_set_string(target, "name", vm);
    lull_json_set_string(spec, "virtualMachineSnapshotName", snapshot);
    return object;
}

/* Whoever forgets that it waits would lose what the machine wrote meanwhile. */
static void
warn_of_running(LullCli *cli, const char *vm, const char *restore)
{
    g_autoptr(LullJson) object = lull_client_get(cli->client, &lull_kind_vm, LULL_NAMESPACE, vm, NULL);
    const char *state = lull_json_string(lull_json_object(object, "status"), "printableStatus", "");

    if (object && !g_str_equal(state, "Stopped"))
        (void)fprintf(
            stderr,
            "lull: %s is not stopped: it is overwritten as soon as it is, if that is within 5 minutes; "
            "lull delete restore/%s calls that off\n",
            vm, restore);
}

static LullExit
create(LullCli *cli, const char *snapshot_name, const char *to, gboolean wait, GError **error)
{
    g_autoptr(LullJson) snapshot = get_snapshot(cli, snapshot_name, error);
    g_autoptr(LullJson) request = NULL;
    g_autoptr(LullJson) restore = NULL;
    g_autofree char *name = NULL;

    if (!snapshot)
        return LULL_EXIT_FAILED;
    if (!to)
        to = lull_json_string(lull_json_at(snapshot, "spec", "source", NULL), "name", "");
    name = lull_names_generate(snapshot_name, lull_clock_realtime());
    request = make_restore(name, snapshot_name, to);
    if (!lull_kind_validate(&lull_kind_restore, request, TRUE, error))
        return LULL_EXIT_FAILED;
    restore = lull_client_create(cli->client, &lull_kind_restore, LULL_NAMESPACE, request, error);
    if (!restore) {
        g_prefix_error(error, "restore of \"%s\" to \"%s\": ", snapshot_name, to);
        return LULL_EXIT_FAILED;
    }
    warn_of_running(cli, to, name);
    if (wait)
        return lull_follow_to_end(cli, &lull_kind_restore, restore, 0, error);
    if (!lull_cli_print_object(cli, &lull_kind_restore, restore))
        (void)printf("restore/%s created\n", name);
    return LULL_EXIT_DONE;
}

typedef struct {
    char *to;
    gboolean wait, no_wait;
} Options;

static const GOptionEntry options[] = {
    {"to", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Options, to),
     "restore to this machine (default: the one it was taken of)", "VM"},
    {"wait", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Options, wait),
     "return when it is done (default on a terminal)", NULL},
    {"no-wait", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Options, no_wait), "return when it has begun", NULL},
    {0},
};

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    Options wanted = {NULL};
    const LullKind *kind = NULL;
    const char *name = NULL;

    if (!lull_cli_parse(cli, &lull_command_restore, &wanted, &argc, &argv, error) ||
        !lull_cli_check_wait(wanted.wait, wanted.no_wait, error) ||
        !lull_names_split(argv[1], &kind, &name, error) ||
        (wanted.to && !lull_names_check("virtual machine", wanted.to, error)))
        return LULL_EXIT_USAGE;
    if (kind && kind != &lull_kind_snapshot)
        return lull_cli_usage(error, "%s: only a snapshot can be restored", argv[1]);
    return create(cli, name, wanted.to, lull_cli_wants_wait(cli, wanted.wait, wanted.no_wait), error);
}

const LullCommand lull_command_restore = {
    .name = "restore",
    .arguments = "SNAPSHOT",
    .summary = "bring a machine back to a snapshot",
    .details =
        "The machine must be stopped: its disks are overwritten by those of the snapshot. One that runs is\n"
        "overwritten as soon as it stops, if that is within 5 minutes; deleting the restore calls that off.",
    .options = options,
    .min = 1,
    .max = 1,
    .run = run,
};
