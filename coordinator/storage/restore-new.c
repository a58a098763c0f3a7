/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <libvirt/virterror.h>
#include <string.h>

#include "coordinator/guest/vm-copy.h"
#include "coordinator/guest/vm-definition.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/new-files.h"
#include "coordinator/storage/occupied.h"
#include "coordinator/storage/restore-private.h"
#include "protocol/error.h"
#include "protocol/step.h"

/* A new machine: its files grow under names of this restore only, get their own names as second ones, which
 * takes nobody's place, and the definition comes last; then the first names go. A file whose own name leads
 * to the same as the first one is ours, whoever is killed meanwhile; once libvirt knows the machine, its
 * files are the machine's. */

typedef struct {
    LullRestore base;
    const LullNewMachine *wanted;
    const char *uid; /* of the restore, and of the machine */
    char *nvram;     /* its own; NULL: none */
    char *xml;
    LullNewFiles files;
} NewMachine;

static void
clear(NewMachine *self)
{
    g_free(self->nvram);
    g_free(self->xml);
    lull_new_files_clear(&self->files);
    lull_restore_clear(&self->base);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NewMachine, clear)

static gboolean
is_there(LullLink *link, const char *uid, gboolean *ret_there, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullDomain) domain = lull_link_domain(link, uid, &problem);

    *ret_there = domain != NULL;
    if (domain || lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* Beside the file that the volume was, whatever that is called. */
static gboolean
aim_volume(NewMachine *self, LullRestoreVolume *volume, GError **error)
{
    const char *name = lull_json_string(volume->row, "name", "");
    const char *wanted = lull_json_string(self->wanted->files, name, NULL);
    g_autofree char *parent = g_path_get_dirname(volume->source);
    g_autofree char *file = NULL;
    g_autofree char *target = NULL;

    if (volume->block) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
            "volume %s is the block device %s: a new virtual machine would need one of its own, which is "
            "not made here; restore it onto the machine itself",
            name, volume->source);
        return FALSE;
    }
    if (!wanted || strchr(wanted, '/')) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "volume %s: no name is planned for its file",
                    name);
        return FALSE;
    }
    file = g_strconcat(wanted, ".", lull_json_string(volume->row, "sourceFormat", "raw"), NULL);
    target = g_build_filename(parent, file, NULL);
    lull_restore_aim(volume, target, self->uid);
    g_ptr_array_add(self->files.paths, g_steal_pointer(&target));
    return TRUE;
}

static void
aim_nvram(NewMachine *self)
{
    const char *old = lull_json_string(self->base.manifest, "nvram", NULL);
    g_autofree char *parent = old ? g_path_get_dirname(old) : NULL;
    g_autofree char *file = g_strconcat(self->wanted->name, "_VARS.fd", NULL);

    if (!old)
        return;
    self->nvram = g_build_filename(parent, file, NULL);
    g_ptr_array_add(self->files.paths, g_strdup(self->nvram));
}

static gboolean
aim(NewMachine *self, GError **error)
{
    for (guint i = 0; i < self->base.volumes->len; i++)
        if (!aim_volume(self, g_ptr_array_index(self->base.volumes, i), error))
            return FALSE;
    aim_nvram(self);
    return TRUE;
}

static gboolean
write_definition(NewMachine *self, GError **error)
{
    g_autofree char *stored = lull_restore_read_file(&self->base, LULL_FOLDER_DOMAIN, NULL, error);
    g_autoptr(LullJson) disks = json_object_new_object();
    g_autofree char *copy = NULL;
    const LullVmCopy wanted = {self->wanted->name, self->uid, disks, self->nvram, self->wanted->patches};

    for (guint i = 0; i < self->base.volumes->len; i++) {
        const LullRestoreVolume *volume = g_ptr_array_index(self->base.volumes, i);

        lull_json_set_string(disks, lull_json_string(volume->row, "disk", ""), volume->target);
    }
    copy = stored ? lull_vm_copy(stored, &wanted, error) : NULL;
    self->xml = copy ? lull_vm_definition_mark(copy, !lull_restore_is_at_rest(&self->base), error) : NULL;
    return self->xml != NULL;
}

static gboolean
load(NewMachine *self, const char *content_uid, GError **error)
{
    return lull_restore_load_volumes(&self->base, content_uid, self->uid, error) &&
           lull_restore_load_files(&self->base, content_uid, self->uid, error) && aim(self, error);
}

/* Nobody has its name, or a file that it is to have. */
static gboolean
check_free(const NewMachine *self, GError **error)
{
    return lull_new_files_check_free(&self->files, error) &&
           lull_occupied_check(self->base.link, self->uid, self->wanted->name, self->files.paths, error);
}

/* There is a folder for each. */
static gboolean
check_places(const NewMachine *self, GError **error)
{
    for (guint i = 0; i < self->files.paths->len; i++)
        if (!lull_restore_check_place("image", self->files.paths->pdata[i], error))
            return FALSE;
    return TRUE;
}

static gboolean
mark(const NewMachine *self, GError **error)
{
    g_autofree char *text = lull_new_files_text(&self->files);

    return lull_restore_mark(&self->base, LULL_FOLDER_COPYING, self->uid, text, error);
}

static gboolean
has_path(GPtrArray *paths, const char *path)
{
    return g_ptr_array_find_with_equal_func(paths, path, g_str_equal, NULL);
}

/* What an earlier try left; elsewhere, where the folders of the machine's files are others by now. */
static gboolean
take_mark(NewMachine *self, LullJson *mark, GError **error)
{
    g_auto(LullNewFiles) left = {NULL};

    lull_new_files_init(&left, self->uid);
    lull_new_files_read(&left, mark);
    for (guint i = left.paths->len; i-- > 0;)
        if (has_path(self->files.paths, left.paths->pdata[i]))
            g_ptr_array_remove_index(left.paths, i);
    if (!lull_new_files_take_back(&left, self->base.link, error))
        return FALSE;
    lull_new_files_take_records(&self->files, mark);
    return lull_new_files_check_unchanged(&self->files, error);
}

static gboolean
copy_nvram(const NewMachine *self, GError **error)
{
    g_autofree char *fresh = self->nvram ? lull_restore_fresh_name(self->nvram, self->uid) : NULL;

    return !fresh || lull_new_files_has(&self->files, self->nvram) ||
           lull_restore_copy_nvram(&self->base, fresh, error);
}

static gboolean
define(const NewMachine *self, GError **error)
{
    virDomainPtr domain = virDomainDefineXML(lull_link_connection(self->base.link), self->xml);
    const int code = domain ? VIR_ERR_OK : virGetLastErrorCode();

    if (code == VIR_ERR_XML_ERROR || code == VIR_ERR_XML_DETAIL || code == VIR_ERR_XML_INVALID_SCHEMA ||
        code == VIR_ERR_OS_TYPE) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "defining the new virtual machine: libvirt does not take what was stored any more: %s",
                    virGetLastErrorMessage());
        return FALSE;
    }
    if (!domain)
        return lull_link_error(error, "defining the new virtual machine");
    virDomainFree(domain);
    return TRUE;
}

/* Whoever lost the answer to the definition does not know whether there is a machine that has the files. */
static gboolean
take_back(LullLink *link, const LullNewFiles *files, GError **error)
{
    gboolean made = FALSE;

    if (!is_there(link, files->uid, &made, error))
        return FALSE;
    if (!made)
        return lull_new_files_take_back(files, link, error);
    lull_new_files_settle(files);
    return TRUE;
}

static gboolean
finish(const NewMachine *self, GError **error)
{
    if (!lull_restore_is_marked(&self->base, LULL_FOLDER_RESTORED, self->uid) &&
        !lull_restore_mark(&self->base, LULL_FOLDER_RESTORED, self->uid, "", error))
        return FALSE;
    lull_new_files_settle(&self->files);
    lull_restore_unmark_all(self->base.folder, self->uid);
    lull_step(LULL_STEP_COORDINATOR_RESTORE_DEFINED);
    return TRUE;
}

/* Recorded before any file has a name that a machine may be made of. */
static gboolean
copy(NewMachine *self, GError **error)
{
    if (!lull_restore_copy_files(&self->base, error) || !copy_nvram(self, error))
        return FALSE;
    lull_new_files_record(&self->files);
    return mark(self, error);
}

static gboolean
make(NewMachine *self, GError **error)
{
    if (!lull_new_files_try(&self->files, error) || !copy(self, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_RESTORE_COPIED);
    if (!lull_new_files_place(&self->files, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_RESTORE_SWAPPED);
    return check_free(self, error) && lull_new_files_check_unchanged(&self->files, error) &&
           define(self, error);
}

/* Has it been made? Then nothing that it was made of matters any more. */
static gboolean
is_made(NewMachine *self, gboolean *ret_made, GError **error)
{
    *ret_made = lull_restore_is_marked(&self->base, LULL_FOLDER_RESTORED, self->uid);
    if (*ret_made)
        return TRUE;
    self->base.link = lull_link_borrow(self->base.storage->host, error);
    return self->base.link && is_there(self->base.link, self->uid, ret_made, error);
}

static gboolean
prepare(NewMachine *self, const char *content_uid, LullJson *marked, GError **error)
{
    return lull_backup_settle(self->base.storage, content_uid, self->base.cancel, error) &&
           load(self, content_uid, error) && take_mark(self, marked, error) &&
           write_definition(self, error) && check_free(self, error) && check_places(self, error) &&
           mark(self, error);
}

/* Such a one may go better next time, and what is finished by then stays for it. */
static gboolean
is_passing(const GError *error)
{
    return !lull_error_is(error, LULL_ERROR_INVALID) && !lull_error_is(error, LULL_ERROR_UNSUPPORTED) &&
           !lull_error_is(error, LULL_ERROR_DENIED) && !lull_error_is(error, LULL_ERROR_NO_SPACE);
}

static gboolean
run(NewMachine *self, const char *content_uid, GError **error)
{
    g_autoptr(LullJson) marked = NULL;
    g_autoptr(GError) problem = NULL;
    gboolean made = FALSE;

    if (!lull_restore_read_mark(self->base.folder, self->uid, &marked, error) || !is_made(self, &made, error))
        return FALSE;
    lull_new_files_init(&self->files, self->uid);
    if (made) {
        lull_new_files_read(&self->files, marked);
        return finish(self, error);
    }
    if (!prepare(self, content_uid, marked, error))
        return FALSE;
    if (make(self, &problem))
        return finish(self, error);
    if (!is_passing(problem) && take_back(self->base.link, &self->files, NULL))
        lull_restore_unmark_all(self->base.folder, self->uid);
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

/* Paths are made of it. */
static gboolean
check_name(const char *name, GError **error)
{
    if (lull_name_is_valid(name))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "new virtual machine \"%.64s\": that is no name: it has to consist of lower case letters, "
                "digits, '-' and '.'",
                name);
    return FALSE;
}

gboolean
lull_backup_restore_new(LullStorage *storage, const char *content_uid, const LullNewMachine *wanted,
                        const char *restore_uid, void (*progress)(guint permille, gpointer user_data),
                        gpointer user_data, GCancellable *cancel, GError **error)
{
    LullBackupStorage *backups = (LullBackupStorage *)storage;
    char *folder =
        check_name(wanted->name, error) ? lull_folder_path(backups->directory, content_uid, 0, error) : NULL;
    g_autoptr(LullJson) manifest = folder ? lull_manifest_read(folder, error) : NULL;
    const char *source = lull_json_string(manifest, "vm", "");
    g_auto(NewMachine) self = {
        .base = {.storage = backups,
                 .folder = folder,
                 .progress = progress,
                 .user_data = user_data,
                 .cancel = cancel,
                 LULL_RESTORE_NEW},
        .wanted = wanted,
        .uid = restore_uid,
    };
    gboolean ok;

    if (!manifest || !lull_chain_lock(backups->chains, source, G_MAXINT64 / 2, cancel, error))
        return FALSE;
    ok = run(&self, content_uid, error);
    lull_chain_unlock(backups->chains, source);
    return ok;
}

gboolean
lull_restore_new_drop(LullBackupStorage *storage, LullJson *mark, const char *restore_uid, gboolean made,
                      GError **error)
{
    g_auto(LullNewFiles) files = {NULL};
    g_autoptr(LullLink) link = NULL;

    lull_new_files_init(&files, restore_uid);
    lull_new_files_read(&files, mark);
    if (made)
        lull_new_files_settle(&files);
    if (made || files.paths->len == 0)
        return TRUE;
    link = lull_link_borrow(storage->host, error);
    return link && take_back(link, &files, error);
}
