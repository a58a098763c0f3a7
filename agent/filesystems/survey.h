/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/filesystems/graph.h"
#include "agent/filesystems/mountinfo.h"

G_BEGIN_DECLS

/* A file or device to which the kernel moves memory. */
typedef struct {
    char *path;
    gboolean is_file;       /* on a file system */
    const LullBlock *block; /* else the device; NULL: not known. Lent */
} LullSwap;

/* All that is known about the guest's file systems at one moment: what the plan and guest-get-fsinfo are
 * made from. Gathering it is the only part that touches the system. */
typedef struct {
    GPtrArray *mounts;   /* LullMount, in mount order */
    LullMountTree *tree; /* of these mounts */
    LullGraph *graph;    /* of the block devices under them */
    GHashTable
        *devices;       /* dev_t of a superblock as pointer -> GPtrArray of LullBlock, where there are some */
    GHashTable *lost;   /* set of dev_t of superblocks that have more devices than that */
    GHashTable *opened; /* LullMount -> st_dev of its root where that differs (btrfs); 0: not known */
    GPtrArray *swaps;   /* LullSwap */
} LullSurvey;

/* @root: prefix of /proc, /sys and /run/udev, "" on a live system. */
LullSurvey *lull_survey_take(const char *root, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For the same from recorded parts: consumes @mounts; devices are added with lull_survey_add_device(), more
 * of one superblock by calling it again. */
LullSurvey *lull_survey_new(GPtrArray *mounts) G_GNUC_WARN_UNUSED_RESULT;
void lull_survey_add_device(LullSurvey *self, dev_t superblock, const LullBlock *block);
void lull_survey_free(LullSurvey *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullSurvey, lull_survey_free)

/* The device that a file system is on, the first one where it has several. NULL: it is on no block device, or
 * on one that is not known. */
const LullDevice *lull_survey_device(const LullSurvey *self, const LullMount *mount);

/* All of them, of LullBlock; NULL: none. */
const GPtrArray *lull_survey_blocks(const LullSurvey *self, const LullMount *mount);

/* st_dev of the directory that opening the mount point gives; 0: not known. */
dev_t lull_survey_opened(const LullSurvey *self, const LullMount *mount);

/* Does the mount's path lead to it, or has something been mounted over it? */
gboolean lull_survey_is_visible(const LullSurvey *self, const LullMount *mount);

/* Another machine or the host answers for it; or a process of this one. Either may never do so, so that
 * nothing of it may be looked at. */
gboolean lull_filesystem_is_network(const char *type);
gboolean lull_filesystem_is_served(const char *type);
gboolean lull_filesystem_may_hang(const char *type);

/* A view of other file systems: what is written to it is written to them. */
gboolean lull_filesystem_is_view(const char *type);

/* The kernel's own, or a view: nothing of it is on a disk, unless it has a device all the same. A type that
 * neither this nor the others know may well be on one. */
gboolean lull_filesystem_is_pseudo(const char *type);

/* Whether the way to the mount point leads through a file system that may hang. */
gboolean lull_survey_may_hang(const LullSurvey *self, const LullMount *mount);

G_END_DECLS
