# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Running a command while a guest is held, against the real server with a guest that is in its memory only."""

import contextlib
import os
import signal
import subprocess

import pytest

import rest
from waiting import wait_for


class Holds(rest.Client):
    """Serves freezes by hand of larry."""

    def __init__(self, build, place):
        super().__init__(f"{place}/holds.sock")
        self.intents = f"{place}/intents"
        self.process = subprocess.Popen([os.path.join(build, "tests/contract/serve-holds"), f"{place}/store.db", self.path,
                                         self.intents], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def put(self, subresource, body=None):
        return self.call("PUT", f"{rest.SUBRESOURCES}/larry/{subresource}", body)

    def is_frozen(self):
        return self.put("story")[1]["frozen"]

    def wait_thawed(self):
        wait_for(lambda: not self.is_frozen() and not os.listdir(self.intents), "the thaw")


@pytest.fixture
def holds(build, place):
    holds = Holds(build, place)
    yield holds
    holds.process.kill()
    holds.process.wait()
    holds.process.stdout.close()


@pytest.fixture
def held(program, holds, place):
    """Starts lull hold with a shell's line; it has begun to run when the file `running` is there."""
    processes = []

    def start(line, *options):
        environment = {**os.environ, "LULL_SOCKET": holds.path, "PLACE": place}
        process = subprocess.Popen([program, "hold", "larry", *options, "--", "sh", "-c", line], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
                                   start_new_session=True)
        processes.append(process)
        return process
    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


LONG = "echo $$ >$PLACE/running; while :; do sleep 0.02; done"


def pid_of(place):
    def told():
        try:
            with open(f"{place}/running") as file:
                return file.read().strip()
        except FileNotFoundError:
            return ""
    return int(wait_for(told, "the command"))


def test_command_runs_while_the_guest_is_held(held, holds, place):
    process = held("echo out; touch $PLACE/running; while [ ! -e $PLACE/go ]; do sleep 0.02; done")
    wait_for(lambda: os.path.exists(f"{place}/running"), "the command")
    assert holds.is_frozen()
    open(f"{place}/go", "w").close()
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "out\n")
    assert "proof: held\n" in errors
    holds.wait_thawed()


@pytest.mark.parametrize("line, told", [
    ("exit 1", "exit status 1"), ("exit 3", "exit status 3"), ("kill -9 $$", "signal 9")])
def test_command_that_failed_is_status_4_whatever_its_own(held, holds, line, told):
    process = held(line)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert f"it was held, but COMMAND failed: {told}" in errors
    holds.wait_thawed()


@pytest.mark.parametrize("line", ["true", "exit 7"])
def test_hold_that_was_broken_is_status_3_whatever_the_command_says(held, holds, line):
    holds.put("set", {"breakHold": True})
    process = held(line)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "it was not held all the time that COMMAND ran" in errors
    holds.wait_thawed()


def test_hold_that_ends_before_the_command_is_status_3(held, holds, place):
    process = held("touch $PLACE/running; while [ ! -e $PLACE/go ]; do sleep 0.02; done")
    wait_for(lambda: os.path.exists(f"{place}/running"), "the command")
    holds.put("unfreeze")
    assert "the hold has ended before COMMAND: unfreeze" in process.stderr.readline()
    open(f"{place}/go", "w").close()
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_time_ends_the_hold(held, holds, place):
    process = held("while [ ! -e $PLACE/go ]; do sleep 0.02; done", "--for", "100ms")
    assert "the hold has ended before COMMAND: timeout" in process.stderr.readline()
    open(f"{place}/go", "w").close()
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_coordinator_that_dies_ends_the_hold(held, holds, place):
    process = held("touch $PLACE/running; while [ ! -e $PLACE/go ]; do sleep 0.02; done")
    wait_for(lambda: os.path.exists(f"{place}/running"), "the command")
    holds.process.kill()
    assert "the hold has ended before COMMAND: the coordinator went away" in process.stderr.readline()
    open(f"{place}/go", "w").close()
    process.communicate(timeout=60)
    assert process.returncode == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interruption_releases_and_is_passed_on(held, holds, place, number):
    process = held(LONG)
    child = pid_of(place)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -number
    assert "released, as it was interrupted" in errors
    holds.wait_thawed()
    assert not os.path.exists(f"/proc/{child}")


def test_guest_is_released_before_a_command_that_takes_its_time_to_end(held, holds, place):
    process = held("trap 'while [ ! -e $PLACE/go ]; do sleep 0.02; done; exit' TERM; " + LONG)
    pid_of(place)
    process.send_signal(signal.SIGTERM)
    holds.wait_thawed()
    assert process.poll() is None
    open(f"{place}/go", "w").close()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM


def test_kill_of_the_command_releases(held, holds, place):
    process = held(LONG)
    os.kill(pid_of(place), signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 4
    holds.wait_thawed()


def test_kill_of_lull_releases_though_the_command_lives(held, holds, place):
    process = held(LONG)
    child = pid_of(place)
    process.kill()
    holds.wait_thawed()
    os.kill(child, signal.SIGKILL)


def test_guest_that_cannot_be_frozen_is_status_1_and_nothing_is_run(held, holds, place):
    holds.put("set", {"refuseFreeze": True})
    process = held("touch $PLACE/running")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'lull: hold: vm "larry": ' in errors
    assert not os.path.exists(f"{place}/running")


def test_program_that_is_not_there_is_found_out_before_anything_is_frozen(program, holds):
    done = subprocess.run([program, "--socket", holds.path, "hold", "larry", "no-such-program"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1
    assert 'there is no such program; nothing was frozen' in done.stderr
    assert "freeze" not in holds.put("story")[1]["story"]


def test_what_cannot_be_started_is_status_1_and_leaves_nothing_held(program, holds, place):
    with open(f"{place}/bad", "w") as file:
        file.write("#!/no/such/interpreter\n")
    os.chmod(f"{place}/bad", 0o755)
    done = subprocess.run([program, "--socket", holds.path, "hold", "larry", "--", f"{place}/bad"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1
    assert "cannot be started: No such file or directory" in done.stderr
    holds.wait_thawed()


def test_options_after_the_dashes_are_the_commands(program, holds):
    done = subprocess.run([program, "--socket", holds.path, "hold", "larry", "--for", "1m", "--", "printf", "%s-", "-o",
                           "--", "x"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "-o----x-")
