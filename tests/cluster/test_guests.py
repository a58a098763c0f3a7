# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A guest on the cluster's volumes, which the storage cuts: without our coordinator, as anybody could do it."""

import json
import os

import libvirt
import pytest

import machine
import rig
from driver import Driver, uuid
from images import verify_disk
from volumes import SNAPSHOTS, volume_snapshot
from waiting import wait_for


@pytest.fixture(scope="module")
def host():
    with rig.Host() as host:
        yield host


@pytest.fixture(scope="module")
def running(cluster, kubevirt, host):
    with machine.running(cluster, kubevirt, host, "guests", agent="stock") as running:
        yield running


@pytest.fixture
def snap(cluster, vm):
    """Makes a VolumeSnapshot of a claim, gone after the test."""
    made = []

    def make(name, of):
        made.append(name)
        return cluster.admin.create(volume_snapshot(name, of), vm.namespace)

    yield make
    for name in made:
        cluster.admin.delete(SNAPSHOTS, name, vm.namespace)
    for name in made:
        cluster.admin.wait_gone(SNAPSHOTS, name, vm.namespace)


def test_a_frozen_guest_is_cut_whole(cluster, vm, guest, snap):
    before = {kind: guest.seq(kind) for kind in guest.written()}
    guest.domain.fsFreeze()
    cuts = {name: snap(f"{name}-cut", name) for name in machine.DISKS}
    contents = {name: cluster.wait_cut(cut) for name, cut in cuts.items()}
    assert guest.domain.fsThaw() == len(machine.DISKS)
    for name, (_, kind, _) in machine.DISKS.items():
        cut = verify_disk(cluster.driver.snapshot_path(contents[name]), kind)
        assert before[kind] <= cut.lines <= guest.seq(kind)


class Node:
    """To a Driver it is the host: this node, and its kubelet's directory of pods."""

    def __init__(self, vm):
        self.uri = f"node:{vm.pod['spec']['nodeName']}"
        self.pods = os.path.dirname(vm.pod_dir(vm.pod))


def test_a_guest_that_is_held_through_its_pods_socket_is_cut_whole(cluster, vm, guest, snap, tmp_path):
    node = Node(vm)
    told = tmp_path / "instance.json"
    told.write_text(json.dumps(vm.read_instance()))
    with Driver(node, node.pods) as driver:
        driver.must("instance", "added", told)
        found = driver.must("vm", "guests/larry")
        assert found["vm"]["metadata"]["uid"] == vm.uid
        driver.must("hold", uuid())
        driver.must("prepare", 10000)
        driver.must("witness")
        before = {kind: guest.seq(kind) for kind in guest.written()}
        driver.must("freeze", 20000)
        driver.must("first")
        contents = {name: cluster.wait_cut(snap(f"{name}-held", name)) for name in machine.DISKS}
        driver.must("second")
        facts = driver.must("thaw", 5000)
        assert facts["held"], facts
        assert driver("verdict", *(target for target, _, _ in machine.DISKS.values()))["witness"] == "quiet"
    for name, (_, kind, _) in machine.DISKS.items():
        cut = verify_disk(cluster.driver.snapshot_path(contents[name]), kind)
        assert before[kind] <= cut.lines <= guest.seq(kind)


def test_the_storage_finds_out_a_guest_that_writes(cluster, vm, guest, snap):
    cluster.driver.turn(linger="1h")
    cut = snap("busy", "root")
    wait_for(lambda: cluster.driver.is_cutting(cut), "a cut begun")
    guest.assert_writes_resume(within=5)
    cluster.driver.turn(delay="1h")  # that is for the next try
    cluster.wait_refused(cut, "written to while it was cut")
    cluster.driver.turn()


def test_a_guest_that_writes_may_be_cut_if_that_is_allowed(cluster, vm, guest, snap):
    cluster.driver.turn(changes="allow")
    before = guest.seq("ext4")
    content = cluster.wait_cut(snap("busy", "root"))
    assert verify_disk(cluster.driver.snapshot_path(content), "ext4", replay=True).lines >= before


def test_the_daemon_is_found_where_the_launchers_would_be(vm, guest):
    assert list(os.listdir(os.path.dirname(vm.pod_dir(vm.pod)))) == [vm.pod["metadata"]["uid"]]
    runtime = os.open(os.path.join(vm.pod_dir(vm.pod), "volumes/kubernetes.io~empty-dir/libvirt-runtime"), os.O_PATH)
    try:
        uri = f"qemu+unix:///system?socket=/proc/{os.getpid()}/fd/{runtime}/virtqemud-sock"
        connection = libvirt.open(uri)
        assert [domain.name() for domain in connection.listAllDomains()] == ["guests_larry"]
        connection.close()
    finally:
        os.close(runtime)
