/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What an API server gives to who lists and watches: a document a line, a page or an event as is due. */
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/kube/lines.h"
#include "coordinator/store/kube/watch-machine.h"
#include "tests/fuzz/fuzz.h"

typedef struct {
    LullWatchMachine *machine;
    GHashTable *there; /* "ns/name", as far as was told */
    gboolean over;
    gboolean listing; /* a list is under way, else a watch */
    gint64 now;
} World;

/* Whoever is told can keep count: nothing is added twice, and nothing else changes or goes. */
static void
on_emit(LullWatchType type, LullJson *take_object, gpointer user_data)
{
    World *world = user_data;
    const char *ns = lull_meta_namespace(take_object);
    char *key = g_strdup_printf("%s/%s", ns ? ns : "", lull_meta_name(take_object));

    FUZZ_MUST(!world->over);
    if (type == LULL_WATCH_ADDED) {
        FUZZ_MUST(g_hash_table_add(world->there, g_steal_pointer(&key)));
    } else if (type == LULL_WATCH_MODIFIED) {
        FUZZ_MUST(g_hash_table_contains(world->there, key));
    } else if (type == LULL_WATCH_DELETED) {
        FUZZ_MUST(g_hash_table_remove(world->there, key));
    } else {
        FUZZ_MUST(type == LULL_WATCH_ERROR);
        world->over = TRUE;
    }
    g_free(key);
    json_object_put(take_object);
}

/* Until something is under way. FALSE: it has ended. */
static gboolean
drive(World *world)
{
    for (guint i = 0; i < 8; i++) {
        const LullWatchStep step = lull_watch_machine_next(world->machine, world->now);

        if (step.verb == LULL_WATCH_STEP_END)
            return FALSE;
        if (step.verb == LULL_WATCH_STEP_WAIT)
            world->now = step.at;
        if (step.verb == LULL_WATCH_STEP_LIST || step.verb == LULL_WATCH_STEP_WATCH) {
            world->listing = step.verb == LULL_WATCH_STEP_LIST;
            return TRUE;
        }
    }
    FUZZ_MUST(!"it always gets on");
    return FALSE;
}

static gboolean
take_line(const char *line, gsize length, gpointer user_data)
{
    World *world = user_data;
    g_autoptr(LullJson) document = lull_json_parse(line, (gssize)length, NULL);
    const gint64 http = lull_json_int(document, "http", 0);
    gboolean same = FALSE;

    if (http != 0)
        lull_watch_machine_refused(world->machine, (long)CLAMP(http, 100, 999), document, 0, world->now);
    else if (world->listing)
        (void)lull_watch_machine_page(world->machine, document, world->now);
    else
        same = lull_watch_machine_event(world->machine, document, world->now);
    return same || drive(world);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(LullLines) lines = lull_lines_new(65536);
    World world = {.now = 1000000};

    world.there = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world.machine = lull_watch_machine_new(&lull_watch_usual, NULL, 1, on_emit, &world);
    if (drive(&world))
        (void)lull_lines_feed(lines, (const char *)data, size, take_line, &world, NULL);
    lull_watch_machine_free(world.machine);
    g_hash_table_unref(world.there);
    return 0;
}
