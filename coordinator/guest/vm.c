/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm.h"

#include "coordinator/model/annotation.h"
#include "protocol/names.h"

static const char *
printable_status(LullVmState state)
{
    switch (state) {
    case LULL_VM_RUNNING:
        return "Running";
    case LULL_VM_PAUSED:
        return "Paused";
    case LULL_VM_STOPPED:
        break;
    }
    return "Stopped";
}

static void
add_condition(LullJson *conditions, const char *type)
{
    LullJson *condition = json_object_new_object();

    lull_json_set_string(condition, "type", type);
    lull_json_set_string(condition, "status", "True");
    json_object_array_add(conditions, condition);
}

/* A disk of a plain host has no claim; the object has one all the same, so that readers of the reference's
 * shape find a persistent volume where there is one. */
static LullJson *
volume_to_json(const LullVm *vm, const LullVmVolume *volume)
{
    LullJson *json = json_object_new_object();

    lull_json_set_string(json, "name", volume->name);
    if (volume->keeps_data) {
        g_autofree char *claim = g_strdup_printf("%s-%s", vm->name, volume->name);
        lull_json_set_string(lull_json_ensure(json, "persistentVolumeClaim"), "claimName", claim);
    } else if (volume->path) {
        LullJson *disk = lull_json_ensure(json, "hostDisk");
        lull_json_set_string(disk, "path", volume->path);
        lull_json_set_string(disk, "type", "Disk");
    } else {
        lull_json_ensure(json, "emptyDisk");
    }
    return json;
}

static LullJson *
volume_status(const LullVmVolume *volume)
{
    LullJson *json = json_object_new_object();

    lull_json_set_string(json, "name", volume->name);
    lull_json_set_bool(json, "enabled", !volume->excluded);
    if (volume->excluded) {
        g_autofree char *reason = g_strdup_printf(
            "Snapshot is not supported for this volumeSource type [%s]: %s", volume->name, volume->excluded);
        lull_json_set_string(json, "reason", reason);
    }
    return json;
}

static LullJson *
status_to_json(const LullVm *self)
{
    LullJson *status = json_object_new_object();
    LullJson *conditions = json_object_new_array();
    LullJson *volumes = json_object_new_array();

    lull_json_set_bool(status, "created", self->state != LULL_VM_STOPPED);
    lull_json_set_bool(status, "ready", self->state == LULL_VM_RUNNING);
    lull_json_set_string(status, "printableStatus", printable_status(self->state));
    lull_json_set_bool(status, "incremental", self->incremental);
    if (self->state == LULL_VM_RUNNING)
        add_condition(conditions, "Ready");
    if (self->state != LULL_VM_STOPPED && self->agent_connected)
        add_condition(conditions, "AgentConnected");
    if (self->state == LULL_VM_PAUSED)
        add_condition(conditions, "Paused");
    lull_json_take(status, "conditions", conditions);
    for (guint i = 0; i < self->volumes->len; i++)
        json_object_array_add(volumes, volume_status(g_ptr_array_index(self->volumes, i)));
    lull_json_take(status, "volumeSnapshotStatuses", volumes);
    return status;
}

LullJson *
lull_vm_to_json(const LullVm *self)
{
    LullJson *json = json_object_new_object();
    LullJson *meta = lull_json_ensure(json, "metadata");
    LullJson *spec = lull_json_ensure(json, "spec");
    LullJson *volumes = json_object_new_array();

    lull_json_set_string(json, "apiVersion", LULL_GROUP_VM "/v1");
    lull_json_set_string(json, "kind", "VirtualMachine");
    lull_json_set_string(meta, "name", self->name);
    lull_json_set_string(meta, "namespace", LULL_NAMESPACE);
    lull_json_set_string(meta, "uid", self->uid);
    lull_json_set_string(lull_json_ensure(meta, "annotations"), LULL_ANNOTATION_DOMAIN, self->domain);
    lull_json_set_string(spec, "runStrategy", "Manual");
    for (guint i = 0; i < self->volumes->len; i++)
        json_object_array_add(volumes, volume_to_json(self, g_ptr_array_index(self->volumes, i)));
    lull_json_take(lull_json_ensure(lull_json_ensure(spec, "template"), "spec"), "volumes", volumes);
    lull_json_take(json, "status", status_to_json(self));
    return json;
}
