# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the loop suite: real file systems, really frozen, in a mount namespace of our own."""

import os

import pytest

import loopfs
import scratch


@pytest.fixture(scope="session", autouse=True)
def namespace():
    """Mounts that nobody else sees."""
    scratch.sweep()
    loopfs.own_namespace()


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


@pytest.fixture(scope="session")
def build():
    return os.environ.get("LULL_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))
