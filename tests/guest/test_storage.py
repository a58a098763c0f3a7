# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Contents made by libvirt's backup jobs from real guests, and put back onto them."""

import contextlib
import json
import os
import re
import shutil
import subprocess

import libvirt
import pytest

from driver import Driver, uuid
from images import verify_disk
from rig import EXT4, Disk, wait_for
from room import little_room


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("storage", agent="lull") as guest:
        yield guest


@pytest.fixture
def driver(host):
    with Driver(host) as driver:
        yield driver


def stored_kinds(guest):
    return {disk.target: disk.kind for disk in guest.disks}


def flip_a_byte(path):
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


# Making contents


def test_a_held_content_is_whole_without_replay(guest, driver):
    content = uuid()
    driver.must("vm", guest.name)
    driver.must("hold", uuid())
    driver.must("prepare", 10000)
    assert driver("poll", content, 1)["state"] == "absent"
    driver.must("target", content, 1)
    driver.must("witness")
    window = driver.must("window", 8000)
    assert window["held"], window
    assert driver("verdict", "vda", "vdb")["witness"] == "quiet"
    assert driver.copy(content)["state"] == "done"
    driver.must("seal", content, 1)
    driver.must("check", content)

    for target, kind in stored_kinds(guest).items():
        assert verify_disk(driver.stored(content, target), kind).lines > 0
    with open(os.path.join(driver.directory, content, "manifest.json")) as file:
        manifest = json.load(file)
    assert manifest["vm"] == guest.uuid and manifest["report"] == {"version": 1}
    assert sorted(os.listdir(driver.directory)) == [content]
    done = subprocess.run(["sha256sum", driver.stored(content, "vda")], stdout=subprocess.PIPE, text=True)
    assert done.stdout.split()[0] == manifest["volumes"][0]["sha256"]


def test_sealing_and_polling_again_change_nothing(guest, driver):
    content = driver.snapshot(guest)
    before = os.stat(os.path.join(driver.directory, content, "manifest.json"))

    driver.must("seal", content, 1)
    assert driver("poll", content, 1)["state"] == "done"
    after = os.stat(os.path.join(driver.directory, content, "manifest.json"))
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_an_attempt_that_is_not_copied_is_not_sealed(guest, driver):
    content = uuid()
    driver.must("vm", guest.name)
    driver.must("target", content, 1)

    assert driver("seal", content, 1)["code"] == "conflict"
    driver.must("remove", content, 1)
    assert os.listdir(driver.directory) == []


def test_a_copy_is_made_by_who_comes_after_the_cut(guest, host, driver):
    content = driver.cut(guest)
    driver.kill()

    with Driver(host, driver.directory) as successor:
        successor.must("vm", guest.name)
        assert successor.copy(content)["state"] == "done"
        successor.must("seal", content, 1)
        successor.must("check", content)


def test_one_at_a_time_is_copied(guest, driver):
    first, second = driver.cut(guest), uuid()
    assert driver("target", second, 1)["code"] == "busy"
    assert driver.copy(first)["state"] == "done"
    driver.must("target", second, 1)
    driver.must("cut")
    assert driver.copy(second)["state"] == "done"
    for content in (first, second):
        driver.must("seal", content, 1)


def test_a_copy_that_failed_stays_failed_and_its_job_ends(guest, driver):
    content = driver.cut(guest)
    path = os.path.join(driver.directory, f"{content}.attempt-1", "attempt.json")
    with open(path) as file:
        attempt = json.load(file)
    with open(path, "w") as file:
        json.dump(attempt | {"failed": True, "problem": "said before"}, file)

    for _ in range(2):
        told = driver("poll", content, 1)
        assert (told["state"], told["problem"]) == ("failed", "said before")
        assert guest.domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE
    driver.must("remove", content, 1)
    assert os.listdir(driver.directory) == []


def test_a_job_that_somebody_ended_leaves_no_content(guest, driver):
    content = driver.cut(guest)
    guest.domain.abortJob()
    wait_for(lambda: guest.domain.jobInfo()[0] == 0, 10, "the job is over")

    assert driver("poll", content, 1)["state"] == "absent"
    assert not driver("seal", content, 1)["ok"]
    driver.must("remove", content, 1)
    assert os.listdir(driver.directory) == []


def test_one_without_a_job_is_not_vouched_for_by_the_next(guest, driver):
    first, second = uuid(), uuid()
    driver.must("vm", guest.name)
    driver.must("target", first, 1)
    driver.must("target", second, 1)
    driver.must("cut")
    assert driver.copy(second)["state"] == "done"

    assert driver("poll", first, 1)["state"] == "absent"
    driver.must("remove", first, 1)
    driver.must("seal", second, 1)


def test_the_guest_has_room_to_write_longer_than_the_copy(guest, host):
    """What it overwrites meanwhile is kept in the store: a copy that takes the rest of it is given up first."""
    with little_room(host, 64) as room, Driver(host, room.store) as driver:
        content = driver.cut(guest)
        room.leave(1 << 20)
        told = driver.copy(content)
        assert told["state"] == "failed" and "no space" in told["problem"].lower(), told
        assert guest.domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE
        guest.assert_writes_resume(within=5)
        driver.must("remove", content, 1)
        assert os.listdir(driver.directory) == []


def test_what_was_never_cut_is_absent_after_a_restart(guest, host, driver):
    """Even though libvirt remembers a job of the same machine and size that went well."""
    driver.snapshot(guest)
    content = uuid()
    driver.must("target", content, 1)
    driver.kill()

    with Driver(host, driver.directory) as successor:
        successor.must("vm", guest.name)
        assert successor("poll", content, 1)["state"] == "absent"


def test_another_job_makes_it_busy(guest, host, driver, tmp_path):
    xml = tmp_path / "pull.xml"
    socket = os.path.join(host.dir, "pull.sock")
    scratch = os.path.join(host.dir, "pull.scratch")
    xml.write_text(
        f"<domainbackup mode='pull'><server transport='unix' socket='{socket}'/><disks>"
        f"<disk name='vda' backup='yes' type='file'><scratch file='{scratch}'/></disk>"
        "<disk name='vdb' backup='no'/></disks></domainbackup>"
    )
    host.virsh("backup-begin", guest.name, str(xml))
    try:
        driver.must("vm", guest.name)
        answer = driver("target", uuid(), 1)
        assert answer["code"] == "busy", answer
        driver.must("remove", uuid(), 0)
        assert guest.domain.jobInfo()[0] != 0, "somebody else's job is left alone"
    finally:
        host.virsh("domjobabort", guest.name)
    assert os.listdir(driver.directory) == []


def test_no_space_names_place_and_sizes(guest, host):
    place = os.path.join(host.dir, "no-room")
    os.mkdir(place)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=True)
    try:
        with Driver(host, place) as driver:
            driver.must("vm", guest.name)
            answer = driver("target", uuid(), 1)
            assert answer["code"] == "no-space", answer
            assert place in answer["error"] and "MiB are needed" in answer["error"], answer
            assert os.listdir(place) == []
    finally:
        subprocess.run(["umount", place], check=True)


def test_removing_an_attempt_stops_its_job(guest, driver):
    content = uuid()
    driver.must("vm", guest.name)
    driver.must("target", content, 1)
    driver.must("cut")
    driver.must("remove", content, 1)

    assert os.listdir(driver.directory) == []
    wait_for(lambda: guest.domain.jobInfo()[0] == 0, 10, "no job runs")


def test_removing_a_content_takes_its_attempts_along(guest, driver):
    content = driver.snapshot(guest)
    other = driver.snapshot(guest)
    driver.must("target", content, 2)
    driver.must("free")
    driver.must("remove", content, 0)
    driver.must("remove", content, 0)

    assert os.listdir(driver.directory) == [other]


def test_a_content_that_lost_a_volume_is_not_whole(guest, driver):
    content = driver.snapshot(guest)
    os.truncate(driver.stored(content, "vdb"), 1000)
    assert not driver("check", content)["ok"]
    os.unlink(driver.stored(content, "vdb"))

    assert not driver("check", content)["ok"]


def test_a_content_uid_cannot_lead_out_of_the_directory(guest, driver):
    driver.must("vm", guest.name)

    assert driver("target", "../../tmp/x", 1)["code"] == "invalid"
    assert driver("remove", "..", 0)["code"] == "invalid"
    assert driver("restore", "..", uuid())["code"] == "invalid"


def test_a_guest_that_stops_while_it_is_copied_fails_the_copy(host, driver):
    with host.guest("brief", disks=(EXT4,), writer=False) as guest:
        content = uuid()
        driver.must("vm", guest.name)
        driver.must("target", content, 1)
        guest.destroy()
        answer = driver("cut")
        assert not answer["ok"], answer
        answer = driver("poll", content, 1)

    assert answer["state"] == "failed" and "stopped" in answer["problem"], answer


# Restoring


def allocated(path):
    return os.stat(path).st_blocks * 512


@pytest.fixture(scope="module")
def machine(host):
    """A guest with a content of it, changed since, and stopped; all that is kept aside."""
    disks = (EXT4, Disk("vdb", "xfs", "/mnt/xfs", format="raw"))
    with host.guest("restored", agent="lull", disks=disks, writer=False) as guest:
        with Driver(host) as driver:
            guest.sh("echo before >/mnt/ext4/mark; echo before >/mnt/xfs/mark; sync")
            guest.content = driver.snapshot(guest)
            guest.room = {disk.target: allocated(guest.disk_path(disk.target)) for disk in disks}
            guest.sh("echo after >/mnt/ext4/mark; echo after >/mnt/xfs/mark; sync")
            guest.poweroff()
        guest.store = driver.directory
        guest.xml = guest.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        for disk in disks:
            shutil.copy(guest.disk_path(disk.target), guest.disk_path(disk.target) + ".after")
        yield guest


@pytest.fixture
def stopped(machine):
    """That guest as it was when it had just stopped."""
    machine.destroy()
    machine.host.connection.defineXML(machine.xml)
    for disk in machine.disks:
        path = machine.disk_path(disk.target)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        shutil.copy(path + ".after", path)
    return machine


@pytest.fixture
def restorer(host, machine, driver):
    """A driver over a copy of its content."""
    shutil.copytree(machine.store, driver.directory, dirs_exist_ok=True)
    driver.must("vm", machine.name)
    return driver


def marks(guest):
    return [
        verify_disk(guest.current_disk_path(disk.target), disk.kind, replay=True).files["mark"].decode().strip()
        for disk in guest.disks
    ]


def leftovers(guest):
    return [name for name in os.listdir(guest.dir) if "lull-restore" in name]


def test_a_restore_brings_back_data_format_owner_and_definition(stopped, restorer):
    os.chown(stopped.disk_path("vda"), 12, 34)
    os.chmod(stopped.disk_path("vda"), 0o640)
    before = stopped.domain.XMLDesc(0)
    restorer.must("restore", stopped.content, uuid())

    info = os.stat(stopped.disk_path("vda"))
    assert (info.st_uid, info.st_gid, info.st_mode & 0o7777) == (12, 34, 0o640)
    assert marks(stopped) == ["before", "before"]
    marked = stopped.domain.XMLDesc(0)
    assert "<lull:restored " in marked, "until it runs, no more is claimed of its disks than was restored"
    assert re.sub(r"  <metadata>\s*<lull:restored [^>]*/>\s*</metadata>\n", "", marked) == before
    assert leftovers(stopped) == []
    formats = [
        json.loads(subprocess.check_output(["qemu-img", "info", "--output=json", stopped.disk_path(target)]))["format"]
        for target in ("vda", "vdb")
    ]
    assert formats == ["qcow2", "raw"]


def test_holes_stay_holes_in_the_store_and_in_what_is_restored(stopped, restorer):
    """A raw image is as long as its disk, whatever is in it, and a restore writes all of it anew."""
    restorer.must("restore", stopped.content, uuid())

    assert os.path.getsize(stopped.disk_path("vdb")) > 8 * stopped.room["vdb"]
    for disk in stopped.disks:
        limit = 1.5 * stopped.room[disk.target] + (4 << 20)
        assert allocated(restorer.stored(stopped.content, disk.target)) < limit, disk
        assert allocated(stopped.disk_path(disk.target)) < limit, disk


def test_a_restored_guest_boots(stopped, restorer):
    restorer.must("restore", stopped.content, uuid())
    stopped.start()

    assert stopped.sh("cat /mnt/ext4/mark /mnt/xfs/mark").split() == ["before", "before"]


def test_a_damaged_content_is_refused_before_anything_is_touched(stopped, restorer):
    flip_a_byte(restorer.stored(stopped.content, "vdb"))
    answer = restorer("restore", stopped.content, uuid())

    assert not answer["ok"] and "damaged" in answer["error"], answer
    assert marks(stopped) == ["after", "after"]
    assert leftovers(stopped) == []


def test_an_image_in_use_is_refused(stopped, restorer):
    user = subprocess.Popen(
        ["qemu-io", "-f", "raw", stopped.disk_path("vdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        user.stdin.write("read 0 512\n")
        user.stdin.flush()
        user.stdout.readline()  # it has it open by now
        answer = restorer("restore", stopped.content, uuid())
        assert answer["code"] == "busy" and stopped.disk_path("vdb") in answer["error"], answer
    finally:
        user.communicate("quit\n")
    assert marks(stopped) == ["after", "after"]


def test_a_running_guest_is_not_restored(guest, driver):
    content = driver.snapshot(guest)
    answer = driver("restore", content, uuid())

    assert answer["code"] == "busy", answer


def test_a_volume_whose_file_is_gone_is_made_again(stopped, restorer):
    os.unlink(stopped.disk_path("vdb"))
    restorer.must("restore", stopped.content, uuid())

    assert marks(stopped) == ["before", "before"]


def test_a_machine_that_is_gone_is_defined_again(stopped, restorer):
    stopped.domain.undefine()
    restorer.must("restore", stopped.content, uuid())

    assert marks(stopped) == ["before", "before"]


@pytest.mark.parametrize(
    "step", ["coordinator.restore-copied", "coordinator.restore-swapped", "coordinator.restore-defined"]
)
def test_a_restore_that_was_killed_goes_on(stopped, host, restorer, step):
    restore = uuid()
    with Driver(host, restorer.directory, step=f"{step}=kill") as victim:
        victim.must("vm", stopped.name)
        victim.send("restore", stopped.content, restore)
        victim.process.wait(240)
    restorer.must("restore", stopped.content, restore)

    assert marks(stopped) == ["before", "before"]
    assert leftovers(stopped) == []


def test_the_nvram_comes_back_with_the_disks(host, driver):
    with host.guest("uefi", disks=(EXT4,), firmware="uefi", writer=False) as guest:
        content = driver.snapshot(guest)
        guest.destroy()
        with open(guest.nvram_path, "rb") as file:
            before = file.read()
        with open(guest.nvram_path, "r+b") as file:
            file.write(b"\xff" * 4096)
        driver.must("restore", content, uuid())

        with open(guest.nvram_path, "rb") as file:
            assert file.read() == before
        guest.domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
        assert not os.path.exists(guest.nvram_path)
        driver.must("restore", content, uuid())

        with open(guest.nvram_path, "rb") as file:
            assert file.read() == before
