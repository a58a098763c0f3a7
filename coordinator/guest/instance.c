/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/instance.h"

#include <string.h>

#include "coordinator/guest/pod-socket.h"
#include "coordinator/model/meta.h"
#include "coordinator/model/volumes.h"
#include "protocol/error.h"
#include "protocol/names.h"

const LullKind lull_kind_instance = {
    .group = LULL_GROUP_VM,
    .version = "v1",
    .kind = "VirtualMachineInstance",
    .plural = "virtualmachineinstances",
    .singular = "virtualmachineinstance",
    .read_only = TRUE,
};

#define MAX_VOLUMES 512
#define MAX_PODS    64 /* of one machine, as they come and go with its migrations */

static void
volume_free(gpointer data)
{
    LullInstanceVolume *self = data;

    g_free(self->name);
    g_free(self->claim);
    g_free(self);
}

void
lull_instance_free(LullInstance *self)
{
    if (!self)
        return;
    g_free(self->ns);
    g_free(self->name);
    g_free(self->uid);
    g_free(self->instance_uid);
    g_free(self->node);
    g_free(self->pod);
    g_free(self->domain);
    g_free(self->domain_uuid);
    g_ptr_array_unref(self->volumes);
    g_free(self);
}

static gboolean
invalid(GError **error, const LullInstance *self, const char *what)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "virtual machine instance %s: %s",
                self->name ? self->name : "(no name)", what);
    return FALSE;
}

static gboolean
is_uid(const char *text)
{
    return text && lull_pod_uid_is_valid(text);
}

/* A name that is no name of an object is none. */
static const char *
name_in(LullJson *object, const char *key)
{
    const char *name = lull_json_string(object, key, NULL);

    return name && lull_name_is_valid(name) ? name : NULL;
}

/* The VM that it is an instance of; NULL: none. */
static const char *
owner_of(LullJson *instance)
{
    LullJson *owners = lull_json_array(lull_json_object(instance, "metadata"), "ownerReferences");

    for (size_t i = 0; owners && i < json_object_array_length(owners); i++) {
        LullJson *owner = json_object_array_get_idx(owners, i);

        if (g_str_equal(lull_json_string(owner, "kind", ""), "VirtualMachine") &&
            g_str_has_prefix(lull_json_string(owner, "apiVersion", ""), "kubevirt.io/") &&
            lull_json_bool(owner, "controller", FALSE))
            return lull_json_string(owner, "uid", "");
    }
    return NULL;
}

static gboolean
read_identity(LullInstance *self, LullJson *instance, GError **error)
{
    LullJson *meta = lull_json_object(instance, "metadata");
    const char *owner = owner_of(instance);

    self->name = g_strdup(name_in(meta, "name"));
    self->ns = g_strdup(name_in(meta, "namespace"));
    self->instance_uid = g_strdup(lull_json_string(meta, "uid", NULL));
    if (!g_str_equal(lull_json_string(instance, "kind", "VirtualMachineInstance"), "VirtualMachineInstance"))
        return invalid(error, self, "it is of another kind");
    if (!self->name || !self->ns || strchr(self->ns, '.'))
        return invalid(error, self, "its name or namespace is missing, or none that an object can have");
    if (!is_uid(self->instance_uid) || (owner && !is_uid(owner)))
        return invalid(error, self, "its uid, or its owner's, is missing, or none that an object can have");
    self->uid = g_strdup(owner ? owner : self->instance_uid);
    self->domain = g_strconcat(self->ns, "_", self->name, NULL);
    return TRUE;
}

static gboolean
read_firmware(LullInstance *self, LullJson *instance, GError **error)
{
    LullJson *firmware = lull_json_at(instance, "spec", "domain", "firmware", NULL);
    const char *uuid = lull_json_string(firmware, "uuid", NULL);

    if (!uuid)
        return TRUE;
    if (!g_uuid_string_is_valid(uuid))
        return invalid(error, self, "spec.domain.firmware.uuid is no UUID");
    self->domain_uuid = g_ascii_strdown(uuid, -1);
    return TRUE;
}

static gboolean
has_condition(LullJson *instance, const char *type)
{
    LullJson *conditions = lull_json_array(lull_json_object(instance, "status"), "conditions");

    for (size_t i = 0; conditions && i < json_object_array_length(conditions); i++) {
        LullJson *condition = json_object_array_get_idx(conditions, i);

        if (g_str_equal(lull_json_string(condition, "type", ""), type))
            return g_str_equal(lull_json_string(condition, "status", ""), "True");
    }
    return FALSE;
}

static LullInstanceState
state_of(LullJson *instance)
{
    static const struct {
        const char *phase;
        LullInstanceState state;
    } phases[] = {
        {"", LULL_INSTANCE_STARTING},           {"Pending", LULL_INSTANCE_STARTING},
        {"Scheduling", LULL_INSTANCE_STARTING}, {"Scheduled", LULL_INSTANCE_STARTING},
        {"Running", LULL_INSTANCE_RUNNING},     {"Succeeded", LULL_INSTANCE_ENDED},
        {"Failed", LULL_INSTANCE_ENDED},
    };
    const char *phase = lull_json_string(lull_json_object(instance, "status"), "phase", "");

    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++) {
        if (!g_str_equal(phases[i].phase, phase))
            continue;
        if (phases[i].state == LULL_INSTANCE_RUNNING && has_condition(instance, "Paused"))
            return LULL_INSTANCE_PAUSED;
        return phases[i].state;
    }
    return LULL_INSTANCE_UNKNOWN;
}

/* Begun and not over; one that was called off is over too. */
static gboolean
is_migrating(LullJson *instance)
{
    LullJson *migration = lull_json_object(lull_json_object(instance, "status"), "migrationState");

    return migration && lull_json_string(migration, "startTimestamp", NULL) &&
           !lull_json_string(migration, "endTimestamp", NULL) &&
           !lull_json_bool(migration, "completed", FALSE) && !lull_json_bool(migration, "failed", FALSE);
}

/* While it migrates there are two launchers, on two nodes: the guest is on the one that the instance names
 * until it is over. */
static gboolean
read_place(LullInstance *self, LullJson *instance, GError **error)
{
    LullJson *status = lull_json_object(instance, "status");
    LullJson *pods = lull_json_object(status, "activePods");
    const char *node = lull_json_string(status, "nodeName", NULL);
    guint claiming = 0;

    if (node && *node && !lull_name_is_valid(node))
        return invalid(error, self, "status.nodeName is no name of a node");
    self->node = node && *node ? g_strdup(node) : NULL;
    self->migrating = is_migrating(instance);
    self->state = state_of(instance);
    if (!pods)
        return TRUE;
    if (json_object_object_length(pods) > MAX_PODS)
        return invalid(error, self, "status.activePods has more pods than one machine can have");
    json_object_object_foreach(pods, uid, value)
    {
        const char *where =
            json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

        if (!is_uid(uid) || !where)
            return invalid(error, self, "status.activePods is no map of pods' uids to nodes");
        if (!self->node || !g_str_equal(where, self->node))
            continue;
        claiming++;
        g_free(self->pod);
        self->pod = g_strdup(uid);
    }
    if (claiming != 1)
        g_clear_pointer(&self->pod, g_free);
    return TRUE;
}

static LullJson *
find_named(LullJson *list, const char *name)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        LullJson *entry = json_object_array_get_idx(list, i);

        if (g_str_equal(lull_json_string(entry, "name", ""), name))
            return entry;
    }
    return NULL;
}

static void
read_claim(LullInstanceVolume *volume, LullJson *source)
{
    LullJson *claim = lull_json_object(source, "persistentVolumeClaim");
    LullJson *data_volume = lull_json_object(source, "dataVolume");
    LullJson *dump = lull_json_object(source, "memoryDump");
    LullJson *which = claim ? claim : data_volume ? data_volume : dump;

    volume->claim = g_strdup(name_in(which, data_volume && !claim ? "name" : "claimName"));
    volume->data_volume = data_volume && !claim;
    volume->is_dump = dump && !claim && !data_volume;
    volume->hotplugged = lull_json_bool(which, "hotpluggable", FALSE);
}

static gboolean
read_volume(LullInstance *self, LullJson *instance, LullJson *vm, LullJson *source, GError **error)
{
    LullJson *disks = lull_json_array(lull_json_at(instance, "spec", "domain", "devices", NULL), "disks");
    LullJson *statuses = lull_json_array(lull_json_object(instance, "status"), "volumeStatus");
    LullJson *kept = lull_json_array(lull_json_at(vm, "spec", "template", "spec", NULL), "volumes");
    const char *name = name_in(source, "name");
    LullInstanceVolume *volume;

    if (!name || strchr(name, '.'))
        return invalid(error, self, "a volume's name is missing, or none that a volume can have");
    if (lull_instance_volume(self, name))
        return invalid(error, self, "two volumes have the same name");
    volume = g_new0(LullInstanceVolume, 1);
    g_ptr_array_add(self->volumes, volume);
    volume->name = g_strdup(name);
    read_claim(volume, source);
    volume->hotplugged |= lull_json_object(find_named(statuses, name), "hotplugVolume") != NULL;
    volume->has_disk = find_named(disks, name) != NULL;
    volume->persistent = vm ? find_named(kept, name) != NULL : !volume->hotplugged;
    if (!volume->claim && (lull_json_object(source, "persistentVolumeClaim") ||
                           lull_json_object(source, "dataVolume") || lull_json_object(source, "memoryDump")))
        return invalid(error, self, "a volume does not tell its claim");
    return TRUE;
}

static gboolean
read_volumes(LullInstance *self, LullJson *instance, LullJson *vm, GError **error)
{
    LullJson *volumes = lull_json_array(lull_json_object(instance, "spec"), "volumes");
    LullJson *tpm = lull_json_at(instance, "spec", "domain", "devices", "tpm", NULL);
    const size_t n = volumes ? json_object_array_length(volumes) : 0;

    self->tpm = lull_json_bool(tpm, "persistent", FALSE);
    if (n > MAX_VOLUMES)
        return invalid(error, self, "it has more volumes than a machine can have");
    for (size_t i = 0; i < n; i++)
        if (!read_volume(self, instance, vm, json_object_array_get_idx(volumes, i), error))
            return FALSE;
    return TRUE;
}

LullInstance *
lull_instance_from_json(LullJson *instance, LullJson *vm, GError **error)
{
    g_autoptr(LullInstance) self = g_new0(LullInstance, 1);

    self->volumes = g_ptr_array_new_with_free_func(volume_free);
    if (!read_identity(self, instance, error) || !read_firmware(self, instance, error) ||
        !read_place(self, instance, error) || !read_volumes(self, instance, vm, error))
        return NULL;
    return g_steal_pointer(&self);
}

const LullInstanceVolume *
lull_instance_volume(const LullInstance *self, const char *name)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        const LullInstanceVolume *volume = g_ptr_array_index(self->volumes, i);

        if (g_str_equal(volume->name, name))
            return volume;
    }
    return NULL;
}

static gboolean
not_here(GError **error, LullError code, const LullInstance *self, const char *why)
{
    g_set_error(error, LULL_ERROR, code, "virtual machine %s/%s: %s", self->ns, self->name, why);
    return FALSE;
}

gboolean
lull_instance_check_here(const LullInstance *self, const char *node, GError **error)
{
    if (self->state == LULL_INSTANCE_ENDED)
        return not_here(error, LULL_ERROR_NOT_FOUND, self, "it has ended");
    if (self->node && !g_str_equal(self->node, node)) {
        g_autofree char *why = g_strdup_printf("it is on node %s, and this is %s", self->node, node);
        return not_here(error, LULL_ERROR_NOT_FOUND, self, why);
    }
    if (self->migrating)
        return not_here(error, LULL_ERROR_BUSY, self, "it migrates: wait until that is over");
    if (self->state == LULL_INSTANCE_STARTING || !self->node)
        return not_here(error, LULL_ERROR_BUSY, self, "it starts: wait until it runs");
    if (self->state == LULL_INSTANCE_UNKNOWN)
        return not_here(error, LULL_ERROR_LOST, self, "KubeVirt does not know how it is");
    if (!self->pod)
        return not_here(error, LULL_ERROR_LOST, self,
                        "its instance does not tell which pod on this node has it (status.activePods)");
    return TRUE;
}

const char *
lull_instance_leaves(const LullInstance *self, const char *node, const char *pod)
{
    if (!self)
        return "it is not on this node any more";
    if (self->state == LULL_INSTANCE_ENDED)
        return "it has ended";
    if (self->node && !g_str_equal(self->node, node))
        return "it is on another node now";
    if (self->migrating)
        return "it migrates to another node";
    return self->pod && !g_str_equal(self->pod, pod) ? "it is in another pod now" : NULL;
}

static void
dress_volume(const LullInstanceVolume *known, LullVmVolume *volume)
{
    g_clear_pointer(&volume->excluded, g_free);
    volume->keeps_data = known && known->claim;
    if (!known)
        volume->excluded = g_strdup("the instance has no volume of that name: wait until it tells of it");
    else if (!known->claim)
        volume->excluded =
            g_strdup("its data are not in a claim: give the machine a claim or a DataVolume for "
                     "what is to be saved");
}

/* Of a claim that the domain has no disk for: whether it is at rest while the guest is frozen. */
static const char *
why_not_still(const LullInstanceVolume *volume)
{
    if (volume->is_dump)
        return NULL;
    return volume->has_disk ? "the machine does not have it yet: wait until it is attached"
                            : "a file system that is shared with the guest: no freeze in it holds that";
}

static void
add_claim(LullVm *vm, const char *name, const char *excluded)
{
    LullVmVolume *volume = NULL;

    for (guint i = 0; i < vm->volumes->len; i++)
        if (g_str_equal(((const LullVmVolume *)vm->volumes->pdata[i])->name, name))
            return;
    volume = g_new0(LullVmVolume, 1);
    volume->name = g_strdup(name);
    volume->keeps_data = TRUE;
    volume->excluded = g_strdup(excluded);
    g_ptr_array_add(vm->volumes, volume);
}

void
lull_instance_dress(const LullInstance *self, LullVm *vm)
{
    g_autofree char *domain_uuid = g_steal_pointer(&vm->uid);
    g_autofree char *tpm = self->tpm ? lull_volume_of_tpm(self->name) : NULL;

    g_free(vm->ns);
    g_free(vm->name);
    g_free(vm->place);
    vm->ns = g_strdup(self->ns);
    vm->name = g_strdup(self->name);
    vm->uid = g_strdup(self->uid);
    vm->place = g_strconcat(self->pod, "/", domain_uuid, NULL);
    g_clear_pointer(&vm->tpm, g_free); /* a volume of its own, on a claim, where it lasts */
    for (guint i = 0; i < vm->volumes->len; i++) {
        LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);

        dress_volume(lull_instance_volume(self, volume->name), volume);
    }
    for (guint i = 0; i < self->volumes->len; i++) {
        const LullInstanceVolume *volume = g_ptr_array_index(self->volumes, i);

        if (volume->claim)
            add_claim(vm, volume->name, why_not_still(volume));
    }
    if (tpm)
        add_claim(vm, tpm, NULL);
}
