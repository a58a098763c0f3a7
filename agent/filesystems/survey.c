/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/filesystems/survey.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Another machine, the host or a process of this one answers. */
static const char *const network_types[] = {
    "9p",   "afs",   "beegfs", "ceph",  "cifs", "coda",  "fuse",   "hostfs",   "lustre", "ncpfs",  "nfs",
    "nfs4", "panfs", "prl_fs", "pvfs2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "wekafs", NULL,
};

/* In memory, in the kernel alone, or (stacked) a view of other file systems, which are seen themselves. */
static const char *const pseudo_types[] = {
    "aufs",       "autofs",     "bdev",      "binder",    "binfmt_misc", "bpf",      "cgroup",   "cgroup2",
    "configfs",   "cpuset",     "debugfs",   "devfs",     "devpts",      "devtmpfs", "ecryptfs", "efivarfs",
    "functionfs", "fusectl",    "gadgetfs",  "hugetlbfs", "mqueue",      "nfsd",     "nsfs",     "overlay",
    "overlayfs",  "pidfs",      "proc",      "pstore",    "ramfs",       "resctrl",  "rootfs",   "rpc_pipefs",
    "s390_hypfs", "securityfs", "selinuxfs", "shiftfs",   "smackfs",     "sysfs",    "tmpfs",    "tracefs",
    "unionfs",    "usbfs",      "xenfs",     NULL,
};

gboolean
lull_filesystem_is_network(const char *type)
{
    return g_strv_contains(network_types, type) || g_str_has_prefix(type, "fuse.");
}

gboolean
lull_filesystem_is_pseudo(const char *type)
{
    return g_strv_contains(pseudo_types, type);
}

static gpointer
device_key(dev_t device)
{
    return GSIZE_TO_POINTER((gsize)device);
}

LullSurvey *
lull_survey_new(GPtrArray *mounts)
{
    LullSurvey *self = g_new0(LullSurvey, 1);

    self->mounts = mounts;
    self->tree = lull_mount_tree_new(mounts);
    self->devices = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)lull_device_free);
    self->opened = g_hash_table_new(NULL, NULL);
    return self;
}

void
lull_survey_free(LullSurvey *self)
{
    if (!self)
        return;
    lull_mount_tree_free(self->tree);
    g_hash_table_unref(self->devices);
    g_hash_table_unref(self->opened);
    g_ptr_array_unref(self->mounts);
    g_free(self);
}

void
lull_survey_add_device(LullSurvey *self, dev_t superblock, LullDevice *take)
{
    g_hash_table_replace(self->devices, device_key(superblock), take);
}

/* btrfs hides its block device behind an anonymous number, and shows another one to stat(). */
static void
look_behind_btrfs(LullSurvey *self, const char *root, const LullMount *mount)
{
    struct stat node;
    struct stat top;

    if (!lull_survey_is_visible(self, mount) || lull_survey_is_behind_network(self, mount) ||
        stat(mount->mountpoint, &top) < 0)
        return;
    g_hash_table_insert(self->opened, (gpointer)mount, device_key(top.st_dev));
    if (!lull_survey_device(self, mount) && stat(mount->source, &node) == 0 && S_ISBLK(node.st_mode))
        lull_survey_add_device(self, mount->device, lull_device_read(root, node.st_rdev));
}

LullSurvey *
lull_survey_take(const char *root, GError **error)
{
    g_autofree char *path = g_strconcat(root, "/proc/self/mountinfo", NULL);
    GPtrArray *mounts = lull_mountinfo_read(path, error);
    LullSurvey *self;

    if (!mounts)
        return NULL;
    self = lull_survey_new(mounts);
    for (guint i = 0; i < mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(mounts, i);

        if (g_str_equal(mount->type, "btrfs"))
            look_behind_btrfs(self, root, mount);
        else if (major(mount->device) != 0 && !lull_survey_device(self, mount))
            lull_survey_add_device(self, mount->device, lull_device_read(root, mount->device));
    }
    return self;
}

const LullDevice *
lull_survey_device(const LullSurvey *self, const LullMount *mount)
{
    return g_hash_table_lookup(self->devices, device_key(mount->device));
}

dev_t
lull_survey_opened(const LullSurvey *self, const LullMount *mount)
{
    gpointer device = g_hash_table_lookup(self->opened, mount);

    return device ? (dev_t)GPOINTER_TO_SIZE(device) : mount->device;
}

gboolean
lull_survey_is_visible(const LullSurvey *self, const LullMount *mount)
{
    return lull_mount_tree_resolve(self->tree, mount->mountpoint) == mount;
}

gboolean
lull_survey_is_behind_network(const LullSurvey *self, const LullMount *mount)
{
    for (guint i = 0; i < self->mounts->len; i++) {
        mount = lull_mount_tree_parent(self->tree, mount);
        if (!mount)
            return FALSE;
        if (lull_filesystem_is_network(mount->type))
            return TRUE;
    }
    return TRUE;
}
