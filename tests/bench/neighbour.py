#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""How long a snapshot takes of a guest that has hostile ones beside it, and how long of the same guest alone.

All guests are scripts (tests/hostile). The hostile ones answer in every bad manner of that suite, each with one
snapshot under way all the time; they are played by a process of their own, so that what it takes to attack is not taken
from the neighbour.

usage: neighbour.py measure BUILD
       neighbour.py attack DIRECTORY HYPERVISOR SOCKET
"""

import json
import os
import random
import subprocess
import sys
import threading
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, place) for place in ("../lib", "../lib/guest", "../hostile")]

import loopfs  # noqa: E402
import rest  # noqa: E402
import scratch  # noqa: E402
from api import VMS, Api, condition, report  # noqa: E402
from arena import Arena  # noqa: E402
from attacks import Attack, cells  # noqa: E402
from bench import Figure  # noqa: E402
from freezing import boottime  # noqa: E402
from scripted import Guest  # noqa: E402
from waiting import wait_for  # noqa: E402

SAMPLES = int(os.environ.get("LULL_BENCH_RUNS", "40"))
HOSTILE = {"hostile-0": "lull", "hostile-1": "lull", "hostile-2": "stock", "hostile-3": "stock"}
NEIGHBOUR = "neighbour"
ELSEWHERE = ("witness", "abort")  # parts that take more than an answer
LOOK = 0.1  # of those who wait for what is not measured


# ------- the attackers' side


class Attacker:
    """One hostile guest, of which a snapshot is taken, and another, while @going is set."""

    def __init__(self, name, directory, hypervisor, api, going):
        kind = HOSTILE[name]
        self.name = name
        self.guest = Guest(kind, os.path.join(directory, name), os.path.join(hypervisor, name))
        self.api = api
        self.going = going
        self.at_rest = threading.Event()
        self.count = 0
        self._cells = [cell for cell in cells() if cell.agent == kind and cell.part not in ELSEWHERE]
        random.Random(name).shuffle(self._cells)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            self.at_rest.set()
            self.going.wait()
            self.at_rest.clear()
            while self.going.is_set():
                self._attack(self._cells[self.count % len(self._cells)])
                self.count += 1

    def _attack(self, cell):
        name = f"{self.name}-{self.count}"
        self.guest.attack = Attack(cell, waits=False)
        self.api.take(name, self.name)
        wait_for(lambda: condition(self.api.snapshot(name), "Ready"), f"{cell}: ready", 300, LOOK)
        self.guest.attack = None
        wait_for(lambda: not self._is_locked(), f"{cell}: nothing left", 60, LOOK)
        self.api.delete(name)

    def _is_locked(self):
        return self.api.get(f"{VMS}/{self.name}")["status"].get("snapshotInProgress")


def attack(directory, hypervisor, socket):
    """Begins at a line "go", and ends at another, with a line that says how many attacks there were until then."""
    going = threading.Event()
    api = Api(types.SimpleNamespace(socket=socket))
    attackers = [Attacker(name, directory, hypervisor, api, going) for name in HOSTILE]
    print("ready", flush=True)
    for line in sys.stdin:
        if line == "go\n":
            for attacker in attackers:
                attacker.at_rest.clear()
            going.set()
        else:
            going.clear()
            for attacker in attackers:
                attacker.at_rest.wait()
            print(sum(attacker.count for attacker in attackers), flush=True)


class Attackers:
    """Their process, as the other side sees it."""

    def __init__(self, arena):
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "attack", arena.directory, arena.hypervisor, arena.socket],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"

    def _tell(self, word):
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def begin(self):
        self._tell("go")

    def end(self):
        """How many attacks there were until now."""
        self._tell("rest")
        return int(self._process.stdout.readline())

    def close(self):
        self._process.kill()
        self._process.wait()


# ------- the neighbour's side


def sample(arena, name):
    """(until the guest is let go, until the snapshot is ready), in ms."""
    guest = arena.machines[NEIGHBOUR].guest
    watch = arena.api.rest.watch(rest.SNAPSHOTS, fieldSelector=f"metadata.name={name}")
    begun = boottime()
    arena.api.take(name, NEIGHBOUR)
    snapshot = {}
    while not condition(snapshot, "Ready"):
        _, snapshot = watch.next()
    ready = boottime()
    watch.close()
    assert report(snapshot)["proof"] == "held" and report(snapshot)["attempt"] == 1, report(snapshot)
    arena.api.delete(name)
    wait_for(lambda: arena.is_clean(NEIGHBOUR), "nothing left")
    return (guest.freezes[-1][1] - begun) * 1000, (ready - begun) * 1000


def take_all(arena, attackers):
    """Half of those alone before the attacks and half after them; many of which take long to end."""
    sample(arena, "first")  # all that is done once
    alone = [sample(arena, f"before-{n}") for n in range(SAMPLES // 2)]
    attackers.begin()
    beside = [sample(arena, f"beside-{n}") for n in range(SAMPLES)]
    count = attackers.end()
    alone += [sample(arena, f"after-{n}") for n in range(SAMPLES - SAMPLES // 2)]
    return {"alone": alone, "beside": beside, "attacks": count}


def measure(build):
    scratch.sweep()
    loopfs.own_namespace()
    arena = Arena(build, {NEIGHBOUR: "lull", **dict.fromkeys(HOSTILE)})
    attackers = None
    try:
        attackers = Attackers(arena)
        arena.start()
        arena.wait_ready()
        return take_all(arena, attackers)
    finally:
        if attackers:
            attackers.close()
        arena.close()


def figures(build):
    """In a process of its own, since it unshares the mount namespace."""
    command = [sys.executable, os.path.abspath(__file__), "measure", build]
    result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    notes = {"attacks": result["attacks"]}
    for n, what in enumerate(("the guest is let go", "it is ready")):
        name = f"snapshot of a guest beside {len(HOSTILE)} hostile ones against alone, until {what}"
        ours, peer = ([row[n] for row in result[key]] for key in ("beside", "alone"))
        yield Figure(name, "ms", ours, 1.5, 1.1, peer, notes)


def main(mode="", *arguments):
    if mode == "measure" and len(arguments) == 1:
        json.dump(measure(*arguments), sys.stdout)
    elif mode == "attack" and len(arguments) == 3:
        attack(*arguments)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
