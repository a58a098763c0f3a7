# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A restore on a plain host of 2 GiB of data in a disk of 20 GiB, onto the xfs that it is stored on, with reflink and
without, beside `qemu-img convert` of the same file; what is written is on disk in the end, of either. And what ten new
machines of one snapshot take."""

import contextlib
import hashlib
import json
import os
import subprocess
import time

import scratch
from bench import Figure

CONTENT = "6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
MACHINE = "2c5e1d4c-7d0e-4f2c-8a51-0c0ffee00001"
DISK = 20 << 30
DATA = 2 << 30
PIECE = 4 << 20
ROUNDS = 3
NEW = 10
DOMAIN = """<domain type='test'><name>source</name><uuid>{}</uuid><memory>1024</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver type='qcow2'/><source file='{}'/><target dev='vda'/></disk></devices></domain>"""


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


@contextlib.contextmanager
def xfs(directory, reflink):
    """The mount point of a new one, where a file system of its own is under nobody's load."""
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


def sum_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def store(disk, mountpoint):
    """A content of that disk, and the folder that it was in."""
    directory, images = os.path.join(mountpoint, "store"), os.path.join(mountpoint, "images")
    folder, source = os.path.join(directory, CONTENT), os.path.join(images, "vda.qcow2")
    os.makedirs(folder)
    os.mkdir(images)
    stored = os.path.join(folder, "vda.qcow2")
    run("cp", "--reflink=never", disk, stored)
    run("cp", "--reflink=never", disk, source)
    volume = {"name": "vda", "disk": "vda", "file": "vda.qcow2", "format": "qcow2", "sourcePath": source,
              "sourceFormat": "qcow2", "capacity": DISK, "size": os.path.getsize(stored), "sha256": sum_of(stored)}
    with open(os.path.join(folder, "manifest.json"), "w") as file:
        json.dump({"version": 1, "vm": MACHINE, "domain": "source", "volumes": [volume]}, file)
    with open(os.path.join(folder, "domain.xml"), "w") as file:
        file.write(DOMAIN.format(MACHINE, source))
    run("sync", "-f", mountpoint)
    return directory, stored


def convert(stored, target):
    """Seconds."""
    begun = time.monotonic()
    run("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", stored, target)
    run("sync", target)
    seconds = time.monotonic() - begun
    os.unlink(target)
    return seconds


def restore(build, directory, how, count):
    program = os.path.join(build, "tests/bench/bench-restore")
    return [usec / 1e6 for usec in json.loads(run(program, directory, CONTENT, MACHINE, how, str(count)))]


def used(mountpoint):
    run("sync", "-f", mountpoint)
    stat = os.statvfs(mountpoint)
    return (stat.f_blocks - stat.f_bfree) * stat.f_frsize


def compare(build, mountpoint, directory, stored):
    ours, peer = [], []
    for _ in range(ROUNDS):
        peer += convert(stored, os.path.join(mountpoint, "peer.qcow2")),
        ours += restore(build, directory, "in-place", 1)
    return ours, peer


def figures(build):
    scratch_dir = scratch.make("restore")
    try:
        disk = os.path.join(scratch_dir, "disk.qcow2")
        make_disk(disk)
        for reflink, must, goal in ((True, 0.3, 0.05), (False, 1.1, 1.0)):
            with xfs(scratch_dir, reflink) as mountpoint:
                directory, stored = store(disk, mountpoint)
                ours, peer = compare(build, mountpoint, directory, stored)
                name = f"restore of 2 GiB on a host, {'with' if reflink else 'without'} reflink"
                yield Figure(name, "s", ours, must, goal, peer)
                if reflink:
                    yield room(build, mountpoint, directory)
    finally:
        scratch.remove(scratch_dir)


def room(build, mountpoint, directory):
    """What all of them take, the first too, of what their data would."""
    before = used(mountpoint)
    restore(build, directory, "new", NEW)
    share = 100 * (used(mountpoint) - before) / DATA
    return Figure(f"room for {NEW} new machines of one snapshot, with reflink, of its data", "%", [share], 5, 1)
