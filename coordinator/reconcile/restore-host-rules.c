/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/restore-host.h"

#include "coordinator/model/meta.h"
#include "coordinator/model/volumes.h"
#include "coordinator/reconcile/restore-host-new.h"
#include "protocol/error.h"

#define TPM_NOTE                                                                                        \
    "what its TPM held is not in the snapshot: it is as it was before the restore, or empty where the " \
    "machine "                                                                                          \
    "was gone"

static gboolean
is_filled(LullJson *spec, const char *key)
{
    LullJson *list = lull_json_array(spec, key);

    return list && json_object_array_length(list) > 0;
}

/* Its uuid is the restore's, so that whoever comes later knows whose work it is. */
static gboolean
is_written(const LullRestoreView *view)
{
    return view->vm && g_strcmp0(lull_meta_uid(view->vm), view->uid) == 0;
}

static const char *
source_name(const LullRestoreView *view)
{
    return lull_json_string(lull_json_at(view->snapshot, "spec", "source", NULL), "name", NULL);
}

/* Neither the machine that the snapshot is of nor any other has the target's name. */
static gboolean
is_new(const LullRestoreView *view)
{
    const char *source = source_name(view);

    return !view->vm && source && g_strcmp0(source, view->target) != 0;
}

static const char *
uid_to_be(const LullRestoreView *view)
{
    return is_new(view) ? view->uid : NULL;
}

static char *
refuse_ownership(LullJson *spec)
{
    const char *ownership = lull_json_string(spec, "volumeOwnershipPolicy", "Vm");

    if (!g_str_equal(ownership, "None"))
        return NULL;
    return g_strdup_printf("spec.volumeOwnershipPolicy: %.64s is not supported on a plain host: it has no "
                           "claims that could be owned, leave it out",
                           ownership);
}

/* Fields that mean nothing where a machine gets back the files that it had. NULL: none of them is used. */
static char *
refuse_in_place(LullJson *spec)
{
    const char *policy = lull_json_string(spec, "volumeRestorePolicy", "InPlace");

    if (!g_str_equal(policy, "InPlace"))
        return g_strdup_printf("spec.volumeRestorePolicy: %.64s means a new VM on a plain host: the one that "
                               "the snapshot is of is "
                               "restored in place, leave it out or say InPlace",
                               policy);
    if (is_filled(spec, "volumeRestoreOverrides"))
        return g_strdup(
            "spec.volumeRestoreOverrides: on a plain host for a new VM only: the one that the snapshot "
            "is of keeps its files' names, leave it out");
    if (is_filled(spec, "patches"))
        return g_strdup("spec.patches: on a plain host for a new VM only: the one that the snapshot is of is "
                        "restored as it was, leave it out");
    return NULL;
}

/* A snapshot goes back to the machine that it is of, there or not, or makes one that is not there. NULL: that
 * is the target, or nobody knows yet. */
static char *
wrong_target(const LullRestoreView *view)
{
    const char *source = source_name(view);
    const char *uid = lull_meta_uid(lull_json_at(view->content, "spec", "source", "virtualMachine", NULL));

    if (view->target_exists && uid && g_strcmp0(uid, view->vm_uid) != 0)
        return g_strdup_printf(
            "restore source and restore target are different but restore target already exists: the snapshot "
            "is of the VM %s with the uuid %s, and the VM %s has %s: %s",
            source ? source : "", uid, view->target, view->vm_uid,
            g_strcmp0(source, view->target) ? "name its own as the target"
                                            : "rename that one (virsh domrename), and restore once more");
    return NULL;
}

static char *
refuse(const LullRestoreView *view)
{
    LullJson *spec = lull_json_object(view->restore, "spec");
    char *reason = refuse_ownership(spec);

    if (reason || is_written(view))
        return reason;
    if (is_new(view))
        return lull_restore_host_refuse_new(view->restore, view->content);
    reason = view->vm || source_name(view) ? refuse_in_place(spec) : NULL;
    return reason ? reason : wrong_target(view);
}

static gboolean
is_final(const GError *error)
{
    return lull_error_is(error, LULL_ERROR_INVALID) || lull_error_is(error, LULL_ERROR_UNSUPPORTED) ||
           lull_error_is(error, LULL_ERROR_DENIED);
}

static gboolean
is_off(LullJson *vm)
{
    return g_str_equal(lull_json_string(lull_json_object(vm, "status"), "printableStatus", ""), "Stopped");
}

static char *
claim_of(const LullRestoreView *view, LullJson *backup)
{
    if (is_new(view))
        return lull_restore_host_file(view->restore, lull_json_string(backup, "volumeName", ""));
    return g_strdup(
        lull_json_string(lull_json_at(backup, "persistentVolumeClaim", "metadata", NULL), "name", ""));
}

/* Every stored volume, onto the claim it came from; a new machine's onto what its file is called. */
static void
plan(const LullRestoreView *view, LullJson *status)
{
    LullJson *backups = lull_json_array(lull_json_object(view->content, "spec"), "volumeBackups");
    LullJson *restores = json_object_new_array();

    for (size_t i = 0; backups && i < json_object_array_length(backups); i++) {
        LullJson *backup = json_object_array_get_idx(backups, i);
        LullJson *entry = json_object_new_object();
        g_autofree char *claim = claim_of(view, backup);

        lull_json_set_string(entry, "volumeName", lull_json_string(backup, "volumeName", ""));
        lull_json_set_string(entry, "persistentVolumeClaim", claim);
        lull_json_set_string(entry, "volumeSnapshotName", lull_json_string(backup, "volumeSnapshotName", ""));
        json_object_array_add(restores, entry);
    }
    lull_json_take(status, "restores", restores);
}

/* The definition is not quite the one that it was: with the disks of the snapshot, or without those it lacks.
 * Nor is the machine, where it has what is in no snapshot. */
static char *
differences(const LullRestoreView *view)
{
    LullJson *content = view->content;
    const char *text = content ? lull_meta_annotation(content, LULL_ANNOTATION_REPORT) : NULL;
    g_autoptr(LullJson) report = text ? lull_json_parse(text, -1, NULL) : NULL;
    LullJson *sentences = lull_json_array(report, "definition");
    GString *all = g_string_new(NULL);

    for (size_t i = 0; sentences && i < json_object_array_length(sentences); i++) {
        const char *sentence = json_object_get_string(json_object_array_get_idx(sentences, i));

        g_string_append_printf(all, "%s%s", i ? "; " : "", sentence ? sentence : "");
    }
    if (lull_volumes_have_tpm(lull_json_at(content, "spec", "source", "virtualMachine", NULL)))
        g_string_append_printf(all, "%s" TPM_NOTE, all->len ? "; " : "");
    return g_string_free(all, all->len == 0);
}

#define START "true"

static const char *
note(LullJson *vm)
{
    return START;
}

static const char *const notes[] = {START, NULL};

const LullRestoreRules lull_restore_host_rules = {.refuse = refuse,
                                                  .is_final = is_final,
                                                  .is_off = is_off,
                                                  .is_written = is_written,
                                                  .uid_to_be = uid_to_be,
                                                  .plan = plan,
                                                  .differences = differences,
                                                  .note = note,
                                                  .notes = notes,
                                                  .stops_locked = TRUE};
