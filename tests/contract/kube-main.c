/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib-unix.h>
#include <stdio.h>
#include <unistd.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/kube/kube.h"
#include "protocol/clock.h"
#include "protocol/error.h"

/* usage: kube KUBECONFIG PATIENCE-MS, "" for a pod's
 *
 * Does what it reads, a JSON array a line, with snapshots of an API server, and says what came of it, an
 * object a line: ["get", NS, NAME], ["list", NS], ["create", OBJECT], ["patch", NS, NAME, PATCH],
 * ["status", NS, NAME, PATCH], ["remove", NS, NAME, UID or null], ["watch", SINCE or null]. A watch's events
 * come in between. */

typedef struct {
    LullStore *store;
    GMainLoop *loop;
    GIOChannel *input;
    LullWatch *watch;
} Driver;

static void
say(LullJson *take_line)
{
    puts(lull_json_to_line(take_line));
    (void)fflush(stdout);
    json_object_put(take_line);
}

static void
say_result(LullJson *take_result, const GError *error)
{
    LullJson *line = json_object_new_object();

    if (error) {
        lull_json_set_string(line, "error", lull_error_code_to_string(error->code));
        lull_json_set_string(line, "message", error->message);
    } else {
        lull_json_take(line, "ok", take_result);
    }
    say(line);
}

static void
on_event(LullWatchType type, LullJson *object, gpointer user_data)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
    LullJson *line = json_object_new_object();

    lull_json_set_string(line, "event", names[type]);
    lull_json_set_string(line, "name", lull_meta_name(object));
    lull_json_set_string(line, "version", lull_meta_version(object));
    if (type == LULL_WATCH_ERROR)
        lull_json_set_int(line, "code", lull_json_int(object, "code", 0));
    say(line);
}

static const char *
word(LullJson *order, gsize i)
{
    LullJson *value = json_object_array_get_idx(order, i);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static LullJson *
obey(Driver *self, LullJson *order, GError **error)
{
    const char *verb = word(order, 0);
    const LullKind *kind = &lull_kind_snapshot;

    if (g_str_equal(verb, "get"))
        return lull_store_get(self->store, kind, word(order, 1), word(order, 2), error);
    if (g_str_equal(verb, "list"))
        return lull_store_list(self->store, kind, word(order, 1), NULL, error);
    if (g_str_equal(verb, "create"))
        return lull_store_create(self->store, kind, json_object_array_get_idx(order, 1), error);
    if (g_str_equal(verb, "remove"))
        return lull_store_remove(self->store, kind, word(order, 1), word(order, 2), word(order, 3), error)
                   ? json_object_new_object()
                   : NULL;
    if (g_str_equal(verb, "watch")) {
        self->watch = lull_store_watch(self->store, kind, NULL, word(order, 1), NULL, on_event, NULL, error);
        return self->watch ? json_object_new_object() : NULL;
    }
    return lull_store_patch(self->store, kind, word(order, 1), word(order, 2),
                            g_str_equal(verb, "status") ? LULL_PATCH_STATUS : LULL_PATCH_OBJECT,
                            json_object_array_get_idx(order, 3), error);
}

static gboolean
on_input(GIOChannel *channel, GIOCondition condition, gpointer user_data)
{
    Driver *self = user_data;
    g_autofree char *line = NULL;
    g_autoptr(GError) error = NULL;

    if (g_io_channel_read_line(channel, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        g_main_loop_quit(self->loop);
        return G_SOURCE_REMOVE;
    }
    g_autoptr(LullJson) order = lull_json_parse(line, -1, &error);
    LullJson *result = order ? obey(self, order, &error) : NULL;
    say_result(result, error);
    return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullStore) store = NULL;
    Driver driver = {.loop = loop};
    LullKubeConfig *config;

    if (argc != 3)
        return 2;
    const LullKubeLimits limits = {.max_pending = 64,
                                   .patience = LULL_MSEC(g_ascii_strtoll(argv[2], NULL, 10))};
    config = lull_kube_config_find(argv[1], NULL, &error);
    store = config ? lull_store_kube_new_with(config, &limits, &error) : NULL;
    say_result(store ? json_object_new_object() : NULL, error);
    if (!store)
        return 1;
    driver.store = store;
    driver.input = g_io_channel_unix_new(STDIN_FILENO);
    (void)g_io_channel_set_flags(driver.input, G_IO_FLAG_NONBLOCK, NULL);
    (void)g_io_add_watch(driver.input, G_IO_IN | G_IO_HUP, on_input, &driver);
    g_main_loop_run(loop);
    lull_watch_stop(driver.watch);
    g_io_channel_unref(driver.input);
    return 0;
}
