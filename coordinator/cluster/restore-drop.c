/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap-drop.h"
#include "coordinator/cluster/restore-use.h"
#include "coordinator/cluster/restore-work-decide.h"
#include "coordinator/cluster/restore-work.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/model/meta.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/storage/csi/kinds.h"

/* With it a volume would go that was not made for it. */
static gboolean
may_go(LullStore *store, LullJson *claim, gboolean *ret_may, GError **error)
{
    const char *name = lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
    g_autoptr(LullJson) volume = NULL;

    *ret_may = TRUE;
    if (!*name)
        return TRUE;
    if (!lull_effect_get(store, &lull_csi_kind_volume, NULL, name, &volume, error))
        return FALSE;
    *ret_may = !volume || lull_restore_volume_is_new(claim, volume, "");
    return TRUE;
}

/* What the restore made is somebody's by now, whatever became of the restore. */
static gboolean
is_used(const LullRestoreUsers *users, LullJson *object, const char *word)
{
    g_autofree char *user = lull_restore_users_find(users, lull_meta_name(object));

    if (user)
        g_warning("%s %s/%s, which a restore made that was given up, is used by %s: it is left; delete it "
                  "when nobody needs it",
                  word, lull_meta_namespace(object), lull_meta_name(object), user);
    return user != NULL;
}

static gboolean
drop_claim(LullStore *store, const LullRestoreUsers *users, LullJson *claim, GError **error)
{
    gboolean may = FALSE;

    if (is_used(users, claim, "claim"))
        return TRUE;
    if (!may_go(store, claim, &may, error))
        return FALSE;
    if (may)
        return lull_effect_remove(store, &lull_csi_kind_claim, claim, error);
    g_warning("claim %s/%s, which a restore made that was given up, is bound to a volume that was there "
              "before: it is left, look at it",
              lull_meta_namespace(claim), lull_meta_name(claim));
    return TRUE;
}

/* Before their claims, which they would make again, and which go with them. */
static gboolean
drop_data_volumes(LullStore *store, const LullRestoreUsers *users, LullJson *restore, GError **error)
{
    LullJson *plan = lull_json_array(lull_json_object(restore, "status"), "restores");

    for (size_t i = 0; plan && i < json_object_array_length(plan); i++) {
        const char *name = lull_json_string(json_object_array_get_idx(plan, i), "dataVolumeName", "");
        g_autoptr(LullJson) found = NULL;

        if (!*name)
            continue;
        if (!lull_effect_get(store, &lull_kind_data_volume, lull_meta_namespace(restore), name, &found,
                             error))
            return FALSE;
        if (found && lull_restore_made(restore, found) && !lull_meta_is_deleting(found) &&
            !is_used(users, found, "data volume") &&
            !lull_effect_remove(store, &lull_kind_data_volume, found, error))
            return FALSE;
    }
    return TRUE;
}

/* In place what has the name of the plan may be all that there is. */
static gboolean
is_spare(LullJson *restore, LullJson *claim)
{
    LullJson *plan = lull_json_array(lull_json_object(restore, "status"), "restores");

    for (size_t i = 0; lull_restore_is_in_place(restore) && plan && i < json_object_array_length(plan); i++)
        if (g_strcmp0(lull_json_string(json_object_array_get_idx(plan, i), "persistentVolumeClaim", ""),
                      lull_meta_name(claim)) == 0)
            return FALSE;
    return lull_restore_made(restore, claim) && !lull_meta_is_deleting(claim);
}

static gboolean
drop_claims(LullStore *store, const LullRestoreUsers *users, LullJson *restore, LullJson *content,
            GError **error)
{
    g_autofree char *selector = lull_restore_selector(content);
    const LullListOptions options = {.label_selector = selector};
    g_autoptr(LullJson) list =
        lull_store_list(store, &lull_csi_kind_claim, lull_meta_namespace(restore), &options, error);
    LullJson *items = lull_json_array(list, "items");

    for (size_t i = 0; items && i < json_object_array_length(items); i++) {
        LullJson *claim = json_object_array_get_idx(items, i);

        if (is_spare(restore, claim) && !drop_claim(store, users, claim, error))
            return FALSE;
    }
    return list != NULL;
}

gboolean
lull_restore_work_drop(const LullRestoreTools *self, LullJson *restore, LullJson *content,
                       gboolean *ret_between, GError **error)
{
    const char *ns = lull_meta_namespace(restore);
    const gboolean in_place = lull_restore_is_in_place(restore);
    g_auto(LullRestoreUsers) users = {0};
    g_autoptr(LullJson) vm = NULL;

    *ret_between = in_place; /* as far as anybody knows */
    if (in_place && !lull_restore_swap_drop(self, restore, content, ret_between, error))
        return FALSE;
    *ret_between = FALSE;
    if (!lull_effect_get(self->store, &lull_kind_vm, ns,
                         lull_json_string(lull_json_at(restore, "spec", "target", NULL), "name", ""), &vm,
                         error))
        return FALSE;
    if (vm && lull_restore_made(restore, vm))
        return TRUE;
    return lull_restore_users_list(self->store, ns, &users, error) &&
           (in_place || drop_data_volumes(self->store, &users, restore, error)) &&
           drop_claims(self->store, &users, restore, content, error);
}
