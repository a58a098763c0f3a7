# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the contract suite: a store served on a unix socket, by a process of its own; an island on
which agents may freeze everything."""

import contextlib
import os
import signal
import subprocess

import pytest

import agents
import rest
import scratch
from waiting import wait_for


@pytest.fixture(scope="session")
def build():
    return os.environ.get("LULL_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))


@pytest.fixture
def directory():
    path = scratch.make("rest")
    yield path
    scratch.remove(path)


class Server:
    """One serving process at a time, on the same store and socket."""

    def __init__(self, build, directory):
        self.program = os.path.join(build, "tests/contract/serve")
        self.store = os.path.join(directory, "store.db")
        self.socket = os.path.join(directory, "lull.sock")
        self.process = None

    def spawn(self, *extra):
        """Starts a process, says what it says first."""
        process = subprocess.Popen([self.program, self.store, self.socket, *extra], stdout=subprocess.PIPE, text=True)
        return process, process.stdout.readline().strip()

    def start(self, *extra):
        self.process, word = self.spawn(*extra)
        assert word == "ready", word
        return rest.Client(self.socket)

    def stop(self, number=signal.SIGTERM):
        if self.process:
            self.process.send_signal(number)
            status = self.process.wait(60)
            self.process.stdout.close()
            self.process = None
            return status


@pytest.fixture
def server(build, directory):
    server = Server(build, directory)
    yield server
    assert server.stop() in (0, None)


@pytest.fixture
def client(server):
    return server.start()


@pytest.fixture
def mocked(build, directory):
    """A client of a coordinator over libvirt's mock host, which has a machine "test" that runs."""
    path = os.path.join(directory, "coordinator.sock")
    with open(os.path.join(directory, "log"), "w") as log:
        process = subprocess.Popen(
            [os.path.join(build, "coordinator/lull-coordinator"), "--uri", "test:///default",
             "--state-dir", os.path.join(directory, "state"), "--runtime-dir", directory, "--socket", path],
            stderr=log)
    client = rest.Client(path)

    def answers():
        with contextlib.suppress(OSError):
            return client.get("/version")[0] == 200

    try:
        wait_for(lambda: process.poll() is not None or answers(), "the coordinator answers")
        yield client
    finally:
        process.terminate()
        assert process.wait(60) == 0


@pytest.fixture(scope="module")
def island(build):
    """Two file systems, /mnt/a (ext4) and /mnt/b (xfs), and nothing else on a block device."""
    path = scratch.make("island")
    island = agents.make_island(path, build)
    try:
        island.mount_image("ext4", "/mnt/a")
        island.mount_image("xfs", "/mnt/b")
        yield island
    finally:
        island.close()
        scratch.remove(path)
