/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/daemon.h"

#include <unistd.h>

#include "coordinator/ending.h"
#include "coordinator/guest/host.h"
#include "coordinator/metrics/outlook.h"
#include "coordinator/places.h"
#include "coordinator/reconcile/content-effects.h"
#include "coordinator/reconcile/manual-hold.h"
#include "coordinator/reconcile/restore-admit.h"
#include "coordinator/reconcile/restore-effects.h"
#include "coordinator/reconcile/restore-host.h"
#include "coordinator/reconcile/snapshot-effects.h"
#include "coordinator/reconcile/switch.h"
#include "coordinator/reconcile/verification.h"
#include "coordinator/state-dir.h"
#include "coordinator/storage/libvirt-backup.h"
#include "coordinator/store/serve/server.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define ATTEMPT_PAUSE_MS  10000
#define CHECK_INTERVAL_MS 300000
#define STORE_LOOK_MS     5000 /* between looks at whether the store is there, for who asks */
#define SWEEP_SECONDS     3600 /* between looks for events that are too old */

struct _LullDaemon {
    int lock_fd;
    LullIntents *intents;
    LullHost *host;
    LullStore *store; /* all kinds; owns the two below */
    LullStorage *storage;
    LullClaims *claims;
    LullJobs *jobs;
    LullRecorder *recorder;
    GSource *sweep, *store_look;
    LullOutlook outlook;
    LullSnapshots snapshots;
    LullContents contents;
    LullRestoreHost restore_host;
    LullRestores restores;
    LullLoop *snapshot_loop, *content_loop, *restore_loop;
    LullServer *server;
    LullManualHolds *holds;
    LullVerifications *verifications;
    LullSwitches *switches;
};

void
lull_daemon_options_clear(LullDaemonOptions *self)
{
    g_clear_pointer(&self->uri, g_free);
    g_clear_pointer(&self->state_dir, g_free);
    g_clear_pointer(&self->runtime_dir, g_free);
    g_clear_pointer(&self->socket, g_free);
    g_clear_pointer(&self->group, g_free);
    g_clear_pointer(&self->metrics_listen, g_free);
}

void
lull_daemon_options_complete(LullDaemonOptions *self)
{
    if (!self->uri)
        self->uri = lull_place_uri();
    if (!self->state_dir)
        self->state_dir = lull_place_state_dir();
    if (!self->runtime_dir)
        self->runtime_dir = lull_place_runtime_dir();
    if (!self->socket)
        self->socket = g_build_filename(self->runtime_dir, LULL_SOCKET_NAME, NULL);
    if (self->attempt_pause <= 0)
        self->attempt_pause = ATTEMPT_PAUSE_MS;
    if (self->check_interval <= 0)
        self->check_interval = CHECK_INTERVAL_MS;
}

/* Thaw first: it needs the host and the intents, and waits for nothing else. */
static gboolean
thaw_first(LullDaemon *self, const LullDaemonOptions *options, GError **error)
{
    g_autofree char *intents = g_build_filename(options->state_dir, "intents", NULL);

    self->intents = lull_intents_open(intents, error);
    self->host = self->intents ? lull_host_open(options->uri, error) : NULL;
    if (!self->host)
        return FALSE;
    self->claims = lull_claims_new();
    lull_intents_recover(self->intents, self->host, self->claims, LULL_INTENTS_PATIENCE);
    return TRUE;
}

static gboolean
open_stores(LullDaemon *self, const LullDaemonOptions *options, GError **error)
{
    g_autofree char *path = g_build_filename(options->state_dir, "store.db", NULL);
    g_autofree char *snapshots = g_build_filename(options->state_dir, "snapshots", NULL);
    LullStore *local = lull_store_local_open(path, error);

    if (!local)
        return FALSE;
    self->store = lull_store_set_new(local);
    lull_store_set_add(self->store, &lull_kind_vm, lull_host_vm_store(self->host, local));
    self->storage = lull_storage_libvirt_new(self->host, snapshots, error);
    if (self->storage && options->job_lease > 0)
        lull_storage_libvirt_set_lease(self->storage, LULL_MSEC(options->job_lease));
    self->recorder = self->storage ? lull_recorder_new(self->store, NULL, error) : NULL;
    return self->recorder != NULL;
}

static void
make_loops(LullDaemon *self, const LullDaemonOptions *options)
{
    const LullReconciler snapshot = {
        "snapshot",         &lull_kind_snapshot, {&lull_kind_vm, &lull_kind_content},
        lull_snapshot_refs, lull_snapshot_pass,  &self->snapshots};
    const LullReconciler content = {"content",         &lull_kind_content, {&lull_kind_snapshot},
                                    lull_content_refs, lull_content_pass,  &self->contents};
    const LullReconciler restore = {
        "restore",         &lull_kind_restore, {&lull_kind_vm, &lull_kind_snapshot},
        lull_restore_refs, lull_restore_pass,  &self->restores};

    self->snapshots = (LullSnapshots){.store = self->store, .recorder = self->recorder};
    self->jobs = lull_jobs_new();
    self->snapshot_loop = lull_loop_new(self->store, &snapshot);
    self->content_loop = lull_loop_new(self->store, &content);
    self->restore_loop = lull_loop_new(self->store, &restore);
    self->contents =
        (LullContents){.store = self->store,
                       .jobs = self->jobs,
                       .tools = {self->host, self->storage, self->intents, self->claims,
                                 LULL_MSEC(options->lease), self->outlook.metrics},
                       .loop = self->content_loop,
                       .life = g_uuid_string_random(),
                       .times = {LULL_MSEC(options->attempt_pause), LULL_MSEC(options->check_interval)},
                       .recorder = self->recorder};
    lull_restore_host_init(&self->restore_host, self->host, self->storage, self->claims);
    self->restores = (LullRestores){self->store, self->jobs, &self->restore_host.place, self->restore_loop,
                                    self->recorder};
    lull_loop_set_metrics(self->snapshot_loop, self->outlook.metrics, lull_metrics_snapshot);
    lull_loop_set_metrics(self->content_loop, self->outlook.metrics, NULL);
    lull_loop_set_metrics(self->restore_loop, self->outlook.metrics, lull_metrics_restore);
}

static char *
find_libvirt(gpointer data)
{
    LullHost *host = data;

    return lull_host_is_there(host)
               ? NULL
               : g_strdup_printf("libvirt at %s is away; it is looked for all the time", lull_host_uri(host));
}

/* On the thread that serves the store, and so is the first to be in need of it. */
static gboolean
on_store_look(gpointer data)
{
    LullDaemon *self = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) nothing = lull_store_get(self->store, &lull_kind_snapshot, "default", "-", &error);

    lull_health_say(self->outlook.health, "store",
                    error && !lull_error_is(error, LULL_ERROR_NOT_FOUND) ? error->message : NULL);
    return G_SOURCE_CONTINUE;
}

/* One coordinator is all that a plain host has. */
static gboolean
start_telling(LullDaemon *self, const LullDaemonOptions *options, GMainContext *context, GError **error)
{
    if (!options->metrics_listen)
        return TRUE;
    if (!lull_outlook_open(&self->outlook, options->metrics_listen, 0, context, error))
        return FALSE;
    lull_metrics_set_leader(self->outlook.metrics, TRUE);
    lull_health_ask(self->outlook.health, "libvirt", find_libvirt, self->host);
    self->store_look = g_timeout_source_new(STORE_LOOK_MS);
    g_source_set_callback(self->store_look, on_store_look, self, NULL);
    (void)g_source_attach(self->store_look, context);
    return TRUE;
}

static gboolean
on_sweep(gpointer recorder)
{
    lull_recorder_sweep(recorder, lull_clock_realtime());
    return G_SOURCE_CONTINUE;
}

static void
start_sweeping(LullDaemon *self, GMainContext *context)
{
    self->sweep = g_timeout_source_new_seconds(SWEEP_SECONDS);
    g_source_set_callback(self->sweep, on_sweep, self->recorder, NULL);
    (void)g_source_attach(self->sweep, context);
}

static gboolean
start_serving(LullDaemon *self, const LullDaemonOptions *options, GMainContext *context, GError **error)
{
    if (!lull_loop_start(self->snapshot_loop, context, error) ||
        !lull_loop_start(self->content_loop, context, error) ||
        !lull_loop_start(self->restore_loop, context, error))
        return FALSE;
    self->server = lull_server_new(self->store, options->socket, options->group, error);
    if (!self->server)
        return FALSE;
    lull_server_say(self->server, LULL_VERSION_LIBVIRT, options->uri);
    lull_restore_admit_serve(self->server, self->store);
    lull_intents_start_retrying(self->intents);
    self->holds = lull_manual_holds_new(self->host, self->intents, self->claims);
    lull_manual_holds_set_metrics(self->holds, self->outlook.metrics);
    lull_manual_holds_serve(self->holds, self->server, context);
    self->verifications = lull_verifications_new(self->store, self->storage, self->jobs);
    lull_verifications_serve(self->verifications, self->server, context);
    self->switches = lull_switches_new(self->host, self->jobs);
    lull_switches_serve(self->switches, self->server, context);
    return TRUE;
}

LullDaemon *
lull_daemon_start(const LullDaemonOptions *options, GError **error)
{
    g_autoptr(GMainContext) context = g_main_context_ref_thread_default();
    g_autofree char *socket_dir = g_path_get_dirname(options->socket);
    g_autoptr(LullDaemon) self = g_new0(LullDaemon, 1);

    self->lock_fd = -1;
    if (!lull_make_directory(options->runtime_dir, 0755, error) ||
        !lull_make_directory(socket_dir, 0755, error))
        return NULL;
    self->lock_fd = lull_state_dir_take(options->state_dir, error);
    if (self->lock_fd < 0 || !thaw_first(self, options, error) || !open_stores(self, options, error) ||
        !start_telling(self, options, context, error))
        return NULL;
    start_sweeping(self, context);
    make_loops(self, options);
    if (!start_serving(self, options, context, error))
        return NULL;
    lull_outlook_ready(&self->outlook, TRUE);
    return g_steal_pointer(&self);
}

const char *
lull_daemon_metrics_address(const LullDaemon *self)
{
    return lull_outlook_address(&self->outlook);
}

void
lull_daemon_let_go(gpointer daemon)
{
    const LullDaemon *self = daemon;

    (void)lull_jobs_stop(self->jobs, 0);
}

gboolean
lull_daemon_stop(LullDaemon *self)
{
    lull_outlook_ready(&self->outlook, FALSE);
    g_clear_pointer(&self->holds, lull_manual_holds_free);
    g_clear_pointer(&self->server, lull_server_free);
    return lull_jobs_stop(self->jobs, LULL_ENDING_WORK);
}

/* Jobs end before the loops they tell; watches before the stores they watch; who counts goes last. */
void
lull_daemon_free(LullDaemon *self)
{
    if (!self)
        return;
    if (self->store_look)
        g_source_destroy(self->store_look);
    g_clear_pointer(&self->store_look, g_source_unref);
    lull_outlook_close(&self->outlook);
    g_clear_pointer(&self->holds, lull_manual_holds_free);
    g_clear_pointer(&self->server, lull_server_free);
    if (self->jobs)
        lull_jobs_stop(self->jobs, G_MAXINT64 / 2);
    g_clear_pointer(&self->verifications, lull_verifications_free);
    g_clear_pointer(&self->switches, lull_switches_free);
    g_clear_pointer(&self->snapshot_loop, lull_loop_free);
    g_clear_pointer(&self->content_loop, lull_loop_free);
    g_clear_pointer(&self->restore_loop, lull_loop_free);
    g_clear_pointer(&self->jobs, lull_jobs_free);
    g_clear_pointer(&self->contents.life, g_free);
    if (self->intents)
        lull_intents_stop(self->intents);
    g_clear_pointer(&self->claims, lull_claims_free);
    if (self->sweep)
        g_source_destroy(self->sweep);
    g_clear_pointer(&self->sweep, g_source_unref);
    g_clear_pointer(&self->recorder, lull_recorder_free);
    g_clear_pointer(&self->storage, lull_storage_free);
    g_clear_pointer(&self->store, lull_store_free);
    g_clear_pointer(&self->host, lull_host_free);
    g_clear_pointer(&self->intents, lull_intents_free);
    lull_outlook_clear(&self->outlook);
    if (self->lock_fd >= 0)
        close(self->lock_fd);
    g_free(self);
}
