# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Wrong usage: status 2, a message that names it, and nothing asked of the server."""

import pytest

COMMANDS = "snapshot restore vms snapshots restores show wait delete apply freeze thaw hold doctor".split()

WRONG = [
    ([], "Usage: lull"),
    (["snapsot", "larry"], 'did you mean "snapshot"'),
    (["frobnicate"], "see lull --help"),
    (["--frobnicate"], "unknown option --frobnicate"),
    (["vms", "--frobnicate"], "vms: unknown option --frobnicate"),
    (["incremental"], "arguments are missing"),
    (["incremental", "larry", "maybe"], '"maybe" is neither on nor off: lull incremental larry on'),
    (["incremental", "on", "larry"], "the machine comes first: lull incremental larry on"),
    (["vms", "larry"], '"larry" is one argument too many'),
    (["vms", "-o", "xml"], '-o, "xml": not a format'),
    (["-o", "xml", "vms"], '-o, "xml": not a format'),
    (["vms", "-n", "prod"], 'one namespace only, default'),
    (["vms", "--socket", "/" + "x" * 200], "its path has 201 bytes"),
    (["snapshot"], "arguments are missing: snapshot VM [NAME]"),
    (["snapshot", "larry", "a", "b"], '"b" is one argument too many'),
    (["snapshot", "Larry"], 'virtual machine, "Larry": not a valid name'),
    (["snapshot", "larry", "Snap_1"], 'snapshot, "Snap_1": not a valid name'),
    (["snapshot", "larry", "--require", "best"], '--require, "best": not a level'),
    (["snapshot", "larry", "--require", "stopped"], '--require, "stopped": not a level'),
    (["snapshot", "larry", "--deadline", "5 minutes"], '--deadline: "5 minutes" is no duration'),
    (["snapshot", "larry", "--deadline", "-5m"], '--deadline, "-5m": must be 0 or more'),
    (["snapshot", "larry", "--exclude", "a,b"], '--exclude, "a,b"'),
    (["snapshot", "larry", "--exclude", ""], '--exclude, ""'),
    (["snapshot", "larry", "--retry", "--no-wait"], "whoever is to try again has to wait"),
    (["snapshot", "larry", "--wait", "--no-wait"], "--wait and --no-wait: one or the other"),
    (["restore", "snap", "--stop", "--when-stopped"], "--stop and --when-stopped: one or the other"),
    (["restore", "snap", "--wait", "--no-wait"], "--wait and --no-wait: one or the other"),
    (["delete", "snap", "--wait", "--no-wait"], "--wait and --no-wait: one or the other"),
    (["snapshots", "--vm", "La"], 'virtual machine, "La": not a valid name'),
    (["restore"], "arguments are missing"),
    (["restore", "vm/larry"], "only a snapshot can be restored"),
    (["restore", "snap", "--to", "../etc"], 'virtual machine, "../etc"'),
    (["show"], "arguments are missing"),
    (["show", "pod/x"], '"pod" is no kind of object'),
    (["show", "vm/larry"], "say snapshot/NAME or restore/NAME"),
    (["wait", "snap", "--timeout", "soon"], '--timeout: "soon" is no duration'),
    (["delete"], "arguments are missing"),
    (["delete", "snap", "B@D"], 'name, "B@D"'),
    (["apply"], "-f FILE is missing"),
    (["apply", "file.yaml"], '"file.yaml" is one argument too many'),
    (["freeze", "larry"], "--for is missing"),
    (["freeze", "larry", "--for", "0"], '--for, "0": must be more than nothing'),
    (["freeze", "larry", "--for", "-3s"], "must be more than nothing"),
    (["freeze", "larry", "--for", "long"], '"long" is no duration'),
    (["hold", "larry"], "arguments are missing: hold VM -- COMMAND..."),
    (["hold", "larry", "--"], "arguments are missing: hold VM -- COMMAND..."),
    (["hold", "larry", "--for", "0", "--", "true"], '--for, "0": must be more than nothing'),
    (["hold", "a/b", "--", "true"], 'virtual machine, "a/b"'),
    (["thaw"], "arguments are missing"),
    (["thaw", "a/b"], 'virtual machine, "a/b"'),
]


@pytest.mark.parametrize("arguments, message", WRONG, ids=[" ".join(arguments)[:40] or "none" for arguments, _ in WRONG])
def test_wrong_usage_is_named_and_nothing_is_done(lull, api, arguments, message):
    result = lull(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert [request for request in api.requests if request[0] != "GET"] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(lull, command):
    result = lull(command, "--help")
    assert result.returncode == 0
    assert f"lull {command}" in result.stdout
    assert command in lull("--help").stdout


def test_version_is_said(lull):
    result = lull("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("lull 0.")


def test_options_stand_before_or_after_the_command(lull, larry):
    before, after = lull("-n", "default", "-o", "name", "vms"), lull("vms", "-o", "name", "-n", "default")
    assert before.stdout == after.stdout == "virtualmachine.kubevirt.io/larry\n"


@pytest.mark.parametrize("command, promise", [
    ("snapshot", "app needs an application that takes part, and none can yet"),
    ("freeze", "whatever becomes of the coordinator"),
])
def test_help_promises_no_more_than_is_kept(lull, command, promise):
    assert promise in " ".join(lull(command, "--help").stdout.split())
