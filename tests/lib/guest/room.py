# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A place with little room.

    with little_room(host, 256) as room, Driver(host, room.store) as driver:
        room.leave(32 << 20)
"""

import contextlib
import os
import subprocess
import tempfile

from leftovers import processes
from rig import wait_for


class Room:
    def __init__(self, path):
        self.path = path
        self.store = os.path.join(path, "store")

    def free(self):
        """How many bytes are."""
        room = os.statvfs(self.path)
        return room.f_bavail * room.f_frsize

    def leave(self, size):
        """Fills it, but for so many bytes."""
        with open(os.path.join(self.path, "filler"), "w") as file:
            os.posix_fallocate(file.fileno(), 0, self.free() - size)


@contextlib.contextmanager
def little_room(host, mib):
    """A file system of so many MiB, for us and for QEMU, whose mounts are not ours."""
    path = tempfile.mkdtemp(prefix="little-room-", dir=host.dir)
    image = f"{path}.img"
    with open(image, "wb") as file:
        file.truncate(mib << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    device = subprocess.check_output(["losetup", "-f", "--show", image], text=True).strip()
    try:
        for where in ([], host.beside_libvirtd()):
            subprocess.run([*where, "mount", device, path], check=True)
        os.chmod(path, 0o711)
        yield Room(path)
    finally:
        # It outlives who started it, and looks at what is on there.
        wait_for(lambda: not processes("pull-guard", below=path), 30, "the guards of jobs in there are gone")
        for where in (host.beside_libvirtd(), []):
            subprocess.run([*where, "umount", path], check=True)
        subprocess.run(["losetup", "-d", device])
        os.rmdir(path)
        os.unlink(image)
