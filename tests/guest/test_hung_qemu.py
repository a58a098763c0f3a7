# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A QEMU that answers nothing any more: its own snapshots wait, and nobody else's."""

import signal

import pytest

import rest
import rig
from api import RESTORES, Api, condition, report
from rig import EXT4, Disk

NOISY = Disk("vdb", "empty", format="raw")


@pytest.fixture(scope="module")
def other(host):
    with host.guest("lively", agent="lull", disks=(EXT4,)) as guest:
        yield guest


@pytest.fixture
def guest(host):
    with host.guest("hanging", agent="lull", disks=(EXT4, NOISY)) as guest:
        yield guest


@pytest.fixture
def api(host, guest, other):
    with host.coordinator("hangs") as coordinator:
        yield Api(coordinator)


def assert_others_are_served(api, other):
    """A snapshot from end to end, and an answer to a restore, which have threads of their own to wait for."""
    snapshot = api.snap("beside", other.name)
    assert condition(snapshot, "Ready") and report(snapshot)["proof"] == "held", snapshot
    api.restore("beside", "beside", other.name, targetReadinessPolicy="FailImmediate")
    assert condition(api.settle_restore("beside", timeout=20), "Failure")
    api.rest.delete(f"{RESTORES}/beside")


def test_a_guest_that_hangs_while_it_is_copied_delays_nobody_else(api, guest, other):
    guest.sh("dd if=/dev/urandom of=/dev/vdb bs=1M count=48 conv=fsync")
    api.coordinator.stop()
    api.coordinator.start(step="coordinator.copy-begun=stop")
    api.take("slow", guest.name)
    rig.wait_for(api.coordinator.is_stopped, 60, "its copy has just begun", interval=0.005)
    with guest.hung():
        api.coordinator.kill(signal.SIGCONT)
        assert_others_are_served(api, other)
        assert not condition(api.snapshot("slow"), "Ready")
    api.delete("slow")
    api.delete("beside")
    api.assert_nothing_left(guest.name)
    guest.assert_writes_resume(within=10)


def test_a_guest_that_hangs_before_a_snapshot_or_a_restore_delays_nobody_else(api, guest, other):
    api.take("good", other.name)
    api.settle("good")
    with guest.hung():
        api.take("stuck", guest.name)
        rig.wait_for(lambda: api.content(api.snapshot("stuck")), 10, "the attempt begins")
        assert_others_are_served(api, other)
        assert api.rest.get(rest.SNAPSHOTS)[0] == 200
    api.settle("stuck")
    for name in ("stuck", "beside", "good"):
        api.delete(name)
    api.assert_nothing_left(guest.name)
