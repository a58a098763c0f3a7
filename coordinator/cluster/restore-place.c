/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-place.h"

#include "coordinator/cluster/lead-store.h"
#include "coordinator/cluster/run-strategy.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/reconcile/effect.h"
#include "protocol/error.h"

#define TRIES 5

static gboolean
run(LullRestorePlace *place, const LullRestoreOrder *order, LullRestoreProgressFunc progress,
    gpointer user_data, GCancellable *cancel, GError **error)
{
    const LullRestoreCluster *self = (const LullRestoreCluster *)place;

    return lull_restore_work_run(&self->tools, order->restore, order->content, order->fresh, progress,
                                 user_data, cancel, error);
}

static gboolean
shut_down(LullRestorePlace *place, const LullRestoreOrder *order, GError **error)
{
    const LullRestoreCluster *self = (const LullRestoreCluster *)place;

    return lull_run_calls_stop(self->calls, &self->guard, order->ns, order->target, error);
}

/* KubeVirt's own controller writes machines, too. */
static gboolean
give_strategy_back(const LullRestoreCluster *self, const LullRestoreOrder *order, gboolean *ret_given,
                   GError **error)
{
    for (guint i = 0; i < TRIES; i++) {
        g_autoptr(GError) problem = NULL;
        g_autoptr(LullJson) vm =
            lull_store_get(self->tools.store, &lull_kind_plain_machine, order->ns, order->target, error);
        LullJson *patch = NULL;

        if (!vm)
            return FALSE;
        patch = lull_run_start_patch(vm, order->note);
        *ret_given = patch != NULL;
        if (lull_effect_patch(self->tools.store, &lull_kind_plain_machine, vm, LULL_PATCH_OBJECT, patch,
                              &problem))
            return TRUE;
        if (!lull_error_is(problem, LULL_ERROR_CONFLICT) || i + 1 == TRIES) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
    }
    return FALSE;
}

/* What is given back starts most; one that always had it is asked to. */
static gboolean
start(LullRestorePlace *place, const LullRestoreOrder *order, GError **error)
{
    const LullRestoreCluster *self = (const LullRestoreCluster *)place;
    gboolean given = FALSE;

    if (!give_strategy_back(self, order, &given, error))
        return FALSE;
    return (given && lull_run_starts_itself(order->note)) ||
           lull_run_calls_start(self->calls, &self->guard, order->ns, order->target, error);
}

static gboolean
drop(LullRestorePlace *place, const LullRestoreOrder *order, gboolean *ret_between, GError **error)
{
    const LullRestoreCluster *self = (const LullRestoreCluster *)place;

    return lull_restore_work_drop(&self->tools, order->restore, order->content, ret_between, error);
}

static const LullRestorePlaceOps ops = {&lull_restore_cluster_rules, run, shut_down, start, drop};

void
lull_restore_cluster_init(LullRestoreCluster *self, const LullRestoreTools *tools, LullRunCalls *calls,
                          LullLeader *leader)
{
    *self = (LullRestoreCluster){{&ops}, *tools, calls, {lull_store_lead_may, leader}};
}
