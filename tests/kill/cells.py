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


def chosen():
    """All cells where LULL_KILL_ALL is set."""
    cells = [Cell(step, action) for step in STEPS for action in ACTIONS]
    return cells if os.environ.get("LULL_KILL_ALL") else [cell for cell in cells if cell.often]


class Table:
    def __init__(self):
        self._rows = {}

    def begin(self, cell):
        self._rows[str(cell)] = {"step": cell.step, "action": cell.action, "survived": False}

    def end(self, cell, **result):
        self._rows[str(cell)] = {"step": cell.step, "action": cell.action, "survived": True, **result}

    def write(self, place):
        with open(f"{place}.json", "w") as file:
            json.dump(list(self._rows.values()), file, indent=1)
        with open(f"{place}.txt", "w") as file:
            file.write(self.text())

    def _entry(self, step, action):
        row = self._rows.get(f"{step}={action}")
        if not row:
            return "-"
        if not row["survived"]:
            return "NOT SURVIVED"
        return f"{row['claim']} at attempt {row['attempts']}, {row['gapMs']} ms"

    def text(self):
        """Of each cell: what was claimed, by which attempt, and for how long no write was done at most."""
        lines = [f"{'':32}{'killed':32}{'stopped':32}"]
        for step in STEPS:
            lines.append(f"{step:32}" + "".join(f"{self._entry(step, action):32}" for action in ACTIONS))
        return "\n".join(line.rstrip() for line in lines) + "\n"
