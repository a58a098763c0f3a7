/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/rival.h"

#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/names.h"

#define USUAL_DURATION 15
#define CLOCKS_DIFFER  LULL_SEC(60)

char *
lull_rival_lease_name(const char *group)
{
    return g_strconcat("coordinator.", group, NULL);
}

gboolean
lull_rival_lease_is_alive(LullJson *lease, gint64 now)
{
    LullJson *spec = lull_json_object(lease, "spec");
    const gint64 duration = CLAMP(lull_json_int(spec, "leaseDurationSeconds", USUAL_DURATION), 0, 3600);
    gint64 renewed = 0;

    if (!*lull_json_string(spec, "holderIdentity", "") ||
        !lull_clock_parse(lull_json_string(spec, "renewTime", NULL), &renewed))
        return FALSE;
    return now <= renewed + LULL_SEC(duration) + CLOCKS_DIFFER;
}

static char *
tell_kubevirt(LullJson *lease)
{
    return g_strdup_printf(
        LULL_GROUP_SNAPSHOT
        " is KubeVirt's in this cluster: its controller is alive (lease %s/%s, held by %s), and "
        "two controllers of one object fight. Apply packaging/kubernetes/"
        "" LULL_GROUP_SNAPSHOT_OWN " and start with --api-group=" LULL_GROUP_SNAPSHOT_OWN,
        lull_meta_namespace(lease), lull_meta_name(lease),
        lull_json_string(lull_json_object(lease, "spec"), "holderIdentity", ""));
}

static char *
tell_other(LullJson *lease, const char *group)
{
    return g_strdup_printf(
        "%s has another coordinator in this cluster (lease %s/%s, held by %s): remove one of the "
        "two, or start this one with another --api-group",
        group, lull_meta_namespace(lease), lull_meta_name(lease),
        lull_json_string(lull_json_object(lease, "spec"), "holderIdentity", ""));
}

char *
lull_rival_find(LullJson *leases, const char *group, const char *ns, gint64 now)
{
    g_autofree char *ours = lull_rival_lease_name(group);

    for (size_t i = 0; leases && i < json_object_array_length(leases); i++) {
        LullJson *lease = json_object_array_get_idx(leases, i);
        const char *name = lull_meta_name(lease), *where = lull_meta_namespace(lease);

        if (!name || !where || !lull_rival_lease_is_alive(lease, now))
            continue;
        if (g_str_equal(name, LULL_RIVAL_KUBEVIRT) && g_str_equal(group, LULL_GROUP_SNAPSHOT))
            return tell_kubevirt(lease);
        if (g_str_equal(name, ours) && !g_str_equal(where, ns))
            return tell_other(lease, group);
    }
    return NULL;
}
