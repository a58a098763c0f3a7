# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Those that we are compared with (tests/lib/cluster/peers.py) do what they are said to do, and no worse than they can."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import machine
import rig
from images import verify_disk
from peers import Bare, Reference
from volumes import SNAPSHOTS

CLAIMS = {volume: volume for volume in machine.DISKS}


@pytest.fixture(scope="module")
def guest(cluster, kubevirt):
    with rig.Host() as host, machine.running(cluster, kubevirt, host, "peers", agent="stock") as (_, guest):
        yield guest


@pytest.fixture
def reference(installed, guest):
    return Reference(installed, "peers", guest)


@pytest.fixture
def bare(cluster, guest):
    return Bare(cluster, "peers", guest.domain.fsFreeze, guest.domain.fsThaw)


def assert_consistent(cluster, guest, cut, before):
    """Each volume's snapshot is whole, and of a time between @before and now."""
    for volume, (_, kind, _) in machine.DISKS.items():
        content = cluster.wait_cut(cut.snapshots[volume])
        assert before[kind] <= verify_disk(cluster.driver.snapshot_path(content), kind).lines <= guest.seq(kind)


@pytest.mark.parametrize("name", ["reference", "bare"])
def test_a_peer_freezes_cuts_and_thaws(cluster, guest, name, request):
    peer = request.getfixturevalue(name)
    before = {kind: guest.seq(kind) for kind in guest.written()}
    guest.forget_gaps()
    cut = peer.snapshot(name, CLAIMS)
    guest.assert_writes_resume(within=5)
    assert cut.storage < guest.longest_gap() < cut.window + rig.BUSY
    assert_consistent(cluster, guest, cut, before)


def test_the_reference_waits_for_the_snapshots_themselves(reference):
    cut = reference.snapshot("itself", CLAIMS)
    assert {seen["kind"] for seen in cut.seen.values()} == {"VolumeSnapshot"}
    assert all(seen["status"]["creationTime"] for seen in cut.seen.values())


def test_a_bare_client_waits_for_their_contents_alone(bare):
    cut = bare.snapshot("content", CLAIMS)
    assert {seen["kind"] for seen in cut.seen.values()} == {"VolumeSnapshotContent"}
    assert all(seen["status"]["creationTime"] for seen in cut.seen.values())


def test_what_the_storage_takes_is_in_the_window_of_either(cluster, reference, bare):
    cluster.driver.turn(delay="2s")
    assert reference.snapshot("slow", CLAIMS).storage >= 2
    assert bare.snapshot("slow", CLAIMS).storage >= 2


def test_with_the_sidecars_own_limits_the_reference_thaws_long_after_a_bare_client(cluster, reference, bare):
    taken = {}
    with cluster.csi_with("--kube-api-qps=5", "--kube-api-burst=10"):
        for name in ("warm", "limited"):  # whoever is first finds sidecars that have asked for nothing yet
            for peer in (bare, reference):
                taken[peer] = peer.snapshot(name, CLAIMS)
                for snapshot in taken[peer].snapshots.values():
                    cluster.wait_ready(snapshot["metadata"]["name"], "peers")
    assert taken[reference].storage > taken[bare].storage


def test_the_reference_makes_no_snapshot_of_a_guest_that_does_not_freeze_and_tries_again(cluster, guest, reference):
    guest.switch_agent("refusing")
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(reference.snapshot, "retried", CLAIMS)
        try:
            cluster.admin.wait(reference.contents, "vmsnapshot-content-retried",
                               lambda one: one.get("status", {}).get("error"), "an error", "peers")
            made = cluster.admin.list(SNAPSHOTS, "peers")
        finally:
            guest.switch_agent("stock")
        under_way.result()
    assert not [one for one in made if "retried" in one["metadata"]["name"]]
