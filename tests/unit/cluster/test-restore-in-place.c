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
    g_autoptr(LullJson) vm = NULL;

    swap_patch(
        &lull_csi_kind_claim, "root-claim", LULL_PATCH_OBJECT,
        "{'metadata':{'labels':{'since':'yes'},'finalizers':null},'spec':{'dataSource':{'name':'golden'},"
        "'resources':{'requests':{'storage':'3Gi'}}}}");
    old = swap_get(&lull_csi_kind_claim, "root-claim");
    ck_assert_msg(swap_run(&error), "%s", error ? error->message : "");
    claim = swap_get(&lull_csi_kind_claim, "root-claim");
    vm = swap_get(&lull_kind_vm, "larry");
    ck_assert_str_ne(lull_meta_uid(claim), lull_meta_uid(old));
    json_object_object_del(lull_json_object(old, "spec"), "volumeName");
    json_object_object_del(lull_json_object(claim, "spec"), "volumeName");
    ck_assert(lull_json_equal(lull_json_object(claim, "spec"), lull_json_object(old, "spec")));
    ck_assert_str_eq(lull_meta_annotation(claim, "written"), "by hand");
    ck_assert_str_eq(lull_json_string(lull_json_at(claim, "metadata", "labels", NULL), "since", ""), "yes");
    ck_assert_str_eq(lull_json_string(lull_json_at(claim, "metadata", "labels", NULL), "app", ""), "x");
    ck_assert(lull_restore_made(restore, claim));
    ck_assert_str_eq(lull_meta_controller(claim), lull_meta_uid(vm));
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

/* All is as it was, or all is restored; also where who gives it up is killed himself. */
START_TEST(one_that_is_given_up_leaves_the_old_data_or_the_new_never_some_of_each)
{
    gboolean alive = FALSE, taken_back = FALSE, finished = FALSE;

    for (guint at = 1; !alive; at += SWAP_STRIDE) {
        played.by_write = TRUE;
        played.dies_at = at;
        played.does_it = _i % 2;
        alive = swap_run(NULL);
        if (_i / 2) {
            played.does_it = at % 3 == 0;
            played.dies_at = played.calls + 1 + at * 7 % 12;
            (void)swap_drop(NULL);
            swap_check_whole(at);
        }
        played.dies_at = 0;
        swap_give_up(at);
        if (swap_is_written()) {
            swap_check_restored(at);
        } else {
            ck_assert_msg(swap_all_have("old-"), "killed at %u", at);
            swap_check_clean(at);
        }
        taken_back |= !swap_is_written();
        finished |= swap_is_written() && !alive;
        played.writes = 0;
        swap_give_up(at);
        ck_assert_uint_eq(played.writes, 0);
        swap_begin_anew();
    }
    ck_assert(taken_back && finished);
}
END_TEST

/* As when somebody has deleted it: the claims are whole all the same, and no machine is made. */
START_TEST(one_whose_machine_is_gone_meanwhile_leaves_no_claim_out)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        played.by_write = TRUE;
        played.dies_at = at;
        alive = swap_run(NULL);
        played.dies_at = 0;
        if (!alive && !swap_is_written()) {
            ck_assert(lull_store_remove(played.inner, &lull_kind_plain_machine, NS, "larry", NULL, NULL));
            swap_give_up(at);
            ck_assert_msg(swap_all_have("old-") || swap_all_have("vs-"), "killed at %u", at);
            swap_check_clean(at);
            ck_assert_uint_eq(swap_count(&lull_kind_plain_machine), 0);
            swap_give_up(at);
            ck_assert_msg(swap_all_have("old-") || swap_all_have("vs-"), "killed at %u", at);
        }
        swap_begin_anew();
    }
}
END_TEST

/* What the machine was like nobody knows any more; what its data were is noted. */
START_TEST(one_whose_snapshot_is_gone_meanwhile_leaves_no_claim_out)
{
    gboolean alive = FALSE, finished = FALSE;

    for (guint at = 1; !alive; at++) {
        played.by_write = TRUE;
        played.dies_at = at;
        alive = swap_run(NULL);
        played.dies_at = 0;
        if (!swap_is_written()) {
            lull_json_put(g_steal_pointer(&content));
            swap_give_up(at);
            ck_assert_msg(swap_all_have("old-") || swap_all_have("vs-"), "killed at %u", at);
            finished |= swap_all_have("vs-");
            swap_check_clean(at);
            ck_assert(!swap_is_written());
        }
        swap_begin_anew();
    }
    ck_assert(finished);
}
END_TEST

/* Nothing can be made there any more, and nothing is to be left behind. */
START_TEST(one_whose_name_space_goes_lets_go_of_all_volumes)
{
    gboolean alive = FALSE, hopeless = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(LullJson) claim = NULL;

        played.by_write = TRUE;
        played.dies_at = at;
        alive = swap_run(NULL);
        played.dies_at = 0;
        claim = swap_get(&lull_csi_kind_claim, "root-claim");
        played.terminating = TRUE;
        if (!alive && !claim) {
            hopeless = TRUE;
            swap_give_up(at);
            swap_settle();
            ck_assert(!swap_has_volume("old-root"));
            ck_assert(!swap_has_volume("vs-root"));
        }
        swap_begin_anew();
    }
    ck_assert(hopeless);
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
            swap_give_up(at);
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

/* R13. @has: the machine has it as a template's, else it is made beside it. */
static void
use_data_volume(gboolean is_template)
{
    LullJson *spec = lull_json_at(content, "spec", "source", "virtualMachine", "spec", NULL);
    LullJson *rows = lull_json_array(lull_json_at(spec, "template", "spec", NULL), "volumes");
    LullJson *backups = lull_json_array(lull_json_object(content, "spec"), "volumeBackups");
    LullJson *claim = lull_json_object(json_object_array_get_idx(backups, 1), "persistentVolumeClaim");
    LullJson *volume = json_object_array_get_idx(rows, 1);
    static const char owned[] = "{'metadata':{'ownerReferences':[{'apiVersion':'cdi.kubevirt.io/v1beta1',"
                                "'kind':'DataVolume','name':'data-claim','uid':'u-dv','controller':true}]}}";
    g_autoptr(LullJson) owners = json(owned);

    lull_json_copy(lull_json_ensure(claim, "metadata"), lull_json_object(owners, "metadata"),
                   "ownerReferences");
    swap_patch(&lull_csi_kind_claim, "data-claim", LULL_PATCH_OBJECT, owned);
    json_object_object_del(volume, "persistentVolumeClaim");
    lull_json_take(volume, "dataVolume", json("{'name':'data-claim'}"));
    if (is_template)
        lull_json_take(spec, "dataVolumeTemplates", json("[{'metadata':{'name':'data-claim'},'spec':{}}]"));
    swap_put(&lull_kind_data_volume,
             "{'apiVersion':'cdi.kubevirt.io/v1beta1','kind':'DataVolume','metadata':{"
             "'name':'data-claim','namespace':'" NS "'},'spec':{},'status':{'phase':'Succeeded'}}");
    lull_json_take(lull_json_ensure(restore, "status"), "restores", lull_restore_plan(restore, content));
}

START_TEST(a_data_volume_keeps_its_name_and_nothing_else_fills_its_claim)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) before = NULL, claim = NULL, data_volume = NULL, vm = NULL;
        LullJson *rows = NULL;

        use_data_volume(_i % 2);
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
    tcase_add_loop_test(tcase, one_that_was_killed_goes_on_and_old_or_new_data_are_whole, 0, 4);
    tcase_add_loop_test(tcase, one_that_is_given_up_leaves_the_old_data_or_the_new_never_some_of_each, 0, 4);
    tcase_add_test(tcase, one_whose_machine_is_gone_meanwhile_leaves_no_claim_out);
    tcase_add_test(tcase, one_whose_snapshot_is_gone_meanwhile_leaves_no_claim_out);
    tcase_add_test(tcase, one_whose_name_space_goes_lets_go_of_all_volumes);
    tcase_add_loop_test(tcase, what_others_have_is_not_replaced, 0, 3);
    tcase_add_test(tcase, a_claim_that_belongs_to_somebody_else_is_not_replaced);
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
