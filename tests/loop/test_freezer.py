# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A freeze on real file systems: what is held is held, and what is released is released, whoever is
killed, stopped or in the way. Evidence is a writer's progress and the kernel's word."""

import errno
import os
import signal
import subprocess

import pytest

import loopfs
import scratch
from freezing import (
    EXPEDITED,
    Driver,
    Writer,
    boottime,
    children_of,
    freeze,
    is_expedited,
    is_frozen,
    is_gone,
    state_of,
)
from waiting import wait_for

SLACK = 2.0  # generous: a busy machine, not a figure of merit
GRACE = 0.5  # by which the agent's dead man is second
BEFORE_FREEZE = ["freezer.opened", "freezer.synced"]
ONLY_SYS_ADMIN = 1 << 21
WHILE_FROZEN = [
    "freezer.armed",
    "freezer.first-frozen",
    "freezer.all-frozen",
    "freezer.verified",
    "freezer.first-thawed",
    "freezer.all-thawed",
]


@pytest.fixture
def cast(build, disks):
    """Makes drivers and writers that end with the test, and thaws whatever is left."""
    made = []

    class Cast:
        def driver(self, mounts, **options):
            made.append(Driver(build, mounts, **options))
            return made[-1]

        def prepared(self, mounts, **options):
            driver = self.driver(mounts, **options)
            driver.expect("prepared")
            return driver

        def writer(self, mountpoint):
            made.append(Writer(mountpoint))
            return made[-1]

    yield Cast()
    for mountpoint in disks:
        scratch.thaw(mountpoint)
    for thing in reversed(made):
        thing.close()
    frozen = [m for m in disks if is_frozen(m)]
    for mountpoint in disks:
        loopfs.renew(mountpoint)  # a failure must not become the next test's
    assert frozen == []


def counter_of(mountpoint):
    device = os.stat(mountpoint).st_dev
    return f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat"


def status_of(task):
    with open(f"/proc/{task}/status") as file:
        return {name: value.strip() for name, value in (line.split(":", 1) for line in file)}


def writable_mappings(pid):
    """(name, fields) of each mapping that a process can write to."""
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            words = line.split(maxsplit=5)
            if not words[0].endswith(":"):
                found = (words[5].strip() if len(words) > 5 else words[0], {}, words[1].startswith("rw"))
            else:
                found[1][words[0][:-1]] = line.split(":", 1)[1].strip()
                if words[0] == "VmFlags:" and found[2]:
                    yield found[:2]


def libraries_of(pid):
    """What the dynamic linker has put into a process, and itself: names without versions."""
    with open(f"/proc/{pid}/maps") as file:
        paths = {line.split(maxsplit=5)[-1].strip() for line in file}
    return {os.path.basename(path).split(".so")[0].split("-")[0] for path in paths if ".so" in path}


def assert_writes_by(writer, limit):
    assert writer.wait_for_progress() <= limit


# -- as it should be ------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 1, 2], ids=["ext4", "xfs", "btrfs"])
def test_a_writer_is_blocked_while_frozen_and_goes_on_after(cast, disks, index):
    mountpoint = disks[index]
    driver = cast.prepared([mountpoint])
    writer = cast.writer(mountpoint)
    driver.freeze(20000)
    writer.wait_until_blocked()
    assert is_frozen(mountpoint)
    driver.tell("thaw")
    thawed = driver.expect("thawed")
    assert thawed["broken"] is None
    assert thawed["outcomes"][0]["result"] == "frozen"
    assert thawed["outcomes"][0]["thawed"] is True
    assert thawed["window_usec"] >= thawed["freeze_usec"] > 0
    writer.wait_for_progress()


def test_the_write_counter_stands_still_while_frozen(cast, disks):
    driver = cast.prepared([f"{disks[0]}={counter_of(disks[0])}"])
    writer = cast.writer(disks[0])
    driver.freeze(20000)
    writer.wait_until_blocked()
    driver.tell("thaw")
    outcome = driver.expect("thawed")["outcomes"][0]
    assert outcome["writes_frozen"] > 0
    assert outcome["writes_thaw"] == outcome["writes_frozen"]


def test_the_marker_tells_whether_something_may_be_frozen(cast, disks):
    marker = "/dev/shm/lull-test-marker"
    try:
        driver = cast.prepared(disks, marker=marker)
        locked = ["flock", "-n", marker, "true"]
        assert subprocess.run(locked).returncode != 0
        driver.freeze(20000)
        with open(marker) as file:
            assert file.read()[:3] == "222"
        driver.tell("thaw")
        driver.expect("thawed")
        with open(marker) as file:
            wait_for(lambda: file.seek(0) == 0 and file.read()[:3] == "000", "the marker's zeros")
        driver.tell("free")
        driver.answer()
        wait_for(lambda: subprocess.run(locked).returncode == 0, "the end of the lock")
    finally:
        os.unlink(marker)


def test_a_prepared_freezer_is_locked_up_with_all_its_memory_in_place(cast, disks):
    freezer = cast.prepared(disks).freezer
    threads = os.listdir(f"/proc/{freezer}/task")
    assert len(threads) == 1 + len(disks)
    for thread in threads:
        status = status_of(f"{freezer}/task/{thread}")
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
        assert [int(status[of], 16) for of in ("CapEff", "CapPrm")] == [ONLY_SYS_ADMIN] * 2
    for name, mapping in writable_mappings(freezer):
        assert "lo" in mapping["VmFlags"].split(), name
        assert name == "[stack]" or mapping["Rss"] == mapping["Size"], name


def test_a_freezer_loads_nothing_that_it_can_do_without(cast, disks):
    assert libraries_of(cast.prepared(disks).freezer) <= {"ld", "libc", "libpthread", "libseccomp"}


def test_a_renewed_lease_outlasts_the_first_and_ends_once(cast, disks):
    driver = cast.prepared(disks)
    writer = cast.writer(disks[0])
    driver.freeze(2000)
    driver.tell("renew 4000")
    renewed_at = boottime()
    assert driver.answer() == {"renewed": True}
    driver.tell("remaining")
    assert 2000 < driver.answer()["remaining"] <= 4000
    writer.wait_until_blocked()
    first_write = writer.wait_for_progress()
    assert renewed_at + 3.5 < first_write < renewed_at + 4 + SLACK
    assert driver.expect("thawed")["broken"] == "lease expired"
    driver.tell("renew 4000")
    assert driver.answer() == {"renewed": False}
    driver.tell("remaining")
    assert driver.answer() == {"remaining": 0}


def test_a_lease_can_be_shortened(cast, disks):
    driver = cast.prepared(disks)
    writer = cast.writer(disks[0])
    driver.freeze(30000)
    writer.wait_until_blocked()
    driver.tell("renew 200")
    assert_writes_by(writer, boottime() + 0.2 + SLACK)


def test_another_operation_can_follow_at_once(cast, disks):
    marker = "/dev/shm/lull-test-marker"
    try:
        for _ in range(3):
            driver = cast.prepared(disks, marker=marker)
            driver.freeze(20000)
            driver.tell("thaw")
            assert driver.expect("thawed")["broken"] is None
            driver.kill()
    finally:
        os.unlink(marker)


def test_a_file_system_on_a_file_of_another_is_thawed_after_it(cast, disks, directory):
    with loopfs.mounted(disks[1], "ext4", "upper") as upper:
        writer = cast.writer(upper)
        driver = cast.prepared([upper, "+", disks[1]])
        event, _ = driver.freeze(20000)
        assert [o["result"] for o in event["outcomes"]] == ["frozen", "frozen"]
        writer.wait_until_blocked()
        driver.tell("thaw")
        event = driver.expect("thawed")
        assert event["broken"] is None
        assert [o["thawed"] for o in event["outcomes"]] == [True, True]
        writer.wait_for_progress()
        writer.close()
        driver.close()


def test_forty_mounts_are_frozen_and_thawed_together(cast, directory):
    mountpoints = []
    os.mkdir(os.path.join(directory, "many"))
    try:
        for i in range(40):
            image = os.path.join(directory, "many", f"{i}.img")
            mountpoints.append(os.path.join(directory, "many", str(i)))
            with open(image, "wb") as file:
                file.truncate(2 << 20)
            os.mkdir(mountpoints[-1])
            subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
            subprocess.run(["mount", "-o", "loop", image, mountpoints[-1]], check=True)
        # More descriptors than fit into one message.
        driver = cast.prepared(mountpoints + ["/proc"] * 160)
        event, _ = driver.freeze(20000)
        assert [o["result"] for o in event["outcomes"][:40]] == ["frozen"] * 40
        assert {o["result"] for o in event["outcomes"][40:]} == {"skipped"}
        assert all(is_frozen(m) for m in mountpoints)
        os.kill(driver.freezer, signal.SIGKILL)
        driver.expect("lost")
        assert not any(is_frozen(m) for m in mountpoints)
        driver.close()
    finally:
        for mountpoint in mountpoints:
            scratch.thaw(mountpoint)
            subprocess.run(["umount", mountpoint])


# -- the end of the lease, and of each process -----------------------------------------------------


def test_the_lease_ends_without_anybody(cast, disks):
    driver = cast.prepared(disks)
    writers = [cast.writer(m) for m in disks]
    _, asked = driver.freeze(1500)
    frozen = boottime()
    event = driver.expect("thawed")
    assert event["broken"] == "lease expired" and event["timed_out"]
    for writer in writers:
        assert_writes_by(writer, frozen + 1.5 + SLACK)
    for writer in writers:
        assert not [t for t in writer.done if frozen < t < asked + 1.5]


def test_the_agent_killed_while_frozen_is_followed_by_a_thaw(cast, disks):
    driver = cast.prepared(disks)
    writers = [cast.writer(m) for m in disks]
    freezer = driver.freezer
    driver.freeze(30000)
    for writer in writers:
        writer.wait_until_blocked()
    driver.kill()
    killed = boottime()
    for writer in writers:
        assert_writes_by(writer, killed + SLACK)
    wait_for(lambda: is_gone(freezer), "the freezer's own end")


def test_the_freezer_killed_while_frozen_is_followed_by_a_thaw(cast, disks):
    driver = cast.prepared(disks)
    writers = [cast.writer(m) for m in disks]
    driver.freeze(30000)
    for writer in writers:
        writer.wait_until_blocked()
    os.kill(driver.freezer, signal.SIGKILL)
    killed = boottime()
    for writer in writers:
        assert_writes_by(writer, killed + SLACK)
    event = driver.expect("lost")
    assert event["broken"] == "freezer lost"
    assert all(o["thawed"] for o in event["outcomes"])


def test_a_freezer_that_is_stopped_is_stood_in_for_after_the_grace(cast, disks):
    driver = cast.prepared(disks)
    writers = [cast.writer(m) for m in disks]
    _, asked = driver.freeze(1500)
    frozen = boottime()
    os.kill(driver.freezer, signal.SIGSTOP)
    event = driver.expect("thawed")
    assert event["broken"] == "lease expired"
    for writer in writers:
        assert_writes_by(writer, frozen + 1.5 + GRACE + SLACK)
        assert not [t for t in writer.done if frozen < t < asked + 1.5 + GRACE]


def test_a_thaw_does_not_wait_for_a_freezer_that_is_stopped(cast, disks):
    driver = cast.prepared(disks)
    writer = cast.writer(disks[0])
    driver.freeze(30000)
    writer.wait_until_blocked()
    os.kill(driver.freezer, signal.SIGSTOP)
    driver.tell("thaw")
    event = driver.expect("thawed", timeout=2 + SLACK)
    assert event["broken"] == "the freeze could not be verified"
    writer.wait_for_progress()


def test_a_freeze_does_not_wait_for_a_freezer_that_is_stopped(cast, disks):
    driver = cast.prepared(disks)
    os.kill(driver.freezer, signal.SIGSTOP)
    driver.tell("freeze 1000")
    event = driver.expect("freeze-failed", timeout=1 + SLACK)
    assert event["timed_out"] and event["broken"] == "freezer lost"
    assert not any(is_frozen(m) for m in disks)


def test_an_agent_stopped_beyond_the_lease_finds_it_broken_and_thaws_nothing_of_others(cast, disks):
    driver = cast.prepared(disks)
    writers = [cast.writer(m) for m in disks]
    driver.freeze(1500)
    frozen = boottime()
    os.kill(driver.pid, signal.SIGSTOP)
    for writer in writers:
        assert_writes_by(writer, frozen + 1.5 + SLACK)
    assert freeze(disks[0])
    # Past the agent's own dead man, which must see that nothing is its any more.
    wait_for(lambda: boottime() > frozen + 1.5 + GRACE + 0.1, "the time of the agent's dead man")
    os.kill(driver.pid, signal.SIGCONT)
    assert driver.expect("thawed")["broken"] == "lease expired"
    assert is_frozen(disks[0])


def test_both_killed_at_once_leave_a_marker_that_says_so(cast, disks):
    marker = "/dev/shm/lull-test-marker"
    try:
        driver = cast.prepared(disks[:1], marker=marker)
        driver.freeze(30000)
        os.kill(driver.freezer, signal.SIGSTOP)
        os.kill(driver.pid, signal.SIGKILL)
        os.kill(driver.freezer, signal.SIGKILL)
        wait_for(lambda: is_gone(driver.freezer), "the freezer's end")
        with open(marker) as file:
            assert file.read()[:1] == "2"
        assert subprocess.run(["flock", "-n", marker, "true"]).returncode == 0
        assert is_frozen(disks[0])
    finally:
        os.unlink(marker)


@pytest.mark.parametrize("step", BEFORE_FREEZE + WHILE_FROZEN)
def test_a_freezer_killed_at_any_step_leaves_nothing_frozen(cast, disks, step):
    driver = cast.driver(disks, at_step=f"{step}=kill")
    if step in WHILE_FROZEN:
        driver.expect("prepared")
        driver.tell("freeze 30000")
    if step in WHILE_FROZEN[3:]:
        driver.expect("frozen")
        driver.tell("thaw")
    driver.expect("lost")
    assert not is_expedited()
    for mountpoint in disks:
        assert not is_frozen(mountpoint)
        cast.writer(mountpoint)


def test_grace_periods_are_expedited_while_file_systems_freeze_and_only_then(cast, disks):
    can_be = is_expedited() is not None
    driver = cast.prepared(disks, at_step="freezer.first-frozen=stop")
    assert not is_expedited()
    driver.tell("freeze 30000")
    wait_for(lambda: state_of(driver.freezer) == "T", "the freezer, stopped")
    assert bool(is_expedited()) == can_be
    os.kill(driver.freezer, signal.SIGCONT)
    driver.expect("frozen")
    assert not is_expedited()


@pytest.mark.parametrize("step", WHILE_FROZEN)
def test_a_freezer_stopped_at_any_step_leaves_nothing_frozen_beyond_lease_and_grace(cast, disks, step):
    driver = cast.prepared(disks, at_step=f"{step}=stop")
    driver.tell("freeze 1500")
    end = boottime() + 1.5 + GRACE + SLACK
    if step in WHILE_FROZEN[3:]:
        driver.expect("frozen")
        driver.tell("thaw")
        driver.expect("thawed")
    else:
        driver.expect("freeze-failed")
    for mountpoint in disks:
        assert cast.writer(mountpoint).done[0] < end
        # Stopped in the middle of a FIFREEZE, the freezer is a moment later than its end is told.
        wait_for(lambda: not is_frozen(mountpoint), "the last thaw")


def test_letting_go_thaws(cast, disks):
    driver = cast.prepared(disks)
    writer = cast.writer(disks[0])
    freezer = driver.freezer
    driver.freeze(30000)
    writer.wait_until_blocked()
    driver.tell("free")
    assert driver.answer() == {"freed": True}
    writer.wait_for_progress()
    wait_for(lambda: not children_of(driver.pid), "the freezer, ended and reaped")
    assert state_of(freezer) == ""
    assert driver.is_silent()


# -- others who freeze and thaw --------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 1, 2], ids=["ext4", "xfs", "btrfs"])
def test_a_thaw_behind_our_back_is_found_out_and_undone_everywhere(cast, disks, index):
    driver = cast.prepared(disks)
    driver.freeze(20000)
    assert scratch.thaw(disks[index])
    driver.tell("thaw")
    event = driver.expect("thawed")
    assert event["broken"] == "foreign thaw"
    assert not any(is_frozen(m) for m in disks)


def test_what_somebody_else_froze_stays_frozen(cast, disks):
    driver = cast.prepared(disks)
    assert freeze(disks[1])
    event, _ = driver.freeze(20000, strict=True)
    assert [o["result"] for o in event["outcomes"]] == ["frozen", "failed", "frozen"]
    assert event["outcomes"][1]["foreign"] and event["outcomes"][1]["error"] == errno.EBUSY
    driver.tell("thaw")
    event = driver.expect("thawed")
    assert event["broken"] is None
    assert [is_frozen(m) for m in disks] == [False, True, False]


@pytest.mark.parametrize("victim", ["agent", "freezer"])
def test_what_somebody_else_froze_stays_frozen_even_when_a_dead_man_thaws(cast, disks, victim):
    driver = cast.prepared(disks)
    writer = cast.writer(disks[0])
    freezer = driver.freezer
    assert freeze(disks[1])
    driver.freeze(20000)
    writer.wait_until_blocked()
    os.kill(driver.pid if victim == "agent" else freezer, signal.SIGKILL)
    writer.wait_for_progress()
    wait_for(lambda: is_gone(freezer), "the freezer's end")
    wait_for(lambda: not is_frozen(disks[2]), "the thaw of the last")
    assert [is_frozen(m) for m in disks] == [False, True, False]


def test_the_caller_can_have_a_hold_count_as_broken(cast, disks):
    driver = cast.prepared(disks)
    driver.freeze(20000)
    driver.tell("thaw because I say so")
    assert driver.expect("thawed")["broken"] == "because I say so"


# -- what cannot be frozen -------------------------------------------------------------------------


def test_what_cannot_be_frozen_is_skipped(cast, disks, directory):
    driver = cast.prepared(["/proc", disks[0]])
    event, _ = driver.freeze(20000, strict=True)
    assert [o["result"] for o in event["outcomes"]] == ["skipped", "frozen"]
    driver.tell("thaw")
    assert driver.expect("thawed")["broken"] is None


def test_another_device_than_planned_is_not_frozen(cast, disks):
    driver = cast.driver([disks[0], f"{disks[1]}=wrong"])
    assert driver.expect("prepared")["outcomes"][1]["error"] == errno.ESTALE
    event, _ = driver.freeze(20000)
    assert [o["result"] for o in event["outcomes"]] == ["frozen", "failed"]
    assert not is_frozen(disks[1])
    driver.tell("thaw")
    assert driver.expect("thawed")["broken"] is None


def test_one_that_fails_undoes_a_strict_freeze(cast, disks):
    driver = cast.prepared([disks[0], f"{disks[1]}=wrong"])
    driver.tell("freeze 20000 strict")
    event = driver.expect("freeze-failed")
    assert event["broken"] == "a file system could not be frozen" and not event["timed_out"]
    assert not any(is_frozen(m) for m in disks)


def test_a_mount_point_that_is_a_file_is_frozen(cast, disks, directory):
    target = os.path.join(directory, "bound")
    for path in (target, os.path.join(disks[0], "file")):
        with open(path, "w") as file:
            file.write("")
    subprocess.run(["mount", "--bind", os.path.join(disks[0], "file"), target], check=True)
    try:
        driver = cast.prepared([target])
        driver.freeze(20000)
        assert is_frozen(disks[0])
        driver.tell("thaw")
        assert driver.expect("thawed")["broken"] is None
        driver.close()
    finally:
        scratch.thaw(disks[0])
        subprocess.run(["umount", target], check=True)


def test_a_missing_mount_point_is_one_failure_and_no_more(cast, disks, directory):
    driver = cast.driver([os.path.join(directory, "nowhere"), disks[0]])
    assert driver.expect("prepared")["outcomes"][0]["error"] == errno.ENOENT
    event, _ = driver.freeze(20000)
    assert [o["result"] for o in event["outcomes"]] == ["failed", "frozen"]


def test_thaw_is_answered_before_anything_is_prepared_and_once(cast, disks):
    driver = cast.driver(disks)
    driver.tell("thaw")
    while (event := driver.answer())["event"] != "thawed":
        assert event["event"] == "prepared"
    assert event["broken"] is None
    driver.tell("thaw")
    driver.tell("remaining")
    assert driver.answer() == {"remaining": 0}
    assert not any(is_frozen(m) for m in disks)


def test_thaw_is_answered_when_nothing_was_frozen(cast, disks):
    driver = cast.prepared(disks)
    driver.tell("thaw")
    event = driver.expect("thawed")
    assert event["window_usec"] == 0
    assert {o["result"] for o in event["outcomes"]} == {"none"}


def test_no_program_is_an_error_and_nothing_more(cast, disks):
    driver = cast.driver(disks, program="/nonexistent/lull-freezer")
    assert "No such file" in driver.answer()["error"]


# -- a freeze that hangs ---------------------------------------------------------------------------


@pytest.mark.parametrize("agent", ["lives", "is-killed"])
@pytest.mark.parametrize("planned", ["first", "last"])
def test_a_freeze_that_hangs_is_undone_within_half_the_lease_and_for_the_rest_later(cast, disks, agent, planned):
    first, lower = disks[0], disks[1]
    with loopfs.mounted(lower, "ext4", "upper") as upper:
        # Of one level: the one that hangs keeps nobody else from being frozen, wherever it stands.
        driver = cast.prepared([upper, first] if planned == "first" else [first, upper])
        freezer = driver.freezer
        writer = cast.writer(first)
        # Dirty above a frozen file: FIFREEZE waits for it to be written back.
        assert freeze(lower)
        with open(os.path.join(upper, "dirty"), "wb") as file:
            file.write(b"x" * (1 << 20))
        asked = boottime()
        driver.tell("freeze 2000")
        writer.wait_until_blocked()
        if agent == "is-killed":
            driver.kill()
        assert_writes_by(writer, asked + 1 + SLACK)
        if agent == "lives":
            event = driver.expect("freeze-failed")
            assert event["timed_out"]
            assert [o["thawed"] for o in event["outcomes"]] == [planned == "last", planned == "first"]

        assert scratch.thaw(lower)
        late = cast.writer(upper)
        late.wait_for_progress()
        if agent == "is-killed":
            wait_for(lambda: is_gone(freezer), "the freezer's end")
        wait_for(lambda: not is_frozen(upper), "the late mount's thaw")
        writer.close()
        late.close()
        driver.close()


def test_a_freezer_that_is_stopped_again_and_again_is_woken_each_time(cast, disks):
    lower = disks[1]
    with loopfs.mounted(lower, "ext4", "upper") as upper:
        driver = cast.prepared([upper])
        freezer = driver.freezer

        def is_stopped():
            os.kill(freezer, signal.SIGSTOP)
            return state_of(freezer) == "T"

        assert freeze(lower)
        try:
            with open(os.path.join(upper, "dirty"), "wb") as file:
                file.write(b"x" * (1 << 20))
            driver.tell("freeze 1000")
            driver.expect("freeze-failed")  # it is in FIFREEZE still, and nobody else can undo that
            for _ in range(3):
                wait_for(is_stopped, "its stop")
                wait_for(lambda: state_of(freezer) != "T", "its waking")
            wait_for(is_stopped, "its stop")
            assert scratch.thaw(lower)
            wait_for(lambda: not is_frozen(upper), "the thaw")
        finally:
            scratch.thaw(lower)
            driver.close()


# -- the freezer's cage ----------------------------------------------------------------------------


def test_the_freezer_has_locked_its_memory_and_itself_up(cast, disks):
    driver = cast.prepared(disks)
    freezer = driver.freezer
    for task in os.listdir(f"/proc/{freezer}/task"):
        with open(f"/proc/{freezer}/task/{task}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        assert status["Seccomp"] == "2"
        assert int(status["CapEff"], 16) == 1 << 21  # CAP_SYS_ADMIN
        assert int(status["VmLck"].split()[0]) > 0
        assert status["NoNewPrivs"] == "1"
    # The watcher, and a thread for each of three mounts.
    assert len(os.listdir(f"/proc/{freezer}/task")) == 4


def test_many_mounts_share_four_freezing_threads(cast, disks):
    driver = cast.prepared(disks * 5)
    assert len(os.listdir(f"/proc/{driver.freezer}/task")) == 5


def test_nothing_but_what_it_needs_is_open_in_the_freezer(cast, disks):
    driver = cast.prepared(disks)
    folder = f"/proc/{driver.freezer}/fd"
    targets = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]
    expected = {"/dev/null", "socket", "/memfd", "anon_inode"} | set(disks)
    if is_expedited() is not None:
        expected.add(EXPEDITED)
    assert {t if t in expected else t.split(":")[0] for t in targets} == expected


def test_started_by_hand_it_says_who_starts_it(build):
    result = subprocess.run(
        [os.path.join(build, "agent/freezer/lull-freezer")],
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )
    assert result.returncode == 2
    assert "started by lull-agent" in result.stderr
