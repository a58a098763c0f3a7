# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Our agent in a guest, driven over libvirt: what it holds, and that it lets go whatever dies."""

import contextlib
import uuid

import libvirt
import pytest

from images import verify_disk
from rig import wait_for

PREFIX = "__dev.lull_quiesce-"
SLACK = 2  # seconds that a busy machine may add


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("agent", agent="lull") as guest:
        yield guest


class Operation:
    """One prepare ... thaw of the agent in @guest."""

    def __init__(self, guest, lease_ms=8000):
        self.guest = guest
        self.op = str(uuid.uuid4())
        self.lease_ms = lease_ms
        self.epoch = None

    def call(self, command, timeout=60, **arguments):
        return self.guest.agent(PREFIX + command, timeout, op=self.op, **arguments)

    def prepare(self):
        self.call("prepare")
        wait_for(lambda: self.status()["phase"] == "prepared", 10, "prepared")

    def freeze(self):
        self.prepare()
        answer = self.call("freeze", lease_ms=self.lease_ms)
        self.epoch = answer["epoch"]
        return answer

    def thaw(self):
        return self.call("thaw", epoch=self.epoch)

    def claims_held(self):
        try:
            return self.call("thaw", timeout=1, epoch=self.epoch or "none")["proof"] == "held"
        except libvirt.libvirtError:
            return False

    def status(self):
        return self.guest.agent(PREFIX + "status")


@pytest.fixture
def operation(guest):
    """An operation; after the test the agent must be idle and able to do the next one."""
    operation = Operation(guest)
    yield operation
    guest.wait_agent()
    wait_for(lambda: operation.status()["phase"] == "idle", 15, "the agent is idle again")
    following = Operation(guest)
    following.freeze()
    assert following.thaw()["proof"] == "held"
    guest.assert_writes_resume(within=SLACK)


def test_virsh_freezes_and_thaws_all_file_systems(guest):
    guest.host.virsh("domfsfreeze", guest.name)
    guest.assert_frozen("ext4")
    guest.assert_frozen("xfs")
    guest.host.virsh("domfsthaw", guest.name)

    guest.assert_writes_resume(within=SLACK)


def test_an_operation_holds_from_freeze_to_thaw(operation):
    frozen = operation.freeze()
    operation.guest.assert_frozen("ext4")
    operation.guest.assert_frozen("xfs")
    thawed = operation.thaw()

    assert {row["mountpoint"]: row["result"] for row in frozen["filesystems"]} == {
        "/mnt/ext4": "frozen",
        "/mnt/xfs": "frozen",
    }
    assert thawed["proof"] == "held"
    operation.guest.assert_writes_resume(within=SLACK)


def test_renewing_keeps_a_freeze_beyond_its_first_lease(operation):
    operation.lease_ms = 2000
    operation.freeze()

    def renewed_beyond():
        operation.call("renew", epoch=operation.epoch, lease_ms=2000)
        return operation.status()["epoch-age-ms"] > 3000

    wait_for(renewed_beyond, 20, "a freeze older than its lease", interval=0.2)
    assert operation.thaw()["proof"] == "held"


def test_the_end_of_the_lease_thaws_and_breaks_the_epoch(operation):
    operation.lease_ms = 1000
    operation.freeze()

    operation.guest.assert_writes_resume(within=1 + SLACK)
    assert operation.thaw()["proof"] == "broken"


@pytest.mark.parametrize("victim", ["lull-agent", "lull-freezer"])
def test_the_guest_writes_again_when_one_half_is_killed(operation, victim):
    operation.freeze()
    operation.guest.kill(victim)

    operation.guest.assert_writes_resume(within=SLACK)


def test_the_guest_writes_again_when_both_halves_are_killed_at_once(operation):
    operation.freeze()
    operation.guest.sh("kill -KILL $(pidof lull-agent) $(pidof lull-freezer)")

    operation.guest.assert_writes_resume(within=SLACK)


@pytest.mark.parametrize("victim", ["lull-agent", "lull-freezer"])
def test_the_guest_writes_again_when_one_half_hangs(operation, victim):
    operation.lease_ms = 1000
    operation.freeze()
    operation.guest.kill(victim, "STOP")

    operation.guest.assert_writes_resume(within=1 + SLACK)
    operation.guest.sh_status(f"kill -CONT $(pidof {victim})")


@pytest.mark.parametrize("step", ["freezer.first-frozen", "freezer.all-frozen", "agent.frozen"])
@pytest.mark.parametrize("action", ["kill", "stop"])
def test_a_fault_at_a_named_step_of_the_freeze_lets_go(guest, step, action):
    guest.arm(f"{step}={action}")
    operation = Operation(guest, lease_ms=1000)
    operation.prepare()
    with contextlib.suppress(libvirt.libvirtError):  # the fault may come before the answer or behind it
        operation.epoch = operation.call("freeze", timeout=1, lease_ms=1000)["epoch"]

    guest.assert_writes_resume(within=1 + SLACK)
    assert not operation.claims_held()
    guest.sh("killall -CONT lull-agent lull-freezer; true")
    guest.disarm()
    following = Operation(guest)
    following.freeze()
    assert following.thaw()["proof"] == "held"


def test_a_foreign_freeze_is_left_alone(operation):
    operation.guest.sh("fsfreeze --freeze /mnt/xfs")
    try:
        frozen = operation.freeze()
        operation.thaw()

        assert {row["mountpoint"]: row["result"] for row in frozen["filesystems"]}["/mnt/xfs"] == "failed"
        operation.guest.assert_frozen("xfs")
    finally:
        operation.guest.sh("fsfreeze --unfreeze /mnt/xfs")


def test_what_is_on_disk_while_held_is_whole_without_replay(operation, tmp_path):
    operation.freeze()
    before = operation.guest.seq("ext4")
    contents = verify_disk(operation.guest.current_disk_path("vda"), "ext4")
    assert operation.thaw()["proof"] == "held"

    assert before <= contents.lines <= before + 1
