/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/leading.h"

#include "coordinator/cluster/lead-store.h"
#include "coordinator/cluster/machine-revisions.h"
#include "coordinator/cluster/machine-source.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/reconcile/grant-effects.h"
#include "coordinator/reconcile/snapshot-effects.h"
#include "coordinator/storage/csi/kinds.h"
#include "protocol/names.h"

struct _LullLeading {
    LullStore *store; /* takes no write once another leads */
    char *node;
    LullGrantBook *book;
    LullSeen *seen;
    LullSnapshotSource source;
    LullSnapshots snapshots;
    LullGrants grants;
    LullVolumeStatuses statuses;
    LullLoop *snapshot_loop, *grant_loop;
    LullLoop *status_loop; /* NULL: that is another's */
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
    self->status_loop = lull_loop_new(self->store, &status);
    lull_loop_set_metrics(self->status_loop, self->metrics, NULL);
    return lull_loop_start(self->status_loop, context, error);
}

LullLeading *
lull_leading_start(const LullLeadingTools *tools, GMainContext *context, GError **error)
{
    g_autoptr(LullLeading) self = g_new0(LullLeading, 1);
    const LullReconciler snapshot = {
        "snapshot",         &lull_kind_snapshot, {&lull_kind_vm, &lull_kind_content},
        lull_snapshot_refs, lull_snapshot_pass,  &self->snapshots};
    const LullReconciler grant = {"grant",
                                  &lull_kind_content,
                                  {&lull_kind_snapshot, &lull_kind_vm, &lull_kind_node},
                                  lull_grant_refs,
                                  lull_grant_pass,
                                  &self->grants,
                                  .sight = lull_grant_sight};

    self->store = lull_store_lead_new(tools->store, tools->leader);
    self->node = g_strdup(tools->node);
    self->book = lull_grant_book_new();
    self->seen = lull_seen_new(gone, self->book);
    self->source = (LullSnapshotSource){.complete = lull_machine_complete,
                                        .keep = lull_machine_keep_revisions,
                                        .user_data = self->store,
                                        .node = self->node,
                                        .grant = lull_grants_first,
                                        .granter = &self->grants};
    self->snapshots = (LullSnapshots){self->store, tools->recorder, &self->source};
    self->grants = (LullGrants){self->store,          self->book, self->seen,   self->node,
                                tools->attempt_pause, leads,      tools->leader};
    self->snapshot_loop = lull_loop_new(self->store, &snapshot);
    self->grant_loop = lull_loop_new(self->store, &grant);
    self->metrics = tools->metrics;
    lull_loop_set_metrics(self->snapshot_loop, self->metrics, lull_metrics_snapshot);
    lull_loop_set_metrics(self->grant_loop, self->metrics, NULL);
    if (!lull_loop_start(self->snapshot_loop, context, error) ||
        !lull_loop_start(self->grant_loop, context, error) ||
        !start_statuses(self, tools->group, context, error))
        return NULL;
    return g_steal_pointer(&self);
}

void
lull_leading_stop(LullLeading *self)
{
    if (self->snapshot_loop)
        lull_loop_stop(self->snapshot_loop);
    if (self->grant_loop)
        lull_loop_stop(self->grant_loop);
}

void
lull_leading_free(LullLeading *self)
{
    if (!self)
        return;
    g_clear_pointer(&self->snapshot_loop, lull_loop_free);
    g_clear_pointer(&self->grant_loop, lull_loop_free);
    g_clear_pointer(&self->status_loop, lull_loop_free);
    lull_metrics_forget_objects(self->metrics);
    g_clear_pointer(&self->seen, lull_seen_free);
    g_clear_pointer(&self->book, lull_grant_book_free);
    g_clear_pointer(&self->store, lull_store_free);
    g_free(self->node);
    g_free(self);
}
