/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/restore-effects.h"
#include "coordinator/reconcile/restore-host.h"
#include "coordinator/reconcile/restore-status.h"
#include "protocol/clock.h"
#include "protocol/names.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* The reconciler of restores over a real store, with a host and a storage that exist in memory only, and a
 * machine that is gone. Work fails, and the coordinator dies and comes back. */

#define NS         "default"
#define VM_UID     "5d3a1b9e-7a52-4c0f-9a55-0e6d8f1f7c11"
#define SEEDS      40
#define MAX_PASSES 3000

/* The store, in which the machine is a view of the host. */
typedef struct {
    LullStore store;
    LullStore *inner;
    GMutex mutex;
    gboolean defined, running;
    char *lock;
} Host;

typedef struct {
    LullStorage storage;
    Host *host;
    guint fail_before; /* so many times, nothing done */
    guint fail_after;  /* and then so many times with the machine defined */
    gboolean start_it; /* somebody does, once it is defined */
    gboolean refuse;   /* for good */
    gboolean hang;     /* until it is cancelled */
    guint dropped;
    gint begun;         /* atomic */
    gboolean unplanned; /* it was begun before that was recorded */
    char *vm_uid;
} Work;

typedef struct {
    char *dir;
    Host host;
    Work work;
    LullClaims *claims;
    LullRestoreHost place;
    LullRestores restores;
    GRand *dice;
} World;

static LullJson *
host_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    Host *self = (Host *)store;
    g_autoptr(GMutexLocker) locker = NULL;
    LullJson *machine;

    if (kind != &lull_kind_vm)
        return lull_store_get(self->inner, kind, ns, name, error);
    locker = g_mutex_locker_new(&self->mutex);
    if (!self->defined) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "no such machine");
        return NULL;
    }
    machine = json("{'metadata':{'name':'larry','namespace':'default','uid':'" VM_UID "'}}");
    lull_json_set_string(lull_json_ensure(machine, "status"), "printableStatus",
                         self->running ? "Running" : "Stopped");
    lull_json_set_string(lull_json_ensure(machine, "status"), "restoreInProgress", self->lock);
    return machine;
}

static LullJson *
host_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
           LullJson *patch, GError **error)
{
    Host *self = (Host *)store;

    if (kind != &lull_kind_vm)
        return lull_store_patch(self->inner, kind, ns, name, target, patch, error);
    g_mutex_lock(&self->mutex);
    g_free(self->lock);
    self->lock = g_strdup(lull_json_string(lull_json_object(patch, "status"), "restoreInProgress", NULL));
    g_mutex_unlock(&self->mutex);
    return host_get(store, kind, ns, name, error);
}

/* In place of the real ones: it is off at once, and somebody undefines it. */
gboolean
lull_host_shutdown_vm(LullHost *host, const char *uid, GError **error)
{
    Host *self = (Host *)host;

    g_mutex_lock(&self->mutex);
    self->running = self->defined = FALSE;
    g_clear_pointer(&self->lock, g_free);
    g_mutex_unlock(&self->mutex);
    return TRUE;
}

gboolean
lull_host_start_vm(LullHost *host, const char *uid, GError **error)
{
    Host *self = (Host *)host;

    g_mutex_lock(&self->mutex);
    self->running = self->defined && g_strcmp0(uid, VM_UID) == 0;
    g_mutex_unlock(&self->mutex);
    return TRUE;
}

static LullJson *
host_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
          GError **error)
{
    return lull_store_list(((Host *)store)->inner, kind, ns, options, error);
}

static const LullStoreOps host_ops = {.get = host_get, .list = host_list, .patch = host_patch};

static gboolean
fails_now(guint *times, GError **error)
{
    if (*times == 0)
        return FALSE;
    --*times;
    g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "not now");
    return TRUE;
}

static void
note_begun(Work *self, const char *vm_uid)
{
    g_autoptr(LullJson) restore = lull_store_get(self->host->inner, &lull_kind_restore, NS, "back", NULL);

    self->unplanned |= !lull_json_array(lull_json_object(restore, "status"), "restores");
    g_free(self->vm_uid);
    self->vm_uid = g_strdup(vm_uid);
    g_atomic_int_inc(&self->begun);
}

static gboolean
work_restore(LullStorage *storage, const char *content_uid, const char *vm_uid, const char *restore_uid,
             void (*progress)(guint permille, gpointer user_data), gpointer user_data, GCancellable *cancel,
             GError **error)
{
    Work *self = (Work *)storage;

    note_begun(self, vm_uid);
    while (self->hang && !g_cancellable_set_error_if_cancelled(cancel, error))
        g_usleep(100);
    if (self->refuse)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "somebody has its disks");
    if (self->hang || self->refuse || fails_now(&self->fail_before, error))
        return FALSE;
    g_mutex_lock(&self->host->mutex);
    self->host->defined = TRUE;
    self->host->running = self->start_it;
    g_mutex_unlock(&self->host->mutex);
    return !fails_now(&self->fail_after, error);
}

static gboolean
work_drop(LullStorage *storage, const char *content_uid, const char *restore_uid, GError **error)
{
    Work *self = (Work *)storage;

    self->dropped++;
    return TRUE;
}

static const LullStorageOps work_ops = {.restore = work_restore, .drop_restore = work_drop};

static LullJson *
get(World *world)
{
    return lull_store_get(world->host.inner, &lull_kind_restore, NS, "back", NULL);
}

static void
must_create(World *world, const LullKind *kind, LullJson *take_object, const char *status)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = take_object;
    g_autoptr(LullJson) created = lull_store_create(world->host.inner, kind, object, &error);
    g_autoptr(LullJson) patch = json_object_new_object();
    g_autoptr(LullJson) patched = NULL;

    ck_assert_no_error(error);
    if (!status)
        return;
    lull_json_take(patch, "status", json(status));
    patched = lull_store_patch(world->host.inner, kind, NS, lull_meta_name(created), LULL_PATCH_STATUS, patch,
                               &error);
    ck_assert_no_error(error);
}

/* Of the world that there is. */
static struct {
    LullRestorePlaceOps ops;
    const LullRestorePlaceOps *real;
    World *world;        /* NULL: it is the place that drops */
    guint fail;          /* so many times */
    gboolean failed;     /* the last time */
    gboolean between;    /* and till then the data are of two times */
    gboolean in_the_way; /* by then the machine was locked, or was not where it has to be, or nobody told */
} drops;

static gboolean
try_to_drop(LullRestorePlace *place, const LullRestoreOrder *order, gboolean *ret_between, GError **error)
{
    g_autoptr(LullJson) restore = get(drops.world);
    const char *told = lull_condition_message(restore, "Progressing");

    if (drops.failed)
        drops.in_the_way |= (drops.world->host.lock != NULL) != drops.between || !told ||
                            !g_str_equal(told, LULL_RESTORE_LEFT "not now");
    drops.failed = fails_now(&drops.fail, error);
    *ret_between = drops.failed && drops.between;
    return !drops.failed && drops.real->drop(place, order, ret_between, error);
}

static void
begin_life(World *world)
{
    world->restores.jobs = lull_jobs_new();
    world->claims = lull_claims_new();
    lull_restore_host_init(&world->place, (LullHost *)&world->host, &world->work.storage, world->claims);
    if (!drops.world)
        return;
    drops.real = world->place.place.ops;
    drops.ops = *drops.real;
    drops.ops.drop = try_to_drop;
    world->place.place.ops = &drops.ops;
}

static void
end_life(World *world)
{
    lull_jobs_stop(world->restores.jobs, LULL_SEC(30));
    g_clear_pointer(&world->restores.jobs, lull_jobs_free);
    g_clear_pointer(&world->claims, lull_claims_free);
}

static void
world_init(World *world, guint32 seed)
{
    const LullReconciler unused = {.name = "unused", .kind = &lull_kind_restore};
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;

    world->dir = g_dir_make_tmp("lull-restore-world-XXXXXX", &error);
    ck_assert_no_error(error);
    path = g_build_filename(world->dir, "store.db", NULL);
    world->host = (Host){.store = {&host_ops}, .inner = lull_store_local_open(path, &error)};
    ck_assert_no_error(error);
    world->work = (Work){.storage = {&work_ops}, .host = &world->host};
    world->dice = g_rand_new_with_seed(seed);
    world->restores.store = &world->host.store;
    world->restores.place = &world->place.place;
    world->restores.loop = lull_loop_new(&world->host.store, &unused); /* only told of ends */
    begin_life(world);
    must_create(world, &lull_kind_content,
                json("{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineSnapshotContent',"
                     "'metadata':{'name':'c','namespace':'default'},'spec':{'source':{'virtualMachine':"
                     "{'metadata':{'name':'larry','uid':'" VM_UID
                     "'}}},'volumeBackups':[{'volumeSnapshotName':'vs','volumeName':"
                     "'vda','persistentVolumeClaim':{'metadata':{'name':'larry-vda'}}}]}}"),
                "{'readyToUse':true}");
    must_create(world, &lull_kind_snapshot, snapshot_json("snap", ",'namespace':'default'"),
                "{'phase':'Succeeded','readyToUse':true,'virtualMachineSnapshotContentName':'c'}");
}

static void
world_clear(World *world)
{
    g_autoptr(GDir) entries = g_dir_open(world->dir, 0, NULL);
    const char *name = NULL;

    end_life(world);
    lull_loop_free(world->restores.loop);
    lull_store_free(world->host.inner);
    g_rand_free(world->dice);
    g_free(world->host.lock);
    g_free(world->work.vm_uid);
    while ((name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(world->dir, name, NULL);

        g_unlink(path);
    }
    g_rmdir(world->dir);
    g_free(world->dir);
}

/* @note: that somebody wrote on it; NULL: nobody did. */
static void
ask_with_note(World *world, const char *policy, const char *note)
{
    LullJson *object = json("{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineRestore',"
                            "'metadata':{'name':'back','namespace':'default'},'spec':{'target':{'apiGroup':"
                            "'kubevirt.io','kind':'VirtualMachine','name':'larry'},"
                            "'virtualMachineSnapshotName':'snap'}}");

    lull_json_set_string(lull_json_object(object, "spec"), "targetReadinessPolicy", policy);
    lull_json_set_string(lull_json_ensure(lull_json_ensure(object, "metadata"), "annotations"),
                         LULL_ANNOTATION_START_TARGET, note);
    must_create(world, &lull_kind_restore, object, NULL);
}

static void
ask(World *world, const char *policy)
{
    ask_with_note(world, policy, NULL);
}

/* Passes until one finds nothing to do any more; now and then the coordinator dies. */
static void
live_until(World *world, gboolean (*is_over)(World *world), guint max_deaths)
{
    for (guint i = 0; i < MAX_PASSES; i++) {
        LullPass pass = {0};
        const gboolean fine = lull_restore_pass(&world->restores, NS, "back", &pass, NULL);

        if (fine && !pass.acted && is_over(world))
            return;
        if (!pass.acted)
            g_usleep(100);
        if (max_deaths > 0 && g_rand_int_range(world->dice, 0, 6) == 0) {
            max_deaths--;
            end_life(world);
            begin_life(world);
        }
    }
    g_autoptr(LullJson) restore = get(world);
    ck_abort_msg("it does not come to an end: %s", lull_json_to_line(restore));
}

static gboolean
is_complete(World *world)
{
    g_autoptr(LullJson) restore = get(world);

    return lull_json_bool(lull_json_object(restore, "status"), "complete", FALSE);
}

static gboolean
is_failed(World *world)
{
    g_autoptr(LullJson) restore = get(world);

    return lull_condition_is(restore, "Failure", TRUE);
}

static gboolean
is_all_told(World *world)
{
    g_autoptr(LullJson) restore = get(world);

    return is_failed(world) && !lull_condition_message(restore, "Progressing") && world->work.dropped > 0;
}

static gboolean
has_begun(World *world)
{
    return g_atomic_int_get(&world->work.begun) > 0;
}

static gboolean
is_gone(World *world)
{
    g_autoptr(LullJson) restore = get(world);

    return restore == NULL;
}

static void
check_over(World *world, gboolean defined)
{
    g_autoptr(LullJson) restore = get(world);
    g_autofree char *id = lull_restore_job(LULL_JOB_RESTORE, restore ? lull_meta_uid(restore) : "");

    ck_assert_int_eq(world->host.defined, defined);
    ck_assert_ptr_null(world->host.lock);
    ck_assert(!world->work.unplanned);
    ck_assert_str_eq(world->work.vm_uid, VM_UID);
    ck_assert_int_eq(lull_jobs_state(world->restores.jobs, id, NULL, NULL), LULL_JOB_NONE);
}

static const char *const policies[] = {NULL, "WaitGracePeriod", "WaitEventually", "StopTarget",
                                       "FailImmediate"};

START_TEST(test_a_machine_that_is_gone_comes_back_whatever_the_policy)
{
    World world = {0};

    world_init(&world, 0);
    ask(&world, policies[_i]);
    live_until(&world, is_complete, 0);
    check_over(&world, TRUE);
    ck_assert_int_eq(world.work.begun, 1);
    ck_assert_uint_eq(world.work.dropped, 0);
    ck_assert(!world.host.running);
    world_clear(&world);
}
END_TEST

START_TEST(test_whatever_fails_and_whoever_dies_it_comes_back)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.work.fail_before = (guint)g_rand_int_range(world.dice, 0, 3);
    world.work.fail_after = (guint)g_rand_int_range(world.dice, 0, 3);
    ask(&world, policies[_i % G_N_ELEMENTS(policies)]);
    live_until(&world, is_complete, 8);
    check_over(&world, TRUE);
    world_clear(&world);
}
END_TEST

START_TEST(test_what_is_in_its_way_fails_it_and_nothing_is_left)
{
    World world = {0};
    g_autoptr(LullJson) restore = NULL;

    world_init(&world, (guint32)_i);
    world.work.refuse = TRUE;
    ask(&world, NULL);
    live_until(&world, is_failed, _i ? 8 : 0);
    restore = get(&world);
    ck_assert_str_eq(lull_condition_reason(restore, "Failure"), "somebody has its disks");
    check_over(&world, FALSE);
    if (_i == 0)
        ck_assert_uint_eq(world.work.dropped, 1);
    world_clear(&world);
}
END_TEST

/* Whoever has the coordinator next looks after it, too, and the restore does not go before. */
START_TEST(test_a_machine_stays_locked_for_what_is_left_of_a_restore_only_where_its_data_are_of_two_times)
{
    World world = {0};
    const int seed = _i % SEEDS;

    drops.world = &world;
    drops.fail = 4;
    drops.between = _i >= SEEDS;
    world_init(&world, (guint32)seed);
    world.host.defined = TRUE;
    world.work.refuse = TRUE;
    ask(&world, NULL);
    if (seed % 2) {
        live_until(&world, has_begun, seed > 1 ? 8 : 0);
        ck_assert(lull_store_remove(world.host.inner, &lull_kind_restore, NS, "back", NULL, NULL));
    }
    live_until(&world, seed % 2 ? is_gone : is_all_told, seed > 1 ? 8 : 0);
    check_over(&world, TRUE);
    ck_assert(!drops.in_the_way);
    ck_assert_uint_ge(world.work.dropped, 1);
    world_clear(&world);
}
END_TEST

START_TEST(test_one_that_is_started_before_it_is_done_is_not_written_to_again)
{
    World world = {0};
    g_autoptr(LullJson) restore = NULL;

    world_init(&world, (guint32)_i);
    world.work.fail_after = 1;
    world.work.start_it = TRUE;
    ask(&world, "WaitEventually");
    live_until(&world, is_failed, _i ? 8 : 0);
    restore = get(&world);
    ck_assert_str_eq(lull_condition_reason(restore, "Failure"),
                     "the target was started while the restore was under way");
    check_over(&world, TRUE);
    ck_assert_int_eq(world.work.begun, 1);
    world_clear(&world);
}
END_TEST

static gboolean
is_started(World *world)
{
    g_autoptr(LullJson) restore = get(world);

    return is_complete(world) &&
           g_strcmp0(lull_meta_annotation(restore, LULL_ANNOTATION_START_TARGET), "started") == 0;
}

START_TEST(test_one_that_is_gone_once_it_is_stopped_for_it_runs_again_in_the_end)
{
    World world = {0};

    world_init(&world, 0);
    world.host.defined = world.host.running = TRUE;
    ask(&world, "StopTarget");
    live_until(&world, is_started, 0);
    check_over(&world, TRUE);
    ck_assert(world.host.running);
    world_clear(&world);
}
END_TEST

START_TEST(test_one_that_was_off_is_not_started_for_what_somebody_noted)
{
    World world = {0};

    world_init(&world, 0);
    world.host.defined = TRUE;
    ask_with_note(&world, "StopTarget", "true");
    live_until(&world, is_complete, 0);
    check_over(&world, TRUE);
    ck_assert(!world.host.running);
    world_clear(&world);
}
END_TEST

START_TEST(test_deleted_meanwhile_it_is_called_off_and_leaves_nothing)
{
    World world = {0};

    world_init(&world, 0);
    world.work.hang = TRUE;
    ask(&world, NULL);
    live_until(&world, has_begun, 0);
    ck_assert(lull_store_remove(world.host.inner, &lull_kind_restore, NS, "back", NULL, NULL));
    live_until(&world, is_gone, 0);
    check_over(&world, FALSE);
    ck_assert_uint_ge(world.work.dropped, 1);
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-world");
    TCase *tcase = tcase_create("restore-world");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_a_machine_that_is_gone_comes_back_whatever_the_policy, 0,
                        G_N_ELEMENTS(policies));
    tcase_add_loop_test(tcase, test_whatever_fails_and_whoever_dies_it_comes_back, 0, SEEDS);
    tcase_add_loop_test(tcase, test_what_is_in_its_way_fails_it_and_nothing_is_left, 0, SEEDS);
    tcase_add_loop_test(
        tcase, test_a_machine_stays_locked_for_what_is_left_of_a_restore_only_where_its_data_are_of_two_times,
        0, 2 * SEEDS);
    tcase_add_loop_test(tcase, test_one_that_is_started_before_it_is_done_is_not_written_to_again, 0, SEEDS);
    tcase_add_test(tcase, test_one_that_is_gone_once_it_is_stopped_for_it_runs_again_in_the_end);
    tcase_add_test(tcase, test_one_that_was_off_is_not_started_for_what_somebody_noted);
    tcase_add_test(tcase, test_deleted_meanwhile_it_is_called_off_and_leaves_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
