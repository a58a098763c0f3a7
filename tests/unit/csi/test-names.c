/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/names.h"

#include <string.h>

#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define UID "0f3c5f0e-7d0b-4a5e-8e3c-0123456789ab"

static LullJson *
content_json(const char *vm)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'snapshot.lull.dev/v1beta1','kind':'VirtualMachineSnapshotContent','metadata':{"
        "'name':'vmsnapshot-content-x','namespace':'shop','uid':'content-uid'},'spec':{"
        "'source':{'virtualMachine':{'metadata':{'name':'%s'}}},'volumeBackups':["
        "{'volumeName':'root','persistentVolumeClaim':{'metadata':{'name':'larry-root'}},"
        "'volumeSnapshotName':'vmsnapshot-" UID "-volume-root'},"
        "{'volumeName':'root-2','persistentVolumeClaim':{'metadata':{'name':'larry-root-2'}},"
        "'volumeSnapshotName':'vmsnapshot-" UID "-volume-root-2'}]}}",
        vm);

    return json(text);
}

static LullCsiContent *
content_of(const char *vm)
{
    g_autoptr(LullJson) object = content_json(vm);
    g_autoptr(GError) error = NULL;
    LullCsiContent *content = lull_csi_content_new(object, &error);

    ck_assert_no_error(error);
    return content;
}

START_TEST(the_first_attempt_has_the_name_that_the_content_tells)
{
    g_autoptr(LullCsiContent) content = content_of("larry");
    g_autofree char *name = lull_csi_snapshot_name(content->backups->pdata[0], 1);

    ck_assert_str_eq(name, "vmsnapshot-" UID "-volume-root");
}
END_TEST

START_TEST(no_two_attempts_or_volumes_share_a_name)
{
    g_autoptr(LullCsiContent) content = content_of("larry");
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < content->backups->len; i++)
        for (guint attempt = 1; attempt <= 25; attempt++)
            ck_assert(g_hash_table_add(names, lull_csi_snapshot_name(content->backups->pdata[i], attempt)));
}
END_TEST

START_TEST(a_snapshot_has_claim_class_labels_and_owner)
{
    g_autoptr(LullCsiContent) content = content_of("larry");
    g_autoptr(LullJson) made = lull_csi_snapshot_object(content, content->backups->pdata[1], 3, "fast");
    g_autoptr(LullJson) expected =
        json("{'apiVersion':'snapshot.storage.k8s.io/v1','kind':'VolumeSnapshot','metadata':{"
             "'name':'vmsnapshot-" UID "-volume-root-2.3','namespace':'shop','labels':{"
             "'snapshot.kubevirt.io/source-vm-name':'larry',"
             "'snapshot.kubevirt.io/source-vm-namespace':'shop',"
             "'lull.dev/content-uid':'content-uid','lull.dev/attempt':'3'},"
             "'ownerReferences':[{'apiVersion':'snapshot.lull.dev/v1beta1',"
             "'kind':'VirtualMachineSnapshotContent','name':'vmsnapshot-content-x','uid':'content-uid',"
             "'controller':true,'blockOwnerDeletion':true}]},"
             "'spec':{'source':{'persistentVolumeClaimName':'larry-root-2'},"
             "'volumeSnapshotClassName':'fast'}}");

    ck_assert_msg(lull_json_equal(made, expected), "%s", lull_json_to_line(made));
}
END_TEST

START_TEST(a_snapshot_says_which_node_sees_to_it)
{
    g_autoptr(LullJson) object = content_json("larry");
    g_autoptr(LullCsiContent) content = NULL;
    g_autoptr(LullJson) made = NULL;

    lull_json_set_string(lull_json_ensure(lull_json_object(object, "metadata"), "labels"), "lull.dev/node",
                         "node-a");
    content = lull_csi_content_new(object, NULL);
    made = lull_csi_snapshot_object(content, content->backups->pdata[0], 1, "fast");
    ck_assert_str_eq(lull_json_string(lull_json_at(made, "metadata", "labels", NULL), "lull.dev/node", ""),
                     "node-a");
}
END_TEST

START_TEST(a_long_name_of_a_machine_becomes_a_label_that_is_allowed)
{
    g_autofree char *name = g_strnfill(253, 'a');
    g_autoptr(LullCsiContent) one = content_of(name);
    g_autoptr(LullJson) made = lull_csi_snapshot_object(one, one->backups->pdata[0], 1, "fast");
    const char *label = lull_json_string(lull_json_at(made, "metadata", "labels", NULL),
                                         "snapshot.kubevirt.io/source-vm-name", "");

    ck_assert_uint_eq(strlen(label), 63);
    name[252] = 'b';
    g_autoptr(LullCsiContent) other = content_of(name);
    g_autoptr(LullJson) next = lull_csi_snapshot_object(other, other->backups->pdata[0], 1, "fast");
    ck_assert_str_ne(label, lull_json_string(lull_json_at(next, "metadata", "labels", NULL),
                                             "snapshot.kubevirt.io/source-vm-name", ""));
}
END_TEST

static LullJson *
owner_in(LullJson *snapshot)
{
    return json_object_array_get_idx(
        lull_json_array(lull_json_object(snapshot, "metadata"), "ownerReferences"), 0);
}

START_TEST(only_what_this_attempt_made_of_this_claim_is_ours)
{
    static const struct {
        const char *where[3];
        const char *key, *value;
    } changes[] = {
        {{"metadata", "labels"}, LULL_CSI_LABEL_CONTENT, "another"},
        {{"metadata", "labels"}, LULL_CSI_LABEL_ATTEMPT, "2"},
        {{"spec", "source"}, "persistentVolumeClaimName", "another"},
        {{"spec", NULL}, "volumeSnapshotClassName", "another"},
        {{"metadata", NULL}, "deletionTimestamp", "2026-01-01T00:00:00Z"},
    };
    g_autoptr(LullCsiContent) content = content_of("larry");
    g_autoptr(LullJson) posted = lull_csi_snapshot_object(content, content->backups->pdata[0], 1, "fast");
    g_autoptr(LullJson) found = lull_json_dup(posted);
    g_autoptr(LullJson) next = lull_csi_snapshot_object(content, content->backups->pdata[0], 2, "fast");

    lull_json_set_string(lull_json_object(found, "metadata"), "uid", "vs-uid");
    lull_json_set_bool(lull_json_ensure(found, "status"), "readyToUse", TRUE);
    ck_assert(lull_csi_snapshot_is_ours(found, posted));
    ck_assert(!lull_csi_snapshot_is_ours(found, next));
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(LullJson) changed = lull_json_dup(found);
        LullJson *place = lull_json_at(changed, changes[i].where[0], changes[i].where[1], NULL);

        lull_json_set_string(place, changes[i].key, changes[i].value);
        ck_assert_msg(!lull_csi_snapshot_is_ours(changed, posted), "%s", changes[i].key);
    }
    lull_json_set_string(owner_in(found), "uid", "another");
    ck_assert(!lull_csi_snapshot_is_ours(found, posted));
}
END_TEST

START_TEST(an_attempt_has_made_what_its_content_owns_by_a_name_that_it_gives)
{
    g_autoptr(LullCsiContent) content = content_of("larry");
    g_autoptr(LullJson) made = lull_csi_snapshot_object(content, content->backups->pdata[1], 3, "fast");
    g_autoptr(LullJson) unowned = lull_json_dup(made);
    g_autoptr(LullJson) others = lull_json_dup(made);
    g_autoptr(LullJson) guest = lull_json_dup(made);
    g_autoptr(LullJson) renamed = lull_json_dup(made);
    g_autoptr(LullJson) relabeled = lull_json_dup(made);

    ck_assert_uint_eq(lull_csi_snapshot_attempt(made, content), 3);
    json_object_object_del(lull_json_object(unowned, "metadata"), "ownerReferences");
    ck_assert_uint_eq(lull_csi_snapshot_attempt(unowned, content), 0);
    lull_json_set_string(owner_in(others), "uid", "another");
    ck_assert_uint_eq(lull_csi_snapshot_attempt(others, content), 0);
    lull_json_set_bool(owner_in(guest), "controller", FALSE);
    ck_assert_uint_eq(lull_csi_snapshot_attempt(guest, content), 0);
    lull_json_set_string(lull_json_object(renamed, "metadata"), "name", "precious");
    ck_assert_uint_eq(lull_csi_snapshot_attempt(renamed, content), 0);
    lull_json_set_string(lull_json_at(relabeled, "metadata", "labels", NULL), LULL_CSI_LABEL_ATTEMPT, "2");
    ck_assert_uint_eq(lull_csi_snapshot_attempt(relabeled, content), 0);
}
END_TEST

START_TEST(selectors_are_those_of_the_labels)
{
    g_autofree char *one = lull_csi_selector("content-uid", 7);
    g_autofree char *all = lull_csi_selector("content-uid", 0);
    g_autofree char *content = lull_csi_content_name("vs-uid");

    ck_assert_str_eq(one, "lull.dev/content-uid=content-uid,lull.dev/attempt=7");
    ck_assert_str_eq(all, "lull.dev/content-uid=content-uid");
    ck_assert_str_eq(content, "snapcontent-vs-uid");
}
END_TEST

START_TEST(a_content_that_lacks_what_is_needed_is_refused)
{
    static const char *const lacking[] = {"apiVersion", "name", "namespace", "uid"};
    g_autoptr(LullJson) broken = content_json("larry");
    LullJson *backup =
        json_object_array_get_idx(lull_json_array(lull_json_object(broken, "spec"), "volumeBackups"), 1);
    g_autoptr(GError) problem = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(lacking); i++) {
        g_autoptr(LullJson) object = content_json("larry");
        g_autoptr(GError) error = NULL;

        json_object_object_del(object, lacking[i]);
        json_object_object_del(lull_json_object(object, "metadata"), lacking[i]);
        ck_assert_ptr_null(lull_csi_content_new(object, &error));
        ck_assert_error(error, LULL_ERROR_INVALID);
    }
    json_object_object_del(backup, "volumeSnapshotName");
    ck_assert_ptr_null(lull_csi_content_new(broken, &problem));
    ck_assert_error(problem, LULL_ERROR_INVALID);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("names");
    TCase *tcase = tcase_create("names");

    tcase_add_test(tcase, the_first_attempt_has_the_name_that_the_content_tells);
    tcase_add_test(tcase, no_two_attempts_or_volumes_share_a_name);
    tcase_add_test(tcase, a_snapshot_has_claim_class_labels_and_owner);
    tcase_add_test(tcase, a_snapshot_says_which_node_sees_to_it);
    tcase_add_test(tcase, a_long_name_of_a_machine_becomes_a_label_that_is_allowed);
    tcase_add_test(tcase, only_what_this_attempt_made_of_this_claim_is_ours);
    tcase_add_test(tcase, an_attempt_has_made_what_its_content_owns_by_a_name_that_it_gives);
    tcase_add_test(tcase, selectors_are_those_of_the_labels);
    tcase_add_test(tcase, a_content_that_lacks_what_is_needed_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
