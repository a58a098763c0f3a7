/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/restore-host.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define CREATED "2026-03-01T10:00:00Z"
#define BEGUN   ",'status':{'complete':false}"

static gint64
at(int seconds)
{
    gint64 created = 0;

    lull_clock_parse(CREATED, &created);
    return created + LULL_SEC(seconds);
}

static LullJson *
restore(const char *spec, const char *status)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'back','namespace':'default','uid':'r1','creationTimestamp':'" CREATED
        "','finalizers':['snapshot.kubevirt.io/vmrestore-protection']},'spec':{'target':"
        "{'kind':'VirtualMachine','name':'larry'},'virtualMachineSnapshotName':'snap'%s}%s}",
        spec, status);

    return json(text);
}

static LullJson *
snapshot(const char *status)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'snap','namespace':'default','uid':'u1'},'status':{%s}}", status);

    return json(text);
}

static LullJson *
content(gboolean ready)
{
    return json(
        ready ? "{'metadata':{'name':'c','namespace':'default','uid':'c1'},'status':{'readyToUse':true},"
                "'spec':{'volumeBackups':[{'volumeName':'vda','volumeSnapshotName':'vs',"
                "'persistentVolumeClaim':{'metadata':{'name':'larry-vda'}}}]}}"
              : "{'metadata':{'name':'c','namespace':'default','uid':'c1'}}");
}

static LullJson *
vm(const char *state, const char *status)
{
    g_autofree char *text = g_strdup_printf("{'metadata':{'name':'larry','namespace':'default','uid':'v1'},"
                                            "'status':{'printableStatus':'%s'%s}}",
                                            state, status);

    return json(text);
}

static const char *
reason(const LullRestoreView *view, const char *type)
{
    g_autoptr(LullJson) object = json_object_new_object();

    lull_json_take(object, "status", lull_json_dup(view->status));
    return g_intern_string(lull_condition_reason(object, type));
}

#define WORK(state_, error_, permille_) (&(LullRestoreWorks){.data = {(state_), (error_), (permille_), 0}})

START_TEST(test_a_new_restore_is_initialised)
{
    g_autoptr(LullRestoreView) view =
        lull_restore_view_new(&lull_restore_host_rules, restore("", ""), NULL, NULL, vm("Running", ""),
                              WORK(LULL_WORK_NONE, NULL, 0), at(1));

    ck_assert_str_eq(reason(view, "Progressing"), "Initializing VirtualMachineRestore");
    ck_assert_str_eq(reason(view, "Ready"), "Initializing VirtualMachineRestore");
    ck_assert(!lull_json_bool(view->status, "complete", TRUE));
}
END_TEST

#define WAITING \
    "Waiting for target VM to be powered off. Please stop the restore target to proceed with restore"
#define GRACE                                                                                          \
    "Restore target failed to be ready within 5m0s. Please power off the target VM before attempting " \
    "restore"
#define OFF "Restore target VMI must be powered off before restore operation"

static const struct {
    const char *spec;
    const char *vm_state; /* NULL: no such VM */
    int now;
    const char *reason; /* how it begins */
    gboolean failed;
} targets[] = {
    {"", "Running", 1, WAITING ", or the operation will fail after 5m0s", FALSE},
    {"", "Paused", 1, WAITING ", or the operation will fail after 5m0s", FALSE},
    {"", "Running", 300, WAITING ", or the operation will fail after 5m0s", FALSE},
    {"", "Running", 301, GRACE, TRUE},
    /* what does not run is not waited for */
    {"", NULL, 301, "VMSnapshot default/snap does not exist", FALSE},
    {",'targetReadinessPolicy':'StopTarget'", NULL, 1, "VMSnapshot default/snap does not exist", FALSE},
    {",'targetReadinessPolicy':'FailImmediate'", NULL, 1, "VMSnapshot default/snap does not exist", FALSE},
    /* nor refused by what may be meant for a new one, before that is known */
    {",'patches':['x']", NULL, 1, "VMSnapshot default/snap does not exist", FALSE},
    {",'targetReadinessPolicy':'WaitEventually'", "Running", 9999, WAITING, FALSE},
    {",'targetReadinessPolicy':'FailImmediate'", "Running", 0, OFF, TRUE},
    {",'volumeRestorePolicy':'InPlace'", "Running", 1, WAITING, FALSE},
    {",'volumeRestorePolicy':'RandomizeNames'", "Stopped", 1, "spec.volumeRestorePolicy: RandomizeNames",
     TRUE},
    {",'volumeRestorePolicy':'PrefixTargetName'", "Stopped", 1, "spec.volumeRestorePolicy: PrefixTargetName",
     TRUE},
    {",'volumeOwnershipPolicy':'VM'", "Stopped", 1, "VMSnapshot default/snap does not exist", FALSE},
    {",'volumeOwnershipPolicy':'None'", "Stopped", 1, "spec.volumeOwnershipPolicy: None", TRUE},
    {",'volumeRestoreOverrides':[{'volumeName':'x'}]", "Stopped", 1, "spec.volumeRestoreOverrides:", TRUE},
    {",'patches':['x']", "Stopped", 1, "spec.patches:", TRUE},
};

START_TEST(test_tells_how_it_stands_with_the_target)
{
    LullJson *target = targets[_i].vm_state ? vm(targets[_i].vm_state, "") : NULL;
    g_autoptr(LullRestoreView) view =
        lull_restore_view_new(&lull_restore_host_rules, restore(targets[_i].spec, BEGUN), NULL, NULL, target,
                              WORK(LULL_WORK_NONE, NULL, 0), at(targets[_i].now));

    ck_assert_int_eq(view->failed, targets[_i].failed);
    ck_assert_msg(g_str_has_prefix(reason(view, "Progressing"), targets[_i].reason), "%s",
                  reason(view, "Progressing"));
    if (view->failed) {
        ck_assert_str_eq(reason(view, "Failure"), reason(view, "Ready"));
        ck_assert_str_eq(reason(view, "Failure"), reason(view, "Progressing"));
    } else {
        ck_assert_ptr_null(reason(view, "Failure"));
    }
}
END_TEST

#define GOOD "'phase':'Succeeded','readyToUse':true,'virtualMachineSnapshotContentName':'c'"

static const struct {
    const char *snapshot; /* NULL: none */
    gboolean has_content, content_ready;
    const char *vm_status;
    const char *problem; /* NULL: none */
    gboolean queued;     /* it passes without anybody's help */
} waits[] = {
    {NULL, FALSE, FALSE, "", "VMSnapshot default/snap does not exist"},
    {"'phase':'Failed'", FALSE, FALSE, "", "VMSnapshot default/snap failed and is invalid to use"},
    {"'phase':'InProgress','readyToUse':false", FALSE, FALSE, "", "VMSnapshot default/snap not ready", TRUE},
    {"'phase':'InProgress','error':{'message':'no room'}", FALSE, FALSE, "",
     "VMSnapshot default/snap not ready"},
    {"'phase':'Succeeded','readyToUse':true", FALSE, FALSE, "", "no snapshot content name in default/snap"},
    {GOOD, FALSE, FALSE, "", "VMSnapshotContent default/c does not exist"},
    {GOOD, TRUE, FALSE, "", "VMSnapshotContent default/c not ready", TRUE},
    {GOOD, TRUE, TRUE, ",'restoreInProgress':'other'", "vm restore other in progress", TRUE},
    {GOOD, TRUE, TRUE, ",'snapshotInProgress':'snap2'", "vm snapshot snap2 in progress", TRUE},
    {GOOD, TRUE, TRUE, "", NULL},
};

START_TEST(test_waits_for_a_whole_snapshot_and_a_free_target)
{
    g_autoptr(LullRestoreView) view =
        lull_restore_view_new(&lull_restore_host_rules, restore("", BEGUN),
                              waits[_i].snapshot ? snapshot(waits[_i].snapshot) : NULL,
                              waits[_i].has_content ? content(waits[_i].content_ready) : NULL,
                              vm("Stopped", waits[_i].vm_status), WORK(LULL_WORK_NONE, NULL, 0), at(1));

    ck_assert(!view->failed);
    ck_assert_int_eq(view->snapshot_ready && !view->other_locked, waits[_i].problem == NULL);
    ck_assert_int_eq(view->queued, waits[_i].queued);
    if (waits[_i].problem)
        ck_assert_str_eq(reason(view, "Progressing"), waits[_i].problem);
}
END_TEST

START_TEST(test_looks_at_the_snapshot_before_it_stops_a_target)
{
    const char *stop = ",'targetReadinessPolicy':'StopTarget'";
    g_autoptr(LullRestoreView) view =
        lull_restore_view_new(&lull_restore_host_rules, restore(stop, BEGUN),
                              waits[_i].snapshot ? snapshot(waits[_i].snapshot) : NULL,
                              waits[_i].has_content ? content(waits[_i].content_ready) : NULL,
                              vm("Running", waits[_i].vm_status), WORK(LULL_WORK_NONE, NULL, 0), at(1));

    ck_assert_int_eq(view->snapshot_ready && !view->other_locked, waits[_i].problem == NULL);
    ck_assert_str_eq(reason(view, "Progressing"),
                     waits[_i].problem ? waits[_i].problem
                                       : "Automatically stopping restore target for restore operation");
}
END_TEST

START_TEST(test_writes_the_plan_once_the_target_is_its_own)
{
    g_autoptr(LullRestoreView) view = lull_restore_view_new(
        &lull_restore_host_rules, restore("", BEGUN), snapshot(GOOD), content(TRUE),
        vm("Stopped", ",'restoreInProgress':'back'"), WORK(LULL_WORK_RUNNING, NULL, 0), at(1));

    ck_assert_str_eq(lull_json_to_line(lull_json_array(view->status, "restores")),
                     "[{\"volumeName\":\"vda\",\"persistentVolumeClaim\":\"larry-vda\","
                     "\"volumeSnapshotName\":\"vs\"}]");
    ck_assert_str_eq(reason(view, "Progressing"), "Creating new PVCs");
    ck_assert_str_eq(reason(view, "Ready"), "Waiting for new PVCs");
}
END_TEST

/* A whole snapshot of @name, and its content. */
static LullJson *
snapshot_of(const char *name)
{
    LullJson *object = snapshot(GOOD);

    lull_json_set_string(lull_json_ensure(lull_json_ensure(object, "spec"), "source"), "name", name);
    return object;
}

static LullJson *
content_of(const char *name, const char *uid)
{
    LullJson *object = content(TRUE);
    LullJson *source =
        lull_json_ensure(lull_json_ensure(lull_json_object(object, "spec"), "source"), "virtualMachine");
    LullJson *meta = lull_json_ensure(source, "metadata");

    lull_json_set_string(meta, "name", name);
    lull_json_set_string(meta, "uid", uid);
    return object;
}

#define PLANNED ",'status':{'complete':false,'restores':[{'volumeName':'vda'}]}"

static const char *const policies[] = {"", ",'targetReadinessPolicy':'WaitEventually'",
                                       ",'targetReadinessPolicy':'StopTarget'",
                                       ",'targetReadinessPolicy':'FailImmediate'"};

START_TEST(test_a_target_that_is_gone_is_ready_at_once_and_gets_its_uid_back)
{
    g_autoptr(LullRestoreView) fresh =
        lull_restore_view_new(&lull_restore_host_rules, restore(policies[_i], ""), snapshot_of("larry"),
                              content_of("larry", "v1"), NULL, WORK(LULL_WORK_NONE, NULL, 0), at(9999));
    g_autoptr(LullRestoreView) begun =
        lull_restore_view_new(&lull_restore_host_rules, restore(policies[_i], BEGUN), snapshot_of("larry"),
                              content_of("larry", "v1"), NULL, WORK(LULL_WORK_NONE, NULL, 0), at(9999));

    ck_assert(!fresh->failed && !lull_json_array(fresh->status, "restores"));
    ck_assert(!begun->failed && !begun->target_exists && begun->target_stopped && begun->snapshot_ready);
    ck_assert_str_eq(begun->vm_uid, "v1");
    /* recorded before it is begun with */
    ck_assert(!begun->planned && begun->status_stale);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(begun->status, "restores")), 1);
}
END_TEST

START_TEST(test_what_is_recorded_of_a_target_that_is_gone_is_gone_on_with)
{
    LullJson *object = restore("", "");
    g_autoptr(LullRestoreView) begun =
        lull_restore_view_new(&lull_restore_host_rules, restore("", BEGUN), snapshot_of("larry"),
                              content_of("larry", "v1"), NULL, WORK(LULL_WORK_NONE, NULL, 0), at(1));
    g_autoptr(LullRestoreView) view = NULL;

    lull_json_take(object, "status", lull_json_dup(begun->status));
    view = lull_restore_view_new(&lull_restore_host_rules, object, snapshot_of("larry"),
                                 content_of("larry", "v1"), NULL, WORK(LULL_WORK_NONE, NULL, 0), at(2));
    ck_assert(view->planned && !view->status_stale && !view->failed);
}
END_TEST

static const struct {
    const char *source, *uid; /* of the snapshot's machine */
    gboolean target_exists;   /* larry, v1 */
    const char *failure;      /* NULL: none */
} others[] = {
    {"larry", "v1", TRUE, NULL},
    {"larry", "v1", FALSE, NULL},
    {"moe", "v2", FALSE, NULL},
    {"moe", "v2", TRUE, "name its own as the target"},
    {"larry", "v2", TRUE, "rename that one (virsh domrename)"},
};

START_TEST(test_a_snapshot_goes_back_to_its_own_machine_only)
{
    for (int running = 0; running < 2; running++) {
        LullJson *target = others[_i].target_exists ? vm(running ? "Running" : "Stopped", "") : NULL;
        g_autoptr(LullRestoreView) view = lull_restore_view_new(
            &lull_restore_host_rules, restore("", BEGUN), snapshot_of(others[_i].source),
            content_of(others[_i].source, others[_i].uid), target, WORK(LULL_WORK_NONE, NULL, 0), at(1));

        ck_assert_int_eq(view->failed, others[_i].failure != NULL);
        if (view->failed) {
            ck_assert_msg(strstr(reason(view, "Failure"), others[_i].failure) != NULL, "%s",
                          reason(view, "Failure"));
            ck_assert_ptr_null(lull_json_array(view->status, "restores"));
        }
    }
}
END_TEST

static const struct {
    const char *vm_state;
    LullWork data;
    gboolean failed;
} back[] = {
    {"Stopped", LULL_WORK_NONE, FALSE}, {"Stopped", LULL_WORK_RUNNING, FALSE},
    {"Running", LULL_WORK_NONE, TRUE},  {"Running", LULL_WORK_FAILED, TRUE},
    {"Running", LULL_WORK_DONE, FALSE},
};

START_TEST(test_a_new_machine_has_the_restores_uid_and_names_of_its_own)
{
    LullJson *object = restore("", BEGUN);
    g_autoptr(LullRestoreView) view =
        lull_restore_view_new(&lull_restore_host_rules, object, snapshot_of("moe"), content_of("moe", "v2"),
                              NULL, WORK(LULL_WORK_NONE, NULL, 0), at(1));
    LullJson *rows = lull_json_array(view->status, "restores");

    ck_assert(!view->failed && view->target_stopped && !view->written);
    ck_assert_str_eq(view->vm_uid, "r1");
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(rows, 0), "persistentVolumeClaim", ""),
                     "larry-vda");
}
END_TEST

START_TEST(test_a_new_machine_that_is_there_is_this_restores_whatever_it_does)
{
    static const char *const states[] = {"Stopped", "Running"};
    LullJson *machine = vm(states[_i], "");
    g_autoptr(LullRestoreView) view = NULL;

    lull_json_set_string(lull_json_ensure(machine, "metadata"), "uid", "r1");
    view = lull_restore_view_new(&lull_restore_host_rules, restore("", PLANNED), snapshot_of("moe"),
                                 content_of("moe", "v2"), machine, WORK(LULL_WORK_NONE, NULL, 0), at(9999));
    ck_assert(!view->failed && view->written);
    ck_assert_str_eq(view->vm_uid, "r1");
}
END_TEST

START_TEST(test_a_target_that_was_defined_again_and_started_under_it_fails_it)
{
    g_autoptr(GError) busy = g_error_new_literal(LULL_ERROR, LULL_ERROR_BUSY, "it runs");
    g_autoptr(LullRestoreView) view = lull_restore_view_new(
        &lull_restore_host_rules, restore(",'targetReadinessPolicy':'WaitEventually'", PLANNED),
        snapshot_of("larry"), content_of("larry", "v1"), vm(back[_i].vm_state, ""),
        WORK(back[_i].data, back[_i].data == LULL_WORK_FAILED ? busy : NULL, 0), at(5));

    ck_assert_int_eq(view->failed, back[_i].failed);
    if (view->failed)
        ck_assert_str_eq(reason(view, "Failure"), "the target was started while the restore was under way");
}
END_TEST

START_TEST(test_tells_how_much_of_the_data_is_there)
{
    static const struct {
        guint64 bytes;
        const char *progress;
    } cases[] = {
        {0, "{\"step\":\"restoring\",\"permille\":500}"},
        {4000, "{\"step\":\"restoring\",\"permille\":500,\"bytes\":2000,\"ofBytes\":4000}"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const LullRestoreWorks works = {
            .data = {.state = LULL_WORK_RUNNING, .permille = 508, .bytes = cases[i].bytes}};
        g_autoptr(LullRestoreView) view =
            lull_restore_view_new(&lull_restore_host_rules, restore("", PLANNED), snapshot_of("larry"),
                                  content_of("larry", "v1"), vm("Stopped", ""), &works, at(1));

        ck_assert_str_eq(view->progress, cases[i].progress);
    }
}
END_TEST

START_TEST(test_is_complete_when_the_data_is_there)
{
    g_autoptr(LullRestoreView) view = lull_restore_view_new(
        &lull_restore_host_rules, restore("", BEGUN), snapshot(GOOD), content(TRUE),
        vm("Stopped", ",'restoreInProgress':'back'"), WORK(LULL_WORK_DONE, NULL, 0), at(5));
    LullJson *object = restore("", "");
    g_autoptr(LullRestoreView) later = NULL;

    ck_assert(view->complete);
    ck_assert_str_eq(lull_json_string(view->status, "restoreTime", ""), "2026-03-01T10:00:05Z");
    ck_assert_str_eq(reason(view, "Ready"), "Operation complete");
    lull_json_take(object, "status", lull_json_dup(view->status));
    later = lull_restore_view_new(&lull_restore_host_rules, object, NULL, NULL, vm("Running", ""),
                                  WORK(LULL_WORK_NONE, NULL, 0), at(900));
    ck_assert(later->complete && !later->failed && !later->status_stale);
}
END_TEST

START_TEST(test_tells_that_what_a_tpm_held_is_not_brought_back)
{
    LullJson *object = content(TRUE);
    g_autoptr(LullRestoreView) view = NULL;
    LullJson *ready = NULL;

    lull_json_take(
        lull_json_object(object, "spec"), "source",
        json("{'virtualMachine':{'metadata':{'name':'larry','uid':'v1'},'spec':{'template':{'spec':{"
             "'domain':{'devices':{'tpm':{'persistent':true}}}}}}}}"));
    view = lull_restore_view_new(&lull_restore_host_rules, restore("", BEGUN), snapshot(GOOD), object,
                                 vm("Stopped", ",'restoreInProgress':'back'"), WORK(LULL_WORK_DONE, NULL, 0),
                                 at(5));
    ready = json_object_array_get_idx(lull_json_array(view->status, "conditions"), 1);
    ck_assert_str_eq(lull_json_string(ready, "type", ""), "Ready");
    ck_assert_ptr_nonnull(strstr(lull_json_string(ready, "message", ""), "what its TPM held is not"));
}
END_TEST

START_TEST(test_an_error_of_the_data_fails_it_only_where_waiting_cannot_help)
{
    g_autoptr(GError) busy = g_error_new_literal(LULL_ERROR, LULL_ERROR_BUSY, "image in use");
    g_autoptr(GError) invalid = g_error_new_literal(LULL_ERROR, LULL_ERROR_INVALID, "other disks");
    g_autoptr(LullRestoreView) retried = lull_restore_view_new(
        &lull_restore_host_rules, restore("", BEGUN), snapshot(GOOD), content(TRUE),
        vm("Stopped", ",'restoreInProgress':'back'"), WORK(LULL_WORK_FAILED, busy, 0), at(5));
    g_autoptr(LullRestoreView) failed = lull_restore_view_new(
        &lull_restore_host_rules, restore("", BEGUN), snapshot(GOOD), content(TRUE),
        vm("Stopped", ",'restoreInProgress':'back'"), WORK(LULL_WORK_FAILED, invalid, 0), at(5));

    ck_assert(!retried->failed && failed->failed);
    ck_assert_str_eq(reason(retried, "Progressing"), "image in use");
    ck_assert(!retried->queued);
    ck_assert_str_eq(reason(failed, "Failure"), "other disks");
}
END_TEST

static const struct {
    const char *vm_state;
    LullWork data;
    gboolean failed;
} begun[] = {
    {"Stopped", LULL_WORK_NONE, FALSE},    {"Stopped", LULL_WORK_RUNNING, FALSE},
    {"Running", LULL_WORK_RUNNING, FALSE}, {"Running", LULL_WORK_NONE, TRUE},
    {"Running", LULL_WORK_FAILED, TRUE},   {"Paused", LULL_WORK_NONE, TRUE},
    {"Running", LULL_WORK_DONE, FALSE},
};

START_TEST(test_a_target_that_was_started_under_it_fails_it)
{
    g_autoptr(GError) busy = g_error_new_literal(LULL_ERROR, LULL_ERROR_BUSY, "it runs");
    g_autoptr(LullRestoreView) view = lull_restore_view_new(
        &lull_restore_host_rules, restore("", BEGUN), snapshot(GOOD), content(TRUE),
        vm(begun[_i].vm_state, ",'restoreInProgress':'back'"),
        WORK(begun[_i].data, begun[_i].data == LULL_WORK_FAILED ? busy : NULL, 0), at(5));

    ck_assert_int_eq(view->failed, begun[_i].failed);
    if (view->failed)
        ck_assert_str_eq(reason(view, "Failure"), "the target was started while the restore was under way");
}
END_TEST

START_TEST(test_tells_why_a_target_cannot_be_stopped)
{
    g_autoptr(GError) transient = g_error_new(LULL_ERROR, LULL_ERROR_UNSUPPORTED, "it is transient");
    const LullRestoreWorks works = {.shut_down = {LULL_WORK_FAILED, transient, 0, 0}};
    g_autoptr(LullRestoreView) view = lull_restore_view_new(
        &lull_restore_host_rules, restore(",'targetReadinessPolicy':'StopTarget'", BEGUN), snapshot(GOOD),
        content(TRUE), vm("Running", ""), &works, at(5));

    ck_assert(!view->failed);
    ck_assert_str_eq(reason(view, "Ready"), "it is transient");
    ck_assert_str_eq(view->work_error, "it is transient");
}
END_TEST

START_TEST(test_a_target_is_started_only_where_that_is_noted)
{
    static const struct {
        const char *spec, *annotation;
        gboolean start;
    } notes[] = {
        {",'targetReadinessPolicy':'StopTarget'", NULL, FALSE},
        {",'targetReadinessPolicy':'StopTarget'", "true", TRUE},
        {",'targetReadinessPolicy':'StopTarget'", "started", FALSE},
        {",'targetReadinessPolicy':'StopTarget'", "failed: no memory", FALSE},
        /* nobody stopped it, and whoever noted that is not the coordinator */
        {"", "true", FALSE},
        {",'targetReadinessPolicy':'WaitEventually'", "true", FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(notes); i++) {
        LullJson *object = restore(notes[i].spec, BEGUN);
        LullJson *annotations = lull_json_ensure(lull_json_object(object, "metadata"), "annotations");
        g_autoptr(LullRestoreView) view = NULL;

        lull_json_set_string(annotations, LULL_ANNOTATION_START_TARGET, notes[i].annotation);
        view = lull_restore_view_new(&lull_restore_host_rules, object, NULL, NULL, vm("Stopped", ""),
                                     WORK(LULL_WORK_DONE, NULL, 0), at(5));
        ck_assert_int_eq(view->start_target, notes[i].start);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-view");
    TCase *tcase = tcase_create("restore-view");

    tcase_add_test(tcase, test_a_new_restore_is_initialised);
    tcase_add_loop_test(tcase, test_tells_how_it_stands_with_the_target, 0, G_N_ELEMENTS(targets));
    tcase_add_loop_test(tcase, test_waits_for_a_whole_snapshot_and_a_free_target, 0, G_N_ELEMENTS(waits));
    tcase_add_loop_test(tcase, test_looks_at_the_snapshot_before_it_stops_a_target, 0, G_N_ELEMENTS(waits));
    tcase_add_test(tcase, test_writes_the_plan_once_the_target_is_its_own);
    tcase_add_loop_test(tcase, test_a_target_that_is_gone_is_ready_at_once_and_gets_its_uid_back, 0,
                        G_N_ELEMENTS(policies));
    tcase_add_test(tcase, test_what_is_recorded_of_a_target_that_is_gone_is_gone_on_with);
    tcase_add_loop_test(tcase, test_a_snapshot_goes_back_to_its_own_machine_only, 0, G_N_ELEMENTS(others));
    tcase_add_test(tcase, test_a_new_machine_has_the_restores_uid_and_names_of_its_own);
    tcase_add_loop_test(tcase, test_a_new_machine_that_is_there_is_this_restores_whatever_it_does, 0, 2);
    tcase_add_loop_test(tcase, test_a_target_that_was_defined_again_and_started_under_it_fails_it, 0,
                        G_N_ELEMENTS(back));
    tcase_add_test(tcase, test_tells_how_much_of_the_data_is_there);
    tcase_add_test(tcase, test_is_complete_when_the_data_is_there);
    tcase_add_test(tcase, test_tells_that_what_a_tpm_held_is_not_brought_back);
    tcase_add_test(tcase, test_an_error_of_the_data_fails_it_only_where_waiting_cannot_help);
    tcase_add_loop_test(tcase, test_a_target_that_was_started_under_it_fails_it, 0, G_N_ELEMENTS(begun));
    tcase_add_test(tcase, test_tells_why_a_target_cannot_be_stopped);
    tcase_add_test(tcase, test_a_target_is_started_only_where_that_is_noted);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
