# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Answers that take much to keep, again and again: the coordinator has no more memory and no more open files
afterwards than before, and never had much more."""

import concurrent.futures

import pytest

from api import condition
from arena import Arena
from attacks import Attack, Cell
from waiting import wait_for

ATTACKS = [
    Cell("lull", "info", "huge"),
    Cell("lull", "prepare", "wide"),
    Cell("lull", "status", "deep"),
    Cell("lull", "freeze", "wide"),
    Cell("stock", "status", "huge"),
    Cell("stock", "freeze", "wide"),
]
ROUNDS = 3
GROWTH = 8 << 20  # that an allocator may keep; one such answer kept each time would be more
PEAK = 64 << 20  # of all at once; one huge answer alone would be more


@pytest.fixture
def arena(build):
    arena = Arena(build, {f"{cell.agent}-{number}": cell.agent for number, cell in enumerate(ATTACKS)})
    arena.start()
    arena.wait_ready()
    yield arena
    arena.close()


def play_round(arena, name):
    """All attacks at once."""

    def play(number):
        cell = ATTACKS[number]
        machine = arena.machines[f"{cell.agent}-{number}"]
        machine.guest.attack = Attack(cell, waits=False)
        snapshot = arena.snap(f"{name}-{number}", machine.name)
        assert condition(snapshot, "Ready") and machine.guest.attack.met.is_set()
        machine.guest.attack = None
        wait_for(lambda: arena.is_clean(machine.name), f"{cell}: nothing left")
        arena.api.delete(f"{name}-{number}")

    with concurrent.futures.ThreadPoolExecutor(len(ATTACKS)) as pool:
        list(pool.map(play, range(len(ATTACKS))))


def test_no_answer_is_kept(arena):
    for number in range(ROUNDS):
        play_round(arena, f"first-{number}")
    arena.wait_for_rest()
    memory, files = arena.private_bytes(), arena.open_files()
    arena.forget_peak()
    resident = arena.peak_bytes()
    for number in range(ROUNDS):
        play_round(arena, f"then-{number}")
    arena.wait_for_rest()

    assert arena.peak_bytes() - resident < PEAK
    assert arena.private_bytes() - memory < GROWTH
    assert arena.open_files() <= files
