/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/names.h"

#include <string.h>

#include "coordinator/model/annotation.h"
#include "coordinator/model/kind.h"
#include "coordinator/model/meta.h"
#include "coordinator/model/volumes.h"
#include "coordinator/storage/csi/kinds.h"
#include "protocol/error.h"

#define LABEL_VM        "snapshot.kubevirt.io/source-vm-name"
#define LABEL_NAMESPACE "snapshot.kubevirt.io/source-vm-namespace"
#define MAX_LABEL       63

static void
backup_free(gpointer data)
{
    LullCsiBackup *backup = data;

    g_free(backup->volume);
    g_free(backup->claim);
    g_free(backup->uid);
    g_free(backup->snapshot);
    g_free(backup);
}

static void
content_clear(gpointer data)
{
    LullCsiContent *self = data;

    g_free(self->api_version);
    g_free(self->ns);
    g_free(self->name);
    g_free(self->uid);
    g_free(self->vm);
    g_free(self->node);
    g_ptr_array_unref(self->backups);
}

LullCsiContent *
lull_csi_content_ref(LullCsiContent *self)
{
    return g_atomic_rc_box_acquire(self);
}

void
lull_csi_content_unref(LullCsiContent *self)
{
    if (self)
        g_atomic_rc_box_release_full(self, content_clear);
}

static const char *
label_in(LullJson *object, const char *key, const char *otherwise)
{
    return lull_json_string(lull_json_at(object, "metadata", "labels", NULL), key, otherwise);
}

static gboolean
add_backup(LullCsiContent *self, LullJson *row, GError **error)
{
    LullJson *object = lull_json_object(row, "persistentVolumeClaim");
    const char *volume = lull_json_string(row, "volumeName", "");
    const char *claim = lull_meta_name(object) ? lull_meta_name(object) : "";
    const char *snapshot = lull_json_string(row, "volumeSnapshotName", "");
    LullCsiBackup *backup = NULL;

    if (!*volume || !*claim || !*snapshot) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_INVALID,
            "content %s: spec.volumeBackups: an entry without volumeName, claim or volumeSnapshotName",
            self->name);
        return FALSE;
    }
    backup = g_new0(LullCsiBackup, 1);
    backup->volume = g_strdup(volume);
    backup->claim = g_strdup(claim);
    backup->uid = g_strdup(lull_meta_uid(object));
    backup->snapshot = g_strdup(snapshot);
    g_ptr_array_add(self->backups, backup);
    return TRUE;
}

LullCsiContent *
lull_csi_content_new(LullJson *content, GError **error)
{
    g_autoptr(LullCsiContent) self = g_atomic_rc_box_new0(LullCsiContent);
    LullJson *spec = lull_json_object(content, "spec");
    LullJson *backups = lull_json_array(spec, "volumeBackups");
    LullJson *vm = lull_json_at(spec, "source", "virtualMachine", NULL);

    self->backups = g_ptr_array_new_with_free_func(backup_free);
    self->api_version = g_strdup(lull_json_string(content, "apiVersion", NULL));
    self->ns = g_strdup(lull_meta_namespace(content));
    self->name = g_strdup(lull_meta_name(content));
    self->uid = g_strdup(lull_meta_uid(content));
    self->vm = g_strdup(lull_meta_name(vm));
    self->node = g_strdup(label_in(content, LULL_LABEL_NODE, NULL));
    if (!self->api_version || !self->ns || !self->name || !self->uid) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "content %s: apiVersion, name, namespace or uid is missing",
                    self->name ? self->name : "without a name");
        return NULL;
    }
    for (size_t i = 0; backups && i < json_object_array_length(backups); i++)
        if (!add_backup(self, json_object_array_get_idx(backups, i), error))
            return NULL;
    return g_steal_pointer(&self);
}

char *
lull_csi_snapshot_name(const LullCsiBackup *backup, guint attempt)
{
    return lull_volume_snapshot_name(backup->snapshot, attempt);
}

char *
lull_csi_content_name(const char *snapshot_uid)
{
    return g_strconcat("snapcontent-", snapshot_uid, NULL);
}

char *
lull_csi_selector(const char *content_uid, guint attempt)
{
    if (!attempt)
        return g_strdup_printf(LULL_CSI_LABEL_CONTENT "=%s", content_uid);
    return g_strdup_printf(LULL_CSI_LABEL_CONTENT "=%s," LULL_CSI_LABEL_ATTEMPT "=%u", content_uid, attempt);
}

char *
lull_csi_label_of(const char *name)
{
    g_autofree char *sum = NULL;

    if (strlen(name) <= MAX_LABEL)
        return g_strdup(name);
    sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);
    return g_strdup_printf("%.*s-%.8s", MAX_LABEL - 9, name, sum);
}

static LullJson *
labels_of(const LullCsiContent *content, guint attempt)
{
    LullJson *labels = json_object_new_object();
    g_autofree char *vm = content->vm ? lull_csi_label_of(content->vm) : NULL;
    g_autofree char *number = g_strdup_printf("%u", attempt);

    lull_json_set_string(labels, LABEL_VM, vm);
    lull_json_set_string(labels, LABEL_NAMESPACE, content->ns);
    lull_json_set_string(labels, LULL_CSI_LABEL_CONTENT, content->uid);
    lull_json_set_string(labels, LULL_CSI_LABEL_ATTEMPT, number);
    if (content->node)
        lull_json_set_string(labels, LULL_LABEL_NODE, content->node);
    return labels;
}

LullJson *
lull_csi_snapshot_object(const LullCsiContent *content, const LullCsiBackup *backup, guint attempt,
                         const char *class_name)
{
    LullJson *snapshot = json_object_new_object();
    g_autofree char *api_version = lull_kind_api_version(&lull_csi_kind_snapshot);
    g_autofree char *name = lull_csi_snapshot_name(backup, attempt);
    LullJson *metadata;
    LullJson *spec;

    lull_json_set_string(snapshot, "apiVersion", api_version);
    lull_json_set_string(snapshot, "kind", lull_csi_kind_snapshot.kind);
    metadata = lull_json_ensure(snapshot, "metadata");
    lull_json_set_string(metadata, "name", name);
    lull_json_set_string(metadata, "namespace", content->ns);
    lull_json_take(metadata, "labels", labels_of(content, attempt));
    lull_json_take(
        metadata, "ownerReferences",
        lull_meta_owners(content->api_version, lull_kind_content.kind, content->name, content->uid));
    spec = lull_json_ensure(snapshot, "spec");
    lull_json_set_string(lull_json_ensure(spec, "source"), "persistentVolumeClaimName", backup->claim);
    lull_json_set_string(spec, "volumeSnapshotClassName", class_name);
    return snapshot;
}

gboolean
lull_csi_snapshot_is_ours(LullJson *found, LullJson *posted)
{
    static const char *const labels[] = {LULL_CSI_LABEL_CONTENT, LULL_CSI_LABEL_ATTEMPT};

    for (gsize i = 0; i < G_N_ELEMENTS(labels); i++)
        if (!g_str_equal(label_in(found, labels[i], ""), label_in(posted, labels[i], "")))
            return FALSE;
    return !lull_meta_is_deleting(found) &&
           g_str_equal(lull_meta_controller(found), lull_meta_controller(posted)) &&
           lull_json_equal(lull_json_object(found, "spec"), lull_json_object(posted, "spec"));
}

guint
lull_csi_snapshot_attempt(LullJson *found, const LullCsiContent *content)
{
    const char *name = lull_meta_name(found);
    guint64 attempt = 0;

    if (!name || !g_str_equal(lull_meta_controller(found), content->uid) ||
        !g_ascii_string_to_unsigned(label_in(found, LULL_CSI_LABEL_ATTEMPT, ""), 10, 1, G_MAXINT, &attempt,
                                    NULL))
        return 0;
    for (guint i = 0; i < content->backups->len; i++) {
        g_autofree char *planned = lull_csi_snapshot_name(content->backups->pdata[i], (guint)attempt);

        if (g_str_equal(planned, name))
            return (guint)attempt;
    }
    return 0;
}
