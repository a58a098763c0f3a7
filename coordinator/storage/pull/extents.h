/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/qcow2-layout.h"

G_BEGIN_DECLS

/* What an NBD server says of a part of a disk, in its own form: its length in bytes, and flags. */
typedef struct {
    guint32 bytes;
    guint32 flags;
} LullPullExtent;

#define LULL_PULL_ZERO  (1u << 1) /* of "base:allocation": it reads as zeroes */
#define LULL_PULL_DIRTY (1u << 0) /* of "qemu:dirty-bitmap:...": it was written to */

/* Adds to @layout what two lists of LullPullExtent say of the next @bytes of the disk, as far as both go, and
 * what they say beyond that not. @dirty: NULL where everything is to be had. @keep_zeroes: what is zero hides
 * what is behind. @ret_bytes: how far that was, at least 1. FAILED: a list has nothing to say. Pure. */
gboolean lull_pull_extents_add(LullQcow2Layout *layout, const GArray *allocation, const GArray *dirty,
                               gboolean keep_zeroes, guint64 bytes, guint64 *ret_bytes, GError **error);

G_END_DECLS
