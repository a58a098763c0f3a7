# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The state directory of a coordinator: QEMU, as another user, gets through; nobody else reads what is in it."""

import os
import stat
import subprocess

import pytest


@pytest.fixture
def state(directory):
    return os.path.join(directory, "state")


@pytest.fixture
def started(build, directory, state):
    """Starts a coordinator of libvirt's mock host under a umask; it is serving when this returns."""
    running = []

    def start(umask):
        socket = os.path.join(directory, "coordinator.sock")
        process = subprocess.Popen(
            [
                os.path.join(build, "coordinator/lull-coordinator"),
                *("--uri", "test:///default", "--state-dir", state),
                *("--runtime-dir", os.path.join(directory, "run"), "--socket", socket),
            ],
            umask=umask,
            stderr=subprocess.PIPE,
            text=True,
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
