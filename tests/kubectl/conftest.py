# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the kubectl suite: a stock kubectl, led by lull proxy to a store that is really served."""

import os
import subprocess

import pytest

import rest
import scratch

HERE = os.path.dirname(__file__)
BUILD = os.environ.get("LULL_BUILD", os.path.join(HERE, "../../build"))
LULL = os.path.join(BUILD, "coordinator/cli/lull")
LIMIT = 120  # seconds; a kubectl that ends never fails the test


@pytest.fixture(scope="session")
def program():
    return subprocess.run([os.path.join(HERE, "../lib/go/fetch"), "kubectl"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


class Kubectl:
    """Runs kubectl; what the coordinator would do is done through the socket."""

    def __init__(self, program, directory):
        self.program = program
        self.client = rest.Client(os.path.join(directory, "lull.sock"))
        self.server = subprocess.Popen(
            [os.path.join(BUILD, "tests/contract/serve"), os.path.join(directory, "store.db"), self.client.path],
            stdout=subprocess.PIPE, text=True)
        assert self.server.stdout.readline() == "ready\n"
        self.environment = {**os.environ, "LULL_SOCKET": self.client.path, "XDG_RUNTIME_DIR": directory,
                            "HOME": directory, "LC_ALL": "C.UTF-8"}
        self.proxy = subprocess.Popen([LULL, "proxy"], env=self.environment, stdout=subprocess.PIPE, text=True)
        self.environment["KUBECONFIG"] = self.proxy.stdout.readline().strip().removeprefix("export KUBECONFIG=")

    def start(self, *arguments, **environment):
        return subprocess.Popen([self.program, *arguments], env={**self.environment, **environment},
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, stdin="", **environment):
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(stdin, timeout=LIMIT)
        return process.returncode, output, errors

    def __call__(self, *arguments, **environment):
        """The output of a kubectl that must succeed, without a word of warning."""
        status, output, errors = self.run(*arguments, **environment)
        assert (status, errors) == (0, ""), (arguments, status, output, errors)
        return output

    def apply(self, name):
        return self("apply", "-f", os.path.join(HERE, name))

    def patch_status(self, name, status, annotations=None):
        path = f"{rest.SNAPSHOTS}/{name}"
        if annotations:
            assert self.client.patch(path, {"metadata": {"annotations": annotations}})[0] == 200
        assert self.client.patch(f"{path}/status", {"status": status})[0] == 200

    def tell(self, name, kind, reason, message):
        """An event of a snapshot."""
        uid = self.client.get(f"{rest.SNAPSHOTS}/{name}")[1]["metadata"]["uid"]
        event = {"uid": uid, "type": kind, "reason": reason, "message": message}
        assert self.client.call("PUT", f"{rest.SUBRESOURCES}/{name}/tell", event)[0] == 200

    def close(self):
        self.proxy.terminate()
        assert self.proxy.wait(30) == 0
        assert not os.path.exists(self.environment["KUBECONFIG"])
        self.server.terminate()
        assert self.server.wait(30) == 0
        self.proxy.stdout.close()
        self.server.stdout.close()


@pytest.fixture
def kubectl(program):
    directory = scratch.make("kubectl")
    kubectl = Kubectl(program, directory)
    yield kubectl
    kubectl.close()
    scratch.remove(directory)
