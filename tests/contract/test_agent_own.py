# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What only our agent does: the vendor's commands, and its manners towards clients that have none."""

import json
import os
import pty
import resource
import select
import subprocess
import tty

import pytest

from agents import PREFIX, Agent, Refused
from freezing import is_frozen
from waiting import wait_for, wait_for_rest

NAMES = {
    "__dev.lull_quiesce-prepare",
    "__dev.lull_quiesce-freeze",
    "__dev.lull_quiesce-renew",
    "__dev.lull_quiesce-thaw",
    "__dev.lull_quiesce-abort",
    "__dev.lull_quiesce-status",
    "__dev.lull_restored",
}
BOTH = ["/mnt/b", "/mnt/a"]  # in the order of the freeze


@pytest.fixture
def agent(island):
    agent = Agent(island, "lull-agent")
    try:
        yield agent
    finally:
        agent.close()
        island.thaw()


@pytest.fixture
def client(agent):
    return agent.client()


def names(filesystems, result):
    return [entry["mountpoint"] for entry in filesystems if entry["result"] == result]


def test_the_commands_are_found_in_guest_info(client):
    commands = {command["name"] for command in client.call("guest-info")["supported_commands"]}
    assert NAMES <= commands


def test_the_whole_way(client, island):
    assert client.quiesce("prepare", op="o1") == {"protocol": 1, "accepted": True, "phase": "preparing"}
    status = wait_for(
        lambda: (lambda status: status["phase"] == "prepared" and status)(client.quiesce("status")), "prepared"
    )
    assert (status["op"], status["owner"]) == ("o1", "o1")
    assert names(status["filesystems"], "planned") == BOTH
    assert status["hold-budget-ms"] > 0
    assert status["writers"] == []
    assert "last" not in status

    frozen = client.quiesce("freeze", op="o1", lease_ms=8000)
    assert len(frozen["epoch"]) == 32 and int(frozen["epoch"], 16)
    assert frozen["boot-id"] == status["boot-id"]
    assert names(frozen["filesystems"], "frozen") == BOTH
    assert frozen["holds"] == []
    assert [counter["device"][:4] for counter in frozen["counters"]] == ["loop", "loop"]
    assert frozen["freeze-ms"] >= 0
    assert all(is_frozen(island.path(name)) for name in BOTH)

    renewed = client.quiesce("renew", op="o1", epoch=frozen["epoch"], lease_ms=20000)
    assert 8000 < renewed["remaining-ms"] <= 20000 and "broken" not in renewed
    status = client.quiesce("status")
    assert status["phase"] == "frozen" and 0 < status["remaining-ms"] <= 20000

    thawed = client.quiesce("thaw", op="o1", epoch=frozen["epoch"])
    assert (thawed["proof"], thawed["reason"], thawed["epoch"]) == ("held", "", frozen["epoch"])
    assert all(entry["thawed"] for entry in thawed["filesystems"])
    assert thawed["counters"] == frozen["counters"]
    assert thawed["writers"] == []
    assert thawed["window-ms"] >= thawed["thaw-ms"] >= 0
    assert not any(is_frozen(island.path(name)) for name in BOTH)

    assert client.quiesce("thaw", op="o1", epoch=frozen["epoch"]) == thawed
    last = client.quiesce("status")["last"]
    assert (last["op"], last["result"], last["timed-out"]) == ("o1", "held", False)


def test_nobody_renews_means_broken(client):
    epoch = client.freeze("o1", lease_ms=2000)["epoch"]
    wait_for(lambda: client.quiesce("status")["phase"] == "idle", "the end of the lease")
    assert client.quiesce("renew", op="o1", epoch=epoch, lease_ms=2000) == {
        "remaining-ms": 0,
        "broken": "lease expired",
    }
    thawed = client.quiesce("thaw", op="o1", epoch=epoch)
    assert (thawed["proof"], thawed["reason"]) == ("broken", "lease expired")


def test_a_standard_thaw_breaks_the_epoch(client):
    epoch = client.freeze("o1")["epoch"]
    assert client.call("guest-fsfreeze-status") == "frozen"
    assert client.call("guest-fsfreeze-thaw") == 2
    thawed = client.quiesce("thaw", op="o1", epoch=epoch)
    assert (thawed["proof"], thawed["reason"]) == ("broken", "foreign thaw")


def test_an_operation_in_the_way_is_named(client):
    client.prepare("o1")
    assert client.quiesce("prepare", op="o2") == {
        "protocol": 1,
        "accepted": False,
        "owner": "o1",
        "phase": "prepared",
    }
    with pytest.raises(Refused, match="another operation is under way: o1"):
        client.call("guest-fsfreeze-freeze")
    assert client.quiesce("abort", op="o2") == {"undone": "nothing"}
    assert client.quiesce("abort", op="o1") == {"undone": "prepare"}
    assert client.call("guest-fsfreeze-freeze") == 2
    with pytest.raises(Refused, match="frozen state .owner standard, since"):
        client.quiesce("prepare", op="o2")
    with pytest.raises(Refused, match="another operation is under way: standard"):
        client.quiesce("freeze", op="o2", lease_ms=8000)
    assert client.call("guest-fsfreeze-thaw") == 2


def test_abort_undoes_a_freeze(client, island):
    client.freeze("o1")
    assert client.quiesce("abort", op="o1") == {"undone": "freeze"}
    assert not any(is_frozen(island.path(name)) for name in BOTH)
    assert client.quiesce("thaw", op="o1", epoch="")["proof"] == "broken"


def test_freezes_only_what_was_named(client, island):
    frozen = client.freeze("o1", mountpoints=["/mnt/a/", "/nowhere"])
    assert names(frozen["filesystems"], "frozen") == ["/mnt/a"]
    assert names(frozen["filesystems"], "failed") == ["/nowhere"]
    assert not is_frozen(island.path("/mnt/b"))
    assert client.quiesce("thaw", op="o1", epoch=frozen["epoch"])["proof"] == "held"


def test_a_file_system_whose_disk_is_not_known_is_frozen_whatever_disks_are_named(client, island):
    # the island's images lie on a file system that its agent does not see
    frozen = client.freeze("o1", disks=[{"serial": "no such disk"}])
    assert sorted(names(frozen["filesystems"], "frozen")) == ["/mnt/a", "/mnt/b"]
    assert all(is_frozen(island.path(name)) for name in BOTH)
    assert client.quiesce("thaw", op="o1", epoch=frozen["epoch"])["proof"] == "held"


def test_restored_is_taken_note_of(client):
    assert client.call("__dev.lull_restored", snapshot="s", metadata={"a": 1}) == {}


def test_sigterm_while_frozen_thaws_first(agent, client, island):
    client.freeze("o1")
    assert agent.stop() == 0
    assert not any(is_frozen(island.path(name)) for name in BOTH)


# clients without manners


def test_a_client_that_comes_while_descriptors_are_short_is_heard_when_they_are_not(agent):
    pid = agent.process.pid
    in_use = len(os.listdir(f"/proc/{pid}/fd"))
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use, limits[1]))
    client = agent.client()
    client.request("guest-sync", id=3)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    assert client.reply() == {"return": 3}


def test_half_a_request_of_one_client_does_not_spoil_the_next(agent, client):
    client.send(b'{"execute":"guest-sy')
    client.close()
    assert agent.client().call("guest-sync", id=5) == 5


def test_half_a_request_is_overcome_at_the_next_line(client):
    client.send(b'{"execute":\n')
    client.request("guest-sync", id=1)  # becomes part of it
    client.request("guest-sync", id=2)
    assert "error" in client.reply()
    assert client.reply() == {"return": 2}


def test_garbage_costs_one_error(client):
    client.send(b"hello world { } [ ]\n" + b"[" * 5000 + b"\n" + b'{"a":"' + b"x" * (9 << 20) + b'"}\n')
    client.request("guest-sync", id=1)
    assert ["error" in client.reply() for _ in range(3)] == [True, True, True]
    assert client.reply() == {"return": 1}


def resident_kb(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def test_a_client_that_never_reads_costs_little_memory_and_no_time(agent, client):
    before = resident_kb(agent.process.pid)
    client._socket.settimeout(1)
    with pytest.raises(TimeoutError):
        for _ in range(200000):
            client.send(b'{"execute":"guest-info"}' * 100)
    assert resident_kb(agent.process.pid) - before < 64 << 10
    wait_for_rest(agent.process.pid)  # it does not spin
    client.close()
    assert agent.client().call("guest-sync", id=5) == 5


# command line; no freeze, so it may run outside of an island


@pytest.fixture
def program(build):
    return os.path.join(build, "agent/lull-agent")


@pytest.mark.parametrize(
    "options, status, text",
    [
        (["--version"], 0, "lull-agent "),
        (["--help"], 0, "--method"),
        (["--nonsense"], 1, "Unknown option"),
        (["-F"], 1, "lull-agent runs no hooks yet"),
        (["--fsfreeze-hook=/etc/hook"], 1, "lull-agent runs no hooks yet"),
        (["-b", "help"], 0, "guest-fsfreeze-thaw\n"),
        (["-a", "?"], 0, "guest-ping\n"),
        (["-b", "guest-exec", "-D"], 0, "guest-exec: lull-agent has no such command"),
        (["-c", "/no/such/file", "-D"], 1, "error loading configuration from path: /no/such/file, "),
        (["-m", "carrier-pigeon"], 1, "unsupported channel method/type: carrier-pigeon"),
        (["-m", "unix-listen"], 1, "must specify a path for this channel"),
        (["--standard-lease", "soon"], 1, "not a number of seconds"),
        (["-m", "unix-listen", "-p", "/no/such/folder/socket"], 1, "No such file or directory"),
        (["-m", "unix-listen", "-p", "/" + "x" * 200], 1, "too long for a socket"),
        (["-d", "-f", "/dev/null/folder/pid"], 1, "pid file /dev/null/folder/pid: Not a directory"),
        (["-l", "/no/such/folder/log"], 1, "log file /no/such/folder/log: No such file or directory"),
    ],
)
def test_mistakes_on_the_command_line(program, directory, options, status, text):
    done = subprocess.run(
        [program, "-t", f"{directory}/state", *options], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status
    assert text in done.stdout + done.stderr


def config(directory, text):
    path = os.path.join(directory, "agent.conf")
    with open(path, "w") as file:
        file.write("[general]\n" + text)
    return path


def test_the_command_line_wins_over_the_file_and_lists_add_up(program, directory):
    path = config(directory, "verbose=true\nstatedir=/s\npath=/p\nblock-rpcs=guest-ping; guest-info\nother=1\n")
    done = subprocess.run(
        [program, "-t", "/t", "-b", "guest-sync,", "-D", "-c", path], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split("=", 1) for line in done.stdout.splitlines()[1:])
    assert done.stdout.startswith("[general]\n")
    assert (told["statedir"], told["path"], told["verbose"], told["method"]) == ("/t", "/p", "true", "virtio-serial")
    assert (told["block-rpcs"], told["allow-rpcs"]) == ("guest-ping,guest-info,guest-sync", "")


def test_a_file_that_counts_on_hooks_is_refused(program, directory):
    path = config(directory, "fsfreeze-hook=/etc/hook\n")
    done = subprocess.run([program, "-c", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "runs no hooks yet" in done.stderr


def enabled(client):
    return {row["name"] for row in client.call("guest-info")["supported_commands"] if row["enabled"]}


@pytest.mark.parametrize(
    "options, allowed, refused",
    [
        (["-b", "guest-ping,guest-get-fsinfo"], {"guest-sync", PREFIX + "prepare"}, {"guest-ping", "guest-get-fsinfo"}),
        (["-a", "guest-info,guest-ping"], {"guest-ping"}, {"guest-sync", "guest-fsfreeze-freeze", PREFIX + "prepare"}),
        (["-a", "guest-info,guest-fsfreeze-freeze"], {PREFIX + "prepare"}, {"guest-ping", "guest-fsfreeze-thaw"}),
        (["-b", "guest-fsfreeze-freeze"], {"guest-ping"}, {"guest-fsfreeze-freeze", PREFIX + "prepare"}),
        (["-a", "guest-info,guest-ping", "-b", "guest-ping"], {"guest-info"}, {"guest-ping"}),
        (["-a", ""], {"guest-ping", PREFIX + "prepare"}, set()),
    ],
)
def test_only_what_the_owner_allows_may_be_used(island, options, allowed, refused):
    agent = Agent(island, "lull-agent", *options)
    try:
        client = agent.client()
        assert allowed <= enabled(client) and not refused & enabled(client)
        for name in refused:
            with pytest.raises(Refused, match="has been disabled: the command is not allowed") as refusal:
                client.call(name)
            assert refusal.value.klass == "CommandNotFound"
    finally:
        agent.close()


def test_a_thaw_that_is_blocked_is_allowed_while_frozen(island):
    agent = Agent(island, "lull-agent", "-b", "guest-fsfreeze-thaw,guest-ping")
    try:
        client = agent.client()
        assert client.call("guest-fsfreeze-freeze") > 0
        assert client.call("guest-ping") == {}
        assert client.call("guest-fsfreeze-thaw") > 0
        with pytest.raises(Refused):
            client.call("guest-ping")
    finally:
        agent.close()
        island.thaw()


def test_an_unknown_step_is_refused(program):
    done = subprocess.run([program], env={"LULL_AT_STEP": "agent.lunch=kill"}, capture_output=True, timeout=60)
    assert done.returncode == 1 and b"agent.lunch" in done.stderr


class Port:
    """A terminal in the place of a virtio-serial port: it hangs up when its host goes."""

    def __init__(self, link):
        # ours stays open, so that the host's end does not fail while the agent is not there yet
        self.host, self._guest = pty.openpty()
        tty.setraw(self._guest)
        temporary = link + ".new"
        os.symlink(os.ttyname(self._guest), temporary)
        os.rename(temporary, link)

    def close(self):
        os.close(self.host)
        os.close(self._guest)

    def ask(self, request):
        os.write(self.host, json.dumps(request).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([self.host], [], [], 20)[0], "no answer"
            line += os.read(self.host, 4096)
        return json.loads(line)


def test_waits_for_its_port_and_finds_it_again(program, directory):
    link = os.path.join(directory, "port")
    agent = subprocess.Popen([program, "-p", link, "-t", f"{directory}/port-state"], stderr=subprocess.PIPE)
    try:
        assert b"No such file or directory; waiting for it" in agent.stderr.readline()
        for number in (1, 2):
            port = Port(link)
            assert port.ask({"execute": "guest-sync", "arguments": {"id": number}}) == {"return": number}
            port.close()
        agent.terminate()
        assert agent.wait(20) == 0
    finally:
        agent.kill()
        agent.wait()
        agent.stderr.close()


def test_goes_to_the_background_where_none_of_its_folders_are_there_yet(island):
    pidfile = island.path("/run/lull/agent.pid")
    command = ["lull-agent", "-d", "-t", "/run/lull/deep", "-m", "unix-listen", "-p", "/tmp/d.sock"]
    assert not os.path.exists(island.path("/run"))
    assert island.spawn(command).wait(20) == 0
    with open(pidfile) as file:
        pid = int(file.read())
    os.kill(pid, 15)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "its end")


def test_goes_to_the_background_with_a_locked_pid_file(program, directory):
    pidfile = os.path.join(directory, "pid")
    command = [program, "-d", "-f", pidfile, "-t", f"{directory}/d-state"]
    command += ["-m", "unix-listen", "-p", f"{directory}/d.sock"]
    subprocess.run(command, check=True, timeout=60)
    with open(pidfile) as file:
        pid = int(file.read())
    try:
        assert subprocess.run(command, timeout=60, stderr=subprocess.DEVNULL).returncode == 1
        assert os.path.exists(f"/proc/{pid}")
    finally:
        os.kill(pid, 15)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "its end")
