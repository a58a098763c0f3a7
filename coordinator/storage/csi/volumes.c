/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/volumes.h"

#include "coordinator/model/meta.h"
#include "coordinator/model/volumes.h"

static void
volume_free(gpointer data)
{
    LullCsiVolume *volume = data;

    g_free(volume->name);
    g_free(volume->claim);
    g_free(volume);
}

/* A claim that stands behind an overlay (ephemeral) is not the guest's. */
static LullCsiVolume *
volume_of(LullJson *listed)
{
    LullCsiVolume *volume = g_new0(LullCsiVolume, 1);
    LullJson *claim = lull_json_object(listed, "persistentVolumeClaim");
    LullJson *data_volume = lull_json_object(listed, "dataVolume");
    LullJson *dump = lull_json_object(listed, "memoryDump");

    volume->name = g_strdup(lull_json_string(listed, "name", ""));
    volume->memory_dump = dump != NULL;
    if (claim || dump)
        volume->claim = g_strdup(lull_json_string(claim ? claim : dump, "claimName", NULL));
    else if (data_volume) /* whose claim has its name */
        volume->claim = g_strdup(lull_json_string(data_volume, "name", NULL));
    return volume;
}

static gboolean
keeps_firmware(LullJson *vm)
{
    return lull_json_bool(
        lull_json_at(vm, "spec", "template", "spec", "domain", "firmware", "bootloader", "efi", NULL),
        "persistent", FALSE);
}

gboolean
lull_csi_needs_backend(LullJson *vm, gboolean is_live)
{
    const char *tracking =
        lull_json_string(lull_json_at(vm, "status", "changedBlockTracking", NULL), "state", "");

    return lull_volumes_have_tpm(vm) || keeps_firmware(vm) || (is_live && g_str_equal(tracking, "Enabled"));
}

/* The newest that is not on its way out. */
static LullJson *
find_backend(LullJson *claims, const char *vm)
{
    LullJson *newest = NULL;

    for (size_t i = 0; claims && i < json_object_array_length(claims); i++) {
        LullJson *claim = json_object_array_get_idx(claims, i);
        LullJson *labels = lull_json_at(claim, "metadata", "labels", NULL);

        if (!g_str_equal(lull_json_string(labels, LULL_CSI_LABEL_BACKEND, ""), vm) ||
            lull_meta_is_deleting(claim))
            continue;
        if (!newest || lull_meta_created(claim) > lull_meta_created(newest))
            newest = claim;
    }
    return newest;
}

static LullCsiVolume *
backend_of(LullJson *vm, LullJson *claims)
{
    const char *name = lull_meta_name(vm) ? lull_meta_name(vm) : "";
    LullCsiVolume *volume = g_new0(LullCsiVolume, 1);

    volume->name = lull_volume_of_tpm(name);
    volume->backend = TRUE;
    volume->claim = g_strdup(lull_meta_name(find_backend(claims, name)));
    return volume;
}

GPtrArray *
lull_csi_volumes_of(LullJson *vm, LullJson *claims)
{
    LullJson *listed = lull_json_array(lull_json_at(vm, "spec", "template", "spec", NULL), "volumes");
    GPtrArray *volumes = g_ptr_array_new_with_free_func(volume_free);

    for (size_t i = 0; listed && i < json_object_array_length(listed); i++)
        g_ptr_array_add(volumes, volume_of(json_object_array_get_idx(listed, i)));
    if (lull_csi_needs_backend(vm, TRUE))
        g_ptr_array_add(volumes, backend_of(vm, claims));
    return volumes;
}

LullJson *
lull_csi_volume_status(const LullCsiVolume *volume, const char *problem)
{
    LullJson *status = json_object_new_object();
    g_autofree char *unsupported =
        g_strdup_printf("Snapshot is not supported for this volumeSource type [%s]", volume->name);
    const char *reason = volume->claim || volume->backend ? problem : unsupported;

    lull_json_set_string(status, "name", volume->name);
    lull_json_set_bool(status, "enabled", reason == NULL);
    lull_json_set_string(status, "reason", reason);
    return status;
}
