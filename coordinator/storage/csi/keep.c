/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/follow-decide.h"
#include "coordinator/storage/csi/follow.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/storage/csi/private.h"
#include "protocol/error.h"

/* What is kept of an attempt, and what goes. */

/* What its class keeps beyond its VolumeSnapshot, and nobody wants: whoever may delete it reads that it is
 * there. We may not. */
static void
tell_what_stays(LullCsi *self, LullJson *snapshot)
{
    g_autofree char *name = lull_csi_content_name(lull_meta_uid(snapshot));
    g_autoptr(LullJson) content = lull_store_get(self->store, &lull_csi_kind_content, NULL, name, NULL);

    if (g_str_equal(lull_json_string(lull_json_object(content, "spec"), "deletionPolicy", ""), "Retain"))
        g_warning("VolumeSnapshot %s/%s is deleted, since its attempt came to nothing, but the policy Retain "
                  "of its class keeps VolumeSnapshotContent %s and what it stands for: delete both by hand",
                  lull_meta_namespace(snapshot), lull_meta_name(snapshot), name);
}

/* Asked to go is as good as gone: how long the storage takes, or retries a cut first, is its matter. */
static gboolean
remove_snapshot(LullCsi *self, LullJson *snapshot, gboolean unwanted, GError **error)
{
    g_autoptr(GError) problem = NULL;

    if (lull_meta_is_deleting(snapshot))
        return TRUE;
    if (unwanted)
        tell_what_stays(self, snapshot);
    if (lull_store_remove(self->store, &lull_csi_kind_snapshot, lull_meta_namespace(snapshot),
                          lull_meta_name(snapshot), lull_meta_uid(snapshot), &problem) ||
        lull_error_is(problem, LULL_ERROR_NOT_FOUND) || lull_error_is(problem, LULL_ERROR_CONFLICT))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* All that attempts of @content made, but that of @kept (0: none). */
static gboolean
remove_others(LullCsi *self, const LullCsiContent *content, LullJson *items, guint kept, gboolean unwanted,
              GError **error)
{
    for (size_t i = 0; i < json_object_array_length(items); i++) {
        LullJson *snapshot = json_object_array_get_idx(items, i);
        const guint attempt = lull_csi_snapshot_attempt(snapshot, content);

        if (!attempt)
            g_warning(
                "VolumeSnapshot %s/%s carries the label %s of content %s, which does not own it: it is not "
                "touched; take the label off, or delete it by hand",
                content->ns, lull_meta_name(snapshot), LULL_CSI_LABEL_CONTENT, content->name);
        else if (attempt != kept && !remove_snapshot(self, snapshot, unwanted, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
lull_csi_remove(LullStorage *storage, const char *vm_uid, const char *content_uid, guint attempt,
                GCancellable *cancel, GError **error)
{
    LullCsi *self = (LullCsi *)storage;
    g_autoptr(LullCsiContent) content = lull_csi_find(self, content_uid, NULL, error);
    g_autoptr(LullJson) list = NULL;
    LullJson *items = NULL;

    if (!content)
        return FALSE;
    lull_csi_forget_follow(self, content_uid, attempt);
    list = lull_csi_list(self, content, attempt, error);
    items = lull_json_array(list, "items");
    if (!list)
        return FALSE;
    if (!remove_others(self, content, items, 0, attempt != 0, error))
        return FALSE;
    if (!attempt)
        lull_csi_forget(self, content_uid);
    return TRUE;
}

static LullJson *
find_named(LullJson *items, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(items); i++)
        if (g_strcmp0(lull_meta_name(json_object_array_get_idx(items, i)), name) == 0)
            return json_object_array_get_idx(items, i);
    return NULL;
}

/* All of it is there, and ready? */
static gboolean
is_whole(const LullCsiContent *content, guint attempt, LullJson *items, GError **error)
{
    g_autofree LullCsiFollowed *rows = g_new0(LullCsiFollowed, MAX(content->backups->len, 1));
    g_autofree char *problem = NULL;
    LullCsiState state;
    guint permille = 0;

    for (guint i = 0; i < content->backups->len; i++) {
        rows[i].name = lull_csi_snapshot_name(content->backups->pdata[i], attempt);
        (void)lull_csi_followed_see(&rows[i], find_named(items, rows[i].name));
    }
    state = lull_csi_follow_decide(rows, content->backups->len, &permille, &problem);
    for (guint i = 0; i < content->backups->len; i++)
        lull_csi_followed_clear(&rows[i]);
    if (state != LULL_CSI_READY)
        g_set_error(error, LULL_ERROR, state == LULL_CSI_MISSING ? LULL_ERROR_NOT_FOUND : LULL_ERROR_BUSY,
                    "%s", problem ? problem : "the VolumeSnapshots are not ready to use yet");
    return state == LULL_CSI_READY;
}

/* The data is the storage's, and the report the content's: what is left to do is to have nothing beside it,
 * say of an attempt whose answers were lost. */
gboolean
lull_csi_seal(LullStorage *storage, const char *content_uid, guint attempt, LullJson *object,
              GCancellable *cancel, GError **error)
{
    LullCsi *self = (LullCsi *)storage;
    g_autoptr(LullCsiContent) content = lull_csi_find(self, content_uid, NULL, error);
    g_autoptr(LullJson) list = content ? lull_csi_list(self, content, 0, error) : NULL;
    LullJson *items = lull_json_array(list, "items");

    if (!list || !is_whole(content, attempt, items, error))
        return FALSE;
    return remove_others(self, content, items, attempt, TRUE, error);
}

/* An API server that does not answer says nothing about what is there. */
static gboolean
is_there(LullCsi *self, const LullCsiContent *content, const char *name)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) found =
        lull_store_get(self->store, &lull_csi_kind_snapshot, content->ns, name, &problem);

    if (!found)
        return !lull_error_is(problem, LULL_ERROR_NOT_FOUND);
    return !lull_meta_is_deleting(found);
}

gboolean
lull_csi_check(LullStorage *storage, const char *content_uid, GPtrArray **ret_volumes, GError **error)
{
    LullCsi *self = (LullCsi *)storage;
    guint attempt = 0;
    g_autoptr(LullCsiContent) content = lull_csi_find(self, content_uid, &attempt, error);
    g_autoptr(GPtrArray) volumes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) missing = g_string_new(NULL);

    for (guint i = 0; content && i < content->backups->len; i++) {
        const LullCsiBackup *backup = content->backups->pdata[i];
        g_autofree char *name = lull_csi_snapshot_name(backup, attempt);

        if (is_there(self, content, name))
            continue;
        g_ptr_array_add(volumes, g_strdup(backup->volume));
        g_string_append_printf(missing, "%s%s", missing->len ? "," : "", name);
    }
    if (missing->len)
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "VolumeSnapshots (%s) missing", missing->str);
    if (ret_volumes)
        *ret_volumes = g_steal_pointer(&volumes);
    return content && !missing->len;
}
