# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Snapshots and restores of one machine that are asked for at the same time: one after the other, each whole."""

import os
import threading

import pytest

import rig
from api import RESTORES, VMS, Api, condition, report
from images import verify_disk


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("wanted", agent="lull") as guest:
        yield guest


@pytest.fixture(scope="module")
def api(host, guest):
    with host.coordinator("turns") as coordinator:
        yield Api(coordinator)


@pytest.fixture
def locks(api, guest):
    """Who had the machine, from now on, each once and in their order."""
    watch, seen = api.rest.watch(VMS, fieldSelector=f"metadata.name={guest.name}"), []
    begun = threading.Event()

    def follow():
        last = ()
        for _, machine in iter(watch.next, None):
            begun.set()
            status = machine["status"]
            owners = tuple(status[key] for key in ("snapshotInProgress", "restoreInProgress") if status.get(key))
            if owners and owners != last:
                seen.append(owners)
            last = owners

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert begun.wait(10 * rig.PATIENCE), "nothing is told of the machine"
    yield seen
    watch.end()
    thread.join(10)


def at_once(*calls):
    """Each on a thread of its own, none before all are there."""
    barrier, problems = threading.Barrier(len(calls)), []

    def run(call):
        barrier.wait()
        try:
            call()
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems


def image(api, snapshot, disk):
    return verify_disk(os.path.join(api.data(snapshot), f"{disk}.qcow2"), {"vda": "ext4", "vdb": "xfs"}[disk],
                       replay=True)


def test_snapshots_that_are_wanted_at_once_are_taken_one_after_the_other(api, guest, locks):
    names = ["one", "three", "two"]
    at_once(*(lambda name=name: Api(api.coordinator).take(name, guest.name) for name in names))
    snapshots = {name: api.settle(name, timeout=120) for name in names}
    api.assert_nothing_left(guest.name, contents=len(names))

    facts = [(report(each)["level"], report(each)["proof"], report(each)["attempt"]) for each in snapshots.values()]
    assert facts == [("fs", "held", 1)] * len(names), "none was in another's way"
    assert all(condition(each, "Ready") for each in snapshots.values())
    rig.wait_for(lambda: len(locks) == len(names), 10, f"each had the machine once: {locks}")
    assert sorted(locks) == [(name,) for name in names]
    lines = [image(api, snapshots[name], "vda").lines for (name,) in locks]
    assert lines == sorted(set(lines)), "each is of a later instant"
    for name in names:
        api.delete(name)
    guest.assert_writes_resume(within=5)


def test_a_snapshot_and_a_restore_that_are_wanted_at_once_do_not_mix(api, guest, locks):
    guest.sh("for disk in ext4 xfs; do echo before >/mnt/$disk/mark; done; sync")
    api.snap("taken", guest.name)
    guest.sh("for disk in ext4 xfs; do echo after >/mnt/$disk/mark; done; sync")
    guest.poweroff()
    api.wait_state(guest.name, "Stopped")
    at_once(
        lambda: Api(api.coordinator).take("beside", guest.name),
        lambda: Api(api.coordinator).restore("back", "taken", guest.name),
    )
    snapshot, restore = api.settle("beside", timeout=120), api.settle_restore("back", timeout=120)
    api.rest.delete(f"{RESTORES}/back")
    api.assert_nothing_left(guest.name, contents=2)

    assert condition(snapshot, "Ready") and condition(restore, "Ready"), (snapshot, restore)
    rig.wait_for(lambda: len(locks) == 3, 10, f"each had the machine once: {locks}")
    assert locks[0] == ("taken",) and sorted(locks[1:]) == [("back",), ("beside",)], locks
    mark, level = ("after", "stopped") if locks[1] == ("beside",) else ("before", "crash")
    assert report(snapshot)["level"] == level
    assert [image(api, snapshot, disk).files["mark"].decode().strip() for disk in ("vda", "vdb")] == [mark] * 2
    guest.start()
    assert guest.sh("cat /mnt/ext4/mark /mnt/xfs/mark").split() == ["before"] * 2
