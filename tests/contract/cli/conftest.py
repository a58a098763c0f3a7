# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the command line's tests: the real binary, against a server that a test scripts."""

import json
import os
import ssl
import subprocess

import pytest

import fakeapi
import scratch
from pki import Authority

OWN, KUBEVIRTS = "snapshot.lull.dev", "snapshot.kubevirt.io"
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


def write_kubeconfig(path, port, contexts, **cluster):
    """@contexts: name to namespace, the first is the current one."""
    with open(path, "w") as file:
        json.dump({
            "apiVersion": "v1", "kind": "Config", "current-context": next(iter(contexts)),
            "clusters": [{"name": "here", "cluster": {"server": f"https://127.0.0.1:{port}", **cluster}}],
            "users": [{"name": "me", "user": {"token": "sesame"}}],
            "contexts": [{"name": name, "context": {"cluster": "here", "user": "me", "namespace": namespace}}
                         for name, namespace in contexts.items()]}, file)
    return path


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("pki") / "keys")
    authority.issue("server", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1")
    return authority


@pytest.fixture
def cluster(authority):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(authority.path("server.crt"), authority.path("server.key"))
    server = fakeapi.Api(None, tls, groups=(OWN, KUBEVIRTS), namespace="web")
    server.start()
    add_machine(server, "larry", ROOT_DISK)
    yield server
    server.stop()


@pytest.fixture
def kubeconfig(cluster, authority, place):
    return write_kubeconfig(os.path.join(place, "kubeconfig"), cluster.port, {"first": "web", "second": "mail"},
                            **{"certificate-authority": authority.path("ca.crt")})


def in_cluster(program, kubeconfig):
    """The binary with KUBECONFIG set, as users of kubectl have it."""
    lull = Lull(program, "")
    lull.environment["KUBECONFIG"] = kubeconfig
    return lull
