/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap-decide.h"

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/restore-data-decide.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/model/meta.h"

#define IS_DONE(step) ((step).verb == LULL_RESTORE_WORK_DONE)

static const char *
name_of(const LullRestoreSight *sight)
{
    return lull_json_string(sight->entry, "persistentVolumeClaim", "");
}

static gboolean
has_uid(LullJson *claim, const char *uid)
{
    return claim && g_strcmp0(lull_meta_uid(claim), uid) == 0;
}

/* Is its claim the one that is replaced? */
static gboolean
has_old(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    const LullRestoreSwap *swap = &sight->swap;

    if (!sight->claim)
        return FALSE;
    if (swap->fresh_record)
        return has_uid(sight->claim, lull_json_string(swap->fresh_record, "replaces", ""));
    if (swap->old_record)
        return has_uid(sight->claim, lull_json_string(swap->old_record, "of", ""));
    return !lull_restore_made(look->restore, sight->claim);
}

static gboolean
is_marked(const LullRestoreLook *look, LullJson *claim)
{
    g_autofree char *marker = lull_restore_marker(look->restore);

    return g_strcmp0(lull_meta_annotation(claim, LULL_SWAP_REPLACED), marker) == 0;
}

static const char *
volume_name(LullJson *claim)
{
    return lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
}

static LullJson *
claim_ref(LullJson *volume)
{
    return lull_json_at(volume, "spec", "claimRef", NULL);
}

static gboolean
is_somebodys(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    const char *owner = lull_meta_controller(sight->claim);
    const char *data_volume = lull_machine_claim_owner(sight->claim);

    return *owner && g_strcmp0(owner, lull_meta_uid(look->vm)) != 0 &&
           (!data_volume || !g_str_equal(data_volume, lull_json_string(sight->entry, "dataVolumeName", "")));
}

/* What others use is never taken from them. */
static LullRestoreWorkStep
decide_old(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    const char *name = name_of(sight);

    if (lull_meta_is_deleting(sight->claim))
        return is_marked(look, sight->claim)
                   ? STEP(DONE)
                   : SAY(STUCK, "claim %s is being deleted, by somebody else", name);
    if (sight->swap.user)
        return SAY(STUCK,
                   "claim %s is to be replaced, and %s uses it: end that, or restore under other names "
                   "(spec.volumeRestoreOverrides)",
                   name, sight->swap.user);
    if (is_somebodys(look, sight))
        return SAY(STUCK,
                   "claim %s is to be replaced, and does not belong to vm %s: restore under other names "
                   "(spec.volumeRestoreOverrides)",
                   name, lull_json_string(lull_json_at(look->restore, "spec", "target", NULL), "name", ""));
    return STEP(DONE);
}

/* Whoever keeps a cluster as it is written down makes a claim again that is gone: the volume that waits for
 * that name is as good with his. */
static LullRestoreWorkStep
decide_place(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    const char *volume = volume_name(sight->claim);

    if (!sight->claim)
        return STEP(DONE);
    if (has_old(look, sight))
        return decide_old(look, sight);
    if (sight->swap.fresh_record ? !*volume || g_strcmp0(volume, lull_meta_name(sight->swap.fresh)) == 0
                                 : lull_restore_made(look->restore, sight->claim))
        return STEP(DONE);
    return SAY(STUCK,
               "claim %s was made again by somebody else meanwhile, and does not have the new data: "
               "delete it, and this goes on",
               name_of(sight));
}

static gboolean
is_missing(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    if (sight->swap.aside || sight->swap.fresh_record)
        return FALSE;
    return !sight->claim || has_old(look, sight); /* else it was let go already, or waits for its consumer */
}

static LullRestoreWorkStep
decide_aside(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    g_autoptr(LullJson) entry = NULL;
    LullRestoreSight aside = *sight;

    if (!sight->swap.aside || sight->swap.fresh_record)
        return STEP(DONE);
    entry = lull_restore_aside(look->restore, sight->entry);
    aside.entry = entry;
    aside.claim = sight->swap.aside;
    aside.volume = sight->swap.fresh;
    if (!lull_restore_made(look->restore, aside.claim))
        return SAY(FAIL, "claim %s is there already, and is none of this restore", name_of(&aside));
    return lull_restore_decide_made(look->content, &aside);
}

/* Up to here nothing is changed that was there before. */
static LullRestoreWorkStep
decide_data(const LullRestoreLook *look)
{
    LullRestoreWorkStep step = STEP(DONE);
    guint first = look->n;

    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = decide_place(look, &look->sights[i]);
    if (IS_DONE(step))
        step = lull_restore_decide_missing(look, is_missing, &first);
    for (guint i = first; i < look->n && IS_DONE(step); i++)
        if (is_missing(look, &look->sights[i]) && !lull_restore_is_late(&look->sights[i]))
            return STEP_AT(CREATE_ASIDE, i);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = decide_aside(look, &look->sights[i]);
    return step;
}

static gboolean
is_to_be_held(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    LullJson *old = sight->swap.old;

    return old && !sight->swap.old_record && has_old(look, sight) &&
           has_uid(sight->claim, lull_json_string(claim_ref(old), "uid", ""));
}

static LullRestoreWorkStep
decide_hold(const LullRestoreLook *look)
{
    for (guint i = 0; i < look->n; i++)
        if (look->sights[i].swap.aside && !look->sights[i].swap.fresh_record)
            return STEP_AT(HOLD_FRESH, i);
    for (guint i = 0; i < look->n; i++)
        if (is_to_be_held(look, &look->sights[i]))
            return STEP_AT(HOLD_OLD, i);
    for (guint i = 0; i < look->n; i++)
        if (has_old(look, &look->sights[i]) && !is_marked(look, look->sights[i].claim))
            return STEP_AT(MARK, i);
    for (guint i = 0; i < look->n; i++) {
        LullJson *data_volume = look->sights[i].data_volume;

        if (!data_volume || lull_meta_annotation(data_volume, LULL_CDI_PREPOPULATED))
            continue;
        if (lull_meta_is_deleting(data_volume))
            return SAY(STUCK, "data volume %s is being deleted", lull_meta_name(data_volume));
        return STEP_AT(MARK_DATA_VOLUME, i);
    }
    return STEP(DONE);
}

static LullRestoreWorkStep
remove_old(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];

    if (!lull_meta_is_deleting(sight->claim))
        return STEP_AT(REMOVE_CLAIM, index);
    return SAY(WAIT, "claim %s is deleted, and not gone yet%s%s", name_of(sight),
               sight->swap.user ? ": it is used by " : "", sight->swap.user ? sight->swap.user : "");
}

static gboolean
is_moved(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    LullJson *waits_for = claim_ref(sight->swap.fresh);
    const char *uid = lull_json_string(waits_for, "uid", "");

    return g_str_equal(lull_json_string(waits_for, "name", ""), name_of(sight)) &&
           (!*uid || (!has_old(look, sight) && has_uid(sight->claim, uid)));
}

static LullRestoreWorkStep
swap_late(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];

    if (!sight->claim)
        return STEP_AT(CREATE, index);
    return has_old(look, sight) ? remove_old(look, index) : lull_restore_decide_made(look->content, sight);
}

static LullRestoreWorkStep
swap(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];

    if (lull_restore_is_late(sight) && !sight->swap.fresh_record)
        return swap_late(look, index);
    if (!sight->swap.fresh_record)
        return STEP(DONE);
    if (sight->swap.aside && lull_meta_is_deleting(sight->swap.aside))
        return SAY(WAIT, "claim %s is deleted, and not gone yet", lull_meta_name(sight->swap.aside));
    if (sight->swap.aside)
        return STEP_AT(REMOVE_ASIDE, index);
    if (!is_moved(look, sight))
        return STEP_AT(MOVE, index);
    if (has_old(look, sight))
        return remove_old(look, index);
    if (!sight->claim)
        return STEP_AT(CREATE_MOVED, index);
    if (!lull_restore_is_bound_to(sight->claim, sight->swap.fresh))
        return SAY(WAIT, "claim %s is not bound to volume %s yet", name_of(sight),
                   lull_meta_name(sight->swap.fresh));
    return STEP(DONE);
}

LullRestoreWorkStep
lull_restore_swap_decide(const LullRestoreLook *look)
{
    LullRestoreWorkStep step = decide_data(look);

    if (IS_DONE(step))
        step = decide_hold(look);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = swap(look, i);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = lull_restore_decide_data_volume(look, i);
    return step;
}

static gboolean
is_held(const LullRestoreSight *sight)
{
    return sight->swap.fresh_record || sight->swap.old_record;
}

/* Whoever makes the new data may still fail. */
static gboolean
is_all_there_is(const LullRestoreSight *sight)
{
    return lull_restore_is_late(sight) && !sight->swap.fresh_record;
}

LullRestoreWorkStep
lull_restore_swap_decide_end(const LullRestoreLook *look)
{
    LullRestoreWorkStep step = STEP(DONE);

    for (guint i = 0; i < look->n && IS_DONE(step); i++) {
        if (!is_held(&look->sights[i]))
            continue;
        step = swap(look, i);
        if (IS_DONE(step))
            return is_all_there_is(&look->sights[i]) ? STEP_AT(LEAVE_OLD, i) : STEP_AT(LET_GO, i);
    }
    return step;
}

gboolean
lull_restore_swap_has_begun(const LullRestoreLook *look)
{
    for (guint i = 0; i < look->n; i++) {
        const LullRestoreSight *sight = &look->sights[i];
        const LullRestoreSwap *swap = &sight->swap;
        const char *replaces = swap->fresh_record ? lull_json_string(swap->fresh_record, "replaces", "")
                                                  : lull_json_string(swap->old_record, "of", "");

        if (*replaces && (!has_uid(sight->claim, replaces) || lull_meta_is_deleting(sight->claim)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_ours(const LullRestoreLook *look)
{
    const char *owner = lull_json_string(lull_json_object(look->vm, "status"), "restoreInProgress", "");

    return look->vm && !lull_meta_is_deleting(look->vm) &&
           g_strcmp0(owner, lull_meta_name(look->restore)) == 0;
}

static LullRestoreWorkStep
decide_forward(const LullRestoreLook *look)
{
    const gboolean ours = is_ours(look);
    LullRestoreWorkStep step = ours ? lull_restore_decide_target(look) : STEP(DONE);

    if (IS_DONE(step))
        step = lull_restore_swap_decide(look);
    if (IS_DONE(step))
        return ours && look->content ? STEP(WRITE_MACHINE) : lull_restore_swap_decide_end(look);
    return step;
}

/* Nothing was there of that name before. */
static gboolean
is_surplus(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    if (!sight->claim || has_old(look, sight) || !lull_restore_made(look->restore, sight->claim))
        return FALSE;
    return sight->swap.fresh_record || (lull_restore_is_late(sight) && is_ours(look));
}

static LullRestoreWorkStep
decide_back(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];

    if (is_surplus(look, sight))
        return remove_old(look, index);
    if (is_held(sight))
        return STEP_AT(GIVE_BACK, index);
    if (sight->claim && is_marked(look, sight->claim) && !lull_meta_is_deleting(sight->claim))
        return STEP_AT(UNMARK, index);
    return STEP(DONE);
}

LullRestoreWorkStep
lull_restore_swap_decide_drop(const LullRestoreLook *look, gboolean hopeless)
{
    LullRestoreWorkStep step = STEP(DONE);

    if (hopeless) {
        for (guint i = 0; i < look->n; i++)
            if (is_held(&look->sights[i]))
                return STEP_AT(GIVE_BACK, i);
        return step;
    }
    if (look->vm && lull_restore_made(look->restore, look->vm))
        return lull_restore_swap_decide_end(look);
    if (lull_restore_swap_has_begun(look))
        return decide_forward(look);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = decide_back(look, i);
    return step;
}
