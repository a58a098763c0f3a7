# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""libvirtd or QEMU is killed in the midst of a snapshot: the guest, if it is still there, writes again within
the lease, nothing is claimed that is not so, and the next snapshot succeeds."""

import signal

import pytest

import rig
from api import Api, condition, indications, report
from images import verify_disk

LEASE = 8
SLACK = 2  # seconds that a busy machine may add

HELD = {"Online", "GuestAgent"}


@pytest.fixture(scope="module")
def host():
    """A libvirtd that may be killed."""
    with rig.Host() as host:
        yield host


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("struck", agent="lull") as guest:
        yield guest


@pytest.fixture
def coordinator(host, guest, request):
    coordinator = rig.Coordinator(host, "c" + str(abs(hash(request.node.name))))
    yield coordinator
    coordinator.kill(signal.SIGCONT)
    coordinator.kill()


def stop_at(coordinator, guest, step):
    """Begins a snapshot, and is back when the coordinator stands still at @step."""
    coordinator.start(step=f"{step}=stop")
    api = Api(coordinator)
    api.take("struck", guest.name)
    rig.wait_for(coordinator.is_stopped, 60, "it has stopped itself")
    return api


def end_well(api, guest):
    """The guest writes, the next snapshot succeeds, nothing stays."""
    guest.wait_agent()
    guest.assert_writes_resume(within=SLACK)
    following = api.snap("following", guest.name)

    assert condition(following, "Ready")
    assert indications(following) == HELD
    for name in ("following", "struck"):
        api.delete(name)
    api.assert_nothing_left(guest.name)


@pytest.mark.parametrize("step", ["frozen", "thawed", "data-copied"])
def test_libvirtd_may_die_and_come_back(host, coordinator, guest, step):
    api = stop_at(coordinator, guest, f"coordinator.{step}")
    host.crash_libvirtd(guest)
    guest.assert_writes_resume(within=LEASE + SLACK)
    host.start_libvirtd_again()
    coordinator.kill(signal.SIGCONT)
    snapshot = api.settle("struck")

    assert condition(snapshot, "Ready")
    assert indications(snapshot) == HELD
    assert report(snapshot)["attempt"] == (2 if step == "frozen" else 1)
    assert verify_disk(f"{api.data(snapshot)}/vda.qcow2", "ext4").lines > 0
    end_well(api, guest)


@pytest.mark.parametrize("step", ["frozen", "thawed"])
def test_qemu_may_die_and_its_machine_be_started_again(coordinator, guest, step):
    api = stop_at(coordinator, guest, f"coordinator.{step}")
    guest.crash()
    coordinator.kill(signal.SIGCONT)
    snapshot = api.settle("struck", timeout=90)

    if condition(snapshot, "Ready"):  # the copy was whole before, or the disks were copied as they were left
        level = "fs" if indications(snapshot) == HELD else "crash"
        assert report(snapshot)["level"] == level
        assert level == "fs" or indications(snapshot) == {"NoGuestAgent"}
        verify_disk(f"{api.data(snapshot)}/vda.qcow2", "ext4", replay=level == "crash")
    guest.start()
    end_well(api, guest)
