# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the loop suite: real file systems, really frozen, in a mount namespace of our own."""

import ctypes
import os

import pytest

import loopfs
import scratch

_CLONE_NEWNS = 0x00020000
_MS_REC_PRIVATE = 0x4000 | (1 << 18)


@pytest.fixture(scope="session", autouse=True)
def namespace():
    """What is mounted here nobody else sees, and it goes with this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    scratch.sweep()
    if libc.unshare(_CLONE_NEWNS) or libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "a mount namespace of our own")


@pytest.fixture(scope="module")
def directory(request):
    path = scratch.make(request.module.__name__.removeprefix("test_"))
    yield path
    scratch.remove(path)


@pytest.fixture(scope="module")
def disks(directory):
    """Mount points of an ext4, an xfs and a btrfs."""
    with (
        loopfs.mounted(directory, "ext4") as ext4,
        loopfs.mounted(directory, "xfs") as xfs,
        loopfs.mounted(directory, "btrfs") as btrfs,
    ):
        yield [ext4, xfs, btrfs]


@pytest.fixture
def build():
    return os.environ.get("LULL_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))
