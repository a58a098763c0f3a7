# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever a guest answers, in whatever part of the exchange: what is claimed is true, nobody waits for it longer
than was to be, a guest beside it is cut meanwhile, and the next time is as if nothing had been."""

import pytest

import attacks
from api import condition, indications, report
from arena import LEASE

SLACK = 10.0  # that a busy machine may add

HELD = {"Online", "GuestAgent"}
FAILED = {"Online", "QuiesceFailed"}
LATE = {"Online", "QuiesceFailed", "QuiesceTimeout"}
NONE = {"Online", "NoGuestAgent"}
CLAIMS = {"held": HELD, "failed": FAILED, "late": LATE, "none": NONE, "unseen": FAILED}
PROOFS = {"held": "held", "unseen": "broken"}


def assert_held(snapshot):
    assert condition(snapshot, "Ready")
    assert (indications(snapshot), report(snapshot)["proof"]) == (HELD, "held"), report(snapshot)


@pytest.mark.parametrize(("file", "name"), attacks.AGREED)
def test_the_coordinator_waits_no_longer_than_agreed(file, name):
    assert attacks.declared(file, name) <= attacks.AGREED[file, name]


@pytest.mark.parametrize("cell", attacks.chosen(), ids=str)
def test_a_hostile_guest_is_told_as_what_it_is_and_hinders_nobody(cell, played):
    outcome = played[cell]
    assert not outcome.trouble, outcome.trouble
    told = report(outcome.hostile)

    assert condition(outcome.hostile, "Ready")
    assert indications(outcome.hostile) == CLAIMS[cell.claim], told
    assert told["proof"] == PROOFS.get(cell.claim, "none"), told
    assert told["level"] == ("fs" if cell.claim == "held" else "crash"), told
    assert told["proof"] != "held" or outcome.was_frozen
    assert told["attempt"] == 2 if cell.breaks else told["attempt"] == 1 or cell.claim != "held"
    assert told["proof"] == "held" or told["proofReason"]

    assert outcome.overtaken, "the guest beside had to wait"
    assert_held(outcome.beside)
    assert report(outcome.beside)["attempt"] == 1
    for part, seconds in outcome.waits:
        assert seconds < attacks.limit_of(cell.agent, part, LEASE) + SLACK, part
    assert outcome.seconds < attacks.limit_of_snapshot(cell.agent, LEASE) + SLACK
    assert_held(outcome.following)
