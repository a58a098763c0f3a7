/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-swap-sights.h"

#include "coordinator/cluster/restore-swap.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/kinds.h"

void
lull_restore_swap_sights_clear(LullRestoreSwapSights *self)
{
    g_clear_pointer(&self->held, json_object_put);
    lull_restore_users_clear(&self->users);
}

void
lull_restore_swap_clear(LullRestoreSwap *swap)
{
    lull_json_put(swap->aside);
    lull_json_put(swap->fresh);
    lull_json_put(swap->fresh_record);
    lull_json_put(swap->old);
    lull_json_put(swap->old_record);
    g_free(swap->user);
    *swap = (LullRestoreSwap){0};
}

gboolean
lull_restore_swap_sights_read(LullRestoreSwapSights *self, GError **error)
{
    const char *ns = lull_meta_namespace(self->restore);
    g_autofree char *selector = g_strconcat(LULL_SWAP_LABEL "=", lull_meta_uid(self->restore), NULL);
    const LullListOptions options = {.label_selector = selector};

    lull_restore_swap_sights_clear(self);
    self->held = lull_store_list(self->store, &lull_csi_kind_volume, NULL, &options, error);
    return self->held && lull_restore_users_list(self->store, ns, &self->users, error);
}

static void
replace(LullJson **field, LullJson *take)
{
    lull_json_put(*field);
    *field = take;
}

/* The volume that is held as @part of the entry; NULL: none is. */
static LullJson *
find_held(const LullRestoreSwapSights *self, LullJson *entry, const char *part, LullJson **ret_record)
{
    LullJson *items = lull_json_array(self->held, "items");

    for (size_t i = 0; items && i < json_object_array_length(items); i++) {
        LullJson *volume = json_object_array_get_idx(items, i);

        *ret_record = lull_restore_record(self->restore, entry, volume, part);
        if (*ret_record)
            return json_object_get(volume);
    }
    *ret_record = NULL;
    return NULL;
}

static gboolean
read_volume_of(const LullRestoreSwapSights *self, LullJson *claim, LullJson **field, GError **error)
{
    const char *name = lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
    LullJson *found = NULL;

    if (*name && !lull_effect_get(self->store, &lull_csi_kind_volume, NULL, name, &found, error))
        return FALSE;
    replace(field, found);
    return TRUE;
}

static gboolean
fill_volumes(const LullRestoreSwapSights *self, LullRestoreSight *sight, GError **error)
{
    LullRestoreSwap *swap = &sight->swap;
    LullJson *record = NULL;

    replace(&swap->fresh, find_held(self, sight->entry, LULL_SWAP_FRESH, &record));
    replace(&swap->fresh_record, record);
    replace(&swap->old, find_held(self, sight->entry, LULL_SWAP_OLD, &record));
    replace(&swap->old_record, record);
    if (!swap->fresh && !read_volume_of(self, swap->aside, &swap->fresh, error))
        return FALSE;
    if (!read_volume_of(self, sight->claim, &sight->volume, error))
        return FALSE;
    if (!swap->old && g_strcmp0(lull_meta_name(sight->volume), lull_meta_name(swap->fresh)) != 0)
        swap->old = sight->volume ? json_object_get(sight->volume) : NULL;
    return TRUE;
}

gboolean
lull_restore_swap_sights_fill(LullRestoreSwapSights *self, LullRestoreSight *sight, GError **error)
{
    const char *name = lull_json_string(sight->entry, "persistentVolumeClaim", "");
    const char *target = lull_json_string(lull_json_at(self->restore, "spec", "target", NULL), "name", "");
    LullJson *claim = NULL;

    if (!lull_effect_get(self->store, &lull_csi_kind_claim, lull_meta_namespace(self->restore), name, &claim,
                         error))
        return FALSE;
    replace(&sight->claim, claim);
    g_free(sight->swap.user);
    sight->swap.user = lull_restore_users_find_other(&self->users, target, name);
    return fill_volumes(self, sight, error);
}
