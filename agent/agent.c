/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/agent.h"

#include <glib-unix.h>
#include <signal.h>

#include "agent/channel/channel.h"
#include "agent/log.h"
#include "agent/quiesce/engine.h"
#include "agent/session/session.h"

#define RECOVERING_MSEC 100

typedef struct {
    GMainLoop *loop;
    LullEngine *engine;
    const LullOptions *options;
    LullRecovery *recovery;
} Agent;

static gboolean
on_stopped(gpointer user_data)
{
    const Agent *self = user_data;

    g_main_loop_quit(self->loop);
    return G_SOURCE_REMOVE;
}

static gboolean
on_signal(gpointer user_data)
{
    Agent *self = user_data;

    lull_engine_stop(self->engine, on_stopped, self);
    return G_SOURCE_CONTINUE;
}

static LullChannel *
open_channel(const LullOptions *options, LullSession *session, GError **error)
{
    if (g_str_equal(options->method, "unix-listen"))
        return lull_channel_open_unix(options->path, &lull_session_handler, session, error);
    return lull_channel_open_virtio(options->path, &lull_session_handler, session);
}

gboolean
lull_agent_recovered(const LullOptions *options, LullRecovery *recovery, GError **error)
{
    gboolean opened;

    lull_recovery_finish(recovery);
    opened = lull_log_open(options->logfile, error);
    lull_log_hold(FALSE);
    return opened;
}

static gboolean
on_recovering(gpointer user_data)
{
    const Agent *self = user_data;
    g_autoptr(GError) error = NULL;

    if (!lull_recovery_is_done(self->recovery))
        return G_SOURCE_CONTINUE;
    if (!lull_agent_recovered(self->options, self->recovery, &error))
        g_warning("%s; it goes to standard error", error->message);
    return G_SOURCE_REMOVE;
}

gboolean
lull_agent_run(const LullOptions *options, LullRecovery *recovery, GError **error)
{
    const LullEngineConfig config = {options->state_dir, "", options->freezer, options->standard_lease_msec,
                                     recovery};
    g_autoptr(LullEngine) engine = lull_engine_new(&config, error);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    const LullServices services = {engine, config.root, &options->rules};
    g_autoptr(LullSession) session = NULL;
    g_autoptr(LullChannel) channel = NULL;
    Agent self = {loop, engine, options, recovery};

    if (!engine)
        return FALSE;
    session = lull_session_new(&services);
    channel = open_channel(options, session, error);
    if (!channel)
        return FALSE;
    lull_session_set_channel(session, channel);
    (void)signal(SIGPIPE, SIG_IGN);
    g_unix_signal_add(SIGTERM, on_signal, &self);
    g_unix_signal_add(SIGINT, on_signal, &self);
    if (!lull_recovery_is_finished(recovery))
        g_timeout_add(RECOVERING_MSEC, on_recovering, &self);
    g_message("lull-agent " LULL_VERSION " listens on %s", options->path);
    g_main_loop_run(loop);
    return TRUE;
}
