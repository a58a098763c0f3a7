/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/cluster/restore-swap-world.h"

/* Restores in place: old or new data are whole, whatever happens. */

START_TEST(new_data_get_the_names_of_the_old)
{
    g_autoptr(GError) error = NULL;

    ck_assert_msg(swap_run(&error), "%s", error ? error->message : "");
    swap_check_restored(0);
    played.writes = 0;
    ck_assert(swap_run(&error));
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

/* What whoever compares it with what he had written looks at. */
START_TEST(a_claim_is_as_the_one_that_it_replaces_was)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) claim = NULL;
    g_autoptr(LullJson) old = NULL;

    swap_patch(
        &lull_csi_kind_claim, "root-claim", LULL_PATCH_OBJECT,
        "{'metadata':{'labels':{'since':'yes'},'finalizers':null},'spec':{'dataSource':{'name':'golden'},"
        "'resources':{'requests':{'storage':'3Gi'}}}}");
    old = swap_get(&lull_csi_kind_claim, "root-claim");
    ck_assert_msg(swap_run(&error), "%s", error ? error->message : "");
    claim = swap_get(&lull_csi_kind_claim, "root-claim");
    ck_assert_str_ne(lull_meta_uid(claim), lull_meta_uid(old));
    json_object_object_del(lull_json_object(old, "spec"), "volumeName");
    json_object_object_del(lull_json_object(claim, "spec"), "volumeName");
    ck_assert(lull_json_equal(lull_json_object(claim, "spec"), lull_json_object(old, "spec")));
    ck_assert_str_eq(lull_meta_annotation(claim, "written"), "by hand");
    ck_assert_str_eq(lull_json_string(lull_json_at(claim, "metadata", "labels", NULL), "since", ""), "yes");
    ck_assert_str_eq(lull_json_string(lull_json_at(claim, "metadata", "labels", NULL), "app", ""), "x");
    ck_assert(lull_restore_made(restore, claim));
    ck_assert_str_eq(lull_meta_controller(claim), "");
}
END_TEST

/* B8: one that belonged to nobody outlives the machine, as it did. */
START_TEST(a_claim_belongs_to_the_machine_only_where_it_did)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) claim = NULL;
    g_autoptr(LullJson) vm = swap_get(&lull_kind_vm, "larry");

    played.late = _i / 2;
    if (_i % 2)
        swap_own();
    ck_assert_msg(swap_run(&error), "%s", error ? error->message : "");
    claim = swap_get(&lull_csi_kind_claim, "root-claim");
    ck_assert(lull_restore_made(restore, claim));
    ck_assert_str_eq(lull_meta_controller(claim), _i % 2 ? lull_meta_uid(vm) : "");
}
END_TEST

/* Before a write or after it, and at each read: whoever comes next goes on. */
START_TEST(one_that_was_killed_goes_on_and_old_or_new_data_are_whole)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at += SWAP_STRIDE) {
        g_autoptr(GError) error = NULL;

        played.late = _i / 2;
        played.by_write = _i > 0;
        played.dies_at = at;
        played.does_it = _i % 2;
        alive = swap_run(&error);
        ck_assert_msg(alive || lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
        g_clear_error(&error);
        played.dies_at = 0;
        swap_check_whole(at);
        ck_assert_msg(swap_run(&error), "killed at %u: %s", at, error ? error->message : "");
        if (played.late)
            swap_check_clean(at);
        else
            swap_check_restored(at);
        ck_assert_uint_lt(at, 400);
        swap_begin_anew();
    }
}
END_TEST

START_TEST(what_others_have_is_not_replaced)
{
    static const char *const users[] = {
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'user','namespace':'" NS
        "'},'spec':{'volumes':[{'persistentVolumeClaim':{'claimName':'data-claim'}}]},'status':{'phase':"
        "'Running'}}",
        "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','metadata':{'name':'user','namespace':'" NS
        "'},'spec':{'template':{'spec':{'volumes':[{'name':'x','persistentVolumeClaim':{'claimName':"
        "'data-claim'}}]}}}}",
        "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','metadata':{'name':'user','namespace':'" NS
        "'},'spec':{'template':{'spec':{'volumes':[{'name':'x','dataVolume':{'name':'data-claim'}}]}}}}"};
    g_autoptr(GError) error = NULL;

    swap_put(_i == 0 ? &lull_kind_pod : &lull_kind_plain_machine, users[_i]);
    ck_assert(!swap_run(&error));
    ck_assert_error(error, LULL_ERROR_BUSY);
    ck_assert_msg(strstr(error->message, " user ") != NULL, "%s", error->message);
    ck_assert_uint_eq(played.writes, 0);
    ck_assert(swap_all_have("old-"));
}
END_TEST

START_TEST(a_claim_that_belongs_to_somebody_else_is_not_replaced)
{
    g_autoptr(GError) error = NULL;

    swap_patch(
        &lull_csi_kind_claim, "data-claim", LULL_PATCH_OBJECT,
        "{'metadata':{'ownerReferences':[{'apiVersion':'apps/v1','kind':'StatefulSet','name':'s','uid':"
        "'u-s','controller':true}]}}");
    ck_assert(!swap_run(&error));
    ck_assert_msg(strstr(error->message, "does not belong to vm larry") != NULL, "%s", error->message);
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

/* Idle as it is: nobody's, of an owner that controls nothing, or a DataVolume's that is nobody's. */
START_TEST(a_claim_that_the_machine_never_had_is_not_replaced)
{
    static const char *const owned =
        "{'metadata':{'ownerReferences':[{'apiVersion':'batch/v1','kind':'CronJob',"
        "'name':'c','uid':'u-c'}]}}";
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) before = NULL;
    g_autoptr(LullJson) after = NULL;
    LullJson *entry =
        json_object_array_get_idx(lull_json_array(lull_json_object(restore, "status"), "restores"), 1);

    swap_put(&lull_csi_kind_claim,
             "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'image','namespace':'" NS
             "'},'spec':{'storageClassName':'fast'}}");
    if (_i == 1)
        swap_patch(&lull_csi_kind_claim, "image", LULL_PATCH_OBJECT, owned);
    if (_i == 2) {
        swap_put(&lull_kind_data_volume,
                 "{'apiVersion':'cdi.kubevirt.io/v1beta1','kind':'DataVolume','metadata':{'name':'image',"
                 "'namespace':'" NS "'},'spec':{},'status':{'phase':'Succeeded'}}");
        lull_json_set_string(entry, "dataVolumeName", "image");
    }
    lull_json_set_string(entry, "persistentVolumeClaim", "image");
    swap_settle();
    before = swap_get(&lull_csi_kind_claim, "image");
    ck_assert(!swap_run(&error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_msg(strstr(error->message, "claim image ") != NULL, "%s", error->message);
    after = swap_get(&lull_csi_kind_claim, "image");
    ck_assert(lull_json_equal(before, after));
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

/* A claim by which somebody would have another's volume held: the name, the marker and the source are easily
 * known, and the volume's name is, too. */
START_TEST(a_volume_that_was_not_made_for_the_claim_aside_is_left_alone)
{
    g_autofree char *text = NULL;
    g_autofree char *marker = lull_restore_marker(restore);
    g_autoptr(LullJson) victim = json("{'metadata':{'name':'db','uid':'u-db'}}");
    g_autoptr(LullJson) before = NULL;
    g_autoptr(LullJson) after = NULL;
    g_autoptr(GError) error = NULL;

    played.late = _i;
    swap_put_volume("pv-of-others", "other", victim);
    swap_patch(&lull_csi_kind_volume, "pv-of-others", LULL_PATCH_OBJECT,
               "{'spec':{'" RECLAIM "':'Retain','claimRef':{'namespace':'other'}}}");
    before = swap_get(&lull_csi_kind_volume, "pv-of-others");
    text = g_strdup_printf("{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'restore-u-"
                           "back-root','namespace':"
                           "'" NS "','annotations':{'" LULL_RESTORE_LAST
                           "':'%s'}},'spec':{'storageClassName':'fast','volumeName':"
                           "'pv-of-others','dataSource':{'name':'vs-root'}}}",
                           marker);
    swap_put(&lull_csi_kind_claim, text);
    ck_assert(!swap_run(&error));
    after = swap_get(&lull_csi_kind_volume, "pv-of-others");
    ck_assert_msg(lull_json_equal(before, after), "%s", lull_json_to_line(after));
    ck_assert_uint_eq(played.removed, 0);
    ck_assert_uint_le(played.writes, 1);
    ck_assert(swap_all_have("old-"));
}
END_TEST

START_TEST(all_snapshots_are_looked_at_before_anything_goes)
{
    g_autoptr(GError) error = NULL;

    played.late = _i;
    ck_assert(lull_store_remove(played.inner, &lull_csi_kind_snapshot, NS, "vs-data", NULL, NULL));
    ck_assert(!swap_run(&error));
    ck_assert_str_eq(error->message, "missing volumeSnapshot vs-data");
    ck_assert_uint_eq(played.writes, 0);
    ck_assert(swap_all_have("old-"));
}
END_TEST

START_TEST(a_machine_that_is_started_meanwhile_keeps_what_it_has)
{
    g_autoptr(GError) error = NULL;

    played.starts = TRUE;
    ck_assert(!swap_run(&error));
    ck_assert_msg(strstr(error->message, "was started") != NULL, "%s", error->message);
    ck_assert(swap_all_have("old-"));
    ck_assert_uint_eq(played.removed, 0);
    swap_give_up(0);
    ck_assert(swap_all_have("old-"));
    swap_check_clean(0);
}
END_TEST

/* As those do who keep a cluster as it is written down: theirs gets the new data. */
START_TEST(a_claim_that_somebody_makes_again_has_the_new_data)
{
    g_autoptr(GError) error = NULL;

    played.makes_again = TRUE;
    ck_assert_msg(swap_run(&error), "%s", error ? error->message : "");
    swap_check_restored(0);
}
END_TEST

/* One that the machine had lost. */
START_TEST(a_claim_that_is_not_there_is_made)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;

        ck_assert(lull_store_remove(played.inner, &lull_csi_kind_claim, NS, "data-claim", NULL, NULL));
        swap_settle();
        played.by_write = TRUE;
        played.dies_at = at;
        played.does_it = at % 2;
        alive = swap_run(NULL);
        played.dies_at = 0;
        if (_i) {
            played.free = TRUE;
            swap_give_up(at);
            played.free = FALSE;
            if (!swap_is_written()) {
                ck_assert_uint_eq(swap_count(&lull_csi_kind_claim), 1);
                ck_assert_uint_eq(swap_count(&lull_csi_kind_volume), 1);
            }
        } else {
            ck_assert_msg(swap_run(&error), "%s", error ? error->message : "");
            swap_check_restored(at);
        }
        swap_begin_anew();
    }
}
END_TEST

START_TEST(a_data_volume_keeps_its_name_and_nothing_else_fills_its_claim)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) before = NULL, claim = NULL, data_volume = NULL, vm = NULL;
        LullJson *rows = NULL;

        swap_use_data_volume(_i % 2);
        played.by_write = TRUE;
        played.dies_at = at;
        played.does_it = _i / 2;
        alive = swap_run(&error);
        g_clear_error(&error);
        played.dies_at = 0;
        swap_check_whole(at);
        before = swap_get(&lull_kind_data_volume, "data-claim");
        ck_assert(played.removed == 0 || lull_meta_annotation(before, LULL_CDI_PREPOPULATED));
        ck_assert_msg(swap_run(&error), "killed at %u: %s", at, error ? error->message : "");
        swap_check_restored(at);
        claim = swap_get(&lull_csi_kind_claim, "data-claim");
        data_volume = swap_get(&lull_kind_data_volume, "data-claim");
        vm = swap_get(&lull_kind_vm, "larry");
        ck_assert_str_eq(lull_meta_uid(data_volume), lull_meta_uid(before));
        ck_assert_str_eq(lull_meta_annotation(claim, LULL_CDI_POPULATED_FOR), "data-claim");
        ck_assert_str_eq(lull_meta_controller(claim), "");
        rows = lull_json_array(lull_json_at(vm, "spec", "template", "spec", NULL), "volumes");
        ck_assert_str_eq(
            lull_json_string(lull_json_object(json_object_array_get_idx(rows, 1), "dataVolume"), "name", ""),
            "data-claim");
        swap_begin_anew();
    }
}
END_TEST

/* A class that gives no volume before: what is made of a snapshot that stays until it is used. */
START_TEST(a_claim_that_waits_for_its_first_consumer_is_made_of_its_snapshot_and_that_is_said)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) claim = NULL;
    g_autoptr(LullJson) told = NULL;
    g_autofree char *late = NULL;

    played.late = TRUE;
    swap_put(&lull_kind_restore,
             "{'apiVersion':'snapshot.kubevirt.io/"
             "v1beta1','kind':'VirtualMachineRestore','metadata':{'name':'back',"
             "'namespace':'" NS
             "'},'spec':{'target':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':"
             "'larry'},'virtualMachineSnapshotName':'snap','volumeRestorePolicy':'InPlace'}}");
    ck_assert_msg(swap_run(&error), "%s", error ? error->message : "");
    ck_assert(swap_is_written());
    swap_check_clean(0);
    claim = swap_get(&lull_csi_kind_claim, "data-claim");
    ck_assert_str_eq(lull_json_string(lull_json_at(claim, "spec", "dataSource", NULL), "name", ""),
                     "vs-data");
    ck_assert_str_eq(swap_volume_name(claim), "");
    told = swap_get(&lull_kind_restore, "back");
    late = lull_restore_late(told);
    ck_assert_str_eq(late, "root (what it had before stays on volume pv-root), "
                           "data (what it had before stays on volume pv-data)");
}
END_TEST

/* It was said before what is to become of it without a claim. */
START_TEST(a_volume_that_was_to_be_kept_is_kept)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) kept = NULL;

    swap_patch(&lull_csi_kind_volume, "pv-root", LULL_PATCH_OBJECT, "{'spec':{'" RECLAIM "':'Retain'}}");
    ck_assert(swap_run(&error));
    ck_assert(swap_all_have("vs-"));
    kept = swap_get(&lull_csi_kind_volume, "pv-root");
    ck_assert_str_eq(lull_json_string(lull_json_object(kept, "spec"), RECLAIM, ""), "Retain");
    ck_assert_ptr_null(lull_meta_annotation(kept, LULL_SWAP_RECORD));
    ck_assert(!swap_has_volume("old-data"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-in-place");
    TCase *tcase = tcase_create("restore-in-place");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, swap_set_up, swap_tear_down);
    tcase_add_test(tcase, new_data_get_the_names_of_the_old);
    tcase_add_test(tcase, a_claim_is_as_the_one_that_it_replaces_was);
    tcase_add_loop_test(tcase, a_claim_belongs_to_the_machine_only_where_it_did, 0, 4);
    tcase_add_loop_test(tcase, one_that_was_killed_goes_on_and_old_or_new_data_are_whole, 0, 4);
    tcase_add_loop_test(tcase, what_others_have_is_not_replaced, 0, 3);
    tcase_add_test(tcase, a_claim_that_belongs_to_somebody_else_is_not_replaced);
    tcase_add_loop_test(tcase, a_claim_that_the_machine_never_had_is_not_replaced, 0, 3);
    tcase_add_loop_test(tcase, a_volume_that_was_not_made_for_the_claim_aside_is_left_alone, 0, 2);
    tcase_add_loop_test(tcase, all_snapshots_are_looked_at_before_anything_goes, 0, 2);
    tcase_add_test(tcase, a_machine_that_is_started_meanwhile_keeps_what_it_has);
    tcase_add_test(tcase, a_claim_that_somebody_makes_again_has_the_new_data);
    tcase_add_loop_test(tcase, a_claim_that_is_not_there_is_made, 0, 2);
    tcase_add_loop_test(tcase, a_data_volume_keeps_its_name_and_nothing_else_fills_its_claim, 0, 4);
    tcase_add_test(tcase, a_claim_that_waits_for_its_first_consumer_is_made_of_its_snapshot_and_that_is_said);
    tcase_add_test(tcase, a_volume_that_was_to_be_kept_is_kept);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
