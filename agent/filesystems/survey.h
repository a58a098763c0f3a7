/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/filesystems/device.h"
#include "agent/filesystems/mountinfo.h"

G_BEGIN_DECLS

/* All that is known about the guest's file systems at one moment: what the plan and guest-get-fsinfo are
 * made from. Gathering it is the only part that touches the system. */
typedef struct {
    GPtrArray *mounts;   /* LullMount, in mount order */
    LullMountTree *tree; /* of these mounts */
    GHashTable *devices; /* dev_t of a superblock as pointer -> LullDevice, where there is one */
    GHashTable *opened;  /* LullMount -> st_dev of its root where that differs (btrfs) */
} LullSurvey;

/* @root: prefix of /proc, /sys and /run/udev, "" on a live system. */
LullSurvey *lull_survey_take(const char *root, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For the same from recorded parts: consumes @mounts; devices are added with lull_survey_add_device(). */
LullSurvey *lull_survey_new(GPtrArray *mounts) G_GNUC_WARN_UNUSED_RESULT;
void lull_survey_add_device(LullSurvey *self, dev_t superblock, LullDevice *take);
void lull_survey_free(LullSurvey *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullSurvey, lull_survey_free)

/* NULL: the file system is on no block device, or on one that is not known. */
const LullDevice *lull_survey_device(const LullSurvey *self, const LullMount *mount);

/* st_dev of the directory that opening the mount point gives. */
dev_t lull_survey_opened(const LullSurvey *self, const LullMount *mount);

/* Does the mount's path lead to it, or has something been mounted over it? */
gboolean lull_survey_is_visible(const LullSurvey *self, const LullMount *mount);

/* Whether a server elsewhere or a process answers for it, so that any access may hang. */
gboolean lull_filesystem_is_network(const char *type);

/* The kernel's own, or stacked on others: nothing of it is on a disk, unless it has a device all the same.
 * A type that neither this nor the other knows may well be on one. */
gboolean lull_filesystem_is_pseudo(const char *type);

/* Whether the way to the mount point leads through a network file system. */
gboolean lull_survey_is_behind_network(const LullSurvey *self, const LullMount *mount);

G_END_DECLS
