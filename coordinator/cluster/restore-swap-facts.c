/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap-facts.h"

#include "coordinator/cluster/restore-data-decide.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/model/meta.h"

const char *
lull_swap_claim_name(const LullRestoreSight *sight)
{
    return lull_json_string(sight->entry, "persistentVolumeClaim", "");
}

const char *
lull_swap_volume_name(LullJson *claim)
{
    return lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
}

gboolean
lull_swap_has_uid(LullJson *object, const char *uid)
{
    return object && g_strcmp0(lull_meta_uid(object), uid) == 0;
}

static gboolean
has_marker(const LullRestoreLook *look, LullJson *claim, const char *key)
{
    g_autofree char *marker = lull_restore_marker(look->restore);

    return g_strcmp0(lull_meta_annotation(claim, key), marker) == 0;
}

gboolean
lull_swap_is_put_back(const LullRestoreLook *look, LullJson *claim)
{
    return claim && has_marker(look, claim, LULL_SWAP_PUT_BACK);
}

gboolean
lull_swap_has_old(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    const LullRestoreSwap *swap = &sight->swap;

    if (!sight->claim)
        return FALSE;
    if (lull_swap_is_put_back(look, sight->claim) ||
        (swap->old_record && lull_restore_is_bound_to(sight->claim, swap->old)))
        return TRUE;
    if (swap->fresh_record)
        return lull_swap_has_uid(sight->claim, lull_json_string(swap->fresh_record, "replaces", ""));
    if (swap->old_record)
        return lull_swap_has_uid(sight->claim, lull_json_string(swap->old_record, "of", ""));
    return !lull_restore_made(look->restore, sight->claim);
}

gboolean
lull_swap_is_foreign(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    const char *volume = lull_swap_volume_name(sight->claim);

    if (!sight->claim || lull_swap_has_old(look, sight))
        return FALSE;
    if (sight->swap.fresh_record)
        return *volume && g_strcmp0(volume, lull_meta_name(sight->swap.fresh)) != 0;
    return !lull_restore_made(look->restore, sight->claim);
}

gboolean
lull_swap_is_marked(const LullRestoreLook *look, LullJson *claim)
{
    return has_marker(look, claim, LULL_SWAP_REPLACED);
}

gboolean
lull_swap_is_held(const LullRestoreSight *sight)
{
    return sight->swap.fresh_record || sight->swap.old_record;
}

gboolean
lull_swap_is_kept(LullJson *volume)
{
    return volume && !lull_meta_is_deleting(volume) &&
           g_str_equal(lull_json_string(lull_json_object(volume, "spec"), LULL_SWAP_RECLAIM, ""), "Retain");
}

gboolean
lull_swap_is_reserved(const LullRestoreSight *sight, LullJson *volume)
{
    LullJson *waits_for = lull_json_at(volume, "spec", "claimRef", NULL);
    const char *uid = lull_json_string(waits_for, "uid", "");

    return g_str_equal(lull_json_string(waits_for, "name", ""), lull_swap_claim_name(sight)) &&
           (!*uid || lull_swap_has_uid(sight->claim, uid));
}

gboolean
lull_swap_is_bound(LullJson *volume)
{
    return g_str_equal(lull_json_string(lull_json_object(volume, "status"), "phase", ""), "Bound");
}

gboolean
lull_swap_was_exposed(const LullRestoreSight *sight)
{
    const char *uid = lull_json_string(lull_json_at(sight->swap.fresh, "spec", "claimRef", NULL), "uid", "");

    return sight->swap.fresh_record && *uid &&
           !g_str_equal(uid, lull_json_string(sight->swap.fresh_record, "aside", ""));
}

gboolean
lull_swap_is_ours(const LullRestoreLook *look)
{
    const char *owner = lull_json_string(lull_json_object(look->vm, "status"), "restoreInProgress", "");

    return look->vm && !lull_meta_is_deleting(look->vm) &&
           g_strcmp0(owner, lull_meta_name(look->restore)) == 0;
}

static gboolean
is_as_before(const LullRestoreLook *look, const LullRestoreSight *sight)
{
    const LullRestoreSwap *swap = &sight->swap;

    if (lull_swap_has_old(look, sight))
        return !lull_meta_is_deleting(sight->claim) || !lull_swap_is_held(sight);
    if (sight->claim)
        return FALSE;
    return !swap->old_record &&
           (!swap->fresh_record || !*lull_json_string(swap->fresh_record, "replaces", ""));
}

/* Old data are let go of all volumes before the first new ones are. */
static gboolean
has_let_go_of_old(const LullRestoreSight *sight)
{
    const LullRestoreSwap *swap = &sight->swap;

    return swap->fresh_record && *lull_json_string(swap->fresh_record, "old", "") && !swap->old_record &&
           g_strcmp0(lull_swap_volume_name(sight->claim), lull_meta_name(swap->fresh)) == 0;
}

LullSwapStage
lull_swap_stage(const LullRestoreLook *look)
{
    LullSwapStage stage = LULL_SWAP_BEFORE;

    if (look->vm && lull_restore_made(look->restore, look->vm))
        return LULL_SWAP_AFTER;
    for (guint i = 0; i < look->n; i++) {
        if (has_let_go_of_old(&look->sights[i]))
            return LULL_SWAP_AFTER;
        if (!is_as_before(look, &look->sights[i]))
            stage = LULL_SWAP_BETWEEN;
    }
    return stage;
}
