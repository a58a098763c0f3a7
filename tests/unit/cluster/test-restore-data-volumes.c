/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/cluster/restore-work-world.h"

/* Restores of machines on DataVolumes of templates. */

/* @owner: uid of what controls it; NULL: nobody does. */
static void
put_data_volume(const char *name, const char *owner)
{
    g_autofree char *owners = g_strdup_printf(
        ",'ownerReferences':[{'apiVersion':'x/v1','kind':'X','name':'x','controller':true,'uid':'%s'}]",
        owner ? owner : "");
    g_autofree char *text =
        g_strdup_printf("{'apiVersion':'cdi.kubevirt.io/v1beta1','kind':'DataVolume','metadata':{'name':'%s',"
                        "'namespace':'" NS "'%s},'spec':{}}",
                        name, owner ? owners : "");

    json_object_put(work_put(&lull_kind_data_volume, text));
}

/* On a DataVolume of its own, which @owner has ("VM": the machine); with a template of it or without. */
static void
put_templated_vm(const char *owner, gboolean with_template)
{
    g_autoptr(LullJson) vm = NULL;

    work_put_vm(VOLUME_OF("root") ",{'name':'data','dataVolume':{'name':'data-claim'}}");
    if (with_template)
        work_patch(&lull_kind_plain_machine, NS, "larry", LULL_PATCH_OBJECT,
                   "{'spec':{'dataVolumeTemplates':[{'metadata':{'name':'data-claim'}}]}}");
    vm = work_get(&lull_kind_vm, "larry");
    put_data_volume("data-claim", g_strcmp0(owner, "VM") == 0 ? lull_meta_uid(vm) : owner);
    json_object_put(work_put(&lull_kind_restore,
                             "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineRestore',"
                             "'metadata':{'name':'back','namespace':'" NS "'},'spec':{'target':{'apiGroup':"
                             "'kubevirt.io','kind':'VirtualMachine','name':'larry'},"
                             "'virtualMachineSnapshotName':'snap'}}"));
}

/* R16, R17, R21: wherever it dies. */
START_TEST(a_template_gets_a_data_volume_of_the_cut_and_the_one_that_it_had_goes)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) made = NULL, claim = NULL, vm = NULL, old = NULL, noted = NULL;

        put_templated_vm("VM", TRUE);
        work_make_objects("larry", "");
        work_use_template();
        played.dies_at = at;
        played.does_it = _i;
        alive = work_run(&error);
        ck_assert_msg(alive || lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
        g_clear_error(&error);
        played.dies_at = 0;
        noted = work_get(&lull_kind_restore, "back");
        if (lull_json_at(noted, "status", NULL)) /* as whoever comes next sees it */
            lull_json_copy(lull_json_object(restore, "status"), lull_json_object(noted, "status"),
                           "deletedDataVolumes");
        ck_assert_msg(work_run(&error), "killed at %u: %s", at, error ? error->message : "");
        vm = work_get(&lull_kind_vm, "larry");
        made = work_get(&lull_kind_data_volume, "restore-u-back-data");
        claim = work_get(&lull_csi_kind_claim, "restore-u-back-data");
        old = work_get(&lull_kind_data_volume, "data-claim");
        ck_assert(lull_restore_made(restore, vm));
        ck_assert_str_eq(lull_meta_annotation(made, "cdi.kubevirt.io/storage.prePopulated"), "true");
        ck_assert_str_eq(lull_meta_annotation(claim, "cdi.kubevirt.io/storage.populatedFor"),
                         "restore-u-back-data");
        ck_assert_str_eq(lull_meta_controller(claim), "");
        ck_assert_ptr_null(old);
        work_tear_down();
        work_set_up();
    }
}
END_TEST

static const struct {
    const char *owner;
    gboolean with_template, noted; /* by an earlier try */
    const char *left_out;          /* a volume that the snapshot lacks; NULL: none */
    gboolean goes;
} old_data_volumes[] = {
    {"VM", TRUE, FALSE, NULL, TRUE},
    {NULL, TRUE, FALSE, NULL, FALSE}, /* orphaned on purpose */
    {"u-other", TRUE, FALSE, NULL, FALSE},
    {"VM", FALSE, TRUE, NULL, FALSE}, /* taken out of the templates since it was noted */
    {"VM", TRUE, TRUE, "{'name':'more','dataVolume':{'name':'data-claim'}}", FALSE},
    {"VM", TRUE, TRUE, "{'name':'more','persistentVolumeClaim':{'claimName':'data-claim'}}", FALSE},
};

START_TEST(a_data_volume_goes_only_where_it_is_the_machines_that_has_no_use_for_it)
{
    LullJson *volumes = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) old = NULL, noted = NULL;

    put_templated_vm(old_data_volumes[_i].owner, old_data_volumes[_i].with_template);
    work_make_objects("larry", "");
    work_use_template();
    if (old_data_volumes[_i].noted) {
        work_patch(&lull_kind_restore, NS, "back", LULL_PATCH_STATUS,
                   "{'status':{'deletedDataVolumes':['data-claim']}}");
        lull_json_take(lull_json_object(restore, "status"), "deletedDataVolumes", json("['data-claim']"));
    }
    volumes = lull_json_array(
        lull_json_at(content, "spec", "source", "virtualMachine", "spec", "template", "spec", NULL),
        "volumes");
    if (old_data_volumes[_i].left_out)
        json_object_array_add(volumes, json(old_data_volumes[_i].left_out));
    ck_assert_msg(work_run(&error), "%s", error ? error->message : "");
    old = work_get(&lull_kind_data_volume, "data-claim");
    ck_assert_int_eq(old == NULL, old_data_volumes[_i].goes);
    noted = work_get(&lull_kind_restore, "back");
    if (old_data_volumes[_i].noted)
        ck_assert_ptr_null(lull_json_array(lull_json_object(noted, "status"), "deletedDataVolumes"));
}
END_TEST

START_TEST(what_the_machine_had_stays_until_the_new_data_are_there)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) old = NULL, noted = NULL, vm = NULL;

    played.provision = CONSUMED;
    put_templated_vm("VM", TRUE);
    work_make_objects("larry", "");
    work_use_template();
    ck_assert_msg(work_run(&error), "%s", error ? error->message : "");
    vm = work_get(&lull_kind_vm, "larry");
    ck_assert(lull_restore_made(restore, vm));
    old = work_get(&lull_kind_data_volume, "data-claim");
    ck_assert_ptr_nonnull(old);
    noted = work_get(&lull_kind_restore, "back");
    ck_assert_ptr_null(lull_json_array(lull_json_object(noted, "status"), "deletedDataVolumes"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-data-volumes");
    TCase *tcase = tcase_create("restore-data-volumes");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, work_set_up, work_tear_down);
    tcase_add_loop_test(tcase, a_template_gets_a_data_volume_of_the_cut_and_the_one_that_it_had_goes, 0, 2);
    tcase_add_loop_test(tcase, a_data_volume_goes_only_where_it_is_the_machines_that_has_no_use_for_it, 0,
                        G_N_ELEMENTS(old_data_volumes));
    tcase_add_test(tcase, what_the_machine_had_stays_until_the_new_data_are_there);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
