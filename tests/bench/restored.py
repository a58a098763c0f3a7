# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""From the creation of a restore of a machine with two disks until it is complete, in a cluster, against the storage alone
(claims of the same VolumeSnapshots, until they are bound), by turns, with the limits that the sidecars have by themselves;
and what it asks the API server, by that server's audit log."""

import collections
import os
import time

import incluster
import kinds
from bench import Figure
from coordinators import ACCOUNT
from incluster import Pace
from kubevirt import Volume
from snapshots import Snapshots
from volumes import claim
from waiting import wait_for
from writes import kind_of, said

RUNS = int(os.environ.get("LULL_BENCH_RUNS", "5"))
APART = 5  # seconds; the sidecars have nothing left to do by then
CLAIMS = "persistentvolumeclaims"
RESTORES = kinds.resource("VirtualMachineRestore", kinds.OWN)
DISKS = ("root", "data")


class Stage:
    """A machine that is off, and a snapshot of it."""

    def __init__(self, cluster, kubevirt):
        self.cluster, self.admin = cluster, cluster.admin
        self.namespace = cluster.create_namespace("bench")
        for disk in DISKS:
            self.admin.create(claim(disk), self.namespace)
        for disk in DISKS:
            cluster.wait_bound(disk, self.namespace)
        self.vm = kubevirt.create_vm("larry", self.namespace, [Volume(disk, disk) for disk in DISKS])
        snapshots = Snapshots(cluster, self.namespace)
        uid = snapshots.take("snap")["metadata"]["uid"]
        snapshots.wait_taken("snap")
        self.cuts = [f"vmsnapshot-{uid}-volume-{disk}" for disk in DISKS]
        wait_for(self.is_free, "the machine let go")

    def is_free(self):
        status = self.vm.read()["status"]
        return not status.get("snapshotInProgress") and not status.get("restoreInProgress")

    def storage_alone(self, name):
        """Seconds from the first claim's creation until both are bound."""
        names = {f"{name}-{disk}" for disk in DISKS}
        with incluster.Watcher(self.admin, CLAIMS, self.namespace) as watcher:
            begun = time.monotonic()
            for one, cut in zip(sorted(names), self.cuts):
                self.admin.create(claim(one, source=cut), self.namespace)
            waiting = set(names)
            while waiting:
                _, document = watcher.watch.next()
                if document.get("status", {}).get("phase") == "Bound":
                    waiting.discard(document["metadata"]["name"])
            took = time.monotonic() - begun
        for one in names:
            self.admin.delete(CLAIMS, one, self.namespace)
        return took

    def restore(self, name):
        """Seconds from its creation until it is complete; nobody has anything to write about it any more then."""
        with incluster.Watcher(self.admin, RESTORES, self.namespace) as watcher:
            begun = time.monotonic()
            self.admin.create(kinds.restore(name, of="snap", vm="larry"), self.namespace)
            _, seen = watcher.wait(name, lambda one: one.get("status", {}).get("complete"))
        wait_for(lambda: self.is_free() and self.is_told(name), f"{name} told")
        return seen - begun

    def is_told(self, name):
        return "VirtualMachineRestoreComplete" in {
            one["reason"] for one in self.admin.list("events", self.namespace) if one["involvedObject"]["name"] == name}


def count(stage, name):
    """({kind: how many}, {request: how many}) of one restore."""
    trail = stage.cluster.audit.trail()
    stage.restore(name)
    lines = [line for line in trail.requests(ACCOUNT) if line["verb"] != "watch"]
    return collections.Counter(map(kind_of, lines)), dict(collections.Counter(map(said, lines)))


def figures(build):
    with incluster.control_plane() as (cluster, kubevirt), incluster.leading(cluster, build):
        stage, pace = Stage(cluster, kubevirt), Pace(APART)
        samples, ways = ([], []), (stage.restore, stage.storage_alone)
        for run in range(-1, RUNS):
            for i in (0, 1) if run % 2 else (1, 0):
                pace.wait()
                took = ways[i](f"timed-{i}-{run + 1}") * 1000
                if run >= 0:  # the first of each kind is to warm up
                    samples[i].append(took)
        yield Figure("creation to complete in a cluster, restore of 2 disks, against the storage alone", "ms",
                     samples[0], 1.15, 1.04, samples[1])
        counts = []
        for run in range(3):
            pace.wait()  # of storage that is held up more is asked, as what its provisioner says
            counts.append(count(stage, f"counted-{run}"))
    notes = {"requests": [requests for _, requests in counts]}
    yield Figure("writes of objects, for a restore of 2 disks; KubeVirt's controller: 11.5", "writes",
                 [kinds_["object"] + kinds_["call"] for kinds_, _ in counts], 10, 8, notes=notes)
    yield Figure("reads for it; KubeVirt's controller: 2", "reads", [kinds_["read"] for kinds_, _ in counts], 0, 0,
                 notes=notes)
