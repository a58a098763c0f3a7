# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The longest stall that a writer in the guest sees around a snapshot of its two disks.

Ours is `lull snapshot` with our agent. The peer is stock qemu-ga in the same guest, driven (a) by virsh,
`domfsfreeze; backup-begin; domfsthaw`, and (b) by the same three calls over one libvirt connection. All
of them copy both disks in full: QEMU writes the peer's (push), the coordinator reads ours from QEMU (pull). The ways
take turns.
"""

import json
import os
import shutil
import statistics
import subprocess
import time

import libvirt
import svg
from bench import Figure
from rig import Host, wait_for

RUNS = int(os.environ.get("LULL_BENCH_RUNS", "10"))
SETTLE = 1.0  # seconds of undisturbed writing before and after


def undisturbed(guest, action):
    """Lets the guest write for a while, does @action, waits for the end of the job that it began, and lets the guest
    write again. The longest gap between two writes in ms, by disk, and how it looked around it."""
    guest.forget_gaps()
    time.sleep(SETTLE)
    action()
    wait_for(lambda: guest.domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE, 60, "the backup job is over")
    time.sleep(SETTLE)
    gaps = {name: [gap / 1000 for _, _, gap in guest.gaps(name)] for name in guest.written()}
    longest = {name: max(values) for name, values in gaps.items()}
    return longest, {
        "longest_ms": longest,
        "median_ms": {name: statistics.median(values) for name, values in gaps.items()},
        "over_20_ms": {name: [gap for gap in values if gap > 20] for name, values in gaps.items()},
    }


class Bench:
    def __init__(self, host, guest, coordinator):
        self.host = host
        self.guest = guest
        self.coordinator = coordinator
        self.targets = os.path.join(host.dir, "targets")

    def lull(self, run):
        name = f"bench-{run}"
        done = self.coordinator.lull("snapshot", self.guest.name, name, "--wait")
        assert done.returncode == 0, done.stdout + done.stderr
        return lambda: self.coordinator.lull("delete", name)

    def window(self, run):
        """What the report of that snapshot says that the freeze took, in ms."""
        shown = json.loads(self.coordinator.lull("snapshots", "-o", "json").stdout)
        mine = next(item for item in shown["items"] if item["metadata"]["name"] == f"bench-{run}")
        return json.loads(mine["metadata"]["annotations"]["lull.dev/quiesce-report"])["windowMs"]

    def virsh(self, run):
        request = self._request()
        script = 'virsh -c "$0" domfsfreeze "$1"; virsh -c "$0" backup-begin "$1" "$2"; virsh -c "$0" domfsthaw "$1"'
        done = subprocess.run(
            ["sh", "-ec", script, self.host.uri, self.guest.name, request], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "Froze 2" in done.stdout, done.stdout
        return self._drop_targets

    def connection(self, run):
        with open(self._request()) as file:
            request = file.read()
        domain = self.guest.domain
        assert domain.fsFreeze() == 2
        domain.backupBegin(request, None)
        assert domain.fsThaw() == 2
        return self._drop_targets

    def sample(self, way, run):
        """The longest gap between two writes, in ms, on either disk, and how it was measured."""
        kind = "lull" if way == "lull" else "stock"
        if self.guest.agent_kind != kind:
            self.guest.switch_agent(kind)
        undo = []
        longest, note = undisturbed(self.guest, lambda: undo.append(getattr(self, way)(run)))
        if way == "lull":
            note["window_ms"] = self.window(run)
        undo[0]()
        return max(longest.values()), note

    def _request(self):
        self._drop_targets()
        os.mkdir(self.targets)
        path = os.path.join(self.targets, "backup.xml")
        with open(path, "w") as file:
            file.write("<domainbackup mode='push'><disks>")
            for disk in self.guest.disks:
                target = os.path.join(self.targets, f"{disk.target}.qcow2")
                file.write(f"<disk name='{disk.target}' backup='yes' type='file'>")
                file.write(f"<driver type='qcow2'/><target file='{target}'/></disk>")
            file.write("</disks></domainbackup>")
        return path

    def _drop_targets(self):
        shutil.rmtree(self.targets, ignore_errors=True)


def figures(_build):
    ways = ["lull", "virsh", "connection"]
    samples = {way: [] for way in ways}
    notes = {way: [] for way in ways}
    with Host() as host, host.guest("bench", agent="lull") as guest, host.coordinator() as coordinator:
        bench = Bench(host, guest, coordinator)
        for way in ways:
            bench.sample(way, "warm")
        for run in range(RUNS):
            for way in ways[run % 3 :] + ways[: run % 3]:
                longest, note = bench.sample(way, run)
                samples[way].append(longest)
                notes[way].append(note)
    for way, title, must, goal in (
        ("virsh", "write stall, lull snapshot against virsh with stock qemu-ga", 0.5, 0.3),
        ("connection", "write stall, lull snapshot against one connection with stock qemu-ga", 0.7, 0.5),
    ):
        runs = {"ours": notes["lull"], "peer": notes[way]}
        yield Figure(title, "ms", samples["lull"], must, goal, samples[way], runs)
    # A writer sees the window, and on top of it what a write takes anyway.
    honest = [abs(_seen(note) - note["window_ms"]) for note in notes["lull"]]
    yield Figure("window in the report less the stall that a writer saw", "ms", honest, 10, 2, notes={"runs": notes["lull"]})


def _seen(note):
    return max(longest - note["median_ms"][name] for name, longest in note["longest_ms"].items())


def draw(figures):
    rows = {
        "lull snapshot": figures[0].ours,
        "qemu-ga, one connection": figures[1].peer,
        "qemu-ga, virsh": figures[0].peer,
    }
    return svg.strips("How long a writer in the guest stands still around a snapshot of two disks", "ms", rows)
