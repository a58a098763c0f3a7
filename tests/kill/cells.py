# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The cells of the loop: every named step, killed and stopped there; and the table that it makes."""

import dataclasses
import json
import os
import re

from chosen import choose

_STEP_H = os.path.join(os.path.dirname(__file__), "../../protocol/step.h")

# Struck where there are checkpoints: tests/contract/test-merge.c, tests/guest/test_chain.py.
_ELSEWHERE = ["coordinator.merge-committed", "coordinator.merge-moved", "coordinator.merged"]

_NAMED = re.findall(r'X\(\w+, "([\w.-]+)"\)', open(_STEP_H).read())
STEPS = [step for step in _NAMED if step not in _ELSEWHERE]
ACTIONS = ["kill", "stop"]

# What may be claimed in the end (docs/testing.md), where it is not that the guest was held: a freezer is struck
# in every attempt to quiesce the guest, so that the last one goes without.
_CLAIMS = {
    **{f"{step}=kill": "failed" for step in STEPS if step.startswith("freezer.")},
    "freezer.armed=stop": "late",
    "freezer.first-frozen=stop": "late",
    "freezer.all-frozen=stop": "late",
}


OURS, STOCK = "lull-agent", "qemu-ga"


@dataclasses.dataclass(frozen=True)
class Cell:
    step: str
    action: str
    agent: str = OURS

    def __str__(self):
        return f"{self.step}={self.action}" + (", a stock agent" if self.agent == STOCK else "")

    @property
    def process(self):
        return self.step.split(".")[0]

    @property
    def claim(self):
        """"held", "failed", or "late": failed, and time was the reason."""
        return _CLAIMS.get(f"{self.step}={self.action}", "held")

    @property
    def of_restore(self):
        return ".restore-" in self.step


@dataclasses.dataclass(frozen=True)
class Cross(Cell):
    """Somebody stands still at @step, and @victims are killed meanwhile."""

    victims: str = ""

    def __str__(self):
        return f"{super().__str__()}, {self.victims} killed"


# Where there is something in the guest that only a coordinator would end in time.
_CROSSED = ["coordinator.prepared", "coordinator.frozen", "coordinator.cut", "coordinator.witnessed"]
VICTIMS = ["agent", "freezer", "both"]

# Where the guest is left to one who stands still himself.
_LEFT = [
    *("agent.prepared", "agent.frozen", "agent.thaw-sent"),
    *("freezer.first-frozen", "freezer.all-frozen", "freezer.verified"),
]
COORDINATOR = "the coordinator"

# Where only the host dead man thaws a stock agent's guest.
_STOCK_STEPS = ["coordinator.frozen", "coordinator.cut", "coordinator.witnessed"]

_ALL = "LULL_KILL_ALL"


def chosen():
    stock = [Cell(step, action, STOCK) for step in _STOCK_STEPS for action in ACTIONS]
    return choose([Cell(step, action) for step in STEPS for action in ACTIONS] + stock, _ALL)


def chosen_crosses():
    return choose([Cross(step, "stop", victims=victims) for step in _CROSSED for victims in VICTIMS], _ALL)


def chosen_left():
    return choose([Cross(step, "stop", victims=COORDINATOR) for step in _LEFT], _ALL)


class Table:
    def __init__(self):
        self._rows = {}

    def begin(self, cell):
        self._rows[str(cell)] = {"cell": str(cell), **dataclasses.asdict(cell), "survived": False}

    def end(self, cell, **result):
        self._rows[str(cell)].update(survived=True, **result)

    def write(self, place):
        with open(f"{place}.json", "w") as file:
            json.dump(list(self._rows.values()), file, indent=1)
        with open(f"{place}.txt", "w") as file:
            file.write(self.text())

    def _entry(self, cell):
        row = self._rows.get(str(cell))
        if not row:
            return "-"
        if not row["survived"]:
            return "NOT SURVIVED"
        return f"{row['claim']} at attempt {row['attempts']}, {row['gapMs']} ms"

    def _lines(self, head, names, steps, cells_of):
        yield f"{head:32}" + "".join(f"{name:32}" for name in names)
        for step in steps:
            yield f"{step:32}" + "".join(f"{self._entry(cell):32}" for cell in cells_of(step))
        yield ""

    def text(self):
        """Of each cell: what was claimed, by which attempt, and for how long no write was done at most."""
        done = ["killed", "stopped"]
        killed = [f"{who} killed" for who in VICTIMS]
        lines = [
            *self._lines("", done, STEPS, lambda step: [Cell(step, action) for action in ACTIONS]),
            *self._lines("a stock agent", done, _STOCK_STEPS, lambda s: [Cell(s, a, STOCK) for a in ACTIONS]),
            *self._lines(
                "the coordinator stopped",
                killed,
                _CROSSED,
                lambda step: [Cross(step, "stop", victims=victims) for victims in VICTIMS],
            ),
            *self._lines(
                "stopped",
                [f"{COORDINATOR} killed"],
                _LEFT,
                lambda step: [Cross(step, "stop", victims=COORDINATOR)],
            ),
        ]
        return "\n".join(line.rstrip() for line in lines)
