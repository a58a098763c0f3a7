/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "protocol/json.h"

G_BEGIN_DECLS

/* Which objects a cut is: names can be had by others later, and a storage cuts anew under a name. Pure.
 *
 * An identity is {snapshot, content: uids, driver, handle}, as seen when the cut was known; NULL: not known,
 * and nothing is that cut. */
LullJson *lull_csi_identity_new(const char *snapshot_uid, const char *content_uid, const char *driver,
                                const char *handle) G_GNUC_WARN_UNUSED_RESULT;

const char *lull_csi_identity_snapshot(LullJson *self); /* its uid, lent; "": not known */

/* Is it the very VolumeSnapshot? */
gboolean lull_csi_identity_has_snapshot(LullJson *self, LullJson *snapshot);

/* Is what the VolumeSnapshotContent of @snapshot_uid stands for that cut? One that was made again may have
 * been cut again, also by the same handle, unless it imports that handle: that never cuts. */
gboolean lull_csi_identity_has_content(LullJson *self, const char *snapshot_uid, LullJson *content);

G_END_DECLS
