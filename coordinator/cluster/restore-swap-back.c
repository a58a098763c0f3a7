/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-data-decide.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap-decide.h"
#include "coordinator/cluster/restore-swap-facts.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/model/meta.h"

/* A restore in place that is given up goes back: that needs nothing but the old volumes, which are held, and
 * what is noted on them. No snapshot is asked for, no class, and no machine. */

#define IS_DONE(step) ((step).verb == LULL_RESTORE_WORK_DONE)

/* The claim of the final name has what was there before, as far as anything was. */
static LullRestoreWorkStep
keep_old(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];

    if (lull_meta_is_deleting(sight->claim))
        return lull_swap_is_held(sight)
                   ? SAY(WAIT, "claim %s is deleted, and not gone yet%s%s", lull_swap_claim_name(sight),
                         sight->swap.user ? ": it is used by " : "", sight->swap.user ? sight->swap.user : "")
                   : STEP(DONE);
    if (sight->swap.old_record && lull_swap_is_put_back(look, sight->claim) &&
        !lull_restore_is_bound_to(sight->claim, sight->swap.old))
        return SAY(WAIT, "claim %s is not bound to volume %s yet", lull_swap_claim_name(sight),
                   lull_meta_name(sight->swap.old));
    return lull_swap_is_marked(look, sight->claim) ? STEP_AT(UNMARK, index) : STEP(DONE);
}

/* The old data wait for the final name before the claim goes that has it. */
static LullRestoreWorkStep
reserve(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];
    LullJson *old = sight->swap.old;

    if (!sight->swap.old_record || lull_swap_is_reserved(sight, old))
        return STEP(DONE);
    if (lull_swap_is_bound(old))
        return SAY(WAIT, "volume %s is not released yet", lull_meta_name(old));
    return STEP_AT(MOVE_OLD, index);
}

static LullRestoreWorkStep
remove_new(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];
    const char *name = lull_swap_claim_name(sight);

    if (lull_meta_is_deleting(sight->claim))
        return SAY(WAIT, "claim %s is deleted, and not gone yet%s%s", name,
                   sight->swap.user ? ": it is used by " : "", sight->swap.user ? sight->swap.user : "");
    if (sight->swap.user)
        return SAY(WAIT, "claim %s is to have again what it had before, and %s uses it: end that", name,
                   sight->swap.user);
    if (!lull_restore_made(look->restore, sight->claim) && !lull_swap_is_marked(look, sight->claim))
        return STEP_AT(MARK, index);
    return STEP_AT(REMOVE_CLAIM, index);
}

/* It has new data, or none yet, or there is none. One that somebody made takes what waits for its name. */
static LullRestoreWorkStep
put_old_back(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];
    const gboolean foreign = lull_swap_is_foreign(look, sight);
    LullRestoreWorkStep step;

    if (foreign && *lull_swap_volume_name(sight->claim))
        return SAY(
            WAIT,
            "claim %s was made again by somebody else meanwhile, and does not have what it had: delete it, "
            "and this goes on",
            lull_swap_claim_name(sight));
    step = reserve(look, index);
    if (!IS_DONE(step))
        return step;
    if (foreign)
        return SAY(WAIT, "claim %s is not bound to volume %s yet", lull_swap_claim_name(sight),
                   lull_meta_name(sight->swap.old));
    return sight->claim ? remove_new(look, index) : STEP_AT(CREATE_OLD, index);
}

/* Nothing was there of that name before. What nobody holds is all that there is, once there is a volume. */
static gboolean
is_surplus(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    if (!sight->claim || lull_swap_is_foreign(look, sight))
        return FALSE;
    return sight->swap.fresh_record ||
           (lull_restore_made(look->restore, sight->claim) && !*lull_swap_volume_name(sight->claim));
}

static LullRestoreWorkStep
decide_back(const LullRestoreLook *look, guint index)
{
    const LullRestoreSight *sight = &look->sights[index];

    if (lull_swap_has_old(look, sight))
        return keep_old(look, index);
    if (sight->swap.old_record)
        return put_old_back(look, index);
    return is_surplus(look, sight) ? remove_new(look, index) : STEP(DONE);
}

static gboolean
is_told(const LullRestoreLook *look, LullJson *data_volume)
{
    return g_strcmp0(lull_meta_annotation(data_volume, LULL_RESTORE_NAME), lull_meta_name(look->restore)) ==
               0 &&
           g_strcmp0(lull_meta_annotation(data_volume, LULL_CDI_PREPOPULATED), lull_meta_name(data_volume)) ==
               0;
}

/* One that was made takes the claim with it that it has: it goes before that is the old one. One that was
 * there fills its claim again. */
static LullRestoreWorkStep
decide_data_volume(const LullRestoreLook *look, guint index)
{
    LullJson *data_volume = look->sights[index].data_volume;

    if (!data_volume || lull_meta_is_deleting(data_volume))
        return STEP(DONE);
    if (lull_restore_made(look->restore, data_volume))
        return lull_swap_has_old(look, &look->sights[index]) ? STEP(DONE)
                                                             : STEP_AT(REMOVE_DATA_VOLUME, index);
    return STEP(DONE);
}

static LullRestoreWorkStep
unmark_data_volume(const LullRestoreLook *look, guint index)
{
    LullJson *data_volume = look->sights[index].data_volume;

    return data_volume && !lull_meta_is_deleting(data_volume) &&
                   !lull_restore_made(look->restore, data_volume) && is_told(look, data_volume)
               ? STEP_AT(UNMARK_DATA_VOLUME, index)
               : STEP(DONE);
}

/* Somebody has let go of the machine meanwhile: it may have run on the new data. */
static gboolean
is_to_be_left(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    return look->vm && !lull_swap_is_ours(look) && lull_swap_was_exposed(sight);
}

/* All claims are as they were, and have no mark: a removal that comes late finds no claim that it may
 * remove. */
static LullRestoreWorkStep
give_back(const LullRestoreLook *look)
{
    for (guint i = 0; i < look->n; i++) {
        if (is_to_be_left(look, &look->sights[i]))
            return STEP_AT(LEAVE_FRESH, i);
        if (lull_swap_is_held(&look->sights[i]))
            return STEP_AT(GIVE_BACK, i);
    }
    return STEP(DONE);
}

LullRestoreWorkStep
lull_restore_swap_decide_drop(const LullRestoreLook *look, gboolean hopeless)
{
    LullRestoreWorkStep step = STEP(DONE);

    if (hopeless)
        return give_back(look);
    if (lull_swap_stage(look) == LULL_SWAP_AFTER)
        return lull_restore_swap_decide_end(look);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = decide_data_volume(look, i);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = decide_back(look, i);
    for (guint i = 0; i < look->n && IS_DONE(step); i++)
        step = unmark_data_volume(look, i);
    return IS_DONE(step) ? give_back(look) : step;
}
