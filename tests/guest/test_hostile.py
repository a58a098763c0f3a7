# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A guest that answers in every phase in every bad manner (pretender.c): what is said of it is honest, costs
bounded memory, and the next time is as if nothing had been."""

import pytest

from api import Api, condition, report
from driver import Driver, uuid
from rig import EXT4, wait_for

MEMORY = 192 << 10  # KiB that the driver may ever have had: a few answers' worth, none of 64 MiB

PHASES = {
    "sync": "guest-sync",
    "info": "guest-info",
    "prepare": "quiesce-prepare",
    "status": "quiesce-status",
    "freeze": "quiesce-freeze",
    "renew": "quiesce-renew",
    "thaw": "quiesce-thaw",
    "abort": "quiesce-abort",
}
ANSWERED = ("twice", "marks", "late")  # in manners that leave the answer what it is
CASES = [
    *((phase, manner) for phase in list(PHASES)[1:] for manner in ("types", "bare", "others")),
    *((phase, "never") for phase in PHASES),
    *((phase, "late") for phase in ("prepare", "freeze", "thaw")),
    *((phase, "epoch") for phase in ("status", "freeze", "thaw")),
    *((phase, "twice") for phase in ("prepare", "freeze", "renew", "thaw")),
    *((phase, "marks") for phase in ("info", "freeze", "thaw")),
    *((phase, "deep") for phase in ("sync", "freeze", "thaw")),
    *((phase, manner) for phase in ("info", "thaw") for manner in ("huge", "endless")),
    ("sync", "others"),
]


@pytest.fixture(scope="module")
def hostile(host):
    with host.guest("hostile", agent="hostile", writer=False) as guest:
        yield guest


@pytest.fixture
def driver(host):
    with Driver(host) as driver:
        yield driver


def has_met(guest):
    return guest.sh_status("test -s /run/agent/met")[0] == 0


def behave(guest, phase=None, manner=None):
    line = f"echo {PHASES[phase]} {manner} >/run/agent/manner" if phase else "rm -f /run/agent/manner"
    guest.sh(f"rm -f /run/agent/met; {line}")


def play(driver, guest, phase=None):
    """One hold from its beginning to its end, however far it comes."""
    driver.must("vm", guest.name)
    driver.must("hold", uuid())
    frozen = driver("prepare", 3000)["ok"] and phase != "abort" and driver("freeze", 1000)["ok"]
    if frozen and phase == "renew":
        wait_for(lambda: has_met(guest), 30, "a renewal")
    facts = driver("thaw", 1000)
    driver.must("free")
    return facts


def play_until_met(driver, guest, phase):
    """libvirt synchronizes only with an agent that is new to it."""
    if phase != "sync":
        return play(driver, guest, phase)
    guest.renew_agent("hostile")

    def synchronized():
        facts = play(driver, guest)
        return facts if has_met(guest) else None

    return wait_for(synchronized, 60, "a synchronization")


def peak_memory(driver):
    with open(f"/proc/{driver.process.pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmHWM:")).split()[1])


def may_be_held(phase, manner):
    """Where the answer that counts was given after all."""
    if phase == "abort":
        return False
    if manner == "epoch":
        return phase == "freeze"
    return manner in ANSWERED or phase == "renew"


@pytest.mark.parametrize("phase, manner", CASES)
def test_a_bad_answer_proves_nothing_and_spoils_nothing(phase, manner, driver, hostile):
    behave(hostile, phase, manner)
    facts = play_until_met(driver, hostile, phase)

    assert has_met(hostile), facts
    assert may_be_held(phase, manner) or not facts["held"], facts
    assert facts["held"] or facts.get("broken") or facts.get("problem") or facts.get("agentProblem") or phase == "abort"
    assert peak_memory(driver) < MEMORY
    behave(hostile)
    if not hostile.agent_answers():
        hostile.switch_agent("hostile")
    wait_for(lambda: play(driver, hostile)["held"], 30, "a hold as if nothing had been")


def test_a_renewal_that_tells_of_the_end_outweighs_a_thaw_that_says_held(driver, hostile):
    behave(hostile, "renew", "epoch")

    def is_broken():  # the thaw may overtake the answer to the renewal, which counts for nothing then
        return play(driver, hostile, "renew").get("broken") == "thawed under another epoch"

    wait_for(is_broken, 60, "a hold that its renewal broke")
    behave(hostile)


@pytest.fixture(scope="module")
def beside(host):
    with host.guest("beside", agent="lull", disks=(EXT4,)) as guest:
        yield guest


def is_overtaken(api, hostile, beside):
    """Whether a snapshot that begins later, of another guest, is ready before the hostile one's."""
    api.take("stuck", hostile.name)
    wait_for(lambda: api.content(api.snapshot("stuck")), 30, "the attempt begins")
    snapshot = api.snap("beside", beside.name)
    ahead = not condition(api.snapshot("stuck"), "Ready")
    assert condition(snapshot, "Ready") and report(snapshot)["proof"] == "held", snapshot
    assert report(api.settle("stuck"))["proof"] != "held"
    for name in ("stuck", "beside"):
        api.delete(name)
    return ahead


def test_a_guest_that_keeps_one_waiting_delays_nobody_else(host, hostile, beside):
    with host.coordinator("waiting") as coordinator:
        api = Api(coordinator)
        behave(hostile, "thaw", "never")
        # On a busy machine the other may happen to be slow; if it had to wait, it would lose every time.
        assert any(is_overtaken(api, hostile, beside) for _ in range(5))
        behave(hostile)
        api.assert_nothing_left(hostile.name)
