# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Completion, in the shells themselves: words from the table of commands, names from the server."""

import os
import pty
import subprocess

import pytest

from waiting import wait_for

COMPLETE = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_lull
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def complete(build, program, api):
    """What bash's function offers for the last of the words."""
    script = os.path.join(build, "packaging/completion/lull")

    def run(*words):
        done = subprocess.run(["bash", "-uc", COMPLETE, "bash", script, program, *words], capture_output=True, text=True,
                              timeout=60, env={**os.environ, "LULL_SOCKET": api.socket})
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()
    return run


@pytest.fixture
def objects(api, larry, make_ready):
    make_ready("snap-larry")
    make_ready("before-upgrade")
    api.add("virtualmachinerestores", "restore-larry", status={"complete": True})


def test_commands_are_those_of_the_help(complete, lull):
    listed = [line.split()[0] for line in lull("--help").stdout.splitlines() if line.startswith("  ")]
    assert complete("") == listed
    assert complete("snap") == ["snapshot", "snapshots"]


def test_options_are_those_of_the_help(complete, lull):
    for command in complete(""):
        helped = {word.split("=")[0].rstrip(",") for word in lull(command, "--help").stdout.split()
                  if word.startswith("--") and len(word) > 2}
        assert helped <= set(complete(command, "-")) | {"--for"}, command
    assert complete("snapshot", "larry", "--re") == ["--require", "--retry"]
    assert complete("--so") == ["--socket"]


@pytest.mark.parametrize("words, offered", [
    (["snapshot", ""], ["larry"]),
    (["snapshot", "l"], ["larry"]),
    (["snapshot", "larry", ""], []),
    (["incremental", ""], ["larry"]),
    (["incremental", "larry", ""], ["on", "off"]),
    (["snapshot", "larry", "s", ""], []),
    (["snapshot", "--require", ""], ["app", "fs", "crash"]),
    (["snapshot", "--require", "=", "f"], ["fs"]),
    (["snapshot", "--require", "="], ["app", "fs", "crash"]),
    (["snapshot", "--require", "fs", ""], ["larry"]),
    (["snapshots", "--vm", ""], ["larry"]),
    (["restore", ""], ["before-upgrade", "snap-larry"]),
    (["restore", "snap-larry", "--to", ""], ["larry"]),
    (["show", ""], ["before-upgrade", "snap-larry", "restore-larry"]),
    (["delete", "snap-larry", "r"], ["restore-larry"]),
    (["-o", ""], ["table", "wide", "json", "yaml", "name"]),
    (["-o", "json", "thaw", ""], ["larry"]),
    (["freeze", "larry", "--for", ""], []),
    (["doctor", ""], ["larry"]),
    (["doctor", "larry", "l"], ["larry"]),
    (["vms", ""], []),
    (["nonsense", ""], []),
], ids=" ".join)
def test_word_is_completed_by_what_stands_before_it(complete, objects, words, offered):
    assert complete(*words) == offered


def test_files_are_completed_where_files_are_wanted(complete, place):
    for name in ("one.yaml", "two words.yaml"):
        open(f"{place}/{name}", "w").close()
    assert complete("apply", "-f", f"{place}/on") == [f"{place}/one.yaml"]
    assert complete("apply", "--filename", "=", f"{place}/t") == f"{place}/two words.yaml".split()


def test_names_come_from_the_socket_that_is_named(complete, place):
    assert complete("--socket", f"{place}/none.sock", "snapshot", "") == []


def test_server_that_is_away_is_silent(complete, api):
    api.stop()
    assert complete("snapshot", "") == []


def test_zsh_completes_commands_options_and_names(build, program, api, objects, place):
    """Typed into a shell with a tab after each beginning; what then is run tells what was completed."""
    os.makedirs(f"{place}/bin")
    with open(f"{place}/bin/lull", "w") as file:
        file.write(f'#!/bin/sh\ncase "$*" in *"-o name") exec {program} "$@" ;; esac\n'
                   f'echo "$*" >{place}/new; mv {place}/new {place}/run\n')
    os.chmod(f"{place}/bin/lull", 0o755)
    environment = {**os.environ, "LULL_SOCKET": api.socket, "PATH": f"{place}/bin:{os.environ['PATH']}", "TERM": "dumb",
                   "HOME": place, "ZDOTDIR": place}
    master, slave = pty.openpty()
    shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=slave, stdout=slave, stderr=slave, env=environment,
                             start_new_session=True)
    os.close(slave)
    try:
        functions = os.path.join(build, "packaging/completion")
        os.write(master, f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D\n".encode())
        os.write(master, b"lull show bef\t\n")
        assert ran(place) == "show before-upgrade"
        os.write(master, b"lull del\t rest\t snap-l\t --no\t\n")
        assert ran(place) == "delete restore-larry snap-larry --no-wait"
        os.write(master, b"lull -o y\t snapshot la\t new --req\tf\t\n")
        assert ran(place) in ("-o yaml snapshot larry new --require=fs", "-o yaml snapshot larry new --require fs")
    finally:
        shell.kill()
        shell.wait()
        os.close(master)


def ran(place):
    """What the program that is not ours was run with; forgotten then."""
    wait_for(lambda: os.path.exists(f"{place}/run"), "the program that is not ours", 60)
    with open(f"{place}/run") as file:
        arguments = file.read().strip()
    os.unlink(f"{place}/run")
    return arguments
