# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The agent and its freezer on real file systems: what is frozen in which order, and that everything is
let go whoever dies. Evidence is a writer's progress and the kernel's word."""

import contextlib
import os
import shutil
import signal

import pytest

import scratch
from agents import PREFIX, Agent, Refused, make_island
from freezing import Writer, boottime, children_of, freeze, is_expedited, is_frozen, state_of
from waiting import wait_for

SLACK = 2.0  # generous: a busy machine, not a figure of merit
ALL = ["/mnt/b", "/mnt/c", "/mnt/a"]

AGENT_STEPS = [
    "agent.prepare-accepted",
    "agent.prepared",
    "agent.state-written",
    "agent.freeze-sent",
    "agent.frozen",
    "agent.thaw-sent",
    "agent.thawed",
]


@pytest.fixture(scope="module")
def island(build):
    """An ext4 at /mnt/a, an xfs at /mnt/c, a btrfs at /mnt/b."""
    path = scratch.make("agent")
    island = make_island(path, build)
    try:
        for kind, target in (("ext4", "/mnt/a"), ("xfs", "/mnt/c"), ("btrfs", "/mnt/b")):
            island.mount_image(kind, target)
        yield island
    finally:
        island.close()
        scratch.remove(path)


@pytest.fixture
def start(island):
    """Starts agents that end with the test; whatever is frozen then is thawed."""
    agents = []

    def start(*options, **keywords):
        agents.append(Agent(island, "lull-agent", *options, **keywords))
        return agents[-1]

    yield start
    for agent in agents:
        agent.close()
    island.thaw()


@pytest.fixture
def writer(island):
    writer = Writer(island.path("/mnt/a"))
    yield writer
    scratch.thaw(island.path("/mnt/a"))
    writer.close()


@pytest.fixture
def frozen(island):
    return lambda: [name for name in ALL if is_frozen(island.path(name))]


def results(answer, result):
    return [entry["mountpoint"] for entry in answer["filesystems"] if entry["result"] == result]


def reason(answer, mountpoint):
    return next(entry["reason"] for entry in answer["filesystems"] if entry["mountpoint"] == mountpoint)


def verdict(client, op="o1", epoch=""):
    answer = client.quiesce("thaw", op=op, epoch=epoch)
    return answer["proof"], answer["reason"]


def test_a_writer_is_held_from_freeze_to_thaw(start, writer, frozen):
    client = start().client()
    answer = client.freeze("o1")
    assert results(answer, "frozen") == ALL
    assert frozen() == ALL
    writer.wait_until_blocked()
    before = len(writer.done)
    thawed = client.quiesce("thaw", op="o1", epoch=answer["epoch"])
    assert (thawed["proof"], thawed["reason"]) == ("held", "")
    assert thawed["counters"] == answer["counters"]
    writer.wait_for_progress()
    assert len(writer.done) > before
    assert frozen() == []


def test_a_lease_that_nobody_renews_ends(start, writer, frozen):
    client = start().client()
    asked = boottime()
    epoch = client.freeze("o1", lease_ms=2000)["epoch"]
    writer.wait_until_blocked()
    assert writer.wait_for_progress() - asked < 2.0 + SLACK
    wait_for(lambda: client.quiesce("status")["phase"] == "idle", "idle")
    assert verdict(client, epoch=epoch) == ("broken", "lease expired")
    assert frozen() == []


def test_a_renewed_lease_goes_on(start, frozen):
    client = start().client()
    epoch = client.freeze("o1", lease_ms=2000)["epoch"]
    until = boottime() + 4
    while boottime() < until:
        assert client.quiesce("renew", op="o1", epoch=epoch, lease_ms=2000)["remaining-ms"] > 0
    assert frozen() == ALL
    assert verdict(client, epoch=epoch) == ("held", "")


def test_the_standard_lease_ends_too(start, writer):
    client = start("--standard-lease", "2").client()
    assert client.call("guest-fsfreeze-freeze") == 3
    writer.wait_until_blocked()
    writer.wait_for_progress()
    wait_for(lambda: client.call("guest-fsfreeze-status") == "thawed", "thawed")
    assert client.call("guest-fsfreeze-thaw") == 0


def test_the_agents_death_thaws_and_its_successor_tells(start, writer, frozen):
    agent = start()
    epoch = agent.client().freeze("o1", lease_ms=30000)["epoch"]
    writer.wait_until_blocked()
    agent.kill()
    writer.wait_for_progress()
    agent.start()
    client = agent.client()
    assert frozen() == []
    assert client.quiesce("status")["last"]["reason"] == "agent lost"
    assert verdict(client, epoch=epoch) == ("broken", "agent lost")
    assert verdict(client, op="o1", epoch=client.freeze("o1")["epoch"]) == ("held", "")


def test_the_freezers_death_thaws_and_the_agent_tells(start, writer, frozen):
    agent = start()
    client = agent.client()
    epoch = client.freeze("o1", lease_ms=30000)["epoch"]
    writer.wait_until_blocked()
    os.kill(children_of(agent.process.pid)[0], signal.SIGKILL)
    writer.wait_for_progress()
    wait_for(lambda: client.quiesce("status")["phase"] == "idle", "idle")
    assert verdict(client, epoch=epoch) == ("broken", "freezer lost")
    assert frozen() == []


def kill_both(agent):
    """Neither gets to see the other's death: both are stopped first."""
    pids = [agent.process.pid, *children_of(agent.process.pid)]
    assert len(pids) == 2
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: all(state_of(pid) == "T" for pid in pids), "both stopped")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    agent.process.wait()
    wait_for(lambda: state_of(pids[1]) in ("", "Z"), "the freezer's end")


def test_when_both_die_the_next_start_thaws_first(start, writer, frozen):
    agent = start()
    agent.client().freeze("o1", lease_ms=30000)
    writer.wait_until_blocked()
    kill_both(agent)
    assert frozen() == ALL
    agent.start()
    assert frozen() == []  # it listens only after that
    writer.wait_for_progress()
    assert verdict(agent.client()) == ("broken", "agent lost")


def test_when_both_die_while_freezing_the_next_start_puts_grace_periods_back(start, frozen):
    can_be = is_expedited() is not None
    agent = start(at_step="freezer.first-frozen=stop")
    client = agent.client()
    client.prepare("o1")
    client.request("__dev.lull_quiesce-freeze", op="o1", lease_ms=30000)
    freezer = children_of(agent.process.pid)[0]
    wait_for(lambda: state_of(freezer) == "T", "the freezer, stopped")
    assert bool(is_expedited()) == can_be
    kill_both(agent)
    agent.start()
    assert frozen() == []
    assert not is_expedited()


def test_a_stopped_freezer_without_an_agent_is_ended_by_the_next_one(start, frozen):
    agent = start(at_step="freezer.first-frozen=stop")
    client = agent.client()
    client.prepare("o1")
    freezer = [pid for pid in children_of(agent.process.pid) if state_of(pid) != "Z"][0]
    client.request(PREFIX + "freeze", op="o1", lease_ms=30000)
    wait_for(lambda: state_of(freezer) in "Tt", "the freezer is stopped")
    assert frozen() != []
    agent.kill()
    agent.start()
    wait_for(lambda: frozen() == [], "thawed", SLACK)
    client = agent.client()
    wait_for(lambda: not os.path.exists(agent.state_file("operation.json")), "the end of the record")
    assert verdict(client) == ("broken", "agent lost")
    assert verdict(client, epoch=client.freeze("o2")["epoch"], op="o2") == ("held", "")


@pytest.mark.parametrize("options", [("-c", "/no/such.conf"), ("--no-such-option",)])
def test_when_both_die_one_that_cannot_start_thaws_first(start, frozen, options):
    agent = start()
    agent.client().freeze("o1", lease_ms=30000)
    kill_both(agent)
    assert agent.fail(*options) == 1
    assert frozen() == []


def test_when_both_die_a_file_system_that_was_covered_meanwhile_is_found(start, island, frozen):
    island.bind("/mnt/a", "/mnt/also-a")
    agent = start()
    client = agent.client()
    assert results(client.freeze("o1", lease_ms=30000, mountpoints=["/mnt/a"]), "frozen") == ["/mnt/a"]
    kill_both(agent)
    island.mount("cover", "/mnt/a", "tmpfs")
    try:
        agent.start()
        assert not is_frozen(island.path("/mnt/also-a"))
    finally:
        island.umount("/mnt/a")
        island.umount("/mnt/also-a")


@pytest.fixture
def behind(island, build):
    """An ext4 that can only be reached through a file system whose process may be stopped: where, and which."""
    shutil.copy(os.path.join(build, "tests/loop/hangfs"), island.path("/bin/hangfs"))
    os.makedirs(island.path("/mnt/hang"))
    server = island.spawn(["hangfs", "/mnt/hang"])
    try:
        wait_for(lambda: os.path.isdir(island.path("/mnt/hang/sub")), "its answer")
        island.mount_image("ext4", "/mnt/hang/sub")
        yield "/mnt/hang/sub", server.pid
        os.kill(server.pid, signal.SIGCONT)
        island.thaw()
        island.umount("/mnt/hang/sub")
        island.umount("/mnt/hang")
    finally:
        server.kill()
        server.wait()


def test_when_both_die_one_process_waits_for_a_way_that_does_not_answer(start, island, behind):
    place, server = behind
    agent = start()
    assert results(agent.client().freeze("o1", lease_ms=30000, mountpoints=[place]), "frozen") == [place]
    kill_both(agent)
    os.kill(server, signal.SIGSTOP)
    agent.start()
    client = agent.client()
    waiting = set()
    until = boottime() + 2
    while boottime() < until:
        waiting.update(children_of(agent.process.pid))
        client.call("guest-ping")
    assert len(waiting) == 1
    os.kill(server, signal.SIGCONT)
    wait_for(lambda: not is_frozen(island.path(place)), "thawed")
    wait_for(lambda: children_of(agent.process.pid) == [], "its end")
    wait_for(lambda: not os.path.exists(agent.state_file("operation.json")), "the end of the record")
    assert verdict(client) == ("broken", "agent lost")
    agent.close()


def test_when_both_die_what_a_stranger_froze_stays_his(start, island, frozen):
    agent = start()
    client = agent.client()
    assert freeze(island.path("/mnt/c"))
    assert results(client.freeze("o1", lease_ms=30000), "frozen") == ["/mnt/b", "/mnt/a"]
    kill_both(agent)
    agent.start()
    agent.client().call("guest-ping")
    assert frozen() == ["/mnt/c"]


def test_when_both_die_a_log_on_a_frozen_file_system_is_opened_after_the_thaw(start, island, frozen):
    log = island.path("/mnt/a/rotated.log")
    agent = start("-l", "/mnt/a/rotated.log")
    agent.client().freeze("o1", lease_ms=30000)
    kill_both(agent)
    agent.start()
    assert frozen() == []
    wait_for(lambda: "operation o1 was interrupted; 3 file systems" in open(log).read(), "the log")
    os.unlink(log)


def test_when_both_die_a_log_that_was_moved_away_is_made_after_the_thaw(start, island, frozen):
    log = island.path("/mnt/a/new.log")
    agent = start()
    agent.client().freeze("o1", lease_ms=30000)
    kill_both(agent)
    agent.set_options("-l", "/mnt/a/new.log")
    agent.start()
    assert frozen() == []
    wait_for(lambda: "operation o1 was interrupted; 3 file systems" in open(log).read(), "the log")
    os.unlink(log)


def test_a_second_agent_leaves_the_first_ones_freeze_alone(start, frozen):
    agent = start()
    client = agent.client()
    epoch = client.freeze("o1", lease_ms=30000)["epoch"]
    second = agent.spawn_another()
    assert second.wait(20) == 1
    assert b"another lull-agent uses it" in second.stderr.read()
    second.stderr.close()
    assert frozen() == ALL
    assert verdict(client, epoch=epoch) == ("held", "")


def test_a_freezer_killed_inside_a_freeze_is_followed_up(start, island):
    island.mount_image("ext4", "/mnt/inner", image="/mnt/a/inner.img")
    inner, outer = island.path("/mnt/inner"), island.path("/mnt/a")
    try:
        os.sync()
        agent = start()
        client = agent.client()
        client.prepare("o1", mountpoints=["/mnt/inner"])
        assert freeze(outer)  # what is written to the inner one hangs from here on
        with open(os.path.join(inner, "dirty"), "wb") as file:
            file.write(b"z" * 3000000)
        with pytest.raises(Refused):
            client.quiesce("freeze", op="o1", lease_ms=2000)
        client.quiesce("prepare", op="o2", mountpoints=["/mnt/b"])
        wait_for(lambda: client.quiesce("status")["phase"] == "idle", "the refusal")
        assert "not thawed yet" in client.quiesce("status")["last"]["reason"]
        freezer = [pid for pid in children_of(agent.process.pid) if state_of(pid) != "Z"][0]
        agent.kill()
        os.kill(freezer, signal.SIGKILL)
        assert os.path.exists(agent.state_file("operation.json"))
        agent.start()
        client = agent.client()
        assert client.quiesce("status")["phase"] == "idle"
        assert os.path.exists(agent.state_file("operation.json"))
        scratch.thaw(outer)
        wait_for(lambda: not os.path.exists(agent.state_file("operation.json")), "the end of the record")
        assert not is_frozen(inner)
        epoch = client.freeze("o3", mountpoints=["/mnt/b"])["epoch"]
        assert verdict(client, epoch=epoch, op="o3") == ("held", "")
    finally:
        scratch.thaw(outer)
        island.thaw()
        agent.close()
        island.umount("/mnt/inner")
        os.unlink(island.path("/mnt/a/inner.img"))


@contextlib.contextmanager
def inner_on_outer(island):
    """An ext4 on a file of /mnt/a. What is written to it hangs while /mnt/a is frozen."""
    island.mount_image("ext4", "/mnt/inner", image="/mnt/a/inner.img")
    os.sync()
    try:
        yield island.path("/mnt/inner"), island.path("/mnt/a")
    finally:
        island.thaw()
        island.umount("/mnt/inner")
        os.unlink(island.path("/mnt/a/inner.img"))


def dirty(mountpoint):
    with open(os.path.join(mountpoint, "dirty"), "wb") as file:
        file.write(b"z" * 3000000)


def test_a_standard_freeze_is_refused_when_its_prepare_takes_longer_than_5_s(start, island):
    with inner_on_outer(island) as (inner, outer):
        agent = start()
        client = agent.client()
        assert freeze(outer)
        dirty(inner)
        asked = boottime()
        with pytest.raises(Refused, match="timed out"):
            client.call("guest-fsfreeze-freeze-list", mountpoints=["/mnt/inner"])
        assert boottime() - asked < 5 + SLACK
        assert client.call("guest-fsfreeze-status") == "thawed"
        scratch.thaw(outer)
        assert not is_frozen(inner)
        wait_for(lambda: len(children_of(agent.process.pid)) == 0, "the freezer's end")
        assert client.call("guest-fsfreeze-freeze-list", mountpoints=["/mnt/inner"]) == 1
        assert client.call("guest-fsfreeze-thaw") == 1
        agent.close()


@pytest.fixture
def stuck(island, build, start):
    """Starts an agent whose thaws, and whose freezer's, fail while a file begins with an x; writes that byte."""
    for name in ("stuck.so", "lull-freezer-stuck"):
        if not os.path.exists(island.path(f"/tmp/{name}")):  # where it is, it may be running still
            shutil.copy(os.path.join(build, "tests/loop", name), island.path(f"/tmp/{name}"))
    path = island.path("/tmp/stuck")
    with open(path, "w") as file:
        file.write("-")

    def stick(byte):
        with open(path, "r+") as file:
            file.write(byte)

    environment = {"LD_PRELOAD": "/tmp/stuck.so", "LULL_TEST_STUCK": "/tmp/stuck"}
    yield lambda: start("--freezer", "/tmp/lull-freezer-stuck", environment=environment), stick
    stick("-")


def test_what_does_not_thaw_breaks_the_proof_and_is_thawed_when_it_gives_way(frozen, stuck):
    start, stick = stuck
    agent = start()
    client = agent.client()
    epoch = client.freeze("o1", lease_ms=30000, mountpoints=["/mnt/a", "/mnt/c"])["epoch"]
    stick("x")
    thawed = client.quiesce("thaw", op="o1", epoch=epoch)
    assert (thawed["proof"], thawed["reason"]) == ("broken", "a file system could not be thawed yet")
    assert frozen() == ["/mnt/c", "/mnt/a"]
    assert {row["mountpoint"]: row["thawed"] for row in thawed["filesystems"]} == {"/mnt/a": False, "/mnt/c": False}
    for row in thawed["filesystems"]:
        assert row["reason"].startswith("not thawed yet: ") and "tried again" in row["reason"], row
    client.quiesce("prepare", op="o2", mountpoints=["/mnt/b"])
    wait_for(lambda: client.quiesce("status")["phase"] == "idle", "the refusal")
    reason = client.quiesce("status")["last"]["reason"]
    assert "not thawed yet" in reason and ("/mnt/a" in reason or "/mnt/c" in reason)
    stick("-")
    wait_for(lambda: frozen() == [], "the thaw")
    wait_for(lambda: not os.path.exists(agent.state_file("operation.json")), "the end of the record")
    epoch = client.freeze("o3")["epoch"]
    assert verdict(client, epoch=epoch, op="o3") == ("held", "")


@pytest.mark.parametrize("victim", ["agent", "freezer"])
def test_what_does_not_thaw_is_thawed_by_who_is_left(frozen, stuck, victim):
    start, stick = stuck
    agent = start()
    client = agent.client()
    epoch = client.freeze("o1", lease_ms=30000, mountpoints=["/mnt/a"])["epoch"]
    freezer = children_of(agent.process.pid)[0]
    stick("x")
    assert client.quiesce("thaw", op="o1", epoch=epoch)["proof"] == "broken"
    os.kill(agent.process.pid if victim == "agent" else freezer, signal.SIGKILL)
    assert frozen() == ["/mnt/a"]
    stick("-")
    wait_for(lambda: frozen() == [], "the thaw")


@pytest.mark.parametrize("step", AGENT_STEPS)
def test_a_death_at_any_step_leaves_nothing_frozen(start, frozen, step):
    agent = start(at_step=f"{step}=kill")
    client = agent.client()
    with pytest.raises((EOFError, ConnectionError)):
        client.prepare("o1")
        epoch = client.quiesce("freeze", op="o1", lease_ms=30000)["epoch"]
        client.quiesce("thaw", op="o1", epoch=epoch)
        client.call("guest-ping")
    assert agent.process.wait(20) == -signal.SIGKILL
    wait_for(lambda: frozen() == [], "thawed")
    agent.start()
    client = agent.client()
    assert client.quiesce("status")["phase"] == "idle"
    proof = verdict(client)[0]
    assert proof == ("none" if step in AGENT_STEPS[:2] else "broken")
    assert verdict(client, epoch=client.freeze("o2")["epoch"], op="o2") == ("held", "")


def test_a_stopped_agent_does_not_keep_the_guest_frozen(start, writer):
    agent = start()
    client = agent.client()
    asked = boottime()
    epoch = client.freeze("o1", lease_ms=2000)["epoch"]
    writer.wait_until_blocked()
    agent.process.send_signal(signal.SIGSTOP)
    try:
        assert writer.wait_for_progress() - asked < 2.0 + SLACK
    finally:
        agent.process.send_signal(signal.SIGCONT)
    assert verdict(client, epoch=epoch) == ("broken", "lease expired")


def test_sigterm_thaws_first_and_ends_with_0(start, writer, frozen):
    agent = start()
    agent.client().freeze("o1", lease_ms=30000)
    writer.wait_until_blocked()
    assert agent.stop() == 0
    assert frozen() == []
    writer.wait_for_progress()


# what is frozen, in which order


def test_a_file_system_on_a_frozen_one_goes_first(start, island):
    island.mount_image("ext4", "/mnt/inner", image="/mnt/a/inner.img")
    # mounted again, the lower one looks younger than the upper one
    island.bind("/mnt/a", "/mnt/young")
    try:
        writer = Writer(island.path("/mnt/inner"))
        client = start().client()
        answer = client.freeze("o1")
        order = results(answer, "frozen")
        assert order.index("/mnt/inner") < order.index("/mnt/a")
        assert verdict(client, epoch=answer["epoch"]) == ("held", "")
        writer.wait_for_progress()
        assert client.call("guest-fsfreeze-freeze") == 4
        assert client.call("guest-fsfreeze-thaw") == 4
        writer.close()
    finally:
        island.thaw()
        island.umount("/mnt/young")
        island.umount("/mnt/inner")
        os.unlink(island.path("/mnt/a/inner.img"))


def test_a_bind_mount_is_the_same_file_system(start, island, frozen):
    os.makedirs(island.path("/mnt/a/sub"), exist_ok=True)
    island.bind("/mnt/a/sub", "/mnt/bound")
    try:
        client = start().client()
        assert client.call("guest-fsfreeze-freeze-list", mountpoints=["/mnt/bound/"]) == 1
        assert frozen() == ["/mnt/a"]
        assert client.call("guest-fsfreeze-thaw") == 1
        answer = client.freeze("o1")
        assert results(answer, "frozen") == ALL
        assert results(answer, "skipped") == ["/mnt/bound"]
        assert reason(answer, "/mnt/bound") == "same file system as /mnt/a"
        assert verdict(client, epoch=answer["epoch"]) == ("held", "")
    finally:
        island.thaw()
        island.umount("/mnt/bound")


def test_what_is_covered_is_told_and_not_passed_over(start, island, frozen):
    island.mount("cover", "/mnt/a", "tmpfs")
    try:
        client = start().client()
        with pytest.raises(Refused, match="failed to freeze /mnt/a: covered by another mount"):
            client.call("guest-fsfreeze-freeze")
        assert client.call("guest-fsfreeze-status") == "thawed"
        answer = client.freeze("o1")
        assert results(answer, "frozen") == ["/mnt/b", "/mnt/c"]
        assert results(answer, "failed") == ["/mnt/a"]
        assert verdict(client, epoch=answer["epoch"]) == ("held", "")
    finally:
        island.umount("/mnt/a")


def test_what_is_covered_after_the_freeze_is_thawed_all_the_same(start, island, frozen):
    client = start().client()
    assert client.call("guest-fsfreeze-freeze") == 3
    island.mount("cover", "/mnt/a", "tmpfs")
    try:
        assert client.call("guest-fsfreeze-thaw") == 3
    finally:
        island.umount("/mnt/a")
    assert frozen() == []


def test_what_a_stranger_froze_stays_his(start, island, frozen):
    client = start().client()
    assert freeze(island.path("/mnt/c"))
    answer = client.freeze("o1")
    assert results(answer, "frozen") == ["/mnt/b", "/mnt/a"]
    assert reason(answer, "/mnt/c") == "frozen by somebody else: left alone"
    assert verdict(client, epoch=answer["epoch"]) == ("held", "")
    assert frozen() == ["/mnt/c"]
    assert client.call("guest-fsfreeze-thaw") == 0
    assert frozen() == ["/mnt/c"]


def test_a_thaw_behind_our_back_breaks_the_epoch(start, island):
    client = start().client()
    epoch = client.freeze("o1")["epoch"]
    assert scratch.thaw(island.path("/mnt/c"))
    assert verdict(client, epoch=epoch) == ("broken", "foreign thaw")


def test_a_log_on_a_frozen_file_system_is_written_after_the_thaw(start, island):
    agent = start("-v", "-l", "/mnt/a/agent.log")
    client = agent.client()

    def log():
        with open(island.path("/mnt/a/agent.log")) as file:
            return file.read()

    wait_for(lambda: "listens" in log(), "the first line")
    assert client.call("guest-fsfreeze-freeze") == 3
    before = log()
    client.call("__dev.lull_restored", snapshot="told while frozen")
    assert client.call("guest-fsfreeze-status") == "frozen"
    assert log() == before
    assert client.call("guest-fsfreeze-thaw") == 3
    wait_for(lambda: "told while frozen" in log(), "the kept line")
