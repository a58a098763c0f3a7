# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The cells of the loop: every named step, killed and stopped there; and the table that it makes."""

import dataclasses
import json
import os
import re
import zlib

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


@dataclasses.dataclass(frozen=True)
class Cell:
    step: str
    action: str

    def __str__(self):
        return f"{self.step}={self.action}"

    @property
    def process(self):
        return self.step.split(".")[0]

    @property
    def claim(self):
        """"held", "failed", or "late": failed, and time was the reason."""
        return _CLAIMS.get(str(self), "held")

    @property
    def of_restore(self):
        return ".restore-" in self.step

    @property
    def often(self):
        """Of the quarter that every run plays: by name, so that it is the same one everywhere."""
        return zlib.crc32(str(self).encode()) % 4 == 0


@dataclasses.dataclass(frozen=True)
class Cross(Cell):
    """The coordinator stands still at @step, and @victims are killed meanwhile."""

    victims: str

    def __str__(self):
        return f"{super().__str__()}, {self.victims} killed"


# Where there is something in the guest that only a coordinator would end in time.
_CROSSED = ["coordinator.prepared", "coordinator.frozen", "coordinator.cut", "coordinator.witnessed"]
VICTIMS = ["agent", "freezer", "both"]


def _choose(cells):
    """All of them where LULL_KILL_ALL is set."""
    return cells if os.environ.get("LULL_KILL_ALL") else [cell for cell in cells if cell.often]


def chosen():
    return _choose([Cell(step, action) for step in STEPS for action in ACTIONS])


def chosen_crosses():
    return _choose([Cross(step, "stop", victims) for step in _CROSSED for victims in VICTIMS])


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

    def text(self):
        """Of each cell: what was claimed, by which attempt, and for how long no write was done at most."""
        lines = [f"{'':32}{'killed':32}{'stopped':32}"]
        for step in STEPS:
            lines.append(f"{step:32}" + "".join(f"{self._entry(Cell(step, action)):32}" for action in ACTIONS))
        lines += ["", f"{'the coordinator stopped':32}" + "".join(f"{who + ' killed':32}" for who in VICTIMS)]
        for step in _CROSSED:
            crosses = [Cross(step, "stop", victims) for victims in VICTIMS]
            lines.append(f"{step:32}" + "".join(f"{self._entry(cell):32}" for cell in crosses))
        return "\n".join(line.rstrip() for line in lines) + "\n"
