/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/csi/private.h"

G_BEGIN_DECLS

/* Attempts whose VolumeSnapshots are not ready yet, each with one watch, from the first poll on until it is
 * told that they are, or nobody asks any more. */

GHashTable *lull_csi_follows_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* Nobody asks any more how far an attempt is; 0: any of the content. Not on the watches' thread. */
void lull_csi_forget_follow(LullCsi *self, const char *content_uid, guint attempt);

/* All of them; on the watches' thread. */
void lull_csi_drop_follows(LullCsi *self);

G_END_DECLS
