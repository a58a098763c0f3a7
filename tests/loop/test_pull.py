# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A copy onto a disk that takes nothing for a while."""

import os
import subprocess
import threading

import loopfs
from nbdserver import MIB, Server, assert_right, command

CAPACITY = 32 * MIB  # more than is read ahead
STILL = 5  # seconds: more than a reader may leave answers where they are


class Freezing(Server):
    """Freezes the disk before the first answer."""

    size = CAPACITY

    def read(self, handle, offset, length):
        if self.reads == 1:
            subprocess.run(["fsfreeze", "-f", self.disk], check=True)
            threading.Timer(STILL, subprocess.run, [["fsfreeze", "-u", self.disk]]).start()
        super().read(handle, offset, length)


def test_answers_are_taken_while_the_disk_takes_nothing(build, directory):
    """What QEMU has on its way would keep the guest waiting. A reader that left it there would be cut off."""
    path, plain = os.path.join(directory, "nbd"), os.path.join(directory, "made.qcow2")
    with loopfs.mounted(directory, "ext4", "slow") as disk:
        server = Freezing(path)
        server.disk = disk
        target = os.path.join(disk, "made.qcow2")
        reader = subprocess.run(command(build, path, target, capacity=CAPACITY), stdout=subprocess.PIPE, text=True,
                                check=False, timeout=120)
        assert reader.returncode == 0, reader.stdout
        subprocess.run(["cp", target, plain], check=True)
        server.stop()
    assert_right(plain, CAPACITY)
