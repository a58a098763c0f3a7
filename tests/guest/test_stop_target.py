# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Restores that stop their target themselves, and start it again."""

import signal
import threading

import pytest

import rig
from api import RESTORES, VMS, Api, condition, indications, reason, report

START = "lull.dev/start-target"


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("obedient", agent="lull") as guest:
        yield guest


@pytest.fixture(scope="module")
def api(host, guest):
    with host.coordinator("stops") as coordinator:
        yield Api(coordinator)


@pytest.fixture(scope="module")
def snapshot(api, guest):
    guest.sh("echo before >/mnt/ext4/mark; sync")
    return api.snap("taken", guest.name)


@pytest.fixture
def changed(guest, snapshot):
    """The guest, running, with what the snapshot does not have."""
    if not guest.domain.isActive():
        guest.start()
    guest.sh("echo after >/mnt/ext4/mark; sync")
    return guest


def started(api, name):
    return api.get(f"{RESTORES}/{name}")["metadata"]["annotations"].get(START)


@pytest.fixture
def states(api, changed):
    """What is told of the guest's state from now on, each once and in its order."""
    watch, seen = api.rest.watch(VMS, fieldSelector=f"metadata.name={changed.name}"), []

    def follow():
        for _, machine in iter(watch.next, None):
            state = machine["status"]["printableStatus"]
            if not seen or seen[-1] != state:
                seen.append(state)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    rig.wait_for(lambda: seen, 10, "the state is told")
    yield seen
    watch.end()
    thread.join(10)


def test_a_running_target_is_stopped_restored_and_started_again(api, changed, states):
    boot = changed.domain.ID()
    api.restore("around", "taken", changed.name, targetReadinessPolicy="StopTarget")
    rig.wait_for(
        lambda: reason(api.get(f"{RESTORES}/around"), "Ready")
        == "Automatically stopping restore target for restore operation",
        10,
        "told that the target is being stopped",
    )
    restore = api.settle_restore("around")
    assert condition(restore, "Ready"), restore
    rig.wait_for(lambda: started(api, "around") == "started", 20, "the target is started")
    changed.control.close()
    changed.wait_shell()
    changed.wait_agent()

    assert changed.domain.ID() != boot
    assert states == ["Running", "Stopped", "Running"]
    assert changed.sh("cat /mnt/ext4/mark").strip() == "before"
    changed.assert_writes_resume(within=5)
    api.rest.delete(f"{RESTORES}/around")
    api.assert_nothing_left(changed.name, contents=1)


def test_a_snapshot_that_is_being_copied_is_not_lost_with_its_machine(api, changed):
    changed.sh("dd if=/dev/urandom of=/mnt/ext4/noise bs=1M count=16 conv=fsync")
    api.coordinator.stop()
    api.coordinator.start(step="coordinator.copy-begun=stop")
    api.take("beside", changed.name)
    rig.wait_for(api.coordinator.is_stopped, 60, "its copy has just begun", interval=0.005)
    with changed.hung():
        api.coordinator.kill(signal.SIGCONT)
        api.restore("over", "taken", changed.name, targetReadinessPolicy="StopTarget")
        rig.wait_for(
            lambda: reason(api.get(f"{RESTORES}/over"), "Ready") == "vm snapshot beside is being copied",
            20,
            "told that it waits for the copy",
        )
        assert not condition(api.snapshot("beside"), "Ready")
    restore = api.settle_restore("over")
    beside = api.settle("beside")
    rig.wait_for(lambda: started(api, "over") == "started", 30, "the target is started")
    changed.control.close()
    changed.wait_shell()
    changed.wait_agent()
    api.rest.delete(f"{RESTORES}/over")
    api.delete("beside")
    api.assert_nothing_left(changed.name, contents=1)

    assert condition(restore, "Ready"), restore
    assert condition(beside, "Ready"), beside


def test_a_target_that_was_off_stays_off(api, changed):
    changed.poweroff()
    api.wait_state(changed.name, "Stopped")
    api.restore("off", "taken", changed.name, targetReadinessPolicy="StopTarget")
    restore = api.settle_restore("off")
    api.rest.delete(f"{RESTORES}/off")
    api.assert_nothing_left(changed.name, contents=1)

    assert condition(restore, "Ready") and START not in restore["metadata"].get("annotations", {})
    assert not changed.domain.isActive()


def test_what_was_restored_claims_no_more_than_it_was_until_it_has_run(api, snapshot, guest):
    """The guest had switched itself off, before it got the disks of one that ran."""
    assert not guest.domain.isActive()
    api.coordinator.stop()
    api.coordinator.start()
    restored = api.snap("restored", guest.name)
    api.delete("restored")
    guest.start()
    guest.poweroff()
    api.wait_state(guest.name, "Stopped")
    rested = api.snap("rested", guest.name)
    api.delete("rested")

    assert report(snapshot)["level"] == "fs"
    assert report(restored)["level"] == "crash" and "since a restore" in report(restored)["proofReason"], restored
    assert indications(restored) == {"NoGuestAgent"}
    assert report(rested)["level"] == "stopped", rested


def test_a_target_that_was_stopped_for_it_is_started_by_the_next_coordinator(api, changed):
    api.coordinator.stop()
    api.coordinator.start(step="coordinator.restore-defined=kill")
    api.restore("killed", "taken", changed.name, targetReadinessPolicy="StopTarget")
    api.coordinator.wait_end(timeout=60)
    assert not changed.domain.isActive()
    api.coordinator.start()
    rig.wait_for(lambda: started(api, "killed") == "started", 30, "the target is started")
    changed.control.close()
    changed.wait_shell()

    assert changed.sh("cat /mnt/ext4/mark").strip() == "before"
    api.rest.delete(f"{RESTORES}/killed")
    api.assert_nothing_left(changed.name, contents=1)
