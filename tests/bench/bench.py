# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What a bench hands back.

A bench is a file here with a function figures(build) that yields Figures. It compares ours with a peer in the
same run, alternating, so that what else the machine does hits both alike.
"""

import dataclasses
import math
import statistics


@dataclasses.dataclass
class Figure:
    """One comparison. Without a @peer the bounds are for our own median, else for the ratio to the peer's."""

    name: str
    unit: str
    ours: list  # every sample
    must: float
    goal: float
    peer: list = None
    notes: dict = dataclasses.field(default_factory=dict)  # whatever helps to read it; must go into JSON

    @property
    def value(self):
        own = statistics.median(self.ours)
        if not self.peer:
            return own
        peer = statistics.median(self.peer)
        return own / peer if peer > 0 else math.inf  # a run so disturbed bounds nothing

    def sentence(self):
        bounds = f"must <= {self.must:g}, goal <= {self.goal:g}"
        own = f"{statistics.median(self.ours):.1f} {self.unit} (n={len(self.ours)}, max {max(self.ours):.1f})"
        if not self.peer:
            return f"{self.name}: {own}; {bounds} {self.unit}: {self.verdict()}"
        peer = f"{statistics.median(self.peer):.1f} {self.unit} (n={len(self.peer)}, max {max(self.peer):.1f})"
        return f"{self.name}: {own} against {peer}: ratio {self.value:.2f}; {bounds}: {self.verdict()}"

    def verdict(self):
        if self.value <= self.goal:
            return "goal met"
        return "must met" if self.value <= self.must else "MUST MISSED"

    def to_json(self):
        return {**dataclasses.asdict(self), "value": self.value, "verdict": self.verdict()}
