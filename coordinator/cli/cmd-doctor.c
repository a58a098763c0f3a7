/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/cli/cli.h"
#include "coordinator/cli/diagnosis.h"
#include "coordinator/cli/names.h"
#include "coordinator/doctor/cluster-checks.h"
#include "coordinator/doctor/cluster-look.h"
#include "coordinator/doctor/doctor.h"
#include "coordinator/doctor/look.h"
#include "coordinator/places.h"

extern const LullCommand lull_command_doctor;

typedef struct {
    char *uri;
    char *state_dir;
} Options;

static const GOptionEntry options[] = {
    {"uri", 0, 0, G_OPTION_ARG_STRING, LULL_OPTION_AT(Options, uri),
     "libvirt (the coordinator's; without one, root: qemu:///system, else qemu:///session)", "URI"},
    {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, LULL_OPTION_AT(Options, state_dir),
     "the coordinator's (root: /var/lib/lull)", "DIR"},
    {0},
};

/* @told: machines that only the coordinator knows. */
static LullExit
report(const LullCli *cli, const GPtrArray *findings, guint machines, guint told)
{
    g_autoptr(LullJson) json = lull_diagnosis_json(findings, machines, told);
    g_autofree char *text = NULL;

    if (lull_format_is_table(cli->format))
        text = lull_diagnosis_page(findings, machines, told);
    else if (cli->format == LULL_FORMAT_NAME)
        text = lull_diagnosis_names(findings);
    else
        text = lull_output_facts(cli->format, json);
    (void)fputs(text, stdout);
    return lull_doctor_matters(findings) ? LULL_EXIT_FAILED : LULL_EXIT_DONE;
}

static LullExit
examine_cluster(LullCli *cli, char *const *vms, GError **error)
{
    g_autoptr(LullClusterFacts) facts = lull_cluster_look(cli->client, cli->ns, vms, error);
    g_autoptr(GPtrArray) findings = NULL;

    if (!facts)
        return LULL_EXIT_FAILED;
    findings = lull_cluster_examine(facts);
    return report(cli, findings, lull_cluster_machines(facts), 0);
}

static LullExit
examine_host(LullCli *cli, const Options *wanted, char *const *vms, GError **error)
{
    g_autofree char *uri = lull_place_uri();
    g_autofree char *state_dir = lull_place_state_dir();
    const LullDoctorPlaces places = {.socket = cli->socket,
                                     .uri = wanted->uri,
                                     .usual_uri = uri,
                                     .state_dir = wanted->state_dir ? wanted->state_dir : state_dir,
                                     .vms = vms};
    g_autoptr(LullFacts) facts = lull_doctor_look(&places, error);
    g_autoptr(GPtrArray) findings = NULL;
    guint machines;

    if (!facts)
        return LULL_EXIT_FAILED;
    findings = lull_doctor_examine(facts);
    machines = facts->host.libvirt == LULL_SERVICE_WORKS ? facts->vms->len : 0;
    return report(cli, findings, machines, facts->vms->len - machines);
}

static LullExit
run(LullCli *cli, int argc, char **argv, GError **error)
{
    Options wanted = {NULL};
    char *const *vms;

    if (!lull_cli_parse(cli, &lull_command_doctor, &wanted, &argc, &argv, error))
        return LULL_EXIT_USAGE;
    for (int i = 1; i < argc; i++)
        if (!lull_names_check("virtual machine", argv[i], error))
            return LULL_EXIT_USAGE;
    if (cli->cluster && (wanted.uri || wanted.state_dir))
        return lull_cli_usage(error, "--uri and --state-dir are of a plain host, and this is a cluster");
    vms = argc > 1 ? argv + 1 : NULL;
    return cli->cluster ? examine_cluster(cli, vms, error) : examine_host(cli, &wanted, vms, error);
}

const LullCommand lull_command_doctor = {
    .name = "doctor",
    .arguments = "[VM...]",
    .summary = "say what is missing on this host or cluster and in its guests, and how to mend it",
    .details = "Looks at the coordinator, its folder, libvirt, and all machines or those named: their "
               "channels, agents\n"
               "and disks. Nothing is changed, and a guest that is being saved or restored is not disturbed. "
               "It works\n"
               "without a coordinator too. In a cluster it looks at what is installed there and runs, and at "
               "the\n"
               "machines of the namespace: their volumes' classes, and their agents, as far as you may read "
               "it.\n\n"
               "Exit status: 0 there is nothing but notes; 1 there are warnings or errors.",
    .options = options,
    .max = -1,
    .run = run,
};
