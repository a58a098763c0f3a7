# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Whoever dies or hangs while a guest is being held: it writes again within the lease, the verdict is what the
table says, nothing is left over, and the next snapshot succeeds."""

import contextlib
import dataclasses
import json
import os
import signal
import time
import uuid

import pytest

import rig
from api import Api, condition, indications, report
from leftovers import dead_men

LEASE = 8
SLACK = 2  # seconds that a busy machine may add

HELD = {"Online", "GuestAgent"}
FAILED = {"Online", "QuiesceFailed"}
LATE = {"Online", "QuiesceFailed", "QuiesceTimeout"}


@dataclasses.dataclass(frozen=True)
class Cell:
    """A process does @action to itself at @step. @attempts: those of which one counts in the end."""

    process: str
    step: str
    action: str
    verdicts: tuple
    attempts: tuple = (1,)

    def __str__(self):
        return f"{self.step}={self.action}"


CELLS = [
    Cell("coordinator", "coordinator.locked", "kill", (HELD,)),
    Cell("coordinator", "coordinator.prepared", "kill", (HELD,), attempts=(2,)),
    Cell("coordinator", "coordinator.frozen", "kill", (HELD,), attempts=(2,)),
    Cell("coordinator", "coordinator.cut", "kill", (HELD,), attempts=(2,)),
    Cell("coordinator", "coordinator.thawed", "kill", (HELD,), attempts=(2,)),
    # the copy is on a thread of its own: what came of the attempt may be recorded by then, or not
    Cell("coordinator", "coordinator.copy-begun", "kill", (HELD,), attempts=(1, 2)),
    Cell("coordinator", "coordinator.copy-noted", "kill", (HELD,), attempts=(1, 2)),
    Cell("coordinator", "coordinator.frozen", "stop", (HELD,), attempts=(2,)),
    Cell("agent", "agent.frozen", "kill", (HELD,), attempts=(2,)),
    # the freezer of every attempt: the last one goes without
    Cell("freezer", "freezer.all-frozen", "kill", (FAILED, LATE), attempts=(3,)),
]


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("faults", agent="lull") as guest:
        yield guest


@pytest.fixture
def coordinator(host, guest, request):
    """A coordinator of its own for each test, not yet started."""
    coordinator = rig.Coordinator(host, "faults-" + str(abs(hash(request.node.name))))
    guest.forget_gaps()
    yield coordinator
    coordinator.kill(signal.SIGCONT)
    coordinator.kill()
    guest.disarm()
    rig.wait_for(lambda: not dead_men(host), 30, "the end of the dead men, who thaw what is frozen next too")


@contextlib.contextmanager
def ending_well(coordinator, guest, name):
    """After what happens inside: the guest writes, and never stood still for longer than the lease; the next snapshot
    succeeds, nothing stays."""
    yield
    api = Api(coordinator)
    guest.wait_agent()
    guest.assert_writes_resume(within=SLACK)
    assert guest.longest_gap() < LEASE + SLACK
    following = api.snap("following", guest.name)

    assert condition(following, "Ready")
    assert indications(following) == HELD
    for made in ("following", name):
        api.delete(made)
    api.assert_nothing_left(guest.name, libvirt=True)


def pass_through_fault(cell, coordinator, guest):
    """Waits until the fault has struck and the guest writes again; brings back what is needed."""
    if cell.process != "coordinator":
        guest.assert_writes_resume(within=LEASE + SLACK)
    elif cell.action == "kill":
        coordinator.wait_end(timeout=30)
        coordinator.start()
        guest.assert_writes_resume(within=LEASE + SLACK)
    else:
        rig.wait_for(coordinator.is_stopped, 30, "it has stopped itself")
        guest.assert_writes_resume(within=LEASE + SLACK)
        coordinator.kill(signal.SIGCONT)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_fault_at_a_named_step_is_survived(cell, coordinator, guest):
    if cell.process == "coordinator":
        coordinator.start(step=f"{cell.step}={cell.action}")
    else:
        guest.arm(f"{cell.step}={cell.action}")
        coordinator.start()
    api = Api(coordinator)
    with ending_well(coordinator, guest, "struck"):
        api.take("struck", guest.name)
        pass_through_fault(cell, coordinator, guest)
        snapshot = api.settle("struck")
        if cell.process != "coordinator":
            guest.disarm()

        assert condition(snapshot, "Ready")
        assert indications(snapshot) in cell.verdicts
        assert report(snapshot)["attempt"] in cell.attempts
        assert (report(snapshot)["proof"] == "held") == (indications(snapshot) == HELD)
        assert report(snapshot)["level"] == ("fs" if indications(snapshot) == HELD else "crash")


def test_a_stock_agent_is_thawed_when_the_coordinator_is_killed(coordinator, guest):
    guest.switch_agent("stock")
    try:
        coordinator.start(step="coordinator.frozen=kill")
        Api(coordinator).take("struck", guest.name)
        coordinator.wait_end(timeout=30)
        guest.assert_writes_resume(within=LEASE + SLACK)

        assert guest.agent("guest-fsfreeze-status") == "thawed"
    finally:
        guest.switch_agent("lull")


def test_a_thaw_that_could_not_be_confirmed_at_the_start_is_made_up_for_later(coordinator, guest):
    """What an earlier life may have left frozen, in a guest whose agent says nothing when the next one starts."""
    guest.switch_agent("stock")
    try:
        intents = os.path.join(coordinator.state_dir, "intents")
        os.makedirs(intents)
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot_id = file.read().strip()
        op = str(uuid.uuid4())
        intent = {"version": 1, "op": op, "vm": guest.uuid, "vmName": guest.name, "bootId": boot_id}
        with open(os.path.join(intents, f"{op}.json"), "w") as file:
            json.dump({**intent, "agent": "stock", "stage": "freezing"}, file)
        guest.agent("guest-fsfreeze-freeze")
        guest.kill("qemu-ga", "STOP")
        try:
            coordinator.start(wait=False)
            coordinator.wait_ready(timeout=60)
            assert os.listdir(intents) == [f"{op}.json"]
            guest.assert_frozen("ext4")
        finally:
            guest.kill("qemu-ga", "CONT")
        guest.assert_writes_resume(within=30)
        rig.wait_for(lambda: not os.listdir(intents), 30, "the end of the intent")
    finally:
        guest.switch_agent("lull")


def test_a_guest_that_loses_its_power_while_frozen_is_saved_as_it_was_left(coordinator, guest):
    coordinator.start(step="coordinator.frozen=stop")
    api = Api(coordinator)
    with ending_well(coordinator, guest, "struck"):
        api.take("struck", guest.name, failureDeadline=0)
        rig.wait_for(coordinator.is_stopped, 30, "it has stopped itself")
        guest.destroy()
        coordinator.kill(signal.SIGCONT)
        snapshot = api.settle("struck")
        guest.start_again()

        assert condition(snapshot, "Ready")
        assert (report(snapshot)["level"], report(snapshot)["proof"]) == ("crash", "none")
        assert "its power was cut" in report(snapshot)["proofReason"]
        assert report(snapshot)["attempt"] > 1
        assert indications(snapshot) == {"NoGuestAgent"}


def test_a_coordinator_told_to_end_lets_go_at_once(coordinator, guest):
    coordinator.start()
    assert coordinator.lull("freeze", guest.name, "--for", "60s").returncode == 0
    guest.assert_frozen("ext4")
    begun = time.monotonic()

    assert coordinator.stop() == 0
    assert time.monotonic() - begun < LEASE
    guest.assert_writes_resume(within=SLACK)
