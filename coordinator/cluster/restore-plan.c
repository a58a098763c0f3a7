/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-plan.h"

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/model/meta.h"
#include "coordinator/model/quantity.h"
#include "coordinator/model/short-name.h"
#include "coordinator/model/volumes.h"
#include "coordinator/reconcile/content-state.h"
#include "coordinator/storage/csi/names.h"

static LullJson *
find(LullJson *list, const char *key, const char *value)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        LullJson *entry = json_object_array_get_idx(list, i);

        if (g_str_equal(lull_json_string(entry, key, ""), value))
            return entry;
    }
    return NULL;
}

static LullJson *
source_of(LullJson *content)
{
    return lull_json_at(content, "spec", "source", "virtualMachine", NULL);
}

static LullJson *
volume_of(LullJson *content, const char *name)
{
    return find(
        lull_json_array(lull_json_at(source_of(content), "spec", "template", "spec", NULL), "volumes"),
        "name", name);
}

LullJson *
lull_restore_backup(LullJson *content, const char *volume)
{
    return find(lull_json_array(lull_json_object(content, "spec"), "volumeBackups"), "volumeName", volume);
}

char *
lull_restore_marker(LullJson *restore)
{
    return g_strconcat(lull_meta_name(restore), "-", lull_meta_uid(restore), NULL);
}

gboolean
lull_restore_made(LullJson *restore, LullJson *object)
{
    g_autofree char *marker = lull_restore_marker(restore);

    return g_strcmp0(lull_meta_annotation(object, LULL_RESTORE_LAST), marker) == 0;
}

static LullJson *
override_of(LullJson *restore, const char *volume)
{
    return find(lull_json_array(lull_json_object(restore, "spec"), "volumeRestoreOverrides"), "volumeName",
                volume);
}

gboolean
lull_restore_has_template(LullJson *content, LullJson *entry)
{
    LullJson *volume = volume_of(content, lull_json_string(entry, "volumeName", ""));
    const char *used = lull_json_string(lull_json_object(volume, "dataVolume"), "name", "");
    LullJson *templates =
        lull_json_array(lull_json_object(source_of(content), "spec"), "dataVolumeTemplates");

    for (size_t i = 0; *used && templates && i < json_object_array_length(templates); i++)
        if (g_strcmp0(lull_meta_name(json_object_array_get_idx(templates, i)), used) == 0)
            return TRUE;
    return FALSE;
}

gboolean
lull_restore_is_in_place(LullJson *restore)
{
    return g_str_equal(lull_json_string(lull_json_object(restore, "spec"), "volumeRestorePolicy", ""),
                       "InPlace");
}

static char *
claim_name(LullJson *restore, const char *volume, LullJson *claim)
{
    LullJson *spec = lull_json_object(restore, "spec");
    const char *said = lull_json_string(override_of(restore, volume), "restoreName", "");

    if (*said)
        return g_strdup(said);
    if (lull_restore_is_in_place(restore))
        return g_strdup(lull_meta_name(claim));
    if (g_str_equal(lull_json_string(spec, "volumeRestorePolicy", ""), "PrefixTargetName"))
        return lull_short_name(lull_json_string(lull_json_object(spec, "target"), "name", ""), volume);
    return g_strdup_printf("restore-%s-%s", lull_meta_uid(restore), volume);
}

/* Made of a template of the machine, a DataVolume is made again, under its claim's name; another one that has
 * the claim keeps it, unless the data get another name. NULL: none. */
static const char *
data_volume_of(LullJson *restore, LullJson *content, const char *volume, LullJson *claim, const char *name)
{
    g_autoptr(LullJson) entry = json_object_new_object();

    lull_json_set_string(entry, "volumeName", volume);
    if (lull_restore_has_template(content, entry))
        return name;
    return lull_restore_is_in_place(restore) && g_strcmp0(name, lull_meta_name(claim)) == 0
               ? lull_machine_claim_owner(claim)
               : NULL;
}

static LullJson *
plan_one(LullJson *restore, LullJson *content, LullJson *backup, guint attempt)
{
    const char *volume = lull_json_string(backup, "volumeName", "");
    LullJson *claim = lull_json_object(backup, "persistentVolumeClaim");
    g_autofree char *name = claim_name(restore, volume, claim);
    g_autofree char *snapshot =
        lull_volume_snapshot_name(lull_json_string(backup, "volumeSnapshotName", ""), attempt);
    LullJson *entry = json_object_new_object();

    lull_json_set_string(entry, "volumeName", volume);
    lull_json_set_string(entry, "persistentVolumeClaim", name);
    lull_json_set_string(entry, "volumeSnapshotName", snapshot);
    lull_json_set_string(entry, "dataVolumeName", data_volume_of(restore, content, volume, claim, name));
    return entry;
}

LullJson *
lull_restore_plan(LullJson *restore, LullJson *content)
{
    LullJson *backups = lull_json_array(lull_json_object(content, "spec"), "volumeBackups");
    g_autoptr(LullContentState) state = lull_content_state_of(content);
    LullJson *plan = json_object_new_array();

    for (size_t i = 0; backups && i < json_object_array_length(backups); i++) {
        LullJson *backup = json_object_array_get_idx(backups, i);

        if (!lull_json_object(volume_of(content, lull_json_string(backup, "volumeName", "")), "memoryDump"))
            json_object_array_add(plan, plan_one(restore, content, backup, state->number));
    }
    return plan;
}

/* What Kubernetes, CDI and those who copied the claim wrote there about the old one. */
static gboolean
is_about_the_old_one(const char *annotation)
{
    static const char *const prefixes[] = {"pv.kubernetes.io",    "volume.beta.kubernetes.io",
                                           "cdi.kubevirt.io",     "volume.kubernetes.io",
                                           "k8s.io/CloneRequest", "k8s.io/CloneOf"};

    if (g_str_equal(annotation, "cdi.kubevirt.io/storage.contentType"))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(annotation, prefixes[i]))
            return TRUE;
    return FALSE;
}

static gboolean
is_of_the_old_machine(const char *label)
{
    return g_str_equal(label, "persistent-state-for");
}

/* @leave_out: NULL: nothing. */
static void
merge(LullJson *into, LullJson *from, gboolean (*leave_out)(const char *key))
{
    if (!from)
        return;
    json_object_object_foreach(from, key, value)
    {
        if (!leave_out || !leave_out(key))
            lull_json_set_string(into, key, json_object_get_string(value));
    }
}

char *
lull_restore_selector(LullJson *content)
{
    const char *source = lull_meta_name(source_of(content));
    g_autofree char *label = source ? lull_csi_label_of(source) : NULL;

    return label ? g_strconcat(LULL_RESTORE_SOURCE "=", label, NULL) : g_strdup(LULL_RESTORE_SOURCE);
}

static LullJson *
labels_of(LullJson *content, LullJson *claim, LullJson *override)
{
    const char *source = lull_meta_name(source_of(content));
    g_autofree char *label = source ? lull_csi_label_of(source) : NULL;
    LullJson *labels = json_object_new_object();

    merge(labels, lull_json_at(claim, "metadata", "labels", NULL), is_of_the_old_machine);
    merge(labels, lull_json_object(override, "labels"), NULL);
    lull_json_set_string(labels, LULL_RESTORE_SOURCE, label);
    lull_json_set_string(labels, LULL_RESTORE_SOURCE_NAMESPACE, lull_meta_namespace(content));
    return labels;
}

/* Ours stand above all: by them what was made is found again. */
static LullJson *
annotations_of(LullJson *restore, LullJson *claim, LullJson *override)
{
    LullJson *annotations = json_object_new_object();
    g_autofree char *marker = lull_restore_marker(restore);

    merge(annotations, lull_json_at(claim, "metadata", "annotations", NULL), is_about_the_old_one);
    merge(annotations, lull_json_object(override, "annotations"), NULL);
    lull_json_set_string(annotations, LULL_RESTORE_NAME, lull_meta_name(restore));
    lull_json_set_string(annotations, LULL_RESTORE_LAST, marker);
    return annotations;
}

/* A copy may need more room than what it is a copy of. */
static void
make_large_enough(LullJson *spec, LullJson *snapshot)
{
    LullJson *requests = lull_json_ensure(lull_json_ensure(spec, "resources"), "requests");
    const char *needed = lull_json_string(lull_json_object(snapshot, "status"), "restoreSize", "");
    long double has = 0, needs = 0;

    if (!lull_quantity_parse(needed, &needs))
        return;
    if (!lull_quantity_parse(lull_json_string(requests, "storage", ""), &has) || needs > has)
        lull_json_set_string(requests, "storage", needed);
}

static LullJson *
data_source(LullJson *snapshot)
{
    LullJson *source = json_object_new_object();

    lull_json_set_string(source, "apiGroup", "snapshot.storage.k8s.io");
    lull_json_set_string(source, "kind", "VolumeSnapshot");
    lull_json_set_string(source, "name", lull_meta_name(snapshot));
    return source;
}

static LullJson *
spec_of(LullJson *claim, LullJson *snapshot)
{
    static const char *const kept[] = {"accessModes", "resources", "storageClassName", "volumeMode"};
    LullJson *old = lull_json_object(claim, "spec");
    LullJson *spec = json_object_new_object();

    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
        lull_json_copy(spec, old, kept[i]);
    make_large_enough(spec, snapshot);
    lull_json_take(spec, "dataSource", data_source(snapshot));
    lull_json_take(spec, "dataSourceRef", data_source(snapshot));
    return spec;
}

static gboolean
was_owned_by_source(LullJson *content, LullJson *claim)
{
    LullJson *owners = lull_json_array(lull_json_object(claim, "metadata"), "ownerReferences");
    LullJson *owner = find(owners, "kind", "VirtualMachine");
    LullJson *source = source_of(content);

    return owner && g_strcmp0(lull_json_string(owner, "name", ""), lull_meta_name(source)) == 0 &&
           g_strcmp0(lull_json_string(owner, "uid", ""), lull_meta_uid(source)) == 0;
}

/* One that a DataVolume adopts is owned by that. A machine that is yet to be made owns it later, where the
 * source owned what it was. */
static void
give(LullJson *meta, LullJson *restore, LullJson *content, LullJson *entry, LullJson *claim, LullJson *vm)
{
    const char *data_volume = lull_json_string(entry, "dataVolumeName", "");
    LullJson *annotations = lull_json_ensure(meta, "annotations");

    if (*data_volume)
        lull_json_set_string(annotations, LULL_CDI_POPULATED_FOR, data_volume);
    else if (g_str_equal(lull_json_string(lull_json_object(restore, "spec"), "volumeOwnershipPolicy", ""),
                         "None"))
        return;
    else if (vm)
        lull_json_take(meta, "ownerReferences",
                       lull_meta_owners(lull_json_string(vm, "apiVersion", ""), "VirtualMachine",
                                        lull_meta_name(vm), lull_meta_uid(vm)));
    else if (was_owned_by_source(content, claim))
        lull_json_set_string(annotations, LULL_RESTORE_OWNED_BY_VM, lull_meta_name(restore));
}

LullJson *
lull_restore_claim_metadata(LullJson *restore, LullJson *content, LullJson *entry, LullJson *old,
                            LullJson *vm)
{
    LullJson *override = override_of(restore, lull_json_string(entry, "volumeName", ""));
    LullJson *meta = json_object_new_object();

    lull_json_set_string(meta, "name", lull_json_string(entry, "persistentVolumeClaim", ""));
    lull_json_set_string(meta, "namespace", lull_meta_namespace(restore));
    lull_json_take(meta, "labels", labels_of(content, old, override));
    lull_json_take(meta, "annotations", annotations_of(restore, old, override));
    give(meta, restore, content, entry, old, vm);
    return meta;
}

LullJson *
lull_restore_claim(LullJson *restore, LullJson *content, LullJson *entry, LullJson *snapshot, LullJson *vm)
{
    const char *volume = lull_json_string(entry, "volumeName", "");
    LullJson *old = lull_json_object(lull_restore_backup(content, volume), "persistentVolumeClaim");
    LullJson *claim = NULL;

    if (!old)
        return NULL;
    claim = json_object_new_object();
    lull_json_set_string(claim, "apiVersion", "v1");
    lull_json_set_string(claim, "kind", "PersistentVolumeClaim");
    lull_json_take(claim, "metadata", lull_restore_claim_metadata(restore, content, entry, old, vm));
    lull_json_take(claim, "spec", spec_of(old, snapshot));
    return claim;
}

static gboolean
has_source(LullJson *claim, LullJson *sent, const char *member)
{
    LullJson *has = lull_json_at(claim, "spec", member, NULL);
    LullJson *wants = lull_json_at(sent, "spec", member, NULL);

    return g_str_equal(lull_json_string(has, "apiGroup", ""), lull_json_string(wants, "apiGroup", "")) &&
           g_str_equal(lull_json_string(has, "kind", ""), lull_json_string(wants, "kind", "")) &&
           g_str_equal(lull_json_string(has, "name", ""), lull_json_string(wants, "name", ""));
}

char *
lull_restore_claim_problem(LullJson *claim, LullJson *sent)
{
    const char *name = lull_meta_name(claim);
    const char *snapshot = lull_json_string(lull_json_at(sent, "spec", "dataSource", NULL), "name", "");

    if (!has_source(claim, sent, "dataSource") || !has_source(claim, sent, "dataSourceRef"))
        return g_strdup_printf(
            "claim %s: it is not to be filled from VolumeSnapshot %s, as was asked for, but "
            "would be empty: does this cluster's API server know VolumeSnapshots?",
            name ? name : "", snapshot);
    return NULL;
}
