/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap-decide.h"

#include "coordinator/cluster/restore-data-decide.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap-facts.h"
#include "coordinator/cluster/restore-swap-own.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/model/meta.h"

#define IS_DONE(step) ((step).verb == LULL_RESTORE_WORK_DONE)

/* What others use, or may, is never taken from them. */
static LullRestoreWorkStep
decide_user(const LullRestoreSight *sight)
{
    if (!sight->swap.user)
        return STEP(DONE);
    return SAY(STUCK,
               "claim %s is to be replaced, and %s uses it: end that, or restore under other names "
               "(spec.volumeRestoreOverrides)",
               lull_swap_claim_name(sight), sight->swap.user);
}

static LullRestoreWorkStep
decide_old(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    LullRestoreWorkStep step;

    if (lull_meta_is_deleting(sight->claim))
        return lull_swap_is_marked(look, sight->claim)
                   ? STEP(DONE)
                   : SAY(STUCK, "claim %s is being deleted, by somebody else", lull_swap_claim_name(sight));
    step = decide_user(sight);
    return IS_DONE(step) ? lull_swap_decide_owner(look, sight) : step;
}

static LullRestoreWorkStep
decide_foreign(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    if (!lull_swap_is_foreign(look, sight))
        return STEP(DONE);
    return SAY(STUCK,
               "claim %s was made again by somebody else meanwhile, and does not have the new data: "
               "delete it, and this goes on",
               lull_swap_claim_name(sight));
}

/* Whoever keeps a cluster as it is written down makes a claim again that is gone: the volume that waits for
 * that name is as good with his. */
static LullRestoreWorkStep
decide_place(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    if (!sight->claim)
        return decide_user(sight);
    return lull_swap_has_old(look, sight) ? decide_old(look, sight) : decide_foreign(look, sight);
}

static gboolean
is_missing(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    if (sight->swap.aside || sight->swap.fresh_record)
        return FALSE;
    return !sight->claim ||
           lull_swap_has_old(look, sight); /* else it was let go already, or waits for its consumer */
}

/* Users can make claims of that name and with our marker, too: only a volume that storage made for it is
 * taken, never one that a claim names. */
static LullRestoreWorkStep
decide_aside(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    g_autoptr(LullJson) entry = NULL;
    LullRestoreSight aside = *sight;
    LullRestoreWorkStep step;

    if (!sight->swap.aside || sight->swap.fresh_record)
        return STEP(DONE);
    entry = lull_restore_aside(look->restore, sight->entry);
    aside.entry = entry;
    aside.claim = sight->swap.aside;
    aside.volume = sight->swap.fresh;
    if (!lull_restore_made(look->restore, aside.claim) || lull_restore_is_late(sight))
        return SAY(FAIL, "claim %s is there already, and is none of this restore",
                   lull_swap_claim_name(&aside));
    step = lull_restore_decide_made(look->content, &aside);
    if (IS_DONE(step) && !lull_restore_is_bound_to(aside.claim, aside.volume))
        return SAY(WAIT, "claim %s is not bound yet", lull_swap_claim_name(&aside));
    return step;
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
    return !sight->swap.old_record && lull_swap_has_old(look, sight) &&
           lull_restore_is_volume_of(sight->swap.old, sight->claim);
}

static LullRestoreWorkStep
decide_data_volume_mark(const LullRestoreLook *look, guint index)
{
    LullJson *data_volume = look->sights[index].data_volume;

    if (!data_volume || lull_meta_annotation(data_volume, LULL_CDI_PREPOPULATED))
        return STEP(DONE);
    if (lull_meta_is_deleting(data_volume))
        return SAY(STUCK, "data volume %s is being deleted", lull_meta_name(data_volume));
    return STEP_AT(MARK_DATA_VOLUME, index);
}

static LullRestoreWorkStep
decide_hold(const LullRestoreLook *look)
{
    LullRestoreWorkStep step = STEP(DONE);

    for (guint i = 0; i < look->n; i++)
        if (look->sights[i].swap.aside && !look->sights[i].swap.fresh_record)
            return STEP_AT(HOLD_FRESH, i);
    for (guint i = 0; i < look->n; i++)
        if (is_to_be_held(look, &look->sights[i]))
            return STEP_AT(HOLD_OLD, i);
    for (guint i = 0; i < look->n; i++)
        if (lull_swap_has_old(look, &look->sights[i]) && !lull_swap_is_marked(look, look->sights[i].claim))
            return STEP_AT(MARK, i);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = decide_data_volume_mark(look, i);
    return step;
}

static LullRestoreWorkStep
decide_kept(LullJson *volume)
{
    if (lull_swap_is_kept(volume))
        return STEP(DONE);
    return SAY(STUCK,
               "volume %s was to be kept, and is not any more: it is being deleted, or somebody has set its "
               "persistentVolumeReclaimPolicy",
               lull_meta_name(volume));
}

static LullRestoreWorkStep
remove_old(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];
    LullRestoreWorkStep step = STEP(DONE);

    if (lull_meta_is_deleting(sight->claim))
        return SAY(WAIT, "claim %s is deleted, and not gone yet%s%s", lull_swap_claim_name(sight),
                   sight->swap.user ? ": it is used by " : "", sight->swap.user ? sight->swap.user : "");
    if (sight->swap.old)
        step = decide_kept(sight->swap.old);
    if (IS_DONE(step) && sight->swap.fresh_record)
        step = decide_kept(sight->swap.fresh);
    return IS_DONE(step) ? STEP_AT(REMOVE_CLAIM, index) : step;
}

/* The new data wait for the final name before the claim goes that has it. */
static LullRestoreWorkStep
reserve(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];
    const LullRestoreSwap *swap = &sight->swap;
    LullRestoreWorkStep step;

    if (!swap->fresh_record)
        return STEP(DONE);
    if (swap->aside && lull_meta_is_deleting(swap->aside))
        return SAY(WAIT, "claim %s is deleted, and not gone yet", lull_meta_name(swap->aside));
    if (swap->aside) {
        step = decide_kept(swap->fresh);
        return IS_DONE(step) ? STEP_AT(REMOVE_ASIDE, index) : step;
    }
    if (lull_swap_is_reserved(sight, swap->fresh))
        return STEP(DONE);
    if (lull_swap_is_bound(swap->fresh))
        return SAY(WAIT, "volume %s is not released yet", lull_meta_name(swap->fresh));
    return STEP_AT(MOVE, index);
}

static LullRestoreWorkStep
swap_late(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];
    LullRestoreWorkStep step;

    if (lull_swap_has_old(look, sight))
        return remove_old(look, index);
    if (sight->claim)
        return lull_restore_decide_made(look->content, sight);
    step = lull_restore_decide_snapshot(sight);
    return IS_DONE(step) ? STEP_AT(CREATE, index) : step;
}

static LullRestoreWorkStep
swap(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];

    if (lull_swap_has_dead_owner(look, sight))
        return STEP_AT(DISOWN, index);
    if (lull_restore_is_late(sight) && !sight->swap.fresh_record)
        return swap_late(look, index);
    if (!sight->swap.fresh_record)
        return STEP(DONE);
    if (lull_swap_has_old(look, sight))
        return remove_old(look, index);
    if (!sight->claim)
        return STEP_AT(CREATE_MOVED, index);
    if (!lull_restore_is_bound_to(sight->claim, sight->swap.fresh))
        return SAY(WAIT, "claim %s is not bound to volume %s yet", lull_swap_claim_name(sight),
                   lull_meta_name(sight->swap.fresh));
    return STEP(DONE);
}

static LullRestoreWorkStep
swap_all(const LullRestoreLook *look)
{
    LullRestoreWorkStep step = STEP(DONE);

    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = reserve(look, i);
    if (IS_DONE(step) && !look->tried && lull_swap_stage(look) == LULL_SWAP_BEFORE)
        return STEP(TRY);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = swap(look, i);
    return step;
}

LullRestoreWorkStep
lull_restore_swap_decide(const LullRestoreLook *look)
{
    LullRestoreWorkStep step;

    if (lull_swap_stage(look) == LULL_SWAP_AFTER)
        return lull_restore_swap_decide_end(look);
    step = decide_data(look);
    if (IS_DONE(step))
        step = decide_hold(look);
    if (IS_DONE(step))
        step = swap_all(look);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = lull_restore_decide_data_volume(look, i);
    return step;
}

/* What is held and cannot be what it is to be is looked at; a late one is, as long as its claim is there. */
static LullRestoreWorkStep
decide_held(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];
    LullRestoreWorkStep step;

    if (!lull_swap_is_held(sight) || (!sight->swap.fresh_record && !sight->claim))
        return STEP(DONE);
    step = decide_foreign(look, sight);
    if (IS_DONE(step))
        step = reserve(look, index);
    return IS_DONE(step) ? swap(look, index) : step;
}

/* Whoever makes the new data may still fail; and where the machine is not what it is to be, who knows which
 * are wanted. */
static gboolean
is_left(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    return !sight->swap.fresh_record || !look->vm || !lull_restore_made(look->restore, look->vm);
}

LullRestoreWorkStep
lull_restore_swap_decide_end(const LullRestoreLook *look)
{
    LullRestoreWorkStep step = STEP(DONE);

    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = decide_held(look, i);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        if (look->sights[i].swap.old_record)
            return is_left(look, &look->sights[i]) ? STEP_AT(LEAVE_OLD, i) : STEP_AT(LET_GO, i);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        if (look->sights[i].swap.fresh_record)
            return STEP_AT(LET_GO, i);
    return step;
}
