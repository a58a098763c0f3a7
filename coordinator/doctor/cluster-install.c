/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/rival.h"
#include "coordinator/doctor/cluster-checks.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/fitness.h"
#include "protocol/names.h"

#define APP        "app.kubernetes.io/name"
#define OURS       "lull-coordinator"
#define GATES      "lull-feature-gates"
#define GATE       "Snapshot"
#define MAX_LISTED 5

/* The group that there is, or should be. */
static const char *
group_of(const LullClusterFacts *facts)
{
    return facts->group ? facts->group : LULL_GROUP_SNAPSHOT_OWN;
}

static void
say_install(const LullClusterFacts *facts, LullFinding *finding)
{
    lull_finding_say(
        &finding->remedy,
        "kubectl apply --server-side -k packaging/kubernetes/%s     # with an administrator's rights",
        group_of(facts));
}

static void
append_word(GString *list, guint n, const char *word)
{
    if (n < MAX_LISTED)
        g_string_append_printf(list, "%s%s", n ? ", " : "", word);
    else if (n == MAX_LISTED)
        g_string_append(list, " and more");
}

static gboolean
has_named(LullJson *items, const char *name)
{
    for (gsize i = 0; items && i < json_object_array_length(items); i++)
        if (g_strcmp0(lull_json_string(json_object_array_get_idx(items, i), "name", NULL), name) == 0)
            return TRUE;
    return FALSE;
}

static void
kinds_missing(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    static const LullKind *const kinds[] = {&lull_kind_snapshot, &lull_kind_content, &lull_kind_restore};
    g_autoptr(GString) missing = g_string_new(NULL);
    LullFinding *finding;
    guint n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (!has_named(facts->kinds, kinds[i]->plural))
            append_word(missing, n++, kinds[i]->kind);
    if (!n)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    if (facts->group)
        lull_finding_say(&finding->what, "%s does not have all kinds (v1beta1): %s", facts->group,
                         missing->str);
    else
        lull_finding_say(&finding->what, "the API server serves neither " LULL_GROUP_SNAPSHOT_OWN
                                         " nor " LULL_GROUP_SNAPSHOT);
    lull_finding_say(&finding->why, "there are no snapshots without their kinds");
    say_install(facts, finding);
}

static void
policies_missing(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    static const char *const shared[] = {"locked-machines.lull.dev", "coordinator.lull.dev"};
    static const char *const own[] = {"annotations", "feature-gate", "kubevirt-feature-gate", "one-restore"};
    g_autoptr(GString) missing = g_string_new(NULL);
    LullFinding *finding;
    guint n = 0;

    if (!facts->items[LULL_CLUSTER_POLICIES] || !facts->items[LULL_CLUSTER_BINDINGS])
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(shared) + G_N_ELEMENTS(own); i++) {
        g_autofree char *policy =
            i < G_N_ELEMENTS(shared) ? g_strdup(shared[i])
                                     : g_strconcat(own[i - G_N_ELEMENTS(shared)], ".", group_of(facts), NULL);

        if (!lull_cluster_find(facts, LULL_CLUSTER_POLICIES, policy) ||
            !lull_cluster_find(facts, LULL_CLUSTER_BINDINGS, policy))
            append_word(missing, n++, policy);
    }
    if (!n)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "policies are missing, or not bound: %s", missing->str);
    lull_finding_say(
        &finding->why,
        "what they refuse at once is refused late or not at all, such as a change of a machine's "
        "volumes while it is saved");
    say_install(facts, finding);
}

static void
policies_unserved(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!facts->unserved[LULL_CLUSTER_POLICIES])
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_WARNING);
    lull_finding_say(&finding->what, "the API server has no ValidatingAdmissionPolicy (v1)");
    lull_finding_say(&finding->why, "what policies refuse at once is refused late or not at all");
    lull_finding_say(&finding->remedy, "# update the cluster to Kubernetes 1.30 or later");
}

static gboolean
is_ours(LullJson *object)
{
    LullJson *labels = lull_json_at(object, "metadata", "labels", NULL);

    return g_str_equal(lull_json_string(labels, APP, ""), OURS);
}

static LullJson *
find_daemonset(const LullClusterFacts *facts)
{
    for (gsize i = 0; i < lull_cluster_count(facts, LULL_CLUSTER_DAEMONSETS); i++)
        if (is_ours(lull_cluster_item(facts, LULL_CLUSTER_DAEMONSETS, i)))
            return lull_cluster_item(facts, LULL_CLUSTER_DAEMONSETS, i);
    return NULL;
}

static void
coordinator_missing(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!facts->items[LULL_CLUSTER_DAEMONSETS] || find_daemonset(facts))
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what,
                     "there is no DaemonSet of the coordinator in namespace " LULL_CLUSTER_NAMESPACE);
    lull_finding_say(&finding->why, "snapshots are asked for, and nobody takes them");
    say_install(facts, finding);
}

static gboolean
is_ready_on(const LullClusterFacts *facts, const char *node)
{
    for (gsize i = 0; i < lull_cluster_count(facts, LULL_CLUSTER_PODS); i++) {
        LullJson *pod = lull_cluster_item(facts, LULL_CLUSTER_PODS, i);

        if (is_ours(pod) &&
            g_str_equal(lull_json_string(lull_json_object(pod, "spec"), "nodeName", ""), node) &&
            lull_condition_is(pod, "Ready", TRUE))
            return TRUE;
    }
    return FALSE;
}

static const char *
node_of(LullJson *instance)
{
    LullJson *status = lull_json_object(instance, "status");

    return g_str_equal(lull_json_string(status, "phase", ""), "Running")
               ? lull_json_string(status, "nodeName", "")
               : "";
}

/* Which nodes with machines have no coordinator that is ready. */
static guint
list_uncovered(const LullClusterFacts *facts, GString *nodes)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    guint n = 0;

    for (gsize i = 0; i < lull_cluster_count(facts, LULL_CLUSTER_INSTANCES); i++) {
        const char *node = node_of(lull_cluster_item(facts, LULL_CLUSTER_INSTANCES, i));

        if (*node && g_hash_table_add(seen, (gpointer)node) && !is_ready_on(facts, node))
            append_word(nodes, n++, node);
    }
    return n;
}

static void
coordinator_not_ready(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    LullJson *status = lull_json_object(find_daemonset(facts), "status");
    const gint64 wanted = lull_json_int(status, "desiredNumberScheduled", 0);
    const gint64 ready = lull_json_int(status, "numberReady", 0);
    g_autoptr(GString) nodes = g_string_new(NULL);
    const guint uncovered = facts->items[LULL_CLUSTER_PODS] ? list_uncovered(facts, nodes) : 0;
    LullFinding *finding;

    /* where there is none at all, that is told */
    if (!find_daemonset(facts) || (!uncovered && ready >= wanted))
        return;
    finding = lull_finding_add(findings, name, uncovered ? LULL_SEVERITY_ERROR : LULL_SEVERITY_WARNING);
    if (uncovered)
        lull_finding_say(&finding->what, "no coordinator is ready on nodes that run machines of %s: %s",
                         facts->ns, nodes->str);
    else
        lull_finding_say(&finding->what,
                         "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                         " nodes have a coordinator that is ready",
                         ready, wanted);
    lull_finding_say(&finding->why, "snapshots of machines that run there wait for it");
    lull_finding_say(&finding->remedy,
                     "kubectl -n " LULL_CLUSTER_NAMESPACE " get pods -o wide\n"
                     "kubectl -n " LULL_CLUSTER_NAMESPACE " logs -l " APP "=" OURS " --prefix");
}

static void
leader_missing(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    g_autofree char *lease_name = lull_rival_lease_name(group_of(facts));
    gboolean there = FALSE;
    LullFinding *finding;

    if (!facts->items[LULL_CLUSTER_LEASES])
        return;
    for (gsize i = 0; i < lull_cluster_count(facts, LULL_CLUSTER_LEASES); i++) {
        LullJson *lease = lull_cluster_item(facts, LULL_CLUSTER_LEASES, i);

        if (g_strcmp0(lull_meta_name(lease), lease_name) != 0)
            continue;
        there = TRUE;
        if (lull_rival_lease_is_alive(lease, facts->now))
            return;
    }
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "no coordinator leads: the lease %s %s", lease_name,
                     there ? "is not renewed any more" : "is not there");
    lull_finding_say(&finding->why, "no new snapshot is begun; those under way end");
    lull_finding_say(&finding->remedy, "kubectl -n " LULL_CLUSTER_NAMESPACE " logs -l " APP "=" OURS
                                       " --prefix | grep -i lead");
}

static void
rival(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    g_autofree char *told = lull_rival_find(facts->items[LULL_CLUSTER_LEASES], group_of(facts),
                                            LULL_CLUSTER_NAMESPACE, facts->now);
    LullFinding *finding;

    if (!told)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "%s", told);
    lull_finding_say(&finding->why, "the coordinator does not start beside it");
    lull_finding_say(&finding->remedy,
                     "kubectl apply --server-side -k packaging/kubernetes/" LULL_GROUP_SNAPSHOT_OWN);
}

static void
snapshots_unserved(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!facts->unserved[LULL_CLUSTER_CLASSES])
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what,
                     "the API server does not have VolumeSnapshots (snapshot.storage.k8s.io/v1)");
    lull_finding_say(&finding->why, "volumes are cut by them: snapshots have the configuration only");
    lull_finding_say(
        &finding->remedy,
        "# install the definitions and the snapshot-controller of kubernetes-csi/external-snapshotter,\n"
        "# or what your distribution has of it");
}

/* By the leases of those who elect: of others nothing is known. */
static void
cutter_dead(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    g_autoptr(GError) problem = NULL;
    LullFinding *finding;

    if (!facts->items[LULL_CLUSTER_LEASES])
        return;
    for (gsize i = 0; i < lull_cluster_count(facts, LULL_CLUSTER_CLASSES) && !problem; i++) {
        const char *driver =
            lull_json_string(lull_cluster_item(facts, LULL_CLUSTER_CLASSES, i), "driver", "");

        (void)lull_csi_leases_are_fit(facts->items[LULL_CLUSTER_LEASES], driver, facts->now, &problem);
    }
    if (!problem)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);
    lull_finding_say(&finding->what, "%s", problem->message);
    lull_finding_say(&finding->why, "snapshots wait until it runs, and fail at their deadline");
    lull_finding_say(&finding->remedy,
                     "kubectl get pods -A | grep -i snapshot     # then its describe and logs");
}

/* One that elects nobody has no lease, and may be there all the same. */
static void
cutter_unseen(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    LullFinding *finding;

    if (!facts->items[LULL_CLUSTER_LEASES] || !facts->items[LULL_CLUSTER_CLASSES] ||
        lull_cluster_find(facts, LULL_CLUSTER_LEASES, "snapshot-controller-leader"))
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_NOTE);
    lull_finding_say(&finding->what, "there is no lease of the snapshot-controller");
    lull_finding_say(&finding->why, "it cannot be told whether it runs; without it nothing is cut");
    lull_finding_say(&finding->remedy, "kubectl get pods -A | grep snapshot-controller");
}

static gboolean
lists(LullJson *settings, const char *key)
{
    LullJson *gates = lull_json_array(settings, key);

    for (gsize i = 0; gates && i < json_object_array_length(gates); i++) {
        LullJson *gate = json_object_array_get_idx(gates, i);

        if (json_object_is_type(gate, json_type_string) && g_str_equal(json_object_get_string(gate), GATE))
            return TRUE;
    }
    return FALSE;
}

static void
say_gate(GPtrArray *findings, const char *name, const char *whose, const char *remedy)
{
    LullFinding *finding = lull_finding_add(findings, name, LULL_SEVERITY_ERROR);

    lull_finding_say(&finding->what, "the feature gate " GATE " is off: %s", whose);
    lull_finding_say(&finding->why, "new snapshots and restores are refused");
    lull_finding_say(&finding->remedy, "%s", remedy);
}

static void
gate_off(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    LullJson *settings = lull_cluster_find(facts, LULL_CLUSTER_SETTINGS, GATES);

    if (g_str_equal(lull_json_string(lull_json_object(settings, "data"), GATE, ""), "false"))
        say_gate(findings, name, "ConfigMap " LULL_CLUSTER_NAMESPACE "/" GATES,
                 "kubectl -n " LULL_CLUSTER_NAMESPACE " patch configmap " GATES
                 " --type merge -p '{\"data\":{\"" GATE "\":\"true\"}}'");
    for (gsize i = 0; i < lull_cluster_count(facts, LULL_CLUSTER_KUBEVIRTS); i++) {
        LullJson *kubevirt = lull_cluster_item(facts, LULL_CLUSTER_KUBEVIRTS, i);
        LullJson *developer = lull_json_at(kubevirt, "spec", "configuration", "developerConfiguration", NULL);

        if (lists(developer, "disabledFeatureGates") && !lists(developer, "featureGates"))
            say_gate(findings, name, "KubeVirt's disabledFeatureGates",
                     "kubectl edit kubevirt -A     # take " GATE " out of disabledFeatureGates");
    }
}

static void
not_looked_at(const LullClusterFacts *facts, const char *name, GPtrArray *findings)
{
    g_autoptr(GString) unseen = g_string_new(NULL);
    LullFinding *finding;

    for (guint thing = 0; thing < LULL_CLUSTER_N; thing++)
        if (!facts->items[thing] && !facts->unserved[thing])
            g_string_append_printf(unseen, "%s%s", unseen->len ? ", " : "",
                                   lull_cluster_things[thing].kind->plural);
    if (!unseen->len)
        return;
    finding = lull_finding_add(findings, name, LULL_SEVERITY_NOTE);
    lull_finding_say(&finding->what, "you may not read %s", unseen->str);
    lull_finding_say(&finding->why, "what they would tell is not looked at");
    lull_finding_say(&finding->remedy, "# have an administrator of the cluster run lull doctor -n %s",
                     facts->ns);
}

const LullClusterCheck lull_checks_of_install[] = {
    {"kinds-missing", .of_cluster = kinds_missing},
    {"policies-missing", .of_cluster = policies_missing},
    {"policies-unserved", .of_cluster = policies_unserved},
    {"coordinator-missing", .of_cluster = coordinator_missing},
    {"coordinator-not-ready", .of_cluster = coordinator_not_ready},
    {"leader-missing", .of_cluster = leader_missing},
    {"rival", .of_cluster = rival},
    {"snapshots-unserved", .of_cluster = snapshots_unserved},
    {"cutter-dead", .of_cluster = cutter_dead},
    {"cutter-unseen", .of_cluster = cutter_unseen},
    {"gate-off", .of_cluster = gate_off},
    {"not-looked-at", .of_cluster = not_looked_at},
    {NULL},
};
