/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/vm.h"

#include "coordinator/model/annotation.h"
#include "coordinator/model/volumes.h"
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

/* @excluded: NULL: it can be included. */
static LullJson *
volume_status(const char *name, const char *excluded)
{
    LullJson *json = json_object_new_object();

    lull_json_set_string(json, "name", name);
    lull_json_set_bool(json, "enabled", !excluded);
    if (excluded) {
        g_autofree char *reason =
            g_strdup_printf("Snapshot is not supported for this volumeSource type [%s]: %s", name, excluded);
        lull_json_set_string(json, "reason", reason);
    }
    return json;
}

static LullJson *
volume_statuses(const LullVm *self)
{
    LullJson *statuses = json_object_new_array();

    for (guint i = 0; i < self->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(self->volumes, i);
        json_object_array_add(statuses, volume_status(volume->name, volume->excluded));
    }
    if (self->tpm) {
        g_autofree char *name = lull_volume_of_tpm(self->name);
        json_object_array_add(statuses, volume_status(name, self->tpm));
    }
    return statuses;
}

static LullJson *
status_to_json(const LullVm *self)
{
    LullJson *status = json_object_new_object();
    LullJson *conditions = json_object_new_array();

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
    lull_json_take(status, "volumeSnapshotStatuses", volume_statuses(self));
    return status;
}

LullJson *
lull_vm_to_json(const LullVm *self)
{
    LullJson *json = json_object_new_object();
    LullJson *meta = lull_json_ensure(json, "metadata");
    LullJson *spec = lull_json_ensure(json, "spec");
    LullJson *template = lull_json_ensure(lull_json_ensure(spec, "template"), "spec");
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
    lull_json_take(template, "volumes", volumes);
    if (self->tpm) {
        LullJson *devices = lull_json_ensure(lull_json_ensure(template, "domain"), "devices");
        lull_json_set_bool(lull_json_ensure(devices, "tpm"), "persistent", TRUE);
    }
    lull_json_take(json, "status", status_to_json(self));
    return json;
}
