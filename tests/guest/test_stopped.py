# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Snapshots of machines that are off."""

import contextlib
import os
import shutil
import signal
import subprocess

import libvirt
import pytest

import loopfs
import rest
import rig
import scratch
from api import Api, condition, report
from driver import Driver
from images import verify_disk
from rig import EXT4, Disk

RAW = Disk("vdb", "xfs", "/mnt/xfs", format="raw")


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("resting", agent="lull", disks=(EXT4, RAW)) as guest:
        rig.wait_for(lambda: guest.seq("ext4") > 5 and guest.seq("xfs") > 5, 20, "both disks are written to")
        guest.poweroff()
        yield guest


@pytest.fixture(scope="module")
def coordinator(host, guest):
    with host.coordinator("resting-state") as coordinator:
        yield coordinator


@pytest.fixture
def api(coordinator, guest):
    """The API, over a guest that is off; what a test has made is deleted after it."""
    guest.destroy()
    api = Api(coordinator)
    api.wait_state(guest.name, "Stopped")
    yield api
    for item in api.rest.get(rest.SNAPSHOTS)[1]["items"]:
        api.delete(item["metadata"]["name"])
    api.assert_nothing_left(guest.name)


def contents(paths):
    return {kind: verify_disk(path, kind, replay=True) for kind, path in paths.items()}


def stored(api, snapshot):
    return {
        "ext4": os.path.join(api.data(snapshot), "vda.qcow2"),
        "xfs": os.path.join(api.data(snapshot), "vdb.qcow2"),
    }


def current(guest):
    return {disk.kind: guest.current_disk_path(disk.target) for disk in guest.disks}


def test_a_machine_that_is_off_is_copied_as_it_is(api, coordinator, guest):
    before = contents(current(guest))
    snapshot = api.snap("off", guest.name)
    told = report(snapshot)

    assert condition(snapshot, "Ready"), snapshot
    assert (told["level"], told["proof"], told["witness"], told["agent"]) == ("stopped", "none", "none", None)
    assert not snapshot["status"].get("indications")
    assert contents(stored(api, snapshot)) == before and before["ext4"].lines > 5
    assert not guest.domain.isActive()
    assert coordinator.lull("show", "off").returncode == 0


@pytest.mark.parametrize("level", ["app", "fs", "crash"])
def test_it_satisfies_every_level_that_is_required(api, guest, level):
    snapshot = api.snap("strict", guest.name, annotations={"lull.dev/require": level})

    assert condition(snapshot, "Ready") and report(snapshot)["level"] == "stopped", snapshot


def test_it_is_restored_like_any_other(api, guest):
    before = contents(current(guest))
    assert condition(api.snap("kept", guest.name), "Ready")
    guest.start()
    guest.assert_writes_resume(within=10)
    guest.destroy()
    api.wait_state(guest.name, "Stopped")
    api.restore("back", "kept", guest.name)
    assert condition(api.settle_restore("back"), "Ready")
    assert contents(current(guest)) == before
    api.rest.delete(f"{rest.BASE}/virtualmachinerestores/back")


def test_it_cannot_be_started_before_the_copy_is_done(api, coordinator, guest):
    coordinator.stop()
    coordinator.start(step="coordinator.targets-made=stop")
    api.take("slow", guest.name)
    rig.wait_for(lambda: is_stopped(coordinator.process.pid), 20, "the coordinator stands before the copy")
    try:
        with pytest.raises(libvirt.libvirtError, match="lock"):
            guest.domain.create()
    finally:
        os.kill(coordinator.process.pid, signal.SIGCONT)
    snapshot = api.settle("slow")
    assert condition(snapshot, "Ready") and report(snapshot)["level"] == "stopped", snapshot
    guest.start()
    guest.assert_writes_resume(within=10)
    coordinator.stop()
    coordinator.start()


def test_a_copy_that_was_cut_short_by_a_kill_is_made_again(api, coordinator, guest):
    coordinator.stop()
    coordinator.start(step="coordinator.targets-made=kill")
    api.take("killed", guest.name)
    coordinator.wait_end(timeout=20)
    coordinator.start()
    snapshot = api.settle("killed")

    assert condition(snapshot, "Ready") and report(snapshot)["level"] == "stopped", snapshot


def test_an_image_that_something_else_writes_to_is_waited_for(api, guest):
    path = guest.current_disk_path("vdb")
    user = subprocess.Popen(
        ["qemu-io", "-f", "raw", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        user.stdin.write("read 0 512\n")
        user.stdin.flush()
        user.stdout.readline()  # it has it open by now
        api.take("waiting", guest.name, failureDeadline="10m")
        rig.wait_for(lambda: path in api.coordinator.log(), 20, "told which image is in use")
        assert not condition(api.snapshot("waiting"), "Ready")
    finally:
        user.communicate("quit\n")
    assert condition(api.settle("waiting"), "Ready")


def test_images_are_shared_where_the_file_system_can():
    """With a libvirtd of its own, which sees only what was mounted before it."""
    work = scratch.make("share")
    try:
        with loopfs.mounted(work, "xfs") as place, rig.Host() as host, sleeper(host) as guest:
            image = os.path.join(place, "disk.qcow2")
            shutil.copy(guest.disk_path("vda"), image)
            xml = guest.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
            host.connection.defineXML(xml.replace(guest.disk_path("vda"), image))
            with Driver(host, os.path.join(place, "kept")) as driver:
                copy = driver.stored(driver.snapshot(guest), "vda")
            extents = subprocess.run(["filefrag", "-v", copy], stdout=subprocess.PIPE, text=True, check=True)
            assert "shared" in extents.stdout, extents.stdout
            subprocess.run(["qemu-img", "compare", "-q", image, copy], check=True)
    finally:
        scratch.remove(work)


@contextlib.contextmanager
def sleeper(host):
    """A guest that never runs."""
    guest = rig.Guest(host, "sleeper", agent="none", disks=(EXT4,))
    try:
        guest.define()
        yield guest
    finally:
        guest.remove()


def is_stopped(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"
