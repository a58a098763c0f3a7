/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-view.h"
#include "coordinator/reconcile/offline-vm.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define OWN       "snapshot.lull.dev"
#define KV        "snapshot.kubevirt.io"
#define PROTECTED "'finalizers':['" OWN "/snapshot-source-protection']"

static const struct {
    const char *group, *text, *owner;
} locks[] = {
    {OWN, "nightly.snapshot.lull.dev", "nightly"},
    {OWN, "nightly", "snapshot.kubevirt.io/nightly"},
    {KV, "nightly", "nightly"},
    {KV, "nightly.snapshot.lull.dev", "snapshot.lull.dev/nightly"},
};

START_TEST(test_locks_of_either_controller_are_told_apart)
{
    g_autofree char *owner = lull_machine_lock_owner(locks[_i].group, locks[_i].text);

    ck_assert_str_eq(owner, locks[_i].owner);
    if (!strchr(owner, '/')) {
        g_autofree char *text = lull_machine_lock_text(locks[_i].group, owner);

        ck_assert_str_eq(text, locks[_i].text);
    }
}
END_TEST

static LullJson *
machine(const char *meta, const char *status)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'larry','namespace':'shop','uid':'u','resourceVersion':'5'%s},'status':{%s}}",
        meta, status);

    return json(text);
}

static LullJson *
instance(const char *status)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachineInstance','metadata':{'name':'larry',"
        "'namespace':'shop','uid':'i'},'spec':{},'status':{%s}}",
        status);

    return json(text);
}

static const char *
status_of(LullJson *vm, const char *key)
{
    return lull_json_string(lull_json_object(vm, "status"), key, NULL);
}

START_TEST(test_a_machine_without_an_instance_is_off)
{
    g_autoptr(LullJson) vm = machine("", "'printableStatus':'Starting'");

    lull_machine_look(vm, NULL, OWN);
    ck_assert_str_eq(status_of(vm, "printableStatus"), "Stopped");
    ck_assert_ptr_null(status_of(vm, "nodeName"));
}
END_TEST

static const struct {
    const char *spec, *status, *phase; /* of its instance; NULL: there is none */
    LullVmEnd end;
} ends[] = {
    {"'runStrategy':'Halted'", "'printableStatus':'Stopped'", NULL, LULL_VM_END_SHUTDOWN},
    {"'runStrategy':'Manual'", "'printableStatus':'Stopped'", NULL, LULL_VM_END_SHUTDOWN},
    {"'running':false", "'printableStatus':'Stopped'", NULL, LULL_VM_END_SHUTDOWN},
    /* nobody asked it to end */
    {"'runStrategy':'Always'", "'printableStatus':'Stopped'", NULL, LULL_VM_END_UNSEEN},
    {"'runStrategy':'RerunOnFailure'", "'printableStatus':'Stopped'", NULL, LULL_VM_END_UNSEEN},
    {"'runStrategy':'Once'", "'printableStatus':'Stopped'", NULL, LULL_VM_END_UNSEEN},
    {"'running':true", "'printableStatus':'Stopped'", NULL, LULL_VM_END_UNSEEN},
    {"", "'printableStatus':'Stopped'", NULL, LULL_VM_END_UNSEEN},
    /* nobody says that it did */
    {"'runStrategy':'Halted'", "'printableStatus':'Stopping'", NULL, LULL_VM_END_UNSEEN},
    {"'runStrategy':'Halted'", "'printableStatus':'CrashLoopBackOff'", NULL, LULL_VM_END_UNSEEN},
    {"'runStrategy':'Halted'", "", NULL, LULL_VM_END_UNSEEN},
    {"'runStrategy':'Always'", "'end':'stopped'", NULL, LULL_VM_END_UNSEEN},
    /* it did, and is looked at before it is run again, or taken away */
    {"'runStrategy':'Always'", "", "Succeeded", LULL_VM_END_SHUTDOWN},
    {"'runStrategy':'Halted'", "'printableStatus':'Stopped'", "Failed", LULL_VM_END_CRASHED},
};

START_TEST(test_a_machine_that_is_off_was_stopped_only_where_somebody_can_say_so)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'larry','namespace':'shop','uid':'u'},'spec':{%s},'status':{%s}}", ends[_i].spec,
        ends[_i].status);
    g_autofree char *phase = g_strdup_printf("'phase':'%s','nodeName':'node-a'", ends[_i].phase);
    g_autoptr(LullJson) vm = json(text);
    g_autoptr(LullJson) vmi = ends[_i].phase ? instance(phase) : NULL;

    lull_machine_look(vm, vmi, OWN);
    ck_assert_str_eq(status_of(vm, "printableStatus"), "Stopped");
    ck_assert_ptr_null(status_of(vm, "nodeName"));
    ck_assert_int_eq(lull_machine_end(vm), ends[_i].end);
}
END_TEST

START_TEST(test_whoever_is_gone_is_not_known_to_have_been_stopped)
{
    ck_assert_int_eq(lull_machine_end(NULL), LULL_VM_END_UNSEEN);
}
END_TEST

static const char *
life_of(const char *meta, const char *vmi)
{
    g_autoptr(LullJson) vm = machine(meta, "'life':'mine'");
    g_autoptr(LullJson) over = vmi ? instance("'phase':'Succeeded'") : NULL;

    if (over)
        lull_json_set_string(lull_json_object(over, "metadata"), "uid", vmi);
    lull_machine_look(vm, over, OWN);
    return g_intern_string(status_of(vm, LULL_MACHINE_LIFE));
}

START_TEST(test_a_machine_that_was_started_changed_or_made_again_has_another_life)
{
    static const struct {
        const char *meta, *vmi;
    } lives[] = {{",'generation':3", NULL},
                 {",'generation':4", NULL},
                 {",'generation':3,'uid':'another'", NULL},
                 {",'generation':3", "i-1"},
                 {",'generation':3", "i-2"}};

    for (gsize i = 0; i < G_N_ELEMENTS(lives); i++)
        for (gsize k = 0; k < G_N_ELEMENTS(lives); k++)
            ck_assert((life_of(lives[i].meta, lives[i].vmi) == life_of(lives[k].meta, lives[k].vmi)) ==
                      (i == k));
}
END_TEST

static const struct {
    const char *status, *node, *state;
} instances[] = {
    {"'phase':'Running','nodeName':'node-a'", "node-a", "Running"},
    {"'phase':'Running','nodeName':'node-a','conditions':[{'type':'Paused','status':'True'}]", "node-a",
     "Paused"},
    {"'phase':'Scheduling'", "", "Running"},
    {"'phase':'Running','nodeName':'node-a','migrationState':{'startTimestamp':'2026-01-01T00:00:00Z'}", "",
     "Running"},
    {"'phase':7", "", "Running"},
};

START_TEST(test_a_machine_is_where_its_instance_runs)
{
    g_autoptr(LullJson) vm = machine("", "");
    g_autoptr(LullJson) vmi = instance(instances[_i].status);

    lull_machine_look(vm, vmi, OWN);
    ck_assert_str_eq(status_of(vm, "nodeName"), instances[_i].node);
    ck_assert_str_eq(status_of(vm, "printableStatus"), instances[_i].state);
}
END_TEST

START_TEST(test_nobody_says_of_himself_what_we_say_of_him)
{
    g_autoptr(LullJson) vm = machine("", "'nodeName':'evil','lockLoose':true");

    lull_machine_look(vm, NULL, OWN);
    ck_assert_ptr_null(status_of(vm, "nodeName"));
    ck_assert(!lull_json_bool(lull_json_object(vm, "status"), "lockLoose", FALSE));
}
END_TEST

static const struct {
    const char *meta, *status, *wanted;
    const char *status_patch; /* NULL: no write */
    gboolean metadata, metadata_first;
} plans[] = {
    {"", "", "'snapshotInProgress':'s','restoreInProgress':null", "{\"snapshotInProgress\":\"s." OWN "\"}",
     TRUE, FALSE},
    /* half locked, by who died meanwhile: the rest */
    {"", "'snapshotInProgress':'s." OWN "'", "'snapshotInProgress':'s'", NULL, TRUE, FALSE},
    {"," PROTECTED, "'snapshotInProgress':'s." OWN "'", "'snapshotInProgress':'s'", NULL, FALSE, FALSE},
    {"," PROTECTED, "'snapshotInProgress':'s." OWN "'", "'snapshotInProgress':null",
     "{\"snapshotInProgress\":null}", TRUE, TRUE},
    {"", "'snapshotInProgress':'s." OWN "'", "'snapshotInProgress':null", "{\"snapshotInProgress\":null}",
     FALSE, TRUE},
    {"", "", "'restoreInProgress':'r'", "{\"restoreInProgress\":\"r." OWN "\"}", FALSE, FALSE},
};

START_TEST(test_writes_what_is_missing_and_no_more)
{
    g_autoptr(LullJson) vm = machine(plans[_i].meta, plans[_i].status);
    g_autofree char *text = g_strdup_printf("{'status':{%s}}", plans[_i].wanted);
    g_autoptr(LullJson) patch = json(text);
    g_auto(LullMachineWrites) writes = lull_machine_plan(vm, patch, OWN);

    if (plans[_i].status_patch)
        ck_assert_str_eq(lull_json_to_line(lull_json_object(writes.status, "status")),
                         plans[_i].status_patch);
    else
        ck_assert_ptr_null(writes.status);
    ck_assert_int_eq(writes.metadata != NULL, plans[_i].metadata);
    ck_assert_int_eq(writes.metadata_first, plans[_i].metadata_first);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("machine-view");
    TCase *tcase = tcase_create("machine-view");

    tcase_add_loop_test(tcase, test_locks_of_either_controller_are_told_apart, 0, G_N_ELEMENTS(locks));
    tcase_add_test(tcase, test_a_machine_without_an_instance_is_off);
    tcase_add_loop_test(tcase, test_a_machine_is_where_its_instance_runs, 0, G_N_ELEMENTS(instances));
    tcase_add_loop_test(tcase, test_a_machine_that_is_off_was_stopped_only_where_somebody_can_say_so, 0,
                        G_N_ELEMENTS(ends));
    tcase_add_test(tcase, test_whoever_is_gone_is_not_known_to_have_been_stopped);
    tcase_add_test(tcase, test_a_machine_that_was_started_changed_or_made_again_has_another_life);
    tcase_add_test(tcase, test_nobody_says_of_himself_what_we_say_of_him);
    tcase_add_loop_test(tcase, test_writes_what_is_missing_and_no_more, 0, G_N_ELEMENTS(plans));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
