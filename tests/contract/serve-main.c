/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib-unix.h>
#include <stdio.h>

#include "coordinator/store/local/local.h"
#include "coordinator/store/recorder.h"
#include "coordinator/store/serve/server.h"
#include "protocol/clock.h"
#include "protocol/error.h"

/* usage: serve STORE SOCKET [LOG-EVENTS [GROUP [BOOKMARK-MS]]], "0" and "" for what is usual
 *
 * Serves a store until SIGTERM. Says "ready" or why not. Subresources: `echo` answers at once, `refuse` with
 * BUSY, `empty` without a body, `wait` not before a `release` comes; `tell` makes an event of
 * a snapshot. */

static GQueue waiting = G_QUEUE_INIT;

static void
echo(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullJson *answer = json_object_new_object();

    lull_json_set_string(answer, "ns", ns);
    lull_json_set_string(answer, "name", name);
    lull_json_take(answer, "body", lull_json_dup(body));
    lull_server_reply(reply, answer);
}

static void
refuse(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    g_autoptr(GError) error = g_error_new(LULL_ERROR, LULL_ERROR_BUSY, "%s: held by somebody else", name);

    lull_server_reply_error(reply, error);
}

static void
empty(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    lull_server_reply(reply, NULL);
}

static void
wait_for_release(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    g_queue_push_tail(&waiting, reply);
}

static void
release(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullJson *answer = json_object_new_object();
    LullServerReply *other;

    lull_json_set_int(answer, "released", g_queue_get_length(&waiting));
    while ((other = (LullServerReply *)g_queue_pop_head(&waiting)))
        lull_server_reply(other, NULL);
    lull_server_reply(reply, answer);
}

/* As a reconciler would: {"uid", "type", "reason", "message"}. */
static void
tell(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer recorder)
{
    g_autoptr(LullJson) object = json_object_new_object();
    LullJson *metadata = lull_json_ensure(object, "metadata");

    lull_json_set_string(metadata, "namespace", ns);
    lull_json_set_string(metadata, "name", name);
    lull_json_set_string(metadata, "uid", lull_json_string(body, "uid", NULL));
    lull_recorder_record(
        (LullRecorder *)recorder, &lull_kind_snapshot, object,
        g_str_equal(lull_json_string(body, "type", ""), "Warning") ? LULL_EVENT_WARNING : LULL_EVENT_NORMAL,
        lull_json_string(body, "reason", ""), lull_json_string(body, "message", ""), lull_clock_realtime());
    lull_server_reply(reply, NULL);
}

static gboolean
quit(gpointer user_data)
{
    g_main_loop_quit((GMainLoop *)user_data);
    return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullStore) store = NULL;
    g_autoptr(LullRecorder) recorder = NULL;
    g_autoptr(LullServer) server = NULL;
    LullLocalLimits limits = {0};
    LullServerReply *reply;

    if (argc < 3)
        return 2;
    if (argc > 3)
        limits.log_events = (guint)g_ascii_strtoull(argv[3], NULL, 10);
    store = lull_store_local_open_with(argv[1], &limits, &error);
    recorder = store ? lull_recorder_new(store, NULL, &error) : NULL;
    server = recorder ? lull_server_new(store, argv[2], argc > 4 && *argv[4] ? argv[4] : NULL, &error) : NULL;
    if (!server) {
        printf("%s\n", error->message);
        return 1;
    }
    if (argc > 5)
        lull_server_set_bookmark_interval(server, (guint)g_ascii_strtoull(argv[5], NULL, 10));
    lull_server_add_subresource(server, "tell", tell, recorder);
    lull_server_add_subresource(server, "echo", echo, NULL);
    lull_server_add_subresource(server, "refuse", refuse, NULL);
    lull_server_add_subresource(server, "empty", empty, NULL);
    lull_server_add_subresource(server, "wait", wait_for_release, NULL);
    lull_server_add_subresource(server, "release", release, NULL);
    const guint source = g_unix_signal_add(SIGTERM, quit, loop);
    puts("ready");
    (void)fflush(stdout);
    g_main_loop_run(loop);
    g_source_remove(source);
    g_clear_pointer(&server, lull_server_free);
    while ((reply = (LullServerReply *)g_queue_pop_head(&waiting)))
        lull_server_reply(reply, NULL);
    return 0;
}
