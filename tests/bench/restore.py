# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A restore on a plain host of 2 GiB of data in a disk of 20 GiB, onto the xfs that it is stored on, with reflink and
without, beside `qemu-img convert` of the same file; what is written is on disk in the end, of either. And what ten new
machines of one snapshot take."""

import contextlib
import os
import subprocess
import time

import scratch
from bench import Figure
from stored import Stored, used

DISK = 20 << 30
DATA = 2 << 30
PIECE = 4 << 20
ROUNDS = 3
NEW = 10


def run(*command):
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


@contextlib.contextmanager
def xfs(directory, reflink):
    """The mount point of a new one, where nobody else writes."""
    image, mountpoint = os.path.join(directory, "xfs.img"), os.path.join(directory, "xfs")
    os.mkdir(mountpoint)
    with open(image, "wb") as file:
        file.truncate(14 << 30)
    run("mkfs.xfs", "-q", "-m", f"reflink={int(reflink)}", image)
    run("mount", "-o", "loop", image, mountpoint)
    try:
        yield mountpoint
    finally:
        run("umount", mountpoint)
        os.rmdir(mountpoint)
        os.unlink(image)


def make_disk(path):
    """@DATA bytes that nothing can make smaller, all over a disk."""
    raw = f"{path}.raw"
    with open(raw, "wb") as file:
        file.truncate(DISK)
        for at in range(0, DISK, DISK // (DATA // PIECE)):
            file.seek(at)
            file.write(os.urandom(PIECE))
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path)
    os.unlink(raw)


def convert(stored, target):
    """Seconds."""
    begun = time.monotonic()
    run("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", stored.path, target)
    run("sync", target)
    seconds = time.monotonic() - begun
    os.unlink(target)
    return seconds


def compare(build, mountpoint, stored):
    ours, peer = [], []
    used(mountpoint)  # synced
    for _ in range(ROUNDS):
        peer.append(convert(stored, os.path.join(mountpoint, "peer.qcow2")))
        ours += stored.restore(build, "in-place")
    return ours, peer


def room(build, mountpoint, stored):
    """What all of them take, the first too, of what their data would."""
    before = used(mountpoint)
    stored.restore(build, "new", NEW)
    share = 100 * (used(mountpoint) - before) / DATA
    return Figure(f"room for {NEW} new machines of one snapshot, with reflink, of its data", "%", [share], 5, 1)


def figures(build):
    directory = scratch.make("restore")
    try:
        disk = os.path.join(directory, "disk.qcow2")
        make_disk(disk)
        for reflink, must, goal in ((True, 0.3, 0.05), (False, 1.1, 1.0)):
            with xfs(directory, reflink) as mountpoint:
                stored = Stored(mountpoint, disk, DISK)
                ours, peer = compare(build, mountpoint, stored)
                name = f"restore of 2 GiB on a host, {'with' if reflink else 'without'} reflink"
                yield Figure(name, "s", ours, must, goal, peer)
                if reflink:
                    yield room(build, mountpoint, stored)
    finally:
        scratch.remove(directory)
