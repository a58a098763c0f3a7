/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The kernel's table of mounts, in mount order. */
typedef struct {
    int id;
    int parent;
    dev_t device;       /* of the superblock; major 0: none that is a block device */
    char *root;         /* which directory of the file system is mounted */
    char *mountpoint;   /* as this process sees it, unescaped; bytes, not necessarily UTF-8 */
    char *type;         /* "ext4" */
    char *source;       /* "/dev/vda1" */
    char *options;      /* the superblock's, escaped as the kernel writes them */
    gboolean read_only; /* the superblock is: no mount of it can be written to */
} LullMount;

/* Pure: the text of /proc/PID/mountinfo to an array of LullMount. A line that does not follow the
 * format is LULL_ERROR_INVALID with its number: a mount that is not understood must not be left out
 * in silence. */
GPtrArray *lull_mountinfo_parse(const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same for a file. */
GPtrArray *lull_mountinfo_read(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A text of the kernel's tables, in which blanks and others stand as \ooo. */
char *lull_mount_unescape(const char *text) G_GNUC_WARN_UNUSED_RESULT;

/* The value of the superblock's option NAME=VALUE; NULL: it has none of that name. */
char *lull_mount_option(const LullMount *mount, const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* Who is seen where: which mount a path leads to, as the kernel walks it. */
typedef struct _LullMountTree LullMountTree;

/* Lends from @mounts, which must live longer. */
LullMountTree *lull_mount_tree_new(GPtrArray *mounts) G_GNUC_WARN_UNUSED_RESULT;
void lull_mount_tree_free(LullMountTree *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullMountTree, lull_mount_tree_free)

/* The mount on which the absolute @path (without links) lies; NULL for a relative path or where the table
 * has no root. */
const LullMount *lull_mount_tree_resolve(const LullMountTree *self, const char *path);

/* The mount that @mount sits on, NULL for the root. Nothing keeps a table from having rings: count the steps.
 */
const LullMount *lull_mount_tree_parent(const LullMountTree *self, const LullMount *mount);

/* Drops doubled and trailing slashes. */
char *lull_path_normalize(const char *path) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
