/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-machine.h"

#include <string.h>

#include "coordinator/cluster/restore-identity.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-use.h"
#include "coordinator/model/json-patch.h"
#include "coordinator/model/kind.h"
#include "coordinator/model/meta.h"
#include "coordinator/model/volumes.h"
#include "protocol/error.h"

/* Machines that KubeVirt made before it wrote their firmware's UUID down have the one that it makes of their
 * names, UUIDv5 in this name space. */
static const guint8 firmware_names[] = {0x6a, 0x1a, 0x24, 0xa1, 0x40, 0x61, 0x46, 0x07,
                                        0x8b, 0xf4, 0xa3, 0x96, 0x3d, 0x0c, 0x58, 0x95};

static LullJson *
source_of(LullJson *content)
{
    return lull_json_at(content, "spec", "source", "virtualMachine", NULL);
}

static LullJson *
entry_of(LullJson *plan, const char *volume)
{
    for (size_t i = 0; plan && i < json_object_array_length(plan); i++) {
        LullJson *entry = json_object_array_get_idx(plan, i);

        if (g_str_equal(lull_json_string(entry, "volumeName", ""), volume))
            return entry;
    }
    return NULL;
}

/* A claim, whoever had it before; a DataVolume where one adopts the claim. */
static LullJson *
restored_volume(LullJson *volume, LullJson *entry)
{
    LullJson *claim = lull_json_object(volume, "persistentVolumeClaim");
    const char *name = lull_json_string(entry, "persistentVolumeClaim", "");
    const char *data_volume = lull_json_string(entry, "dataVolumeName", NULL);
    LullJson *restored = lull_json_dup(volume);

    if (claim) {
        lull_json_set_string(lull_json_ensure(restored, "persistentVolumeClaim"), "claimName", name);
    } else if (data_volume) {
        lull_json_set_string(lull_json_ensure(restored, "dataVolume"), "name", data_volume);
    } else {
        LullJson *source = lull_json_ensure(restored, "persistentVolumeClaim");
        LullJson *old = lull_json_object(volume, "dataVolume");

        lull_json_set_string(source, "claimName", name);
        if (lull_json_bool(old, "hotpluggable", FALSE))
            lull_json_set_bool(source, "hotpluggable", TRUE);
        json_object_object_del(restored, "dataVolume");
    }
    return restored;
}

/* The template of a DataVolume goes by its new name. */
static void
rename_template(LullJson *spec, LullJson *volume, LullJson *entry)
{
    LullJson *templates = lull_json_array(spec, "dataVolumeTemplates");
    const char *old = lull_json_string(lull_json_object(volume, "dataVolume"), "name", "");
    const char *new = lull_json_string(entry, "dataVolumeName", NULL);

    for (size_t i = 0; new &&templates &&i < json_object_array_length(templates); i++) {
        LullJson *meta = lull_json_object(json_object_array_get_idx(templates, i), "metadata");

        if (g_str_equal(lull_json_string(meta, "name", ""), old))
            lull_json_set_string(meta, "name", new);
    }
}

static void
put_volumes(LullJson *spec, LullJson *plan)
{
    LullJson *inner = lull_json_at(spec, "template", "spec", NULL);
    LullJson *volumes = lull_json_array(inner, "volumes");
    LullJson *restored = NULL;

    if (!volumes)
        return;
    restored = json_object_new_array();
    for (size_t i = 0; i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        LullJson *entry = entry_of(plan, lull_json_string(volume, "name", ""));

        if (lull_json_object(volume, "memoryDump"))
            continue;
        if (entry)
            rename_template(spec, volume, entry);
        json_object_array_add(restored, entry ? restored_volume(volume, entry) : json_object_get(volume));
    }
    lull_json_take(inner, "volumes", restored);
}

static char *
firmware_uuid(const char *name)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 bytes[20];
    gsize length = sizeof bytes;

    g_checksum_update(sum, firmware_names, sizeof firmware_names);
    g_checksum_update(sum, (const guchar *)name, (gssize)strlen(name));
    g_checksum_get_digest(sum, bytes, &length);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", bytes[0],
                           bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8],
                           bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]);
}

static void
keep_firmware(LullJson *spec, LullJson *content, const char *target)
{
    LullJson *domain = lull_json_at(spec, "template", "spec", "domain", NULL);
    g_autofree char *uuid = NULL;

    if (!domain || g_strcmp0(lull_meta_name(source_of(content)), target) != 0 ||
        *lull_json_string(lull_json_object(domain, "firmware"), "uuid", ""))
        return;
    uuid = firmware_uuid(target);
    lull_json_set_string(lull_json_ensure(domain, "firmware"), "uuid", uuid);
}

/* As @live has it; NULL: not at all. */
static void
set_run_strategy(LullJson *spec, LullJson *live)
{
    const gboolean by_running = json_object_object_get_ex(live ? live : spec, "running", NULL);

    json_object_object_del(spec, "running");
    if (by_running) {
        json_object_object_del(spec, "runStrategy");
        lull_json_set_bool(spec, "running", FALSE);
    } else {
        lull_json_set_string(spec, "runStrategy",
                             live ? lull_json_string(live, "runStrategy", "Halted") : "Halted");
    }
}

static LullJson *
new_metadata(LullJson *restore, LullJson *content, const char *target)
{
    LullJson *old = lull_json_object(source_of(content), "metadata");
    LullJson *meta = json_object_new_object();

    lull_json_set_string(meta, "name", target);
    lull_json_set_string(meta, "namespace", lull_meta_namespace(restore));
    lull_json_copy(meta, old, "labels");
    lull_json_copy(meta, old, "annotations");
    return meta;
}

/* An API server's rules do not read them: they find a good path anywhere in the text. By themselves: what is
 * wrong with the rest would leave no room to tell what is wrong with them. */
static gboolean
check_patches(LullJson *patches, GError **error)
{
    g_autoptr(LullJson) restore = json_object_new_object();
    g_autoptr(LullJson) causes = NULL;

    lull_json_take(lull_json_ensure(restore, "spec"), "patches", json_object_get(patches));
    causes = lull_kind_check(&lull_kind_restore, restore, NULL, FALSE);
    for (size_t i = 0; causes && i < json_object_array_length(causes); i++) {
        LullJson *cause = json_object_array_get_idx(causes, i);
        const char *field = lull_json_string(cause, "field", "");

        if (!g_str_has_prefix(field, "spec.patches"))
            continue;
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "%s: %s", field,
                    lull_json_string(cause, "message", ""));
        return FALSE;
    }
    return TRUE;
}

/* Whatever was patched: no patch makes machines elsewhere. */
static void
stay_where_it_is(LullJson *after, LullJson *before)
{
    lull_json_copy(after, before, "name");
    lull_json_copy(after, before, "namespace");
}

/* Each is one operation, as text. */
static LullJson *
patched(LullJson *take_machine, LullJson *restore, GError **error)
{
    LullJson *texts = lull_json_array(lull_json_object(restore, "spec"), "patches");
    g_autoptr(LullJson) machine = take_machine;
    g_autoptr(LullJson) patch = json_object_new_array();
    LullJson *after = NULL;

    if (!texts || json_object_array_length(texts) == 0)
        return g_steal_pointer(&machine);
    if (!check_patches(texts, error))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(texts); i++) {
        LullJson *operation =
            lull_json_parse(json_object_get_string(json_object_array_get_idx(texts, i)), -1, error);

        if (!operation) {
            g_prefix_error(error, "spec.patches[%zu]: ", i);
            return NULL;
        }
        json_object_array_add(patch, operation);
    }
    after = lull_json_patch_apply(machine, patch, error);
    if (!after) {
        g_prefix_error(error, "spec.patches: ");
        return NULL;
    }
    stay_where_it_is(lull_json_ensure(after, "metadata"), lull_json_object(machine, "metadata"));
    return after;
}

const char *
lull_restore_origin(LullJson *machine)
{
    const char *origin = lull_meta_annotation(machine, LULL_RESTORE_ORIGIN);

    return origin && *origin ? origin : lull_meta_uid(machine);
}

/* A copy is another one. */
static void
note_origin(LullJson *annotations, LullJson *source, gboolean is_copy)
{
    json_object_object_del(annotations, LULL_RESTORE_ORIGIN);
    if (!is_copy)
        lull_json_set_string(annotations, LULL_RESTORE_ORIGIN, lull_restore_origin(source));
}

LullJson *
lull_restore_machine(LullJson *restore, LullJson *content, LullJson *plan, LullJson *vm, GError **error)
{
    const char *target = lull_json_string(lull_json_at(restore, "spec", "target", NULL), "name", "");
    LullJson *captured = lull_json_object(source_of(content), "spec");
    LullJson *machine = vm ? lull_json_dup(vm) : json_object_new_object();
    LullJson *spec = captured ? lull_json_dup(captured) : json_object_new_object();
    const gboolean is_copy = g_strcmp0(lull_meta_name(source_of(content)), target) != 0;
    g_autofree char *marker = lull_restore_marker(restore);
    LullJson *annotations = NULL;

    if (!vm) {
        lull_json_set_string(machine, "apiVersion", "kubevirt.io/v1");
        lull_json_set_string(machine, "kind", "VirtualMachine");
        lull_json_take(machine, "metadata", new_metadata(restore, content, target));
    }
    put_volumes(spec, plan);
    set_run_strategy(spec, lull_json_object(vm, "spec"));
    keep_firmware(spec, content, target);
    lull_json_take(machine, "spec", spec);
    if (!vm)
        machine = patched(machine, restore, error);
    if (!machine)
        return NULL;
    annotations = lull_json_ensure(lull_json_ensure(machine, "metadata"), "annotations");
    lull_json_set_string(annotations, LULL_RESTORE_LAST, marker);
    if (!vm)
        note_origin(annotations, source_of(content), is_copy);
    if (!vm && is_copy)
        lull_restore_make_another(lull_json_object(machine, "spec"), captured);
    return machine;
}

static LullJson *
find_template(LullJson *machine, const char *name)
{
    LullJson *templates = lull_json_array(lull_json_object(machine, "spec"), "dataVolumeTemplates");

    for (size_t i = 0; templates && i < json_object_array_length(templates); i++) {
        LullJson *one = json_object_array_get_idx(templates, i);

        if (g_strcmp0(lull_meta_name(one), name) == 0)
            return one;
    }
    return NULL;
}

LullJson *
lull_restore_data_volume(LullJson *restore, LullJson *machine, const char *name)
{
    LullJson *template = find_template(machine, name);
    LullJson *old = lull_json_object(template, "metadata");
    g_autofree char *marker = lull_restore_marker(restore);
    LullJson *made = NULL, *meta = NULL, *annotations = NULL;

    if (!template)
        return NULL;
    made = json_object_new_object();
    lull_json_set_string(made, "apiVersion", "cdi.kubevirt.io/v1beta1");
    lull_json_set_string(made, "kind", "DataVolume");
    meta = lull_json_ensure(made, "metadata");
    lull_json_set_string(meta, "name", name);
    lull_json_set_string(meta, "namespace", lull_meta_namespace(restore));
    lull_json_copy(meta, old, "labels");
    lull_json_copy(meta, old, "annotations");
    annotations = lull_json_ensure(meta, "annotations");
    lull_json_set_string(annotations, LULL_RESTORE_NAME, lull_meta_name(restore));
    lull_json_set_string(annotations, LULL_RESTORE_LAST, marker);
    lull_json_set_string(annotations, LULL_CDI_PREPOPULATED, "true");
    lull_json_set_string(annotations, LULL_CDI_ADOPTION, "true");
    lull_json_copy(made, template, "spec");
    return made;
}

LullJson *
lull_restore_surplus(LullJson *vm, LullJson *machine)
{
    LullJson *templates = lull_json_array(lull_json_object(vm, "spec"), "dataVolumeTemplates");
    LullJson *names = json_object_new_array();

    for (size_t i = 0; templates && i < json_object_array_length(templates); i++) {
        const char *name = lull_meta_name(json_object_array_get_idx(templates, i));

        if (name && !lull_restore_machine_uses(machine, name))
            lull_json_append_string(names, name);
    }
    return names;
}

LullJson *
lull_restore_left_alone(LullJson *content, LullJson *machine)
{
    LullJson *volumes = lull_json_array(lull_json_at(machine, "spec", "template", "spec", NULL), "volumes");
    LullJson *names = json_object_new_array();

    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        const char *name = lull_json_string(volume, "name", "");

        if (lull_volume_keeps_data(volume) && !lull_restore_backup(content, name))
            lull_json_append_string(names, name);
    }
    return names;
}

/* On its own claim, by @entry (NULL: none)? One that was patched may be on another. */
static gboolean
is_as_planned(LullJson *volume, LullJson *entry)
{
    const char *claim = lull_json_string(entry, "persistentVolumeClaim", "");

    return *claim && lull_restore_volume_uses(volume, claim);
}

static gboolean
is_of(LullJson *captured, LullJson *volume)
{
    const char *claim =
        lull_json_string(lull_json_object(captured, "persistentVolumeClaim"), "claimName", "");
    const char *data_volume = lull_json_string(lull_json_object(captured, "dataVolume"), "name", "");

    return (*claim && lull_restore_volume_uses(volume, claim)) ||
           (*data_volume && lull_restore_volume_uses(volume, data_volume));
}

LullJson *
lull_restore_shared(LullJson *content, LullJson *plan, LullJson *machine)
{
    LullJson *captured =
        lull_json_array(lull_json_at(source_of(content), "spec", "template", "spec", NULL), "volumes");
    LullJson *volumes = lull_json_array(lull_json_at(machine, "spec", "template", "spec", NULL), "volumes");
    LullJson *names = json_object_new_array();

    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        const char *name = lull_json_string(volume, "name", "");
        gboolean shared = FALSE;

        if (!lull_volume_keeps_data(volume) || is_as_planned(volume, entry_of(plan, name)))
            continue;
        for (size_t k = 0; captured && k < json_object_array_length(captured) && !shared; k++)
            shared = is_of(json_object_array_get_idx(captured, k), volume);
        if (shared)
            lull_json_append_string(names, name);
    }
    return names;
}
