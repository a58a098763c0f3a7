# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What a snapshot may claim, from facts that are made to happen in real guests. docs/testing.md has the table."""

import contextlib
import dataclasses
import signal

import pytest

import rest
import rig
from api import Api, condition, indications, reason, report

LEASE = 8
SLACK = 2

HELD = {"Online", "GuestAgent"}
FAILED = {"Online", "QuiesceFailed"}
LATE = {"Online", "QuiesceFailed", "QuiesceTimeout"}
ALONE = {"Online", "NoGuestAgent"}


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("truth", agent="lull") as guest:
        yield guest


@pytest.fixture
def coordinator(host):
    """Not started yet."""
    coordinator = rig.Coordinator(host, "claims")
    yield coordinator
    coordinator.remove()


@contextlib.contextmanager
def agent(guest, kind, step=""):
    guest.switch_agent(kind, step)
    try:
        yield
    finally:
        guest.switch_agent("lull")


def claims(snapshot):
    told = report(snapshot)
    return indications(snapshot), told["level"], told["proof"]


def assert_nothing_left(api, guest, name):
    api.delete(name)
    api.assert_nothing_left(guest.name)
    guest.assert_writes_resume(within=5)


# What the agent says


@dataclasses.dataclass(frozen=True)
class Claim:
    """A snapshot with an agent of that kind. @attempt: the one that counts."""

    agent: str
    told: tuple
    witness: str
    why: str
    attempt: int = 1

    def __str__(self):
        return self.agent


CLAIMS = [
    Claim("lying", (FAILED, "crash", "none"), "none", "noisy", attempt=3),
    Claim("lying-stock", (FAILED, "crash", "none"), "none", "noisy", attempt=3),
    Claim("refusing", (FAILED, "crash", "none"), "none", "hook", attempt=3),
    Claim("empty", (FAILED, "crash", "none"), "none", "nothing to freeze"),
    Claim("commandless", (ALONE, "crash", "none"), "none", "no command to freeze"),
    Claim("none", (ALONE, "crash", "none"), "none", "no agent answers"),
    Claim("silent", (ALONE, "crash", "none"), "none", "no agent answers"),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_no_agent_is_believed_more_than_the_facts(claim, coordinator, guest):
    coordinator.start()
    api = Api(coordinator)
    with agent(guest, claim.agent):
        snapshot = api.snap("claim", guest.name)
    told = report(snapshot)

    assert condition(snapshot, "Ready")
    assert claims(snapshot) == claim.told
    assert told["witness"] == claim.witness
    assert claim.why in told["proofReason"]
    assert told["attempt"] == claim.attempt
    assert_nothing_left(api, guest, "claim")


def test_a_guest_that_writes_on_is_told_from_one_that_keeps_still(coordinator, guest):
    """Attempts whose cuts do not count are remembered by the one that does."""
    coordinator.start()
    api = Api(coordinator)
    with agent(guest, "lying"):
        earlier = report(api.snap("lied", guest.name))["earlier"]
    told = report(api.snap("kept", guest.name))

    assert (earlier["attempt"], earlier["proof"], earlier["witness"]) == (2, "broken", "noisy")
    assert (told["attempt"], told["proof"], told["witness"]) == (1, "held", "quiet")
    assert "earlier" not in told
    api.delete("lied")
    assert_nothing_left(api, guest, "kept")


# What happens to a freeze half way


def foreign_thaw(guest):
    assert guest.agent("guest-fsfreeze-thaw") > 0


def lease_ends(guest):
    guest.assert_writes_resume(within=LEASE + SLACK)


def agent_restarts(guest):
    guest.kill("lull-agent")
    guest.wait_agent()


BREAKS = {
    "foreign thaw": foreign_thaw,
    "lease expired": lease_ends,
    "agent lost": agent_restarts,
}


def break_half_way(coordinator, guest, break_it, name, **options):
    """A snapshot whose first freeze is broken while the coordinator stands still; not for so long that libvirt
    gives up on its connection."""
    coordinator.start(step="coordinator.frozen=stop")
    api = Api(coordinator)
    api.take(name, guest.name, **options)
    rig.wait_for(coordinator.is_stopped, 30, "it has stopped itself")
    break_it(guest)
    coordinator.kill(signal.SIGCONT)
    return api


@pytest.mark.parametrize("why", BREAKS)
def test_a_freeze_that_breaks_half_way_is_found_out_and_tried_again(why, coordinator, guest):
    api = break_half_way(coordinator, guest, BREAKS[why], "broken", failureDeadline=0)
    snapshot = api.settle("broken")

    assert f"attempt 1 was not quiesced: {why}" in coordinator.log()
    assert claims(snapshot) == (HELD, "fs", "held")
    assert report(snapshot)["attempt"] == 2
    assert_nothing_left(api, guest, "broken")


def test_a_guest_that_reboots_while_it_is_frozen_is_not_believed(coordinator, guest):
    def reset(guest):
        guest.control.close()
        guest.domain.reset()

    api = break_half_way(coordinator, guest, reset, "reset", failureDeadline=0)
    snapshot = api.settle("reset")
    guest.wait_shell()
    guest.wait_agent()

    assert "attempt 1 was not quiesced" in coordinator.log()
    assert report(snapshot)["attempt"] > 1
    assert claims(snapshot) in [(ALONE, "crash", "none"), (HELD, "fs", "held")]  # whether it is up again by then
    assert_nothing_left(api, guest, "reset")


def test_a_stock_guest_that_was_halted_while_frozen_is_not_vouched_for(coordinator, guest):
    """Its agent says that it is frozen still, and the witness is quiet; but what else was done to it nobody knows."""
    coordinator.start()
    api = Api(coordinator)
    vm = f"{rest.SUBRESOURCES}/{guest.name}"
    with agent(guest, "stock"):
        assert api.rest.call("PUT", f"{vm}/freeze", {})[0] == 200
        guest.domain.suspend()
        api.wait_state(guest.name, "Paused")
        guest.domain.resume()
        api.wait_state(guest.name, "Running")
        status, verdict = api.rest.call("PUT", f"{vm}/unfreeze", {})
        guest.assert_writes_resume(within=SLACK)

    assert (status, verdict["level"], verdict["proof"]) == (200, "crash", "broken"), verdict
    assert verdict["proofReason"] == "the guest's state changed while frozen", verdict


def test_a_deadline_that_leaves_no_time_for_another_freeze_is_met_without_one(coordinator, guest):
    """The first one has lasted for 8 s, and a second one would need 10."""
    api = break_half_way(coordinator, guest, lease_ends, "hasty", failureDeadline="18s")
    snapshot = api.settle("hasty")

    assert claims(snapshot) == (LATE, "crash", "none")
    assert (report(snapshot)["attempt"], report(snapshot)["proofReason"]) == (2, "lease expired")
    assert report(snapshot)["earlier"]["proof"] == "broken"
    assert_nothing_left(api, guest, "hasty")


def test_a_freeze_that_hangs_is_undone_and_told_as_a_matter_of_time(coordinator, guest):
    coordinator.start()
    api = Api(coordinator)
    with agent(guest, "lull", step="freezer.first-frozen=stop"):
        snapshot = api.snap("hung", guest.name)

    assert claims(snapshot) == (LATE, "crash", "none")
    assert report(snapshot)["attempt"] == 3
    assert_nothing_left(api, guest, "hung")


# What is required


@pytest.mark.parametrize(
    "kind, attempts, proof, why",
    [("lying", 2, "broken", "noisy"), ("lying-stock", 2, "broken", "noisy"), ("none", 1, "none", "no agent answers")],
)
def test_a_level_out_of_reach_fails_after_two_freezes_and_leaves_no_data(
    kind, attempts, proof, why, coordinator, guest
):
    coordinator.start()
    api = Api(coordinator)
    with agent(guest, kind):
        snapshot = api.snap("strict", guest.name, annotations={"lull.dev/require": "fs"})

    assert snapshot["status"]["phase"] == "Failed"
    assert reason(snapshot, "Failure") == "required level not reached"
    assert (report(snapshot)["attempt"], report(snapshot)["proof"]) == (attempts, proof), report(snapshot)
    assert why in report(snapshot)["proofReason"]
    assert_nothing_left(api, guest, "strict")


# What the host can see


@pytest.fixture(scope="module")
def unsafe_guest(host):
    disks = (dataclasses.replace(rig.EXT4, cache="unsafe"), dataclasses.replace(rig.XFS, cache="unsafe"))
    with host.guest("unsafe", agent="lull", disks=disks) as guest:
        yield guest


@pytest.mark.parametrize(
    "kind, told, why",
    [("lull", (HELD, "fs", "held"), ""), ("stock", (FAILED, "crash", "broken"), "no witness")],
)
def test_without_a_witness_only_an_epoch_counts(kind, told, why, coordinator, unsafe_guest):
    coordinator.start()
    api = Api(coordinator)
    with agent(unsafe_guest, kind):
        snapshot = api.snap("unseen", unsafe_guest.name)

    assert claims(snapshot) == told
    assert report(snapshot)["witness"] == "none"
    assert why in report(snapshot)["proofReason"]
    assert report(snapshot)["attempt"] == 1
    assert_nothing_left(api, unsafe_guest, "unseen")
