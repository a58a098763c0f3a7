/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/orphan.h"

#include <string.h>

#include "coordinator/storage/backup-job.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/pull/run.h"
#include "protocol/error.h"

#define ATTEMPT ".attempt-"

/* An attempt comes after all that were before it, of which none goes on. */
static gboolean
is_earlier(const char *name, const char *content_uid, guint number)
{
    g_autofree char *start = g_strconcat(content_uid, ATTEMPT, NULL);
    guint64 n = 0;

    return g_str_has_prefix(name, start) &&
           g_ascii_string_to_unsigned(name + strlen(start), 10, 1, number, &n, NULL);
}

gboolean
lull_orphan_is(const char *name, LullJson *attempt, const char *content_uid, guint number)
{
    return !attempt || lull_json_bool(attempt, "failed", FALSE) || lull_json_bool(attempt, "copied", FALSE) ||
           is_earlier(name, content_uid, number);
}

static gboolean
end(LullBackupStorage *self, LullDomain *domain, const char *folder, LullJson *attempt, GError **error)
{
    g_autofree char *below = g_strconcat(folder, "/", NULL);

    g_warning("the backup job into %s is not needed any more: it is ended", folder);
    lull_copies_stop(self->copies, below);
    if (!lull_backup_abort(domain, folder, error))
        return FALSE;
    lull_pull_clear_scratch(folder, attempt);
    return TRUE;
}

gboolean
lull_orphan_end(LullBackupStorage *self, LullDomain *domain, const char *content_uid, guint number,
                GError **error)
{
    g_autofree char *name = NULL;
    g_autofree char *folder = NULL;
    g_autoptr(LullJson) attempt = NULL;
    g_autoptr(GError) problem = NULL;

    if (!lull_backup_find_place(domain, self->directory, &name, error))
        return FALSE;
    if (!name)
        return TRUE;
    folder = g_build_filename(self->directory, name, NULL);
    attempt = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, &problem);
    if (problem && !lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (!lull_orphan_is(name, attempt, content_uid, number) ||
        (lull_copies_has(self->copies, folder) && !is_earlier(name, content_uid, number)))
        return TRUE;
    return end(self, domain, folder, attempt, error);
}
