# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A guest that answers in every phase in every bad manner (pretender.c), as our agent and as stock qemu-ga: what is
said of it is honest, costs bounded memory, and the next time is as if nothing had been."""

import contextlib
import functools

import pytest

from api import Api, condition, report
from driver import Driver, uuid
from leftovers import dead_men
from rig import EXT4, wait_for

OURS, STOCK = "hostile", "hostile-stock"
GROWTH = 32 << 10  # KiB that whoever asks may need for an answer; none of 64 MiB, nor 300,000 values

PHASES = {
    OURS: {
        "sync": "guest-sync",
        "info": "guest-info",
        "prepare": "quiesce-prepare",
        "status": "quiesce-status",
        "freeze": "quiesce-freeze",
        "renew": "quiesce-renew",
        "thaw": "quiesce-thaw",
        "abort": "quiesce-abort",
    },
    STOCK: {
        "sync": "guest-sync",
        "info": "guest-info",
        "status": "guest-fsfreeze-status",
        "fsinfo": "guest-get-fsinfo",
        "freeze": "guest-fsfreeze-freeze",
        "proof": "guest-fsfreeze-status",  # right before the thaw
        "thaw": "guest-fsfreeze-thaw",
    },
}
LEASE = {OURS: 1000, STOCK: 2000}
ANSWERED = ("twice", "marks", "late")  # in manners that leave the answer what it is
CASES = [
    *((OURS, phase, manner) for phase in list(PHASES[OURS])[1:] for manner in ("types", "bare", "others")),
    *((OURS, phase, "never") for phase in PHASES[OURS]),
    *((OURS, phase, "late") for phase in ("prepare", "freeze", "thaw")),
    *((OURS, phase, "epoch") for phase in ("status", "freeze", "thaw")),
    *((OURS, phase, "twice") for phase in ("prepare", "freeze", "renew", "thaw")),
    *((OURS, phase, "marks") for phase in ("info", "freeze", "thaw")),
    *((OURS, phase, "deep") for phase in ("sync", "freeze", "thaw")),
    *((OURS, phase, manner) for phase in ("info", "thaw") for manner in ("huge", "endless")),
    *((OURS, phase, manner) for phase in ("info", "thaw") for manner in ("long", "wide")),
    (OURS, "sync", "others"),
    *((STOCK, phase, "types") for phase in list(PHASES[STOCK])[1:]),
    *((STOCK, phase, "never") for phase in PHASES[STOCK]),
    *((STOCK, phase, manner) for phase in ("freeze", "proof", "thaw") for manner in ("bare", "late", "twice")),
    *((STOCK, phase, "others") for phase in ("sync", "freeze", "thaw")),
    *((STOCK, phase, "epoch") for phase in ("status", "freeze", "thaw")),
    *((STOCK, phase, "marks") for phase in ("info", "freeze", "thaw")),
    *((STOCK, phase, "deep") for phase in ("sync", "fsinfo", "thaw")),
    *((STOCK, phase, manner) for phase in ("fsinfo", "thaw") for manner in ("huge", "long", "wide")),
    (STOCK, "thaw", "endless"),
]


@pytest.fixture(scope="module")
def guests(host):
    """The guest whose agent is of that kind, booted when it is first asked for."""
    with contextlib.ExitStack() as stack:
        yield functools.lru_cache(None)(
            lambda kind: stack.enter_context(host.guest(kind, agent=kind, writer=False))
        )


@pytest.fixture
def hostile(request, guests):
    return guests(request.param)


@pytest.fixture
def driver(host):
    with Driver(host) as driver:
        yield driver


def times_met(guest):
    return int(guest.sh("cat /run/agent/met 2>/dev/null | wc -l"))


def behave(guest, phase=None, manner=None):
    line = f"echo {PHASES[guest.agent_kind][phase]} {manner} >/run/agent/manner" if phase else "rm -f /run/agent/manner"
    guest.sh(f"rm -f /run/agent/met; {line}")


def behave_again(guest):
    behave(guest)
    if not guest.agent_answers():
        guest.switch_agent(guest.agent_kind)


def play(driver, guest, phase=None, manner=None):
    """One hold from its beginning to its end, however far it comes."""
    driver.must("vm", guest.name)
    driver.must("hold", uuid())
    frozen = driver("prepare", 3000)["ok"] and phase != "abort" and driver("freeze", LEASE[guest.agent_kind])["ok"]
    if frozen and phase == "renew":
        wait_for(lambda: times_met(guest), 30, "a renewal")
    if frozen and phase == "proof":
        behave(guest, phase, manner)
    facts = driver("thaw", 1000)
    driver.must("free")
    return facts


def play_until_met(driver, guest, phase, manner):
    """libvirt synchronizes only with an agent that is new to it; a proof is asked for as is a status, but later."""
    behave(guest, *((phase, manner) if phase != "proof" else ()))
    if phase != "sync":
        return play(driver, guest, phase, manner)
    guest.renew_agent(guest.agent_kind)

    def synchronized():
        facts = play(driver, guest)
        return facts if times_met(guest) else None

    return wait_for(synchronized, 60, "a synchronization")


def peak_memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmHWM:")).split()[1])


def may_be_held(guest, phase, manner):
    """Where the answer that counts was given after all."""
    if phase == "abort":
        return False
    if phase == "fsinfo":
        return True  # it is for the report only
    if manner == "epoch":
        return guest.agent_kind == OURS and phase == "freeze"
    return manner in ANSWERED or phase == "renew"


@pytest.mark.parametrize("hostile, phase, manner", CASES, indirect=["hostile"])
def test_a_bad_answer_proves_nothing_and_spoils_nothing(hostile, phase, manner, driver, host):
    driver.must("vm", hostile.name)
    before = peak_memory(driver.process.pid)
    facts = play_until_met(driver, hostile, phase, manner)

    assert times_met(hostile), facts
    assert may_be_held(hostile, phase, manner) or not facts["held"], facts
    assert facts["held"] or facts.get("broken") or facts.get("problem") or facts.get("agentProblem") or phase == "abort"
    assert peak_memory(driver.process.pid) - before < GROWTH
    behave_again(hostile)
    wait_for(lambda: not dead_men(host, hostile.uuid), 30, "nobody looks after it any more")
    wait_for(lambda: play(driver, hostile)["held"], 30, "a hold as if nothing had been")


@pytest.mark.parametrize("hostile", [OURS], indirect=True)
def test_a_renewal_that_tells_of_the_end_outweighs_a_thaw_that_says_held(hostile, driver):
    behave(hostile, "renew", "epoch")

    def is_broken():  # the thaw may overtake the answer to the renewal, which counts for nothing then
        return play(driver, hostile, "renew").get("broken") == "thawed under another epoch"

    wait_for(is_broken, 60, "a hold that its renewal broke")
    behave(hostile)


CUT_OFF = ("deep", "huge")  # libvirt lets go of an agent that answers so


@pytest.mark.parametrize(
    "hostile, phase, manner",
    [
        *((STOCK, "status", manner) for manner in ("types", "never", "others", "deep", "huge", "long", "wide")),
        *((STOCK, "thaw", manner) for manner in ("types", "never", "wide")),
    ],
    indirect=["hostile"],
)
def test_the_dead_man_goes_on_until_the_guest_says_thawed(hostile, phase, manner, driver, host):
    behave(hostile)
    wait_for(lambda: not dead_men(host, hostile.uuid), 30, "nobody looks after it")
    driver.freeze(hostile, lease_ms=60000)
    (dead_man,) = dead_men(host, hostile.uuid)
    before = peak_memory(dead_man)
    behave(hostile, phase, manner)
    driver.kill()

    def has_taken_it():
        return times_met(hostile) >= 2 or (manner in CUT_OFF and times_met(hostile) and not hostile.agent_answers())

    wait_for(has_taken_it, 60, "it takes the answer for what it is, and asks again")
    assert dead_men(host, hostile.uuid) == [dead_man]
    assert peak_memory(dead_man) - before < GROWTH
    behave_again(hostile)
    wait_for(lambda: not dead_men(host, hostile.uuid), 30, "it has done its work")
    assert hostile.agent("guest-fsfreeze-status") == "thawed"


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


@pytest.mark.parametrize("hostile, phase", [(OURS, "thaw"), (STOCK, "freeze")], indirect=["hostile"])
def test_a_guest_that_keeps_one_waiting_delays_nobody_else(hostile, phase, host, beside):
    with host.coordinator("waiting") as coordinator:
        api = Api(coordinator)
        behave(hostile, phase, "never")
        # On a busy machine the other may happen to be slow; if it had to wait, it would lose every time.
        assert any(is_overtaken(api, hostile, beside) for _ in range(5))
        behave(hostile)
        api.assert_nothing_left(hostile.name)
