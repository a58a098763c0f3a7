# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A CSI driver of a cluster, its two sidecars and its volumes."""

import json
import os


class Driver:
    """tests/lib/go/csi-dir under one name. Its classes are called as the first part of that."""

    def __init__(self, cluster, name, directory):
        self.cluster = cluster
        self.name = name
        self.short = name.partition(".")[0]
        self.volumes = os.path.join(directory, self.short)
        self.socket = os.path.join(cluster.dir, f"{self.short}.sock")
        self._turned = {}
        self.server = cluster.process(
            f"csi-{self.short}", "csi-dir", "-name", name, "-socket", self.socket, "-state", self.volumes)
        options = ("--csi-address", self.socket, "-v=4")
        self.provisioner = cluster.component(
            f"csi-provisioner-{self.short}", "csi-provisioner", "--timeout=120s", *options)
        self.snapshotter = cluster.component(
            f"csi-snapshotter-{self.short}", "csi-snapshotter", "--feature-gates=CSIVolumeGroupSnapshot=true", *options)

    def start(self):
        self.server.start()
        self.server.wait_until(lambda: os.path.exists(self.socket), "a socket")
        self.provisioner.start(*self.cluster.csi_options)
        self.snapshotter.start(*self.cluster.csi_options)

    def stop(self):
        for process in (self.snapshotter, self.provisioner, self.server):
            process.stop()

    def restart(self):
        """All three: the sidecars end when the driver does."""
        self.stop()
        self.start()

    def remove(self):
        """Stops it and takes its classes away; what it has made stays."""
        self.stop()
        for resource in ("storageclasses.storage.k8s.io", "volumesnapshotclasses.snapshot.storage.k8s.io",
                         "volumegroupsnapshotclasses.groupsnapshot.storage.k8s.io"):
            self.cluster.admin.delete(resource, self.short)
        del self.cluster.drivers[self.name]

    def mend(self):
        """Runs with its knobs as the classes have them."""
        if self._turned:
            self._turned = {}
            self._write_knobs()
        if not all(process.runs() for process in (self.server, self.provisioner, self.snapshotter)):
            self.restart()

    def turn(self, volume="", **knobs):
        """Turns the driver's knobs (tests/lib/go/csi-dir/knobs.go) for a volume, by its handle, or for all; those not
        given are as the class has them."""
        self._turned.pop(volume, None)
        if knobs:
            self._turned[volume] = {name: str(value) for name, value in knobs.items()}
        self._write_knobs()

    def _write_knobs(self):
        path = os.path.join(self.volumes, "knobs.json")
        with open(path + ".new", "w") as file:
            json.dump(self._turned, file)
        os.rename(path + ".new", path)

    def is_cutting(self, snapshot):
        """Has it been asked to cut for a VolumeSnapshot? What it waits for comes after this."""
        return self.server.has_said(f"cutting snapshot-{snapshot['metadata']['uid']}\n")

    def path(self, claim, namespace):
        """Where the data of a bound claim is: the file itself (Block) or a directory (Filesystem)."""
        return os.path.join(self.volumes, self.handle(claim, namespace))

    def snapshot_path(self, content):
        """Where the data of a VolumeSnapshotContent is."""
        return os.path.join(self.volumes, content["status"]["snapshotHandle"] + ".snapshot")

    def handle(self, claim, namespace):
        admin = self.cluster.admin
        name = admin.read("persistentvolumeclaims", claim, namespace)["spec"]["volumeName"]
        return admin.read("persistentvolumes", name)["spec"]["csi"]["volumeHandle"]
