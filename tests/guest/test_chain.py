# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Snapshots that hold what changed: what they are based on, what breaks a chain, and how one goes."""

import contextlib
import json
import os
import signal
import subprocess

import libvirt
import pytest

from api import Api, condition, report
from chosen import choose
from driver import Driver, uuid
from images import verify_disk
from rig import EXT4, Disk, wait_for

RAW = Disk("vdb", "xfs", "/mnt/xfs", format="raw", serial="RAWDISK")


@pytest.fixture(scope="module")
def machine(host):
    with host.guest("chain", agent="lull", disks=(EXT4, RAW)) as guest:
        guest.set_incremental(True)
        yield guest


@pytest.fixture
def guest(machine):
    """Runs, asks for incremental snapshots, and has no checkpoint."""
    if not machine.domain.isActive():
        machine.start()
    machine.set_incremental(True)
    for checkpoint in machine.domain.listAllCheckpoints():
        checkpoint.delete()
    return machine


@pytest.fixture
def driver(host):
    with Driver(host) as driver:
        yield driver


def manifest(driver, content):
    with open(os.path.join(driver.directory, content, "manifest.json")) as file:
        return json.load(file)


def copies(driver, content):
    return {row["name"]: row["copy"] for row in manifest(driver, content)["volumes"]}


def reason(driver, content, volume="vda"):
    rows = manifest(driver, content)["volumes"]
    return next(row.get("copyReason", "") for row in rows if row["name"] == volume)


def checkpoints(guest):
    return sorted(checkpoint.getName() for checkpoint in guest.domain.listAllCheckpoints())


def mark(guest, text):
    guest.sh(f"echo {text} >/mnt/ext4/mark; echo {text} >/mnt/xfs/mark; sync")


def marked(guest, driver, text):
    """A content of the moment in which both disks bore @text."""
    mark(guest, text)
    return driver.snapshot(guest)


def assert_shows(driver, content, text):
    """The stored images hold sound file systems, the writer's lines, and the mark: read by nobody's help but
    qemu-img's."""
    for target, kind in (("vda", "ext4"), ("vdb", "xfs")):
        found = verify_disk(driver.stored(content, target), kind, replay=True)
        assert found.files["mark"].decode().strip() == text
        assert found.lines > 0


def test_each_holds_what_changed_since_the_one_before(guest, driver):
    contents = [marked(guest, driver, text) for text in ("one", "two", "three")]

    assert [copies(driver, content)["vda"] for content in contents] == ["full", "incremental", "incremental"]
    assert [manifest(driver, content).get("parent") for content in contents] == [None, *contents[:2]]
    assert "first of its chain" in reason(driver, contents[0])
    assert checkpoints(guest) == [f"lull-{contents[2]}-1"]
    for content, text in zip(contents, ("one", "two", "three")):
        driver.must("check", content)
        assert_shows(driver, content, text)


def test_a_raw_disk_is_always_full_and_that_is_said(guest, driver):
    contents = [driver.snapshot(guest) for _ in range(2)]

    assert [copies(driver, content)["vdb"] for content in contents] == ["full", "full"]
    assert "raw image keeps no record" in reason(driver, contents[1], "vdb")


@pytest.fixture(scope="module")
def still_machine(host):
    with host.guest("still", agent="lull", disks=(EXT4,), writer=False) as guest:
        guest.set_incremental(True)
        yield guest


@pytest.fixture
def still(still_machine):
    """Writes nothing by itself, so that images can be compared."""
    still_machine.sh("grep -q ' /mnt/ext4 ' /proc/mounts || mount -t ext4 /dev/vda /mnt/ext4")
    for checkpoint in still_machine.domain.listAllCheckpoints():
        checkpoint.delete()
    return still_machine


def scribble(guest, blocks, source="urandom", first=0):
    """Writes MiBs of a file of the still guest anew."""
    copy = f"dd if=/dev/{source} of=/mnt/ext4/noise bs=1M count={blocks} seek={first} conv=notrunc"
    guest.sh(f"{copy} 2>/dev/null; sync")


def assert_is_the_disk(guest, driver, content):
    command = ["qemu-img", "compare", "-U", "-f", "qcow2", "-F", "qcow2"]
    subprocess.run([*command, guest.disk_path("vda"), driver.stored(content, "vda")], check=True)


def test_what_was_set_to_zero_is_zero(still, driver):
    """Clusters that became zero must not show what they held before."""
    scribble(still, 4)
    driver.snapshot(still)
    scribble(still, 4, "zero")
    still.sh("umount /mnt/ext4")
    content = driver.snapshot(still)

    assert copies(driver, content) == {"vda": "incremental"}
    assert_is_the_disk(still, driver, content)


MUCH = 24  # MiB: some ms to copy


def at_rest(still):
    """Nothing is written any more. Returns a copy of the disk."""
    still.sh("umount /mnt/ext4")
    path = os.path.join(still.dir, "at-rest.qcow2")
    subprocess.run(["qemu-img", "convert", "-U", "-O", "qcow2", still.disk_path("vda"), path], check=True)
    return path


def cut(still, driver):
    content = uuid()
    driver.must("vm", still.name)
    driver.must("target", content, 1)
    driver.must("cut")
    driver.must("free")
    return content


def store(driver, content):
    assert driver.copy(content)["state"] == "done"
    driver.must("seal", content, 1)


@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_a_copy_is_the_disk_at_the_cut_whatever_is_written_before_it_is_read(still, driver, kind):
    scribble(still, MUCH)
    if kind == "incremental":
        driver.snapshot(still)
        scribble(still, MUCH)
    before = at_rest(still)
    content = cut(still, driver)
    still.sh("mount -t ext4 /dev/vda /mnt/ext4")
    scribble(still, MUCH // 2)
    scribble(still, 1, "zero", first=MUCH - 1)
    store(driver, content)

    assert copies(driver, content) == {"vda": kind}
    assert sorted(os.listdir(os.path.join(driver.directory, content))) == ["domain.xml", "manifest.json", "vda.qcow2"]
    assert checkpoints(still) == [f"lull-{content}-1"]
    subprocess.run(["qemu-img", "compare", before, driver.stored(content, "vda")], check=True)


def test_a_copy_whose_maker_was_killed_goes_on(still, driver):
    scribble(still, MUCH)
    first = driver.snapshot(still)
    scribble(still, MUCH)
    before = at_rest(still)
    content = cut(still, driver)
    assert driver("poll", content, 1)["state"] == "running"
    driver.kill()
    with Driver(driver.host, driver.directory) as other:
        other.must("vm", still.name)
        store(other, content)
        assert manifest(other, content)["parent"] == first

    subprocess.run(["qemu-img", "compare", before, driver.stored(content, "vda")], check=True)


def test_of_a_copy_whose_maker_was_killed_nothing_is_left_when_it_is_given_up(still, driver):
    scribble(still, MUCH)
    first = driver.snapshot(still)
    scribble(still, MUCH)
    killed = cut(still, driver)
    driver("poll", killed, 1)
    driver.kill()

    with Driver(driver.host, driver.directory) as other:
        other.must("vm", still.name)
        other.must("remove", killed, 1)
        assert checkpoints(still) == [f"lull-{first}-1"]
        assert still.domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE
        assert os.listdir(driver.directory) == [first]
        assert copies(other, other.snapshot(still)) == {"vda": "incremental"}


def test_incremental_copies_need_little_room(guest, driver):
    contents = [driver.snapshot(guest) for _ in range(2)]
    sizes = [os.stat(driver.stored(content, "vda")).st_size for content in contents]

    # 64 KiB for each of some tables; the guest writes a few lines meanwhile
    assert sizes[1] < sizes[0]


def test_every_seventh_is_full(guest, driver):
    contents = [driver.snapshot(guest) for _ in range(8)]

    assert [copies(driver, content)["vda"] for content in contents] == ["full"] + ["incremental"] * 6 + ["full"]
    assert "every 7th" in reason(driver, contents[7])
    assert_shows_lines(driver, contents[6])


def assert_shows_lines(driver, content):
    assert verify_disk(driver.stored(content, "vda"), "ext4", replay=True).lines > 0


def test_a_chain_outlives_a_stop_of_the_guest(guest, driver):
    driver.snapshot(guest)
    guest.poweroff()
    guest.start()
    content = marked(guest, driver, "later")

    assert copies(driver, content)["vda"] == "incremental"
    assert_shows(driver, content, "later")


def test_after_a_crash_of_qemu_it_is_full_and_says_why(guest, driver):
    driver.snapshot(guest)
    guest.poweroff()  # the bitmap is in the image from here on
    guest.start()
    guest.crash()
    guest.start()
    contents = [driver.snapshot(guest) for _ in range(2)]

    assert [copies(driver, content)["vda"] for content in contents] == ["full", "incremental"]
    assert "record of changes is lost" in reason(driver, contents[0])
    assert checkpoints(guest) == [f"lull-{contents[1]}-1"]


def test_a_lost_checkpoint_makes_it_full(guest, driver):
    driver.snapshot(guest)
    for checkpoint in guest.domain.listAllCheckpoints():
        checkpoint.delete()
    content = driver.snapshot(guest)

    assert copies(driver, content)["vda"] == "full"
    assert "record of changes is gone" in reason(driver, content)


def test_a_lost_store_makes_it_full(guest, host, driver):
    driver.snapshot(guest)
    with Driver(host) as other:
        content = other.snapshot(guest)

        assert copies(other, content)["vda"] == "full"
        assert "gone or not whole" in reason(other, content)
        assert checkpoints(guest) == [f"lull-{content}-1"]


def test_checkpoints_of_others_are_left_alone(guest, driver):
    theirs = "<domaincheckpoint><name>theirs</name><disks><disk name='vdb' checkpoint='no'/></disks></domaincheckpoint>"
    guest.domain.checkpointCreateXML(theirs, 0)
    contents = [marked(guest, driver, text) for text in ("one", "two")]

    assert [copies(driver, content)["vda"] for content in contents] == ["full", "incremental"]
    assert checkpoints(guest) == [f"lull-{contents[1]}-1", "theirs"]
    assert_shows(driver, contents[1], "two")


def test_turned_off_nothing_of_it_is_left(guest, driver):
    driver.snapshot(guest)
    guest.set_incremental(False)
    content = driver.snapshot(guest)

    assert copies(driver, content) == {"vda": "full", "vdb": "full"}
    assert reason(driver, content) == ""
    assert checkpoints(guest) == []


def test_a_copy_that_was_given_up_does_not_break_the_chain(guest, driver):
    first = driver.snapshot(guest)
    given_up = uuid()
    driver.must("vm", guest.name)
    driver.must("target", given_up, 1)
    driver.must("cut")
    driver.must("free")
    driver.must("remove", given_up, 1)
    assert checkpoints(guest) == [f"lull-{first}-1"]
    content = marked(guest, driver, "after all")

    assert manifest(driver, content)["parent"] == first
    assert_shows(driver, content, "after all")


# Going


def traces(guest):
    """What anything done to the guest would change: its last freeze, job and checkpoints, and what it is made of."""
    done = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
    return {
        "freeze": guest.agent("__dev.lull_quiesce-status").get("last"),
        "job": (guest.domain.jobInfo()[0], guest.domain.jobStats(done)),
        "checkpoints": checkpoints(guest),
        "definition": guest.domain.XMLDesc(),
    }


def test_a_middle_one_that_is_deleted_goes_into_its_child(guest, driver):
    contents = [marked(guest, driver, text) for text in ("one", "two", "three")]
    before = traces(guest)
    driver.must("remove", contents[1], 0)
    after = traces(guest)

    assert after == before
    assert sorted(os.listdir(driver.directory)) == sorted([contents[0], contents[2]])
    assert manifest(driver, contents[2])["parent"] == contents[0]
    for content, text in ((contents[0], "one"), (contents[2], "three")):
        driver.must("check", content)
        assert_shows(driver, content, text)
    assert copies(driver, driver.snapshot(guest))["vda"] == "incremental"


def test_the_first_that_is_deleted_makes_its_child_full(guest, driver):
    contents = [marked(guest, driver, text) for text in ("one", "two", "three")]
    driver.must("remove", contents[0], 0)

    assert copies(driver, contents[1])["vda"] == "full" and "parent" not in manifest(driver, contents[1])
    for content, text in zip(contents[1:], ("two", "three")):
        driver.must("check", content)
        assert_shows(driver, content, text)


def test_after_the_newest_was_deleted_the_next_is_full(guest, driver):
    contents = [driver.snapshot(guest) for _ in range(2)]
    driver.must("remove", contents[1], 0)
    assert checkpoints(guest) == []

    assert copies(driver, driver.snapshot(guest))["vda"] == "full"
    driver.must("check", contents[0])


def test_what_a_copy_under_way_is_based_on_stays(guest, driver):
    first = driver.snapshot(guest)
    second = uuid()
    mark(guest, "second")
    driver.must("target", second, 1)
    driver.must("cut")
    driver.must("free")
    answer = driver("remove", first, 0)
    assert answer["code"] == "busy" and "just being made" in answer["error"], answer

    driver.copy(second)
    driver.must("seal", second, 1)
    driver.must("remove", first, 0)
    assert_shows(driver, second, "second")


def test_one_taken_while_another_is_stored_takes_nothing_from_it(guest, driver):
    first = driver.snapshot(guest)
    second = uuid()
    mark(guest, "second")
    driver.must("target", second, 1)
    driver.must("cut")
    driver.must("free")
    driver.copy(second)
    third = marked(guest, driver, "third")
    driver.must("seal", second, 1)

    assert copies(driver, third)["vda"] == "full"
    assert "still being stored" in reason(driver, third)
    assert checkpoints(guest) == [f"lull-{third}-1"]
    driver.must("remove", first, 0)
    assert_shows(driver, second, "second")
    assert_shows(driver, third, "third")


def test_a_missing_parent_is_seen(guest, driver):
    contents = [driver.snapshot(guest) for _ in range(3)]
    os.rename(os.path.join(driver.directory, contents[0]), os.path.join(driver.directory, "away"))
    answer = driver("check", contents[2])

    assert not answer["ok"] and "based on is missing" in answer["error"], answer


# Coming back


def test_each_comes_back_and_breaks_the_chain(guest, host, driver):
    texts = ("one", "two", "three")
    contents = [marked(guest, driver, text) for text in texts]
    mark(guest, "now")
    guest.poweroff()
    driver.must("vm", guest.name)
    for content, text in zip(contents, texts):
        driver.must("restore", content, uuid())
        assert checkpoints(guest) == []
        for disk in guest.disks:
            found = verify_disk(guest.current_disk_path(disk.target), disk.kind, replay=True)
            assert found.files["mark"].decode().strip() == text
            assert found.lines > 0
    guest.start()
    content = driver.snapshot(guest)

    assert copies(driver, content)["vda"] == "full"


def test_a_damage_anywhere_in_the_chain_stops_a_restore(guest, driver):
    contents = [driver.snapshot(guest) for _ in range(2)]
    with open(driver.stored(contents[0], "vda"), "r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"damage")
    guest.poweroff()
    driver.must("vm", guest.name)
    answer = driver("restore", contents[1], uuid())

    assert not answer["ok"] and contents[0] in answer["error"], answer


# All of it


@pytest.fixture(scope="module")
def coordinator(host):
    with host.coordinator("chains") as coordinator:
        yield coordinator


MERGING = [f"coordinator.{step}" for step in ("merge-committed", "merge-moved", "merged")]
STRUCK = [f"{step}=kill" for step in MERGING] + choose([f"{step}=stop" for step in MERGING], "LULL_GUEST_ALL")


@pytest.mark.parametrize("fault", STRUCK)
def test_a_merge_goes_on_after_the_coordinator_was_killed_or_stood_still(guest, coordinator, fault):
    api = Api(coordinator)
    before = api.stored()
    step, action = fault.removeprefix("coordinator.").split("=")
    coordinator.stop()
    coordinator.start(step=fault)
    taken = []
    for text in ("one", "two", "three"):
        mark(guest, text)
        taken.append(api.snap(f"{step}-{text}", guest.name))
        assert condition(taken[-1], "Ready")
    api.rest.delete(f"/apis/snapshot.kubevirt.io/v1beta1/namespaces/default/virtualmachinesnapshots/{step}-two")
    if action == "kill":
        coordinator.wait_end(timeout=30)
        coordinator.start()
    else:
        wait_for(coordinator.is_stopped, 30, "it has stopped itself")
        guest.assert_writes_resume(within=5)
        coordinator.kill(signal.SIGCONT)
    wait_for(lambda: len(api.stored()) == len(before) + 2, 60, "the middle one is gone")

    for snapshot, text in ((taken[0], "one"), (taken[2], "three")):
        found = verify_disk(os.path.join(api.data(snapshot), "vda.qcow2"), "ext4", replay=True)
        assert found.files["mark"].decode().strip() == text
        assert condition(api.snapshot(snapshot["metadata"]["name"]), "Ready")
    rows = {row["name"]: row for row in report(api.content(taken[2]))["volumes"]}
    assert rows["vda"]["copy"] == "incremental" and rows["vdb"]["copy"] == "full"
    assert "raw image" in rows["vdb"]["copyReason"]
    guest.assert_writes_resume(within=5)
    for text in ("one", "three"):
        api.delete(f"{step}-{text}")
    api.assert_nothing_left(guest.name, contents=len(before))
    assert checkpoints(guest) == []


@pytest.mark.parametrize("step, attempt", [("cut", 2), ("thawed", 2), ("copy-noted", 1)])
def test_a_chain_goes_on_after_the_coordinator_was_killed_in_a_snapshot(guest, coordinator, step, attempt):
    """What has changed since the one before is not lost with an attempt that took note of it."""
    api = Api(coordinator)
    before = api.stored()
    texts = ("base", "struck", "top")
    taken = []
    for text in texts:
        name = f"{step}-{text}"
        mark(guest, text)
        if text == "struck":
            coordinator.stop()
            coordinator.start(step=f"coordinator.{step}=kill")
            api.take(name, guest.name)
            coordinator.wait_end(timeout=30)
            coordinator.start()
            taken.append(api.settle(name))
        else:
            taken.append(api.snap(name, guest.name))
        assert condition(taken[-1], "Ready"), taken[-1]

    assert report(taken[1])["attempt"] == attempt
    contents = [api.content(snapshot) for snapshot in taken]
    rows = [{row["name"]: row for row in report(content)["volumes"]}["vda"] for content in contents]
    assert [row["copy"] for row in rows] == ["full", "incremental", "incremental"], rows
    for snapshot, text in zip(taken, texts):
        found = verify_disk(os.path.join(api.data(snapshot), "vda.qcow2"), "ext4", replay=True)
        assert found.files["mark"].decode().strip() == text
        assert found.lines > 0
    assert checkpoints(guest) == [f"lull-{contents[2]['metadata']['uid']}-1"]
    api.assert_nothing_left(guest.name, contents=len(before) + 3, libvirt=True)
    guest.assert_writes_resume(within=5)
    for text in texts:
        api.delete(f"{step}-{text}")
    api.assert_nothing_left(guest.name, contents=len(before), libvirt=True)


def test_verify_names_what_differs(guest, coordinator):
    api = Api(coordinator)
    taken = [api.snap(name, guest.name) for name in ("base", "top")]
    done = coordinator.lull("verify", "base", "top")
    assert done.returncode == 0 and done.stdout.count("whole") == 2, done

    stranger = os.path.join(api.data(taken[1]), "stranger")
    with open(stranger, "w"):
        pass
    done = coordinator.lull("verify", "top")
    assert done.returncode == 1 and stranger in done.stdout, done
    os.unlink(stranger)

    damaged = os.path.join(api.data(taken[0]), "vda.qcow2")
    with open(damaged, "r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"damage")
    done = coordinator.lull("verify", "top")
    assert done.returncode == 1 and f"{damaged}: its data are not what was stored" in done.stdout, done
    assert coordinator.lull("verify").returncode == 1
    assert coordinator.lull("verify", "nobody").returncode == 1
    for name in ("top", "base"):
        api.delete(name)


@contextlib.contextmanager
def foreign_job(host, guest):
    """Somebody else's backup job, which lasts until the end of the block."""
    place = os.path.join(host.dir, "foreign")
    xml = (
        f"<domainbackup mode='pull'><server transport='unix' socket='{place}.sock'/><disks>"
        f"<disk name='vda' backup='yes' type='file'><scratch file='{place}.scratch'/></disk>"
        "<disk name='vdb' backup='no'/></disks></domainbackup>"
    )
    guest.domain.backupBegin(xml, None, 0)
    try:
        yield
    finally:
        guest.domain.abortJob()


def error(document):
    return document.get("status", {}).get("error", {}).get("message", "")


def test_a_foreign_job_is_waited_for(guest, host, coordinator):
    api = Api(coordinator)
    with foreign_job(host, guest):
        api.take("patient", guest.name)
        wait_for(lambda: error(api.snapshot("patient")).startswith("attempt 1 waits: "), 20, "why it waits")
        assert "snapshot patient waits" in coordinator.log()
        assert not condition(api.snapshot("patient"), "Failure")
    snapshot = api.settle("patient")

    assert condition(snapshot, "Ready") and not error(snapshot)
    api.delete("patient")


def test_a_foreign_job_is_waited_for_until_the_deadline_only(guest, host, coordinator):
    api = Api(coordinator)
    with foreign_job(host, guest):
        api.take("late", guest.name, failureDeadline="4s")
        snapshot = api.settle("late")
        assert condition(snapshot, "Failure")
    api.delete("late")


def test_a_plain_undefine_is_refused_only_while_there_is_a_chain(host, driver):
    """Why it is off unless it is asked for."""
    with host.guest("undefined", disks=(EXT4,), writer=False) as guest:
        guest.set_incremental(True)
        content = driver.snapshot(guest)
        guest.destroy()
        with pytest.raises(libvirt.libvirtError, match="checkpoint"):
            guest.domain.undefine()
        driver.must("remove", content, 0)
        guest.domain.undefine()
