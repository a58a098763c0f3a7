# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the command line's tests: the real binary, against a server that a test scripts."""

import os
import subprocess

import pytest

import fakeapi
import scratch

READY = [fakeapi.condition("Ready", "True", "Ready")]


@pytest.fixture
def place():
    path = scratch.make("cli")
    yield path
    scratch.remove(path)


@pytest.fixture
def api(place):
    server = fakeapi.Api(os.path.join(place, "api.sock"))
    server.start()
    yield server
    server.stop()


class Lull:
    """Runs the binary against one socket."""

    def __init__(self, program, socket):
        self.program = program
        self.environment = {**os.environ, "LULL_SOCKET": socket, "LC_ALL": "C.UTF-8"}

    def start(self, *arguments, **options):
        return subprocess.Popen([self.program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=self.environment, **options)

    def __call__(self, *arguments, stdin=""):
        return subprocess.run([self.program, *arguments], input=stdin, capture_output=True, text=True, timeout=60,
                              env=self.environment)


@pytest.fixture(scope="session")
def build():
    return os.environ.get("LULL_BUILD", os.path.join(os.path.dirname(__file__), "../../../build"))


@pytest.fixture(scope="session")
def program(build):
    return os.path.join(build, "coordinator/cli/lull")


@pytest.fixture
def lull(program, api):
    return Lull(program, api.socket)


def add_machine(api, name, *volumes):
    """A machine with @volumes: (name, type, why it cannot be included or None)."""
    spec = {"template": {"spec": {"volumes": [{"name": volume, kind: {}} for volume, kind, _ in volumes]}}}
    statuses = [{"name": volume, "enabled": True} if not why else {"name": volume, "enabled": False, "reason": why}
                for volume, _, why in volumes]
    return api.add("virtualmachines", name, spec=spec,
                   status={"printableStatus": "Running", "volumeSnapshotStatuses": statuses})


ROOT_DISK = ("rootdisk", "persistentVolumeClaim", None)


@pytest.fixture
def larry(api):
    """A machine with a disk and a CD-ROM."""
    return add_machine(api, "larry", ROOT_DISK, ("cdrom", "hostDisk", "it is a CD-ROM"))


@pytest.fixture
def moe(api):
    """A machine with a disk that cannot be included."""
    return add_machine(api, "moe", ROOT_DISK, ("shared", "persistentVolumeClaim", "it is shareable"))


@pytest.fixture
def make_ready(api):
    """Makes a snapshot ready, as it would be at the end."""
    def make(name="snap-larry", require=None, **members):
        annotations = {**fakeapi.report(**members), **({"lull.dev/require": require} if require else {})}
        return api.add("virtualmachinesnapshots", name, metadata={"annotations": annotations},
                       spec={"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"}},
                       status={"phase": "Succeeded", "readyToUse": True, "conditions": READY,
                               "snapshotVolumes": {"includedVolumes": ["rootdisk"], "excludedVolumes": ["cdrom"]}})
    return make
