/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/link.h"
#include "coordinator/storage/backup-job.h"
#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/offline.h"
#include "coordinator/storage/pull/guard.h"
#include "coordinator/storage/pull/run.h"
#include "protocol/error.h"
#include "protocol/step.h"

static void
fail(LullCopyProgress *progress, LullCopyState state, const char *problem)
{
    progress->state = state;
    progress->problem = g_strdup(problem);
}

/* What was written down of the end, if it was. */
static gboolean
read_end(LullJson *attempt, LullCopyProgress *progress)
{
    if (lull_json_bool(attempt, "failed", FALSE))
        fail(progress, LULL_COPY_FAILED, lull_json_string(attempt, "problem", "the copying failed"));
    else if (lull_json_bool(attempt, "copied", FALSE))
        progress->state = LULL_COPY_DONE;
    return progress->state != LULL_COPY_RUNNING;
}

/* One attempt of a machine that runs. */
typedef struct {
    LullBackupStorage *storage;
    const char *folder;
    LullJson *attempt;
} Pull;

/* What is based on it, and whoever wants room, has to know as well. */
static gboolean
lose(const Pull *self, LullCopyProgress *progress, LullCopyState state, const char *why, GError **error)
{
    g_autoptr(GError) problem = NULL;

    lull_json_set_bool(self->attempt, "failed", TRUE);
    lull_json_set_string(self->attempt, "problem", why);
    if (!lull_folder_write(self->folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(self->attempt), &problem))
        g_warning("%s", problem->message);
    fail(progress, state, why);
    return lull_pull_end(self->storage, self->folder, self->attempt, error);
}

/* Whoever ended it may have said why. */
static gboolean
lose_job(const Pull *self, LullCopyProgress *progress, GError **error)
{
    g_autofree char *why = lull_pull_guard_why(self->folder);

    return lose(self, progress, why ? LULL_COPY_FAILED : LULL_COPY_ABSENT,
                why ? why : "there is no backup job: it never began, or somebody ended it", error);
}

/* It is begun, by this life too: the job is still there and shows what it did at the cut. */
static gboolean
begin_copy(const Pull *self, LullCopyProgress *progress, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullLink) link = NULL;
    g_autoptr(LullDomain) domain = NULL;
    gboolean runs = FALSE;
    int active = -1;

    if (lull_pull_borrow(self->storage, self->attempt, &link, &domain, &problem) &&
        lull_backup_find(domain, self->folder, &runs, &problem) && (active = virDomainIsActive(domain)) < 0)
        lull_link_error(&problem, "state of the virtual machine");
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (!domain)
        return lose(self, progress, LULL_COPY_FAILED, "the virtual machine is gone", error);
    if (!runs)
        return active ? lose_job(self, progress, error)
                      : lose(self, progress, LULL_COPY_FAILED,
                             "the guest stopped before its disks were copied: take a new snapshot", error);
    if (!lull_copies_start(self->storage->copies, self->folder, &lull_copy_kind_pull, self->storage, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_COPY_BEGUN);
    return TRUE;
}

static gboolean
poll_pull(const Pull *self, LullCopyProgress *progress, GError **error)
{
    if (lull_copies_look(self->storage->copies, self->folder, progress))
        return TRUE;
    return read_end(self->attempt, progress)
               ? lull_pull_end(self->storage, self->folder, self->attempt, error)
               : begin_copy(self, progress, error);
}

/* One that an earlier life was at is begun again, if the images are what they were. */
static gboolean
poll_offline(LullBackupStorage *self, const char *folder, LullJson *attempt, LullCopyProgress *progress,
             GError **error)
{
    g_autoptr(GError) problem = NULL;
    LullOffline *offline;

    if (lull_copies_look(self->copies, folder, progress))
        return TRUE;
    if (read_end(attempt, progress))
        return TRUE;
    offline = lull_offline_again(attempt, &problem);
    if (offline)
        return lull_copies_start(self->copies, folder, &lull_copy_kind_offline, offline, error);
    if (lull_error_is(problem, LULL_ERROR_CONFLICT)) {
        fail(progress, LULL_COPY_FAILED, problem->message);
    } else {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    return TRUE;
}

gboolean
lull_backup_poll(LullStorage *storage, const char *vm_uid, const char *content_uid, guint attempt,
                 LullCopyProgress *ret_progress, GError **error)
{
    LullBackupStorage *self = (LullBackupStorage *)storage;
    g_autofree char *folder = lull_folder_path(self->directory, content_uid, MAX(attempt, 1), error);
    g_autofree char *sealed = lull_folder_path(self->directory, content_uid, 0, NULL);
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};
    g_autoptr(LullJson) description = NULL;

    if (!folder)
        return FALSE;
    if (lull_folder_has_manifest(sealed) || lull_folder_has_manifest(folder)) {
        progress.state = LULL_COPY_DONE;
    } else if (!(description = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, NULL))) {
        fail(&progress, LULL_COPY_ABSENT, "the attempt has left nothing behind");
    } else if (lull_offline_is(description)) {
        if (!poll_offline(self, folder, description, &progress, error))
            return FALSE;
    } else if (!poll_pull(&(Pull){self, folder, description}, &progress, error)) {
        return FALSE;
    }
    *ret_progress = progress;
    progress.problem = NULL;
    return TRUE;
}
