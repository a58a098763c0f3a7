# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The command line against the real server: what one says the other understands."""

import http.client
import json
import os
import signal
import socket
import subprocess

import pytest

from test_cli_apply import RESTORE, SNAPSHOT

PATH = "/apis/snapshot.kubevirt.io/v1beta1/namespaces/default/virtualmachinesnapshots"


class Served:
    """A served store, and the pen of its coordinator."""

    def __init__(self, program, place):
        self.program, self.place = program, place
        self.socket = os.path.join(place, "lull.sock")
        self.process = None

    def start(self):
        self.process = subprocess.Popen([self.program, os.path.join(self.place, "store.db"), self.socket],
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(30)
        self.process.stdout.close()

    def patch(self, path, body):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.socket)
        connection.request("PATCH", path, json.dumps(body), {"Content-Type": "application/merge-patch+json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, text


@pytest.fixture
def served(build, place):
    server = Served(os.path.join(build, "tests/contract/serve"), place)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def real(program, served, lull):
    lull.environment = {**lull.environment, "LULL_SOCKET": served.socket}
    return lull


READY = {"status": {"phase": "Succeeded", "readyToUse": True, "conditions": [
    {"type": "Ready", "status": "True", "reason": "Ready"}]}}


def test_files_are_applied_listed_shown_and_deleted(real):
    result = real("apply", "-f", "-", stdin=SNAPSHOT + "---\n" + RESTORE)
    assert (result.returncode, result.stdout) == (0, "snapshot/snap-larry created\nrestore/restore-larry created\n")
    assert real("apply", "-f", "-", stdin=SNAPSHOT).stdout == "snapshot/snap-larry unchanged\n"
    assert real("snapshots").stdout.splitlines()[1].split()[:3] == ["snap-larry", "VirtualMachine", "larry"]
    assert real("restores", "-o", "name").stdout == "virtualmachinerestore.snapshot.kubevirt.io/restore-larry\n"
    assert "  machine     larry\n" in real("show", "snap-larry").stdout
    assert real("show", "restore-larry").stdout.startswith("restore/restore-larry\n")
    assert json.loads(real("show", "snap-larry", "-o", "json").stdout)["kind"] == "VirtualMachineSnapshot"
    result = real("delete", "snap-larry", "restore-larry", "--wait")
    assert (result.returncode, result.stderr) == (0, "")
    assert real("snapshots", "-o", "name").stdout == ""


def test_labels_and_notes_of_what_is_there_are_changed(real):
    assert real("apply", "-f", "-", stdin=SNAPSHOT).returncode == 0
    changed = SNAPSHOT.replace("spec:", "  labels: {tier: gold}\nspec:")
    assert real("apply", "-f", "-", stdin=changed).stdout == "snapshot/snap-larry configured\n"
    assert json.loads(real("show", "snap-larry", "-o", "json").stdout)["metadata"]["labels"] == {"tier": "gold"}


def test_name_is_made_by_the_server_from_its_prefix(real):
    result = real("apply", "-f", "-", stdin=SNAPSHOT.replace("name: snap-larry", "generateName: nightly-"))
    assert result.returncode == 0
    assert result.stdout.startswith("snapshot/nightly-")


def test_waiting_sees_the_end(real, served):
    assert real("apply", "-f", "-", stdin=SNAPSHOT).returncode == 0
    process = real.start("wait", "snap-larry", "--timeout", "50s")
    assert process.stdout.readline() == "snapshot/snap-larry: preparing\n"
    served.patch(f"{PATH}/snap-larry/status", READY)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "snapshot/snap-larry is ready\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_waiting_goes_on_over_a_restart(real, served, number):
    assert real("apply", "-f", "-", stdin=SNAPSHOT).returncode == 0
    process = real.start("wait", "snap-larry", "--timeout", "50s")
    assert process.stdout.readline() == "snapshot/snap-larry: preparing\n"
    served.stop(number)
    served.start()
    served.patch(f"{PATH}/snap-larry/status", READY)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, "snapshot/snap-larry is ready\n", "")


def test_unknown_names_and_machines_are_told(real):
    for arguments in (["show", "nobody"], ["wait", "nobody"], ["delete", "nobody"], ["restore", "nobody"],
                      ["snapshot", "nobody"]):
        result = real(*arguments)
        assert result.returncode == 1
        assert '"nobody": there is none of that name' in result.stderr
    assert real("snapshots", "-o", "name").stdout == ""


def test_freezing_where_nobody_can_is_an_error(real):
    result = real("freeze", "larry", "--for", "1s")
    assert result.returncode == 1
    assert result.stderr.startswith("lull: freeze: vm")
