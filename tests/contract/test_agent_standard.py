# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What clients of the QEMU guest agent rely on, asked of our agent and of the stock one alike."""

import json
import os

import pytest

import scratch
from agents import Agent, Refused
from freezing import freeze, is_frozen

ALLOWED = {
    "guest-ping",
    "guest-info",
    "guest-sync",
    "guest-sync-delimited",
    "guest-fsfreeze-status",
    "guest-fsfreeze-thaw",
}


@pytest.fixture(params=["lull-agent", "qemu-ga"])
def agent(request, island):
    agent = Agent(island, request.param)
    try:
        yield agent
    finally:
        agent.close()
        island.thaw()


@pytest.fixture
def client(agent):
    return agent.client()


@pytest.fixture
def frozen(island):
    """Which of the two file systems are frozen: the kernel's word."""
    return lambda: [name for name in ("/mnt/a", "/mnt/b") if is_frozen(island.path(name))]


def test_sync_delimited_is_marked_after_a_resync(client):
    client.send(b'\xff{"execute":"guest-sync-delimited","arguments":{"id":1804289383}}\n')
    line = client.line()
    while b"\xff" not in line:
        line = client.line()
    assert json.loads(line.rpartition(b"\xff")[2]) == {"return": 1804289383}


def test_sync_returns_the_id(client):
    assert client.call("guest-sync", id=7) == 7


def test_sync_and_command_in_one_write_are_answered_in_two_lines(client):
    client.send(
        b'{"execute":"guest-sync-delimited","arguments":{"id":4711}}\n{"execute":"guest-fsfreeze-status"}'
    )
    sync = client.line()
    assert sync.startswith(b"\xff") and json.loads(sync[1:]) == {"return": 4711}
    assert client.reply() == {"return": "thawed"}


def test_echoes_the_id(client):
    client.send(b'{"execute":"guest-ping","id":{"a":[1,null]}}')
    assert client.reply() == {"return": {}, "id": {"a": [1, None]}}


@pytest.mark.parametrize(
    "request_text, klass, desc",
    [
        ('{"exec-oob":"guest-ping"}', "GenericError", "QMP input member 'exec-oob' is unexpected"),
        ("{}", "GenericError", "QMP input lacks member 'execute'"),
        ("[]", "GenericError", "QMP input must be a JSON object"),
        ('{"execute":7}', "GenericError", "QMP input member 'execute' must be a string"),
        (
            '{"execute":"guest-ping","arguments":[]}',
            "GenericError",
            "QMP input member 'arguments' must be an object",
        ),
        ('{"execute":"no-such-thing"}', "CommandNotFound", "The command no-such-thing has not been found"),
        (
            '{"execute":"guest-ping","arguments":{"foo":42}}',
            "GenericError",
            "Parameter 'foo' is unexpected",
        ),
        ('{"execute":"guest-sync"}', "GenericError", "Parameter 'id' is missing"),
        (
            '{"execute":"guest-sync","arguments":{"id":"5"}}',
            "GenericError",
            "Invalid parameter type for 'id', expected: integer",
        ),
        (
            '{"execute":"guest-fsfreeze-freeze-list","arguments":{"mountpoints":[7]}}',
            "GenericError",
            "Invalid parameter type for 'mountpoints[0]', expected: string",
        ),
    ],
)
def test_refuses_in_the_same_words(client, request_text, klass, desc):
    client.send(request_text.encode())
    assert client.reply()["error"] == {"class": klass, "desc": desc}


def test_single_quotes_and_escapes_are_understood(client):
    client.send(rb"{'execute':'guest-\u0070ing','id':'\/\"\ud83d\ude00'}")
    assert client.reply() == {"return": {}, "id": '/"\U0001f600'}


def test_a_newline_completes_nothing_and_is_not_needed(client):
    client.send(b'{"execute":\n"guest-ping"\n,\n"id"\n:1}')
    assert client.reply()["id"] == 1


def test_info_has_version_and_commands(client):
    info = client.call("guest-info")
    assert [int(part) for part in info["version"].split(".")][0] >= 7
    commands = {command["name"]: command for command in info["supported_commands"]}
    assert ALLOWED | {"guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list", "guest-get-fsinfo"} <= set(commands)
    assert all(commands[name]["enabled"] and commands[name]["success-response"] for name in ALLOWED)


def test_fsinfo_lists_the_last_mounted_first(client):
    entries = client.call("guest-get-fsinfo")
    assert [(entry["mountpoint"], entry["type"]) for entry in entries] == [("/mnt/b", "xfs"), ("/mnt/a", "ext4")]
    for entry in entries:
        assert entry["name"].startswith("loop")
        assert entry["disk"] == []
        assert 0 < entry["used-bytes"] < entry["total-bytes"]


def test_freezes_and_thaws_everything(client, frozen):
    assert client.call("guest-fsfreeze-status") == "thawed"
    assert client.call("guest-fsfreeze-freeze") == 2
    assert frozen() == ["/mnt/a", "/mnt/b"]
    assert client.call("guest-fsfreeze-status") == "frozen"
    assert client.call("guest-fsfreeze-thaw") == 2
    assert frozen() == []
    assert client.call("guest-fsfreeze-status") == "thawed"


@pytest.mark.parametrize(
    "wanted, expected", [(["/mnt/b"], ["/mnt/b"]), (["/nowhere", "/mnt/a"], ["/mnt/a"]), (["/nowhere"], []), ([], [])]
)
def test_freezes_a_list(client, frozen, wanted, expected):
    assert client.call("guest-fsfreeze-freeze-list", mountpoints=wanted) == len(expected)
    assert frozen() == expected
    assert client.call("guest-fsfreeze-status") == ("frozen" if expected else "thawed")
    assert client.call("guest-fsfreeze-thaw") == len(expected)
    assert frozen() == []


def test_a_list_that_is_absent_means_all(client):
    assert client.call("guest-fsfreeze-freeze-list") == 2
    assert client.call("guest-fsfreeze-thaw") == 2


def test_only_what_is_harmless_runs_while_frozen(client):
    assert client.call("guest-fsfreeze-freeze") == 2
    for command in ("guest-fsfreeze-freeze", "guest-fsfreeze-freeze-list", "guest-get-fsinfo"):
        with pytest.raises(Refused, match="has been disabled: the agent is in frozen state") as refused:
            client.call(command)
        assert refused.value.klass == "CommandNotFound"
    commands = {command["name"]: command["enabled"] for command in client.call("guest-info")["supported_commands"]}
    assert all(commands[name] for name in ALLOWED)
    assert not commands["guest-fsfreeze-freeze"] and not commands["guest-get-fsinfo"]
    client.call("guest-ping")
    assert client.call("guest-sync", id=3) == 3
    assert client.call("guest-fsfreeze-thaw") == 2


def test_thawing_what_is_not_frozen_does_nothing(client):
    assert client.call("guest-fsfreeze-thaw") == 0


def test_what_somebody_else_froze_is_not_counted(client, island):
    assert freeze(island.path("/mnt/a"))
    assert client.call("guest-fsfreeze-freeze") == 1
    scratch.thaw(island.path("/mnt/a"))
    assert client.call("guest-fsfreeze-thaw") == 1


def test_a_freeze_outlives_its_client(agent, client, frozen):
    assert client.call("guest-fsfreeze-freeze") == 2
    client.close()
    other = agent.client()
    assert other.call("guest-fsfreeze-status") == "frozen"
    assert frozen() == ["/mnt/a", "/mnt/b"]
    assert other.call("guest-fsfreeze-thaw") == 2


def test_the_next_client_is_served_when_the_first_has_gone(agent, client):
    other = agent.client()
    other.request("guest-ping")
    client.call("guest-ping")
    client.close()
    assert other.reply() == {"return": {}}


def test_ends_with_0_on_sigterm(agent, client):
    client.call("guest-ping")
    assert agent.stop() == 0


def test_takes_over_the_socket_of_one_that_was_killed(agent, client):
    client.call("guest-ping")
    agent.kill()
    assert os.path.exists(agent.home.path(os.path.join(agent.home.directory, "agent.sock")))
    agent.start()
    agent.client().call("guest-ping")
