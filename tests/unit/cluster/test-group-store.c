/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>

#include "coordinator/cluster/group-store.h"
#include "coordinator/model/meta.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define OWN "snapshot.lull.dev"

static char *directory, *path;
static LullStore *inner, *group;
static LullKind own_kind;

static void
setup(void)
{
    g_autoptr(GError) error = NULL;

    directory = g_dir_make_tmp("lull-group-XXXXXX", NULL);
    path = g_build_filename(directory, "store.db", NULL);
    inner = lull_store_local_open(path, &error);
    ck_assert_no_error(error);
    group = lull_store_group_new(inner, OWN);
    own_kind = lull_kind_snapshot;
    own_kind.group = OWN;
}

static void
teardown(void)
{
    g_autoptr(GDir) entries = g_dir_open(directory, 0, NULL);
    const char *name = NULL;

    lull_store_free(group);
    while ((name = g_dir_read_name(entries))) {
        g_autofree char *file = g_build_filename(directory, name, NULL);

        g_unlink(file);
    }
    g_rmdir(directory);
    g_free(directory);
    g_free(path);
}

static LullJson *
create(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object =
        json("{'apiVersion':'snapshot.kubevirt.io/"
             "v1beta1','kind':'VirtualMachineSnapshot','metadata':{'name':'snap',"
             "'namespace':'default','finalizers':['snapshot.kubevirt.io/vmsnapshot-protection','other.io/"
             "x']},'spec':{"
             "'source':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':'larry'}}}");
    LullJson *created = lull_store_create(group, &lull_kind_snapshot, object, &error);

    ck_assert_no_error(error);
    return created;
}

START_TEST(test_what_is_created_is_in_the_group_with_finalizers_of_its_name)
{
    g_autoptr(LullJson) created = create();
    g_autoptr(LullJson) kept = lull_store_get(inner, &own_kind, "default", "snap", NULL);

    ck_assert_str_eq(lull_json_string(kept, "apiVersion", ""), OWN "/v1beta1");
    ck_assert(lull_meta_has_finalizer(kept, OWN "/vmsnapshot-protection"));
    ck_assert(lull_meta_has_finalizer(kept, "other.io/x"));
    ck_assert(lull_meta_has_finalizer(created, LULL_FINALIZER_SNAPSHOT));
}
END_TEST

START_TEST(test_what_is_read_and_patched_has_the_finalizers_that_reconcilers_know)
{
    g_autoptr(LullJson) created = create();
    g_autoptr(LullJson) patch = lull_meta_patch_finalizer(created, LULL_FINALIZER_SNAPSHOT, FALSE);
    g_autoptr(LullJson) read = lull_store_get(group, &lull_kind_snapshot, "default", "snap", NULL);
    g_autoptr(LullJson) list = lull_store_list(group, &lull_kind_snapshot, NULL, NULL, NULL);
    g_autoptr(LullJson) kept = NULL;

    ck_assert(lull_meta_has_finalizer(read, LULL_FINALIZER_SNAPSHOT));
    ck_assert(lull_meta_has_finalizer(json_object_array_get_idx(lull_json_array(list, "items"), 0),
                                      LULL_FINALIZER_SNAPSHOT));
    json_object_put(
        lull_store_patch(group, &lull_kind_snapshot, "default", "snap", LULL_PATCH_OBJECT, patch, NULL));
    kept = lull_store_get(inner, &own_kind, "default", "snap", NULL);
    ck_assert(!lull_meta_has_finalizer(kept, OWN "/vmsnapshot-protection"));
    ck_assert(lull_meta_has_finalizer(kept, "other.io/x"));
}
END_TEST

START_TEST(test_what_is_removed_is_gone)
{
    g_autoptr(LullJson) created = create();
    g_autoptr(LullJson) read = NULL;

    ck_assert(lull_store_remove(group, &lull_kind_snapshot, "default", "snap", lull_meta_uid(created), NULL));
    read = lull_store_get(group, &lull_kind_snapshot, "default", "snap", NULL);
    ck_assert(lull_meta_is_deleting(read));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("group-store");
    TCase *tcase = tcase_create("group-store");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_what_is_created_is_in_the_group_with_finalizers_of_its_name);
    tcase_add_test(tcase, test_what_is_read_and_patched_has_the_finalizers_that_reconcilers_know);
    tcase_add_test(tcase, test_what_is_removed_is_gone);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
