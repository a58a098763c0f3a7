/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/machine-store.h"
#include "coordinator/cluster/restore-place.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/restore-effects.h"
#include "coordinator/reconcile/snapshot-view.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/store/recent.h"
#include "protocol/clock.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/cluster/restore-work-world.h"

/* What a whole restore asks of an API server that others need, too: from its creation on until its machine is
 * let go. Everything is as in the daemon, but for the server. */

#define PASSES 10000

typedef struct {
    GMainContext *context;
    LullStore *inner, *asking_inner;
    LullStore *store, *asking; /* as reconcilers know them */
    LullWatch *watches[4];
    LullJobs *jobs;
    LullRestoreCluster place;
    LullRestores restores;
    gboolean lossy; /* the server may be away, until a pass has found that out */
} World;

static World world;

static const LullKind *const watched[] = {&lull_kind_restore, &lull_kind_snapshot, &lull_kind_content,
                                          &lull_kind_vm};

static void
ignore(LullWatchType type, LullJson *object, gpointer user_data)
{
}

static LullStore *
view_of(LullStore *take_store)
{
    LullStore *all = lull_store_set_new(take_store);

    lull_store_set_add(all, &lull_kind_vm, lull_store_machines_new(take_store, LULL_GROUP_SNAPSHOT));
    return all;
}

static void
put_snapshot_of(const char *vm_uid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) snapshot = work_put(
        &lull_kind_snapshot,
        "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineSnapshot','metadata':{'name':"
        "'snap','namespace':'" NS
        "'},'spec':{'source':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':'larry'}},'status':{"
        "'phase':'Succeeded','readyToUse':true,'virtualMachineSnapshotContentName':'c'}}");
    g_autofree char *name = lull_snapshot_content_name(snapshot);
    g_autoptr(LullJson) made = NULL;
    LullJson *meta = NULL;

    work_make_objects("larry", "");
    lull_json_set_string(content, "apiVersion", "snapshot.kubevirt.io/v1beta1");
    lull_json_set_string(content, "kind", lull_kind_content.kind);
    lull_json_set_string(lull_json_object(content, "metadata"), "name", name);
    meta = lull_json_at(content, "spec", "source", "virtualMachine", "metadata", NULL);
    lull_json_set_string(meta, "uid", vm_uid);
    made = lull_store_create(played.inner, &lull_kind_content, content, &error);
    ck_assert_no_error(error);
    work_patch(&lull_kind_content, NS, name, LULL_PATCH_STATUS, "{'status':{'readyToUse':true}}");
}

static void
set_up(void)
{
    static const LullRecentKind known[] = {
        {"virtualmachinesnapshots"}, {"virtualmachinesnapshotcontents"},           {"virtualmachinerestores"},
        {"virtualmachines"},         {"virtualmachineinstances", .absence = TRUE}, {NULL}};
    static const LullReconciler unused = {.name = "unused", .kind = &lull_kind_restore};
    g_autoptr(LullJson) vm = NULL;

    work_set_up();
    played.provision = LATE;
    work_put_vm(VOLUME_OF("root"));
    work_patch(&lull_kind_plain_machine, NS, "larry", LULL_PATCH_STATUS,
               "{'status':{'restoreInProgress':null}}");
    vm = work_get(&lull_kind_vm, "larry");
    put_snapshot_of(lull_meta_uid(vm));
    world = (World){.context = g_main_context_new()};
    world.inner = lull_store_recent_new(&played.base, known, LULL_SEC(3600));
    world.asking_inner = lull_store_recent_asking(world.inner);
    world.store = view_of(world.inner);
    world.asking = view_of(world.asking_inner);
    for (gsize i = 0; i < G_N_ELEMENTS(watched); i++)
        world.watches[i] =
            lull_store_watch(world.store, watched[i], NULL, NULL, world.context, ignore, NULL, NULL);
    world.jobs = lull_jobs_new();
    lull_restore_cluster_init(&world.place, &(LullRestoreTools){.store = world.asking, .recent = world.store},
                              NULL, NULL);
    world.restores = (LullRestores){.store = world.store,
                                    .jobs = world.jobs,
                                    .place = &world.place.place,
                                    .loop = lull_loop_new(world.store, &unused)}; /* only told of ends */
}

static void
tear_down(void)
{
    (void)lull_jobs_stop(world.jobs, LULL_SEC(30));
    g_clear_pointer(&world.jobs, lull_jobs_free);
    lull_loop_free(world.restores.loop);
    for (gsize i = 0; i < G_N_ELEMENTS(watched); i++)
        lull_watch_stop(world.watches[i]);
    lull_store_free(world.asking);
    lull_store_free(world.store);
    g_main_context_unref(world.context);
    work_tear_down();
}

static gboolean
is_over(void)
{
    g_autoptr(LullJson) back = work_get(&lull_kind_restore, "back");
    g_autoptr(LullJson) vm = work_get(&lull_kind_vm, "larry");

    return lull_json_bool(lull_json_object(back, "status"), "complete", FALSE) &&
           lull_restore_made(back, vm) &&
           !lull_json_string(lull_json_object(vm, "status"), "restoreInProgress", NULL);
}

static void
live(void)
{
    gboolean over = FALSE;

    for (guint i = 0; i < PASSES && !over; i++) {
        g_autoptr(GError) error = NULL;
        LullPass pass = {0};

        while (g_main_context_iteration(world.context, FALSE))
            continue;
        if (!lull_restore_pass(&world.restores, NS, "back", &pass, &error)) {
            ck_assert_msg(world.lossy, "%s", error->message);
            played.dies_at = 0;
        }
        over = !pass.acted && is_over();
        if (!pass.acted)
            g_usleep(1000);
    }
    ck_assert(over);
}

static void
restore_it(void)
{
    played.writes = 0;
    json_object_put(work_put(&lull_kind_restore,
                             "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineRestore',"
                             "'metadata':{'name':'back','namespace':'" NS "'},'spec':{'target':{'apiGroup':"
                             "'kubevirt.io','kind':'VirtualMachine','name':'larry'},"
                             "'virtualMachineSnapshotName':'snap'}}"));
    live();
}

/* What is read is listed in docs/decisions/0042. */
static const struct {
    const LullKind *kind;
    guint reads;
} asked[] = {
    {&lull_kind_restore, 1},     {&lull_kind_snapshot, 1},    {&lull_kind_content, 1},
    {&lull_kind_vm, 2},          {&lull_kind_instance, 2},    {&lull_csi_kind_snapshot, 2},
    {&lull_csi_kind_content, 2}, {&lull_csi_kind_volume, 2},  {&lull_kind_storage_class, 1},
    {&lull_csi_kind_claim, 0},   {&lull_kind_data_volume, 0}, {&lull_kind_event, 0},
};

START_TEST(what_is_known_is_not_asked_for)
{
    restore_it();
    for (gsize i = 0; i < G_N_ELEMENTS(asked); i++)
        ck_assert_msg(work_asked(asked[i].kind) == asked[i].reads, "%s: %u", asked[i].kind->plural,
                      work_asked(asked[i].kind));
}
END_TEST

/* The finalizer with the owner, the lock, the plan, two claims, the machine, that it is complete, the lock.
 */
START_TEST(a_restore_of_two_disks_is_eight_writes)
{
    restore_it();
    ck_assert_uint_eq(played.writes, 8);
}
END_TEST

static void
check_data(void)
{
    g_autoptr(LullJson) back = work_get(&lull_kind_restore, "back");
    LullJson *plan = lull_json_array(lull_json_object(back, "status"), "restores");

    ck_assert_uint_eq(json_object_array_length(plan), 2);
    ck_assert_uint_eq(work_count(&lull_csi_kind_claim), 2);
    for (size_t i = 0; i < 2; i++) {
        const char *name = lull_json_string(json_object_array_get_idx(plan, i), "persistentVolumeClaim", "");
        g_autoptr(LullJson) claim = work_get(&lull_csi_kind_claim, name);

        ck_assert(lull_restore_made(back, claim));
        ck_assert_str_eq(lull_json_string(lull_json_object(claim, "status"), "phase", ""), "Bound");
    }
}

/* What is known is forgotten with it, or found to be old: nothing is made twice, and nothing left out. */
START_TEST(whichever_request_is_lost_it_comes_to_the_same)
{
    gboolean was_lost = TRUE;

    for (guint at = 1; was_lost; at++) {
        world.lossy = TRUE;
        played.does_it = _i;
        played.calls = 0;
        played.dies_at = at;
        restore_it();
        was_lost = played.calls >= at;
        check_data();
        ck_assert_uint_lt(at, 100);
        tear_down();
        set_up();
    }
}
END_TEST

/* Each is a request to a server that others need, too. */
START_TEST(what_two_claims_have_in_common_is_asked_for_once)
{
    g_autoptr(GError) error = NULL;

    played.provision = LATE;
    work_put_vm(VOLUME_OF("root"));
    work_make_objects("larry", "");
    ck_assert(work_run(&error));
    ck_assert_uint_eq(work_asked(&lull_kind_storage_class), 1);
    ck_assert_uint_eq(work_asked(&lull_csi_kind_snapshot), 2);
    ck_assert_uint_eq(work_asked(&lull_csi_kind_content), 2);
    ck_assert_uint_eq(work_asked(&lull_csi_kind_volume), 2);
}
END_TEST

/* Nor where the server has forgotten what was since the first was made. */
START_TEST(claims_that_nobody_can_have_made_are_not_looked_for)
{
    g_autoptr(GError) error = NULL;

    played.fresh = TRUE;
    played.provision = _i / 2 ? AT_ONCE : LATE;
    played.deaf = _i % 2;
    work_put_vm(VOLUME_OF("root"));
    work_make_objects("larry", "");
    ck_assert_msg(work_run(&error), "%s", error ? error->message : "");
    work_check_restored("larry");
    ck_assert_uint_eq(work_asked(&lull_csi_kind_claim), _i % 2);
    ck_assert_uint_eq(played.writes, 3);
}
END_TEST

/* And twice by everybody else. */
START_TEST(who_has_just_locked_a_machine_asks_for_it_once)
{
    g_autoptr(GError) error = NULL;

    played.fresh = _i;
    played.provision = LATE;
    work_put_vm(VOLUME_OF("root"));
    work_make_objects("larry", "");
    ck_assert(work_run(&error));
    ck_assert_uint_eq(work_asked(&lull_kind_vm), 2 - _i);
}
END_TEST

START_TEST(no_read_waits_for_the_answer_of_another)
{
    g_autoptr(GError) error = NULL;

    played.together = 2;
    work_put_vm(VOLUME_OF("root"));
    work_make_objects("larry", "");
    ck_assert_msg(work_run(&error), "%s", error ? error->message : "");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-requests");
    TCase *tcase = tcase_create("restore-requests");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, what_is_known_is_not_asked_for);
    tcase_add_test(tcase, a_restore_of_two_disks_is_eight_writes);
    tcase_add_loop_test(tcase, whichever_request_is_lost_it_comes_to_the_same, 0, 2);
    suite_add_tcase(suite, tcase);

    /* what is done once it is locked and planned, by itself */
    tcase = tcase_create("restore-requests-work");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, work_set_up, work_tear_down);
    tcase_add_test(tcase, what_two_claims_have_in_common_is_asked_for_once);
    tcase_add_loop_test(tcase, claims_that_nobody_can_have_made_are_not_looked_for, 0, 4);
    tcase_add_loop_test(tcase, who_has_just_locked_a_machine_asks_for_it_once, 0, 2);
    tcase_add_test(tcase, no_read_waits_for_the_answer_of_another);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
