/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/hold-disks.h"

static void
copy_string(LullJson *from, LullJson *to, const char *key)
{
    lull_json_set_string(to, key, lull_json_string(from, key, NULL));
}

LullJson *
lull_guest_hold_identities(const LullVm *vm)
{
    LullJson *identities = json_object_new_array();

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        LullJson *row = NULL;

        if (!volume->disk)
            continue;
        row = json_object_new_object();
        lull_json_set_string(row, "name", volume->name);
        lull_json_set_string(row, "serial", volume->serial);
        lull_json_set_string(row, "pci", volume->pci);
        lull_json_set_string(row, "scsi", volume->scsi);
        if (volume->excluded)
            lull_json_set_bool(row, "excluded", TRUE);
        if (volume->path && !volume->read_only)
            lull_json_set_bool(row, "writable", TRUE);
        json_object_array_add(identities, row);
    }
    return identities;
}

LullJson *
lull_guest_hold_disks_to_ask(LullJson *identities)
{
    g_autoptr(LullJson) disks = json_object_new_array();
    gboolean worth_it = FALSE;

    for (size_t i = 0; i < json_object_array_length(identities); i++) {
        LullJson *row = json_object_array_get_idx(identities, i);
        LullJson *disk = NULL;

        if (lull_json_bool(row, "excluded", FALSE)) {
            worth_it = worth_it || lull_json_bool(row, "writable", FALSE);
            continue;
        }
        disk = json_object_new_object();
        json_object_array_add(disks, disk);
        copy_string(row, disk, "serial");
        copy_string(row, disk, "pci");
        copy_string(row, disk, "scsi");
        if (json_object_object_length(disk) == 0)
            return NULL;
    }
    return worth_it ? g_steal_pointer(&disks) : NULL;
}
