# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Incremental snapshots of two disks of 20 GiB of which 200 MiB have changed: the stall that a writer in the guest sees,
and the time until all is stored.

The peer for the stall is virsh with stock qemu-ga, `domfsfreeze; backup-begin; domfsthaw`, for the time `virsh
backup-begin` alone, until its job is over. Ours and the peer have a guest each, of which one runs at a time, so that neither
has the other's checkpoints to carry. Both keep what they have stored: files just deleted leave memory behind that is
faster to write to than any other.
"""

import os
import subprocess
import time

import libvirt
from bench import Figure
from rig import Disk, Host, wait_for
from stall import undisturbed

RUNS = int(os.environ.get("LULL_BENCH_RUNS", "5"))
SIZE = "20G"
CHANGED_MIB = 100  # on each of two disks
DISKS = (
    Disk("vda", "ext4", "/mnt/ext4", serial="EXT4DISK", size=SIZE),
    Disk("vdb", "xfs", "/mnt/xfs", serial="XFSDISK", size=SIZE),
)


def _change(guest):
    for disk in guest.disks:
        guest.sh(f"dd if=/dev/urandom of={disk.mount}/changing bs=1M count={CHANGED_MIB} conv=notrunc 2>/dev/null", 120)
    guest.sh("sync", 120)


class Ours:
    def __init__(self, guest, coordinator):
        self.guest = guest
        self.coordinator = coordinator
        self.n = 0
        guest.set_incremental(True)

    def cycle(self):
        """Seconds until the snapshot is ready."""
        self.n += 1
        begun = time.monotonic()
        done = self.coordinator.lull("snapshot", self.guest.name, f"changed-{self.n}", "--wait")
        assert done.returncode == 0, done.stdout + done.stderr
        return time.monotonic() - begun


class Peer:
    def __init__(self, host, guest):
        self.uri = host.uri
        self.guest = guest
        self.dir = os.path.join(host.dir, "peer")  # has a directory for each cycle
        self.n = 0

    def cycle(self, freeze=True):
        """Seconds until the job is over."""
        self.n += 1
        directory = os.path.join(self.dir, str(self.n))
        os.makedirs(directory)
        script = 'virsh -c "$0" backup-begin "$1" "$2/backup.xml" "$2/checkpoint.xml"'
        if freeze:
            script = f'virsh -c "$0" domfsfreeze "$1"; {script}; virsh -c "$0" domfsthaw "$1"'
        self._write(directory)
        begun = time.monotonic()
        done = subprocess.run(
            ["sh", "-ec", script, self.uri, self.guest.name, directory], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        job = self.guest.domain.jobInfo
        wait_for(lambda: job()[0] == libvirt.VIR_DOMAIN_JOB_NONE, 120, "the job is over", interval=0.005)
        took = time.monotonic() - begun
        if self.n > 1:
            self.guest.domain.checkpointLookupByName(f"peer-{self.n - 1}").delete()
        return took

    def _write(self, directory):
        base = f"<incremental>peer-{self.n - 1}</incremental>" if self.n > 1 else ""
        disks = "".join(
            f"<disk name='{disk.target}' backup='yes' type='file'><driver type='qcow2'/>"
            f"<target file='{directory}/{disk.target}.qcow2'/></disk>"
            for disk in self.guest.disks
        )
        with open(os.path.join(directory, "backup.xml"), "w") as file:
            file.write(f"<domainbackup mode='push'>{base}<disks>{disks}</disks></domainbackup>")
        with open(os.path.join(directory, "checkpoint.xml"), "w") as file:
            file.write(f"<domaincheckpoint><name>peer-{self.n}</name></domaincheckpoint>")


def _sample(guest, cycle, other):
    """(longest gap in ms, seconds until it was done, notes) of one cycle after the change."""
    other.domain.suspend()
    try:
        took = []
        _change(guest)
        longest, note = undisturbed(guest, lambda: took.append(cycle()))
        return max(longest.values()), took[0], note
    finally:
        other.domain.resume()


def figures(_build):
    with (
        Host() as host,
        host.guest("ours", agent="lull", disks=DISKS) as mine,
        host.guest("theirs", agent="stock", disks=DISKS) as theirs,
        host.coordinator() as coordinator,
    ):
        ours, peer = Ours(mine, coordinator), Peer(host, theirs)
        ways = {
            "ours": (mine, ours.cycle, theirs),
            "cycle": (theirs, peer.cycle, mine),
            "alone": (theirs, lambda: peer.cycle(freeze=False), mine),
        }
        samples = {way: [] for way in ways}
        for way in ways:  # the first is a full one
            _sample(*ways[way])
        for run in range(RUNS):
            for way in list(ways)[run % 3 :] + list(ways)[: run % 3]:
                samples[way].append(_sample(*ways[way]))
    stall = {way: [sample[0] for sample in those] for way, those in samples.items()}
    done = {way: [sample[1] for sample in those] for way, those in samples.items()}
    notes = {way: [sample[2] for sample in those] for way, those in samples.items()}
    what = f"incremental snapshot, 2 disks of {SIZE}iB, {2 * CHANGED_MIB} MiB changed"
    yield Figure(f"{what}: write stall", "ms", stall["ours"], 0.5, 0.3, stall["cycle"], notes)
    yield Figure(f"{what}: time to done", "s", done["ours"], 1.2, 1.05, done["alone"])
