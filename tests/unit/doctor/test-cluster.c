/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/doctor/cluster-checks.h"
#include "coordinator/doctor/doctor.h"
#include "protocol/clock.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define NOW  "2026-01-01T00:10:00.000000Z"
#define LATE "2026-01-01T00:00:00.000000Z"

#define NAMED(name)  "{'metadata':{'name':'" name "'}}"
#define POLICY(name) NAMED(name ".snapshot.lull.dev")
#define LABELS       "'labels':{'app.kubernetes.io/name':'lull-coordinator'}"
#define DAEMONSET(ready) \
    "{'metadata':{'name':'c'," LABELS "},'status':{'desiredNumberScheduled':2,'numberReady':" ready "}}"
#define POD(node, ready)                                              \
    "{'metadata':{'name':'c-1'," LABELS "},'spec':{'nodeName':'" node \
    "'},'status':{'conditions':[{'type':'Ready','status':'" ready "'}]}}"
#define LEASE(ns, name, renewed)                                                         \
    "{'metadata':{'namespace':'" ns "','name':'" name "'},'spec':{'holderIdentity':'h'," \
    "'leaseDurationSeconds':15,'renewTime':'" renewed "'}}"
#define LEADER(renewed)     LEASE("lull", "coordinator.snapshot.lull.dev", renewed)
#define CONTROLLER(renewed) LEASE("kube-system", "snapshot-controller-leader", renewed)
#define SIDECAR(renewed)    LEASE("kube-system", "external-snapshotter-leader-disk-example-org", renewed)
#define SETTINGS(value)     "{'metadata':{'name':'lull-feature-gates'},'data':{'Snapshot':'" value "'}}"
#define KUBEVIRT(gates) \
    "{'metadata':{'name':'kubevirt'},'spec':{'configuration':{'developerConfiguration':{" gates "}}}}"
#define CLASS(name, more) "{'metadata':{'name':'" name "'" more "},'driver':'disk.example.org'}"
#define DEFAULT           ",'annotations':{'snapshot.storage.kubernetes.io/is-default-class':'true'}"
#define CLAIM(more)       "{'metadata':{'name':'web-root'" more "},'spec':{'storageClassName':'fast'}}"
#define INSTANCE(node, connected)                                              \
    "{'metadata':{'name':'web'},'status':{'phase':'Running','nodeName':'" node \
    "','conditions':[{'type':'AgentConnected','status':'" connected "'}]}}"
#define MACHINE                                                                                              \
    "{'metadata':{'name':'web'},'spec':{'template':{'spec':{'volumes':["                                     \
    "{'name':'root','persistentVolumeClaim':{'claimName':'web-root'}},{'name':'init','cloudInitNoCloud':{}}" \
    "]}}}}"
#define PROFILE(class) "{'metadata':{'name':'fast'},'status':{'snapshotClass':'" class "'}}"
#define STORAGE_CLASS  "{'metadata':{'name':'fast'},'provisioner':'disk.example.org'}"

#define ALL_POLICIES                                                                                   \
    NAMED("locked-machines.lull.dev")                                                                  \
    "," NAMED("coordinator.lull.dev") "," POLICY("annotations") "," POLICY("feature-gate") "," POLICY( \
        "kubevirt-feature-gate") "," POLICY("one-restore")

#define KINDS(last) \
    "[{'name':'virtualmachinesnapshots'},{'name':'virtualmachinesnapshotcontents'},{'name':'" last "'}]"

static const char *const good[LULL_CLUSTER_N] = {
    [LULL_CLUSTER_POLICIES] = ALL_POLICIES,
    [LULL_CLUSTER_BINDINGS] = ALL_POLICIES,
    [LULL_CLUSTER_DAEMONSETS] = DAEMONSET("2"),
    [LULL_CLUSTER_PODS] = POD("node-a", "True"),
    [LULL_CLUSTER_SETTINGS] = SETTINGS("true"),
    [LULL_CLUSTER_LEASES] = LEADER(NOW) "," CONTROLLER(NOW) "," SIDECAR(NOW),
    [LULL_CLUSTER_KUBEVIRTS] = KUBEVIRT("'featureGates':['Snapshot']"),
    [LULL_CLUSTER_CLASSES] = CLASS("plain", ""),
    [LULL_CLUSTER_STORAGE_CLASSES] = STORAGE_CLASS,
    [LULL_CLUSTER_PROFILES] = "",
    [LULL_CLUSTER_CLAIMS] = CLAIM(""),
    [LULL_CLUSTER_MACHINES] = MACHINE,
    [LULL_CLUSTER_INSTANCES] = INSTANCE("node-a", "True"),
};

static void
set_items(LullClusterFacts *facts, LullClusterThing thing, const char *items)
{
    g_autofree char *text = g_strdup_printf("[%s]", items);

    lull_json_put(facts->items[thing]);
    facts->items[thing] = json(text);
}

static LullClusterFacts *
good_cluster(void)
{
    LullClusterFacts *facts = lull_cluster_facts_new("shop", NULL);

    facts->group = g_strdup(LULL_GROUP_SNAPSHOT_OWN);
    facts->kinds = json(KINDS("virtualmachinerestores"));
    ck_assert(lull_clock_parse(NOW, &facts->now));
    for (guint thing = 0; thing < LULL_CLUSTER_N; thing++)
        set_items(facts, (LullClusterThing)thing, good[thing]);
    return facts;
}

/* What is there instead makes this one finding; NULL: the API server does not have the kind. */
static const struct {
    LullClusterThing thing;
    const char *items;
    const char *check;
    LullSeverity severity;
    const char *subject;
    const char *what;   /* is in it */
    const char *remedy; /* is in it */
} rows[] = {
    {LULL_CLUSTER_POLICIES, POLICY("annotations"), "policies-missing", LULL_SEVERITY_WARNING, "cluster",
     "one-restore.snapshot.lull.dev", "-k packaging/kubernetes/snapshot.lull.dev"},
    {LULL_CLUSTER_BINDINGS, "", "policies-missing", LULL_SEVERITY_WARNING, "cluster", "and more",
     "kubectl apply"},
    {LULL_CLUSTER_POLICIES, NULL, "policies-unserved", LULL_SEVERITY_WARNING, "cluster", "v1", "1.30"},
    {LULL_CLUSTER_DAEMONSETS, "", "coordinator-missing", LULL_SEVERITY_ERROR, "cluster", "no DaemonSet",
     "kubectl apply"},
    {LULL_CLUSTER_DAEMONSETS, DAEMONSET("1"), "coordinator-not-ready", LULL_SEVERITY_WARNING, "cluster",
     "1 of 2", "kubectl -n lull logs"},
    {LULL_CLUSTER_PODS, POD("node-a", "False"), "coordinator-not-ready", LULL_SEVERITY_ERROR, "cluster",
     "machines of shop: node-a", "kubectl -n lull get pods"},
    {LULL_CLUSTER_PODS, POD("node-b", "True"), "coordinator-not-ready", LULL_SEVERITY_ERROR, "cluster",
     "node-a", "kubectl -n lull get pods"},
    {LULL_CLUSTER_LEASES, CONTROLLER(NOW), "leader-missing", LULL_SEVERITY_ERROR, "cluster", "is not there",
     "kubectl -n lull logs"},
    {LULL_CLUSTER_LEASES, LEADER(LATE) "," CONTROLLER(NOW), "leader-missing", LULL_SEVERITY_ERROR, "cluster",
     "not renewed any more", "kubectl -n lull logs"},
    {LULL_CLUSTER_LEASES,
     LEADER(NOW) "," CONTROLLER(NOW) "," LEASE("elsewhere", "coordinator.snapshot.lull.dev", NOW), "rival",
     LULL_SEVERITY_ERROR, "cluster", "elsewhere", "kubectl apply"},
    {LULL_CLUSTER_LEASES, LEADER(NOW) "," CONTROLLER(LATE), "cutter-dead", LULL_SEVERITY_ERROR, "cluster",
     "snapshot-controller does not run", "kubectl get pods -A"},
    {LULL_CLUSTER_LEASES, LEADER(NOW) "," CONTROLLER(NOW) "," SIDECAR(LATE), "cutter-dead",
     LULL_SEVERITY_ERROR, "cluster", "disk.example.org", "kubectl get pods -A"},
    {LULL_CLUSTER_LEASES, LEADER(NOW), "cutter-unseen", LULL_SEVERITY_NOTE, "cluster", "no lease",
     "snapshot-controller"},
    {LULL_CLUSTER_CLASSES, NULL, "snapshots-unserved", LULL_SEVERITY_ERROR, "cluster",
     "snapshot.storage.k8s.io", "external-snapshotter"},
    {LULL_CLUSTER_SETTINGS, SETTINGS("false"), "gate-off", LULL_SEVERITY_ERROR, "cluster",
     "lull/lull-feature-gates", "patch configmap"},
    {LULL_CLUSTER_KUBEVIRTS, KUBEVIRT("'disabledFeatureGates':[7,'Snapshot']"), "gate-off",
     LULL_SEVERITY_ERROR, "cluster", "KubeVirt", "kubectl edit kubevirt"},
    {LULL_CLUSTER_CLASSES, "", "snapshot-class", LULL_SEVERITY_WARNING, "vm web, volume root",
     "No VolumeSnapshotClass", "driver: disk.example.org"},
    {LULL_CLUSTER_CLASSES, CLASS("a", "") "," CLASS("b", ""), "snapshot-class", LULL_SEVERITY_WARNING,
     "vm web, volume root", "a, b", "is-default-class=true"},
    {LULL_CLUSTER_PROFILES, PROFILE("gone"), "snapshot-class", LULL_SEVERITY_WARNING, "vm web, volume root",
     "names gone, which does not exist", "kubectl edit storageprofile fast"},
    {LULL_CLUSTER_CLAIMS,
     CLAIM(",'annotations':{'volume.kubernetes.io/storage-provisioner':'other.example.org'}"),
     "snapshot-class", LULL_SEVERITY_WARNING, "vm web, volume root", "No VolumeSnapshotClass",
     "driver: other.example.org"},
    {LULL_CLUSTER_INSTANCES, INSTANCE("node-a", "False"), "agent-missing", LULL_SEVERITY_WARNING, "vm web",
     "no guest agent", "lull-agent"},
};

static LullClusterFacts *
faulty_cluster(LullClusterThing thing, const char *items)
{
    LullClusterFacts *facts = good_cluster();

    if (items)
        set_items(facts, thing, items);
    else
        g_clear_pointer(&facts->items[thing], lull_json_put);
    facts->unserved[thing] = items == NULL;
    return facts;
}

static void
check_only(const GPtrArray *findings, const char *check)
{
    for (guint i = 0; i < findings->len; i++) {
        const LullFinding *each = findings->pdata[i];

        ck_assert_msg(g_str_equal(each->check, check), "%s: %s", each->check, each->what);
        ck_assert(each->subject && each->what && each->why && each->remedy);
    }
    ck_assert_uint_eq(findings->len, 1);
}

START_TEST(each_fault_is_found_alone_with_its_remedy)
{
    g_autoptr(LullClusterFacts) facts = faulty_cluster(rows[_i].thing, rows[_i].items);
    g_autoptr(GPtrArray) findings = lull_cluster_examine(facts);
    const LullFinding *finding;

    check_only(findings, rows[_i].check);
    finding = findings->pdata[0];
    ck_assert_int_eq(finding->severity, rows[_i].severity);
    ck_assert_str_eq(finding->subject, rows[_i].subject);
    ck_assert_msg(strstr(finding->what, rows[_i].what) != NULL, "%s", finding->what);
    ck_assert_msg(strstr(finding->remedy, rows[_i].remedy) != NULL, "%s", finding->remedy);
}
END_TEST

START_TEST(kind_that_is_not_served_is_found)
{
    g_autoptr(LullClusterFacts) facts = good_cluster();
    g_autoptr(GPtrArray) findings = NULL;

    lull_json_put(facts->kinds);
    facts->kinds = json(KINDS("virtualmachines"));
    findings = lull_cluster_examine(facts);
    check_only(findings, "kinds-missing");
    ck_assert(strstr(((const LullFinding *)findings->pdata[0])->what, "VirtualMachineRestore") != NULL);
}
END_TEST

START_TEST(cluster_without_any_of_it_is_told_what_to_apply)
{
    g_autoptr(LullClusterFacts) facts = lull_cluster_facts_new("shop", NULL);
    g_autoptr(GPtrArray) findings = NULL;

    facts->kinds = json("[]");
    for (guint thing = 0; thing < LULL_CLUSTER_N; thing++)
        facts->unserved[thing] = thing != LULL_CLUSTER_POLICIES && thing != LULL_CLUSTER_CLASSES;
    findings = lull_cluster_examine(facts);
    ck_assert_uint_eq(findings->len, 2);
    ck_assert_str_eq(((const LullFinding *)findings->pdata[0])->check, "kinds-missing");
    ck_assert_str_eq(((const LullFinding *)findings->pdata[1])->check, "not-looked-at");
}
END_TEST

START_TEST(nothing_is_found_where_nothing_is_wrong)
{
    g_autoptr(LullClusterFacts) facts = good_cluster();
    g_autoptr(GPtrArray) findings = lull_cluster_examine(facts);

    ck_assert_msg(findings->len == 0, "%s", ((const LullFinding *)findings->pdata[0])->what);
    ck_assert_uint_eq(lull_cluster_machines(facts), 1);
}
END_TEST

/* Whatever one thing is that may not be read, it is a note and no fault. */
START_TEST(what_may_not_be_read_is_a_note)
{
    g_autoptr(LullClusterFacts) facts = good_cluster();
    g_autoptr(GPtrArray) findings = NULL;

    g_clear_pointer(&facts->items[_i], lull_json_put);
    findings = lull_cluster_examine(facts);
    check_only(findings, "not-looked-at");
    ck_assert(strstr(((const LullFinding *)findings->pdata[0])->what, lull_cluster_things[_i].kind->plural) !=
              NULL);
    ck_assert(!lull_doctor_matters(findings));
}
END_TEST

START_TEST(others_than_the_machine_named_are_left_out)
{
    char name[] = "db";
    char *names[] = {name, NULL};
    g_autoptr(LullClusterFacts) facts = lull_cluster_facts_new("shop", names);
    g_autoptr(GPtrArray) findings = NULL;

    facts->kinds = json(KINDS("virtualmachinerestores"));
    facts->group = g_strdup(LULL_GROUP_SNAPSHOT_OWN);
    ck_assert(lull_clock_parse(NOW, &facts->now));
    for (guint thing = 0; thing < LULL_CLUSTER_N; thing++)
        set_items(facts, (LullClusterThing)thing,
                  thing == LULL_CLUSTER_INSTANCES ? INSTANCE("node-a", "False") : good[thing]);
    findings = lull_cluster_examine(facts);
    ck_assert_uint_eq(findings->len, 0);
    ck_assert_uint_eq(lull_cluster_machines(facts), 0);
}
END_TEST

START_TEST(nobody_puts_commands_into_what_others_paste)
{
    g_autoptr(LullClusterFacts) facts = faulty_cluster(
        LULL_CLUSTER_CLAIMS,
        CLAIM(",'annotations':{'volume.kubernetes.io/storage-provisioner':'other\\nEND\\nreboot'}"));
    g_autoptr(GPtrArray) findings = lull_cluster_examine(facts);

    ck_assert_uint_eq(findings->len, 0);
}
END_TEST

static gboolean
is_tried(const char *check)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_str_equal(rows[i].check, check))
            return TRUE;
    return g_str_equal(check, "kinds-missing") || g_str_equal(check, "not-looked-at");
}

START_TEST(every_check_is_tried)
{
    const LullClusterCheck *const tables[] = {lull_checks_of_install, lull_checks_of_machine};

    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
        for (const LullClusterCheck *check = tables[i]; check->name; check++)
            ck_assert_msg(is_tried(check->name), "%s", check->name);
}
END_TEST

/* Objects of any shape. */
static const char *const odd[] = {
    "7",
    "null",
    "{}",
    "'x'",
    "{'metadata':7,'spec':[],'status':'x'}",
    "{'metadata':{'name':'web','labels':7},'spec':{'template':[]},'status':[]}"};

START_TEST(objects_of_any_shape_harm_nobody)
{
    for (guint thing = 0; thing < LULL_CLUSTER_N; thing++) {
        g_autoptr(LullClusterFacts) facts = faulty_cluster((LullClusterThing)thing, odd[_i]);
        g_autoptr(GPtrArray) findings = lull_cluster_examine(facts);

        for (guint i = 0; i < findings->len; i++)
            ck_assert(((const LullFinding *)findings->pdata[i])->what != NULL);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("cluster");
    TCase *tests = tcase_create("all");

    tcase_add_loop_test(tests, each_fault_is_found_alone_with_its_remedy, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tests, kind_that_is_not_served_is_found);
    tcase_add_test(tests, cluster_without_any_of_it_is_told_what_to_apply);
    tcase_add_test(tests, nothing_is_found_where_nothing_is_wrong);
    tcase_add_loop_test(tests, what_may_not_be_read_is_a_note, 0, LULL_CLUSTER_N);
    tcase_add_test(tests, others_than_the_machine_named_are_left_out);
    tcase_add_test(tests, nobody_puts_commands_into_what_others_paste);
    tcase_add_test(tests, every_check_is_tried);
    tcase_add_loop_test(tests, objects_of_any_shape_harm_nobody, 0, G_N_ELEMENTS(odd));
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
