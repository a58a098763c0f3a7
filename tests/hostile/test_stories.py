# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What else a scripted guest can show: levels that are asked for, a stock guest that reboots, and a coordinator
that begins anew among guests that do not answer."""

import os
import signal

import pytest

from api import condition, indications, reason, report
from arena import Arena
from attacks import Attack, Cell
from leftovers import processes
from scripted import Gone, Hold
from waiting import wait_for

HELD = {"Online", "GuestAgent"}
MANY = 24
AT_ONCE = 16  # so many are never asked at once by a few who take turns


@pytest.fixture(scope="module")
def arena(build):
    arena = Arena(build, {"lull-0": "lull", "stock-0": "stock"})
    arena.start()
    arena.wait_ready()
    yield arena
    arena.close()


def writer(result, required):
    return {"name": "database", "result": result, "required": required}


@pytest.mark.parametrize(
    "writers, level",
    [
        ([], "fs"),
        ([writer("skipped", False)], "fs"),
        ([writer("vetoed", True)], "fs"),
        ([writer("held", False), {**writer("lost", True), "name": "other"}], "fs"),
        ([writer("held", True)], "app"),
        ([writer("held", False), {**writer("lost", False), "name": "other"}], "app"),
    ],
    ids=["nobody", "nobody-touched", "vetoed", "one-lost", "held", "enough"],
)
def test_a_snapshot_that_requires_applications_is_one_or_fails(arena, writers, level):
    machine = arena.machines["lull-0"]
    machine.guest.writers = writers
    snapshot = arena.snap("strict", machine.name, annotations={"lull.dev/require": "app"})
    told = report(snapshot)

    assert (told["require"], told["level"], told["proof"]) == ("app", level, "held"), told
    if level == "app":
        assert condition(snapshot, "Ready") and indications(snapshot) == HELD
    else:
        assert snapshot["status"]["phase"] == "Failed" and not condition(snapshot, "Ready")
        assert reason(snapshot, "Failure") == "required level not reached"
        wait_for(lambda: not arena.api.stored(), "no data left")
    arena.api.delete("strict")
    machine.guest.writers = []


@pytest.mark.parametrize("level", ["app", "fs"])
def test_a_stock_agent_is_enough_for_file_systems_and_no_more(arena, level):
    snapshot = arena.snap("strict", "stock-0", annotations={"lull.dev/require": level})

    assert (report(snapshot)["level"], report(snapshot)["proof"]) == ("fs", "held")
    assert condition(snapshot, "Ready") == (level == "fs")
    assert condition(snapshot, "Failure") == (level == "app")
    arena.api.delete("strict")


class Reboot:
    """Once, when a part of the exchange is answered, or instead of it."""

    def __init__(self, part, answers):
        self.part = part
        self.answers = answers
        self.done = False

    def strikes(self, part):
        return part == self.part and not self.done

    def meet(self, guest, exchange, command, arguments):
        answer = guest.answer(command, arguments)
        self.done = True
        guest.reboot()
        if not self.answers:
            raise Gone
        exchange.say(answer)


@pytest.mark.parametrize("answers", [True, False], ids=["after", "instead"])
@pytest.mark.parametrize("part", ["status", "freeze", "proof", "thaw"])
def test_a_stock_guest_that_reboots_in_the_midst_is_not_believed_then(arena, part, answers):
    """What a stock agent shows of it: it is thawed, though nobody thawed it. Its disk kept still."""
    machine = arena.machines["stock-0"]
    machine.guest.attack = reboot = Reboot(part, answers)
    snapshot = arena.snap("reboot", machine.name)
    told = report(snapshot)

    assert reboot.done
    assert (indications(snapshot), told["proof"]) == (HELD, "held"), told
    assert machine.guest.was_frozen(*machine.cuts()[-1])
    # what was cut before it counts where nothing was frozen yet, or all was over
    assert told["attempt"] == (1 if answers and part in ("status", "thaw") else 2)
    machine.guest.attack = None
    arena.api.delete("reboot")


class LateFreeze:
    """A freeze that waits somewhere on its way, and comes through when its sender is dead and the guest has told the
    next one that it is thawed."""

    def __init__(self):
        self.hold = Hold()
        self.sent = False
        self.landed = False

    def strikes(self, part):
        return part == "status" and not self.landed if self.sent else part == "freeze"

    def meet(self, guest, exchange, command, arguments):
        if not self.sent:
            self.sent = True
            self.hold.keep(exchange)
            raise Gone
        self.landed = True
        exchange.say(guest.answer(command, arguments))
        guest.act("guest-fsfreeze-freeze", {})


def test_a_stock_freeze_that_lands_after_its_sender_died_is_thawed_without_a_dead_man(build):
    arena = Arena(build, {"stock-0": "stock"})
    try:
        arena.start()
        arena.wait_ready()
        guest = arena.machines["stock-0"].guest
        guest.attack = late = LateFreeze()
        arena.api.take("struck", "stock-0")
        wait_for(late.hold.begun.is_set, "the freeze is sent")
        watch = f"test://{arena.directory}/host.xml"
        for pid in processes("dead-man", watch):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not processes("dead-man", watch), "the host dead man is gone")
        arena.kill()
        wait_for(late.hold.fallen.is_set, "its sender is gone")
        arena.start()
        snapshot = arena.settle("struck")

        assert late.landed
        assert (indications(snapshot), report(snapshot)["attempt"]) == (HELD, 2), report(snapshot)
        assert not guest.frozen
    finally:
        arena.close()


def test_a_coordinator_that_begins_anew_thaws_all_guests_at_once(build):
    """However many do not answer, none waits for another."""
    arena = Arena(build, {f"lull-{number}": "lull" for number in range(MANY)})
    try:
        arena.start()
        arena.wait_ready()
        machines = arena.machines.values()
        for machine in machines:
            machine.let_cuts_wait()
            arena.api.take(machine.name, machine.name)
        wait_for(lambda: all(machine.is_waiting() for machine in machines), "all guests frozen", 120)
        arena.kill()
        for machine in machines:
            machine.guest.attack = Attack(Cell("lull", "thaw", "never"))
            machine.let_cuts_go()
        arena.start()
        holds = [machine.guest.attack.hold for machine in machines]
        wait_for(lambda: sum(hold.lasts for hold in holds) > AT_ONCE, "guests that are thawed at once", 20)
    finally:
        arena.close()
