/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/volumes.h"

#include "coordinator/model/meta.h"
#include "coordinator/model/short-name.h"

#define TPM_BASE "persistent-state-for"

char *
lull_volume_of_tpm(const char *vm)
{
    return lull_short_name(TPM_BASE, vm);
}

gboolean
lull_volumes_have_tpm(LullJson *vm)
{
    return lull_json_bool(lull_json_at(vm, "spec", "template", "spec", "domain", "devices", "tpm", NULL),
                          "persistent", FALSE);
}

LullJson *
lull_volumes_of(LullJson *vm)
{
    LullJson *listed = lull_json_array(lull_json_at(vm, "spec", "template", "spec", NULL), "volumes");
    LullJson *volumes = json_object_new_array();

    for (size_t i = 0; listed && i < json_object_array_length(listed); i++)
        json_object_array_add(volumes, json_object_get(json_object_array_get_idx(listed, i)));
    if (lull_volumes_have_tpm(vm)) {
        g_autofree char *name = lull_volume_of_tpm(lull_meta_name(vm) ? lull_meta_name(vm) : "");
        LullJson *volume = json_object_new_object();

        lull_json_set_string(volume, "name", name);
        lull_json_set_string(lull_json_ensure(volume, "persistentVolumeClaim"), "claimName", name);
        json_object_array_add(volumes, volume);
    }
    return volumes;
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

char *
lull_volume_snapshot_name(const char *name, guint attempt)
{
    return attempt <= 1 ? g_strdup(name) : g_strdup_printf("%s.%u", name, attempt);
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
