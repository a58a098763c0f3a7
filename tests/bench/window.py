# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""For how long a guest's two disks stand still while a cluster's storage cuts them: ours, a peer that does as KubeVirt's
controller does, and the least that a client can do, by turns, with the limits that the sidecars have by themselves,
30 seconds apart; and with higher ones.

Ours is how long a writer in the guest stands still, and so is the reference, which has stock qemu-ga there. The bare
client is less than anybody can have: what its own calls take, one after the other, from the one that freezes to the end
of the one that thaws; our agent has prepared before.
"""

import os
import uuid

import incluster
from bench import Figure
from incluster import CLAIMS, QUICK, Pace
from peers import Bare, Reference
from snapshots import Snapshots, note
from volumes import SNAPSHOTS
from waiting import wait_for

RUNS = int(os.environ.get("LULL_BENCH_RUNS", "3"))
APART = {"usual": 30, "high": 3}  # seconds; with high limits nobody has to recover from the one before


class Held:
    """A guest that is frozen and thawed by our agent's own commands, each of them called once."""

    PREFIX = "__dev.lull_quiesce-"
    LEASE_MS = 30000

    def __init__(self, guest):
        self.guest = guest

    def prepare(self):
        self.op = str(uuid.uuid4())
        assert self._call("prepare", op=self.op)["accepted"]
        wait_for(lambda: self._call("status")["phase"] == "prepared", "prepared")

    def freeze(self):
        self.epoch = self._call("freeze", op=self.op, lease_ms=self.LEASE_MS)["epoch"]

    def thaw(self):
        answer = self._call("thaw", op=self.op, epoch=self.epoch)
        assert answer["proof"] == "held", answer

    def _call(self, command, **arguments):
        return self.guest.agent(self.PREFIX + command, **arguments)


class Bench:
    def __init__(self, stage):
        self.stage = stage
        held = Held(stage.guest)
        self.reference_client = Reference(stage.cluster, stage.namespace, stage.guest)
        self.bare_client = Bare(stage.cluster, stage.namespace, held.freeze, held.thaw)
        self.held = held

    def lull(self, name):
        _, document = self.stage.take(name)
        assert "GuestAgent" in document["status"]["indications"], document["status"]
        report = note(Snapshots(self.stage.cluster, self.stage.namespace).content(name), "quiesce-report")
        self.note = {key: report[key] for key in ("freezeMs", "cutMs", "thawMs", "windowMs")}
        return lambda: self.stage.delete(name)

    def reference(self, name):
        return self._peer(self.reference_client, name)

    def bare(self, name):
        self.held.prepare()
        return self._peer(self.bare_client, name)

    def _peer(self, client, name):
        cut = client.snapshot(name, CLAIMS)
        self.note = {"freezeMs": cut.freeze * 1000, "cutMs": cut.storage * 1000, "thawMs": cut.thaw * 1000,
                     "callsMs": cut.window * 1000}
        return lambda: self._delete(cut)

    def _delete(self, cut):
        names = [one["metadata"]["name"] for one in cut.snapshots.values()]
        for name in names:
            self.stage.cluster.wait_ready(name, self.stage.namespace)
        for name in names:
            self.stage.admin.delete(SNAPSHOTS, name, self.stage.namespace)
        for name in names:
            self.stage.admin.wait_gone(SNAPSHOTS, name, self.stage.namespace)

    def sample(self, way, run, pace=None):
        """In ms: for how long the writer of either disk stood still at most, and what each part of it took."""
        guest = self.stage.guest
        agent = "stock" if way == "reference" else "lull"
        if guest.agent_kind != agent:
            guest.switch_agent(agent)
        guest.assert_writes_resume(within=5)
        if pace:
            pace.wait()
        guest.forget_gaps()
        undo = getattr(self, way)(f"{way}-{run}")
        guest.assert_writes_resume(within=5)
        stood = {"stoodStillMs": guest.longest_gap() * 1000, **self.note}
        undo()
        return stood


def measure(bench, label, ways):
    """{way: samples}, by turns."""
    samples = {way: [] for way in ways}
    for way in ways:
        bench.sample(way, f"{label}-warm")
    pace = Pace(APART[label])
    for run in range(RUNS):
        for way in ways[run % len(ways):] + ways[: run % len(ways)]:
            samples[way].append(bench.sample(way, f"{label}-{run}", pace))
    return samples


def figure(name, must, goal, samples, way, gauge="stoodStillMs"):
    """Ours against @way's, by that one's @gauge."""
    return Figure(name, "ms", [one["stoodStillMs"] for one in samples["lull"]], must, goal,
                  [one[gauge] for one in samples[way]], samples)


def figures(build):
    with incluster.running(build) as stage:
        bench = Bench(stage)
        samples = measure(bench, "usual", ["lull", "reference", "bare"])
        yield figure("freeze window in a cluster, 2 disks, against thawing on VolumeSnapshot.status", 0.2, 0.06,
                     samples, "reference")
        yield figure("freeze window in a cluster, 2 disks, against the calls of a bare client", 1.3, 1.1,
                     samples, "bare", "callsMs")
        with stage.cluster.csi_with(*QUICK):
            samples = measure(bench, "high", ["lull", "reference"])
        yield figure("the same with CSI limits 100/200, against thawing on VolumeSnapshot.status", 0.8, 0.5,
                     samples, "reference")
