# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The state directory of a coordinator: QEMU, as another user, gets through; nobody else reads what is in it."""

import os
import stat
import subprocess

import pytest

import rest


@pytest.fixture
def state(directory):
    return os.path.join(directory, "state")


def command(build, directory, state, socket="coordinator.sock"):
    return [
        os.path.join(build, "coordinator/lull-coordinator"),
        *("--uri", "test:///default", "--state-dir", state),
        *("--runtime-dir", os.path.join(directory, "run"), "--socket", os.path.join(directory, socket)),
    ]


@pytest.fixture
def started(build, directory, state):
    """Starts a coordinator of libvirt's mock host under a umask; it is serving when this returns."""
    running = []

    def start(umask=0o022):
        process = subprocess.Popen(
            command(build, directory, state), umask=umask, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        for line in process.stderr:
            if "ready" in line:
                return
        pytest.fail(f"ended with {process.wait()}")

    yield start
    for process in running:
        process.terminate()
        process.wait(30)
        process.stderr.close()


def mode(*path):
    return stat.S_IMODE(os.stat(os.path.join(*path)).st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_others_get_through_to_the_data_and_read_nothing(started, state, umask):
    started(umask)

    assert mode(state) == mode(state, "snapshots") == 0o711
    assert mode(state, "intents") == 0o700
    assert mode(state, "store.db") == mode(state, "lock") == 0o600
    assert not [name for name in os.listdir(state) if name.startswith("store.db") and mode(state, name) & 0o077]


def test_a_directory_that_was_closed_to_others_is_opened(started, state):
    os.makedirs(os.path.join(state, "snapshots"), mode=0o700)
    os.chmod(state, 0o700)
    started(0o022)

    assert mode(state) == mode(state, "snapshots") == 0o711


def test_a_second_one_on_the_same_state_refuses_and_leaves_the_first_alone(build, directory, state, started):
    started()
    second = subprocess.run(
        command(build, directory, state, "second.sock"), capture_output=True, text=True, timeout=30
    )

    assert second.returncode == 1
    assert f"another lull-coordinator works on {state}" in second.stderr
    assert not os.path.exists(os.path.join(directory, "second.sock"))
    assert rest.Client(os.path.join(directory, "coordinator.sock")).get(rest.SNAPSHOTS)[0] == 200
