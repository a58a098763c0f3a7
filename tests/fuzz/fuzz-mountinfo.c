/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The table of mounts, and its ways. */
#include "agent/filesystems/mountinfo.h"
#include "tests/fuzz/fuzz.h"

/* A table that lies may have rings. */
static void
walk_up(const LullMountTree *tree, const LullMount *mount, guint most)
{
    for (guint steps = 0; mount && steps <= most; steps++)
        mount = lull_mount_tree_parent(tree, mount);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *unescaped = lull_mount_unescape(text);
    g_autofree char *normal = lull_path_normalize(text);
    g_autofree char *again = lull_path_normalize(normal);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) mounts = lull_mountinfo_parse(text, &error);
    g_autoptr(LullMountTree) tree = NULL;

    FUZZ_MUST(g_str_equal(normal, again));
    FUZZ_MUST(!mounts == !!error);
    if (!mounts)
        return 0;
    tree = lull_mount_tree_new(mounts);
    for (guint i = 0; i < mounts->len; i++) {
        const LullMount *mount = g_ptr_array_index(mounts, i);
        g_autofree char *option = lull_mount_option(mount, "subvol");

        FUZZ_MUST(mount->root && mount->mountpoint && mount->type && mount->source && mount->options);
        walk_up(tree, lull_mount_tree_resolve(tree, mount->mountpoint), mounts->len);
        walk_up(tree, mount, mounts->len);
    }
    return 0;
}
