/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/cluster/restore-work-world.h"

/* A restore that is given up: what goes of what it made. */

/* R22: at every point; one whose machine is written has what it needs. */
START_TEST(a_restore_that_is_given_up_leaves_nothing_that_nobody_uses)
{
    const LullRestoreTools tools = {.store = &played.base};
    gboolean done = FALSE;

    for (guint at = 1; !done; at++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) vm = NULL;

        work_make_objects("harry", "");
        played.dies_at = at;
        done = work_run(NULL);
        played.dies_at = 0;
        ck_assert(lull_restore_work_drop(&tools, restore, content, &(gboolean){0}, &error));
        vm = work_get(&lull_kind_vm, "harry");
        ck_assert_uint_eq(work_count(&lull_csi_kind_claim), vm ? 2 : 0);
        work_tear_down();
        work_set_up();
    }
}
END_TEST

#define OWNER(volumes) \
    "'metadata':{'name':'someone','namespace':'" NS "'},'spec':{'runStrategy':'Halted'," volumes "}}"
#define ON(source) "'volumes':[{'name':'x'," source "}]"
#define ROOT       "'persistentVolumeClaim':{'claimName':'restore-u-back-root'}"

static const struct {
    const LullKind *kind;
    const char *object;
} users[] = {
    {&lull_kind_plain_machine,
     "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine'," OWNER("'template':{'spec':{" ON(ROOT) "}}")},
    {&lull_kind_plain_machine,
     "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine'," OWNER(
         "'template':{'spec':{" ON("'dataVolume':{'name':'restore-u-back-root'}") "}}")},
    {&lull_kind_instance, "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachineInstance'," OWNER(ON(ROOT))},
    {&lull_kind_pod, "{'apiVersion':'v1','kind':'Pod'," OWNER(ON(ROOT))},
};

/* Its target is gone, or another restore's, or somebody took them. */
START_TEST(a_restore_that_is_given_up_leaves_what_somebody_uses)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) claim = NULL;

    work_make_objects("harry", "");
    ck_assert(work_run(&error));
    ck_assert(lull_store_remove(played.inner, &lull_kind_plain_machine, NS, "harry", NULL, &error));
    if (users[_i].kind == &lull_kind_instance)
        played.instance = users[_i].object;
    else
        json_object_put(work_put(users[_i].kind, users[_i].object));
    ck_assert_msg(lull_restore_work_drop(&tools, restore, content, &(gboolean){0}, &error), "%s",
                  error ? error->message : "");
    claim = work_get(&lull_csi_kind_claim, "restore-u-back-root");
    ck_assert_ptr_nonnull(claim);
    ck_assert_uint_eq(work_count(&lull_csi_kind_claim), 1);
}
END_TEST

START_TEST(a_data_volume_that_somebody_uses_stays_with_its_claim)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GError) error = NULL;

    work_make_objects("harry", "");
    work_use_template();
    ck_assert(work_run(&error));
    ck_assert(lull_store_remove(played.inner, &lull_kind_plain_machine, NS, "harry", NULL, &error));
    json_object_put(
        work_put(&lull_kind_pod, "{'apiVersion':'v1','kind':'Pod'," OWNER(
                                     ON("'persistentVolumeClaim':{'claimName':'restore-u-back-data'}"))));
    ck_assert_msg(lull_restore_work_drop(&tools, restore, content, &(gboolean){0}, &error), "%s",
                  error ? error->message : "");
    ck_assert_uint_eq(work_count(&lull_kind_data_volume), 1);
    ck_assert_uint_eq(work_count(&lull_csi_kind_claim), 1);
}
END_TEST

START_TEST(data_volumes_of_a_restore_that_is_given_up_go)
{
    const LullRestoreTools tools = {.store = &played.base};
    gboolean done = FALSE;

    for (guint at = 1; !done; at++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) vm = NULL;

        work_make_objects("harry", "");
        work_use_template();
        played.dies_at = at;
        done = work_run(NULL);
        played.dies_at = 0;
        ck_assert(lull_restore_work_drop(&tools, restore, content, &(gboolean){0}, &error));
        vm = work_get(&lull_kind_vm, "harry");
        ck_assert_uint_eq(work_count(&lull_csi_kind_claim), vm ? 2 : 0);
        ck_assert_uint_eq(work_count(&lull_kind_data_volume), vm ? 1 : 0);
        work_tear_down();
        work_set_up();
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-given-up");
    TCase *tcase = tcase_create("restore-given-up");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, work_set_up, work_tear_down);
    tcase_add_test(tcase, a_restore_that_is_given_up_leaves_nothing_that_nobody_uses);
    tcase_add_loop_test(tcase, a_restore_that_is_given_up_leaves_what_somebody_uses, 0, G_N_ELEMENTS(users));
    tcase_add_test(tcase, a_data_volume_that_somebody_uses_stays_with_its_claim);
    tcase_add_test(tcase, data_volumes_of_a_restore_that_is_given_up_go);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
