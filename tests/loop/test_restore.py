# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What is stored and what is restored of it share their blocks where the file system can have that."""

import os
import subprocess

import pytest

import loopfs
from stored import Stored, used

DATA = 16 << 20


@pytest.fixture(scope="module")
def disk(directory):
    """A qcow2 full of what nothing can make smaller."""
    raw, path = os.path.join(directory, "disk.raw"), os.path.join(directory, "disk.qcow2")
    with open(raw, "wb") as file:
        file.write(os.urandom(DATA))
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path], check=True)
    return path


def assert_same(one, other):
    subprocess.run(["qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", one, other], check=True)


@pytest.mark.parametrize("kind, shares", [("ext4", False), ("xfs", True), ("btrfs", True)])
def test_a_restored_disk_is_the_stored_one_and_shares_its_blocks_where_it_can(build, directory, disk, kind, shares):
    with loopfs.mounted(directory, kind) as mountpoint:
        stored = Stored(mountpoint, disk, DATA)
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 5 0 4M", stored.source], check=True)
        stored.restore(build, "in-place")
        before = used(mountpoint)
        stored.restore(build, "new")

        assert_same(stored.source, stored.path)
        assert_same(os.path.join(stored.images, "new-0.qcow2"), stored.path)
        assert sorted(os.listdir(stored.images)) == ["new-0.qcow2", "vda.qcow2"]
        assert (used(mountpoint) < before + DATA / 2) == shares
