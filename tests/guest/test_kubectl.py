# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A stock kubectl, and what it shows of snapshots that were really taken."""

import os
import re
import subprocess

import pytest

from api import Api
from rig import ROOT, program, wait_for

LIMIT = 480  # seconds; a kubectl that ends never fails the test
SNAPSHOT = "virtualmachinesnapshot.snapshot.kubevirt.io"
RESTORE = "virtualmachinerestore.snapshot.kubevirt.io"

TAKE = """\
apiVersion: snapshot.kubevirt.io/{version}
kind: VirtualMachineSnapshot
metadata:
  name: {name}
spec:
  source: {{apiGroup: kubevirt.io, kind: VirtualMachine, name: shown}}
  failureDeadline: 5m
"""
BRING_BACK = """\
apiVersion: snapshot.kubevirt.io/v1alpha1
kind: VirtualMachineRestore
metadata:
  name: {name}
spec:
  target: {{apiGroup: kubevirt.io, kind: VirtualMachine, name: shown}}
  virtualMachineSnapshotName: {snapshot}
"""


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("shown", agent="lull", writer=False) as guest:
        yield guest


@pytest.fixture(scope="module")
def coordinator(host, guest):
    with host.coordinator("shows") as coordinator:
        yield coordinator


@pytest.fixture(scope="module")
def stock():
    fetch = os.path.join(ROOT, "tests/lib/go/fetch")
    return subprocess.run([fetch, "kubectl"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def start(stock, coordinator):
    """Starts a kubectl that is led to the coordinator."""
    environment = {**os.environ, "LULL_SOCKET": coordinator.socket, "XDG_RUNTIME_DIR": coordinator.runtime_dir,
                   "HOME": coordinator.dir, "LC_ALL": "C.UTF-8"}
    with subprocess.Popen([program("lull"), "proxy"], env=environment, stdout=subprocess.PIPE, text=True) as proxy:
        environment["KUBECONFIG"] = proxy.stdout.readline().strip().removeprefix("export KUBECONFIG=")

        def run(*arguments):
            return subprocess.Popen(["timeout", str(LIMIT), stock, *arguments], env=environment, text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        yield run
        proxy.terminate()


@pytest.fixture
def kubectl(start):
    """Runs one that must succeed, without a word of warning, and returns what it printed."""
    def run(*arguments, stdin=""):
        process = start(*arguments)
        output, errors = process.communicate(stdin)
        assert (process.returncode, errors) == (0, ""), (arguments, output, errors)
        return output
    return run


def golden(name):
    with open(os.path.join(os.path.dirname(__file__), "golden", name)) as file:
        return file.read()


def masked(text):
    """A description without what differs from one run to the next."""
    text = re.sub(r"(lull\.dev/quiesce-report:)\s+\{.*", r"\1 REPORT", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"((?:Resource Version|Generation): +)\d+", r"\1NUMBER", text)
    text = re.sub(r"\b\d+s( \(x\d+ over \d+s\))?", "AGE", text)
    head, events = text.split("Events:\n")
    rows = sorted(re.sub(r" {2,}", "  ", line).rstrip() for line in events.splitlines())
    return head + "\n".join(["Events:", *rows, ""])


def test_a_watched_table_shows_a_snapshot_come_about(kubectl, start, coordinator):
    Api(coordinator).snap("earlier", "shown")
    watching = start("get", "vmsnapshot", "--watch", "--output", "wide")
    with watching:
        shown = (line.split() for line in watching.stdout)
        head, first = next(shown), next(shown)  # it watches from here on
        kubectl("create", "-f", "-", stdin=TAKE.format(version="v1beta1", name="watched"))
        rows = []
        for row in shown:
            if row[0] == "earlier":
                continue
            rows.append(row)
            if "true" in row:
                break
        watching.kill()
    last = rows[-1]
    assert head == ["NAME", "SOURCEKIND", "SOURCENAME", "PHASE", "READYTOUSE", "CREATIONTIME", "ERROR", "LEVEL", "PROOF",
                    "WITNESS", "WINDOW"]
    assert first[:4] == ["earlier", "VirtualMachine", "shown", "Succeeded"], first
    assert all(row[:3] == ["watched", "VirtualMachine", "shown"] for row in rows), rows
    phases = [row[3] for row in rows if len(row) > 3]
    assert phases == sorted(phases) and set(phases) == {"InProgress", "Succeeded"}, rows
    assert last[3:5] == ["Succeeded", "true"] and last[-5:-2] == ["fs", "held", "quiet"] and last[-1] == "ms", last


def test_a_description_of_a_snapshot_is_the_golden_one(kubectl, coordinator):
    name = f"{SNAPSHOT}/described"
    kubectl("create", "-f", "-", stdin=TAKE.format(version="v1beta1", name="described"))
    kubectl("wait", "--for=condition=Ready", "--timeout=240s", name)
    told = "involvedObject.name=described,reason=VirtualMachineSnapshotReady"
    wait_for(lambda: kubectl("get", "events", "-o", "name", "--field-selector", told), 20, "that it is ready is told")
    wait_for(lambda: "lull.dev/progress" not in Api(coordinator).snapshot("described")["metadata"]["annotations"], 20,
             "no progress is told any more")
    assert masked(kubectl("describe", name)) == golden("describe-snapshot.txt")


def test_manifests_of_the_older_version_work_too(kubectl, coordinator, guest):
    name = f"{SNAPSHOT}/older"
    assert kubectl("apply", "-f", "-", stdin=TAKE.format(version="v1alpha1", name="older")) == f"{name} created\n"
    kubectl("wait", "--for=condition=Ready", "--timeout=240s", name)
    shown = kubectl("get", "virtualmachinesnapshots.v1alpha1.snapshot.kubevirt.io", "older",
                    "-o", "jsonpath={.apiVersion} {.status.phase}")
    assert shown == "snapshot.kubevirt.io/v1alpha1 Succeeded"
    guest.poweroff()
    Api(coordinator).wait_state(guest.name, "Stopped")
    kubectl("apply", "-f", "-", stdin=BRING_BACK.format(name="back", snapshot="older"))
    kubectl("wait", "--for=condition=Ready", "--timeout=240s", f"{RESTORE}/back")
    kubectl("delete", name, f"{RESTORE}/back")
    assert "older" not in kubectl("get", "vmsnapshot", "-o", "name")
