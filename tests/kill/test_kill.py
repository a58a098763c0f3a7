# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Whoever is killed or stopped, at whatever step: the guest writes again within the lease, the snapshot
claims what is true, nothing is left over, and the next one succeeds."""

import pytest

import cells
import rest
from api import RESTORES, condition, indications, report
from images import verify_disk
from world import VM, Stage

SLACK = 2.0  # that a busy machine may add

HELD = {"Online", "GuestAgent"}
FAILED = {"Online", "QuiesceFailed"}
LATE = {"Online", "QuiesceFailed", "QuiesceTimeout"}
CLAIMS = {"held": HELD, "failed": FAILED, "late": LATE}


def assert_true(stage, snapshot, cut):
    """What is claimed agrees with itself, with what the writers saw, and with what was stored."""
    told = report(snapshot)
    held = indications(snapshot) == HELD
    assert condition(snapshot, "Ready")
    assert (told["proof"], told["level"]) == ("held", "fs") if held else told["level"] == "crash"
    begin, end = cut
    lines = stage.verify(snapshot, replay=not held)
    for writer, stored in zip(stage.writers, lines):
        assert writer.done_by(begin) <= stored <= writer.done_by(end) + 1
        assert not held or not writer.wrote_within(begin, end), "a write came through the freeze"


def end_well(stage):
    """The next snapshot succeeds, and nothing stays."""
    stage.rest()
    following = stage.snap("following")
    assert indications(following) == HELD
    assert_true(stage, following, stage.world.cuts()[-1])
    for snapshot in stage.api.get(rest.SNAPSHOTS)["items"]:
        stage.api.delete(snapshot["metadata"]["name"])
    stage.assert_nothing_left()


def play_snapshot(stage):
    stage.coordinator.start(stage.fault if stage.in_coordinator else None)
    snapshot = stage.snap("struck")
    cut = stage.world.cuts()[-1]
    # of a freezer that was killed, the claim tells
    assert stage.struck or (stage.cell.process, stage.cell.action) == ("freezer", "kill")
    assert indications(snapshot) == CLAIMS[stage.cell.claim], report(snapshot)
    assert_true(stage, snapshot, cut)
    return snapshot


def play_restore(stage):
    """The fault strikes a restore: the machine is switched off, put back, and switched on again."""
    stage.coordinator.start()
    snapshot = stage.snap("struck")
    lines = stage.verify(snapshot, replay=False)
    stage.coordinator.stop()
    stage.switch_off()
    stage.coordinator.start(stage.fault)
    stage.api.restore("back", "struck", VM)
    restored = stage.settle(f"{RESTORES}/back")
    assert stage.struck
    assert condition(restored, "Ready")
    stage.rest()
    stage.coordinator.stop()
    for disk, expected in zip(stage.world.disks, lines):
        assert verify_disk(disk.image, disk.kind).lines == expected
    stage.switch_on()
    stage.coordinator.start()
    stage.api.rest.delete(f"{RESTORES}/back")
    return snapshot


def play_cross(stage):
    """Nobody is there who would end what the dead have begun."""
    stage.coordinator.start(stage.fault)
    stage.api.take("struck", VM)
    stage.strike()
    snapshot = stage.settle(f"{rest.SNAPSHOTS}/struck")
    assert indications(snapshot) == HELD, report(snapshot)
    assert report(snapshot)["attempt"] > 1, "what was interrupted counts"
    assert_true(stage, snapshot, stage.world.cuts()[-1])
    return snapshot


def play_left(stage):
    """Who would thaw stands still, and who would have told him to is dead; the next one is not answered at first."""
    stage.coordinator.start()
    stage.api.take("struck", VM)
    stage.strike_coordinator()
    snapshot = stage.settle(f"{rest.SNAPSHOTS}/struck")
    assert indications(snapshot) == CLAIMS[stage.cell.claim], report(snapshot)
    assert_true(stage, snapshot, stage.world.cuts()[-1])
    return snapshot


def play(world, table, cell, story):
    table.begin(cell)
    with Stage(world, cell) as stage:
        snapshot = story(stage)
        end_well(stage)
        stage.close_writers()
        assert stage.gap < stage.lease + SLACK
        table.end(
            cell,
            claim=cell.claim,
            attempts=report(snapshot)["attempt"],
            reason=report(snapshot)["proofReason"],
            gapMs=round(stage.gap * 1000),
        )


@pytest.mark.parametrize("cell", cells.chosen(), ids=str)
def test_a_fault_at_a_named_step_is_survived(world, table, cell):
    play(world, table, cell, play_restore if cell.of_restore else play_snapshot)


@pytest.mark.parametrize("cell", cells.chosen_crosses(), ids=str)
def test_a_death_while_the_coordinator_stands_still_is_survived(world, table, cell):
    play(world, table, cell, play_cross)


@pytest.mark.parametrize("cell", cells.chosen_left(), ids=str)
def test_a_death_of_the_coordinator_while_others_stand_still_is_survived(world, table, cell):
    play(world, table, cell, play_left)
