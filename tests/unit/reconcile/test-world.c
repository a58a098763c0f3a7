/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-effects.h"
#include "coordinator/reconcile/snapshot-effects.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"
#include "tests/unit/reconcile/fake-guest.h"

/* Both reconcilers over a real store in a simulated world: passes come in any order, too often or late; the
 * store fails before or after it has done what was asked; the coordinator dies and comes back. Whatever
 * happens, it comes to a good end. */

#define NS         "default"
#define SEEDS      40
#define MAX_PASSES 3000

/* A store in front of another one that loses one call in `rate`, and the one that makes `countdown` zero. */
typedef struct {
    LullStore store;
    LullStore *inner;
    GRand *dice;
    gint rate;      /* 0: none */
    gint countdown; /* of calls and their answers; 0: none, or it is over */
} Flaky;

typedef struct {
    char *dir;
    Flaky flaky;
    LullIntents *intents;
    LullClaims *claims;
    LullJobs *jobs;
    LullRecorder *recorder;
    LullSnapshots snapshots;
    LullContents contents;
    GRand *dice;
} World;

/* Machines are read only where they are a view of a host; here they are objects like any other. */
static const LullKind *
writable(const LullKind *kind)
{
    static const LullKind machine = {
        .group = "lull.dev", .version = "v1", .kind = "Machine", .plural = "machines", .singular = "machine"};

    return kind == &lull_kind_vm ? &machine : kind;
}

static gboolean
lose(Flaky *self, GError **error)
{
    const gboolean this_one = self->countdown > 0 && --self->countdown == 0;

    if (!this_one && (self->rate == 0 || g_rand_int_range(self->dice, 0, self->rate) != 0))
        return FALSE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the store went away");
    return TRUE;
}

static LullJson *
flaky_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    Flaky *self = (Flaky *)store;

    return lose(self, error) ? NULL : lull_store_get(self->inner, writable(kind), ns, name, error);
}

/* Lost on the way there, or on the way back. */
static LullJson *
flaky_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    Flaky *self = (Flaky *)store;
    g_autoptr(LullJson) created =
        lose(self, error) ? NULL : lull_store_create(self->inner, writable(kind), object, error);

    return created && !lose(self, error) ? g_steal_pointer(&created) : NULL;
}

static LullJson *
flaky_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
            LullJson *patch, GError **error)
{
    Flaky *self = (Flaky *)store;
    g_autoptr(LullJson) patched =
        lose(self, error) ? NULL
                          : lull_store_patch(self->inner, writable(kind), ns, name, target, patch, error);

    return patched && !lose(self, error) ? g_steal_pointer(&patched) : NULL;
}

static gboolean
flaky_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
             GError **error)
{
    Flaky *self = (Flaky *)store;

    return !lose(self, error) && lull_store_remove(self->inner, writable(kind), ns, name, uid, error) &&
           !lose(self, error);
}

static const LullStoreOps flaky_ops = {
    .get = flaky_get, .create = flaky_create, .patch = flaky_patch, .remove = flaky_remove};

static void
must_create(World *world, const LullKind *kind, const char *text, const char *status)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = json(text);
    g_autoptr(LullJson) created = lull_store_create(world->flaky.inner, writable(kind), object, &error);
    g_autoptr(LullJson) patch = json_object_new_object();
    g_autoptr(LullJson) patched = NULL;

    ck_assert_no_error(error);
    if (!status)
        return;
    lull_json_take(patch, "status", json(status));
    patched = lull_store_patch(world->flaky.inner, writable(kind), NS, lull_meta_name(created),
                               LULL_PATCH_STATUS, patch, &error);
    ck_assert_no_error(error);
}

/* A life of the coordinator: nothing of the one before is left but store and files. */
static void
begin_life(World *world)
{
    world->jobs = lull_jobs_new();
    world->claims = lull_claims_new();
    world->contents.jobs = world->jobs;
    world->contents.tools =
        (LullAttemptTools){.storage = fake_storage(), .intents = world->intents, .claims = world->claims};
    world->contents.life = g_uuid_string_random();
    world->contents.pause = 1;
    world->recorder = lull_recorder_new(world->flaky.inner, NULL, NULL);
    world->snapshots = (LullSnapshots){&world->flaky.store, world->recorder};
    world->contents.recorder = world->recorder;
}

static void
end_life(World *world)
{
    lull_jobs_stop(world->jobs, LULL_SEC(30));
    g_clear_pointer(&world->jobs, lull_jobs_free);
    g_clear_pointer(&world->claims, lull_claims_free);
    g_clear_pointer(&world->recorder, lull_recorder_free);
    g_clear_pointer(&world->contents.life, g_free);
}

static void
world_init(World *world, guint32 seed)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    const LullReconciler unused = {.name = "unused", .kind = &lull_kind_content};

    fake_reset();
    world->dir = g_dir_make_tmp("lull-world-XXXXXX", &error);
    ck_assert_no_error(error);
    path = g_build_filename(world->dir, "store.db", NULL);
    world->dice = g_rand_new_with_seed(seed);
    world->flaky = (Flaky){{&flaky_ops}, lull_store_local_open(path, &error), world->dice, 0, 0};
    ck_assert_no_error(error);
    world->intents = lull_intents_open(world->dir, &error);
    world->contents.store = &world->flaky.store;
    world->contents.loop = lull_loop_new(&world->flaky.store, &unused); /* only told of ends */
    begin_life(world);
    must_create(world, &lull_kind_vm,
                "{'apiVersion':'lull.dev/v1','kind':'Machine','metadata':{'name':'larry','namespace':"
                "'default'},'spec':{'template':{'spec':{'volumes':[{'name':'vda'},{'name':'vdb'}]}}}}",
                "{'printableStatus':'Running','volumeSnapshotStatuses':[{'name':'vda','enabled':true},"
                "{'name':'vdb','enabled':true}]}");
}

static void
remove_files(const char *dir)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name = NULL;

    while ((name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_unlink(path);
    }
    g_rmdir(dir);
}

static void
world_clear(World *world)
{
    end_life(world);
    lull_loop_free(world->contents.loop);
    lull_intents_free(world->intents);
    lull_store_free(world->flaky.inner);
    g_rand_free(world->dice);
    remove_files(world->dir);
    g_free(world->dir);
}

static void
take_snapshot(World *world, const char *annotations, const char *spec)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'snapshot.kubevirt.io/"
        "v1beta1','kind':'VirtualMachineSnapshot','metadata':{'name':'snap',"
        "'namespace':'default','annotations':{%s}},'spec':{'source':{'apiGroup':'kubevirt.io','kind':"
        "'VirtualMachine','name':'larry'}%s}}",
        annotations, spec);

    must_create(world, &lull_kind_snapshot, text, NULL);
}

static LullJson *
get(World *world, const LullKind *kind, const char *name)
{
    return lull_store_get(world->flaky.inner, writable(kind), NS, name, NULL);
}

/* The one content there is, or NULL. */
static LullJson *
get_content(World *world)
{
    g_autoptr(LullJson) list = lull_store_list(world->flaky.inner, &lull_kind_content, NS, NULL, NULL);
    LullJson *items = lull_json_array(list, "items");

    ck_assert_uint_le(json_object_array_length(items), 1);
    return json_object_array_length(items) ? lull_json_dup(json_object_array_get_idx(items, 0)) : NULL;
}

static void
pass_once(World *world)
{
    g_autoptr(LullJson) content = get_content(world);
    LullPass pass = {0};

    if (content && g_rand_boolean(world->dice))
        lull_content_pass(&world->contents, NS, lull_meta_name(content), &pass, NULL);
    else
        lull_snapshot_pass(&world->snapshots, NS, "snap", &pass, NULL);
    if (!pass.acted)
        g_thread_yield();
}

/* Passes in any order until @is_over; now and then the coordinator dies. */
static void
live_until(World *world, gboolean (*is_over)(World *world), guint max_deaths)
{
    for (guint i = 0; i < MAX_PASSES; i++) {
        if (is_over(world))
            return;
        pass_once(world);
        if (max_deaths > 0 && g_rand_int_range(world->dice, 0, 12) == 0) {
            max_deaths--;
            end_life(world);
            begin_life(world);
        }
        if (i > 200)
            g_usleep(500);
    }
    ck_abort_msg("it never ends: %s", fake_story());
}

static gboolean
is_locked(World *world)
{
    g_autoptr(LullJson) vm = get(world, &lull_kind_vm, "larry");

    return lull_json_string(lull_json_object(vm, "status"), "snapshotInProgress", NULL) != NULL;
}

static gboolean
is_settled(World *world)
{
    g_autoptr(LullJson) snapshot = get(world, &lull_kind_snapshot, "snap");

    return (lull_condition_is(snapshot, "Ready", TRUE) || lull_condition_is(snapshot, "Failure", TRUE)) &&
           !is_locked(world);
}

static gboolean
is_gone(World *world)
{
    g_autoptr(LullJson) snapshot = get(world, &lull_kind_snapshot, "snap");
    g_autoptr(LullJson) content = get_content(world);

    return !snapshot && !content;
}

static void
delete_snapshot(World *world)
{
    ck_assert(lull_store_remove(world->flaky.inner, &lull_kind_snapshot, NS, "snap", NULL, NULL));
}

static const char *
phase(World *world)
{
    g_autoptr(LullJson) snapshot = get(world, &lull_kind_snapshot, "snap");

    return g_intern_string(lull_json_string(lull_json_object(snapshot, "status"), "phase", ""));
}

static void
check_nothing_left(World *world)
{
    g_autoptr(GPtrArray) intents = lull_intents_list(world->intents);

    ck_assert(!is_locked(world));
    ck_assert(!fake_is_frozen());
    ck_assert_uint_eq(intents->len, 0);
    ck_assert_uint_eq(fake_stored(), 0);
}

static guint
count_freezes(void)
{
    guint n = 0;

    for (const char *letter = fake_story(); *letter; letter++)
        n += *letter == 'f';
    return n;
}

START_TEST(test_in_a_good_world_one_attempt_is_enough)
{
    World world = {0};
    g_autoptr(LullJson) snapshot = NULL;

    world_init(&world, (guint32)_i);
    take_snapshot(&world, "", ",'failureDeadline':0");
    live_until(&world, is_settled, 0);
    snapshot = get(&world, &lull_kind_snapshot, "snap");
    ck_assert_str_eq(phase(&world), "Succeeded");
    ck_assert_str_eq(fake_story(), "shpf1c2tS");
    ck_assert_str_eq(lull_json_to_line(lull_json_array(lull_json_object(snapshot, "status"), "indications")),
                     "[\"GuestAgent\",\"Online\"]");
    delete_snapshot(&world);
    live_until(&world, is_gone, 0);
    check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_whatever_is_lost_and_whoever_dies_it_is_taken_and_goes_without_a_trace)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.flaky.rate = 6;
    fake.fail_seal = (guint)_i % 3;
    fake.fail_remove = (guint)_i % 2;
    take_snapshot(&world, "", ",'failureDeadline':0");
    live_until(&world, is_settled, 4);
    ck_assert_str_eq(phase(&world), "Succeeded");
    ck_assert(!fake_is_frozen());
    ck_assert_uint_eq(fake_sealed(), 1);
    fake.fail_remove = 2;
    delete_snapshot(&world);
    live_until(&world, is_gone, 2);
    check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

static void
live_and_go(World *world)
{
    take_snapshot(world, "", ",'failureDeadline':0");
    live_until(world, is_settled, 0);
    ck_assert_str_eq(phase(world), "Succeeded");
    ck_assert_uint_eq(fake_sealed(), 1);
    delete_snapshot(world);
    live_until(world, is_gone, 0);
    check_nothing_left(world);
}

/* One after the other, on the way there and on the way back, until a whole life has fewer. */
START_TEST(test_whichever_call_of_the_store_is_lost_nothing_comes_of_it)
{
    for (gint lost = 1;; lost++) {
        World world = {0};
        gboolean was_lost = FALSE;

        world_init(&world, (guint32)_i);
        world.flaky.countdown = lost;
        live_and_go(&world);
        was_lost = world.flaky.countdown == 0;
        world_clear(&world);
        if (!was_lost)
            break;
        ck_assert_int_lt(lost, 2000);
    }
}
END_TEST

START_TEST(test_restarted_after_any_step_it_goes_on_where_it_was)
{
    World world = {0};

    world_init(&world, 7);
    take_snapshot(&world, "", ",'failureDeadline':0");
    for (int i = 0; i < _i; i++)
        pass_once(&world);
    end_life(&world);
    begin_life(&world);
    live_until(&world, is_settled, 0);
    ck_assert_str_eq(phase(&world), "Succeeded");
    ck_assert_uint_eq(fake_sealed(), 1);
    ck_assert_uint_le(count_freezes(), 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_deleted_at_any_moment_it_lets_go_and_leaves_nothing)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.flaky.rate = 8;
    take_snapshot(&world, "", ",'failureDeadline':0");
    for (int i = 0; i < _i; i++)
        pass_once(&world);
    delete_snapshot(&world);
    live_until(&world, is_gone, 1);
    end_life(&world);
    begin_life(&world);
    check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_level_not_reached_fails_it_and_its_data_goes)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.flaky.rate = 8;
    fake.break_hold = TRUE;
    take_snapshot(&world, "'lull.dev/require':'fs'", ",'failureDeadline':0");
    live_until(&world, is_settled, 1);
    ck_assert_str_eq(phase(&world), "Failed");
    check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_guest_that_never_keeps_still_is_cut_without_a_freeze_in_the_end)
{
    World world = {0};
    g_autoptr(LullJson) snapshot = NULL;

    world_init(&world, (guint32)_i);
    fake.break_hold = TRUE;
    take_snapshot(&world, "", ",'failureDeadline':0");
    live_until(&world, is_settled, 0);
    snapshot = get(&world, &lull_kind_snapshot, "snap");
    ck_assert_str_eq(phase(&world), "Succeeded");
    ck_assert_str_eq(fake_story(), "shpf1c2tr"
                                   "shpf1c2tr"
                                   "scS");
    ck_assert_uint_eq(fake_stored(), 1);
    ck_assert_str_eq(lull_json_to_line(lull_json_array(lull_json_object(snapshot, "status"), "indications")),
                     "[\"Online\",\"QuiesceFailed\"]");
    ck_assert_ptr_null(lull_json_object(lull_json_object(snapshot, "status"), "error"));
    world_clear(&world);
}
END_TEST

START_TEST(test_whoever_dies_no_guest_is_frozen_more_than_twice)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    world.flaky.rate = 8;
    fake.break_hold = TRUE;
    take_snapshot(&world, _i % 2 ? "" : "'lull.dev/require':'fs'", ",'failureDeadline':0");
    live_until(&world, is_settled, 5);
    ck_assert_str_eq(phase(&world), _i % 2 ? "Succeeded" : "Failed");
    ck_assert_uint_le(count_freezes(), 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_guest_is_not_stopped_again_and_again_for_a_cut_that_fails)
{
    World world = {0};
    g_autoptr(LullJson) snapshot = NULL;

    world_init(&world, (guint32)_i);
    fake.refuse_cut = TRUE;
    take_snapshot(&world, "", ",'failureDeadline':0");
    live_until(&world, is_settled, 0);
    snapshot = get(&world, &lull_kind_snapshot, "snap");
    ck_assert_str_eq(phase(&world), "Failed");
    ck_assert_str_eq(lull_condition_reason(snapshot, "Failure"), "no cut");
    ck_assert_str_eq(fake_story(), "shpf1ctr"
                                   "shpf1ctr"
                                   "r");
    check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_lock_of_an_owner_that_does_not_exist_is_void)
{
    World world = {0};
    g_autoptr(LullJson) patch =
        json(_i ? "{'status':{'restoreInProgress':'gone'}}" : "{'status':{'snapshotInProgress':'gone'}}");
    g_autoptr(LullJson) patched = NULL;

    world_init(&world, (guint32)_i);
    patched = lull_store_patch(world.flaky.inner, writable(&lull_kind_vm), NS, "larry", LULL_PATCH_STATUS,
                               patch, NULL);
    ck_assert_ptr_nonnull(patched);
    take_snapshot(&world, "", "");
    live_until(&world, is_settled, 0);
    ck_assert_str_eq(phase(&world), "Succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_past_its_deadline_it_fails_and_its_source_is_free)
{
    World world = {0};

    world_init(&world, (guint32)_i);
    take_snapshot(&world, "", ",'failureDeadline':'-1s'");
    live_until(&world, is_settled, 1);
    ck_assert_str_eq(phase(&world), "Failed");
    ck_assert_str_eq(fake_story(), "");
    check_nothing_left(&world);
    world_clear(&world);
}
END_TEST

static gboolean
is_cut(World *world)
{
    g_autoptr(LullJson) content = get_content(world);
    const char *state = content ? lull_meta_annotation(content, LULL_ANNOTATION_ATTEMPT) : NULL;

    return state && strstr(state, "\"cut\"");
}

/* Each failure makes the pause before the next look longer: nothing in between may end the row, and nothing
 * is written, which would be a reason to look at once. */
START_TEST(test_a_copy_that_cannot_be_looked_at_is_looked_for_less_and_less_often)
{
    World world = {0};
    g_autoptr(LullJson) content = NULL;
    guint failures = 0;

    world_init(&world, (guint32)_i);
    fake.fail_poll = 5;
    take_snapshot(&world, "", ",'failureDeadline':0");
    live_until(&world, is_cut, 0);
    content = get_content(&world);
    for (guint i = 0; failures < 5; i++) {
        LullPass pass = {0};

        ck_assert_uint_lt(i, MAX_PASSES);
        if (!lull_content_pass(&world.contents, NS, lull_meta_name(content), &pass, NULL))
            failures++;
        else if (failures > 0)
            ck_assert_msg(pass.pending && !pass.acted, "after %u failures", failures);
        g_usleep(100);
    }
    live_until(&world, is_settled, 0);
    ck_assert_str_eq(phase(&world), "Succeeded");
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("world");
    TCase *tcase = tcase_create("world");

    if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
        g_setenv("TMPDIR", "/dev/shm", TRUE); /* a store that syncs to memory */
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, test_in_a_good_world_one_attempt_is_enough, 0, 5);
    tcase_add_loop_test(tcase, test_whatever_is_lost_and_whoever_dies_it_is_taken_and_goes_without_a_trace, 0,
                        SEEDS);
    tcase_add_loop_test(tcase, test_whichever_call_of_the_store_is_lost_nothing_comes_of_it, 0, 2);
    tcase_add_loop_test(tcase, test_restarted_after_any_step_it_goes_on_where_it_was, 0, SEEDS);
    tcase_add_loop_test(tcase, test_deleted_at_any_moment_it_lets_go_and_leaves_nothing, 0, SEEDS);
    tcase_add_loop_test(tcase, test_a_level_not_reached_fails_it_and_its_data_goes, 0, 10);
    tcase_add_loop_test(tcase, test_a_guest_that_never_keeps_still_is_cut_without_a_freeze_in_the_end, 0, 5);
    tcase_add_loop_test(tcase, test_whoever_dies_no_guest_is_frozen_more_than_twice, 0, SEEDS);
    tcase_add_loop_test(tcase, test_a_guest_is_not_stopped_again_and_again_for_a_cut_that_fails, 0, 3);
    tcase_add_loop_test(tcase, test_a_lock_of_an_owner_that_does_not_exist_is_void, 0, 2);
    tcase_add_loop_test(tcase, test_past_its_deadline_it_fails_and_its_source_is_free, 0, 3);
    tcase_add_loop_test(tcase, test_a_copy_that_cannot_be_looked_at_is_looked_for_less_and_less_often, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
