# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Objects of volumes and their snapshots, as users write them."""

SNAPSHOTS = "volumesnapshots.snapshot.storage.k8s.io"
CONTENTS = "volumesnapshotcontents.snapshot.storage.k8s.io"
CLASSES = "volumesnapshotclasses.snapshot.storage.k8s.io"


def claim(name, size="16Mi", mode="Block", storage_class=None, source=None, labels=None):
    """A PersistentVolumeClaim; @source: the VolumeSnapshot it is made from."""
    spec = {"accessModes": ["ReadWriteOnce"], "volumeMode": mode, "resources": {"requests": {"storage": size}}}
    if storage_class:
        spec["storageClassName"] = storage_class
    if source:
        spec["dataSource"] = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": source}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "labels": labels or {}},
            "spec": spec}


def volume_snapshot(name, claim_name, snapshot_class=None):
    spec = {"source": {"persistentVolumeClaimName": claim_name}}
    if snapshot_class:
        spec["volumeSnapshotClassName"] = snapshot_class
    return {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": {"name": name},
            "spec": spec}


def content_name(snapshot):
    return f"snapcontent-{snapshot['metadata']['uid']}"


def snapshot_class(name, driver, **parameters):
    """A VolumeSnapshotClass; @parameters: the driver's knobs."""
    return {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass", "metadata": {"name": name},
            "driver": driver, "deletionPolicy": "Delete", "parameters": parameters}
