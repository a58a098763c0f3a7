/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/awaited.h"

#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"

static gboolean
has_name(LullJson *snapshots, const char *name)
{
    for (size_t i = 0; snapshots && i < json_object_array_length(snapshots); i++)
        if (g_strcmp0(lull_meta_name(json_object_array_get_idx(snapshots, i)), name) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
awaits(LullJson *claim, LullJson *snapshots)
{
    LullJson *source = lull_json_at(claim, "spec", "dataSource", NULL);
    const char *phase = lull_json_string(lull_json_object(claim, "status"), "phase", "Pending");

    return g_str_equal(phase, "Pending") && !lull_meta_is_deleting(claim) &&
           g_str_equal(lull_json_string(source, "kind", ""), lull_csi_kind_snapshot.kind) &&
           has_name(snapshots, lull_json_string(source, "name", ""));
}

LullJson *
lull_csi_awaiting(LullJson *claims, LullJson *snapshots)
{
    for (size_t i = 0; claims && i < json_object_array_length(claims); i++) {
        LullJson *claim = json_object_array_get_idx(claims, i);

        if (awaits(claim, snapshots))
            return claim;
    }
    return NULL;
}
