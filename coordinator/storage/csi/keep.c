/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/awaited.h"
#include "coordinator/storage/csi/follow-decide.h"
#include "coordinator/storage/csi/follow.h"
#include "coordinator/storage/csi/identity.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/storage/csi/names.h"
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

/* What a restore made of them has its data, or will not have them any more. */
static gboolean
nobody_waits(LullCsi *self, const LullCsiContent *content, LullJson *items, GError **error)
{
    g_autofree char *label = lull_csi_label_of(content->vm ? content->vm : "");
    g_autofree char *selector = g_strconcat(LULL_CSI_LABEL_RESTORED "=", label, NULL);
    const LullListOptions options = {.label_selector = selector};
    g_autoptr(LullJson) claims = NULL;
    LullJson *waiting = NULL;

    if (json_object_array_length(items) == 0)
        return TRUE;
    claims = lull_store_list(self->store, &lull_csi_kind_claim, content->ns, &options, error);
    waiting = lull_csi_awaiting(lull_json_array(claims, "items"), items);
    if (waiting)
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_BUSY,
            "claim %s, which was restored from it, waits for its first consumer, and has no data before "
            "that: start the machine that has it, or delete the claim",
            lull_meta_name(waiting));
    return claims && !waiting;
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
    if (!list || (attempt == 0 && !nobody_waits(self, content, items, error)))
        return FALSE;
    return remove_others(self, content, items, 0, attempt != 0, error);
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
is_whole(LullCsi *self, const LullCsiContent *content, guint attempt, LullJson *items, GError **error)
{
    g_autoptr(LullJson) cuts = lull_csi_cuts_of(self, content->uid, attempt);
    g_autoptr(GArray) rows = lull_csi_followed_new(content, attempt, cuts);
    g_autofree char *problem = NULL;
    LullCsiState state;
    guint permille = 0;

    for (guint i = 0; i < rows->len; i++) {
        LullCsiFollowed *row = &g_array_index(rows, LullCsiFollowed, i);

        (void)lull_csi_followed_see(row, find_named(items, row->name));
    }
    state =
        lull_csi_follow_decide((const LullCsiFollowed *)(gpointer)rows->data, rows->len, &permille, &problem);
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

    if (!list || !is_whole(self, content, attempt, items, error))
        return FALSE;
    return remove_others(self, content, items, attempt, TRUE, error);
}

gboolean
lull_csi_look_behind(LullCsi *self, LullJson *identity, LullJson *snapshot, GError **error)
{
    const char *uid = snapshot ? lull_meta_uid(snapshot) : lull_csi_identity_snapshot(identity);
    const char *bound =
        lull_json_string(lull_json_object(snapshot, "status"), "boundVolumeSnapshotContentName", NULL);
    g_autofree char *name = snapshot ? g_strdup(bound) : lull_csi_content_name(uid);
    g_autoptr(LullJson) content =
        name ? lull_store_get(self->store, &lull_csi_kind_content, NULL, name, error) : NULL;

    if (name && !content)
        return FALSE;
    if (content && lull_csi_identity_has_content(identity, uid, content))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                "what is there by its name is not what was cut: it was made, or cut, again");
    return FALSE;
}

typedef struct {
    GPtrArray *volumes; /* names, of those that the error is about */
    GString *missing;   /* names of VolumeSnapshots */
    char *unready;      /* what is wrong with the first that is there and cannot be used; NULL: nothing */
} Findings;

static void
find_unready(Findings *self, const LullCsiBackup *backup, LullJson *snapshot)
{
    LullJson *status = lull_json_object(snapshot, "status");

    if (lull_json_bool(status, "readyToUse", FALSE) || self->unready || self->missing->len)
        return;
    self->unready = g_strdup(
        lull_json_string(lull_json_object(status, "error"), "message", "it is not ready to use any more"));
    g_ptr_array_add(self->volumes, g_strdup(backup->volume));
}

static void
find_missing(Findings *self, const LullCsiBackup *backup, const char *name)
{
    if (!self->missing->len)
        g_ptr_array_set_size(self->volumes, 0); /* worse than what is not ready */
    g_ptr_array_add(self->volumes, g_strdup(backup->volume));
    g_string_append_printf(self->missing, "%s%s", self->missing->len ? "," : "", name);
}

/* An API server that does not answer says nothing about what is there. */
static void
check_volume(LullCsi *self, const LullCsiContent *content, const LullCsiBackup *backup, guint attempt,
             LullJson *identity, Findings *findings)
{
    g_autofree char *name = lull_csi_snapshot_name(backup, attempt);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) found =
        lull_store_get(self->store, &lull_csi_kind_snapshot, content->ns, name, &problem);

    if (found && !lull_meta_is_deleting(found))
        (void)lull_csi_look_behind(self, identity,
                                   lull_csi_identity_has_snapshot(identity, found) ? NULL : found, &problem);
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND) || (found && lull_meta_is_deleting(found)))
        find_missing(findings, backup, name);
    else if (found)
        find_unready(findings, backup, found);
}

gboolean
lull_csi_check(LullStorage *storage, const char *content_uid, GPtrArray **ret_volumes, GError **error)
{
    LullCsi *self = (LullCsi *)storage;
    guint attempt = 0;
    g_autoptr(LullCsiContent) content = lull_csi_find(self, content_uid, &attempt, error);
    g_autoptr(LullJson) cuts = content ? lull_csi_cuts_of(self, content_uid, attempt) : NULL;
    g_autoptr(GPtrArray) volumes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) missing = g_string_new(NULL);
    g_autofree char *unready = NULL;
    Findings findings = {volumes, missing, NULL};

    for (guint i = 0; content && i < content->backups->len; i++) {
        const LullCsiBackup *backup = content->backups->pdata[i];

        check_volume(self, content, backup, attempt, lull_json_object(cuts, backup->volume), &findings);
    }
    unready = findings.unready;
    if (missing->len)
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "VolumeSnapshots (%s) missing", missing->str);
    else if (unready)
        g_set_error_literal(error, LULL_ERROR, LULL_ERROR_FAILED, unready);
    if (ret_volumes)
        *ret_volumes = g_steal_pointer(&volumes);
    return content && !missing->len && !unready;
}
