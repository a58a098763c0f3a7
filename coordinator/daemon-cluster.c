/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/daemon-cluster.h"

#include <unistd.h>

#include "coordinator/cluster/freeze-calls.h"
#include "coordinator/cluster/group-store.h"
#include "coordinator/cluster/leading.h"
#include "coordinator/cluster/machine-store.h"
#include "coordinator/cluster/node-instances.h"
#include "coordinator/cluster/rival.h"
#include "coordinator/ending.h"
#include "coordinator/guest/host.h"
#include "coordinator/metrics/outlook.h"
#include "coordinator/model/annotation.h"
#include "coordinator/model/api-group.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-effects.h"
#include "coordinator/reconcile/content-state.h"
#include "coordinator/state-dir.h"
#include "coordinator/storage/csi/csi.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/store/kube/kube.h"
#include "coordinator/store/recent.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define LEAD_RETRY_MS 1000
#define KNOWN_FOR     LULL_SEC(1)

/* The loop may wait for the API server, each watch that is begun for half a minute. */
#define STANDSTILL LULL_SEC(300)

struct _LullClusterDaemon {
    int lock_fd;
    LullKubeEnd end;
    GMainContext *context;
    char *node, *group, *selector, *identity;
    LullIntents *intents;
    LullHost *host;
    LullFreezeCalls *freeze_calls;
    LullRunCalls *run_calls;
    LullNodeInstances *instances;
    LullStore *election_store, *store, *event_store, *cut_store;
    LullStore *recent; /* as @store, but for what it knows: for those who look again and again */
    LullStorage *storage;
    LullRecorder *recorder;
    LullClaims *claims;
    LullJobs *jobs;
    LullGrantBook *book;
    LullSeen *seen;
    LullContentDuty duty;
    LullContents contents;
    LullLoop *content_loop;
    LullLeader *leader;
    LullLeadingTools leading_tools;
    LullLeading *leading; /* NULL: it does not lead, or cannot begin yet */
    GSource *lead_retry;
    GThread *parting; /* waits for the end of what was led; NULL: nothing was */
    gint parted;      /* atomic: it has */
    LullOutlook outlook;
};

/* A connection of its own each: what hangs for one is no matter to the others. */
static LullStore *
open_store(LullClusterDaemon *self, const LullClusterOptions *options, char **ret_ns, GError **error)
{
    const LullKubeLimits limits = {.metrics = self->outlook.metrics, .end = &self->end};
    LullKubeConfig *config = lull_kube_config_find(options->kubeconfig, options->context, error);

    if (config && ret_ns)
        *ret_ns = g_strdup(options->ns ? options->ns : config->ns);
    return config ? lull_store_kube_new_with(config, &limits, error) : NULL;
}

/* The kinds as reconcilers know them: the group's, and machines with their locks. */
static LullStore *
view_of(LullStore *take_store, const LullClusterOptions *options)
{
    LullStore *store = take_store;
    LullStore *all = NULL;

    if (!g_str_equal(options->api_group, LULL_GROUP_SNAPSHOT))
        store = lull_store_group_new(store, options->api_group);
    all = lull_store_set_new(store);
    lull_store_set_add(all, &lull_kind_vm, lull_store_machines_new(store, options->api_group));
    return all;
}

static gboolean
open_views(LullClusterDaemon *self, const LullClusterOptions *options, GError **error)
{
    static const LullRecentKind known[] = {
        {"virtualmachinesnapshots"}, {"virtualmachinesnapshotcontents"},           {"virtualmachinerestores"},
        {"virtualmachines"},         {"virtualmachineinstances", .absence = TRUE}, {NULL}};
    LullStore *kube = open_store(self, options, NULL, error);

    if (!kube)
        return FALSE;
    kube = lull_store_recent_new(kube, known, KNOWN_FOR);
    self->recent = view_of(kube, options);
    self->store = view_of(lull_store_recent_asking(kube), options);
    return TRUE;
}

static gboolean
open_stores(LullClusterDaemon *self, const LullClusterOptions *options, char **ret_ns, GError **error)
{
    LullStore *events = NULL;

    self->election_store = open_store(self, options, ret_ns, error);
    events = self->election_store ? open_store(self, options, NULL, error) : NULL;
    self->event_store = events ? view_of(events, options) : NULL;
    self->cut_store = self->event_store ? open_store(self, options, NULL, error) : NULL;
    if (self->cut_store && open_views(self, options, error))
        self->recorder = lull_recorder_new(self->event_store, &lull_recorder_of_cluster, error);
    return self->recorder != NULL;
}

/* Until now guests were only thawed. */
static gboolean
choose_who_freezes(LullClusterDaemon *self, const LullClusterOptions *options, GError **error)
{
    const LullFreezeUse use =
        g_str_equal(options->stock_freeze, LULL_STOCK_FREEZE_LIBVIRT)  ? LULL_FREEZE_BY_US
        : g_str_equal(options->stock_freeze, LULL_STOCK_FREEZE_EITHER) ? LULL_FREEZE_BY_EITHER
                                                                       : LULL_FREEZE_BY_API;
    LullKubeConfig *config = lull_kube_config_find(options->kubeconfig, options->context, error);

    self->freeze_calls = config ? lull_freeze_calls_new(config, use, error) : NULL;
    if (!self->freeze_calls)
        return FALSE;
    lull_host_set_freeze_api(self->host, lull_freeze_calls_api(self->freeze_calls));
    return TRUE;
}

static gboolean
open_run_calls(LullClusterDaemon *self, const LullClusterOptions *options, GError **error)
{
    LullKubeConfig *config = lull_kube_config_find(options->kubeconfig, options->context, error);

    self->run_calls = config ? lull_run_calls_new(config, &self->end, error) : NULL;
    return self->run_calls != NULL;
}

static gboolean
refuse_beside_a_rival(LullClusterDaemon *self, const char *group, const char *ns, GError **error)
{
    g_autoptr(LullJson) leases = lull_store_list(self->store, &lull_kind_lease, NULL, NULL, error);
    g_autofree char *rival = NULL;

    if (!leases)
        return FALSE;
    rival = lull_rival_find(lull_json_array(leases, "items"), group, ns, lull_store_now(self->store));
    if (rival)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "%s", rival);
    return rival == NULL;
}

/* A grant that is there already is void: nobody here knows how old it is, or what became of it. */
static void
find_leftover(LullJson *content, gpointer user_data)
{
    LullClusterDaemon *self = user_data;
    const char *uid = lull_meta_uid(content);
    g_autoptr(LullGrant) grant = lull_grant_of(content);

    if (!uid)
        return;
    lull_grant_book_find(self->book, uid, grant);
    lull_seen_note(self->seen, lull_meta_namespace(content), lull_meta_name(content), uid);
}

static gboolean
start_node(LullClusterDaemon *self, const LullClusterOptions *options, GError **error)
{
    const LullReconciler content = {.name = "content",
                                    .kind = &lull_kind_content,
                                    .owned = &lull_csi_kind_snapshot,
                                    .refs = lull_content_refs,
                                    .pass = lull_content_pass,
                                    .user_data = &self->contents,
                                    .selector = self->selector,
                                    .trim = lull_content_trim};

    self->storage = lull_storage_csi_new(self->cut_store);
    self->jobs = lull_jobs_new();
    self->book = lull_grant_book_new();
    self->seen = lull_seen_new(lull_content_gone, &self->contents);
    self->content_loop = lull_loop_new(self->recent, &content);
    self->duty = (LullContentDuty){self->node, self->book};
    self->contents =
        (LullContents){.store = self->recent,
                       .asking = self->store,
                       .jobs = self->jobs,
                       .tools = {self->host, self->storage, self->intents, self->claims,
                                 LULL_MSEC(options->lease), self->outlook.metrics},
                       .loop = self->content_loop,
                       .life = self->identity,
                       .times = {LULL_MSEC(options->attempt_pause), LULL_MSEC(options->check_interval)},
                       .recorder = self->recorder,
                       .duty = &self->duty,
                       .bare = TRUE,
                       .sparing = TRUE,
                       .seen = self->seen};
    lull_loop_set_metrics(self->content_loop, self->outlook.metrics, NULL);
    if (!lull_store_each(self->store, &lull_kind_content, NULL, self->selector, find_leftover, self, error))
        return FALSE;
    self->instances = lull_node_instances_hear(self->store, self->node, self->host, self->context, error);
    if (!self->instances || !lull_loop_start(self->content_loop, self->context, error))
        return FALSE;
    lull_intents_start_retrying(self->intents);
    return TRUE;
}

typedef struct {
    LullClusterDaemon *daemon;
    LullLeading *leading;
} Parting;

static gpointer
part(gpointer data)
{
    g_autofree Parting *parting = data;

    lull_leading_free(parting->leading);
    g_atomic_int_set(&parting->daemon->parted, 1);
    return NULL;
}

/* What is under way may wait for an API server; that is a thread's matter. */
static void
stop_leading(LullClusterDaemon *self)
{
    const Parting parting = {self, g_steal_pointer(&self->leading)};

    if (self->lead_retry)
        g_source_destroy(self->lead_retry);
    g_clear_pointer(&self->lead_retry, g_source_unref);
    if (!parting.leading)
        return;
    lull_leading_stop(parting.leading);
    g_atomic_int_set(&self->parted, 0);
    self->parting = g_thread_new("parting", part, g_memdup2(&parting, sizeof parting));
}

static void
wait_parted(LullClusterDaemon *self)
{
    g_clear_pointer(&self->parting, g_thread_join);
}

static gboolean
try_to_lead(gpointer user_data)
{
    LullClusterDaemon *self = user_data;
    g_autoptr(GError) error = NULL;

    if (self->parting && !g_atomic_int_get(&self->parted))
        return TRUE; /* what we led before is not over */
    wait_parted(self);
    self->leading = lull_leading_start(&self->leading_tools, self->context, &error);
    if (!self->leading)
        g_warning("cannot begin to lead, trying again: %s", error->message);
    return !self->leading;
}

typedef struct {
    LullClusterDaemon *daemon;
    gboolean leads;
} Change;

/* On our own thread. */
static gboolean
on_change(gpointer data)
{
    const Change *change = data;
    LullClusterDaemon *self = change->daemon;

    stop_leading(self);
    lull_metrics_set_leader(self->outlook.metrics, change->leads);
    g_message("%s %s", self->node, change->leads ? "leads" : "does not lead any more");
    if (!change->leads || !try_to_lead(self))
        return G_SOURCE_REMOVE;
    self->lead_retry = g_timeout_source_new(LEAD_RETRY_MS);
    g_source_set_callback(self->lead_retry, try_to_lead, self, NULL);
    (void)g_source_attach(self->lead_retry, self->context);
    return G_SOURCE_REMOVE;
}

/* On the election's. */
static void
on_election(gboolean leads, gint64 term, gpointer user_data)
{
    LullClusterDaemon *self = user_data;
    const Change change = {self, leads};
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_callback(source, on_change, g_memdup2(&change, sizeof change), g_free);
    (void)g_source_attach(source, self->context);
}

static void
stand_for_election(LullClusterDaemon *self, const LullClusterOptions *options, const char *ns)
{
    g_autofree char *lease = lull_rival_lease_name(options->api_group);
    const LullLeaderOptions election = {ns, lease, self->identity, &lull_election_usual};

    self->leader = lull_leader_new(self->election_store, &election, on_election, self);
    self->leading_tools = (LullLeadingTools){.store = self->recent,
                                             .asking = self->store,
                                             .trial = self->cut_store,
                                             .run_calls = self->run_calls,
                                             .recorder = self->recorder,
                                             .leader = self->leader,
                                             .node = self->node,
                                             .group = self->group,
                                             .attempt_pause = LULL_MSEC(options->attempt_pause),
                                             .metrics = self->outlook.metrics};
}

static char *
find_server(gpointer metrics)
{
    return lull_metrics_server_is_away(metrics)
               ? g_strdup("the API server does not answer; it is asked all the time")
               : NULL;
}

static gboolean
start_telling(LullClusterDaemon *self, const LullClusterOptions *options, GError **error)
{
    if (!lull_outlook_open(&self->outlook, options->metrics_listen, STANDSTILL, self->context, error))
        return FALSE;
    lull_health_ask(self->outlook.health, "store", find_server, self->outlook.metrics);
    return TRUE;
}

static void
name_ourselves(LullClusterDaemon *self, const LullClusterOptions *options)
{
    g_autofree char *random = g_uuid_string_random();

    self->node = g_strdup(options->node);
    self->group = g_strdup(options->api_group);
    self->selector = g_strconcat(LULL_LABEL_NODE "=", options->node, NULL);
    self->identity = g_strconcat(options->pod ? options->pod : options->node, "_", random, NULL);
}

/* It needs the node and the intents, and waits for nothing else. */
static gboolean
thaw_first(LullClusterDaemon *self, const LullClusterOptions *options, const char *intents, GError **error)
{
    self->intents = lull_intents_open(intents, error);
    self->host = self->intents ? lull_host_open_node(options->node, options->pods_dir, error) : NULL;
    if (!self->host)
        return FALSE;
    self->claims = lull_claims_new();
    lull_intents_recover(self->intents, self->host, self->claims, LULL_INTENTS_PATIENCE);
    return TRUE;
}

LullClusterDaemon *
lull_cluster_daemon_start(const LullClusterOptions *options, GError **error)
{
    g_autoptr(LullClusterDaemon) self = g_new0(LullClusterDaemon, 1);
    g_autofree char *intents = g_build_filename(options->state_dir, "intents", NULL);
    g_autofree char *ns = NULL;

    self->context = g_main_context_ref_thread_default();
    name_ourselves(self, options);
    self->lock_fd = lull_state_dir_take(options->state_dir, error);
    if (self->lock_fd < 0 || !thaw_first(self, options, intents, error) ||
        !start_telling(self, options, error) || !open_stores(self, options, &ns, error) ||
        !choose_who_freezes(self, options, error) || !open_run_calls(self, options, error) ||
        !refuse_beside_a_rival(self, options->api_group, ns, error) || !start_node(self, options, error))
        return NULL;
    stand_for_election(self, options, ns);
    lull_outlook_ready(&self->outlook, TRUE);
    return g_steal_pointer(&self);
}

const char *
lull_cluster_daemon_metrics_address(const LullClusterDaemon *self)
{
    return lull_outlook_address(&self->outlook);
}

void
lull_cluster_daemon_let_go(gpointer daemon)
{
    LullClusterDaemon *self = daemon;
    gint64 unasked = 0;

    (void)atomic_compare_exchange_strong(&self->end, &unasked, lull_clock_boottime() + LULL_ENDING_CALLS);
    if (self->jobs)
        (void)lull_jobs_stop(self->jobs, 0);
    if (self->leader)
        lull_leader_resign(self->leader);
}

gboolean
lull_cluster_daemon_stop(LullClusterDaemon *self)
{
    lull_outlook_ready(&self->outlook, FALSE);
    lull_cluster_daemon_let_go(self);
    stop_leading(self);
    return lull_jobs_stop(self->jobs, LULL_ENDING_WORK);
}

void
lull_cluster_daemon_free(LullClusterDaemon *self)
{
    if (!self)
        return;
    lull_outlook_close(&self->outlook);
    lull_cluster_daemon_let_go(self);
    stop_leading(self);
    if (self->jobs)
        lull_jobs_stop(self->jobs, G_MAXINT64 / 2);
    wait_parted(self);
    g_clear_pointer(&self->leader, lull_leader_free);
    g_clear_pointer(&self->instances, lull_node_instances_free);
    g_clear_pointer(&self->content_loop, lull_loop_free);
    if (self->intents)
        lull_intents_stop(self->intents);
    g_clear_pointer(&self->jobs, lull_jobs_free);
    g_clear_pointer(&self->seen, lull_seen_free);
    g_clear_pointer(&self->book, lull_grant_book_free);
    g_clear_pointer(&self->claims, lull_claims_free);
    g_clear_pointer(&self->recorder, lull_recorder_free);
    g_clear_pointer(&self->store, lull_store_free);
    g_clear_pointer(&self->recent, lull_store_free);
    g_clear_pointer(&self->storage, lull_storage_free);
    g_clear_pointer(&self->cut_store, lull_store_free);
    g_clear_pointer(&self->event_store, lull_store_free);
    g_clear_pointer(&self->election_store, lull_store_free);
    g_clear_pointer(&self->host, lull_host_free);
    g_clear_pointer(&self->freeze_calls, lull_freeze_calls_free);
    g_clear_pointer(&self->run_calls, lull_run_calls_free);
    g_clear_pointer(&self->intents, lull_intents_free);
    lull_outlook_clear(&self->outlook);
    g_free(self->node);
    g_free(self->group);
    g_free(self->selector);
    g_free(self->identity);
    if (self->lock_fd >= 0)
        close(self->lock_fd);
    g_clear_pointer(&self->context, g_main_context_unref);
    g_free(self);
}
