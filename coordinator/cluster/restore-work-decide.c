/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-work-decide.h"

#include "coordinator/cluster/restore-data-decide.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap-decide.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/volumes.h"

static LullJson *
source_of(LullJson *content)
{
    return lull_json_at(content, "spec", "source", "virtualMachine", NULL);
}

char *
lull_restore_work_refusal(LullJson *restore, LullJson *content, LullJson *plan)
{
    if (lull_csi_needs_backend(source_of(content), FALSE))
        return g_strdup(
            "the machine keeps what its TPM or its UEFI has, which is not restored in a cluster yet: make "
            "claims of the VolumeSnapshots by hand");
    return NULL;
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
               lull_json_string(sight->entry, "persistentVolumeClaim", ""));
}

static gboolean
has_no_claim(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    return !sight->claim;
}

static LullRestoreWorkStep
decide_claims(const LullRestoreLook *look)
{
    LullRestoreWorkStep step = STEP(DONE);
    guint missing = look->n;

    for (guint i = 0; i < look->n && step.verb == LULL_RESTORE_WORK_DONE; i++)
        step = decide_foreign(look->restore, &look->sights[i]);
    if (step.verb == LULL_RESTORE_WORK_DONE)
        step = lull_restore_decide_missing(look, has_no_claim, &missing);
    if (step.verb == LULL_RESTORE_WORK_DONE && missing < look->n)
        return STEP_AT(CREATE, missing);
    for (guint i = 0; i < look->n && step.verb == LULL_RESTORE_WORK_DONE; i++)
        step = lull_restore_decide_made(look->content, &look->sights[i]);
    for (guint i = 0; i < look->n && step.verb == LULL_RESTORE_WORK_DONE; i++)
        step = lull_restore_decide_data_volume(look, i);
    return step;
}

static gboolean
is_to_be_adopted(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    return sight->claim && lull_restore_made(look->restore, sight->claim) &&
           lull_meta_annotation(sight->claim, LULL_RESTORE_OWNED_BY_VM);
}

static gboolean
has_all_data(const LullRestoreLook *look)
{
    for (guint i = 0; i < look->n; i++)
        if (!lull_restore_has_data(look, &look->sights[i]))
            return FALSE;
    return TRUE;
}

static LullRestoreWorkStep
decide_after(const LullRestoreLook *look)
{
    if (look->in_place) {
        LullRestoreWorkStep step = lull_restore_swap_decide_end(look);

        if (step.verb != LULL_RESTORE_WORK_DONE)
            return step;
    }
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
    step = lull_restore_decide_target(look);
    if (step.verb == LULL_RESTORE_WORK_DONE)
        step = look->in_place ? lull_restore_swap_decide(look) : decide_claims(look);
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
        [LULL_RESTORE_WORK_CREATE_ASIDE] = "create-aside",
        [LULL_RESTORE_WORK_HOLD_FRESH] = "hold-fresh",
        [LULL_RESTORE_WORK_HOLD_OLD] = "hold-old",
        [LULL_RESTORE_WORK_MARK] = "mark",
        [LULL_RESTORE_WORK_MARK_DATA_VOLUME] = "mark-data-volume",
        [LULL_RESTORE_WORK_REMOVE_ASIDE] = "remove-aside",
        [LULL_RESTORE_WORK_MOVE] = "move",
        [LULL_RESTORE_WORK_REMOVE_CLAIM] = "remove-claim",
        [LULL_RESTORE_WORK_CREATE_MOVED] = "create-moved",
        [LULL_RESTORE_WORK_LET_GO] = "let-go",
        [LULL_RESTORE_WORK_LEAVE_OLD] = "leave-old",
        [LULL_RESTORE_WORK_TRY] = "try",
        [LULL_RESTORE_WORK_DISOWN] = "disown",
        [LULL_RESTORE_WORK_MOVE_OLD] = "move-old",
        [LULL_RESTORE_WORK_CREATE_OLD] = "create-old",
        [LULL_RESTORE_WORK_GIVE_BACK] = "give-back",
        [LULL_RESTORE_WORK_LEAVE_FRESH] = "leave-fresh",
        [LULL_RESTORE_WORK_UNMARK] = "unmark",
        [LULL_RESTORE_WORK_UNMARK_DATA_VOLUME] = "unmark-data-volume",
        [LULL_RESTORE_WORK_REMOVE_DATA_VOLUME] = "remove-data-volume",
        [LULL_RESTORE_WORK_DONE] = "done",
    };

    return names[verb];
}
