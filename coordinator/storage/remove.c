/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/guest/link.h"
#include "coordinator/storage/backup-job.h"
#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/checkpoint.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/merge.h"
#include "coordinator/storage/pull/run.h"
#include "coordinator/storage/pull/socket.h"
#include "protocol/clock.h"
#include "protocol/error.h"

/* How long a removal waits for a restore or a check: after that its caller tries again. */
#define LOCK_USEC LULL_SEC(2)

/* The job that needs @folder, and the checkpoints that were made for it: of attempt @attempt, 0: of all. A
 * machine that is gone has neither. */
static gboolean
clear_machine(LullBackupStorage *self, const char *vm_uid, const char *folder, const char *content_uid,
              guint attempt, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autofree char *name = lull_checkpoint_name(content_uid, attempt);
    g_autofree char *prefix = g_strconcat(LULL_CHECKPOINT_PREFIX, content_uid, "-", NULL);
    g_autoptr(LullLink) link = lull_link_borrow(self->host, error);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, vm_uid, &problem) : NULL;

    if (!link)
        return FALSE;
    if (domain)
        return (attempt ? lull_backup_abort(domain, folder, error)
                        : lull_backup_abort_attempts(domain, folder, error)) &&
               (attempt ? lull_checkpoint_remove_one(domain, name, error)
                        : lull_checkpoint_remove(domain, prefix, NULL, error));
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND) || lull_error_is(problem, LULL_ERROR_INVALID))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

gboolean
lull_backup_settle(LullBackupStorage *self, const char *content_uid, GCancellable *cancel, GError **error)
{
    g_autoptr(GPtrArray) members = lull_lineage_read(self->directory, NULL, error);
    const LullMember *member = members ? lull_lineage_find(members, content_uid) : NULL;

    if (!members)
        return FALSE;
    for (guint i = 0; member && member->parent && i < members->len; i++) {
        g_autofree char *heir = lull_merge_heir(self->directory, member->parent);

        if (g_strcmp0(heir, member->uid) == 0 &&
            !lull_merge_run(self->directory, member->parent, member->uid, cancel, error))
            return FALSE;
        member = lull_lineage_find(members, member->parent);
    }
    return TRUE;
}

static gboolean
merge_into_child(LullBackupStorage *self, GPtrArray *members, const char *content_uid, GCancellable *cancel,
                 GError **error)
{
    const LullMember *child = lull_lineage_child(members, content_uid);

    if (!lull_lineage_is_line(members, content_uid)) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_INVALID,
            "content %s: two are based on it, of which content %s is one, and only one could take over "
            "what it needs: delete one of the two first",
            content_uid, child->uid);
        return FALSE;
    }
    /* what goes as well needs nothing of it */
    if (!child || lull_lineage_all_removing(members, content_uid))
        return TRUE;
    if (child->attempt) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_BUSY,
            "content %s: content %s, which is just being made, is based on it: try again when that is "
            "whole",
            content_uid, child->uid);
        return FALSE;
    }
    return lull_backup_settle(self, content_uid, cancel, error) &&
           lull_merge_run(self->directory, content_uid, child->uid, cancel, error);
}

static gboolean
remove_folders(LullBackupStorage *self, const char *content_uid, GError **error)
{
    g_autoptr(GPtrArray) all = lull_folder_list(self->directory, content_uid);

    for (guint i = 0; i < all->len; i++)
        if (!lull_folder_remove(g_ptr_array_index(all, i), error))
            return FALSE;
    return TRUE;
}

/* The restore that has begun to put it in place and was interrupted; what it needs to go on stays. */
static gboolean
check_not_begun(const char *folder, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (!g_str_has_prefix(name, LULL_FOLDER_RESTORING))
            continue;
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_BUSY,
            "%s: the restore with the uid %s has begun to put it in place: wait for it, or delete it; "
            "where there is no such restore any more, remove %s/%s",
            folder, name + strlen(LULL_FOLDER_RESTORING), folder, name);
        return FALSE;
    }
    return TRUE;
}

/* Those that died while they copied, and cannot find what they left once the content is gone. */
static gboolean
drop_copies(LullBackupStorage *self, const char *content_uid, const char *folder, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        if (g_str_has_prefix(name, LULL_FOLDER_COPYING) &&
            !lull_backup_drop_restore((LullStorage *)self, content_uid, name + strlen(LULL_FOLDER_COPYING),
                                      error))
            return FALSE;
    return TRUE;
}

static gboolean
free_of_restores(LullBackupStorage *self, const char *content_uid, const char *folder, GError **error)
{
    return check_not_begun(folder, error) && drop_copies(self, content_uid, folder, error);
}

/* What is there, with nobody just adding to it. After the mark none does so below what goes. */
static GPtrArray *
read_members(LullBackupStorage *self, const char *vm, GCancellable *cancel, GError **error)
{
    GPtrArray *members;

    if (!lull_chain_lock(self->additions, vm, LOCK_USEC, cancel, error))
        return NULL;
    members = lull_lineage_read(self->directory, NULL, error);
    lull_chain_unlock(self->additions, vm);
    return members;
}

/* On a full disk it cannot say that it goes. Where nothing is based on it it goes all the same, with nobody
 * just adding to it: it is what makes room. @problem: what to say where not. */
static gboolean
remove_unmarked(LullBackupStorage *self, const char *content_uid, const char *vm, GCancellable *cancel,
                const GError *problem, GError **error)
{
    g_autoptr(GPtrArray) members = NULL;
    gboolean ok;

    if (!lull_chain_lock(self->additions, vm, LOCK_USEC, cancel, error))
        return FALSE;
    members = lull_lineage_read(self->directory, NULL, error);
    ok = members && !lull_lineage_child(members, content_uid) && remove_folders(self, content_uid, error);
    lull_chain_unlock(self->additions, vm);
    if (!ok && error && !*error)
        *error = g_error_copy(problem);
    return ok;
}

static gboolean
remove_marked(LullBackupStorage *self, const char *content_uid, const char *vm, GCancellable *cancel,
              GError **error)
{
    g_autoptr(GPtrArray) members = read_members(self, vm, cancel, error);

    return members && merge_into_child(self, members, content_uid, cancel, error) &&
           remove_folders(self, content_uid, error);
}

/* Says first that it goes, so that of a whole chain that goes nothing is merged. */
static gboolean
remove_from_chain(LullBackupStorage *self, const char *content_uid, const char *vm, const char *folder,
                  GCancellable *cancel, GError **error)
{
    g_autoptr(GError) problem = NULL;
    const gboolean marked = lull_merge_mark(folder, &problem);
    gboolean ok;

    if (!marked && !lull_error_is(problem, LULL_ERROR_NO_SPACE)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (!lull_chain_lock(self->chains, vm, LOCK_USEC, cancel, error))
        return FALSE;
    ok = free_of_restores(self, content_uid, folder, error) &&
         (marked ? remove_marked(self, content_uid, vm, cancel, error)
                 : remove_unmarked(self, content_uid, vm, cancel, problem, error));
    lull_chain_unlock(self->chains, vm);
    return ok;
}

/* Nothing can be based on it. */
static gboolean
remove_alone(LullBackupStorage *self, const char *content_uid, const char *vm, const char *folder,
             GCancellable *cancel, GError **error)
{
    gboolean ok;

    if (!lull_chain_lock(self->chains, vm, LOCK_USEC, cancel, error))
        return FALSE;
    ok = free_of_restores(self, content_uid, folder, error) && remove_folders(self, content_uid, error);
    lull_chain_unlock(self->chains, vm);
    return ok;
}

/* One whose manifest means nothing may still be what others are based on. */
static gboolean
remove_content(LullBackupStorage *self, const char *vm_uid, const char *content_uid, const char *folder,
               GCancellable *cancel, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) manifest = lull_manifest_read(folder, &problem);
    const char *vm = lull_json_string(manifest, "vm", vm_uid ? vm_uid : content_uid);

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return remove_folders(self, content_uid, error);
    if (manifest && !lull_json_string(manifest, "checkpoint", NULL))
        return remove_alone(self, content_uid, vm, folder, cancel, error);
    if (!manifest && !lull_error_is(problem, LULL_ERROR_INVALID)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    return remove_from_chain(self, content_uid, vm, folder, cancel, error);
}

/* Nobody waits for it any more, whatever becomes of its data. As far as it goes: where it cannot be written,
 * what could be based on the same is copied whole. */
static void
give_up(const char *folder)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) attempt = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, &problem);

    if (attempt) {
        lull_json_set_bool(attempt, "failed", TRUE);
        lull_folder_write(folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), &problem);
    }
    if (problem && !lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        g_message("%s", problem->message);
}

gboolean
lull_backup_remove(LullStorage *storage, const char *vm_uid, const char *content_uid, guint attempt,
                   GCancellable *cancel, GError **error)
{
    LullBackupStorage *self = (LullBackupStorage *)storage;
    g_autofree char *folder = lull_folder_path(self->directory, content_uid, attempt, error);
    g_autofree char *below = folder ? g_strconcat(folder, attempt ? "/" : "", NULL) : NULL;

    if (folder)
        lull_copies_stop(self->copies, below);
    if (folder && attempt)
        give_up(folder);
    if (!folder || (vm_uid && !clear_machine(self, vm_uid, folder, content_uid, attempt, error)))
        return FALSE;
    lull_pull_socket_clear(self->directory, content_uid, attempt);
    return attempt ? lull_folder_remove(folder, error)
                   : remove_content(self, vm_uid, content_uid, folder, cancel, error);
}
