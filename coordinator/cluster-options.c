/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster-options.h"

#include "coordinator/guest/pod-socket.h"
#include "coordinator/model/api-group.h"
#include "coordinator/model/meta.h"
#include "coordinator/places.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define ATTEMPT_PAUSE_MS  10000
#define CHECK_INTERVAL_MS 300000

void
lull_cluster_options_clear(LullClusterOptions *self)
{
    g_clear_pointer(&self->node, g_free);
    g_clear_pointer(&self->pod, g_free);
    g_clear_pointer(&self->ns, g_free);
    g_clear_pointer(&self->kubeconfig, g_free);
    g_clear_pointer(&self->context, g_free);
    g_clear_pointer(&self->api_group, g_free);
    g_clear_pointer(&self->pods_dir, g_free);
    g_clear_pointer(&self->state_dir, g_free);
    g_clear_pointer(&self->stock_freeze, g_free);
    g_clear_pointer(&self->metrics_listen, g_free);
}

static void
fill(char **field, const char *variable, const char *usual)
{
    const char *value = g_getenv(variable);

    if (!*field)
        *field = g_strdup(value && *value ? value : usual);
}

gboolean
lull_cluster_options_complete(LullClusterOptions *self, GError **error)
{
    fill(&self->node, "LULL_NODE", NULL);
    fill(&self->pod, "LULL_POD", NULL);
    fill(&self->ns, "LULL_NAMESPACE", NULL);
    fill(&self->api_group, "LULL_API_GROUP", LULL_GROUP_SNAPSHOT_OWN);
    fill(&self->pods_dir, "LULL_PODS_DIR", LULL_KUBELET_PODS);
    fill(&self->stock_freeze, "LULL_STOCK_FREEZE", LULL_STOCK_FREEZE_EITHER);
    if (!self->state_dir)
        self->state_dir = lull_place_state_dir();
    if (self->attempt_pause <= 0)
        self->attempt_pause = ATTEMPT_PAUSE_MS;
    if (self->check_interval <= 0)
        self->check_interval = CHECK_INTERVAL_MS;
    if (!lull_api_group_by_name(self->api_group)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "--api-group %s: expected " LULL_GROUP_SNAPSHOT_OWN " or " LULL_GROUP_SNAPSHOT,
                    self->api_group);
        return FALSE;
    }
    if (!g_str_equal(self->stock_freeze, LULL_STOCK_FREEZE_LIBVIRT) &&
        !g_str_equal(self->stock_freeze, LULL_STOCK_FREEZE_KUBEVIRT) &&
        !g_str_equal(self->stock_freeze, LULL_STOCK_FREEZE_EITHER)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "--stock-freeze %s: expected " LULL_STOCK_FREEZE_EITHER ", " LULL_STOCK_FREEZE_LIBVIRT
                    " or " LULL_STOCK_FREEZE_KUBEVIRT,
                    self->stock_freeze);
        return FALSE;
    }
    if (self->node && lull_name_is_valid(self->node))
        return TRUE;
    g_set_error(
        error, LULL_ERROR, LULL_ERROR_INVALID,
        "--node %s: expected the name of this node in the cluster, which the shipped manifest gives as "
        "LULL_NODE",
        self->node ? self->node : "");
    return FALSE;
}
