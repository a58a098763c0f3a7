/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/create.h"
#include "coordinator/cli/follow.h"
#include "coordinator/cli/machine-words.h"
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
    g_autoptr(LullJson) snapshot = lull_client_get(cli->client, &lull_kind_snapshot, cli->ns, name, &problem);

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

/* The coordinator may hear a moment later what the user did just now. */
#define HEARSAY_TRIES 5
#define HEARSAY_PAUSE LULL_MSEC(100)

typedef struct {
    char *to;
    gboolean stop, when_stopped;
    gboolean wait, no_wait;
} Options;

static const GOptionEntry options[] = {
    {"to", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Options, to),
     "a new machine that is made of it; or that of which it is, where it has another name by now", "VM"},
    {"stop", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Options, stop),
     "shut the machine down where it runs, and start it again in the end", NULL},
    {"when-stopped", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Options, when_stopped),
     "where it runs, overwrite it as soon as it is off, if that is within 5 minutes", NULL},
    {"wait", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Options, wait),
     "return when it is done (default on a terminal)", NULL},
    {"no-wait", 0, 0, G_OPTION_ARG_NONE, LULL_OPTION_AT(Options, no_wait), "return when it has begun", NULL},
    {0},
};

/* One that was started since it was looked at is left in peace unless the user said what to do with it. */
static const char *
policy_of(const Options *wanted)
{
    if (wanted->stop)
        return "StopTarget";
    return wanted->when_stopped ? "WaitGracePeriod" : "FailImmediate";
}

static LullJson *
make_restore(const char *name, const char *snapshot, const char *vm, const Options *wanted)
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
    lull_json_set_string(spec, "targetReadinessPolicy", policy_of(wanted));
    return object;
}

static const char *
source_of(LullJson *snapshot)
{
    return lull_json_string(lull_json_at(snapshot, "spec", "source", NULL), "name", "");
}

/* The one that the snapshot is of keeps its uuid, whatever it is called. */
static gboolean
check_is_source(LullJson *vm, LullJson *snapshot, GError **error)
{
    const char *uid = lull_json_string(lull_json_object(snapshot, "status"), "sourceUID", NULL);
    const char *source = source_of(snapshot);
    const char *name = lull_meta_name(vm);

    if (!uid || g_strcmp0(uid, lull_meta_uid(vm)) == 0)
        return TRUE;
    if (g_strcmp0(name, source) == 0)
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                    "vm \"%s\": it is another machine than the one that the snapshot is of, which had the "
                    "uuid %s, and would be overwritten: nothing was done; rename it (virsh domrename), and "
                    "restore once more",
                    name, uid);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
                    "vm \"%s\": the snapshot is of \"%s\", and goes back to no other machine that is there: "
                    "nothing was "
                    "done; leave --to out, or name one that is not there yet",
                    name, source);
    return FALSE;
}

/* NULL with no error: it is not there, or not any more. */
static LullJson *
get_vm(LullCli *cli, const char *vm, LullJson *snapshot, GError **error)
{
    GError *problem = NULL;
    LullJson *object = lull_client_get(cli->client, &lull_kind_vm, cli->ns, vm, &problem);

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        g_clear_error(&problem); /* it is brought back, or made */
    if (object && !cli->cluster && !check_is_source(object, snapshot, &problem))
        g_clear_pointer(&object, lull_json_put);
    if (problem)
        g_propagate_error(error, problem);
    return object;
}

static const char *
state_of(LullJson *vm)
{
    return lull_json_string(lull_json_object(vm, "status"), "printableStatus", "");
}

typedef enum { TARGET_STOPPED = 0, TARGET_RUNS, TARGET_GONE } Target;

static Target
target_of(LullJson *vm)
{
    if (!vm)
        return TARGET_GONE;
    return g_str_equal(state_of(vm), "Stopped") ? TARGET_STOPPED : TARGET_RUNS;
}

/* Before anything is made: is there such a machine, or was there, and may it be overwritten? */
static gboolean
look_at_target(LullCli *cli, const char *vm, LullJson *snapshot, const Options *wanted, Target *ret_target,
               GError **error)
{
    GError *problem = NULL;
    g_autoptr(LullJson) object = get_vm(cli, vm, snapshot, &problem);
    const gboolean may_run = wanted->stop || wanted->when_stopped;

    for (guint i = 0; object && !may_run && !g_str_equal(state_of(object), "Stopped"); i++) {
        const char *domain = lull_meta_annotation(object, LULL_ANNOTATION_DOMAIN);

        if (i == HEARSAY_TRIES) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                        "vm \"%s\": it is not off (%s), and would be overwritten: nothing was done; shut it "
                        "down first (%s %s), or say --stop to have it shut down and started "
                        "again, or --when-stopped to have it overwritten as soon as it is off",
                        vm, state_of(object), lull_machine_words(cli->cluster)->shutdown,
                        domain ? domain : vm);
            return FALSE;
        }
        g_usleep(HEARSAY_PAUSE);
        lull_json_put(object);
        object = get_vm(cli, vm, snapshot, &problem);
    }
    if (problem) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    *ret_target = target_of(object);
    return TRUE;
}

/* Whoever forgets that it waits would lose what the machine wrote meanwhile. */
static void
warn_of_running(const Options *wanted, const char *vm, const char *restore)
{
    if (wanted->when_stopped)
        (void)fprintf(
            stderr,
            "lull: %s is not stopped: it is overwritten as soon as it is, if that is within 5 minutes; "
            "lull delete restore/%s calls that off\n",
            vm, restore);
}

static void
say_gone(const LullCli *cli, const char *vm, LullJson *snapshot)
{
    if (cli->cluster)
        (void)fprintf(stderr, "lull: note: %s is not there: it is made\n", vm);
    else if (!g_str_equal(vm, source_of(snapshot)))
        (void)fprintf(
            stderr,
            "lull: note: %s is not there: it is made, with disks, a uuid and addresses of its own, and left "
            "off\n",
            vm);
    else
        (void)fprintf(stderr,
                      "lull: note: %s is not there any more: it is defined again with the uuid that it had, "
                      "its disks are brought back, and it is left off\n",
                      vm);
}

static LullExit
create(LullCli *cli, const char *snapshot_name, const Options *wanted, GError **error)
{
    g_autoptr(LullJson) snapshot = get_snapshot(cli, snapshot_name, error);
    g_autoptr(LullJson) request = NULL;
    g_autoptr(LullJson) restore = NULL;
    g_autofree char *name = NULL;
    const char *to = wanted->to ? wanted->to : source_of(snapshot);
    Target target = TARGET_STOPPED;

    if (!snapshot)
        return LULL_EXIT_FAILED;
    name = lull_names_generate(snapshot_name, lull_clock_realtime());
    request = make_restore(name, snapshot_name, to, wanted);
    if (!lull_kind_validate(&lull_kind_restore, request, NULL, TRUE, error) ||
        !look_at_target(cli, to, snapshot, wanted, &target, error))
        return LULL_EXIT_FAILED;
    restore = lull_create_generated(cli, &lull_kind_restore, request, error);
    if (!restore) {
        g_prefix_error(error, "restore of \"%s\" to \"%s\": ", snapshot_name, to);
        return LULL_EXIT_FAILED;
    }
    if (target == TARGET_GONE)
        say_gone(cli, to, snapshot);
    if (target == TARGET_RUNS)
        warn_of_running(wanted, to, lull_meta_name(restore));
    if (lull_cli_wants_wait(cli, wanted->wait, wanted->no_wait))
        return lull_follow_to_end(cli, &lull_kind_restore, restore, 0, error);
    lull_create_say_begun(cli, &lull_kind_restore, restore);
    return LULL_EXIT_DONE;
}

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
    if (wanted.stop && wanted.when_stopped)
        return lull_cli_usage(error, "--stop and --when-stopped: one or the other");
    if (kind && kind != &lull_kind_snapshot)
        return lull_cli_usage(error, "%s: only a snapshot can be restored", argv[1]);
    return create(cli, name, &wanted, error);
}

const LullCommand lull_command_restore = {
    .name = "restore",
    .arguments = "SNAPSHOT",
    .summary = "bring a machine back to a snapshot",
    .details = "The machine must be off: its disks are overwritten by those of the snapshot. One that runs "
               "is refused,\n"
               "unless --stop or --when-stopped says otherwise; deleting the restore calls either off. There "
               "is one\n"
               "restore of a machine at a time. One that is gone, undefined with its disks or without, is "
               "defined again\n"
               "with the uuid that it had, and left off.\n\n"
               "--to may name a machine that is not there: it is made of the snapshot, beside the one that "
               "it is of, and "
               "left\n"
               "off. In a cluster a machine gets claims of new names.",
    .options = options,
    .min = 1,
    .max = 1,
    .run = run,
};
