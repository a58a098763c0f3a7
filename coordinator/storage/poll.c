/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/link.h"
#include "coordinator/storage/backup-job.h"
#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/checkpoint.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/image-whole.h"
#include "coordinator/storage/image.h"
#include "coordinator/storage/offline.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define LOCK_USEC LULL_SEC(2) /* for a snapshot that is just prepared */

void
lull_copy_progress_clear(LullCopyProgress *self)
{
    g_clear_pointer(&self->problem, g_free);
}

static void
fail(LullCopyProgress *progress, LullCopyState state, const char *problem)
{
    progress->state = state;
    progress->problem = g_strdup(problem);
}

/* Of what is not copied whole by one job they tell nothing: part of it was there before the cut. */
static gboolean
targets_are_whole(const char *folder, LullJson *attempt)
{
    LullJson *volumes = lull_json_array(attempt, "volumes");

    if (lull_attempt_ahead(attempt))
        return FALSE;
    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        g_autofree char *path = g_build_filename(folder, lull_json_string(volume, "file", ""), NULL);

        if (g_str_equal(lull_json_string(volume, "copy", ""), "incremental") || !lull_image_is_whole(path))
            return FALSE;
    }
    return volumes != NULL;
}

static gboolean
judge_end(LullBackupStorage *self, LullDomain *domain, const char *folder, LullJson *attempt,
          LullCopyProgress *progress, GError **error)
{
    g_auto(LullFinishedJob) job = {0};
    const int active = virDomainIsActive(domain);
    guint64 total = 0;
    const int seen = lull_host_job_result(self->host, lull_json_string(attempt, "vm", ""), &total);
    const char *problem = NULL;

    if (active < 0)
        return lull_link_error(error, "state of the virtual machine");
    if (!lull_backup_read_finished(domain, &job, error))
        return FALSE;
    progress->state = lull_backup_judge(attempt, &job, seen, total, active == 1, &problem);
    if (progress->state != LULL_COPY_DONE && !lull_backup_has_failed(&job, seen) &&
        targets_are_whole(folder, attempt)) {
        progress->state = LULL_COPY_DONE; /* nobody remembers, or not all of it: the data tell */
        return TRUE;
    }
    progress->problem = g_strdup(problem);
    return TRUE;
}

/* A job has ended before QEMU has let go of what it wrote to: the last tables come when it closes an image,
 * and what is summed up before is not what is there after. */
static gboolean
are_closed(const char *folder, LullJson *attempt)
{
    LullJson *volumes = lull_json_array(attempt, "volumes");

    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        g_autofree char *path = g_build_filename(folder, lull_json_string(volume, "file", ""), NULL);

        if (lull_image_is_open(path))
            return FALSE;
    }
    return TRUE;
}

/* When QEMU closes what it has written, it waits until all of that is on disk, and the guest with it. */
static void
write_out(const char *folder, LullJson *attempt)
{
    LullJson *volumes = lull_json_array(attempt, "volumes");

    for (size_t i = 0; volumes && i < json_object_array_length(volumes); i++) {
        LullJson *volume = json_object_array_get_idx(volumes, i);
        g_autofree char *path = g_build_filename(folder, lull_json_string(volume, "file", ""), NULL);

        lull_folder_write_out(path);
    }
}

/* Its use is over with the cut. */
static void
drop_ahead(LullDomain *domain, LullJson *attempt)
{
    const char *name = lull_attempt_ahead(attempt);
    g_autoptr(GError) problem = NULL;

    if (name && !lull_checkpoint_remove_one(domain, name, &problem))
        g_message("checkpoint %s stays until the next snapshot: %s", name, problem->message);
}

/* libvirt forgets; from here on we know by ourselves, and look no more. */
static gboolean
write_end(const char *folder, LullJson *attempt, const LullCopyProgress *progress, GError **error)
{
    lull_json_set_bool(attempt, progress->state == LULL_COPY_DONE ? "copied" : "failed", TRUE);
    lull_json_set_string(attempt, "problem", progress->problem);
    return lull_folder_write(folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), error);
}

static gboolean
poll_attempt(LullBackupStorage *self, const char *vm_uid, const char *folder, LullJson *attempt,
             LullCopyProgress *progress, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullLink) link = lull_link_borrow(self->host, error);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, vm_uid, &problem) : NULL;
    gboolean running = FALSE;

    if (!link)
        return FALSE;
    if (!domain) {
        if (!lull_error_is(problem, LULL_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        fail(progress, LULL_COPY_FAILED, "the virtual machine is gone");
        return TRUE;
    }
    if (!lull_backup_find(domain, folder, &running, &progress->permille, error))
        return FALSE;
    if (running) {
        write_out(folder, attempt);
        progress->state = LULL_COPY_RUNNING;
        return TRUE;
    }
    if (!judge_end(self, domain, folder, attempt, progress, error))
        return FALSE;
    if (progress->state != LULL_COPY_DONE && progress->state != LULL_COPY_FAILED)
        return TRUE;
    if (progress->state == LULL_COPY_DONE && !are_closed(folder, attempt)) {
        progress->state = LULL_COPY_RUNNING;
        progress->permille = 999;
        return TRUE;
    }
    drop_ahead(domain, attempt);
    return write_end(folder, attempt, progress, error);
}

/* What was written down of the end, if it was. */
static gboolean
read_end(LullJson *attempt, LullCopyProgress *progress)
{
    if (lull_json_bool(attempt, "failed", FALSE)) {
        fail(progress, LULL_COPY_FAILED, lull_json_string(attempt, "problem", "the copying failed"));
        return TRUE;
    }
    progress->state = LULL_COPY_DONE;
    return lull_json_bool(attempt, "copied", FALSE);
}

/* Its end may have been written down while the lock was waited for, and libvirt made to forget. */
static gboolean
poll_locked(LullBackupStorage *self, const char *vm_uid, const char *folder, LullCopyProgress *progress,
            GError **error)
{
    g_autoptr(LullJson) attempt = NULL;
    gboolean ok;

    if (!lull_chain_lock(self->additions, vm_uid, LOCK_USEC, NULL, error))
        return FALSE;
    attempt = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, error);
    ok = attempt &&
         (read_end(attempt, progress) || poll_attempt(self, vm_uid, folder, attempt, progress, error));
    lull_chain_unlock(self->additions, vm_uid);
    return ok;
}

/* The next job's end would be taken for that of one whose end nobody knows. */
static gboolean
note_end(LullBackupStorage *self, const char *vm_uid, const char *folder, LullJson *attempt, GError **error)
{
    g_auto(LullCopyProgress) progress = {LULL_COPY_RUNNING};

    if (read_end(attempt, &progress))
        return TRUE;
    if (!poll_attempt(self, vm_uid, folder, attempt, &progress, error))
        return FALSE;
    if (progress.state == LULL_COPY_ABSENT)
        return write_end(folder, attempt, &progress, error);
    if (progress.state != LULL_COPY_RUNNING)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "the copy in %s is not over yet", folder);
    return FALSE;
}

/* What means nothing is no attempt that could be taken for whole. */
static gboolean
read_attempt(const char *folder, LullJson **ret_attempt, GError **error)
{
    g_autoptr(GError) problem = NULL;

    *ret_attempt = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, &problem);
    if (*ret_attempt || lull_error_is(problem, LULL_ERROR_NOT_FOUND) ||
        lull_error_is(problem, LULL_ERROR_INVALID))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

gboolean
lull_backup_note_ends(LullBackupStorage *self, const char *vm_uid, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(self->directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *folder = g_build_filename(self->directory, name, NULL);
        g_autoptr(LullJson) attempt = NULL;

        if (!lull_folder_is_attempt(name))
            continue;
        if (!read_attempt(folder, &attempt, error))
            return FALSE;
        if (attempt && g_strcmp0(lull_json_string(attempt, "vm", NULL), vm_uid) == 0 &&
            !lull_offline_is(attempt) && !note_end(self, vm_uid, folder, attempt, error))
            return FALSE;
    }
    return TRUE;
}

/* One that an earlier life was at is begun again, if the images are what they were. */
static gboolean
poll_offline(LullBackupStorage *self, const char *folder, LullJson *attempt, LullCopyProgress *progress,
             GError **error)
{
    g_autoptr(GError) problem = NULL;
    LullOffline *offline;

    if (lull_offline_jobs_look(self->offline, folder, progress))
        return TRUE;
    if (read_end(attempt, progress))
        return TRUE;
    offline = lull_offline_again(attempt, &problem);
    if (offline) {
        lull_offline_jobs_start(self->offline, folder, offline);
    } else if (lull_error_is(problem, LULL_ERROR_CONFLICT)) {
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
    } else if (!poll_locked(self, vm_uid, folder, &progress, error)) {
        return FALSE;
    }
    *ret_progress = progress;
    progress.problem = NULL;
    return TRUE;
}
