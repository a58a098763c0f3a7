# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""One guest that runs on a cluster's volumes and writes all the time: it is paused, out of time, deleted, or its
coordinator dies, and whatever it is, it is let go, nothing is left, and no more is said than is so."""

import os

import libvirt
import pytest

import machine
import rig
from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from images import verify_disk
from kinds import OWN
from snapshots import Snapshots, note, reasons
from volumes import SNAPSHOTS
from waiting import wait_for

FINALIZER = f"{OWN}/snapshot-source-protection"
QUICK = ("--attempt-pause=100", "--check-interval=500")
NEVER = "1h"
ENDING = 4 + rig.BUSY  # s that a coordinator needs to end where nobody answers
# Where a coordinator dies, and which attempt counts then.
STEPS = [("intent-written", 2), ("frozen", 2), ("cut", 2), ("thawed", 2), ("reported", 1)]


@pytest.fixture(scope="module")
def running(installed, kubevirt):
    with rig.Host() as host, machine.running(installed, kubevirt, host, "stories") as running:
        yield running


@pytest.fixture(scope="module")
def coordinator(installed, running, build):
    """Of the guest's node, not started: its first life may have to end at a step. Another one leads."""
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinesnapshotcontents", OWN)
    with Coordinators(installed, build) as coordinators:
        leader = coordinators.make("node-b")
        leader.start(*QUICK)
        leader.wait_leads()
        yield coordinators.make("node-a")


def start(coordinator, step=None):
    coordinator.start(*QUICK, step=step)
    coordinator.wait_ready()


@pytest.fixture
def started(coordinator):
    if not coordinator.runs():
        start(coordinator)
    return coordinator


@pytest.fixture
def snapshots(installed, vm, guest, coordinator):
    """None of them is left in the end, nor anything of theirs."""
    snapshots = Snapshots(installed, vm.namespace)
    guest.forget_gaps()
    yield snapshots
    installed.driver.turn()
    for one in installed.admin.list(snapshots.kind, vm.namespace):
        snapshots.delete(one["metadata"]["name"])
        snapshots.wait_gone(one["metadata"]["name"])
    assert_nothing_is_left(installed, vm, snapshots)


def assert_nothing_is_left(cluster, vm, snapshots):
    for resource in (snapshots.contents, SNAPSHOTS):
        wait_for(lambda: not cluster.admin.list(resource, vm.namespace), f"{resource} gone")
    wait_for(lambda: not vm.read()["status"].get("snapshotInProgress"), "the machine let go")
    assert FINALIZER not in vm.read()["metadata"].get("finalizers", [])


def report_of(snapshots, name):
    return note(snapshots.content(name), "quiesce-report")


def wait_frozen_for_the_cut(cluster, vm):
    """Until the storage has been asked to cut all of it."""
    def is_cutting():
        cuts = cluster.admin.list(SNAPSHOTS, vm.namespace)
        return len(cuts) == len(machine.DISKS) and all(map(cluster.driver.is_cutting, cuts))

    wait_for(is_cutting, "the storage cuts")


def test_a_paused_guest_is_not_asked_and_told_so(vm, guest, snapshots, started):
    guest.domain.suspend()
    vm.pause()
    try:
        snapshots.take("snap")
        status = snapshots.wait_taken("snap")["status"]
        assert guest.domain.info()[0] == libvirt.VIR_DOMAIN_PAUSED
    finally:
        vm.resume()
        guest.domain.resume()
    assert status["indications"] == ["Online", "Paused"]
    report = report_of(snapshots, "snap")
    assert (report["level"], report["proof"]) == ("crash", "none"), report
    guest.assert_writes_resume(within=5)


@pytest.mark.parametrize("deadline", [None, "0s"], ids=["usual", "none"])
def test_one_that_is_in_time_is_taken(guest, snapshots, started, deadline):
    snapshots.take("snap", **({"failureDeadline": deadline} if deadline else {}))
    status = snapshots.wait_taken("snap")["status"]
    assert (status["phase"], status["indications"]) == ("Succeeded", ["GuestAgent", "Online"])


def test_a_deadline_in_the_midst_of_the_cut_lets_the_guest_go(installed, vm, guest, snapshots, started):
    installed.driver.turn(delay=NEVER)
    snapshots.take("snap", failureDeadline="4s")
    wait_frozen_for_the_cut(installed, vm)
    status = snapshots.wait("snap", lambda status: status.get("phase") == "Failed", "failed")["status"]
    assert reasons(status)["Failure"] == "snapshot deadline exceeded"
    guest.assert_writes_resume(within=5)
    assert guest.longest_gap() < 4 + rig.BUSY


@pytest.mark.parametrize("deadline", ["1ns", "-1m"])
def test_a_deadline_that_is_past_freezes_nobody(installed, vm, guest, snapshots, started, deadline):
    trail = installed.audit.trail()
    snapshots.take("snap", failureDeadline=deadline)
    status = snapshots.wait("snap", lambda status: status.get("phase") == "Failed", "failed")["status"]
    assert reasons(status)["Failure"] == "snapshot deadline exceeded"
    assert "create volumesnapshots" not in trail.counts(ACCOUNT, vm.namespace)
    assert not vm.read()["status"].get("snapshotInProgress")


@pytest.mark.parametrize("phase", ["frozen", "uploading", "ready"])
def test_one_that_is_deleted_in_any_phase_lets_go_and_leaves_nothing(installed, vm, guest, snapshots, started, phase):
    installed.driver.turn(**{"frozen": {"delay": NEVER}, "uploading": {"upload": NEVER}, "ready": {}}[phase])
    snapshots.take("snap")
    if phase == "frozen":
        wait_frozen_for_the_cut(installed, vm)
        guest.assert_frozen(seconds=0.1)
    elif phase == "uploading":
        snapshots.wait("snap", lambda status: status.get("phase") == "Succeeded", "succeeded")
    else:
        snapshots.wait_taken("snap")
    snapshots.delete("snap")
    guest.assert_writes_resume(within=2)
    installed.driver.turn()
    snapshots.wait_gone("snap")
    assert_nothing_is_left(installed, vm, snapshots)


@pytest.mark.parametrize("arrives", [False, True], ids=["called off", "done"])
def test_one_that_begins_to_migrate_while_it_is_frozen_is_let_go_and_cut_when_it_is_there(installed, vm, guest, snapshots,
                                                                                          started, arrives):
    """On its way nobody could vouch for it, and where it arrives it would stay frozen."""
    installed.driver.turn(delay=NEVER)
    snapshots.take("snap")
    wait_frozen_for_the_cut(installed, vm)
    guest.assert_frozen(seconds=0.1)
    vm.begin_migration("node-b", guest.host.socket)
    try:
        guest.assert_writes_resume(within=2)
        snapshots.wait("snap", lambda status: "it migrates to another node" in status.get("error", {}).get("message", ""),
                       "told why")
        installed.driver.turn()
    finally:
        vm.end_migration(failed=not arrives)
    status = snapshots.wait_taken("snap")["status"]
    report = report_of(snapshots, "snap")
    assert (report["level"], report["proof"]) == ("fs", "held") and report["attempt"] > 1, report
    assert status["indications"] == ["GuestAgent", "Online"]
    if arrives:
        vm.migrate("node-a", guest.host.socket)


def test_one_that_is_stopped_while_the_api_server_is_away_lets_go_at_once_and_ends(installed, vm, guest, snapshots,
                                                                                    started):
    installed.driver.turn(delay=NEVER)
    snapshots.take("snap")
    wait_frozen_for_the_cut(installed, vm)
    installed.api.suspend()
    try:
        guest.assert_frozen(seconds=0.1)
        started.terminate()
        guest.assert_writes_resume(within=2)
        assert started.wait_dead(ENDING) == 0
    finally:
        installed.api.resume()
    start(started)


@pytest.mark.parametrize("step, attempt", STEPS if os.environ.get("LULL_CLUSTER_ALL") else STEPS[::2])
def test_a_coordinator_that_dies_and_starts_again_lets_go_and_goes_on(installed, vm, guest, snapshots, coordinator,
                                                                     step, attempt):
    coordinator.stop()
    before = {kind: guest.seq(kind) for kind in guest.written()}
    start(coordinator, step=f"coordinator.{step}=kill")
    uid = snapshots.take("snap")["metadata"]["uid"]
    coordinator.wait_dead()
    start(coordinator)
    guest.assert_writes_resume(within=5)
    status = snapshots.wait_taken("snap")["status"]
    report = report_of(snapshots, "snap")
    assert (report["attempt"], report["level"], report["proof"]) == (attempt, "fs", "held"), report
    assert status["indications"] == ["GuestAgent", "Online"]
    cuts = {one["spec"]["source"]["persistentVolumeClaimName"]: one
            for one in installed.admin.list(SNAPSHOTS, vm.namespace) if not one["metadata"].get("deletionTimestamp")}
    assert cuts.keys() == machine.DISKS.keys()
    for volume, (_, kind, _) in machine.DISKS.items():
        assert cuts[volume]["metadata"]["name"].startswith(f"vmsnapshot-{uid}-volume-{volume}")
        cut = verify_disk(installed.driver.snapshot_path(installed.content_of(cuts[volume])), kind)
        assert before[kind] <= cut.lines <= guest.seq(kind)
