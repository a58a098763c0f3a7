/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/storage/folder.h"
#include "coordinator/storage/lineage.h"
#include "coordinator/storage/occupied.h"
#include "coordinator/storage/restore-private.h"
#include "protocol/error.h"

static LullJson *
find_row(LullJson *manifest, const char *name)
{
    LullJson *rows = lull_json_array(manifest, "files");

    for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);

        if (g_str_equal(lull_json_string(row, "file", ""), name))
            return row;
    }
    return NULL;
}

/* Before it is read: what was stored fits into memory. */
static gboolean
has_size(const char *path, LullJson *row)
{
    struct stat info;

    return lstat(path, &info) == 0 && S_ISREG(info.st_mode) &&
           (gint64)info.st_size == lull_json_int(row, "size", -1);
}

char *
lull_restore_read_file(const LullRestore *self, const char *name, gsize *ret_length, GError **error)
{
    g_autofree char *path = g_build_filename(self->folder, name, NULL);
    LullJson *row = find_row(self->manifest, name);
    g_autoptr(GError) problem = NULL;
    g_autofree char *data = NULL;
    g_autofree char *sum = NULL;
    gsize length = 0;

    if (has_size(path, row) && !g_file_get_contents(path, &data, &length, &problem)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s", problem->message);
        return NULL;
    }
    sum = data ? g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)data, length) : NULL;
    if (g_strcmp0(sum, lull_json_string(row, "sha256", "")) != 0) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_INVALID,
            "stored file %s: it is not what was stored: the snapshot is damaged, nothing was restored", path);
        return NULL;
    }
    if (ret_length)
        *ret_length = length;
    return g_steal_pointer(&data);
}

static gboolean
verify_file(const LullRestore *self, const char *name, GError **error)
{
    g_autofree char *data = lull_restore_read_file(self, name, NULL, error);

    return data != NULL;
}

gboolean
lull_restore_check_small(const LullRestore *self, GError **error)
{
    return verify_file(self, LULL_FOLDER_DOMAIN, error) &&
           (!lull_json_string(self->manifest, "nvram", NULL) || verify_file(self, LULL_FOLDER_NVRAM, error));
}

/* A saved state goes on with what it remembers of disks that are others by then. */
static gboolean
check_off(LullDomain *domain, GError **error)
{
    const int active = virDomainIsActive(domain);
    const int saved = active == 0 ? virDomainHasManagedSaveImage(domain, 0) : 0;

    if (active < 0 || saved < 0)
        return lull_link_error(error, "state of the virtual machine");
    if (active)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "virtual machine %s: it runs: stop it first",
                    virDomainGetName(domain));
    else if (saved)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "virtual machine %s: it has a saved state: start and stop it, or virsh "
                    "managedsave-remove",
                    virDomainGetName(domain));
    return !active && !saved;
}

/* What a block device has to have. */
static gint64
device_size(const LullRestoreVolume *volume)
{
    const gboolean raw = g_str_equal(lull_json_string(volume->row, "sourceFormat", "raw"), "raw");

    return lull_json_int(volume->row, raw ? "capacity" : "size", 0);
}

static gboolean
check_name(const LullRestore *self, LullDomain *domain, GError **error)
{
    const char *name = lull_json_string(self->manifest, "domain", "");

    if (g_strcmp0(virDomainGetName(domain), name) == 0)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "virtual machine %s: it was called %s when the snapshot was taken: rename it back first",
                virDomainGetName(domain), name);
    return FALSE;
}

/* It is defined again at the end. */
static gboolean
check_gone(const LullRestore *self, const char *vm_uid, GError **error)
{
    const char *nvram = lull_json_string(self->manifest, "nvram", NULL);
    g_autoptr(GPtrArray) paths = g_ptr_array_new();

    for (guint i = 0; i < self->volumes->len; i++) {
        const LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        g_ptr_array_add(paths, volume->target);
    }
    if (nvram)
        g_ptr_array_add(paths, (char *)nvram);
    return lull_occupied_check(self->link, vm_uid, lull_json_string(self->manifest, "domain", ""), paths,
                               error);
}

gboolean
lull_restore_check_target(const LullRestore *self, const char *vm_uid, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullDomain) domain = lull_link_domain(self->link, vm_uid, &problem);

    if (domain)
        return check_name(self, domain, error) && check_off(domain, error);
    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return check_gone(self, vm_uid, error);
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

gboolean
lull_restore_check_place(const char *what, const char *path, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);
    struct stat info;

    if (!g_file_test(parent, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "%s %s: its folder is gone: make it, or mount what had it; nothing was restored", what,
                    path);
        return FALSE;
    }
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && !g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "%s %s: it is a link to what is gone: remove the link, or mount what had that; nothing "
                    "was restored",
                    what, path);
        return FALSE;
    }
    return TRUE;
}

gboolean
lull_restore_check_places(const LullRestore *self, GError **error)
{
    const char *nvram = lull_json_string(self->manifest, "nvram", NULL);

    for (guint i = 0; i < self->volumes->len; i++) {
        const LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);

        if (!volume->block && !lull_restore_check_place("image", volume->target, error))
            return FALSE;
    }
    return !nvram || lull_restore_check_place("NVRAM", nvram, error);
}

/* One that was made for a machine that is gone may be gone with it. */
static gboolean
set_device_gone(const LullRestoreVolume *volume, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "block device %s: it is gone: make it again, of %" G_GINT64_FORMAT
                " bytes or more; nothing was restored",
                volume->target, device_size(volume));
    return FALSE;
}

/* One that is smaller than it was would be found out with half of it written. */
static gboolean
check_device(const LullRestoreVolume *volume, GError **error)
{
    const gint64 need = device_size(volume);
    const int fd = open(volume->target, O_RDONLY | O_CLOEXEC);
    const off_t have = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    const int saved = errno;

    if (fd >= 0)
        close(fd);
    if (have < 0)
        return lull_folder_errno(error, saved, "block device", volume->target);
    if (have >= need)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "block device %s: it has %" G_GINT64_FORMAT " bytes, the snapshot needs %" G_GINT64_FORMAT
                ": make it larger, nothing was restored",
                volume->target, (gint64)have, need);
    return FALSE;
}

gboolean
lull_restore_lock_images(LullRestore *self, GError **error)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);
        struct stat info;

        if (stat(volume->target, &info) < 0) {
            if (errno == ENOENT && !volume->block)
                continue;
            if (errno == ENOENT)
                return set_device_gone(volume, error);
            return lull_folder_errno(error, errno, "image", volume->target);
        }
        if (volume->block != !!S_ISBLK(info.st_mode) || (!volume->block && !S_ISREG(info.st_mode))) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "image %s: it is not the %s that it was",
                        volume->target, volume->block ? "block device" : "file");
            return FALSE;
        }
        if (volume->block && !check_device(volume, error))
            return FALSE;
        volume->lock = lull_image_lock(volume->target, error);
        if (!volume->lock)
            return FALSE;
    }
    return TRUE;
}

gboolean
lull_restore_check_space(const LullRestore *self, GError **error)
{
    for (guint i = 0; i < self->volumes->len; i++) {
        const LullRestoreVolume *volume = g_ptr_array_index(self->volumes, i);
        g_autofree char *parent = g_path_get_dirname(volume->target);
        guint64 need = 0;

        /* all that go to the same place count; counting too much is as good as an early refusal */
        for (guint k = 0; k < self->volumes->len; k++) {
            const LullRestoreVolume *other = g_ptr_array_index(self->volumes, k);
            g_autofree char *place = g_path_get_dirname(other->target);
            if (!other->block && !other->filled && g_str_equal(place, parent))
                need += other->size;
        }
        if (!volume->block && !lull_folder_check_space(parent, need, error))
            return FALSE;
    }
    return TRUE;
}
