/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/follow-decide.h"

#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/identity.h"

void
lull_csi_followed_clear(LullCsiFollowed *self)
{
    g_clear_pointer(&self->name, g_free);
    g_clear_pointer(&self->identity, json_object_put);
    g_clear_pointer(&self->error, g_free);
}

GArray *
lull_csi_followed_new(const LullCsiContent *content, guint attempt, LullJson *cuts)
{
    GArray *rows = g_array_new(FALSE, TRUE, sizeof(LullCsiFollowed));

    g_array_set_clear_func(rows, (GDestroyNotify)lull_csi_followed_clear);
    for (guint i = 0; i < content->backups->len; i++) {
        const LullCsiBackup *backup = content->backups->pdata[i];
        LullCsiFollowed row = {.name = lull_csi_snapshot_name(backup, attempt),
                               .identity = lull_json_dup(lull_json_object(cuts, backup->volume))};

        g_array_append_val(rows, row);
    }
    return rows;
}

gboolean
lull_csi_followed_see(LullCsiFollowed *self, LullJson *snapshot)
{
    LullJson *status = lull_json_object(snapshot, "status");
    const gboolean there = snapshot && !lull_meta_is_deleting(snapshot) &&
                           lull_csi_identity_has_snapshot(self->identity, snapshot);
    const gboolean ready = lull_json_bool(status, "readyToUse", FALSE);
    const char *error = lull_json_string(lull_json_object(status, "error"), "message", NULL);

    if (self->there == there && self->ready == ready && g_strcmp0(self->error, error) == 0)
        return FALSE;
    self->there = there;
    self->ready = ready;
    g_free(self->error);
    self->error = g_strdup(error);
    return TRUE;
}

LullCsiState
lull_csi_follow_decide(const LullCsiFollowed *rows, guint n, guint *ret_permille, char **ret_problem)
{
    g_autoptr(GString) missing = g_string_new(NULL);
    const LullCsiFollowed *wrong = NULL;
    guint ready = 0;

    for (guint i = 0; i < n; i++) {
        if (!rows[i].there)
            g_string_append_printf(missing, "%s%s", missing->len ? "," : "", rows[i].name);
        else if (rows[i].ready)
            ready++;
        else if (rows[i].error && !wrong)
            wrong = &rows[i];
    }
    *ret_permille = n ? ready * 1000 / n : 1000;
    *ret_problem = NULL;
    if (missing->len) {
        *ret_problem = g_strdup_printf("VolumeSnapshots (%s) missing", missing->str);
        return LULL_CSI_MISSING;
    }
    if (wrong)
        *ret_problem = g_strdup_printf("VolumeSnapshot %s error: %s", wrong->name, wrong->error);
    return ready == n ? LULL_CSI_READY : LULL_CSI_UNREADY;
}
