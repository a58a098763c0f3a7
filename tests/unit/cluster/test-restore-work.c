/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cluster/machine-source.h"
#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/cluster/restore-work-world.h"

/* What a restore does to what there is, wherever it dies. */

/* R11, R12, R36 */
START_TEST(a_machine_comes_back_as_it_was_on_claims_that_are_its_own)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.provision = _i ? LATE : AT_ONCE;
    work_put_vm(VOLUME_OF("root"));
    work_make_objects("larry", "");
    ck_assert(work_run(&error));
    work_check_restored("larry");
    vm = work_get(&lull_kind_vm, "larry");
    ck_assert_str_eq(lull_json_string(lull_json_object(vm, "spec"), "runStrategy", ""), "Manual");
    ck_assert_str_eq(lull_json_string(lull_json_at(vm, "metadata", "labels", NULL), "live", ""), "yes");
    ck_assert_uint_eq(played.writes, 3);
}
END_TEST

/* Before KubeVirt has written that to the machine, whose version is the same. */
START_TEST(a_machine_whose_instance_was_just_made_is_not_written)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.provision = LATE;
    played.starts_it = TRUE;
    work_put_vm(VOLUME_OF("root"));
    work_make_objects("larry", "");
    ck_assert(!work_run(&error));
    ck_assert_error(error, LULL_ERROR_BUSY);
    ck_assert_str_eq(error->message, "vm larry was started while it was to be restored");
    vm = work_get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
}
END_TEST

/* R24 */
START_TEST(a_machine_that_is_not_there_is_made_and_does_not_run)
{
    static const char *const targets[] = {"larry", "harry"};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    work_make_objects(targets[_i], "");
    ck_assert(work_run(&error));
    work_check_restored(targets[_i]);
    vm = work_get(&lull_kind_vm, targets[_i]);
    ck_assert_str_eq(lull_json_string(lull_json_object(vm, "spec"), "runStrategy", ""), "Halted");
    ck_assert_str_eq(lull_json_string(lull_json_at(vm, "metadata", "labels", NULL), "app", ""), "x");
}
END_TEST

static void
put_revision(const char *name, const char *owner, const char *data)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'apps/v1','kind':'ControllerRevision','metadata':{'name':'%s','namespace':'" NS
        "','labels':{'of':'it'}%s%s%s},'data':{'spec':%s},'revision':7}",
        name,
        owner ? ",'ownerReferences':[{'apiVersion':'x/v1','kind':'X','name':'x','controller':true,'uid':'"
              : "",
        owner ? owner : "", owner ? "'}]" : "", data);

    json_object_put(work_put(&lull_kind_revision, text));
}

static void
ask_for_instance_type(void)
{
    LullJson *spec = lull_json_at(content, "spec", "source", "virtualMachine", "spec", NULL);
    LullJson *restored = lull_json_object(restore, "spec");

    lull_json_set_string(restored, "virtualMachineSnapshotName", "snap");
    lull_json_take(spec, "instancetype", json("{'name':'small','revisionName':'snap-small-1'}"));
}

/* Wherever it dies, before a write or after it: whoever comes next goes on. */
START_TEST(a_restore_that_was_killed_goes_on_where_it_was)
{
    static const char *const targets[] = {"larry", "harry"};
    const char *target = targets[_i % 2];
    const int fresh =
        _i / 4; /* 0: never; 1: at first; 2: so it is told, because somebody emptied its status */
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;

        if (_i % 2 == 0)
            work_put_vm(VOLUME_OF("root"));
        work_make_objects(target, "");
        put_revision("snap-small-1", "u-snap", "1");
        ask_for_instance_type();
        played.dies_at = at;
        played.does_it = _i / 2 % 2;
        played.fresh = fresh > 0;
        alive = work_run(&error);
        ck_assert(alive || lull_error_is(error, LULL_ERROR_LOST));
        g_clear_error(&error);
        played.dies_at = 0;
        played.fresh = fresh > 1;
        ck_assert_msg(work_run(&error), "killed at %u: %s", at, error ? error->message : "");
        work_check_restored(target);
        ck_assert_uint_lt(at, 100);
        work_tear_down();
        work_set_up();
    }
}
END_TEST

/* Of a configuration, or where all that there is are dumps of memory. */
START_TEST(a_snapshot_without_volumes_brings_the_machine_back)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    if (_i)
        work_put_vm(VOLUME_OF("root"));
    work_make_objects("larry", "");
    lull_json_take(lull_json_object(content, "spec"), "volumeBackups", json_object_new_array());
    lull_json_take(lull_json_object(restore, "status"), "restores", lull_restore_plan(restore, content));
    ck_assert_msg(work_run(&error), "%s", error ? error->message : "no error");
    vm = work_get(&lull_kind_vm, "larry");
    ck_assert(lull_restore_made(restore, vm));
    ck_assert_int_eq(
        lull_json_int(lull_json_at(vm, "spec", "template", "spec", "domain", "cpu", NULL), "cores", 0), 4);
}
END_TEST

START_TEST(a_restore_that_is_done_writes_nothing_again)
{
    g_autoptr(GError) error = NULL;

    work_put_vm("");
    work_make_objects("larry", "");
    ck_assert(work_run(&error));
    played.writes = 0;
    ck_assert(work_run(&error));
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

/* The machine is as it was, and the claim that would have been empty is gone. */
START_TEST(a_server_that_drops_where_the_data_come_from_is_found_out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.drops_source = TRUE;
    work_put_vm("");
    work_make_objects("larry", "");
    ck_assert(!work_run(&error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_msg(strstr(error->message, "would be empty") != NULL, "%s", error->message);
    ck_assert_uint_eq(work_count(&lull_csi_kind_claim), 0);
    vm = work_get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
}
END_TEST

START_TEST(a_volume_that_was_there_before_is_not_taken_for_the_data)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.provision = OLD_VOLUME;
    work_put_vm("");
    work_make_objects("larry", "");
    ck_assert(!work_run(&error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    vm = work_get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
    g_clear_error(&error);
    /* with the claim it would be deleted */
    ck_assert(lull_restore_work_drop(&tools, restore, content, &(gboolean){0}, &error));
    ck_assert_uint_eq(work_count(&lull_csi_kind_claim), 2);
}
END_TEST

/* R10 */
START_TEST(what_holds_a_claim_up_is_told_in_the_provisioners_words)
{
    const LullRestoreTools tools = {.store = &played.base, .patience = G_USEC_PER_SEC * 60};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.provision = NEVER;
    work_put_vm("");
    work_make_objects("larry", "");
    ck_assert(!work_run(&error));
    ck_assert_error(error, LULL_ERROR_BUSY);
    ck_assert_msg(strstr(error->message, "is not bound yet") != NULL, "%s", error->message);
    g_clear_error(&error);
    played.said = "the storage is full";
    ck_assert(!lull_restore_work_run(&tools, restore, content, FALSE, NULL, NULL, NULL, &error));
    ck_assert_msg(g_str_has_suffix(error->message, ": the storage is full"), "%s", error->message);
    vm = work_get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
}
END_TEST

START_TEST(a_claim_that_waits_for_its_first_consumer_is_not_waited_for)
{
    g_autoptr(GError) error = NULL;

    played.provision = CONSUMED;
    work_put_vm("");
    work_make_objects("larry", "");
    ck_assert(work_run(&error));
    work_check_restored("larry");
}
END_TEST

/* PrefixTargetName: the name may be somebody's. */
START_TEST(a_claim_that_somebody_has_is_neither_taken_nor_touched)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) before =
        work_put(&lull_csi_kind_claim,
                 "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'larry-data',"
                 "'namespace':'" NS "'},'status':{'phase':'Bound'}}");
    g_autoptr(LullJson) after = NULL;

    played.fresh = _i;
    work_put_vm("");
    work_make_objects("larry", ",'volumeRestorePolicy':'PrefixTargetName'");
    ck_assert(!work_run(&error));
    ck_assert_uint_eq(played.writes, 0);
    ck_assert_error(error, LULL_ERROR_INVALID);
    g_clear_error(&error);
    ck_assert(lull_restore_work_drop(&tools, restore, content, &(gboolean){0}, &error));
    after = work_get(&lull_csi_kind_claim, "larry-data");
    ck_assert(lull_json_equal(before, after));
    ck_assert_uint_eq(work_count(&lull_csi_kind_claim), 1);
}
END_TEST

/* R25 */
START_TEST(a_patch_that_does_not_apply_fails_before_anything_is_made)
{
    g_autoptr(GError) error = NULL;

    work_make_objects(
        "harry", ",'patches':['{\\'op\\':\\'replace\\',\\'path\\':\\'/spec/none/such\\',\\'value\\':1}']");
    ck_assert(!work_run(&error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_uint_eq(work_count(&lull_csi_kind_claim), 0);
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

START_TEST(a_machine_that_is_there_and_is_not_is_not_made_for_ever)
{
    g_autoptr(GError) error = NULL;

    played.hides_vm = TRUE;
    work_make_objects("harry", "");
    ck_assert(!work_run(&error));
    ck_assert_error(error, LULL_ERROR_BUSY);
}
END_TEST

START_TEST(a_restore_that_is_cancelled_ends_soon)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GError) error = NULL;

    played.provision = NEVER;
    work_put_vm("");
    work_make_objects("larry", "");
    g_cancellable_cancel(cancel);
    ck_assert(!lull_restore_work_run(&tools, restore, content, FALSE, NULL, NULL, cancel, &error));
    ck_assert(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

/* R32: what there is of the name that the copy would have, and the name that it has then. "VM": the uid of
 * the machine. */
static const struct {
    const char *target, *owner, *data;
    const char *name;
} revisions[] = {
    {"larry", NULL, NULL, "larry-small-1"},
    {"harry", NULL, NULL, "harry-small-1"},
    {"larry", NULL, "1", "larry-small-1"},
    {"larry", "VM", "1", "larry-small-1"},
    {"larry", "VM", "2", "restore-u-back-instancetype"},
    {"larry", "other", "1", "restore-u-back-instancetype"},
    {"harry", NULL, "2", "restore-u-back-instancetype"},
};

START_TEST(the_instance_type_comes_back_and_belongs_to_the_machine)
{
    const char *target = revisions[_i].target;
    g_autofree char *usual = g_strconcat(target, "-small-1", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;
    g_autoptr(LullJson) revision = NULL;

    if (g_str_equal(target, "larry"))
        work_put_vm(VOLUME_OF("root"));
    vm = work_get(&lull_kind_vm, target);
    put_revision("snap-small-1", "u-snap", "1");
    if (revisions[_i].data)
        put_revision(usual,
                     g_strcmp0(revisions[_i].owner, "VM") == 0 ? lull_meta_uid(vm) : revisions[_i].owner,
                     revisions[_i].data);
    work_make_objects(target, "");
    ask_for_instance_type();
    ck_assert_msg(work_run(&error), "%s", error ? error->message : "");
    work_check_restored(target);
    lull_json_put(vm);
    vm = work_get(&lull_kind_vm, target);
    ck_assert_str_eq(lull_json_string(lull_json_at(vm, "spec", "instancetype", NULL), "revisionName", ""),
                     revisions[_i].name);
    revision = work_get(&lull_kind_revision, revisions[_i].name);
    ck_assert_str_eq(lull_meta_controller(revision), lull_meta_uid(vm));
    ck_assert_int_eq(lull_json_int(lull_json_object(revision, "data"), "spec", 0), 1);
}
END_TEST

START_TEST(an_instance_type_that_is_lost_leaves_the_machine_as_it_is)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    work_put_vm("");
    work_make_objects("larry", "");
    ask_for_instance_type();
    ck_assert(!work_run(&error));
    ck_assert_str_eq(error->message, "Unable to find ControllerRevision " NS "/snap-small-1");
    vm = work_get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
}
END_TEST

/* Its claim is there by then: from there on its deletion waits. */
START_TEST(a_snapshot_that_vanished_while_its_claim_was_made_is_missed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.provision = CONSUMED;
    played.loses_snapshots = TRUE;
    work_put_vm("");
    work_make_objects("larry", "");
    ck_assert(!work_run(&error));
    ck_assert_str_eq(error->message, "missing volumeSnapshot vs-root");
    vm = work_get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-work");
    TCase *tcase = tcase_create("restore-work");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, work_set_up, work_tear_down);
    tcase_add_loop_test(tcase, a_machine_comes_back_as_it_was_on_claims_that_are_its_own, 0, 2);
    tcase_add_test(tcase, a_machine_whose_instance_was_just_made_is_not_written);
    tcase_add_loop_test(tcase, a_machine_that_is_not_there_is_made_and_does_not_run, 0, 2);
    tcase_add_loop_test(tcase, a_restore_that_was_killed_goes_on_where_it_was, 0, 12);
    tcase_add_loop_test(tcase, a_snapshot_without_volumes_brings_the_machine_back, 0, 2);
    tcase_add_test(tcase, a_restore_that_is_done_writes_nothing_again);
    tcase_add_test(tcase, a_server_that_drops_where_the_data_come_from_is_found_out);
    tcase_add_test(tcase, a_volume_that_was_there_before_is_not_taken_for_the_data);
    tcase_add_test(tcase, what_holds_a_claim_up_is_told_in_the_provisioners_words);
    tcase_add_test(tcase, a_claim_that_waits_for_its_first_consumer_is_not_waited_for);
    tcase_add_loop_test(tcase, a_claim_that_somebody_has_is_neither_taken_nor_touched, 0, 2);
    tcase_add_test(tcase, a_patch_that_does_not_apply_fails_before_anything_is_made);
    tcase_add_test(tcase, a_machine_that_is_there_and_is_not_is_not_made_for_ever);
    tcase_add_test(tcase, a_restore_that_is_cancelled_ends_soon);
    tcase_add_loop_test(tcase, the_instance_type_comes_back_and_belongs_to_the_machine, 0,
                        G_N_ELEMENTS(revisions));
    tcase_add_test(tcase, an_instance_type_that_is_lost_leaves_the_machine_as_it_is);
    tcase_add_test(tcase, a_snapshot_that_vanished_while_its_claim_was_made_is_missed);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
