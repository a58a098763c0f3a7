/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/storage.h"
#include "coordinator/store/store.h"

G_BEGIN_DECLS

/* Snapshots by a cluster's storage: a VolumeSnapshot for each claim of a content, posted all at once; the cut
 * of each is the creationTime of its VolumeSnapshotContent, which is watched by name.
 *
 * @store: an API server (store/kube/), lent, for cuts and nothing else: the patience of its calls is how long
 * freeing a cut may take while the server hangs. Only contents that were introduced are known. Restores and
 * verifications are refused (UNSUPPORTED). */
LullStorage *lull_storage_csi_new(LullStore *store) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
