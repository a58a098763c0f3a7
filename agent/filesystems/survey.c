/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/filesystems/survey.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/filesystems/members.h"

/* Another machine or the host answers. */
static const char *const network_types[] = {
    "9p",    "afs",    "beegfs", "ceph", "cifs",  "coda",   "hostfs",   "lustre", "ncpfs",  "nfs", "nfs4",
    "panfs", "prl_fs", "pvfs2",  "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "wekafs", NULL,
};

static const char *const served_types[] = {"fuse", "fuseblk", NULL};

static const char *const view_types[] = {
    "aufs", "ecryptfs", "overlay", "overlayfs", "shiftfs", "unionfs", NULL,
};

/* In memory, or in the kernel alone. */
static const char *const pseudo_types[] = {
    "autofs",   "bdev",      "binder",  "binfmt_misc", "bpf",        "cgroup",     "cgroup2",    "configfs",
    "cpuset",   "debugfs",   "devfs",   "devpts",      "devtmpfs",   "efivarfs",   "functionfs", "fusectl",
    "gadgetfs", "hugetlbfs", "mqueue",  "nfsd",        "nsfs",       "pidfs",      "proc",       "pstore",
    "ramfs",    "resctrl",   "rootfs",  "rpc_pipefs",  "s390_hypfs", "securityfs", "selinuxfs",  "smackfs",
    "sysfs",    "tmpfs",     "tracefs", "usbfs",       "xenfs",      NULL,
};

gboolean
lull_filesystem_is_network(const char *type)
{
    return g_strv_contains(network_types, type);
}

gboolean
lull_filesystem_is_served(const char *type)
{
    return g_strv_contains(served_types, type) || g_str_has_prefix(type, "fuse.");
}

gboolean
lull_filesystem_may_hang(const char *type)
{
    return lull_filesystem_is_network(type) || lull_filesystem_is_served(type);
}

gboolean
lull_filesystem_is_view(const char *type)
{
    return g_strv_contains(view_types, type);
}

gboolean
lull_filesystem_is_pseudo(const char *type)
{
    return g_strv_contains(pseudo_types, type) || lull_filesystem_is_view(type);
}

static gpointer
device_key(dev_t device)
{
    return GSIZE_TO_POINTER((gsize)device);
}

static void
swap_free(LullSwap *self)
{
    g_free(self->path);
    g_free(self);
}

LullSurvey *
lull_survey_new(GPtrArray *mounts)
{
    LullSurvey *self = g_new0(LullSurvey, 1);

    self->mounts = mounts;
    self->tree = lull_mount_tree_new(mounts);
    self->graph = lull_graph_new();
    self->devices = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    self->lost = g_hash_table_new(NULL, NULL);
    self->opened = g_hash_table_new(NULL, NULL);
    self->swaps = g_ptr_array_new_with_free_func((GDestroyNotify)swap_free);
    return self;
}

void
lull_survey_free(LullSurvey *self)
{
    if (!self)
        return;
    lull_mount_tree_free(self->tree);
    g_hash_table_unref(self->devices);
    g_hash_table_unref(self->lost);
    g_hash_table_unref(self->opened);
    g_ptr_array_unref(self->swaps);
    g_ptr_array_unref(self->mounts);
    lull_graph_free(self->graph);
    g_free(self);
}

void
lull_survey_add_device(LullSurvey *self, dev_t superblock, const LullBlock *block)
{
    GPtrArray *blocks = g_hash_table_lookup(self->devices, device_key(superblock));

    if (!blocks) {
        blocks = g_ptr_array_new();
        g_hash_table_insert(self->devices, device_key(superblock), blocks);
    }
    for (guint i = 0; i < blocks->len; i++)
        if (g_ptr_array_index(blocks, i) == block)
            return;
    g_ptr_array_add(blocks, (gpointer)block);
}

static void
add_number(LullSurvey *self, const char *root, const LullMount *mount, dev_t number)
{
    const LullBlock *block = lull_graph_read(self->graph, root, number);

    if (block)
        lull_survey_add_device(self, mount->device, block);
    else
        g_hash_table_add(self->lost, device_key(mount->device));
}

/* btrfs hides its block devices behind an anonymous number; others may have more of them than they show. */
static void
look_at_devices(LullSurvey *self, const char *root, LullMembers *all, const LullMount *mount)
{
    g_autoptr(GArray) members = NULL;
    const LullDevice *device;
    gboolean lost = FALSE;

    if (lull_survey_blocks(self, mount))
        return;
    if (major(mount->device) != 0)
        add_number(self, root, mount, mount->device);
    device = lull_survey_device(self, mount);
    members = lull_members_find(all, mount, device ? device->name : NULL, &lost);
    for (guint i = 0; i < members->len; i++)
        add_number(self, root, mount, g_array_index(members, dev_t, i));
    if (lost)
        g_hash_table_add(self->lost, device_key(mount->device));
}

/* A subvolume of btrfs shows a number of its own to stat(). */
static void
look_at_subvolume(LullSurvey *self, const LullMount *mount)
{
    struct stat top = {0};

    if (lull_survey_is_visible(self, mount) && !lull_survey_may_hang(self, mount))
        (void)stat(mount->mountpoint, &top);
    g_hash_table_insert(self->opened, (gpointer)mount, device_key(top.st_dev));
}

/* One line is "/path type ...", with blanks in the path as \040; the first is a heading. */
static void
add_swaps(LullSurvey *self, const char *root, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit_set(lines[i], " \t", 2);
        LullSwap *swap;
        dev_t number;

        if (lines[i][0] != '/' || !words[1])
            continue;
        swap = g_new0(LullSwap, 1);
        swap->path = lull_mount_unescape(words[0]);
        swap->is_file = g_str_has_prefix(g_strchug(words[1]), "file");
        if (!swap->is_file && lull_block_find(root, swap->path, &number))
            swap->block = lull_graph_read(self->graph, root, number);
        g_ptr_array_add(self->swaps, swap);
    }
}

LullSurvey *
lull_survey_take(const char *root, GError **error)
{
    g_autofree char *path = g_strconcat(root, "/proc/self/mountinfo", NULL);
    g_autofree char *swaps = g_strconcat(root, "/proc/swaps", NULL);
    g_autofree char *text = NULL;
    g_autoptr(LullMembers) all = lull_members_new(root);
    GPtrArray *mounts = lull_mountinfo_read(path, error);
    LullSurvey *self;

    if (!mounts)
        return NULL;
    self = lull_survey_new(mounts);
    for (guint i = 0; i < mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(mounts, i);
        const gboolean is_btrfs = g_str_equal(mount->type, "btrfs");

        if (major(mount->device) != 0 || is_btrfs)
            look_at_devices(self, root, all, mount);
        if (is_btrfs)
            look_at_subvolume(self, mount);
    }
    if (g_file_get_contents(swaps, &text, NULL, NULL))
        add_swaps(self, root, text);
    return self;
}

const GPtrArray *
lull_survey_blocks(const LullSurvey *self, const LullMount *mount)
{
    return g_hash_table_lookup(self->devices, device_key(mount->device));
}

const LullDevice *
lull_survey_device(const LullSurvey *self, const LullMount *mount)
{
    const GPtrArray *blocks = lull_survey_blocks(self, mount);

    return blocks ? ((const LullBlock *)g_ptr_array_index(blocks, 0))->device : NULL;
}

dev_t
lull_survey_opened(const LullSurvey *self, const LullMount *mount)
{
    gpointer device = NULL;

    if (!g_hash_table_lookup_extended(self->opened, mount, NULL, &device))
        return mount->device;
    return (dev_t)GPOINTER_TO_SIZE(device);
}

gboolean
lull_survey_is_visible(const LullSurvey *self, const LullMount *mount)
{
    return lull_mount_tree_resolve(self->tree, mount->mountpoint) == mount;
}

gboolean
lull_survey_may_hang(const LullSurvey *self, const LullMount *mount)
{
    for (guint i = 0; i < self->mounts->len; i++) {
        mount = lull_mount_tree_parent(self->tree, mount);
        if (!mount)
            return FALSE;
        if (lull_filesystem_may_hang(mount->type))
            return TRUE;
    }
    return TRUE;
}
