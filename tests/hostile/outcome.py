# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What became of each cell, and the table that it makes."""

import dataclasses

from api import report
from attacks import Cell


@dataclasses.dataclass
class Outcome:
    """Of one cell, the last time that it was played."""

    cell: Cell
    tries: int = 1
    overtaken: bool = False  # the guest beside was frozen, cut and thawed while this one kept the coordinator waiting
    seconds: float = 0.0
    waits: list = dataclasses.field(default_factory=list)
    hostile: dict = None  # snapshots
    beside: dict = None
    following: dict = None
    cut: tuple = None  # of the one that counts
    was_frozen: bool = False  # all through that cut, as the guest knows
    trouble: str = None  # of the test itself

    @property
    def in_time(self):
        """It has shown what it was played for. A renewal that tells of the end may be overtaken by the thaw, and counts
        for nothing then."""
        return self.overtaken and (not self.cell.breaks or report(self.hostile)["attempt"] > 1)

    def row(self):
        told = report(self.hostile) if self.hostile else {}
        waited = max((seconds for _, seconds in self.waits), default=0.0)
        return (
            f"{self.cell!s:24}{told.get('level', '-'):8}{told.get('proof', '-'):8}{told.get('attempt', 0):8}"
            f"{self.seconds:9.1f}{waited:9.1f}{self.tries - 1:9}"
        )


def table(outcomes):
    """The last line says how often a cell had to be played again, since another was not in time beside it."""
    again = [outcome.tries - 1 for outcome in outcomes if outcome.tries > 1]
    lines = [f"{'':24}{'level':8}{'proof':8}{'attempt':>8}{'seconds':>9}{'waited':>9}{'again':>9}"]
    lines += [outcome.row() for outcome in outcomes]
    lines += [f"{len(outcomes)} cells, {len(again)} of them played again, {sum(again)} times in all"]
    return "\n".join(lines) + "\n"
