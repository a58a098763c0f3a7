/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/libvirt-backup.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/guest/link.h"
#include "coordinator/storage/backup-job.h"
#include "coordinator/storage/backup-private.h"
#include "coordinator/storage/checkpoint.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/header.h"
#include "coordinator/storage/image-clusters.h"
#include "coordinator/storage/image.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/offline.h"
#include "coordinator/storage/orphan.h"
#include "coordinator/storage/pull/guard.h"
#include "coordinator/storage/pull/run.h"
#include "coordinator/storage/pull/socket.h"
#include "coordinator/storage/verify.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/step.h"

#define STORE_MODE        0711
#define VOLUMES_AT_A_TIME 8 /* copied: each takes memory, two threads, and its part of the disk's time */
#define LOCK_USEC         LULL_SEC(2) /* for others that look at or add to the chain, which is soon done */

typedef struct {
    LullCut cut;
    LullLink *link;
    LullDomain *domain;
    LullOffline *offline; /* NULL: it runs, or is being copied already */
    char *folder;
    char *uid;            /* the virtual machine's */
    char *xml;            /* NULL: nothing is to be cut */
    char *checkpoint_xml; /* NULL: none is made */
    LullJson *attempt;    /* as attempt.json has it */
} BackupCut;

/* Tables, and what is rounded up. */
static guint64
overhead(guint64 bytes)
{
    return bytes / 256 + 1024 * 1024;
}

/* What it takes up itself, and what shines through it. */
static guint64
allocation(const LullVmVolume *volume, const virDomainBlockInfo *info)
{
    const guint64 taken = info->allocation ? info->allocation : info->physical;
    const guint64 clusters = g_str_equal(volume->format, "raw") ? lull_image_clusters(volume->path) : 0;
    const guint64 own = MAX(taken, clusters);
    const guint64 behind =
        g_str_equal(volume->format, "qcow2") ? lull_image_allocated_behind(volume->path) : 0;

    return behind >= info->capacity ? info->capacity : MIN(info->capacity, own + behind);
}

static gboolean
measure(LullDomain *domain, const LullVm *vm, GArray *capacities, GArray *allocated, GError **error)
{
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        virDomainBlockInfo info = {0};
        guint64 capacity;
        guint64 taken;

        if (volume->excluded)
            continue;
        if (virDomainGetBlockInfo(domain, volume->disk, &info, 0) < 0) {
            g_autofree char *what = g_strdup_printf("size of disk %s", volume->disk);
            return lull_link_error(error, what);
        }
        capacity = info.capacity;
        taken = allocation(volume, &info);
        g_array_append_val(capacities, capacity);
        g_array_append_val(allocated, taken);
    }
    return TRUE;
}

/* Of a machine that is off, which is copied into what is there. */
static gboolean
make_targets(const LullVm *vm, const char *folder, const guint64 *capacities, GError **error)
{
    guint n = 0;

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        g_autofree char *path = g_strdup_printf("%s/%s.qcow2", folder, volume->name);

        if (!volume->excluded && !lull_image_create(path, capacities[n++], NULL, error))
            return FALSE;
    }
    return TRUE;
}

/* One that was never started has none yet. */
static gboolean
has_nvram(const LullVm *vm)
{
    return vm->nvram && (vm->state != LULL_VM_STOPPED || g_file_test(vm->nvram, G_FILE_TEST_EXISTS));
}

static gboolean
keep_nvram(const LullVm *vm, const char *folder, GError **error)
{
    g_autofree char *nvram = g_build_filename(folder, LULL_FOLDER_NVRAM, NULL);

    return !has_nvram(vm) || lull_folder_copy(vm->nvram, nvram, error);
}

static gboolean
fill_folder(const LullVm *vm, const char *folder, const guint64 *capacities, LullJson *attempt,
            GError **error)
{
    if (!has_nvram(vm))
        json_object_object_del(attempt, "nvram");
    if (!json_object_array_length(lull_json_array(attempt, "volumes")))
        lull_json_set_bool(attempt, "copied", TRUE); /* the definition is all there is */
    return (vm->state == LULL_VM_STOPPED ? make_targets(vm, folder, capacities, error)
                                         : lull_pull_make_scratch(vm, folder, capacities, error)) &&
           lull_folder_write(folder, LULL_FOLDER_DOMAIN, vm->xml, error) &&
           lull_folder_write(folder, LULL_FOLDER_ATTEMPT, lull_json_to_line(attempt), error);
}

static void
backup_cut_free(LullCut *data)
{
    BackupCut *cut = (BackupCut *)data;

    if (cut->domain)
        virDomainFree(cut->domain);
    lull_link_return(cut->link);
    g_clear_pointer(&cut->offline, lull_offline_free);
    g_free(cut->folder);
    g_free(cut->uid);
    g_free(cut->xml);
    g_free(cut->checkpoint_xml);
    lull_json_put(cut->attempt);
    g_free(cut);
}

static gboolean
is_distrusted(LullBackupStorage *self, const char *vm_uid)
{
    gboolean found;

    g_mutex_lock(&self->mutex);
    found = g_hash_table_remove(self->distrusted, vm_uid);
    g_mutex_unlock(&self->mutex);
    return found;
}

/* The next attempt does without, whatever was wrong with it. */
static void
distrust(LullBackupStorage *self, const char *vm_uid)
{
    g_mutex_lock(&self->mutex);
    g_hash_table_add(self->distrusted, g_strdup(vm_uid));
    g_mutex_unlock(&self->mutex);
}

static guint64
planned_need(const LullChainPlan *plan, const guint64 *capacities)
{
    guint64 need = 0;

    for (guint i = 0; i < plan->n; i++)
        need += plan->bytes[i] + overhead(capacities[i]);
    return need;
}

/* @ret_reserve: to be left free when the guest has overwritten much; 0: it is off. */
static gboolean
check_space(const LullBackupStorage *self, const LullVm *vm, const LullChainPlan *plan,
            const guint64 *capacities, const GArray *allocated, guint64 *ret_reserve, GError **error)
{
    const guint64 need = planned_need(plan, capacities);
    guint64 all = 0;
    guint64 free = 0;
    guint64 room = 0;

    for (guint i = 0; i < allocated->len; i++)
        all += g_array_index(allocated, guint64, i);
    if (vm->state != LULL_VM_STOPPED)
        room = lull_pull_room(need, all);
    if (!lull_folder_check_space(self->directory, need + room, error) ||
        !lull_folder_free_space(self->directory, &free, error))
        return FALSE;
    *ret_reserve = room ? lull_pull_reserve(room, all, free - MIN(free, need)) : 0;
    return TRUE;
}

/* Before there is a job that nobody looks after. */
static gboolean
start_guard(const LullBackupStorage *self, const BackupCut *cut, GError **error)
{
    return !cut->xml ||
           lull_pull_guard_start(lull_host_uri(self->host), cut->uid, cut->folder, self->lease, error);
}

/* With additions locked: from what they are to a description that says what this attempt is based on. */
static BackupCut *
prepare_locked(LullBackupStorage *self, LullDomain *domain, const LullVm *vm, const char *content_uid,
               guint attempt, const char *folder, const char *socket, GError **error)
{
    g_autoptr(GArray) sizes = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(GArray) allocated = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(LullChainPlan) plan = NULL;
    const guint64 *capacities;
    guint64 reserve;
    BackupCut *cut;

    if (!measure(domain, vm, sizes, allocated, error))
        return NULL;
    capacities = (const guint64 *)(const void *)sizes->data;
    plan = lull_chain_plan_new(domain, vm, self->directory, capacities,
                               (const guint64 *)(const void *)allocated->data, content_uid, attempt,
                               is_distrusted(self, vm->uid), error);
    if (!plan || !check_space(self, vm, plan, capacities, allocated, &reserve, error) ||
        !lull_folder_make(folder, error))
        return NULL;
    cut = g_new0(BackupCut, 1);
    cut->cut.storage = &self->storage;
    cut->uid = g_strdup(vm->uid);
    cut->folder = g_strdup(folder);
    cut->checkpoint_xml = lull_chain_plan_checkpoint_xml(plan, vm);
    cut->attempt = lull_attempt_new(vm, capacities, plan);
    if (socket) {
        cut->xml = plan->n ? lull_backup_xml(vm, folder, socket, plan) : NULL;
        lull_json_set_string(cut->attempt, LULL_PULL_SOCKET, socket);
        lull_json_set_int(cut->attempt, LULL_PULL_RESERVE, (gint64)reserve);
    }
    /* the NVRAM last: it is to fit the disks at the cut */
    if (fill_folder(vm, folder, capacities, cut->attempt, error) && start_guard(self, cut, error) &&
        keep_nvram(vm, folder, error))
        return cut;
    lull_folder_remove(folder, NULL);
    backup_cut_free(&cut->cut);
    return NULL;
}

static BackupCut *
prepare(LullBackupStorage *self, LullDomain *domain, const LullVm *vm, const char *content_uid, guint attempt,
        GError **error)
{
    g_autofree char *folder = lull_folder_path(self->directory, content_uid, attempt, error);
    g_autofree char *socket = NULL;
    BackupCut *cut = NULL;

    if (!folder || (vm->state != LULL_VM_STOPPED &&
                    !(socket = lull_pull_socket_new(domain, lull_host_uri(self->host), vm, self->directory,
                                                    content_uid, attempt, error))))
        return NULL;
    if (lull_chain_lock(self->additions, vm->uid, LOCK_USEC, NULL, error)) {
        cut = prepare_locked(self, domain, vm, content_uid, attempt, folder, socket, error);
        lull_chain_unlock(self->additions, vm->uid);
    }
    if (!cut)
        lull_pull_socket_clear(self->directory, content_uid, attempt);
    return cut;
}

static LullCut *
backup_prepare(LullStorage *storage, const LullVm *vm, const char *content_uid, guint attempt, GError **error)
{
    LullBackupStorage *self = (LullBackupStorage *)storage;
    g_autoptr(LullLink) link = lull_link_borrow(self->host, error);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, vm->uid, error) : NULL;
    g_autoptr(LullOffline) offline = NULL;
    const gboolean off = vm->state == LULL_VM_STOPPED;
    BackupCut *cut;

    if (!domain || (off && !(offline = lull_offline_new(self->host, domain, vm, error))) ||
        (!off && (!lull_orphan_end(self, domain, content_uid, MAX(attempt, 1), error) ||
                  !lull_backup_check_idle(domain, vm, error))) ||
        !(cut = prepare(self, domain, vm, content_uid, MAX(attempt, 1), error)))
        return NULL;
    cut->link = g_steal_pointer(&link);
    cut->domain = g_steal_pointer(&domain);
    cut->offline = g_steal_pointer(&offline);
    lull_step(LULL_STEP_COORDINATOR_TARGETS_MADE);
    return &cut->cut;
}

/* Its images stay locked until they are copied, by whoever copies them. */
static gboolean
cut_offline(BackupCut *cut, GError **error)
{
    const LullBackupStorage *self = (LullBackupStorage *)cut->cut.storage;

    if (!lull_offline_cut(cut->offline, cut->domain, cut->folder, error))
        return FALSE;
    return lull_copies_start(self->copies, cut->folder, &lull_copy_kind_offline,
                             g_steal_pointer(&cut->offline), error);
}

/* Its words for a socket that QEMU may not make name neither it nor a way out. */
static gboolean
explain_refusal(const BackupCut *cut, GError **error)
{
    g_autoptr(GError) problem = NULL;

    lull_link_error(&problem, "starting the backup job");
    if (!strstr(problem->message, "nbd-server-start")) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED,
                "%s: QEMU is to listen on %s: let its confinement (AppArmor, SELinux) and the folder's owner "
                "allow that",
                problem->message, lull_json_string(cut->attempt, LULL_PULL_SOCKET, ""));
    return FALSE;
}

static gboolean
backup_cut(LullCut *data, const LullCutTerms *terms, GError **error)
{
    BackupCut *cut = (BackupCut *)data;

    if (cut->offline)
        return cut_offline(cut, error);
    if (!cut->xml || virDomainBackupBegin(cut->domain, cut->xml, cut->checkpoint_xml,
                                          VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL) == 0)
        return TRUE;
    if (cut->checkpoint_xml)
        distrust((LullBackupStorage *)data->storage, cut->uid);
    return explain_refusal(cut, error);
}

static LullJson *
backup_cut_volumes(LullCut *data)
{
    return lull_json_array(((BackupCut *)data)->attempt, "volumes");
}

/* Only the last one is of use; without it the next content is a full one, and says so. Where ours is gone, a
 * later attempt has done away with it, and the last one is that attempt's; with additions locked, none is
 * just being made that is based on ours. */
static void
keep_checkpoint(LullBackupStorage *self, LullJson *manifest)
{
    g_autoptr(GError) problem = NULL;
    const char *name = lull_json_string(manifest, "checkpoint", NULL);
    g_autoptr(LullLink) link = name ? lull_link_borrow(self->host, &problem) : NULL;
    g_autoptr(LullDomain) domain =
        link ? lull_link_domain(link, lull_json_string(manifest, "vm", ""), &problem) : NULL;

    g_autoptr(GPtrArray) there =
        domain && virDomainIsActive(domain) == 1 ? lull_checkpoint_list(domain, &problem) : NULL;

    if (there && g_ptr_array_find_with_equal_func(there, name, g_str_equal, NULL))
        (void)lull_checkpoint_remove(domain, LULL_CHECKPOINT_PREFIX, name, &problem);
    if (problem)
        g_message("checkpoints older than %s stay until the next snapshot: %s", name, problem->message);
}

/* With additions locked: who looks for what is based on a content must not miss one that is just renamed. */
static gboolean
publish(LullBackupStorage *self, const char *folder, const char *sealed, GCancellable *cancel, GError **error)
{
    g_autofree char *plan = g_build_filename(folder, LULL_FOLDER_ATTEMPT, NULL);
    g_autoptr(LullJson) manifest = lull_manifest_read(folder, error);
    const char *vm = lull_json_string(manifest, "vm", "");
    gboolean ok;

    if (!manifest || !lull_chain_lock(self->additions, vm, G_MAXINT64 / 2, cancel, error))
        return FALSE;
    (void)g_unlink(plan); /* the manifest says it all */
    ok = rename(folder, sealed) == 0 || lull_folder_errno(error, errno, "sealing", sealed);
    if (ok)
        keep_checkpoint(self, manifest);
    lull_chain_unlock(self->additions, vm);
    return ok && lull_folder_sync(self->directory, error);
}

static gboolean
backup_seal(LullStorage *storage, const char *content_uid, guint attempt, LullJson *content,
            GCancellable *cancel, GError **error)
{
    LullBackupStorage *self = (LullBackupStorage *)storage;
    g_autofree char *folder = lull_folder_path(self->directory, content_uid, MAX(attempt, 1), error);
    g_autofree char *sealed = lull_folder_path(self->directory, content_uid, 0, NULL);

    if (!folder)
        return FALSE;
    if (lull_folder_has_manifest(sealed))
        return TRUE;
    if (!lull_folder_has_manifest(folder)) {
        g_autoptr(LullJson) description = lull_folder_read_json(folder, LULL_FOLDER_ATTEMPT, error);
        if (!description)
            return FALSE;
        if (!lull_json_bool(description, "copied", FALSE)) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT, "%s: its data are not copied yet", folder);
            return FALSE;
        }
        if (!lull_manifest_write(folder, content_uid, description, content, cancel, error))
            return FALSE;
    }
    if (!publish(self, folder, sealed, cancel, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_MANIFEST_WRITTEN);
    return TRUE;
}

static void
backup_free(LullStorage *storage)
{
    LullBackupStorage *self = (LullBackupStorage *)storage;

    lull_copies_free(self->copies);
    lull_turns_free(self->volumes);
    lull_chain_locks_free(self->chains);
    lull_chain_locks_free(self->additions);
    g_hash_table_unref(self->distrusted);
    g_mutex_clear(&self->mutex);
    if (self->there >= 0)
        close(self->there);
    g_free(self->directory);
    g_free(self);
}

static const LullStorageOps ops = {
    .atomic = TRUE, /* QEMU starts the disks of one backup job in one transaction */
    .prepare = backup_prepare,
    .cut = backup_cut,
    .cut_free = backup_cut_free,
    .poll = lull_backup_poll,
    .seal = backup_seal,
    .cut_volumes = backup_cut_volumes,
    .remove = lull_backup_remove,
    .restore = lull_backup_restore,
    .restore_new = lull_backup_restore_new,
    .stored_bytes = lull_backup_stored_bytes,
    .drop_restore = lull_backup_drop_restore,
    .check = lull_backup_check,
    .verify = lull_backup_verify,
    .free = backup_free,
};

LullStorage *
lull_storage_libvirt_new(LullHost *host, const char *directory, GError **error)
{
    LullBackupStorage *self;

    if (!g_path_is_absolute(directory)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "storage directory %s: not an absolute path",
                    directory);
        return NULL;
    }
    /* whatever the umask: QEMU has to get through to its targets */
    if (g_mkdir_with_parents(directory, STORE_MODE) < 0 || chmod(directory, STORE_MODE) < 0) {
        lull_folder_errno(error, errno, "storage directory", directory);
        return NULL;
    }
    self = g_new0(LullBackupStorage, 1);
    self->storage.ops = &ops;
    self->host = host;
    self->directory = g_canonicalize_filename(directory, NULL);
    self->there = lull_pull_guard_be_there(self->directory);
    self->lease = LULL_STORAGE_LIBVIRT_LEASE;
    self->copies = lull_copies_new();
    self->volumes = lull_turns_new(VOLUMES_AT_A_TIME);
    self->chains = lull_chain_locks_new();
    self->additions = lull_chain_locks_new();
    g_mutex_init(&self->mutex);
    self->distrusted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return &self->storage;
}

void
lull_storage_libvirt_set_lease(LullStorage *storage, gint64 lease)
{
    ((LullBackupStorage *)storage)->lease = lease;
}
