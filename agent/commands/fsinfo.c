/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <sys/statvfs.h>

#include "agent/commands/commands.h"
#include "agent/filesystems/survey.h"

static LullJson *
pci_to_json(const LullDevice *device)
{
    static const char *const members[] = {"domain", "bus", "slot", "function"};
    LullJson *pci = json_object_new_object();

    for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
        lull_json_set_int(pci, members[i], device->disk.pci ? (gint64)device->pci_address[i] : -1);
    return pci;
}

static LullJson *
ccw_to_json(const LullDevice *device)
{
    static const char *const members[] = {"cssid", "ssid", "subchno", "devno"};
    LullJson *ccw = json_object_new_object();

    for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
        lull_json_set_int(ccw, members[i], (gint64)device->ccw_address[i]);
    return ccw;
}

static LullJson *
disk_to_json(const LullDevice *device)
{
    LullJson *disk = json_object_new_object();

    lull_json_take(disk, "pci-controller", pci_to_json(device));
    lull_json_set_string(disk, "bus-type", device->bus_type ? device->bus_type : "unknown");
    lull_json_set_int(disk, "bus", device->scsi_address[0]);
    lull_json_set_int(disk, "target", device->scsi_address[1]);
    lull_json_set_int(disk, "unit", device->scsi_address[2]);
    lull_json_set_string(disk, "serial", device->udev_name);
    lull_json_set_string(disk, "dev", device->node);
    if (device->has_ccw)
        lull_json_take(disk, "ccw-address", ccw_to_json(device));
    return disk;
}

/* All disks under its devices. Into the files of loop devices nobody looks here, as clients know it. */
static LullJson *
disks_to_json(const GPtrArray *tops)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    LullJson *array = json_object_new_array();

    for (guint i = 0; i < tops->len; i++) {
        g_autoptr(GPtrArray) blocks = lull_block_closure(g_ptr_array_index(tops, i));

        for (guint k = 0; k < blocks->len; k++) {
            const LullBlock *block = g_ptr_array_index(blocks, k);

            if (lull_block_kind(block) == LULL_BLOCK_DISK && block->device->node &&
                g_hash_table_add(seen, (gpointer)block))
                json_object_array_add(array, disk_to_json(block->device));
        }
    }
    return array;
}

/* Only where nobody but the local kernel has to answer. */
static void
add_sizes(LullJson *object, const LullSurvey *survey, const LullMount *mount)
{
    struct statvfs st;

    if (!lull_survey_is_visible(survey, mount) || lull_survey_may_hang(survey, mount) ||
        lull_filesystem_may_hang(mount->type) || statvfs(mount->mountpoint, &st) < 0)
        return;
    lull_json_set_int(object, "used-bytes", (gint64)((st.f_blocks - st.f_bfree) * st.f_frsize));
    lull_json_set_int(object, "total-bytes",
                      (gint64)((st.f_blocks - st.f_bfree + st.f_bavail) * st.f_frsize));
    lull_json_set_int(object, "total-bytes-privileged", (gint64)(st.f_blocks * st.f_frsize));
}

static LullJson *
filesystem_to_json(const LullSurvey *survey, const LullMount *mount)
{
    LullJson *object = json_object_new_object();

    lull_json_set_string(object, "name", lull_survey_device(survey, mount)->name);
    lull_json_set_string(object, "mountpoint", mount->mountpoint);
    lull_json_set_string(object, "type", mount->type);
    add_sizes(object, survey, mount);
    lull_json_take(object, "disk", disks_to_json(lull_survey_blocks(survey, mount)));
    return object;
}

/* One entry a file system, last mounted first, as clients expect it. */
void
lull_command_get_fsinfo(const LullServices *services, LullCall *call)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullSurvey) survey = lull_survey_take(services->root, &error);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    g_autoptr(GPtrArray) firsts = g_ptr_array_new();
    LullJson *array;

    if (!survey) {
        lull_call_fail(call, error);
        return;
    }
    for (guint i = 0; i < survey->mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(survey->mounts, i);

        if (lull_survey_device(survey, mount) &&
            g_hash_table_add(seen, GSIZE_TO_POINTER((gsize)mount->device)))
            g_ptr_array_add(firsts, (gpointer)mount);
    }
    array = json_object_new_array();
    for (guint i = firsts->len; i-- > 0;) {
        const LullMount *mount = g_ptr_array_index(firsts, i);

        json_object_array_add(array, filesystem_to_json(survey, mount));
    }
    lull_call_return(call, array);
}
