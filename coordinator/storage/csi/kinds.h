/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/model/kind.h"

G_BEGIN_DECLS

/* The kinds of others that cuts by CSI are made with: read, but for the first, which is also created and
 * deleted. */
extern const LullKind lull_csi_kind_snapshot; /* VolumeSnapshot */
extern const LullKind lull_csi_kind_content;  /* VolumeSnapshotContent */
extern const LullKind lull_csi_kind_class;    /* VolumeSnapshotClass */
extern const LullKind lull_csi_kind_claim;    /* PersistentVolumeClaim */
extern const LullKind lull_csi_kind_volume;   /* PersistentVolume */
extern const LullKind lull_csi_kind_profile;  /* CDI's StorageProfile */
extern const LullKind lull_csi_kind_quota;    /* ResourceQuota */

G_END_DECLS
