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
from api import Api, condition, indications, reason, report
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
def left(coordinator, guest):
    """The API, over a guest in whatever state; what a test has made is deleted after it."""
    api = Api(coordinator)
    yield api
    for item in api.rest.get(rest.SNAPSHOTS)[1]["items"]:
        api.delete(item["metadata"]["name"])
    api.assert_nothing_left(guest.name)


@pytest.fixture
def api(left, guest):
    """That, over one that has switched itself off."""
    switch_off(guest)
    left.wait_state(guest.name, "Stopped")
    yield left


def switch_off(guest):
    """By itself, as nobody else can: it is started for that where need be."""
    if guest.domain.isActive():
        guest.poweroff()
    elif guest.domain.state()[1] != libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN:
        guest.start()
        guest.poweroff()


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
    assert_sparse(api, snapshot, guest)


@pytest.mark.parametrize("level", ["app", "fs", "crash"])
def test_it_satisfies_every_level_that_is_required(api, guest, level):
    snapshot = api.snap("strict", guest.name, annotations={"lull.dev/require": level})

    assert condition(snapshot, "Ready") and report(snapshot)["level"] == "stopped", snapshot


def test_it_is_restored_like_any_other(api, guest):
    before = contents(current(guest))
    assert condition(api.snap("kept", guest.name), "Ready")
    guest.start()
    guest.assert_writes_resume(within=10)
    guest.poweroff()
    api.wait_state(guest.name, "Stopped")
    api.restore("back", "kept", guest.name)
    assert condition(api.settle_restore("back"), "Ready")
    assert contents(current(guest)) == before
    api.rest.delete(f"{rest.BASE}/virtualmachinerestores/back")
    assert report(api.snap("copied", guest.name))["level"] == "stopped"


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


def test_holes_stay_holes_while_it_runs_too(left, guest):
    if not guest.domain.isActive():
        guest.start()
    left.wait_state(guest.name, "Running")
    snapshot = left.snap("running", guest.name)

    assert condition(snapshot, "Ready"), snapshot
    assert_sparse(left, snapshot, guest)


ENDS = {
    "destroyed": (lambda guest: guest.destroy(), "its power was cut"),
    "killed": (lambda guest: guest.crash(), "its process died"),
    "terminated": (lambda guest: terminate(guest), "the host ended its process"),
    "saved": (lambda guest: guest.domain.managedSave(), "saved with its memory"),
}


@pytest.mark.parametrize("end", ENDS)
def test_one_that_did_not_switch_itself_off_is_only_crash_consistent(left, coordinator, guest, end):
    api = left
    act, why = ENDS[end]
    if not guest.domain.isActive():
        guest.start()
    act(guest)
    guest.control.close()
    api.wait_state(guest.name, "Stopped")
    snapshot = api.snap("left", guest.name)
    strict = api.snap("strict", guest.name, annotations={"lull.dev/require": "fs"})
    shown = coordinator.lull("show", "left").stdout
    if guest.domain.hasManagedSaveImage():
        guest.domain.managedSaveRemove()

    assert condition(snapshot, "Ready"), snapshot
    assert (report(snapshot)["level"], report(snapshot)["proof"]) == ("crash", "none")
    assert why in report(snapshot)["proofReason"], report(snapshot)
    assert indications(snapshot) == {"NoGuestAgent"}
    assert why in " ".join(shown.split()) and "virsh shutdown" in shown, shown
    assert reason(strict, "Failure") == "required level not reached", strict
    for kind, path in stored(api, snapshot).items():
        verify_disk(path, kind, replay=True)


@contextlib.contextmanager
def copying_held(coordinator, directory):
    """A coordinator whose copies stand still until what is inside is over."""
    gate = directory / "gate"
    gate.write_text("")
    tool = directory / "qemu-img"
    tool.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--target-is-zero*) while [ -e {gate} ]; do sleep 0.05; done ;; esac\n'
        f'exec {shutil.which("qemu-img")} "$@"\n'
    )
    tool.chmod(0o755)
    coordinator.stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
        coordinator.start()
        try:
            yield
        finally:
            gate.unlink()


def cut(api, name):
    """The snapshot, once its instant is known and its disks are being copied."""
    return rig.wait_for(lambda: is_copying(api.snapshot(name)), 20, f"{name}: being copied")


def is_copying(snapshot):
    annotations = (snapshot or {}).get("metadata", {}).get("annotations", {})
    copying = "copying" in annotations.get("lull.dev/progress", "")
    return snapshot if copying and snapshot.get("status", {}).get("creationTime") else None


def test_its_copy_takes_longer_than_the_deadline_shows_progress_and_keeps_it_off(api, coordinator, guest, tmp_path):
    before = contents(current(guest))
    with copying_held(coordinator, tmp_path):
        api.take("long", guest.name, failureDeadline="3s")
        cut(api, "long")
        with pytest.raises(libvirt.libvirtError, match="lock"):
            guest.domain.create()
        late = api.snap("late", "nobody", failureDeadline="3s")  # once it has failed, the deadline of both is over
        assert "deadline" in late["status"]["error"]["message"], late
        assert not condition(api.snapshot("long"), "Ready") and not condition(api.snapshot("long"), "Failure")
    snapshot = api.settle("long")

    assert condition(snapshot, "Ready") and report(snapshot)["level"] == "stopped", snapshot
    assert contents(stored(api, snapshot)) == before


def test_its_copy_ends_with_its_snapshot(api, coordinator, guest, tmp_path):
    with copying_held(coordinator, tmp_path):
        api.take("unwanted", guest.name)
        cut(api, "unwanted")
        api.delete("unwanted")
        api.assert_nothing_left(guest.name)
        guest.start()
        guest.assert_writes_resume(within=10)


def test_its_copy_goes_on_after_a_restart(api, coordinator, guest, tmp_path):
    before = contents(current(guest))
    with copying_held(coordinator, tmp_path):
        api.take("resumed", guest.name)
        instant = cut(api, "resumed")["status"]["creationTime"]
        coordinator.kill()
        coordinator.start()
        rig.wait_for(lambda: has_lock(coordinator, current(guest)["xfs"]), 20, "the images are locked again")
    snapshot = api.settle("resumed")

    assert condition(snapshot, "Ready") and report(snapshot)["level"] == "stopped", snapshot
    assert (report(snapshot)["attempt"], snapshot["status"]["creationTime"]) == (1, instant)
    assert contents(stored(api, snapshot)) == before


def test_a_machine_that_ran_while_nobody_copied_is_not_taken_for_what_it_was(api, coordinator, guest, tmp_path):
    with copying_held(coordinator, tmp_path):
        api.take("overtaken", guest.name)
        cut(api, "overtaken")
        coordinator.kill()
        guest.start()
        guest.assert_writes_resume(within=10)
        coordinator.start()
        told = rig.wait_for(lambda: api.snapshot("overtaken")["status"].get("error"), 20, "told that it is lost")

        assert "not what it was at the cut" in told["message"], told
        assert not condition(api.snapshot("overtaken"), "Ready")


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


def has_lock(coordinator, path):
    """Whether it holds a lock on the file."""
    inode = os.stat(path).st_ino
    with open("/proc/locks") as file:
        return any(line.split()[5].endswith(f":{inode}") for line in file)


def assert_sparse(api, snapshot, guest):
    for kind, path in stored(api, snapshot).items():
        assert allocated(path) < 1.5 * allocated(current(guest)[kind]) + (4 << 20), f"{kind}: holes stay holes"


def allocated(path):
    return os.stat(path).st_blocks * 512


def terminate(guest):
    """Has its process end, as a host does that goes down."""
    os.kill(guest.qemu_pid(), signal.SIGTERM)
    rig.wait_for(lambda: not guest.domain.isActive(), 20, f"{guest.name}: off")


def is_stopped(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"
