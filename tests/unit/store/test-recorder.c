/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/recorder.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define NOW     LULL_SEC(1780000000)
#define MINUTES LULL_SEC(60)

typedef struct {
    char *dir;
    LullStore *store;
    LullRecorder *recorder;
    LullJson *snapshot;
} World;

static const LullRecorderLimits limits = {.per_object = 4, .overall = 6, .age = 60 * MINUTES};

static LullJson *
object_named(const char *name)
{
    g_autofree char *more = g_strdup_printf(",'namespace':'default','uid':'uid-of-%s'", name);

    return snapshot_json(name, more);
}

static void
world_init(World *world)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    world->dir = g_dir_make_tmp("lull-recorder-XXXXXX", &error);
    ck_assert_no_error(error);
    path = g_build_filename(world->dir, "store.db", NULL);
    world->store = lull_store_local_open(path, &error);
    ck_assert_no_error(error);
    world->recorder = lull_recorder_new(world->store, &limits, &error);
    ck_assert_no_error(error);
    world->snapshot = object_named("snap");
}

static void
world_clear(World *world)
{
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm", "store.db.lock"};

    lull_json_put(world->snapshot);
    lull_recorder_free(world->recorder);
    lull_store_free(world->store);
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(world->dir, files[i], NULL);

        g_unlink(path);
    }
    ck_assert_int_eq(g_rmdir(world->dir), 0);
    g_free(world->dir);
}

/* A minute after the other, from @minute on. */
static void
record(World *world, LullJson *object, const char *message, guint minute)
{
    lull_recorder_record(world->recorder, &lull_kind_snapshot, object, LULL_EVENT_WARNING, "Reason", message,
                         NOW + minute * MINUTES);
}

static LullJson *
events(World *world)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) list = lull_store_list(world->store, &lull_kind_event, NULL, NULL, &error);

    ck_assert_no_error(error);
    return json_object_get(lull_json_array(list, "items"));
}

static int
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Their messages, sorted. */
static char *
messages(World *world)
{
    g_autoptr(LullJson) items = events(world);
    g_autoptr(GPtrArray) texts = g_ptr_array_new();

    for (size_t i = 0; i < json_object_array_length(items); i++)
        g_ptr_array_add(texts,
                        (gpointer)lull_json_string(json_object_array_get_idx(items, i), "message", ""));
    g_ptr_array_sort(texts, compare);
    g_ptr_array_add(texts, NULL);
    return g_strjoinv(" ", (char **)texts->pdata);
}

static void
expect(World *world, const char *expected)
{
    g_autofree char *found = messages(world);

    ck_assert_str_eq(found, expected);
}

START_TEST(an_event_tells_what_happened_to_whom)
{
    World world;
    g_autoptr(LullJson) items = NULL;
    LullJson *event, *about;

    world_init(&world);
    record(&world, world.snapshot, "it broke", 0);
    items = events(&world);
    ck_assert_uint_eq(json_object_array_length(items), 1);
    event = json_object_array_get_idx(items, 0);
    about = lull_json_object(event, "involvedObject");
    ck_assert_str_eq(lull_json_string(event, "type", ""), "Warning");
    ck_assert_str_eq(lull_json_string(event, "reason", ""), "Reason");
    ck_assert_str_eq(lull_json_string(event, "message", ""), "it broke");
    ck_assert_str_eq(lull_json_string(event, "firstTimestamp", ""), "2026-05-28T20:26:40Z");
    ck_assert_int_eq(lull_json_int(event, "count", 0), 1);
    ck_assert(g_str_has_prefix(lull_meta_name(event), "snap."));
    ck_assert_str_eq(lull_json_string(about, "kind", ""), "VirtualMachineSnapshot");
    ck_assert_str_eq(lull_json_string(about, "apiVersion", ""), "snapshot.kubevirt.io/v1beta1");
    ck_assert_str_eq(lull_json_string(about, "name", ""), "snap");
    ck_assert_str_eq(lull_json_string(about, "uid", ""), "uid-of-snap");
    world_clear(&world);
}
END_TEST

START_TEST(the_same_again_is_counted)
{
    World world;
    g_autoptr(LullJson) items = NULL;
    LullJson *event;

    world_init(&world);
    for (guint i = 0; i < 3; i++)
        record(&world, world.snapshot, "it broke", i);
    items = events(&world);
    ck_assert_uint_eq(json_object_array_length(items), 1);
    event = json_object_array_get_idx(items, 0);
    ck_assert_int_eq(lull_json_int(event, "count", 0), 3);
    ck_assert_str_eq(lull_json_string(event, "firstTimestamp", ""), "2026-05-28T20:26:40Z");
    ck_assert_str_eq(lull_json_string(event, "lastTimestamp", ""), "2026-05-28T20:28:40Z");
    world_clear(&world);
}
END_TEST

START_TEST(an_object_of_the_same_name_is_another_one)
{
    World world;
    g_autoptr(LullJson) other = snapshot_json("snap", ",'namespace':'default','uid':'another'");

    world_init(&world);
    record(&world, world.snapshot, "it broke", 0);
    record(&world, other, "it broke", 0);
    expect(&world, "it broke it broke");
    world_clear(&world);
}
END_TEST

START_TEST(counting_goes_on_after_a_restart)
{
    World world;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) items = NULL;

    world_init(&world);
    record(&world, world.snapshot, "it broke", 0);
    lull_recorder_free(world.recorder);
    world.recorder = lull_recorder_new(world.store, &limits, &error);
    ck_assert_no_error(error);
    record(&world, world.snapshot, "it broke", 1);
    items = events(&world);
    ck_assert_uint_eq(json_object_array_length(items), 1);
    ck_assert_int_eq(lull_json_int(json_object_array_get_idx(items, 0), "count", 0), 2);
    world_clear(&world);
}
END_TEST

START_TEST(of_one_object_the_oldest_goes)
{
    World world;

    world_init(&world);
    for (guint i = 0; i < 6; i++) {
        g_autofree char *message = g_strdup_printf("%u", i);
        record(&world, world.snapshot, message, i);
        if (i == 2)
            record(&world, world.snapshot, "0", i); /* it happened again: it is young */
    }
    expect(&world, "0 3 4 5");
    world_clear(&world);
}
END_TEST

START_TEST(of_all_the_oldest_go)
{
    World world;

    world_init(&world);
    for (guint i = 0; i < 9; i++) {
        g_autofree char *name = g_strdup_printf("snap-%u", i);
        g_autoptr(LullJson) object = object_named(name);
        record(&world, object, name, i);
    }
    expect(&world, "snap-3 snap-4 snap-5 snap-6 snap-7 snap-8");
    world_clear(&world);
}
END_TEST

START_TEST(what_is_too_old_goes)
{
    World world;

    world_init(&world);
    record(&world, world.snapshot, "old", 0);
    record(&world, world.snapshot, "young", 30);
    lull_recorder_sweep(world.recorder, NOW + 60 * MINUTES);
    expect(&world, "old young");
    lull_recorder_sweep(world.recorder, NOW + 61 * MINUTES);
    expect(&world, "young");
    record(&world, world.snapshot, "new", 91);
    expect(&world, "new");
    world_clear(&world);
}
END_TEST

START_TEST(events_go_with_their_object)
{
    World world;
    g_autoptr(LullJson) other = object_named("other");

    world_init(&world);
    record(&world, world.snapshot, "a", 0);
    record(&world, world.snapshot, "b", 0);
    record(&world, other, "c", 0);
    lull_recorder_forget(world.recorder, &lull_kind_restore, "default", "snap");
    expect(&world, "a b c");
    lull_recorder_forget(world.recorder, &lull_kind_snapshot, "default", "snap");
    expect(&world, "c");
    record(&world, world.snapshot, "a", 0);
    expect(&world, "a c");
    world_clear(&world);
}
END_TEST

/* By whoever has the store besides. */
START_TEST(an_event_that_was_taken_away_is_made_again)
{
    World world;
    g_autoptr(LullJson) items = NULL;

    world_init(&world);
    record(&world, world.snapshot, "a", 0);
    items = events(&world);
    ck_assert(lull_store_remove(world.store, &lull_kind_event, "default",
                                lull_meta_name(json_object_array_get_idx(items, 0)), NULL, NULL));
    record(&world, world.snapshot, "a", 1);
    expect(&world, "a");
    world_clear(&world);
}
END_TEST

START_TEST(long_names_and_texts_are_cut_where_they_may_be)
{
    World world;
    g_autoptr(GString) text = g_string_new("x");
    g_autoptr(GString) name = g_string_new(NULL);
    g_autoptr(LullJson) object = NULL;
    g_autofree char *found = NULL;

    world_init(&world);
    for (guint i = 0; i < 1000; i++)
        g_string_append(text, "ä");
    for (guint i = 0; i < 84; i++)
        g_string_append(name, "a-b");
    g_string_append(name, "a");
    object = object_named(name->str);
    record(&world, object, text->str, 0);
    found = messages(&world);
    ck_assert_uint_eq(strlen(found), 1023);
    ck_assert(g_utf8_validate(found, -1, NULL));
    record(&world, object, "\xff", 0);
    world_clear(&world);
}
END_TEST

/* The store of a cluster: what is written there, a thread writes; freeing the recorder waits for it. */

static const LullEventGateLimits gate = {
    .burst = 6, .refill = 60 * MINUTES, .similar = 2, .similar_span = 60 * MINUTES, .objects = 10};
static const LullRecorderLimits shared = {
    .per_object = 2, .overall = 2, .age = MINUTES, .waiting = 100, .linger = 60 * MINUTES, .gate = &gate};

static void
share(World *world)
{
    lull_recorder_free(world->recorder);
    world->recorder = lull_recorder_new(world->store, &shared, NULL);
    ck_assert_ptr_nonnull(world->recorder);
}

static void
flush(World *world)
{
    g_clear_pointer(&world->recorder, lull_recorder_free);
}

START_TEST(what_others_have_in_a_cluster_stays)
{
    World world;
    g_autoptr(LullJson) other = object_named("other");

    world_init(&world);
    record(&world, other, "theirs", 0);
    share(&world);
    for (guint i = 0; i < 2; i++) {
        g_autofree char *name = g_strdup_printf("snap-%u", i);
        g_autoptr(LullJson) object = object_named(name);
        record(&world, object, name, 10 * i);
    }
    record(&world, world.snapshot, "a", 20);
    lull_recorder_forget(world.recorder, &lull_kind_snapshot, "default", "snap");
    lull_recorder_sweep(world.recorder, NOW + 100 * MINUTES);
    flush(&world);
    expect(&world, "a snap-0 snap-1 theirs");
    world_clear(&world);
}
END_TEST

START_TEST(several_coordinators_count_the_same_event)
{
    World world;
    g_autoptr(LullJson) items = NULL;

    world_init(&world);
    for (guint i = 0; i < 3; i++) {
        share(&world);
        record(&world, world.snapshot, "it broke", i);
    }
    flush(&world);
    items = events(&world);
    ck_assert_uint_eq(json_object_array_length(items), 1);
    ck_assert_int_eq(lull_json_int(json_object_array_get_idx(items, 0), "count", 0), 3);
    ck_assert_str_eq(lull_json_string(json_object_array_get_idx(items, 0), "lastTimestamp", ""),
                     "2026-05-28T20:28:40Z");
    world_clear(&world);
}
END_TEST

START_TEST(a_flood_becomes_one_event_and_ends)
{
    World world;
    g_autoptr(LullJson) items = NULL;
    guint combined = 0;

    world_init(&world);
    share(&world);
    for (guint i = 0; i < 50; i++) {
        g_autofree char *message = g_strdup_printf("%u", i);
        record(&world, world.snapshot, message, i);
    }
    flush(&world);
    expect(&world, "(combined from similar events): 5 0 1");
    items = events(&world);
    for (size_t i = 0; i < json_object_array_length(items); i++)
        combined += lull_json_int(json_object_array_get_idx(items, i), "count", 0) == 4;
    ck_assert_uint_eq(combined, 1);
    world_clear(&world);
}
END_TEST

START_TEST(of_an_object_without_a_namespace_is_told_in_the_default_one)
{
    g_autoptr(LullJson) object = snapshot_json("wide", ",'uid':'uid-of-wide'");

    for (int is_shared = 0; is_shared < 2; is_shared++) {
        World world;

        world_init(&world);
        if (is_shared)
            share(&world);
        record(&world, object, "it broke", 0);
        record(&world, object, "it broke", 1);
        if (is_shared)
            flush(&world);
        g_autoptr(LullJson) items = events(&world);
        ck_assert_uint_eq(json_object_array_length(items), 1);
        LullJson *event = json_object_array_get_idx(items, 0);
        ck_assert_int_eq(lull_json_int(event, "count", 0), 2);
        ck_assert_str_eq(lull_meta_namespace(event), "default");
        ck_assert_ptr_null(lull_json_at(event, "involvedObject", "namespace", NULL));
        if (!is_shared) {
            lull_recorder_forget(world.recorder, &lull_kind_snapshot, NULL, "wide");
            expect(&world, "");
        }
        world_clear(&world);
    }
}
END_TEST

/* A store that takes nothing while its door is closed. */
typedef struct {
    LullStore base;
    LullStore *behind;
    GMutex lock;
    GCond changed;
    gboolean closed;
    guint at_door; /* came so far */
    guint made;
} Jam;

static LullJson *
jam_create(LullStore *base, const LullKind *kind, LullJson *object, GError **error)
{
    Jam *self = (Jam *)base;
    LullJson *made;

    g_mutex_lock(&self->lock);
    self->at_door++;
    g_cond_broadcast(&self->changed);
    while (self->closed)
        g_cond_wait(&self->changed, &self->lock);
    made = lull_store_create(self->behind, kind, object, error);
    self->made++;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
    return made;
}

static void
jam_set(Jam *self, gboolean closed)
{
    g_mutex_lock(&self->lock);
    self->closed = closed;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
}

static void
jam_wait(Jam *self, const guint *number, guint least)
{
    g_mutex_lock(&self->lock);
    while (*number < least)
        g_cond_wait(&self->changed, &self->lock);
    g_mutex_unlock(&self->lock);
}

static void
count_warning(const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
    ++*(guint *)user_data;
}

START_TEST(that_events_are_dropped_is_not_told_again_and_again)
{
    static const LullStoreOps ops = {.create = jam_create};
    static const LullRecorderLimits small = {.per_object = 99, .overall = 99, .age = MINUTES, .waiting = 1};
    World world;
    Jam jam = {.base.ops = &ops};
    guint warnings = 0;
    const guint handler = g_log_set_handler(NULL, G_LOG_LEVEL_WARNING, count_warning, &warnings);

    world_init(&world);
    flush(&world);
    jam.behind = world.store;
    g_mutex_init(&jam.lock);
    g_cond_init(&jam.changed);
    world.recorder = lull_recorder_new(&jam.base, &small, NULL);
    for (guint round = 0; round < 3; round++) {
        g_autofree char *first = g_strdup_printf("%u-first", round);
        g_autofree char *second = g_strdup_printf("%u-second", round);
        jam_set(&jam, TRUE);
        record(&world, world.snapshot, first, 0);
        jam_wait(&jam, &jam.at_door, 2 * round + 1);
        record(&world, world.snapshot, second, 0);
        record(&world, world.snapshot, "one too many", 0);
        jam_set(&jam, FALSE);
        jam_wait(&jam, &jam.made, 2 * round + 2);
    }
    flush(&world);
    g_log_remove_handler(NULL, handler);
    ck_assert_uint_eq(warnings, 1);
    expect(&world, "0-first 0-second 1-first 1-second 2-first 2-second");
    g_mutex_clear(&jam.lock);
    g_cond_clear(&jam.changed);
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("recorder");
    TCase *tcase = tcase_create("recorder");

    tcase_add_test(tcase, an_event_tells_what_happened_to_whom);
    tcase_add_test(tcase, the_same_again_is_counted);
    tcase_add_test(tcase, an_object_of_the_same_name_is_another_one);
    tcase_add_test(tcase, counting_goes_on_after_a_restart);
    tcase_add_test(tcase, of_one_object_the_oldest_goes);
    tcase_add_test(tcase, of_all_the_oldest_go);
    tcase_add_test(tcase, what_is_too_old_goes);
    tcase_add_test(tcase, events_go_with_their_object);
    tcase_add_test(tcase, an_event_that_was_taken_away_is_made_again);
    tcase_add_test(tcase, long_names_and_texts_are_cut_where_they_may_be);
    tcase_add_test(tcase, what_others_have_in_a_cluster_stays);
    tcase_add_test(tcase, several_coordinators_count_the_same_event);
    tcase_add_test(tcase, a_flood_becomes_one_event_and_ends);
    tcase_add_test(tcase, of_an_object_without_a_namespace_is_told_in_the_default_one);
    tcase_add_test(tcase, that_events_are_dropped_is_not_told_again_and_again);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
