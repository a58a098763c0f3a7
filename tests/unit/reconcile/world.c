/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/reconcile/world.h"

#include <glib/gstdio.h>

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/restore-view.h"
#include "protocol/clock.h"
#include "tests/lib/memory.h"
#include "tests/lib/objects.h"

#define NS         "default"
#define MAX_PASSES 3000

/* Machines are read only where they are a view of a host; here they are objects like any other. */
static const LullKind *
writable(const LullKind *kind)
{
    static const LullKind machine = {
        .group = "lull.dev", .version = "v1", .kind = "Machine", .plural = "machines", .singular = "machine"};

    return kind == &lull_kind_vm ? &machine : kind;
}

static gboolean
lose(WorldStore *self, gboolean is_write, GError **error)
{
    const gboolean counts = is_write || self->reads;
    const gboolean this_one = counts && self->countdown > 0 && --self->countdown == 0;

    if (!this_one && (self->rate == 0 || g_rand_int_range(self->dice, 0, self->rate) != 0))
        return FALSE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the store went away");
    return TRUE;
}

static LullJson *
flaky_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    WorldStore *self = (WorldStore *)store;

    return lose(self, FALSE, error) ? NULL : lull_store_get(self->inner, writable(kind), ns, name, error);
}

/* Lost on the way there, or on the way back. */
static LullJson *
flaky_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    WorldStore *self = (WorldStore *)store;
    g_autoptr(LullJson) created =
        lose(self, TRUE, error) ? NULL : lull_store_create(self->inner, writable(kind), object, error);

    return created && !lose(self, TRUE, error) ? g_steal_pointer(&created) : NULL;
}

static LullJson *
flaky_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
            LullJson *patch, GError **error)
{
    WorldStore *self = (WorldStore *)store;
    g_autoptr(LullJson) patched = lose(self, TRUE, error) ? NULL
                                                          : lull_store_patch(self->inner, writable(kind), ns,
                                                                             name, target, patch, error);

    return patched && !lose(self, TRUE, error) ? g_steal_pointer(&patched) : NULL;
}

static gboolean
flaky_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
             GError **error)
{
    WorldStore *self = (WorldStore *)store;

    return !lose(self, TRUE, error) && lull_store_remove(self->inner, writable(kind), ns, name, uid, error) &&
           !lose(self, TRUE, error);
}

static LullJson *
flaky_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
           GError **error)
{
    WorldStore *self = (WorldStore *)store;

    return lose(self, FALSE, error) ? NULL : lull_store_list(self->inner, writable(kind), ns, options, error);
}

static LullWatch *
flaky_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
            GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    WorldStore *self = (WorldStore *)store;

    return lull_store_watch_selected(self->inner, writable(kind), ns, options, context, func, user_data,
                                     error);
}

static void
flaky_free(LullStore *store)
{
}

static const LullStoreOps flaky_ops = {.get = flaky_get,
                                       .list = flaky_list,
                                       .create = flaky_create,
                                       .patch = flaky_patch,
                                       .remove = flaky_remove,
                                       .watch = flaky_watch,
                                       .free = flaky_free};

/* Returns the uid. */
static char *
must_create(World *world, const LullKind *kind, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = json(text);
    g_autoptr(LullJson) created = lull_store_create(world->flaky.inner, writable(kind), object, &error);

    ck_assert_no_error(error);
    return g_strdup(lull_meta_uid(created));
}

static void
patch_machine(World *world, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) patch = json(text);
    g_autoptr(LullJson) patched = lull_store_patch(world->flaky.inner, writable(&lull_kind_vm), NS, "larry",
                                                   LULL_PATCH_STATUS, patch, &error);

    ck_assert_no_error(error);
}

void
world_lock(World *world, const char *field, const char *owner)
{
    g_autofree char *text = g_strdup_printf("{'status':{'%s':'%s'}}", field, owner);

    patch_machine(world, text);
}

static gboolean
is_complete(gpointer user_data, LullJson *vm, GError **error)
{
    return TRUE;
}

static const LullSnapshotSource far_away = {.complete = is_complete};

static const LullKind *const far_kinds[] = {&lull_kind_snapshot, &lull_kind_content, &lull_kind_vm};

static void
hear_nothing(LullWatchType type, LullJson *object, gpointer user_data)
{
}

/* Whoever is far away is read as seldom as can be; what changes there is heard of some passes later. */
static void
read_seldom(World *world)
{
    static const LullRecentKind known[] = {
        {"virtualmachinesnapshots"}, {"virtualmachinesnapshotcontents"}, {"virtualmachines"}, {NULL}};

    world->recent = lull_store_recent_new(&world->flaky.store, known, LULL_SEC(1));
    world->context = g_main_context_new();
    for (gsize i = 0; i < G_N_ELEMENTS(far_kinds); i++)
        world->watches[i] = lull_store_watch(world->recent, far_kinds[i], NULL, NULL, world->context,
                                             hear_nothing, NULL, NULL);
    world->snapshots.store = world->contents.store = world->recent;
    world->snapshots.asking = world->contents.asking = lull_store_recent_asking(world->recent);
    world->snapshots.source = &far_away;
    world->contents.sparing = TRUE;
}

static void
hear(World *world)
{
    while (world->context && g_main_context_iteration(world->context, FALSE))
        continue;
}

static void
hear_no_more(World *world)
{
    for (gsize i = 0; i < G_N_ELEMENTS(far_kinds); i++)
        g_clear_pointer(&world->watches[i], lull_watch_stop);
    g_clear_pointer(&world->context, g_main_context_unref);
    g_clear_pointer(&world->recent, lull_store_free);
}

void
world_spare(World *world)
{
    world->sparing = TRUE;
    read_seldom(world);
}

static void
begin_life(World *world)
{
    world->jobs = lull_jobs_new();
    world->claims = lull_claims_new();
    world->recorder = lull_recorder_new(world->flaky.inner, NULL, NULL);
    world->snapshots = (LullSnapshots){.store = &world->flaky.store, .recorder = world->recorder};
    world->contents.store = &world->flaky.store;
    world->contents.jobs = world->jobs;
    world->contents.tools =
        (LullAttemptTools){.storage = fake_storage(), .intents = world->intents, .claims = world->claims};
    world->contents.life = g_uuid_string_random();
    world->contents.times = (LullContentTimes){.pause = 1, .check = LULL_SEC(300)};
    world->contents.recorder = world->recorder;
    lull_restore_host_init(&world->place, NULL, fake_storage(), world->claims);
    world->restores = (LullRestores){.store = &world->flaky.store,
                                     .jobs = world->jobs,
                                     .place = &world->place.place,
                                     .loop = world->contents.loop,
                                     .recorder = world->recorder};
    if (world->sparing)
        read_seldom(world);
}

static void
end_life(World *world)
{
    lull_jobs_stop(world->jobs, LULL_SEC(30));
    g_clear_pointer(&world->jobs, lull_jobs_free);
    hear_no_more(world);
    g_clear_pointer(&world->claims, lull_claims_free);
    g_clear_pointer(&world->recorder, lull_recorder_free);
    g_clear_pointer(&world->contents.life, g_free);
}

void
world_restart(World *world)
{
    end_life(world);
    fake_storage_restart();
    begin_life(world);
}

char *
world_intents_dir(const World *world)
{
    return g_build_filename(world->dir, "intents", NULL);
}

void
world_define_with(World *world, const char *volumes, const char *statuses)
{
    g_autofree char *machine =
        g_strdup_printf("{'apiVersion':'lull.dev/v1','kind':'Machine','metadata':{'name':'larry','namespace':"
                        "'default'},'spec':{'template':{'spec':{'volumes':[%s]}}}}",
                        volumes);
    g_autofree char *status =
        g_strdup_printf("{'status':{'printableStatus':'Running','volumeSnapshotStatuses':[%s]}}", statuses);

    g_free(must_create(world, &lull_kind_vm, machine));
    patch_machine(world, status);
    world->runs = TRUE;
}

void
world_define(World *world)
{
    world_define_with(world, "{'name':'vda'},{'name':'vdb'}",
                      "{'name':'vda','enabled':true},{'name':'vdb','enabled':true}");
}

void
world_undefine(World *world)
{
    ck_assert(lull_store_remove(world->flaky.inner, writable(&lull_kind_vm), NS, "larry", NULL, NULL));
}

void
world_empty_status(World *world, const LullKind *kind, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) patch = json("{'status':null}");
    g_autoptr(LullJson) patched =
        lull_store_patch(world->flaky.inner, kind, NS, name, LULL_PATCH_STATUS, patch, &error);

    ck_assert_no_error(error);
    ck_assert_ptr_null(lull_json_object(patched, "status"));
}

void
world_init(World *world, guint32 seed)
{
    g_autofree char *path = NULL;
    g_autofree char *intents = NULL;
    g_autoptr(GError) error = NULL;
    const LullReconciler unused = {.name = "unused", .kind = &lull_kind_content};

    fake_reset();
    world->dir = g_dir_make_tmp("lull-world-XXXXXX", &error);
    ck_assert_no_error(error);
    path = g_build_filename(world->dir, "store.db", NULL);
    intents = world_intents_dir(world);
    world->dice = g_rand_new_with_seed(seed);
    world->flaky = (WorldStore){{&flaky_ops}, lull_store_local_open(path, &error), world->dice};
    ck_assert_no_error(error);
    world->intents = lull_intents_open(intents, &error);
    ck_assert_no_error(error);
    world->contents.loop = lull_loop_new(&world->flaky.store, &unused); /* only told of ends */
    begin_life(world);
    world_define(world);
}

static void
remove_files(const char *dir)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name = NULL;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            remove_files(path);
        else
            g_unlink(path);
    }
    g_rmdir(dir);
}

void
world_clear(World *world)
{
    end_life(world);
    lull_loop_free(world->contents.loop);
    lull_intents_free(world->intents);
    lull_store_free(world->flaky.inner);
    g_rand_free(world->dice);
    remove_files(world->dir);
    g_free(world->dir);
    for (guint i = 0; i < WORLD_MANY; i++)
        g_free(world->restore_uids[i]);
}

static guint
remember(const char **names, const char *name)
{
    guint i = 0;

    while (names[i])
        i++;
    ck_assert_uint_lt(i, WORLD_MANY);
    names[i] = name;
    return i;
}

void
world_take(World *world, const char *name, const char *annotations, const char *spec)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'snapshot.kubevirt.io/"
        "v1beta1','kind':'VirtualMachineSnapshot','metadata':{'name':'%s',"
        "'namespace':'default','annotations':{%s}},'spec':{'source':{'apiGroup':'kubevirt.io','kind':"
        "'VirtualMachine','name':'larry'}%s}}",
        name, annotations, spec);

    remember(world->snapshot_names, name);
    g_free(must_create(world, &lull_kind_snapshot, text));
}

void
world_restore(World *world, const char *name, const char *snapshot, const char *spec)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineRestore','metadata':{'name':'%s',"
        "'namespace':'default'},'spec':{'target':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':"
        "'larry'},'virtualMachineSnapshotName':'%s'%s}}",
        name, snapshot, spec);

    world->restore_uids[remember(world->restore_names, name)] = must_create(world, &lull_kind_restore, text);
}

void
world_delete(World *world, const LullKind *kind, const char *name)
{
    ck_assert(lull_store_remove(world->flaky.inner, kind, NS, name, NULL, NULL));
}

void
world_set_power(World *world, gboolean runs)
{
    g_atomic_int_set(&fake.asked, FALSE);
    g_atomic_int_set(&fake.state, runs ? LULL_VM_RUNNING : LULL_VM_STOPPED);
    if (!runs)
        fake.end = LULL_VM_END_SHUTDOWN;
    patch_machine(world, runs ? "{'status':{'printableStatus':'Running'}}"
                              : "{'status':{'printableStatus':'Stopped'}}");
    world->runs = runs;
}

/* The machine does what it was told to, and its object says so: a while later. */
static void
let_machine_be(World *world)
{
    const gboolean runs = g_atomic_int_get(&fake.state) == LULL_VM_RUNNING && !g_atomic_int_get(&fake.asked);

    if (runs != world->runs && g_rand_int_range(world->dice, 0, 3) == 0)
        world_set_power(world, runs);
}

LullJson *
world_get(World *world, const LullKind *kind, const char *name)
{
    return lull_store_get(world->flaky.inner, writable(kind), NS, name, NULL);
}

static LullJson *
list_contents(World *world)
{
    return lull_store_list(world->flaky.inner, &lull_kind_content, NS, NULL, NULL);
}

LullJson *
world_content(World *world)
{
    g_autoptr(LullJson) list = list_contents(world);
    LullJson *items = lull_json_array(list, "items");

    ck_assert_uint_le(json_object_array_length(items), 1);
    return json_object_array_length(items) ? lull_json_dup(json_object_array_get_idx(items, 0)) : NULL;
}

static const char *
lock_of(LullJson *vm, const char *field)
{
    return lull_json_string(lull_json_object(vm, "status"), field, NULL);
}

static void
check_always(World *world)
{
    g_autoptr(LullJson) vm = world_get(world, &lull_kind_vm, "larry");

    ck_assert_msg(!lock_of(vm, "snapshotInProgress") || !lock_of(vm, "restoreInProgress"), "locked twice");
    ck_assert_uint_eq(fake_overlaps(), 0);
}

static guint
count_names(const char *const *names)
{
    guint n = 0;

    while (n < WORLD_MANY && names[n])
        n++;
    return n;
}

static void
one_pass(World *world, const LullKind *kind, gpointer reconciler, LullPassFunc func, const char *name,
         LullPass *ret_pass)
{
    g_autoptr(GError) error = NULL;

    if (world->before)
        world->before(world, kind, name);
    (void)func(reconciler, NS, name, ret_pass, &error);
    if (world->after)
        world->after(world, kind, name, error);
}

gboolean
world_pass(World *world)
{
    g_autoptr(LullJson) list = list_contents(world);
    LullJson *items = lull_json_array(list, "items");
    const gint n_contents = (gint)json_object_array_length(items);
    const gint n_snapshots = (gint)count_names(world->snapshot_names);
    const gint n_restores = (gint)count_names(world->restore_names);
    const gint i = g_rand_int_range(world->dice, 0, n_contents + n_snapshots + n_restores);
    LullPass pass = {0};

    if (i < n_contents)
        one_pass(world, &lull_kind_content, &world->contents, lull_content_pass,
                 lull_meta_name(json_object_array_get_idx(items, (size_t)i)), &pass);
    else if (i < n_contents + n_snapshots)
        one_pass(world, &lull_kind_snapshot, &world->snapshots, lull_snapshot_pass,
                 world->snapshot_names[i - n_contents], &pass);
    else
        one_pass(world, &lull_kind_restore, &world->restores, lull_restore_pass,
                 world->restore_names[i - n_contents - n_snapshots], &pass);
    let_machine_be(world);
    if (g_rand_int_range(world->dice, 0, 4) == 0)
        hear(world);
    if (pass.acted)
        check_always(world);
    else
        g_thread_yield();
    return pass.acted;
}

void
world_live(World *world, gboolean (*is_over)(World *world), guint max_deaths)
{
    gboolean acted = TRUE;

    for (guint i = 0; i < MAX_PASSES; i++) {
        if ((acted || i % 8 == 0) && is_over(world))
            return;
        acted = world_pass(world);
        if (max_deaths > 0 && g_rand_int_range(world->dice, 0, 12) == 0) {
            max_deaths--;
            world_restart(world);
        }
        if (i > 200)
            g_usleep(500);
    }
    ck_abort_msg("it never ends: %s", fake_story());
}

gboolean
world_is_locked(World *world)
{
    g_autoptr(LullJson) vm = world_get(world, &lull_kind_vm, "larry");

    return lock_of(vm, "snapshotInProgress") || lock_of(vm, "restoreInProgress");
}

static gboolean
is_settled(World *world, const LullKind *kind, const char *name)
{
    g_autoptr(LullJson) object = world_get(world, kind, name);

    return !object || lull_condition_is(object, "Ready", TRUE) || lull_condition_is(object, "Failure", TRUE);
}

gboolean
world_all_settled(World *world)
{
    for (guint i = 0; i < count_names(world->snapshot_names); i++)
        if (!is_settled(world, &lull_kind_snapshot, world->snapshot_names[i]))
            return FALSE;
    for (guint i = 0; i < count_names(world->restore_names); i++)
        if (!is_settled(world, &lull_kind_restore, world->restore_names[i]))
            return FALSE;
    return !world_is_locked(world);
}

gboolean
world_all_gone(World *world)
{
    const LullKind *const kinds[] = {&lull_kind_content, &lull_kind_snapshot, &lull_kind_restore};

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autoptr(LullJson) list = lull_store_list(world->flaky.inner, kinds[i], NS, NULL, NULL);

        if (json_object_array_length(lull_json_array(list, "items")) > 0)
            return FALSE;
    }
    return TRUE;
}

const char *
world_phase(World *world, const char *name)
{
    g_autoptr(LullJson) snapshot = world_get(world, &lull_kind_snapshot, name);

    return g_intern_string(lull_json_string(lull_json_object(snapshot, "status"), "phase", ""));
}

static void
check_no_job(World *world, const char *what, const char *uid)
{
    g_autofree char *id = lull_restore_job(what, uid);

    while (lull_jobs_state(world->jobs, id, NULL, NULL) == LULL_JOB_RUNNING)
        g_usleep(100);
    ck_assert_msg(lull_jobs_state(world->jobs, id, NULL, NULL) == LULL_JOB_NONE, "%s is left", id);
}

void
world_check_nothing_left(World *world)
{
    g_autoptr(GPtrArray) intents = lull_intents_list(world->intents);

    ck_assert(!world_is_locked(world));
    ck_assert(!fake_is_frozen());
    ck_assert_uint_eq(intents->len, 0);
    ck_assert_uint_eq(fake_stored(), 0);
    ck_assert_uint_eq(fake_beside(), 0);
    for (guint i = 0; i < count_names(world->restore_names); i++) {
        check_no_job(world, LULL_JOB_RESTORE, world->restore_uids[i]);
        check_no_job(world, LULL_JOB_SHUT_DOWN, world->restore_uids[i]);
        check_no_job(world, LULL_JOB_START, world->restore_uids[i]);
    }
}

guint
world_count(char letter)
{
    guint n = 0;

    for (const char *each = fake_story(); *each; each++)
        n += *each == letter;
    return n;
}

void
world_use_memory(void)
{
    use_memory();
}

void
world_init_with_snapshot(World *world, guint32 seed, gboolean runs)
{
    world_init(world, seed);
    world_take(world, "snap", "", ",'failureDeadline':0");
    world_live(world, world_all_settled, 0);
    ck_assert_str_eq(world_phase(world, "snap"), "Succeeded");
    world_set_power(world, runs);
}

gboolean
world_is_complete(World *world, const char *name)
{
    g_autoptr(LullJson) restore = world_get(world, &lull_kind_restore, name);

    return lull_json_bool(lull_json_object(restore, "status"), "complete", FALSE);
}
