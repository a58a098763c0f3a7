/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The local store with many snapshots, beside a program that has nothing but SQLite, one table, and the same
 * care for what a power cut may take (WAL, synchronous=FULL). Both make, get and list the same objects.
 *
 * usage: bench-store DIRECTORY COUNT
 * Prints JSON: {"create": {"ours": [...], "bare": [...]}, "get": ..., "read": ..., "list": ...}, microseconds
 * for each object made, got as text, got and parsed, or page of 500 listed; one number a round. */
#include <glib.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/store/store.h"

#define NS   "default"
#define PAGE 500
#define ROUNDS                                                                                   \
    10 /* in which all objects are made; each is followed by gets and a listing of what there is \
        */

typedef struct {
    LullStore *store;
    sqlite3 *bare;
    sqlite3_stmt *insert, *select, *page;
    guint n; /* objects there are */
} World;

typedef double (*Task)(World *world, guint count);

static void
must(gboolean good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "bench-store: %s failed\n", what);
        exit(EXIT_FAILURE);
    }
}

static char *
name_of(guint i)
{
    return g_strdup_printf("snapshot-%06u", i);
}

static char *
text_of(guint i)
{
    return g_strdup_printf(
        "{\"apiVersion\":\"snapshot.kubevirt.io/"
        "v1beta1\",\"kind\":\"VirtualMachineSnapshot\",\"metadata\":{\"name\":"
        "\"snapshot-%06u\",\"namespace\":\"" NS
        "\",\"labels\":{\"app\":\"bench\",\"round\":\"%u\"},\"annotations\":"
        "{\"lull.dev/require\":\"crash\"}},\"spec\":{\"source\":{\"apiGroup\":\"kubevirt.io\",\"kind\":"
        "\"VirtualMachine\",\"name\":\"larry\"},\"failureDeadline\":\"5m\"}}",
        i, i % 7);
}

static void
open_bare(World *world, const char *path)
{
    static const char setup[] =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE objects(kind TEXT, ns TEXT, name TEXT, body TEXT, PRIMARY KEY(kind, ns, name));";

    must(sqlite3_open(path, &world->bare) == SQLITE_OK, "open");
    must(sqlite3_exec(world->bare, setup, NULL, NULL, NULL) == SQLITE_OK, "set-up");
    must(sqlite3_prepare_v2(world->bare, "INSERT INTO objects VALUES('s', ?1, ?2, ?3)", -1, &world->insert,
                            NULL) == SQLITE_OK,
         "insert");
    must(sqlite3_prepare_v2(world->bare, "SELECT body FROM objects WHERE kind='s' AND ns=?1 AND name=?2", -1,
                            &world->select, NULL) == SQLITE_OK,
         "select");
    must(sqlite3_prepare_v2(world->bare,
                            "SELECT name, body FROM objects WHERE kind='s' AND ns=?1 AND name > ?2 "
                            "ORDER BY name LIMIT ?3",
                            -1, &world->page, NULL) == SQLITE_OK,
         "page");
}

/* -- ours ----------------------------------------------------------------------------------------- */

static double
create_ours(World *world, guint count)
{
    const gint64 begun = g_get_monotonic_time();

    for (guint i = 0; i < count; i++) {
        g_autofree char *text = text_of(world->n + i);
        g_autoptr(LullJson) object = lull_json_parse(text, -1, NULL);
        g_autoptr(LullJson) made = lull_store_create(world->store, &lull_kind_snapshot, object, NULL);

        must(made != NULL, "create");
    }
    return (double)(g_get_monotonic_time() - begun) / count;
}

/* As the server gets: to pass it on. */
static double
get_ours(World *world, guint count)
{
    const gint64 begun = g_get_monotonic_time();

    for (guint i = 0; i < count; i++) {
        g_autofree char *name = name_of(i * 7919 % world->n);
        g_autoptr(LullJson) got = lull_store_get_raw(world->store, &lull_kind_snapshot, NS, name, NULL);

        must(got != NULL && *lull_json_to_line(got), "get");
    }
    return (double)(g_get_monotonic_time() - begun) / count;
}

/* As reconcilers get: to read it. */
static double
read_ours(World *world, guint count)
{
    const gint64 begun = g_get_monotonic_time();

    for (guint i = 0; i < count; i++) {
        g_autofree char *name = name_of(i * 7919 % world->n);
        g_autoptr(LullJson) got = lull_store_get(world->store, &lull_kind_snapshot, NS, name, NULL);

        must(got != NULL, "reading");
    }
    return (double)(g_get_monotonic_time() - begun) / count;
}

static double
list_ours(World *world, guint count)
{
    const gint64 begun = g_get_monotonic_time();
    g_autofree char *token = NULL;
    guint n = 0, pages = 0;

    do {
        /* As the server lists: to pass it on. */
        const LullListOptions options = {.limit = PAGE, .continue_token = token, .raw = TRUE};
        g_autoptr(LullJson) list = lull_store_list(world->store, &lull_kind_snapshot, NS, &options, NULL);

        must(list != NULL && *lull_json_to_line(list), "list");
        n += (guint)json_object_array_length(lull_json_array(list, "items"));
        g_free(token);
        token = g_strdup(lull_json_string(lull_json_object(list, "metadata"), "continue", NULL));
        pages++;
    } while (token && *token);
    must(n == world->n, "listing all");
    return (double)(g_get_monotonic_time() - begun) / pages;
}

/* -- bare ----------------------------------------------------------------------------------------- */

static double
create_bare(World *world, guint count)
{
    const gint64 begun = g_get_monotonic_time();

    for (guint i = 0; i < count; i++) {
        g_autofree char *name = name_of(world->n + i);
        g_autofree char *text = text_of(world->n + i);

        (void)sqlite3_bind_text(world->insert, 1, NS, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(world->insert, 2, name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(world->insert, 3, text, -1, SQLITE_STATIC);
        must(sqlite3_step(world->insert) == SQLITE_DONE, "bare create");
        (void)sqlite3_reset(world->insert);
    }
    return (double)(g_get_monotonic_time() - begun) / count;
}

static char *
select_bare(World *world, guint i)
{
    g_autofree char *name = name_of(i);
    char *text;

    (void)sqlite3_bind_text(world->select, 1, NS, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(world->select, 2, name, -1, SQLITE_STATIC);
    must(sqlite3_step(world->select) == SQLITE_ROW, "bare get");
    text = g_strdup((const char *)sqlite3_column_text(world->select, 0));
    (void)sqlite3_reset(world->select);
    return text;
}

static double
get_bare(World *world, guint count)
{
    const gint64 begun = g_get_monotonic_time();

    for (guint i = 0; i < count; i++) {
        g_autofree char *text = select_bare(world, i * 7919 % world->n);

        must(*text, "bare get");
    }
    return (double)(g_get_monotonic_time() - begun) / count;
}

static double
read_bare(World *world, guint count)
{
    const gint64 begun = g_get_monotonic_time();

    for (guint i = 0; i < count; i++) {
        g_autofree char *text = select_bare(world, i * 7919 % world->n);
        g_autoptr(LullJson) got = json_tokener_parse(text);

        must(got != NULL, "bare reading");
    }
    return (double)(g_get_monotonic_time() - begun) / count;
}

static double
list_bare(World *world, guint count)
{
    const gint64 begun = g_get_monotonic_time();
    g_autofree char *last = g_strdup("");
    guint n = 0, pages = 0, rows;

    do {
        g_autoptr(GPtrArray) bodies = g_ptr_array_new_with_free_func(g_free);
        char *next = NULL;

        (void)sqlite3_bind_text(world->page, 1, NS, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(world->page, 2, last, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int(world->page, 3, PAGE);
        for (rows = 0; sqlite3_step(world->page) == SQLITE_ROW; rows++) {
            g_free(next);
            next = g_strdup((const char *)sqlite3_column_text(world->page, 0));
            g_ptr_array_add(bodies, g_strdup((const char *)sqlite3_column_text(world->page, 1)));
        }
        (void)sqlite3_reset(world->page);
        if (next) {
            g_free(last);
            last = next;
        }
        n += rows;
        pages += rows > 0;
    } while (rows == PAGE);
    must(n == world->n, "listing all, bare");
    return (double)(g_get_monotonic_time() - begun) / pages;
}

/* -- the rounds ------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    Task ours, bare;
} tasks[] = {
    {"create", create_ours, create_bare},
    {"get", get_ours, get_bare},
    {"read", read_ours, read_bare},
    {"list", list_ours, list_bare},
};

int
main(int argc, char **argv)
{
    const guint count = argc == 3 ? (guint)g_ascii_strtoull(argv[2], NULL, 10) : 0;
    g_autoptr(LullJson) result = json_object_new_object();
    g_autofree char *ours = NULL, *bare = NULL;
    World world = {NULL};

    if (count < ROUNDS) {
        (void)fprintf(stderr, "usage: bench-store DIRECTORY COUNT\n");
        return 2;
    }
    ours = g_build_filename(argv[1], "ours.db", NULL);
    bare = g_build_filename(argv[1], "bare.db", NULL);
    world.store = lull_store_local_open(ours, NULL);
    must(world.store != NULL, "the store");
    open_bare(&world, bare);
    for (guint round = 0; round < ROUNDS; round++) {
        for (gsize i = 0; i < G_N_ELEMENTS(tasks); i++) {
            LullJson *task = lull_json_ensure(result, tasks[i].name);
            const guint first = round % 2;
            LullJson *samples;

            for (guint side = 0; side < 2; side++) {
                const gboolean is_ours = side == first;
                const double took = (is_ours ? tasks[i].ours : tasks[i].bare)(&world, count / ROUNDS);

                if (!json_object_object_get_ex(task, is_ours ? "ours" : "bare", &samples)) {
                    samples = json_object_new_array();
                    lull_json_take(task, is_ours ? "ours" : "bare", samples);
                }
                json_object_array_add(samples, json_object_new_double(took));
            }
            if (i == 0)
                world.n += count / ROUNDS;
        }
    }
    printf("%s\n", lull_json_to_line(result));
    lull_store_free(world.store);
    (void)sqlite3_finalize(world.insert);
    (void)sqlite3_finalize(world.select);
    (void)sqlite3_finalize(world.page);
    (void)sqlite3_close(world.bare);
    return EXIT_SUCCESS;
}
