# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Looking into a disk image: is the file system right, is the writer's file whole?"""

import contextlib
import dataclasses
import os
import subprocess
import tempfile

import scratch


@dataclasses.dataclass(frozen=True)
class Contents:
    lines: int  # of the writer's file, which counts up from 1 without a gap
    files: dict  # name: content, of other regular files at the top of the file system


def verify_disk(path, kind, replay=False):
    """Checks the file system of @kind in the image @path and returns its Contents.

    Without @replay the image is taken as it is: what a freeze has made consistent needs no journal. With
    it the file system is mounted once first, as after a power cut. A frozen xfs has a dirty log on purpose
    and is always replayed. @path itself is only read."""
    work = scratch.make("image")
    try:
        raw = os.path.join(work, "disk.raw")
        subprocess.run(["qemu-img", "convert", "-U", "-O", "raw", path, raw], check=True)
        if replay or kind == "xfs":
            with _mounted(raw, work, "nouuid" if kind == "xfs" else "rw"):
                pass
        check = ["e2fsck", "-fn", raw] if kind == "ext4" else ["xfs_repair", "-n", "-f", raw]
        done = subprocess.run(check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, f"{path}: {' '.join(check[:2])}: {done.stdout}"
        with _mounted(raw, work, "ro,noload" if kind == "ext4" else "ro,norecovery,nouuid") as directory:
            return Contents(_check_sequence(directory), _read_files(directory))
    finally:
        scratch.remove(work)


@contextlib.contextmanager
def _mounted(raw, work, options):
    directory = tempfile.mkdtemp(prefix="mnt-", dir=work)
    subprocess.run(["mount", "-o", f"loop,{options}", raw, directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def _check_sequence(directory):
    path = os.path.join(directory, "seq")
    if not os.path.exists(path):
        return 0
    with open(path, "rb") as file:
        data = file.read()
    assert data.endswith(b"\n") or not data, f"the last line of seq is torn: {data[-40:]!r}"
    lines = data.splitlines()
    for expected, line in enumerate(lines, 1):
        assert line.split()[:1] == [b"%08d" % expected], f"line {expected} of seq is {line!r}"
    return len(lines)


def _read_files(directory):
    files = {}
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if name != "seq" and os.path.isfile(path):
            with open(path, "rb") as file:
                files[name] = file.read()
    return files
