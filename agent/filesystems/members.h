/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/filesystems/mountinfo.h"

G_BEGIN_DECLS

#define LULL_MEMBERS_MAX 1024

/* What block devices file systems have besides the one that their mounts show: all of a btrfs, journals and
 * logs of ext4 and xfs that are kept elsewhere, xfs's real-time device. What is frozen with a file system is
 * on all of them. Reads /sys and /proc. */
typedef struct _LullMembers LullMembers;

/* @root: prefix of /sys and /proc, lent. */
LullMembers *lull_members_new(const char *root) G_GNUC_WARN_UNUSED_RESULT;
void lull_members_free(LullMembers *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullMembers, lull_members_free)

/* New array of dev_t, which may name one twice. @device: kernel name of the device that the mount shows,
 * NULL: none. @ret_lost: there are more than could be found. */
GArray *lull_members_find(LullMembers *self, const LullMount *mount, const char *device,
                          gboolean *ret_lost) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
