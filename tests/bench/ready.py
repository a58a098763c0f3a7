# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""From the creation of a snapshot until it is ready: of a running guest with two disks, and of a machine that is off with
one, each against the storage alone, by turns, with the limits that the sidecars have by themselves."""

import os
import time

import incluster
from bench import Figure
from incluster import CLAIMS, Pace
from kubevirt import Volume
from volumes import SNAPSHOTS, claim, volume_snapshot
from waiting import wait_for

ONLINE_RUNS = int(os.environ.get("LULL_BENCH_RUNS", "3"))
# The snapshot controller tells of one cut after 50, 400 or 800 ms, as its own retries fall: a median of few is a coin's toss.
RUNS = {"online": ONLINE_RUNS, "offline": 5 * ONLINE_RUNS}
APART = {"online": 15, "offline": 6}  # seconds; the sidecars have nothing left to do by then


def storage_alone(stage, name, claims):
    """Seconds from the first VolumeSnapshot's creation until all are ready."""
    names = [f"{name}-{one}" for one in claims]
    with incluster.Watcher(stage.admin, SNAPSHOTS, stage.namespace) as watcher:
        begun = time.monotonic()
        for snapshot, one in zip(names, claims):
            stage.admin.create(volume_snapshot(snapshot, one), stage.namespace)
        waiting = set(names)
        while waiting:
            _, document = watcher.watch.next()
            if document.get("status", {}).get("readyToUse"):
                waiting.discard(document["metadata"]["name"])
        took = time.monotonic() - begun
    for snapshot in names:
        stage.admin.delete(SNAPSHOTS, snapshot, stage.namespace)
    wait_for_no_snapshots(stage)
    return took


def ours(stage, name):
    took, _ = stage.take(name)
    stage.delete(name)
    wait_for_no_snapshots(stage)
    return took


def wait_for_no_snapshots(stage):
    wait_for(lambda: not stage.admin.list(SNAPSHOTS, stage.namespace), "all VolumeSnapshots gone", interval=0.1)


def measure(stage, label, claims):
    """(ours, the storage's) samples in ms."""
    pace = Pace(APART[label])
    samples = [], []
    ways = [lambda name: ours(stage, name), lambda name: storage_alone(stage, name, claims)]
    for run in range(-1, RUNS[label]):
        for i in (0, 1) if run % 2 else (1, 0):
            pace.wait()
            took = ways[i](f"{label}-{i}-{run + 1}") * 1000
            if run >= 0:  # the first of each kind is to warm up
                samples[i].append(took)
    return samples


def figures(build):
    with incluster.running(build) as stage:
        own, alone = measure(stage, "online", CLAIMS)
        yield Figure("creation to ready in a cluster, running guest, 2 disks, against the storage alone", "ms",
                     own, 1.2, 1.05, alone)
        stage.admin.create(claim("still"), stage.namespace)
        stage.cluster.wait_bound("still", stage.namespace)
        stage.vm = stage.vm.kubevirt.create_vm("still", stage.namespace, [Volume("still", "still")])
        own, alone = measure(stage, "offline", ["still"])
        yield Figure("creation to ready in a cluster, machine that is off, 1 disk, against the storage alone", "ms",
                     own, 1.25, 1.08, alone)
