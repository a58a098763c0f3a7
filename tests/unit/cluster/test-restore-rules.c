/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-place.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/restore-decide.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* What a restore in a cluster may be. */

#define RULES (&lull_restore_cluster_rules)
#define UID   "0b0ac0de-0000-4000-8000-000000000001"

#define OFF "'printableStatus':'Stopped'"

static LullJson *
restore(const char *more)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'back','namespace':'shop','uid':'" UID
                        "','finalizers':['snapshot.kubevirt.io/vmrestore-protection']},"
                        "'spec':{'target':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':'larry'},"
                        "'virtualMachineSnapshotName':'snap'%s},'status':{'complete':false}}",
                        more);

    return json(text);
}

static LullJson *
snapshot(void)
{
    return json(
        "{'metadata':{'name':'snap','namespace':'shop'},'status':{'readyToUse':true,'phase':'Succeeded',"
        "'virtualMachineSnapshotContentName':'c'}}");
}

/* @more: of the machine's domain; it has two disks. */
static LullJson *
content(const char *more)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'c','namespace':'shop','uid':'c1'},'status':{'readyToUse':true},'spec':{"
        "'source':{'virtualMachine':{'metadata':{'name':'larry','uid':'v1'},'spec':{'template':{'spec':{"
        "'domain':{'devices':{%s}},'volumes':[{'name':'root','persistentVolumeClaim':{'claimName':'a'}},"
        "{'name':'data','persistentVolumeClaim':{'claimName':'b'}},"
        "{'name':'more','persistentVolumeClaim':{'claimName':'d'}}]}}}}},'volumeBackups':["
        "{'volumeName':'root','volumeSnapshotName':'vs-a','persistentVolumeClaim':{'metadata':{'name':'a'}}},"
        "{'volumeName':'data','volumeSnapshotName':'vs-b','persistentVolumeClaim':{'metadata':{'name':'b'}}}]"
        "}}",
        more);

    return json(text);
}

static LullJson *
target(const char *uid, const char *annotations)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'larry','namespace':'shop','uid':'%s','annotations':{%s}},"
                        "'spec':{'runStrategy':'Halted'},'status':{" OFF "}}",
                        uid, annotations);

    return json(text);
}

static LullRestoreView *
view_of(LullJson *take_restore, LullJson *take_content, LullJson *take_vm)
{
    const LullRestoreWorks works = {0};

    return lull_restore_view_new(RULES, take_restore, snapshot(), take_content, take_vm, &works, 1);
}

#define BAD_PATCH ",'patches':['{\\\"op\\\":\\\"test\\\",\\\"path\\\":\\\"/spec/a\\\",\\\"value\\\":1}']"

static const struct {
    const char *spec;
    const char *domain;
    const char *uid; /* of the target; NULL: it is not there */
    const char *annotations;
    const char *failure; /* NULL: it may be */
} rows[] = {
    {"", "", "v1", "", NULL},
    {"", "", NULL, "", NULL},
    {"", "", "v2", "", "restore source and restore target are different but restore target already exists"},
    {"", "", "v2", "'restore.kubevirt.io/lastRestoreUID':'back-" UID "'", NULL}, /* made by it */
    {"", "", "v2", "'restore.lull.dev/original-uid':'v1'", NULL}, /* lost, and brought back since */
    {"", "", "v2", "'restore.lull.dev/original-uid':'v0'",
     "restore source and restore target are different but restore target already exists"},
    {BAD_PATCH, "", NULL, "", "error patching VM larry: "},
    {BAD_PATCH, "", "v1", "", NULL},
    {",'volumeRestoreOverrides':[{'volumeName':'root','restoreName':'x'},{'volumeName':'data','restoreName':'"
     "x'}]",
     "", "v1", "", "spec.volumeRestoreOverrides: volumes root and data would both be on claim x"},
    {"", "'tpm':{'persistent':true}", NULL, "",
     "Restore to a different VM is not supported when snapshotted VM has backend storage"},
};

START_TEST(test_what_cannot_be_is_a_failure_before_anything_is_locked)
{
    g_autoptr(LullJson) vm = rows[_i].uid ? target(rows[_i].uid, rows[_i].annotations) : NULL;
    g_autoptr(LullRestoreView) view =
        view_of(restore(rows[_i].spec), content(rows[_i].domain), g_steal_pointer(&vm));

    if (rows[_i].failure)
        ck_assert_msg(view->failure && g_str_has_prefix(view->failure, rows[_i].failure), "%s",
                      view->failure);
    else
        ck_assert_pstr_eq(view->failure, NULL);
}
END_TEST

#define OP(op, path, value) \
    "'{\\'op\\':\\'" op "\\',\\'path\\':\\'/spec/template/spec/volumes/2" path "\\'" value "}'"

/* The snapshot has not the machine's third volume, on claim d. */
static const struct {
    const char *patches; /* of a restore to another name */
    const char *failure; /* NULL: it may be */
} copies[] = {
    {"", "the snapshot has no data of more, and the VM harry would be on the volume that the VM larry has"},
    {OP("replace", "/persistentVolumeClaim/claimName", ",\\'value\\':\\'e\\'"), NULL},
    {OP("replace", "/name", ",\\'value\\':\\'other\\'"), "the snapshot has no data of other, and"},
    {OP("replace", "", ",\\'value\\':{\\'name\\':\\'more\\',\\'emptyDisk\\':{}}"), NULL},
    {OP("remove", "", ""), NULL},
};

START_TEST(test_a_copy_has_no_volume_of_what_it_is_a_copy_of)
{
    g_autofree char *patches = g_strdup_printf(",'patches':[%s]", copies[_i].patches);
    LullJson *wanted = restore(patches);
    g_autoptr(LullRestoreView) view = NULL;

    lull_json_set_string(lull_json_at(wanted, "spec", "target", NULL), "name", "harry");
    view = view_of(wanted, content(""), NULL);
    if (copies[_i].failure)
        ck_assert_msg(view->failure && g_str_has_prefix(view->failure, copies[_i].failure), "%s",
                      view->failure);
    else
        ck_assert_pstr_eq(view->failure, NULL);
}
END_TEST

static const struct {
    const char *name, *origin; /* what was captured of a machine with the uid v1; NULL: in its first life */
    const char *uid, *annotations; /* of the target, larry */
    gboolean is_it;
} lives[] = {
    {"larry", "v0", "v2", "'restore.lull.dev/original-uid':'v0'",
     TRUE}, /* of its second life, in its third */
    {"larry", "v0", "v0", "", TRUE},
    {"larry", "v0", "v2", "", FALSE},
    {"larry", "v0", "v2", "'restore.lull.dev/original-uid':'v1'", FALSE},
    {"moe", NULL, "v2", "'restore.lull.dev/original-uid':'v1'", FALSE}, /* what a clone has was copied */
};

START_TEST(test_snapshots_of_each_of_its_lives_are_a_machines_own)
{
    LullJson *from = content("");
    LullJson *meta = lull_json_at(from, "spec", "source", "virtualMachine", "metadata", NULL);
    g_autoptr(LullRestoreView) view = NULL;

    lull_json_set_string(meta, "name", lives[_i].name);
    lull_json_set_string(lull_json_ensure(meta, "annotations"), "restore.lull.dev/original-uid",
                         lives[_i].origin);
    view = view_of(restore(""), from, target(lives[_i].uid, lives[_i].annotations));
    ck_assert_int_eq(view->failure == NULL, lives[_i].is_it);
}
END_TEST

START_TEST(test_r5_a_restore_belongs_to_its_target)
{
    g_autoptr(LullRestoreView) there = view_of(restore(""), content(""), target("v1", ""));
    g_autoptr(LullRestoreView) gone = view_of(restore(""), content(""), NULL);
    g_autoptr(LullJson) owned = restore("");

    ck_assert(there->owner_missing);
    ck_assert(!gone->owner_missing);
    lull_json_take(lull_json_object(owned, "metadata"), "ownerReferences", json("[{'name':'a clone'}]"));
    lull_restore_view_free(gone);
    gone = view_of(g_steal_pointer(&owned), content(""), target("v1", ""));
    ck_assert(!gone->owner_missing);
}
END_TEST

static const struct {
    const char *mark;
    gboolean is_ready; /* what it is restored from */
    LullRestoreVerb verb;
} started[] = {
    {"'restore.kubevirt.io/lastRestoreUID':'back-" UID "'", TRUE, LULL_RESTORE_START_DATA},
    {"'restore.kubevirt.io/lastRestoreUID':'back-" UID "'", FALSE, LULL_RESTORE_START_DATA},
    {"'restore.kubevirt.io/lastRestoreUID':'back-other'", TRUE, LULL_RESTORE_WRITE_STATUS},
};

/* All is in place by then, and nobody locks what is made anew. */
START_TEST(test_a_machine_that_was_written_may_be_started_before_the_restore_has_ended)
{
    LullJson *planned = restore("");
    LullJson *vm = target("v1", started[_i].mark);
    LullJson *from = content("");
    g_autoptr(LullRestoreView) view = NULL;

    lull_json_take(lull_json_object(planned, "status"), "restores", json("[{'volumeName':'root'}]"));
    lull_json_set_string(lull_json_object(vm, "status"), "printableStatus", "Running");
    lull_json_set_bool(lull_json_object(from, "status"), "readyToUse", started[_i].is_ready);
    view = view_of(planned, from, vm);
    ck_assert_int_eq(view->failure != NULL, started[_i].verb == LULL_RESTORE_WRITE_STATUS);
    view->owner_missing = FALSE;
    if (!view->failure)
        view->status_stale = FALSE; /* as it is once it was written */
    ck_assert_int_eq(lull_restore_decide(view).verb, started[_i].verb);
}
END_TEST

static const struct {
    const char *from;     /* the VolumeSnapshot that was planned for its first volume */
    const char *restores; /* of the target: who; NULL: it is not there */
    LullRestoreVerb verb;
} lost[] = {
    {"vs-a", "back", LULL_RESTORE_START_DATA}, {"vs-a", NULL, LULL_RESTORE_START_DATA},
    {"vs-a", "", LULL_RESTORE_WAIT}, /* nothing was made by then */
    {"taken-anew", "back", LULL_RESTORE_WAIT}, {"taken-anew", NULL, LULL_RESTORE_WAIT},
};

/* Claims may have all their data by then. */
START_TEST(test_what_was_begun_goes_on_though_a_volume_snapshot_is_lost)
{
    LullJson *planned = restore("");
    LullJson *vm = lost[_i].restores ? target("v1", "") : NULL;
    LullJson *from = content("");
    g_autofree char *plan = g_strdup_printf("[{'volumeName':'root','volumeSnapshotName':'%s'},"
                                            "{'volumeName':'data','volumeSnapshotName':'vs-b'}]",
                                            lost[_i].from);
    g_autoptr(LullRestoreView) view = NULL;

    lull_json_take(lull_json_object(planned, "status"), "restores", json(plan));
    if (vm)
        lull_json_set_string(lull_json_object(vm, "status"), "restoreInProgress",
                             *lost[_i].restores ? lost[_i].restores : NULL);
    lull_json_set_bool(lull_json_object(from, "status"), "readyToUse", FALSE);
    view = view_of(planned, from, vm);
    ck_assert_pstr_eq(view->failure, NULL);
    ck_assert_int_eq(view->problem != NULL, lost[_i].verb == LULL_RESTORE_WAIT);
    view->owner_missing = view->status_stale = FALSE; /* as it is once it was written */
    ck_assert_int_eq(lull_restore_decide(view).verb, lost[_i].verb);
}
END_TEST

START_TEST(test_a_plan_that_is_written_stays)
{
    LullJson *planned = restore("");
    g_autoptr(LullRestoreView) view = NULL;
    LullJson *vm = target("v1", "");

    lull_json_take(lull_json_object(planned, "status"), "restores", json("[{'volumeName':'root'}]"));
    lull_json_set_string(lull_json_object(vm, "status"), "restoreInProgress", "back");
    view = view_of(planned, content(""), vm);
    ck_assert_uint_eq(json_object_array_length(lull_json_array(view->status, "restores")), 1);
}
END_TEST

START_TEST(test_what_was_not_in_the_snapshot_is_told)
{
    LullJson *planned = restore("");
    g_autoptr(LullRestoreView) view = NULL;
    g_autofree char *text = NULL;

    view = view_of(planned, content(""), target("v1", ""));
    text = RULES->differences(view);
    ck_assert_str_eq(text, "not in the snapshot, and as they are now: more");
}
END_TEST

START_TEST(test_what_is_made_only_when_the_machine_starts_is_told)
{
    LullJson *planned = restore("");
    g_autoptr(LullRestoreView) view = NULL;
    g_autofree char *text = NULL;

    lull_json_set_string(lull_json_ensure(lull_json_ensure(planned, "metadata"), "annotations"),
                         "late.restore.lull.dev/root", "");
    view = view_of(planned, content(""), target("v1", ""));
    text = RULES->differences(view);
    ck_assert_str_eq(text, "not in the snapshot, and as they are now: more; "
                           "made of the snapshot when the machine is first started: root");
}
END_TEST

/* It is planned and told with one write; how far it is is told of what takes long. */
START_TEST(test_what_goes_fast_is_told_once)
{
    const LullRestoreWorks begins = {0}, runs = {.data = {LULL_WORK_RUNNING, NULL, 500, 0}};
    LullJson *vm = target("v1", "");
    g_autoptr(LullRestoreView) before = NULL;
    g_autoptr(LullRestoreView) soon = NULL;
    g_autoptr(LullRestoreView) late = NULL;
    LullJson *planned = NULL;
    gint64 began = 0;

    ck_assert(lull_clock_parse("2026-03-01T10:00:00Z", &began));
    lull_json_set_string(lull_json_object(vm, "status"), "restoreInProgress", "back");
    before =
        lull_restore_view_new(RULES, restore(""), snapshot(), content(""), lull_json_dup(vm), &begins, began);
    planned = restore("");
    lull_json_take(planned, "status", lull_json_dup(before->status));
    ck_assert_str_eq(lull_condition_reason(planned, "Progressing"), "Creating new PVCs");
    ck_assert_uint_eq(json_object_array_length(lull_json_array(before->status, "restores")), 2);
    soon = lull_restore_view_new(RULES, lull_json_dup(planned), snapshot(), content(""), lull_json_dup(vm),
                                 &runs, began + LULL_SEC(1));
    ck_assert(!soon->status_stale && !soon->progress_stale);
    late = lull_restore_view_new(RULES, planned, snapshot(), content(""), vm, &runs, began + LULL_SEC(9));
    ck_assert(!late->status_stale && late->progress_stale);
}
END_TEST

START_TEST(test_what_is_denied_now_may_be_allowed_later)
{
    g_autoptr(GError) denied = g_error_new_literal(LULL_ERROR, LULL_ERROR_DENIED, "exceeded quota");
    g_autoptr(GError) invalid = g_error_new_literal(LULL_ERROR, LULL_ERROR_INVALID, "no such field");

    ck_assert(!RULES->is_final(denied));
    ck_assert(RULES->is_final(invalid));
}
END_TEST

/* Nobody would look for his new data behind a Failure. */
START_TEST(test_one_whose_machine_is_written_never_fails_any_more)
{
    g_autoptr(GError) invalid = g_error_new_literal(LULL_ERROR, LULL_ERROR_INVALID, "nobody takes it");
    const LullRestoreWorks works = {.data = {LULL_WORK_FAILED, invalid, 0, 0}};
    LullJson *vm = target("v1", _i ? "'restore.kubevirt.io/lastRestoreUID':'back-" UID "'" : "");
    g_autoptr(LullRestoreView) view =
        lull_restore_view_new(RULES, restore(""), snapshot(), content(""), vm, &works, 1);

    ck_assert_int_eq(view->written, _i);
    ck_assert_int_eq(view->failed, !_i);
    ck_assert_str_eq(_i ? view->problem : view->failure, "nobody takes it");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-rules");
    TCase *tcase = tcase_create("restore-rules");

    tcase_add_loop_test(tcase, test_what_cannot_be_is_a_failure_before_anything_is_locked, 0,
                        G_N_ELEMENTS(rows));
    tcase_add_loop_test(tcase, test_a_copy_has_no_volume_of_what_it_is_a_copy_of, 0, G_N_ELEMENTS(copies));
    tcase_add_loop_test(tcase, test_snapshots_of_each_of_its_lives_are_a_machines_own, 0,
                        G_N_ELEMENTS(lives));
    tcase_add_test(tcase, test_r5_a_restore_belongs_to_its_target);
    tcase_add_loop_test(tcase, test_a_machine_that_was_written_may_be_started_before_the_restore_has_ended, 0,
                        G_N_ELEMENTS(started));
    tcase_add_loop_test(tcase, test_what_was_begun_goes_on_though_a_volume_snapshot_is_lost, 0,
                        G_N_ELEMENTS(lost));
    tcase_add_test(tcase, test_a_plan_that_is_written_stays);
    tcase_add_test(tcase, test_what_was_not_in_the_snapshot_is_told);
    tcase_add_test(tcase, test_what_is_made_only_when_the_machine_starts_is_told);
    tcase_add_test(tcase, test_what_goes_fast_is_told_once);
    tcase_add_test(tcase, test_what_is_denied_now_may_be_allowed_later);
    tcase_add_loop_test(tcase, test_one_whose_machine_is_written_never_fails_any_more, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
