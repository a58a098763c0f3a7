# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Taking snapshots: what is asked of the server, and what the exit status says."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios

import fakeapi
import pytest

SNAPSHOTS = "virtualmachinesnapshots"
WAIT = "wait for its end with: lull wait"


def test_snapshot_asks_for_what_was_said(lull, api, larry):
    result = lull("snapshot", "larry", "snap-larry", "--require", "fs", "--deadline", "90s", "--exclude", "rootdisk",
                  "--exclude", "cdrom")
    assert (result.returncode, result.stdout) == (0, f"snapshot/snap-larry has begun; {WAIT} snapshot/snap-larry\n")
    [(method, path, body)] = api.writes()
    assert (method, path) == ("POST", "/apis/snapshot.kubevirt.io/v1beta1/namespaces/default/virtualmachinesnapshots")
    assert body == {
        "apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
        "metadata": {"name": "snap-larry", "annotations": {
            "lull.dev/require": "fs", "lull.dev/exclude-volumes": "rootdisk,cdrom"}},
        "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"},
                 "failureDeadline": "90s"}}


def test_snapshot_without_a_name_is_called_after_machine_and_time(lull, larry):
    result = lull("snapshot", "larry", "-o", "name")
    assert result.returncode == 0
    assert re.fullmatch(r"virtualmachinesnapshot\.snapshot\.kubevirt\.io/larry-\d{8}-\d{6}\n", result.stdout)


def test_snapshots_of_one_second_have_names_of_their_own(lull, api, larry):
    results = [lull("snapshot", "larry") for _ in range(6)]
    assert [result.returncode for result in results] == [0] * 6
    names = [name for plural, name in api.objects if plural == SNAPSHOTS]
    assert len(set(names)) == 6
    assert all(re.fullmatch(r"larry-\d{8}-\d{6}(-\d)?", name) for name in names)


def test_a_name_that_was_given_is_taken_as_it_is(lull, api, larry):
    assert lull("snapshot", "larry", "mine").returncode == 0
    again = lull("snapshot", "larry", "mine")
    assert again.returncode == 1 and "already exists" in again.stderr
    assert [name for plural, name in api.objects if plural == SNAPSHOTS] == ["mine"]


def test_unknown_machine_is_named_with_those_near_it_and_nothing_is_left(lull, api, larry):
    result = lull("snapshot", "lary", "snap-larry")
    assert result.returncode == 1
    assert result.stderr == 'lull: snapshot: vm, "lary": there is none of that name; did you mean "larry"; see lull vms\n'
    assert api.writes() == []


def test_unknown_volume_to_exclude_is_named_and_nothing_is_left(lull, api, larry):
    result = lull("snapshot", "larry", "--exclude", "rotdisk")
    assert result.returncode == 1
    assert '--exclude, "rotdisk": vm "larry" has no such volume; it has: rootdisk, cdrom' in result.stderr
    assert api.writes() == []


def test_volumes_that_cannot_be_included_are_listed_before(lull, larry):
    result = lull("snapshot", "larry", "snap-larry")
    assert result.stderr == "lull: note: volume cdrom cannot be included: it is a CD-ROM\n"


NOTE = "lull: note: volume shared cannot be included: it is shareable\n"


def test_nothing_is_begun_without_a_word_where_data_would_be_missed(lull, api, moe):
    result = lull("snapshot", "moe", "snap-moe")
    assert result.returncode == 1
    assert result.stderr == NOTE + (
        'lull: snapshot: vm "moe": data would be missed, on shared: nothing was done; say --partial to take a '
        "snapshot without it\n")
    assert api.writes() == []


def test_partial_takes_it_without_what_cannot_be_included(lull, api, moe):
    result = lull("snapshot", "moe", "snap-moe", "--partial")
    assert (result.returncode, result.stderr) == (0, NOTE)
    assert len(api.writes()) == 1


def test_whoever_leaves_the_volume_out_himself_is_not_asked(lull, api, moe):
    result = lull("snapshot", "moe", "snap-moe", "--exclude", "shared")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(api.writes()) == 1


@pytest.mark.parametrize("answer, code, writes", [(b"y\n", 0, 1), (b"n\n", 1, 0), (b"\n", 1, 0), (b"\x04", 1, 0)])
def test_on_a_terminal_there_is_a_question_before_anything_happens(lull, api, moe, answer, code, writes):
    master, slave = pty.openpty()
    process = subprocess.Popen([lull.program, "snapshot", "moe", "snap-moe", "--no-wait"], stdin=slave, stdout=slave,
                               stderr=slave, env=lull.environment)
    os.close(slave)
    seen = b""
    while b"[y/N] " not in seen:
        seen += os.read(master, 4096)
    assert api.writes() == []
    os.write(master, answer)
    assert process.wait(20) == code
    os.close(master)
    assert b"without the data on shared?" in seen
    assert len(api.writes()) == writes


def test_refusal_is_told_with_its_causes(lull, api, larry):
    api.answers["POST", "/apis/snapshot.kubevirt.io/v1beta1/namespaces/default/virtualmachinesnapshots"] = (
        422, fakeapi.status(422, "it is invalid", details={"causes": [{"field": "spec.source", "message": "busy\x1b"}]}))
    result = lull("snapshot", "larry", "snap-larry")
    assert result.returncode == 1
    assert 'snapshot "snap-larry" of vm "larry": it is invalid; spec.source: busy?\n' in result.stderr


def test_name_taken_is_an_error(lull, larry, make_ready):
    make_ready()
    result = lull("snapshot", "larry", "snap-larry")
    assert result.returncode == 1
    assert "already exists" in result.stderr


def finish(api, process, event, make):
    """Once the watch is open: says the event of what @make makes."""
    api.watches.get(timeout=60).send(event, make())
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def test_waiting_ends_when_ready(lull, api, larry, make_ready):
    process = lull.start("snapshot", "larry", "snap-larry", "--wait")
    watch = api.watches.get(timeout=60)
    assert watch.query["fieldSelector"] == "metadata.name=snap-larry"
    assert watch.query["resourceVersion"] == api.objects[SNAPSHOTS, "snap-larry"]["metadata"]["resourceVersion"]
    watch.send("MODIFIED", make_ready())
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output == ("snapshot/snap-larry: preparing\n"
                      "snapshot/snap-larry is ready: level app, proof held, witness quiet, frozen for 26.0 ms\n")


def test_milestones_are_plain_lines_in_a_pipe(lull, api, larry, make_ready):
    process = lull.start("snapshot", "larry", "snap-larry", "--wait")
    watch = api.watches.get(timeout=60)
    for step, permille in (("frozen", None), ("copying", 0), ("copying", 100), ("copying", 260), ("copying", 270),
                           ("copying", 900)):
        text = f'{{"step":"{step}"' + ("" if permille is None else f',"permille":{permille}') + "}"
        watch.send("MODIFIED", api.add(SNAPSHOTS, "snap-larry", metadata={"annotations": {"lull.dev/progress": text}}))
    watch.send("MODIFIED", make_ready())
    output, _ = process.communicate(timeout=60)
    assert [line.removeprefix("snapshot/snap-larry: ") for line in output.splitlines()[:-1]] == [
        "preparing", "frozen", "copying", "copying 26%", "copying 90%"]
    assert "\x1b" not in output


def test_failure_is_told_with_its_reason(lull, api, larry):
    process = lull.start("snapshot", "larry", "snap-larry", "--wait")
    failed = {"phase": "Failed", "conditions": [fakeapi.condition("Failure", "True", "required level not reached")]}
    code, _, errors = finish(api, process, "MODIFIED", lambda: api.add(SNAPSHOTS, "snap-larry", status=failed))
    assert code == 1
    assert "snapshot/snap-larry: failed: required level not reached; see lull show snapshot/snap-larry" in errors


def test_level_below_what_was_asked_for_is_status_3(lull, api, larry, make_ready):
    process = lull.start("snapshot", "larry", "snap-larry", "--require", "app", "--wait")
    code, output, errors = finish(api, process, "MODIFIED", lambda: make_ready(require="app", level="fs"))
    assert code == 3
    assert "is ready: level fs" in output
    assert "the level asked for was not reached (app)" in errors


def test_object_is_all_there_is_on_stdout_when_json_is_asked_for(lull, api, larry, make_ready):
    process = lull.start("snapshot", "larry", "snap-larry", "--wait", "-o", "json")
    code, output, errors = finish(api, process, "MODIFIED", make_ready)
    assert code == 0
    assert json.loads(output)["status"]["readyToUse"] is True
    assert "snapshot/snap-larry: preparing" in errors


def test_snapshot_deleted_meanwhile_is_a_failure(lull, api, larry):
    process = lull.start("snapshot", "larry", "snap-larry", "--wait")
    code, _, errors = finish(api, process, "DELETED", lambda: api.objects[SNAPSHOTS, "snap-larry"])
    assert code == 1
    assert "it was deleted before it came to its end" in errors


FAILED = {"phase": "Failed", "conditions": [fakeapi.condition("Failure", "True", "required level not reached")]}


def test_retry_deletes_what_failed_and_takes_another_of_that_name(lull, api, larry, make_ready):
    process = lull.start("snapshot", "larry", "snap-larry", "--retry")
    first = api.watches.get(timeout=60)
    failed = api.add(SNAPSHOTS, "snap-larry", status=FAILED)
    first.send("MODIFIED", failed)
    second = api.watches.get(timeout=60)
    second.send("MODIFIED", make_ready())
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "required level not reached" in errors and "try 2 of 3 begins" in errors
    assert output.endswith("snapshot/snap-larry is ready: level app, proof held, witness quiet, frozen for 26.0 ms\n")
    made, removed, again = api.writes()
    assert (made[0], removed[0], again[0]) == ("POST", "DELETE", "POST")
    assert removed[2]["preconditions"] == {"uid": failed["metadata"]["uid"]}
    assert again[2] == made[2]


def test_retry_of_a_level_below_ends_in_its_last_try(lull, api, larry, make_ready):
    process = lull.start("snapshot", "larry", "snap-larry", "--require", "app", "--retry", "-o", "json")
    for _ in range(3):
        watch = api.watches.get(timeout=60)
        watch.send("MODIFIED", make_ready(require="app", level="fs"))
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert json.loads(output)["metadata"]["name"] == "snap-larry"
    assert [method for method, _, _ in api.writes()] == ["POST", "DELETE", "POST", "DELETE", "POST"]
    assert "try 3 of 3 begins" in errors


def test_retry_is_for_failed_snapshots_not_for_refused_ones(lull, api, larry, make_ready):
    make_ready()
    result = lull("snapshot", "larry", "snap-larry", "--retry")
    assert result.returncode == 1
    assert [method for method, _, _ in api.writes()] == ["POST"]


def test_interrupted_wait_says_that_the_snapshot_goes_on(lull, api, larry):
    process = lull.start("snapshot", "larry", "snap-larry", "--wait")
    api.watches.get(timeout=60)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.endswith("lull: snapshot/snap-larry goes on; see how it stands with: lull show snapshot/snap-larry; "
                           "wait for it with: lull wait snapshot/snap-larry\n")


def test_terminal_gets_a_bar_and_waits_by_itself(lull, api, larry, make_ready):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen([lull.program, "snapshot", "larry", "snap-larry"], stdin=slave, stdout=slave,
                               stderr=slave, env=lull.environment)
    os.close(slave)
    watch = api.watches.get(timeout=60)
    watch.send("MODIFIED", api.add(SNAPSHOTS, "snap-larry", metadata={"annotations": {
        "lull.dev/progress": '{"step":"copying","permille":500}'}}))
    seen = b""
    while b"50%" not in seen:
        seen += os.read(master, 4096)
    watch.send("MODIFIED", make_ready())
    try:
        while data := os.read(master, 4096):
            seen += data
    except OSError:
        pass
    os.close(master)
    assert process.wait(20) == 0
    assert b"snapshot/snap-larry  copying   [############............]  50%" in seen
    assert seen.endswith(b"\r\x1b[Ksnapshot/snap-larry is ready: level app, proof held, witness quiet, "
                         b"frozen for 26.0 ms\r\n")
