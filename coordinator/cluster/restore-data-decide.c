/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-data-decide.h"

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/run-strategy.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/fitness.h"
#include "coordinator/storage/csi/identity.h"

#define PROVISIONED_BY "pv.kubernetes.io/provisioned-by"

LullRestoreWorkStep
lull_restore_step_at(LullRestoreWorkVerb verb, guint index)
{
    return (LullRestoreWorkStep){.verb = verb, .index = index};
}

LullRestoreWorkStep
lull_restore_step_say(LullRestoreWorkVerb verb, const char *format, ...)
{
    LullRestoreWorkStep step = lull_restore_step_at(verb, 0);
    va_list arguments;

    va_start(arguments, format);
    step.words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return step;
}

static const char *
claim_name(const LullRestoreSight *sight)
{
    return lull_json_string(sight->entry, "persistentVolumeClaim", "");
}

static const char *
snapshot_name(const LullRestoreSight *sight)
{
    return lull_json_string(sight->entry, "volumeSnapshotName", "");
}

gboolean
lull_restore_volume_is_new(LullJson *claim, LullJson *volume, const char *driver)
{
    const char *owner = lull_json_string(lull_json_at(volume, "spec", "claimRef", NULL), "uid", "");
    const char *by = lull_meta_annotation(volume, PROVISIONED_BY);

    return g_strcmp0(owner, lull_meta_uid(claim)) == 0 && by && *by &&
           g_str_equal(by, lull_csi_volume_driver(volume)) && (!*driver || g_str_equal(by, driver)) &&
           lull_meta_created(volume) >= lull_meta_created(claim);
}

static const char *
phase_of(LullJson *claim)
{
    return lull_json_string(lull_json_object(claim, "status"), "phase", "Pending");
}

gboolean
lull_restore_claim_waits_for_consumer(LullJson *claim, LullJson *class)
{
    return g_str_equal(phase_of(claim), "Pending") &&
           g_str_equal(lull_json_string(class, "volumeBindingMode", ""), "WaitForFirstConsumer") &&
           !lull_meta_annotation(claim, "volume.kubernetes.io/selected-node");
}

gboolean
lull_restore_is_late(const LullRestoreSight *sight)
{
    return g_str_equal(lull_json_string(sight->class, "volumeBindingMode", ""), "WaitForFirstConsumer");
}

gboolean
lull_restore_is_bound_to(LullJson *claim, LullJson *volume)
{
    LullJson *of = lull_json_at(volume, "spec", "claimRef", NULL);

    return g_str_equal(phase_of(claim), "Bound") &&
           g_strcmp0(lull_json_string(lull_json_object(claim, "spec"), "volumeName", ""),
                     lull_meta_name(volume)) == 0 &&
           g_strcmp0(lull_json_string(of, "uid", ""), lull_meta_uid(claim)) == 0;
}

/* Something else than what was cut may have its name by now. */
static gboolean
is_the_cut(const LullRestoreSight *sight)
{
    return !sight->cut ||
           (lull_csi_identity_has_snapshot(sight->cut, sight->snapshot) &&
            (!sight->behind ||
             lull_csi_identity_has_content(sight->cut, lull_meta_uid(sight->snapshot), sight->behind)));
}

LullRestoreWorkStep
lull_restore_decide_snapshot(const LullRestoreSight *sight)
{
    LullJson *status = lull_json_object(sight->snapshot, "status");

    if (!sight->snapshot)
        return SAY(STUCK, "missing volumeSnapshot %s", snapshot_name(sight));
    if (lull_meta_is_deleting(sight->snapshot))
        return SAY(STUCK,
                   "volumeSnapshot %s is being deleted, and no claim can be "
                   "made of it any more",
                   snapshot_name(sight));
    if (!is_the_cut(sight))
        return SAY(FAIL,
                   "volumeSnapshot %s is not the one that was taken: it was "
                   "made again since, and nobody knows of what",
                   snapshot_name(sight));
    if (!lull_json_bool(status, "readyToUse", FALSE))
        return SAY(WAIT, "volumeSnapshot %s is not ready", snapshot_name(sight));
    return STEP(DONE);
}

static gboolean
names_a_class(LullJson *content, const LullRestoreSight *sight, const char **ret_name)
{
    LullJson *spec = lull_json_object(sight->claim, "spec");

    if (!sight->claim)
        spec = lull_json_at(lull_restore_backup(content, lull_json_string(sight->entry, "volumeName", "")),
                            "persistentVolumeClaim", "spec", NULL);
    *ret_name = lull_json_string(spec, "storageClassName", "");
    return **ret_name != 0;
}

LullRestoreWorkStep
lull_restore_decide_class(LullJson *content, const LullRestoreSight *sight)
{
    const char *name = NULL;

    if (names_a_class(content, sight, &name) && !sight->class)
        return SAY(STUCK, "StorageClass %s does not exist", name);
    return STEP(DONE);
}

static LullRestoreWorkStep
decide_bound(const LullRestoreSight *sight)
{
    const char *driver = lull_json_string(lull_json_object(sight->behind, "spec"), "driver", "");
    const char *volume = lull_json_string(lull_json_object(sight->claim, "spec"), "volumeName", "");

    if (!sight->volume)
        return SAY(WAIT, "volume %s of claim %s is not there", volume, claim_name(sight));
    if (!lull_restore_volume_is_new(sight->claim, sight->volume, driver))
        return SAY(FAIL,
                   "claim %s was bound to volume %s, which was not made for it of "
                   "volumeSnapshot %s: what is on that is nobody's backup",
                   claim_name(sight), volume, snapshot_name(sight));
    return STEP(DONE);
}

LullRestoreWorkStep
lull_restore_decide_made(LullJson *content, const LullRestoreSight *sight)
{
    const char *phase = phase_of(sight->claim);
    const char *from = lull_json_string(lull_json_at(sight->claim, "spec", "dataSource", NULL), "name", "");
    LullRestoreWorkStep step;

    if (lull_meta_is_deleting(sight->claim))
        return SAY(STUCK, "claim %s is being deleted", claim_name(sight));
    if (!g_str_equal(from, snapshot_name(sight)))
        return SAY(FAIL,
                   "claim %s is not made of volumeSnapshot %s, and would be "
                   "empty: does this cluster's API server know VolumeSnapshots?",
                   claim_name(sight), snapshot_name(sight));
    if (g_str_equal(phase, "Bound"))
        return decide_bound(sight);
    if (!g_str_equal(phase, "Pending"))
        return SAY(STUCK, "PVC %s/%s in status \"%s\"", lull_meta_namespace(sight->claim), claim_name(sight),
                   phase);
    step = lull_restore_decide_class(content, sight);
    if (step.verb != LULL_RESTORE_WORK_DONE)
        return step;
    if (lull_restore_claim_waits_for_consumer(sight->claim, sight->class))
        return lull_restore_decide_snapshot(sight);
    return SAY(WAIT, "claim %s is not bound yet: %s", claim_name(sight),
               sight->said ? sight->said : "its provisioner has not said why");
}

LullRestoreWorkStep
lull_restore_decide_missing(const LullRestoreLook *look, LullRestoreMissingFunc is_missing, guint *ret)
{
    *ret = look->n;
    for (guint i = look->n; i-- > 0;) {
        const LullRestoreSight *sight = &look->sights[i];
        LullRestoreWorkStep step;

        if (!is_missing(look, sight))
            continue;
        step = lull_restore_decide_snapshot(sight);
        if (step.verb == LULL_RESTORE_WORK_DONE)
            step = lull_restore_decide_class(look->content, sight);
        if (step.verb != LULL_RESTORE_WORK_DONE)
            return step;
        *ret = i;
    }
    return STEP(DONE);
}

/* In place the volume was looked at before it got the claim. */
static gboolean
has_its_volume(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    g_auto(LullRestoreWorkStep) step = {0};

    if (look->in_place && !lull_restore_is_late(sight))
        return lull_restore_is_bound_to(sight->claim, sight->volume);
    step = decide_bound(sight);
    return step.verb == LULL_RESTORE_WORK_DONE;
}

gboolean
lull_restore_has_data(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    return sight->claim && lull_restore_made(look->restore, sight->claim) &&
           !lull_meta_is_deleting(sight->claim) && g_str_equal(phase_of(sight->claim), "Bound") &&
           has_its_volume(look, sight);
}

static gboolean
has_its_claim(LullJson *data_volume)
{
    static const char *const phases[] = {"Succeeded", "WaitForFirstConsumer", "PendingPopulation"};
    const char *phase = lull_json_string(lull_json_object(data_volume, "status"), "phase", "");

    for (gsize i = 0; i < G_N_ELEMENTS(phases); i++)
        if (g_str_equal(phase, phases[i]))
            return TRUE;
    return FALSE;
}

LullRestoreWorkStep
lull_restore_decide_data_volume(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];
    const char *name = lull_json_string(sight->entry, "dataVolumeName", "");

    if (!*name)
        return STEP(DONE);
    if (!sight->data_volume && look->in_place && !lull_restore_has_template(look->content, sight->entry))
        return STEP(DONE); /* it was let go since: its claim is as good */
    if (!sight->data_volume)
        return STEP_AT(CREATE_DATA_VOLUME, index);
    if (!look->in_place && !lull_restore_made(look->restore, sight->data_volume))
        return SAY(
            FAIL,
            "data volume %s is there already, and is none of this restore: what it has is left as it is; "
            "restore under other names (spec.volumeRestoreOverrides)",
            name);
    if (lull_meta_is_deleting(sight->data_volume))
        return SAY(STUCK, "data volume %s is being deleted", name);
    if (!has_its_claim(sight->data_volume))
        return SAY(WAIT, "data volume %s has not taken its claim yet: it is in phase \"%s\"", name,
                   lull_json_string(lull_json_object(sight->data_volume, "status"), "phase", ""));
    return STEP(DONE);
}

LullRestoreWorkStep
lull_restore_decide_target(const LullRestoreLook *look)
{
    LullJson *status = lull_json_object(look->vm, "status");
    const char *owner = lull_json_string(status, "restoreInProgress", "");
    const char *name = lull_meta_name(look->vm);

    if (!look->vm)
        return STEP(DONE);
    if (lull_meta_is_deleting(look->vm))
        return SAY(STUCK, "vm %s is being deleted", name);
    if (!g_str_equal(owner, lull_meta_name(look->restore)))
        return SAY(STUCK,
                   "vm %s is not locked by this restore: it was made, or let "
                   "go, since that began",
                   name);
    if (!lull_run_is_off(look->vm))
        return SAY(STUCK, "vm %s was started while it was to be restored", name);
    return STEP(DONE);
}
