# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Waiting by watching: over ends of the watch, restarts of the server, and what hostile streams say."""

import contextlib
import json
import os
import socket

import pytest

import fakeapi

SNAPSHOTS, RESTORES = "virtualmachinesnapshots", "virtualmachinerestores"
PENDING = {"phase": "InProgress", "readyToUse": False}


@pytest.fixture
def pending(api):
    return api.add(SNAPSHOTS, "snap-larry", status=PENDING)


def end(process):
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def test_what_is_at_its_end_already_needs_no_watch(lull, api, make_ready):
    make_ready()
    assert lull("wait", "snap-larry").returncode == 0
    assert api.watches.empty()


def test_failed_restore_is_status_1(lull, api):
    api.add(RESTORES, "restore-larry", status={"complete": False, "conditions": [
        fakeapi.condition("Failure", "True", "Restore target failed to be ready within 5m0s")]})
    result = lull("wait", "restore-larry")
    assert result.returncode == 1
    assert "restore/restore-larry: failed: Restore target failed to be ready within 5m0s" in result.stderr


def test_complete_restore_is_told(lull, api):
    api.add(RESTORES, "restore-larry", status={"complete": True})
    result = lull("wait", "restore-larry")
    assert (result.returncode, result.stdout) == (0, "restore/restore-larry is complete\n")


def test_unknown_name_is_told_with_those_near(lull, pending):
    result = lull("wait", "snap-lary")
    assert result.returncode == 1
    assert 'did you mean "snap-larry"; see lull snapshots' in result.stderr


def test_time_given_ends_the_waiting(lull, pending):
    result = lull("wait", "snap-larry", "--timeout", "300ms")
    assert result.returncode == 1
    assert "snapshot/snap-larry: not at its end in the time given" in result.stderr
    assert "lull wait snapshot/snap-larry" in result.stderr


def test_watch_that_ends_is_begun_anew_where_it_ended(lull, api, pending, make_ready):
    process = lull.start("wait", "snap-larry")
    first = api.watches.get(timeout=60)
    middle = api.add(SNAPSHOTS, "snap-larry", status=PENDING)
    first.send("MODIFIED", middle)
    first.end()
    second = api.watches.get(timeout=60)
    assert second.query["resourceVersion"] == middle["metadata"]["resourceVersion"]
    second.send("MODIFIED", make_ready())
    assert end(process)[0] == 0


def test_end_missed_while_no_watch_was_open_is_seen(lull, api, pending, make_ready):
    process = lull.start("wait", "snap-larry")
    watch = api.watches.get(timeout=60)
    make_ready()
    watch.end()
    assert end(process)[0] == 0


def test_position_too_old_leads_to_a_new_look(lull, api, pending, make_ready):
    process = lull.start("wait", "snap-larry")
    watch = api.watches.get(timeout=60)
    make_ready()
    watch.send("ERROR", fakeapi.status(410, "too old"))
    assert end(process)[0] == 0


@contextlib.contextmanager
def door(api):
    """In the place of a coordinator that is away: who knocks is sent away again."""
    os.unlink(api.socket)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(api.socket)
        listener.listen()
        listener.settimeout(60)
        yield listener


def test_restart_of_the_coordinator_is_waited_out(lull, api, pending, make_ready):
    process = lull.start("wait", "snap-larry")
    api.watches.get(timeout=60)
    api.stop()
    with door(api) as listener:
        for _ in range(3):
            listener.accept()[0].close()
        assert process.poll() is None
    make_ready()
    api.start()
    code, output, errors = end(process)
    assert (code, errors) == (0, "")
    assert "snapshot/snap-larry is ready" in output


def test_another_of_the_same_name_is_not_the_one_waited_for(lull, api, pending, make_ready):
    process = lull.start("wait", "snap-larry")
    watch = api.watches.get(timeout=60)
    del api.objects[SNAPSHOTS, "snap-larry"]
    watch.send("MODIFIED", make_ready())
    code, _, errors = end(process)
    assert code == 1
    assert "it was deleted" in errors


def test_events_of_others_and_bookmarks_change_nothing(lull, api, pending, make_ready):
    process = lull.start("wait", "snap-larry")
    watch = api.watches.get(timeout=60)
    watch.send("MODIFIED", make_ready("other"))
    watch.send("BOOKMARK", {"metadata": {"resourceVersion": "5000"}})
    watch.send("DELETED", api.objects[SNAPSHOTS, "other"])
    watch.send("MODIFIED", {})
    event = json.dumps({"type": "MODIFIED", "object": make_ready()}).encode() + b"\r\n"
    for at in range(0, len(event), 100):
        watch.raw(event[at:at + 100])
    assert end(process)[0] == 0


@pytest.mark.parametrize("data", [b"{nonsense\n", b"[" * 200 + b"\n", b'"\xff"\n', b"x" * (5 * 1024 * 1024)],
                         ids=["no json", "deep", "no utf-8", "endless line"])
def test_stream_that_makes_no_sense_ends_with_an_error(lull, api, pending, data):
    process = lull.start("wait", "snap-larry")
    api.watches.get(timeout=60).raw(data)
    code, _, errors = end(process)
    assert code == 1
    assert errors.startswith("lull: wait: ")
