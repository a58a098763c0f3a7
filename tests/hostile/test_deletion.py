# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A snapshot that is deleted while it is taken: the guest is let go, and nothing of it is left."""

import threading

import pytest

import rest
from api import condition, indications, report
from arena import Arena
from waiting import wait_for

HELD = {"Online", "GuestAgent"}


@pytest.fixture(scope="module")
def arena(build):
    arena = Arena(build, {"lull": "lull", "stock": "stock"})
    arena.start()
    arena.wait_ready()
    yield arena
    arena.close()


class Stay:
    """The first answer to one part of the exchange is kept back, with all done that was asked for; no other is bad."""

    def __init__(self, part):
        self.part = part
        self.begun = threading.Event()
        self.released = threading.Event()

    def strikes(self, part):
        return part == self.part and not self.begun.is_set()

    def meet(self, guest, exchange, command, arguments):
        answer = guest.answer(command, arguments)
        self.begun.set()
        while not self.released.is_set() and not exchange.is_gone(0.005):
            pass
        exchange.say(answer)


class StayInCut:
    """The same of a cut."""

    def __init__(self, machine):
        self.released = self
        self._machine = machine
        machine.let_cuts_wait()

    def set(self):
        self._machine.let_cuts_go()


def begin(machine, phase):
    """(what is under way, whether it is)"""
    if phase == "cut":
        stay = StayInCut(machine)
        return stay, machine.is_waiting
    machine.guest.attack = stay = Stay(phase)
    return stay, stay.begun.is_set


PHASES = {
    "lull": ["info", "prepare", "status", "freeze", "cut", "thaw"],
    "stock": ["info", "status", "freeze", "cut", "proof", "thaw"],
}


@pytest.mark.parametrize("kind, phase", [(kind, phase) for kind, phases in PHASES.items() for phase in phases])
def test_one_that_is_deleted_in_any_phase_lets_go_and_leaves_nothing(arena, kind, phase):
    machine = arena.machines[kind]
    guest = machine.guest
    path = f"{rest.SNAPSHOTS}/doomed"
    cuts = len(machine.cuts())
    stay, has_begun = begin(machine, phase)
    arena.api.take("doomed", machine.name)
    wait_for(has_begun, f"{phase} is under way")
    frozen = guest.frozen
    arena.api.rest.delete(path)
    wait_for(lambda: arena.api.snapshot("doomed")["status"]["phase"] == "Deleting", "it is told")
    stay.released.set()
    wait_for(lambda: arena.api.rest.get(path)[0] == 404, "it is gone")
    guest.attack = None

    assert frozen == (phase in ("freeze", "cut", "proof"))
    assert not guest.frozen
    if phase != "freeze":  # the cut is what comes next there, and may be quicker than the word of the deletion
        assert len(machine.cuts()) - cuts == (phase in ("cut", "proof", "thaw")), "cut after it was known"
    wait_for(lambda: arena.is_clean(machine.name), "nothing left")
    assert not arena.api.stored() and not machine.job_runs()
    following = arena.snap("following", machine.name)
    assert condition(following, "Ready") and indications(following) == HELD, report(following)
    arena.api.delete("following")
