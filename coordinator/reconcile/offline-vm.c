/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/offline-vm.h"

#include "coordinator/model/meta.h"

static LullVmVolume *
volume_of(LullJson *backup)
{
    LullVmVolume *volume = g_new0(LullVmVolume, 1);

    volume->name = g_strdup(lull_json_string(backup, "volumeName", ""));
    volume->disk = g_strdup(volume->name);
    volume->format = g_strdup("raw");
    volume->source = g_strdup("claim");
    volume->keeps_data = TRUE;
    return volume;
}

LullVmEnd
lull_machine_end(LullJson *vm)
{
    const char *end = lull_json_string(lull_json_object(vm, "status"), LULL_MACHINE_END, "");

    if (g_str_equal(end, LULL_MACHINE_END_STOPPED))
        return LULL_VM_END_SHUTDOWN;
    return g_str_equal(end, LULL_MACHINE_END_CRASHED) ? LULL_VM_END_CRASHED : LULL_VM_END_UNSEEN;
}

LullVm *
lull_vm_of_content(LullJson *content, LullVmEnd end)
{
    LullJson *spec = lull_json_object(content, "spec");
    LullJson *machine = lull_json_at(spec, "source", "virtualMachine", NULL);
    LullJson *backups = lull_json_array(spec, "volumeBackups");
    const char *name = lull_meta_name(machine), *uid = lull_meta_uid(machine);
    LullVm *vm = g_new0(LullVm, 1);

    vm->name = g_strdup(name ? name : "");
    vm->domain = g_strdup(vm->name);
    vm->uid = g_strdup(uid ? uid : "");
    vm->state = LULL_VM_STOPPED;
    vm->end = end;
    vm->volumes = lull_vm_volumes_new();
    for (size_t i = 0; backups && i < json_object_array_length(backups); i++)
        g_ptr_array_add(vm->volumes, volume_of(json_object_array_get_idx(backups, i)));
    return vm;
}
