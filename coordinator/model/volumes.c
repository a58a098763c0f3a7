/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/volumes.h"

LullJson *
lull_volumes_of(LullJson *vm)
{
    return lull_json_array(lull_json_at(vm, "spec", "template", "spec", NULL), "volumes");
}

LullJson *
lull_volume_status(LullJson *vm, const char *name)
{
    LullJson *list = lull_json_array(lull_json_object(vm, "status"), "volumeSnapshotStatuses");

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        LullJson *entry = json_object_array_get_idx(list, i);

        if (g_str_equal(lull_json_string(entry, "name", ""), name))
            return entry;
    }
    return NULL;
}

gboolean
lull_volume_keeps_data(LullJson *volume)
{
    static const char *const types[] = {"persistentVolumeClaim", "dataVolume", "memoryDump"};

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (lull_json_object(volume, types[i]))
            return TRUE;
    return FALSE;
}
