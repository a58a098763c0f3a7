/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-work-decide.h"

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/run-strategy.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/fitness.h"
#include "coordinator/storage/csi/identity.h"
#include "coordinator/storage/csi/volumes.h"

#define PROVISIONED_BY "pv.kubernetes.io/provisioned-by"

static LullRestoreWorkStep
step_at(LullRestoreWorkVerb verb, guint index)
{
    return (LullRestoreWorkStep){.verb = verb, .index = index};
}

static LullRestoreWorkStep say(LullRestoreWorkVerb verb, const char *format, ...) G_GNUC_PRINTF(2, 3);

static LullRestoreWorkStep
say(LullRestoreWorkVerb verb, const char *format, ...)
{
    LullRestoreWorkStep step = step_at(verb, 0);
    va_list arguments;

    va_start(arguments, format);
    step.words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return step;
}

#define STEP(verb)           step_at(LULL_RESTORE_WORK_##verb, 0)
#define STEP_AT(verb, index) step_at(LULL_RESTORE_WORK_##verb, (index))
#define SAY(verb, ...)       say(LULL_RESTORE_WORK_##verb, __VA_ARGS__)

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

static LullJson *
source_of(LullJson *content)
{
    return lull_json_at(content, "spec", "source", "virtualMachine", NULL);
}

static gboolean
is_in_place(LullJson *restore)
{
    return g_str_equal(lull_json_string(lull_json_object(restore, "spec"), "volumeRestorePolicy", ""),
                       "InPlace");
}

char *
lull_restore_work_refusal(LullJson *restore, LullJson *content, LullJson *plan)
{
    if (is_in_place(restore))
        return g_strdup(
            "spec.volumeRestorePolicy: InPlace is not supported in a cluster yet: leave it out, and the "
            "machine gets claims of other names");
    if (lull_csi_needs_backend(source_of(content), FALSE))
        return g_strdup(
            "the machine keeps what its TPM or its UEFI has, which is not restored in a cluster yet: make "
            "claims of the VolumeSnapshots by hand");
    return NULL;
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

/* Something else than what was cut may have its name by now. */
static gboolean
is_the_cut(const LullRestoreSight *sight)
{
    return !sight->cut ||
           (lull_csi_identity_has_snapshot(sight->cut, sight->snapshot) &&
            (!sight->behind ||
             lull_csi_identity_has_content(sight->cut, lull_meta_uid(sight->snapshot), sight->behind)));
}

/* A claim is yet to be made of it. */
static LullRestoreWorkStep
decide_snapshot(const LullRestoreSight *sight)
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

static LullRestoreWorkStep
decide_class(LullJson *content, const LullRestoreSight *sight)
{
    const char *name = NULL;

    if (names_a_class(content, sight, &name) && !sight->class)
        return SAY(STUCK, "StorageClass %s does not exist", name);
    return STEP(DONE);
}

/* As far as it is there, DONE. */
static LullRestoreWorkStep
decide_foreign(LullJson *restore, const LullRestoreSight *sight)
{
    if (!sight->claim || lull_restore_made(restore, sight->claim))
        return STEP(DONE);
    return SAY(FAIL,
               "claim %s is there already, and is none of this restore: what it has is left as "
               "it is; restore under other names (spec.volumeRestoreOverrides)",
               claim_name(sight));
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

/* Made by us. */
static LullRestoreWorkStep
decide_made(LullJson *content, const LullRestoreSight *sight)
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
    step = decide_class(content, sight);
    if (step.verb != LULL_RESTORE_WORK_DONE)
        return step;
    if (lull_restore_claim_waits_for_consumer(sight->claim, sight->class))
        return decide_snapshot(sight);
    return SAY(WAIT, "claim %s is not bound yet: %s", claim_name(sight),
               sight->said ? sight->said : "its provisioner has not said why");
}

/* What is wrong with any is known before the first is made. */
static LullRestoreWorkStep
decide_missing(const LullRestoreLook *look)
{
    guint missing = look->n;

    for (guint i = look->n; i-- > 0;) {
        const LullRestoreSight *sight = &look->sights[i];
        LullRestoreWorkStep step;

        if (sight->claim)
            continue;
        step = decide_snapshot(sight);
        if (step.verb == LULL_RESTORE_WORK_DONE)
            step = decide_class(look->content, sight);
        if (step.verb != LULL_RESTORE_WORK_DONE)
            return step;
        missing = i;
    }
    return missing < look->n ? STEP_AT(CREATE, missing) : STEP(DONE);
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

/* The claim is there. */
static LullRestoreWorkStep
decide_data_volume(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];
    const char *name = lull_json_string(sight->entry, "dataVolumeName", "");

    if (!*name)
        return STEP(DONE);
    if (!sight->data_volume)
        return STEP_AT(CREATE_DATA_VOLUME, index);
    if (!lull_restore_made(look->restore, sight->data_volume))
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

static LullRestoreWorkStep
decide_claims(const LullRestoreLook *look)
{
    LullRestoreWorkStep step = STEP(DONE);

    for (guint i = 0; i < look->n && step.verb == LULL_RESTORE_WORK_DONE; i++)
        step = decide_foreign(look->restore, &look->sights[i]);
    if (step.verb == LULL_RESTORE_WORK_DONE)
        step = decide_missing(look);
    for (guint i = 0; i < look->n && step.verb == LULL_RESTORE_WORK_DONE; i++)
        step = decide_made(look->content, &look->sights[i]);
    for (guint i = 0; i < look->n && step.verb == LULL_RESTORE_WORK_DONE; i++)
        step = decide_data_volume(look, i);
    return step;
}

/* Nobody else works on it, and it does not run. */
static LullRestoreWorkStep
decide_target(const LullRestoreLook *look)
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

static gboolean
is_to_be_adopted(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    return sight->claim && lull_restore_made(look->restore, sight->claim) &&
           lull_meta_annotation(sight->claim, LULL_RESTORE_OWNED_BY_VM);
}

static gboolean
has_data(LullJson *restore, const LullRestoreSight *sight)
{
    g_auto(LullRestoreWorkStep) step = {0};

    if (!sight->claim || !lull_restore_made(restore, sight->claim) || lull_meta_is_deleting(sight->claim) ||
        !g_str_equal(phase_of(sight->claim), "Bound"))
        return FALSE;
    step = decide_bound(sight);
    return step.verb == LULL_RESTORE_WORK_DONE;
}

static gboolean
has_all_data(const LullRestoreLook *look)
{
    for (guint i = 0; i < look->n; i++)
        if (!has_data(look->restore, &look->sights[i]))
            return FALSE;
    return TRUE;
}

static LullRestoreWorkStep
decide_after(const LullRestoreLook *look)
{
    for (guint i = 0; i < look->n; i++)
        if (is_to_be_adopted(look, &look->sights[i]))
            return STEP_AT(ADOPT, i);
    if (look->revisions)
        return STEP(OWN_REVISIONS);
    if (!look->surplus)
        return STEP(DONE);
    return has_all_data(look) ? STEP(REMOVE_SURPLUS) : STEP(LEAVE_SURPLUS);
}

LullRestoreWorkStep
lull_restore_work_decide(const LullRestoreLook *look)
{
    LullRestoreWorkStep step;

    if (look->vm && lull_restore_made(look->restore, look->vm))
        return decide_after(look);
    step = decide_target(look);
    if (step.verb == LULL_RESTORE_WORK_DONE)
        step = decide_claims(look);
    return step.verb == LULL_RESTORE_WORK_DONE ? STEP(WRITE_MACHINE) : step;
}

const char *
lull_restore_work_verb_to_string(LullRestoreWorkVerb verb)
{
    static const char *const names[LULL_RESTORE_WORK_N] = {
        [LULL_RESTORE_WORK_WAIT] = "wait",
        [LULL_RESTORE_WORK_STUCK] = "stuck",
        [LULL_RESTORE_WORK_FAIL] = "fail",
        [LULL_RESTORE_WORK_CREATE] = "create",
        [LULL_RESTORE_WORK_CREATE_DATA_VOLUME] = "create-data-volume",
        [LULL_RESTORE_WORK_WRITE_MACHINE] = "write-machine",
        [LULL_RESTORE_WORK_ADOPT] = "adopt",
        [LULL_RESTORE_WORK_OWN_REVISIONS] = "own-revisions",
        [LULL_RESTORE_WORK_REMOVE_SURPLUS] = "remove-surplus",
        [LULL_RESTORE_WORK_LEAVE_SURPLUS] = "leave-surplus",
        [LULL_RESTORE_WORK_DONE] = "done",
    };

    return names[verb];
}
