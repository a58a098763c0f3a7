/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/doctor/cluster-checks.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/class-decide.h"
#include "coordinator/storage/csi/volumes.h"
#include "protocol/error.h"

/* On a claim, by whatever provisions its volumes. */
#define PROVISIONER      "volume.kubernetes.io/storage-provisioner"
#define PROVISIONER_BETA "volume.beta.kubernetes.io/storage-provisioner"

/* Whoever may make claims may annotate them, and what is told here is pasted by others. */
static gboolean
is_plain(const char *driver)
{
    const char *c = driver;

    while (g_ascii_isalnum(*c) || (*c && strchr("./_-", *c)))
        c++;
    return *driver && !*c;
}

/* NULL: not known. Lent. */
static const char *
driver_of(const LullClusterFacts *facts, LullJson *claim, const char *storage_class)
{
    const char *driver = lull_meta_annotation(claim, PROVISIONER);
    LullJson *class = lull_cluster_find(facts, LULL_CLUSTER_STORAGE_CLASSES, storage_class);

    if (!driver)
        driver = lull_meta_annotation(claim, PROVISIONER_BETA);
    if (!driver)
        driver = lull_json_string(class, "provisioner", "");
    return is_plain(driver) ? driver : NULL;
}

/* @missing: there is no class to choose; else there are too many, or the profile names one that does not fit.
 */
static void
say_how_to_choose(LullFinding *finding, const LullCsiClassQuestion *question, gboolean missing)
{
    const char *named = lull_json_string(lull_json_object(question->profile, "status"), "snapshotClass", "");

    lull_finding_say(&finding->why, missing ? "snapshots of the machine leave this volume out"
                                            : "the machine's snapshots wait for that, until they fail at "
                                              "their deadline");
    if (*named)
        lull_finding_say(&finding->remedy,
                         "kubectl get volumesnapshotclasses\n"
                         "kubectl edit storageprofile %s     # spec.snapshotClass: one of driver %s",
                         question->storage_class, question->driver);
    else if (missing)
        lull_finding_say(&finding->remedy,
                         "# if driver %s can make snapshots, give it a class:\n"
                         "kubectl create -f - <<'END'\n"
                         "apiVersion: snapshot.storage.k8s.io/v1\n"
                         "kind: VolumeSnapshotClass\n"
                         "metadata: {name: %s}\n"
                         "driver: %s\n"
                         "deletionPolicy: Delete\n"
                         "END",
                         question->driver, question->storage_class ? question->storage_class : "snapshots",
                         question->driver);
    else
        lull_finding_say(&finding->remedy,
                         "kubectl get volumesnapshotclasses\n"
                         "kubectl annotate volumesnapshotclass NAME "
                         "snapshot.storage.kubernetes.io/is-default-class=true     # one of %s, and no other",
                         question->driver);
}

static void
look_at_volume(const LullClusterFacts *facts, LullJson *vm, const LullCsiVolume *volume, const char *name,
               GPtrArray *findings)
{
    LullJson *claim = lull_cluster_find(facts, LULL_CLUSTER_CLAIMS, volume->claim);
    const char *storage_class = lull_json_string(lull_json_object(claim, "spec"), "storageClassName", NULL);
    const LullCsiClassQuestion question = {.storage_class = storage_class,
                                           .driver = claim ? driver_of(facts, claim, storage_class) : NULL,
                                           .volume = volume->name,
                                           .profile =
                                               lull_cluster_find(facts, LULL_CLUSTER_PROFILES, storage_class),
                                           .classes = facts->items[LULL_CLUSTER_CLASSES]};
    g_autoptr(GError) problem = NULL;
    LullFinding *finding;

    if (!question.driver || lull_csi_class_choose(&question, &problem))
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->subject, "vm %s, volume %s", lull_meta_name(vm), volume->name);
    lull_finding_say(&finding->what, "%s", problem->message);
    say_how_to_choose(finding, &question, lull_error_is(problem, LULL_ERROR_NOT_FOUND));
}

static void
snapshot_class(const LullClusterFacts *facts, LullJson *vm, const char *name, GPtrArray *findings)
{
    g_autoptr(GPtrArray) volumes = NULL;

    /* what may be looked at in part only would be told wrongly */
    if (!facts->items[LULL_CLUSTER_CLASSES] || !facts->items[LULL_CLUSTER_CLAIMS] ||
        (!facts->items[LULL_CLUSTER_PROFILES] && !facts->unserved[LULL_CLUSTER_PROFILES]))
        return;
    volumes = lull_csi_volumes_of(vm, facts->items[LULL_CLUSTER_CLAIMS]);
    for (guint i = 0; i < volumes->len; i++)
        if (((const LullCsiVolume *)volumes->pdata[i])->claim)
            look_at_volume(facts, vm, volumes->pdata[i], name, findings);
}

static void
agent_missing(const LullClusterFacts *facts, LullJson *vm, const char *name, GPtrArray *findings)
{
    LullJson *instance = lull_cluster_find(facts, LULL_CLUSTER_INSTANCES, lull_meta_name(vm));
    const char *phase = lull_json_string(lull_json_object(instance, "status"), "phase", "");
    LullFinding *finding;

    if (!g_str_equal(phase, "Running") || lull_condition_is(instance, "AgentConnected", TRUE))
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "no guest agent is connected");
    lull_finding_say(&finding->why, "its snapshots are crash-consistent only: nobody brings it to rest");
    lull_finding_say(&finding->remedy, "# in the guest:\n"
                                       "systemctl enable --now lull-agent     # or qemu-guest-agent");
}

const LullClusterCheck lull_checks_of_machine[] = {
    {"snapshot-class", .of_vm = snapshot_class},
    {"agent-missing", .of_vm = agent_missing},
    {NULL},
};
