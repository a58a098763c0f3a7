/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib-unix.h>
#include <stdio.h>
#include <unistd.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/kube/kube.h"
#include "coordinator/store/kube/leader.h"
#include "coordinator/store/recorder.h"
#include "protocol/clock.h"
#include "protocol/error.h"

/* usage: kube KUBECONFIG PATIENCE-MS, "" for a pod's
 *
 * Does what it reads, a JSON array a line, with snapshots of an API server, and says what came of it, an
 * object a line; what a watch or an election tells comes in between. What there is, stands below in the table
 * of orders; SELECTOR is {"labels", "fields", "limit", "continue", "namespace"}, all of it optional. */

typedef struct {
    LullStore *store;
    GMainLoop *loop;
    GIOChannel *input;
    LullWatch *watch;
    LullLeader *leader;
    LullRecorder *recorder;
} Driver;

static const LullKind *const kind = &lull_kind_snapshot;

/* One call of stdio: threads do not mix their lines. */
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

static const char *
word(LullJson *order, gsize i)
{
    LullJson *value = json_object_array_get_idx(order, i);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static gint64
number(LullJson *order, gsize i)
{
    return json_object_get_int64(json_object_array_get_idx(order, i));
}

static LullJson *
do_get(Driver *self, LullJson *order, GError **error)
{
    return lull_store_get(self->store, kind, word(order, 1), word(order, 2), error);
}

static LullJson *
do_list(Driver *self, LullJson *order, GError **error)
{
    LullJson *selector = json_object_array_get_idx(order, 2);
    const LullListOptions options = {.label_selector = lull_json_string(selector, "labels", NULL),
                                     .field_selector = lull_json_string(selector, "fields", NULL),
                                     .limit = (guint)lull_json_int(selector, "limit", 0),
                                     .continue_token = lull_json_string(selector, "continue", NULL)};

    return lull_store_list(self->store, kind, word(order, 1), &options, error);
}

static void
add_name(LullJson *object, gpointer names)
{
    lull_json_append_string(names, lull_meta_name(object));
}

static LullJson *
do_each(Driver *self, LullJson *order, GError **error)
{
    LullJson *names = json_object_new_array();

    if (lull_store_each(self->store, kind, word(order, 1), NULL, add_name, names, error))
        return names;
    json_object_put(names);
    return NULL;
}

static LullJson *
do_create(Driver *self, LullJson *order, GError **error)
{
    return lull_store_create(self->store, kind, json_object_array_get_idx(order, 1), error);
}

static LullJson *
do_patch(Driver *self, LullJson *order, GError **error)
{
    return lull_store_patch(self->store, kind, word(order, 1), word(order, 2),
                            g_str_equal(word(order, 0), "status") ? LULL_PATCH_STATUS : LULL_PATCH_OBJECT,
                            json_object_array_get_idx(order, 3), error);
}

static LullJson *
do_remove(Driver *self, LullJson *order, GError **error)
{
    const gboolean removed =
        lull_store_remove(self->store, kind, word(order, 1), word(order, 2), word(order, 3), error);

    return removed ? json_object_new_object() : NULL;
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

static LullJson *
do_watch(Driver *self, LullJson *order, GError **error)
{
    LullJson *selector = json_object_array_get_idx(order, 2);
    const LullWatchOptions options = {.since = word(order, 1),
                                      .label_selector = lull_json_string(selector, "labels", NULL),
                                      .field_selector = lull_json_string(selector, "fields", NULL)};

    self->watch = lull_store_watch_selected(self->store, kind, lull_json_string(selector, "namespace", NULL),
                                            &options, NULL, on_event, NULL, error);
    return self->watch ? json_object_new_object() : NULL;
}

static void
on_lead(gboolean leads, gint64 term, gpointer user_data)
{
    LullJson *line = json_object_new_object();

    lull_json_set_string(line, "event", leads ? "LEADS" : "FOLLOWS");
    lull_json_set_int(line, "code", term);
    say(line);
}

static LullJson *
do_candidate(Driver *self, LullJson *order, GError **error)
{
    const LullElectionTuning tuning = {LULL_MSEC(number(order, 4)), LULL_MSEC(number(order, 5)),
                                       LULL_MSEC(number(order, 6))};
    const LullLeaderOptions options = {word(order, 1), word(order, 2), word(order, 3), &tuning};

    self->leader = lull_leader_new(self->store, &options, on_lead, NULL);
    return json_object_new_object();
}

static LullJson *
do_leads(Driver *self, LullJson *order, GError **error)
{
    gint64 term = 0;
    const gboolean leads = lull_leader_leads(self->leader, &term);

    return leads ? json_object_new_int64(term) : json_object_new_boolean(FALSE);
}

static LullJson *
do_resign(Driver *self, LullJson *order, GError **error)
{
    g_clear_pointer(&self->leader, lull_leader_free);
    return json_object_new_object();
}

static LullJson *
do_tell(Driver *self, LullJson *order, GError **error)
{
    if (!self->recorder)
        self->recorder = lull_recorder_new(self->store, &lull_recorder_of_cluster, error);
    if (!self->recorder)
        return NULL;
    lull_recorder_record(self->recorder, kind, json_object_array_get_idx(order, 1), LULL_EVENT_WARNING,
                         word(order, 2), word(order, 3), lull_clock_realtime());
    return json_object_new_object();
}

static LullJson *
do_fall_silent(Driver *self, LullJson *order, GError **error)
{
    g_clear_pointer(&self->recorder, lull_recorder_free);
    return json_object_new_object();
}

static const struct {
    const char *name;
    LullJson *(*run)(Driver *self, LullJson *order, GError **error);
} orders[] = {
    {"get", do_get},         /* NS, NAME */
    {"list", do_list},       /* NS or null, SELECTOR */
    {"each", do_each},       /* NS or null: names */
    {"create", do_create},   /* OBJECT */
    {"patch", do_patch},     /* NS, NAME, PATCH */
    {"status", do_patch},    /* NS, NAME, PATCH */
    {"remove", do_remove},   /* NS, NAME, UID or null */
    {"watch", do_watch},     /* SINCE or null, SELECTOR */
    {"lead", do_candidate},  /* NS, NAME, IDENTITY, and in ms duration, deadline, retry: takes part */
    {"leads", do_leads},     /* the term, or false */
    {"resign", do_resign},   /* takes no part any more */
    {"tell", do_tell},       /* OBJECT, REASON, MESSAGE: an event */
    {"hush", do_fall_silent} /* all that was told is written, or given up */
};

static LullJson *
obey(Driver *self, LullJson *order, GError **error)
{
    const char *verb = word(order, 0);

    for (gsize i = 0; verb && i < G_N_ELEMENTS(orders); i++)
        if (g_str_equal(orders[i].name, verb))
            return orders[i].run(self, order, error);
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: no order", verb);
    return NULL;
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

static void
run(Driver *self)
{
    self->input = g_io_channel_unix_new(STDIN_FILENO);
    (void)g_io_channel_set_flags(self->input, G_IO_FLAG_NONBLOCK, NULL);
    (void)g_io_add_watch(self->input, G_IO_IN | G_IO_HUP, on_input, self);
    g_main_loop_run(self->loop);
    lull_watch_stop(self->watch);
    lull_leader_free(self->leader);
    lull_recorder_free(self->recorder);
    g_io_channel_unref(self->input);
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
    run(&driver);
    return 0;
}
