/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/kinds.h"

const LullKind lull_csi_kind_snapshot = {
    .group = "snapshot.storage.k8s.io",
    .version = "v1",
    .kind = "VolumeSnapshot",
    .plural = "volumesnapshots",
    .singular = "volumesnapshot",
    .doc = "The wish for a snapshot of one claim.",
};

const LullKind lull_csi_kind_content = {
    .group = "snapshot.storage.k8s.io",
    .version = "v1",
    .kind = "VolumeSnapshotContent",
    .plural = "volumesnapshotcontents",
    .singular = "volumesnapshotcontent",
    .doc = "What the storage made of it.",
    .cluster_scoped = TRUE,
};

const LullKind lull_csi_kind_class = {
    .group = "snapshot.storage.k8s.io",
    .version = "v1",
    .kind = "VolumeSnapshotClass",
    .plural = "volumesnapshotclasses",
    .singular = "volumesnapshotclass",
    .doc = "How a driver makes snapshots.",
    .cluster_scoped = TRUE,
};

const LullKind lull_csi_kind_claim = {
    .group = "",
    .version = "v1",
    .kind = "PersistentVolumeClaim",
    .plural = "persistentvolumeclaims",
    .singular = "persistentvolumeclaim",
    .doc = "A volume as its user knows it.",
};

const LullKind lull_csi_kind_volume = {
    .group = "",
    .version = "v1",
    .kind = "PersistentVolume",
    .plural = "persistentvolumes",
    .singular = "persistentvolume",
    .doc = "A volume as its storage knows it.",
    .cluster_scoped = TRUE,
};

const LullKind lull_csi_kind_profile = {
    .group = "cdi.kubevirt.io",
    .version = "v1beta1",
    .kind = "StorageProfile",
    .plural = "storageprofiles",
    .singular = "storageprofile",
    .doc = "What CDI knows of a StorageClass, whose name it has.",
    .cluster_scoped = TRUE,
};

const LullKind lull_csi_kind_quota = {
    .group = "",
    .version = "v1",
    .kind = "ResourceQuota",
    .plural = "resourcequotas",
    .singular = "resourcequota",
    .doc = "How much of what a namespace may have.",
};
