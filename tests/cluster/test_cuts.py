# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What is cut in a cluster of a frozen guest that writes all the time is what its disks were then, time after time: by
the storage alone, byte by byte, and by a coordinator, to the line that the writer stood still at. The driver itself fails
a copy that changes underneath."""

import os
import subprocess

import pytest

import machine
import rig
from account import ServiceAccount, wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from images import verify_disk
from kinds import OWN
from snapshots import Snapshots, note
from storage import Machine, Storage
from volumes import SNAPSHOTS

CUTS = 50 if os.environ.get("LULL_CLUSTER_ALL") else 3
LONG = 60000  # ms
HELD = True


@pytest.fixture(scope="module")
def running(cluster, kubevirt):
    with rig.Host() as host, machine.running(cluster, kubevirt, host, "cuts") as running:
        yield running


@pytest.fixture(scope="module")
def coordinator(installed, running, build):
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinesnapshotcontents", OWN)
    with Coordinators(installed, build) as coordinators:
        coordinator = coordinators.start("node-a")
        coordinator.wait_leads()
        yield coordinator


@pytest.fixture(scope="module")
def storage(installed, build, tmp_path_factory):
    account = ServiceAccount(installed, ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "create", "volumesnapshots", "snapshot.storage.k8s.io")
    with open(tmp_path_factory.mktemp("cuts") / "storage.log", "wb") as log:
        storage = Storage(build, account.kubeconfig("cuts"), log)
    yield storage
    storage.close()


@pytest.fixture(scope="module")
def content(cluster, running, storage):
    content = Machine(cluster, "cuts", *machine.DISKS)
    storage.must("introduce", content.content, 0)
    return content


def copy_of(path, directory):
    """What is in a file now, in one that nobody changes."""
    copy = os.path.join(directory, f"{os.path.basename(path)}.copy")
    subprocess.run(["cp", "--sparse=always", path, copy], check=True)
    return copy


def assert_same(one, other):
    done = subprocess.run(["cmp", one, other], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("attempt", range(1, CUTS + 1))
def test_a_cut_is_what_the_frozen_disks_were(cluster, guest, storage, content, tmp_path, attempt):
    guest.assert_writes_resume(within=5)
    storage.must("prepare", content.uid, attempt)
    written = {kind: guest.seq(kind) for kind in guest.written()}
    guest.domain.fsFreeze()
    try:
        frozen = {volume: copy_of(cluster.driver.path(volume, "cuts"), tmp_path) for volume in machine.DISKS}
        storage.must("cut", LONG, HELD)
    finally:
        guest.domain.fsThaw()
    guest.assert_writes_resume(within=5)  # what a cut shared with them shows if it follows them
    for volume, (_, kind, _) in machine.DISKS.items():
        cut = cluster.driver.snapshot_path(cluster.content_of(content.read(volume, attempt)))
        assert_same(frozen[volume], cut)
        assert written[kind] <= verify_disk(cut, kind).lines <= guest.seq(kind)
    storage.must("remove", content.uid, attempt)


def stood_still_at(guest, kind):
    """The number of the line that took the writer of a disk longest."""
    return max(guest.gaps(kind), key=lambda line: line[2])[0]


@pytest.mark.parametrize("number", range(1, CUTS + 1))
def test_a_snapshot_is_what_the_disks_were_when_the_writer_stood_still(cluster, guest, coordinator, number):
    snapshots = Snapshots(cluster, "cuts")
    name = f"snap-{number}"
    cluster.driver.turn(delay="1s")  # longer than anything else keeps a writer
    guest.assert_writes_resume(within=5)
    guest.forget_gaps()
    uid = snapshots.take(name)["metadata"]["uid"]
    snapshots.wait_taken(name)
    guest.assert_writes_resume(within=5)
    report = note(snapshots.content(name), "quiesce-report")
    assert (report["level"], report["proof"]) == ("fs", "held"), report
    for volume, (_, kind, _) in machine.DISKS.items():
        cut = cluster.admin.read(SNAPSHOTS, f"vmsnapshot-{uid}-volume-{volume}", "cuts")
        lines = verify_disk(cluster.driver.snapshot_path(cluster.content_of(cut)), kind).lines
        # That line was on the disk, and its sync held up; or it was yet to be written.
        assert stood_still_at(guest, kind) - lines in (0, 1)
    snapshots.delete(name)
    snapshots.wait_gone(name)
