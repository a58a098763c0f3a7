# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Machines with marked disks and snapshots of them, what becomes of them by restores, and what goes on beside."""

import contextlib
import filecmp
import itertools
import os
import threading

from kinds import OWN, resource, restore
from kubeapi import ApiError
from kubevirt import DATA_VOLUMES, VMS, Volume, owner
from snapshots import Snapshots, reasons
from volumes import SNAPSHOTS, claim
from waiting import wait_for

RESTORES = resource("VirtualMachineRestore", OWN)
CLAIMS = "persistentvolumeclaims"
LAST = "restore.kubevirt.io/lastRestoreUID"
PREPOPULATED = "cdi.kubevirt.io/storage.prePopulated"
POPULATED_FOR = "cdi.kubevirt.io/storage.populatedFor"
MARK = os.urandom(1 << 20)  # of each volume, when it is cut
WAITING = "Waiting for target VM to be powered off. Please stop the restore target to proceed with restore"
numbers = itertools.count(1)


class Machine:
    """One that is off, with marked disks on claims of its own, and a snapshot of it, "snap-NAME"."""

    def __init__(self, cluster, kubevirt, namespace, volumes=("root",), **spec):
        self.cluster, self.admin, self.namespace, self.volumes = cluster, cluster.admin, namespace, volumes
        self.name = f"vm-{next(numbers)}"
        self.snap = f"snap-{self.name}"
        for volume in volumes:
            self.admin.create(claim(self.claim(volume), labels={"kept": "yes"}), namespace)
        for volume in volumes:
            cluster.wait_bound(self.claim(volume), namespace)
            self.mark(volume, MARK)
        self.vm = kubevirt.create_vm(self.name, namespace, [
            *(Volume(volume, self.claim(volume)) for volume in volumes),
            Volume("cloudinit", source="cloudInitNoCloud")], **spec)
        self.snapshots = Snapshots(cluster, namespace)
        self.uid = None  # of its snapshot

    def claim(self, volume):
        return f"first-{self.name}-{volume}"  # a name that no restore gives

    def mark(self, volume, data):
        with open(self.cluster.driver.path(self.claim(volume), self.namespace), "r+b") as file:
            file.write(data)

    def take(self):
        self.uid = self.snapshots.take(self.snap, self.name)["metadata"]["uid"]
        self.snapshots.wait_taken(self.snap)
        wait_for(lambda: not self.vm.read()["status"].get("snapshotInProgress"), "the machine let go")
        return self

    def cut(self, volume):
        """The path of what was cut."""
        snapshot = self.admin.read(SNAPSHOTS, f"vmsnapshot-{self.uid}-volume-{volume}", self.namespace)
        return self.cluster.driver.snapshot_path(self.cluster.content_of(snapshot))

    def restore(self, target=None, **spec):
        return Restore(self, self.admin.create(
            restore(f"back-{next(numbers)}", of=self.snap, vm=target or self.name, **spec), self.namespace))

    def disks(self, name=None):
        """{volume: claim} of the machine as it is now."""
        spec = self.admin.read(VMS, name or self.name, self.namespace)["spec"]["template"]["spec"]
        return {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in spec["volumes"]
                if "persistentVolumeClaim" in one}

    def assert_untouched(self):
        assert self.disks() == {volume: self.claim(volume) for volume in self.volumes}
        assert not self.vm.read()["status"].get("restoreInProgress")
        assert LAST not in self.vm.read()["metadata"].get("annotations", {})


class Restore:
    def __init__(self, machine, document):
        self.machine, self.admin, self.namespace = machine, machine.admin, machine.namespace
        self.name, self.uid = document["metadata"]["name"], document["metadata"]["uid"]
        self.marker = f"{self.name}-{self.uid}"

    def read(self):
        return self.admin.read(RESTORES, self.name, self.namespace)

    def wait(self, condition, what, timeout=60):
        return self.admin.wait(RESTORES, self.name, lambda one: condition(one.get("status", {})), what, self.namespace,
                               timeout)

    def wait_reason(self, text, kind="Progressing"):
        return self.wait(lambda status: text in reasons(status).get(kind, ""), text)

    def wait_complete(self):
        document = self.wait(lambda status: status.get("complete"), "complete")
        conditions = {one["type"]: (one["status"], one["reason"]) for one in document["status"]["conditions"]}
        assert conditions == {"Progressing": ("False", "Operation complete"), "Ready": ("True", "Operation complete")}
        assert document["status"]["restoreTime"]
        return document

    def wait_failed(self, text):
        """And all three conditions say so."""
        status = self.wait_reason(text, "Failure")["status"]
        assert all(text in reason for reason in reasons(status).values()) and status["complete"] is False
        return status

    def claims(self):
        """Those that it made, by the volumes that its plan has them for."""
        plan = {one["persistentVolumeClaim"]: one["volumeName"]
                for one in self.read().get("status", {}).get("restores", [])}
        return {plan[one["metadata"]["name"]]: one for one in self.made() if one["metadata"]["name"] in plan}

    def made(self):
        return [one for one in self.admin.list(CLAIMS, self.namespace)
                if one["metadata"].get("annotations", {}).get(LAST) == self.marker]

    def assert_data(self):
        """Each volume holds what was cut, and that is the mark."""
        for volume, made in self.claims().items():
            path = self.machine.cluster.driver.path(made["metadata"]["name"], self.namespace)
            with open(path, "rb") as file:
                assert file.read(len(MARK)) == MARK
            assert filecmp.cmp(path, self.machine.cut(volume), shallow=False)
        assert set(self.claims()) == set(self.machine.volumes)

    def events(self):
        return {one["reason"] for one in self.admin.list("events", self.namespace)
                if one["involvedObject"]["name"] == self.name}


@contextlib.contextmanager
def held_up(cluster):
    """No claim gets a volume meanwhile."""
    cluster.driver.provisioner.suspend()
    try:
        yield
    finally:
        cluster.driver.provisioner.resume()


def owners(document):
    return [(one["kind"], one["name"], one["uid"]) for one in document["metadata"].get("ownerReferences", [])]


def play_cdi(machine, name):
    """CDI has seen that a DataVolume has its claim."""
    document = machine.admin.wait(DATA_VOLUMES, name, lambda one: one, "there", machine.namespace)
    machine.admin.merge(DATA_VOLUMES, name, {"status": {"phase": "Succeeded"}}, machine.namespace, "status")
    return document["metadata"]["annotations"]


class Cdi:
    """CDI, for DataVolumes of one name space that nothing is to fill: each takes the claim that is for it. One that
    goes takes its claim along, by garbage collection."""

    def __init__(self, cluster, namespace):
        self.admin, self.namespace = cluster.admin, namespace
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._over.set()
        self._thread.join()

    def _work(self):
        while not self._over.wait(0.1):
            with contextlib.suppress(ApiError):  # what was there went meanwhile, or the server begins anew
                for one in self.admin.list(DATA_VOLUMES, self.namespace):
                    if not one.get("status") and PREPOPULATED in one["metadata"].get("annotations", {}):
                        self._take(one)

    def _take(self, data_volume):
        name = data_volume["metadata"]["name"]
        made = self.admin.read(CLAIMS, name, self.namespace)
        assert made["metadata"]["annotations"][POPULATED_FOR] == name
        self.admin.merge(CLAIMS, name, {"metadata": {"ownerReferences": [owner(data_volume)]}}, self.namespace)
        self.admin.merge(DATA_VOLUMES, name, {"status": {"phase": "Succeeded", "claimName": name}}, self.namespace,
                         "status")
