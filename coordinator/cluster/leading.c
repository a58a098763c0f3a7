/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/leading.h"

#include "coordinator/cluster/lead-store.h"
#include "coordinator/cluster/machine-revisions.h"
#include "coordinator/cluster/machine-source.h"
#include "coordinator/cluster/restore-place.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/reconcile/content-state.h"
#include "coordinator/reconcile/grant-effects.h"
#include "coordinator/reconcile/restore-effects.h"
#include "coordinator/reconcile/snapshot-effects.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/store/kube/kube.h"
#include "protocol/names.h"

struct _LullLeading {
    LullStore *store, *asking; /* take no write once another leads */
    char *node;
    LullGrantBook *book;
    LullSeen *seen;
    LullSnapshotSource source;
    LullSnapshots snapshots;
    LullGrants grants;
    LullJobs *jobs; /* of restores */
    LullRestoreCluster place;
    LullRestores restores;
    LullVolumeStatuses statuses;
    LullLoop *loops[4];
    guint n_loops;
    LullMetrics *metrics;
};

static gboolean
leads(gpointer leader, gint64 *ret_term)
{
    return lull_leader_leads(leader, ret_term);
}

static void
gone(gpointer book, const char *uid)
{
    lull_grant_book_forget(book, uid);
}

/* @see: lull_loop_set_metrics(). */
static LullLoop *
make_loop(LullLeading *self, const LullReconciler *reconciler, LullSeeFunc see)
{
    LullLoop *loop = lull_loop_new(self->store, reconciler);

    self->loops[self->n_loops++] = loop;
    lull_loop_set_metrics(loop, self->metrics, see);
    return loop;
}

static gboolean
start_loop(LullLeading *self, const LullReconciler *reconciler, LullSeeFunc see, GMainContext *context,
           GError **error)
{
    return lull_loop_start(make_loop(self, reconciler, see), context, error);
}

static gboolean
start_restores(LullLeading *self, const LullLeadingTools *tools, GMainContext *context, GError **error)
{
    const LullReconciler restore = {
        "restore",         &lull_kind_restore, {&lull_kind_vm, &lull_kind_snapshot},
        lull_restore_refs, lull_restore_pass,  &self->restores};
    const LullRestoreTools work = {.store = self->asking,
                                   .recent = self->store,
                                   .trial = tools->trial,
                                   .try_create = lull_store_kube_try_create};

    lull_restore_cluster_init(&self->place, &work, tools->run_calls, tools->leader);
    self->jobs = lull_jobs_new();
    self->restores = (LullRestores){.store = self->store,
                                    .jobs = self->jobs,
                                    .place = &self->place.place,
                                    .loop = make_loop(self, &restore, lull_metrics_restore),
                                    .recorder = tools->recorder};
    return lull_loop_start(self->restores.loop, context, error);
}

/* In another group than KubeVirt's its controller is there, or that status nobody's. */
static gboolean
start_statuses(LullLeading *self, const char *group, GMainContext *context, GError **error)
{
    const LullReconciler status = {.name = "volume-status",
                                   .kind = &lull_kind_plain_machine,
                                   .also = {&lull_csi_kind_class, &lull_csi_kind_profile,
                                            &lull_kind_storage_class, &lull_csi_kind_claim,
                                            &lull_kind_data_volume},
                                   .refs = lull_volume_status_refs,
                                   .pass = lull_volume_status_pass,
                                   .user_data = &self->statuses};

    if (!g_str_equal(group, LULL_GROUP_SNAPSHOT))
        return TRUE;
    self->statuses = (LullVolumeStatuses){self->store};
    return start_loop(self, &status, NULL, context, error);
}

LullLeading *
lull_leading_start(const LullLeadingTools *tools, GMainContext *context, GError **error)
{
    g_autoptr(LullLeading) self = g_new0(LullLeading, 1);
    const LullReconciler snapshot = {
        "snapshot",         &lull_kind_snapshot, {&lull_kind_vm, &lull_kind_content}, lull_snapshot_refs,
        lull_snapshot_pass, &self->snapshots,    .trim = lull_snapshot_trim};
    const LullReconciler grant = {"grant",
                                  &lull_kind_content,
                                  {&lull_kind_snapshot, &lull_kind_vm, &lull_kind_node},
                                  lull_grant_refs,
                                  lull_grant_pass,
                                  &self->grants,
                                  .sight = lull_grant_sight,
                                  .trim = lull_content_trim};

    self->store = lull_store_lead_new(tools->store, tools->leader);
    self->asking = lull_store_lead_new(tools->asking, tools->leader);
    self->node = g_strdup(tools->node);
    self->book = lull_grant_book_new();
    self->seen = lull_seen_new(gone, self->book);
    self->source = (LullSnapshotSource){.complete = lull_machine_complete,
                                        .keep = lull_machine_keep_revisions,
                                        .user_data = self->asking,
                                        .node = self->node,
                                        .grant = lull_grants_first,
                                        .granter = &self->grants};
    self->snapshots = (LullSnapshots){self->store, tools->recorder, &self->source, self->asking};
    self->grants = (LullGrants){self->store,          self->book, self->seen,   self->node,
                                tools->attempt_pause, leads,      tools->leader};
    self->metrics = tools->metrics;
    if (!start_loop(self, &snapshot, lull_metrics_snapshot, context, error) ||
        !start_loop(self, &grant, NULL, context, error) || !start_restores(self, tools, context, error) ||
        !start_statuses(self, tools->group, context, error))
        return NULL;
    return g_steal_pointer(&self);
}

void
lull_leading_stop(LullLeading *self)
{
    for (guint i = 0; i < self->n_loops; i++)
        lull_loop_stop(self->loops[i]);
    if (self->jobs)
        (void)lull_jobs_stop(self->jobs, 0);
}

void
lull_leading_free(LullLeading *self)
{
    if (!self)
        return;
    if (self->jobs)
        (void)lull_jobs_stop(self->jobs, G_MAXINT64 / 2);
    for (guint i = 0; i < self->n_loops; i++)
        lull_loop_free(self->loops[i]);
    g_clear_pointer(&self->jobs, lull_jobs_free);
    lull_metrics_forget_objects(self->metrics);
    g_clear_pointer(&self->seen, lull_seen_free);
    g_clear_pointer(&self->book, lull_grant_book_free);
    g_clear_pointer(&self->asking, lull_store_free);
    g_clear_pointer(&self->store, lull_store_free);
    g_free(self->node);
    g_free(self);
}
