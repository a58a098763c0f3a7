# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Memory that the coordinator of a cluster has for itself, with 100 machines and 1000 snapshots kept, against the 96 MiB
that were measured of KubeVirt's controller, idle and with nothing to keep.

The first snapshot is really taken. The others are that one again, under other names, written while nobody looks: what a
coordinator keeps in mind depends on what the API server has, and not on who has written it.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import incluster
import kinds
from bench import Figure
from kubevirt import Volume
from volumes import CONTENTS, SNAPSHOTS, claim, content_name
from waiting import wait_for_rest

MACHINES = 100
SNAPSHOTS_EACH = 10
REFERENCE = 96  # MiB
WRITERS = 8
LOOKS = 3
PAUSE = 5  # seconds between two looks
OWN_BY_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


def private_mib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_")) / 1024


class Mould:
    """A snapshot that was taken, with all that belongs to it, to be cast again."""

    def __init__(self, cluster, namespace, vm, name):
        self.admin = cluster.admin
        self.namespace = namespace
        self.vm = vm
        self.name = name
        read = self.admin.read
        self.kinds = [kinds.resource(kind, kinds.OWN)
                      for kind in ("VirtualMachineSnapshot", "VirtualMachineSnapshotContent")] + [SNAPSHOTS, CONTENTS]
        snapshot = read(self.kinds[0], name, namespace)
        content = read(self.kinds[1], snapshot["status"]["virtualMachineSnapshotContentName"], namespace)
        cut = read(SNAPSHOTS, content["spec"]["volumeBackups"][0]["volumeSnapshotName"], namespace)
        self.documents = [snapshot, content, cut, read(CONTENTS, content_name(cut))]

    def cast(self, vm, name):
        """The same of another machine, as @name."""
        words = {self.name: name, self.vm.name: vm.name, self.vm.uid: vm.uid}
        for resource, document in zip(self.kinds, self.documents):
            wanted = renamed(document, words)
            for field in OWN_BY_SERVER:
                wanted["metadata"].pop(field, None)
            made = self.admin.create(wanted, wanted["metadata"].get("namespace"))
            words[document["metadata"]["uid"]] = made["metadata"]["uid"]  # others refer to it, and its own status
            made["status"] = renamed(document, words)["status"]
            self.admin.replace(resource, made, "status")


def renamed(document, words):
    text = json.dumps(document)
    for old, new in words.items():
        text = text.replace(old, new)
    return json.loads(text)


def create_machines(cluster, kubevirt, namespace):
    """Each has a disk; all of them are off. Their names are in no other word of an object."""
    names = [f"machine-{i:03}" for i in range(MACHINES)]
    with ThreadPoolExecutor(WRITERS) as pool:
        for name in names:
            pool.submit(cluster.admin.create, claim(name), namespace)
        machines = list(pool.map(lambda name: kubevirt.create_vm(name, namespace, [Volume("root", name)]), names))
    for name in names:
        cluster.wait_bound(name, namespace)
    return machines


def figures(build):
    with incluster.control_plane(incluster.QUICK) as (cluster, kubevirt):
        namespace = cluster.create_namespace("crowd")
        machines = create_machines(cluster, kubevirt, namespace)
        with incluster.leading(cluster, build) as coordinator:
            incluster.Stage(cluster, machines[0], None, coordinator).take("kept-0000")
        for process in (cluster.snapshots, cluster.driver.snapshotter):
            process.stop()  # they would look after what is only written
        mould = Mould(cluster, namespace, machines[0], "kept-0000")
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda i: mould.cast(machines[i % MACHINES], f"kept-{i:04}"),
                          range(1, MACHINES * SNAPSHOTS_EACH)))
        with incluster.leading(cluster, build) as coordinator:
            wait_for_rest(coordinator.pid)
            samples = []
            for _ in range(LOOKS):
                time.sleep(PAUSE)
                samples.append(private_mib(coordinator.pid))
            kept = len(cluster.admin.list(mould.kinds[0], namespace))
    yield Figure(f"private memory of a cluster's coordinator, {MACHINES} machines, {kept} snapshots kept", "MiB",
                 samples, 0.33, 0.15, [REFERENCE])
