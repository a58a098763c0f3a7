/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/filesystems/members.h"

#include <string.h>

#include "agent/filesystems/graph.h"

struct _LullMembers {
    const char *root;
    GHashTable *inner; /* names of devices that have their journal inside; NULL: not read yet */
    GArray *outer;     /* of dev_t: journals on devices of their own */

    GArray *numbers; /* what is being found, of dev_t */
    gboolean lost;
};

LullMembers *
lull_members_new(const char *root)
{
    LullMembers *self = g_new0(LullMembers, 1);

    self->root = root;
    self->outer = g_array_new(FALSE, FALSE, sizeof(dev_t));
    return self;
}

void
lull_members_free(LullMembers *self)
{
    if (!self)
        return;
    g_clear_pointer(&self->inner, g_hash_table_unref);
    g_array_unref(self->outer);
    g_free(self);
}

static void
take(LullMembers *self, const char *path)
{
    dev_t number;

    if (self->numbers->len < LULL_MEMBERS_MAX && lull_block_find(self->root, path, &number))
        g_array_append_val(self->numbers, number);
    else
        self->lost = TRUE;
}

/* By its kernel name. */
static void
take_name(LullMembers *self, const char *name)
{
    g_autofree char *path = g_strconcat("/dev/", name, NULL);

    take(self, path);
}

/* Whether the btrfs described in @folder ("/sys/fs/btrfs/UUID") has the device @number. */
static gboolean
has_member(const LullMembers *self, const char *folder, dev_t number)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    gboolean found = FALSE;
    const char *name;

    while (dir && !found && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strconcat("/dev/", name, NULL);
        dev_t other;

        found = lull_block_find(self->root, path, &other) && other == number;
    }
    if (dir)
        g_dir_close(dir);
    return found;
}

static void
take_folder(LullMembers *self, const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && !self->lost && (name = g_dir_read_name(dir)))
        take_name(self, name);
    if (dir)
        g_dir_close(dir);
}

/* The kernel lists the devices of each btrfs by its UUID; the mount names one of them. Of one that is not
 * listed the others are not known. */
static void
find_btrfs(LullMembers *self, const LullMount *mount)
{
    g_autofree char *all = g_strconcat(self->root, "/sys/fs/btrfs", NULL);
    GDir *dir = g_dir_open(all, 0, NULL);
    gboolean found = FALSE;
    const char *name;
    dev_t number;

    take(self, mount->source);
    if (self->numbers->len == 0) {
        if (dir)
            g_dir_close(dir);
        return;
    }
    number = g_array_index(self->numbers, dev_t, 0);
    while (dir && !found && (name = g_dir_read_name(dir))) {
        g_autofree char *devices = g_build_filename(all, name, "devices", NULL);

        found = has_member(self, devices, number);
        if (found)
            take_folder(self, devices);
    }
    self->lost |= !found;
    if (dir)
        g_dir_close(dir);
}

static void
find_xfs(LullMembers *self, const LullMount *mount)
{
    static const char *const options[] = {"logdev", "rtdev"};

    for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *path = lull_mount_option(mount, options[i]);

        if (path)
            take(self, path);
    }
}

/* jbd2 lists its journals: "DEVICE-INODE" inside a file system, "DEVICE" on one of their own, whose file
 * system is not named. */
static void
read_journals(LullMembers *self)
{
    g_autofree char *folder = g_strconcat(self->root, "/proc/fs/jbd2", NULL);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    self->inner = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strconcat("/dev/", name, NULL);
        const char *dash = strrchr(name, '-');
        dev_t number;

        if (lull_block_find(self->root, path, &number))
            g_array_append_val(self->outer, number);
        else if (dash)
            g_hash_table_add(self->inner, g_strndup(name, (gsize)(dash - name)));
    }
    if (dir)
        g_dir_close(dir);
}

/* One whose journal is not among the inner ones may have it on any of the others. */
static void
find_ext4(LullMembers *self, const char *device)
{
    if (!self->inner)
        read_journals(self);
    if (!g_hash_table_contains(self->inner, device))
        g_array_append_vals(self->numbers, self->outer->data, self->outer->len);
}

/* More devices, or a journal on one of its own, of which neither mount nor kernel says anything. */
static gboolean
hides_members(const char *type)
{
    return g_str_equal(type, "f2fs") || g_str_equal(type, "jfs");
}

GArray *
lull_members_find(LullMembers *self, const LullMount *mount, const char *device, gboolean *ret_lost)
{
    self->numbers = g_array_new(FALSE, FALSE, sizeof(dev_t));
    self->lost = FALSE;
    if (g_str_equal(mount->type, "btrfs"))
        find_btrfs(self, mount);
    else if (g_str_equal(mount->type, "xfs"))
        find_xfs(self, mount);
    else if (device && (g_str_equal(mount->type, "ext4") || g_str_equal(mount->type, "ext3")))
        find_ext4(self, device);
    else if (hides_members(mount->type))
        self->lost = TRUE;
    *ret_lost = self->lost;
    return g_steal_pointer(&self->numbers);
}
