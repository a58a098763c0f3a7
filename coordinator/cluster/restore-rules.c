/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-machine.h"
#include "coordinator/cluster/restore-place.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/cluster/restore-work-decide.h"
#include "coordinator/cluster/run-strategy.h"
#include "coordinator/model/meta.h"
#include "coordinator/model/volumes.h"
#include "coordinator/storage/csi/volumes.h"
#include "protocol/error.h"

static LullJson *
source_of(LullJson *content)
{
    return lull_json_at(content, "spec", "source", "virtualMachine", NULL);
}

/* Under its name, in another life. */
static gboolean
is_back(LullJson *source, const LullRestoreView *view)
{
    return g_strcmp0(lull_meta_name(source), view->target) == 0 &&
           g_strcmp0(lull_restore_origin(source), lull_restore_origin(view->vm)) == 0;
}

/* One that is there is that of which the snapshot is, or one that this restore made. */
static char *
wrong_target(const LullRestoreView *view)
{
    LullJson *source = source_of(view->content);
    const char *uid = lull_meta_uid(source);

    if (!view->vm || !uid || g_strcmp0(uid, view->vm_uid) == 0 || is_back(source, view) ||
        lull_restore_made(view->restore, view->vm))
        return NULL;
    return g_strdup_printf("restore source and restore target are different but restore target already "
                           "exists: the snapshot is of "
                           "the VM %s with the uid %s, and the VM %s has %s: name a target that is not there",
                           lull_meta_name(source), uid, view->target, view->vm_uid);
}

/* What is in there is of one machine; one that is there is that one, see above. */
static char *
cloned_state(const LullRestoreView *view)
{
    if (view->vm || !lull_csi_needs_backend(source_of(view->content), FALSE))
        return NULL;
    return g_strdup("Restore to a different VM is not supported when snapshotted VM has backend storage "
                    "(persistent TPM or EFI)");
}

static const char *
claim_of(LullJson *plan, size_t i)
{
    return lull_json_string(json_object_array_get_idx(plan, i), "persistentVolumeClaim", "");
}

/* Two volumes on one claim are one volume. */
static char *
same_claim(LullJson *plan)
{
    for (size_t i = 0; i < json_object_array_length(plan); i++)
        for (size_t k = 0; k < i; k++)
            if (g_str_equal(claim_of(plan, i), claim_of(plan, k)))
                return g_strdup_printf("spec.volumeRestoreOverrides: volumes %s and %s would both be on "
                                       "claim %s: give them names "
                                       "of their own",
                                       lull_json_string(json_object_array_get_idx(plan, k), "volumeName", ""),
                                       lull_json_string(json_object_array_get_idx(plan, i), "volumeName", ""),
                                       claim_of(plan, i));
    return NULL;
}

static void
append_names(GString *text, LullJson *names)
{
    for (size_t i = 0; i < json_object_array_length(names); i++)
        g_string_append_printf(text, "%s %s", i ? "," : "",
                               json_object_get_string(json_object_array_get_idx(names, i)));
}

/* What the snapshot lacks would be one volume of two machines. */
static char *
shared_volumes(const LullRestoreView *view, LullJson *plan, LullJson *machine)
{
    const char *source = lull_meta_name(source_of(view->content));
    g_autoptr(LullJson) names = NULL;
    GString *text = NULL;

    if (g_strcmp0(source, view->target) == 0)
        return NULL;
    names = lull_restore_shared(view->content, plan, machine);
    if (json_object_array_length(names) == 0)
        return NULL;
    text = g_string_new("the snapshot has no data of");
    append_names(text, names);
    g_string_append_printf(text,
                           ", and the VM %s would be on the volume that the VM %s has: take it out, or name "
                           "another claim for it (spec.patches)",
                           view->target, source ? source : "");
    return g_string_free(text, FALSE);
}

/* Tried before anything is made; one that is there is not patched. */
static char *
bad_machine(const LullRestoreView *view, LullJson *plan)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) machine = NULL;

    if (view->vm)
        return NULL;
    machine = lull_restore_machine(view->restore, view->content, plan, NULL, &error);
    if (!machine)
        return g_strdup_printf("error patching VM %s: %s", view->target, error->message);
    return shared_volumes(view, plan, machine);
}

static char *
refuse(const LullRestoreView *view)
{
    g_autoptr(LullJson) plan = NULL;
    char *reason;

    if (!view->content)
        return NULL; /* nobody knows yet */
    reason = wrong_target(view);
    reason = reason ? reason : cloned_state(view);
    if (reason)
        return reason;
    plan = lull_restore_plan(view->restore, view->content);
    reason = lull_restore_work_refusal(view->restore, view->content, plan);
    reason = reason ? reason : same_claim(plan);
    return reason ? reason : bad_machine(view, plan);
}

/* What an API server denies for now, as by a quota, is mended without us. */
static gboolean
is_final(const GError *error)
{
    return lull_error_is(error, LULL_ERROR_INVALID) || lull_error_is(error, LULL_ERROR_UNSUPPORTED);
}

static gboolean
is_written(const LullRestoreView *view)
{
    return lull_restore_made(view->restore, view->vm);
}

/* What it is made of, as it is now. */
static gboolean
is_plan_of(LullJson *planned, LullJson *now)
{
    const size_t n = json_object_array_length(now);

    for (size_t i = 0; i < n && n == json_object_array_length(planned); i++)
        if (!g_str_equal(lull_json_string(json_object_array_get_idx(planned, i), "volumeSnapshotName", ""),
                         lull_json_string(json_object_array_get_idx(now, i), "volumeSnapshotName", "")))
            return FALSE;
    return n == json_object_array_length(planned);
}

/* A claim that has its data needs no VolumeSnapshot any more. One that is taken anew under its name has
 * others. */
static gboolean
resumes(const LullRestoreView *view)
{
    g_autoptr(LullJson) now = lull_restore_plan(view->restore, view->content);

    return is_plan_of(lull_json_array(lull_json_object(view->restore, "status"), "restores"), now);
}

/* Once it is there it stays. */
static void
plan(const LullRestoreView *view, LullJson *status)
{
    if (!lull_json_array(status, "restores"))
        lull_json_take(status, "restores", lull_restore_plan(view->restore, view->content));
}

static char *
left_alone(const LullRestoreView *view)
{
    LullJson *planned = lull_json_array(lull_json_object(view->restore, "status"), "restores");
    g_autoptr(LullJson) machine = lull_restore_machine(view->restore, view->content, planned, view->vm, NULL);
    g_autoptr(LullJson) names =
        machine ? lull_restore_left_alone(view->content, machine) : json_object_new_array();
    GString *text = NULL;

    if (json_object_array_length(names) == 0)
        return NULL;
    text = g_string_new("not in the snapshot, and as they are now:");
    append_names(text, names);
    return g_string_free(text, FALSE);
}

static char *
differences(const LullRestoreView *view)
{
    g_autofree char *left = view->content ? left_alone(view) : NULL;
    g_autofree char *late = lull_restore_late(view->restore);

    if (!late)
        return g_steal_pointer(&left);
    return g_strconcat(left ? left : "", left ? "; " : "",
                       "made of the snapshot when the machine is first started: ", late, NULL);
}

const LullRestoreRules lull_restore_cluster_rules = {.refuse = refuse,
                                                     .is_final = is_final,
                                                     .is_off = lull_run_is_off,
                                                     .is_written = is_written,
                                                     .resumes = resumes,
                                                     .plan = plan,
                                                     .differences = differences,
                                                     .note = lull_run_note,
                                                     .notes = lull_run_notes,
                                                     .ends_written = TRUE,
                                                     .owned = TRUE,
                                                     .sparing = TRUE};
