# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Who looks after a backup job when the coordinator is dead or stands still: before the guest has no room to write any
more, or after a while, the job is ended, and whoever comes later is told why."""

import contextlib
import glob
import json
import os
import signal

import libvirt
import pytest

import rig
from api import Api, condition
from driver import Driver
from rig import EXT4, Disk, wait_for
from room import little_room

MIB = 1 << 20
NOISE = 96  # MiB on a disk of its own; all of it overwritten does not fit into what is left of the room
PART = 2  # MiB that are overwritten at a time
ROOM = 256  # MiB


@pytest.fixture(scope="module")
def host():
    """A libvirtd that may be killed."""
    with rig.Host() as host:
        yield host


@pytest.fixture(scope="module")
def guest(host):
    disks = (EXT4, Disk("vdb", "ext4", format="raw", size=f"{NOISE}M"))
    with host.guest("guarded", agent="lull", disks=disks) as guest:
        overwrite(guest, 0, NOISE)
        yield guest


def overwrite(guest, first, count):
    """So many MiB of the disk, which fails if one of them cannot be written."""
    guest.sh(f"dd if=/dev/urandom of=/dev/vdb bs=1M seek={first} count={count} conv=fsync")


def has_job(guest):
    return guest.domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE


@contextlib.contextmanager
def copying(guest, host, step="copy-begun"):
    """In little room a driver has stopped itself at that step. Yields the room, the driver, the content, and how much is
    to stay free."""
    with little_room(host, ROOM) as room, Driver(host, room.store, f"coordinator.{step}=stop") as driver:
        content = driver.cut(guest)
        driver.send("poll", content, 1)
        wait_for(driver.is_stopped, 60, "it has stopped itself", interval=0.005)
        with open(f"{room.store}/{content}.attempt-1/attempt.json") as file:
            reserve = json.load(file)["reserve"]
        try:
            assert has_job(guest) and reserve > 8 * PART * MIB
            yield room, driver, content, reserve
        finally:
            driver.kill(signal.SIGCONT)
            with contextlib.suppress(libvirt.libvirtError):
                guest.domain.abortJob()  # a failed test leaves none behind


def overwrite_until_less_is_free(guest, room, limit):
    """Or until nothing is kept any more of what it overwrites. Returns the least that was free before that."""
    least = room.free()
    for first in range(0, NOISE, PART):
        overwrite(guest, first, PART)
        free = room.free()
        if free < limit or not has_job(guest):
            break
        least = min(least, free)
    return least


def assert_ended_in_time(guest, room):
    """The job is over, what it had kept is gone, and every byte can be written again."""
    wait_for(lambda: not has_job(guest), 20, "its job is ended")
    wait_for(lambda: not glob.glob(f"{room.store}/*/*.scratch"), 10, "there is room again")
    overwrite(guest, 0, NOISE)
    guest.assert_writes_resume(within=2)
    assert guest.domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING


def assert_told(driver, content):
    told = driver.copy(content)
    assert told["state"] == "failed" and "needs room" in told["problem"], told
    driver.must("remove", content, 1)
    assert os.listdir(driver.directory) == []


def assert_successor_is_told(guest, host, room, content):
    with Driver(host, room.store) as successor:
        successor.must("vm", guest.name)
        assert_told(successor, content)


def test_a_guest_whose_coordinator_is_dead_has_room_to_write(guest, host):
    with copying(guest, host) as (room, driver, content, reserve):
        driver.kill()
        room.leave(reserve + PART * MIB)
        overwrite_until_less_is_free(guest, room, reserve)
        assert_ended_in_time(guest, room)
        assert_successor_is_told(guest, host, room, content)


def test_a_guest_whose_coordinator_stands_still_has_room_to_write(guest, host):
    """Half of what is to stay free is the coordinator's, which may yet go on."""
    with copying(guest, host) as (room, driver, content, reserve):
        room.leave(reserve + PART * MIB)
        least = overwrite_until_less_is_free(guest, room, reserve / 2)
        assert least < reserve * 3 / 4
        assert_ended_in_time(guest, room)
        driver.kill(signal.SIGCONT)
        driver.answer()
        assert_told(driver, content)


def test_answers_that_nobody_takes_do_not_hold_up_the_end_of_the_job(guest, host):
    """QEMU has them on their way when the room runs out, and waits for them before it ends a job."""
    with copying(guest, host, "copy-reading") as (room, driver, content, reserve):
        room.leave(reserve + PART * MIB)
        overwrite_until_less_is_free(guest, room, reserve / 2)
        assert_ended_in_time(guest, room)
        driver.kill(signal.SIGCONT)
        driver.answer()
        assert_told(driver, content)


def test_a_coordinator_that_stood_still_copies_on_and_the_machine_need_not_wait_for_it(guest, host):
    with copying(guest, host, "copy-reading") as (room, driver, content, reserve):
        guest.domain.suspend()
        guest.domain.resume()
        guest.assert_writes_resume(within=5)
        assert has_job(guest)
        driver.kill(signal.SIGCONT)
        driver.answer()
        assert driver.copy(content)["state"] == "done"
        driver.must("remove", content, 1)


def test_room_that_runs_out_while_libvirtd_is_away_is_seen_when_it_is_back(guest, host):
    with copying(guest, host) as (room, driver, content, reserve):
        driver.kill()
        room.leave(reserve + PART * MIB)
        with host.without_libvirtd():
            overwrite(guest, 0, 2 * PART)
            assert room.free() < reserve
        assert_ended_in_time(guest, room)
        assert_successor_is_told(guest, host, room, content)


def test_a_job_whose_coordinator_is_dead_ends_after_a_while_whatever_libvirtd_does(guest, host):
    coordinator = rig.Coordinator(host, "gone")
    coordinator.arguments = ["--job-lease=2000"]
    api = Api(coordinator)
    try:
        api.take_and_die("struck", guest)
        host.restart_libvirtd()
        wait_for(lambda: not has_job(guest), 30, "its job is ended")
        coordinator.start()
        snapshot = api.settle("struck")

        assert not condition(snapshot, "Ready")
        assert "no coordinator was there" in str(snapshot["status"]), snapshot["status"]
        guest.wait_agent()
        api.delete("struck")
        api.assert_nothing_left(guest.name, libvirt=True)
    finally:
        coordinator.remove()
