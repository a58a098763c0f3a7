/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib-unix.h>
#include <stdio.h>

#include "coordinator/reconcile/manual-hold.h"
#include "tests/unit/reconcile/fake-guest.h"

/* usage: serve-holds STORE SOCKET INTENTS
 *
 * Serves freezes by hand of one guest that exists in memory only, "larry", until SIGTERM. Its subresource
 * `story` tells {"frozen": whether it is, "story": what happened to it}; `set`
 * {"refuseFreeze","breakHold","off"} changes what it will do, or is. */

static void
tell_story(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullJson *answer = json_object_new_object();

    lull_json_set_bool(answer, "frozen", fake_is_frozen());
    lull_json_set_string(answer, "story", fake_story());
    lull_server_reply(reply, answer);
}

static void
set(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    fake.refuse_freeze = lull_json_bool(body, "refuseFreeze", FALSE);
    fake.break_hold = lull_json_bool(body, "breakHold", FALSE);
    g_atomic_int_set(&fake.state, lull_json_bool(body, "off", FALSE) ? LULL_VM_STOPPED : LULL_VM_RUNNING);
    lull_server_reply(reply, NULL);
}

static gboolean
quit(gpointer user_data)
{
    g_main_loop_quit((GMainLoop *)user_data);
    return G_SOURCE_CONTINUE;
}

static int
serve(LullStore *store, const char *socket, LullIntents *intents)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(LullClaims) claims = lull_claims_new();
    g_autoptr(LullServer) server = lull_server_new(store, socket, NULL, NULL);
    g_autoptr(LullManualHolds) holds = lull_manual_holds_new(NULL, intents, claims);
    const guint source = g_unix_signal_add(SIGTERM, quit, loop);

    if (!server)
        return 1;
    lull_manual_holds_serve(holds, server, NULL);
    lull_server_add_subresource(server, "story", tell_story, NULL);
    lull_server_add_subresource(server, "set", set, NULL);
    puts("ready");
    (void)fflush(stdout);
    g_main_loop_run(loop);
    g_source_remove(source);
    return 0;
}

int
main(int argc, char **argv)
{
    g_autoptr(LullStore) store = argc == 4 ? lull_store_local_open(argv[1], NULL) : NULL;
    g_autoptr(LullIntents) intents = store ? lull_intents_open(argv[3], NULL) : NULL;

    if (!intents)
        return 2;
    fake_reset();
    return serve(store, argv[2], intents);
}
