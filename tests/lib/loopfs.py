# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""File systems on loop devices, for tests that freeze for real."""

import contextlib
import ctypes
import os
import subprocess

import scratch

_MAKE = {
    "ext4": (64 << 20, ["mkfs.ext4", "-q"]),
    "xfs": (320 << 20, ["mkfs.xfs", "-q"]),
    "btrfs": (128 << 20, ["mkfs.btrfs", "-q"]),
}

_CLONE_NEWNS = 0x00020000
_MS_REC_PRIVATE = 0x4000 | (1 << 18)


def own_namespace():
    """What this process mounts from here on nobody else sees, and it goes with the process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) or libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "a mount namespace of our own")


def _make(kind, image, mountpoint):
    size, command = _MAKE[kind]
    with open(image, "wb") as file:
        file.truncate(size)
    subprocess.run([*command, image], stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["mount", "-o", "loop", image, mountpoint], check=True)


def renew(mountpoint):
    """Makes what mounted() has mounted anew, if the kernel has given it up (made it read-only)."""
    if not os.statvfs(mountpoint).f_flag & os.ST_RDONLY:
        return
    kind = subprocess.check_output(["findmnt", "-no", "FSTYPE", mountpoint], text=True).strip()
    subprocess.run(["umount", mountpoint], check=True)
    os.unlink(f"{mountpoint}.img")
    _make(kind, f"{mountpoint}.img", mountpoint)


@contextlib.contextmanager
def mounted(directory, kind, name=None):
    """Mounts a new file system of @kind at @directory/@name, which is what it yields.

    @directory comes from scratch.make(), so that a killed run is cleared. However the block ends, the
    file system is thawed and gone afterwards."""
    name = name or kind
    image = os.path.join(directory, f"{name}.img")
    mountpoint = os.path.join(directory, name)
    os.mkdir(mountpoint)
    _make(kind, image, mountpoint)
    try:
        yield mountpoint
    finally:
        scratch.thaw(mountpoint)
        subprocess.run(["umount", mountpoint], check=True)
        os.rmdir(mountpoint)
        os.unlink(image)
