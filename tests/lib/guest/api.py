# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Snapshots and restores of a coordinator, as its API tells of them."""

import contextlib
import http.client
import json
import os
import signal

import leftovers
import rest
from rig import wait_for

CONTENTS = f"{rest.BASE}/virtualmachinesnapshotcontents"
RESTORES = f"{rest.BASE}/virtualmachinerestores"
VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"

# As people write it.
SNAP_LARRY = """\
apiVersion: snapshot.kubevirt.io/v1beta1
kind: VirtualMachineSnapshot
metadata:
  name: snap-larry
spec:
  source:
    apiGroup: kubevirt.io
    kind: VirtualMachine
    name: larry
"""


class Api:
    """A coordinator that may be away for a while is waited for."""

    def __init__(self, coordinator, timeout=rest.TIMEOUT):
        self.coordinator = coordinator
        self.rest = rest.Client(coordinator.socket, timeout)

    def get(self, path):
        """The object, None where there is none, or where nobody answers, or not to the end."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, document = self.rest.get(path)
            return document if status == 200 else None
        return None

    def _create(self, path, kind, name, spec, annotations=None):
        body = {
            "apiVersion": f"{rest.GROUP}/v1beta1",
            "kind": kind,
            "metadata": {"name": name, "annotations": annotations or {}},
            "spec": spec,
        }
        status, document = self.rest.post(path, body)
        assert status == 201, document

    def take(self, name, vm, annotations=None, **spec):
        """Begins a snapshot."""
        source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": vm}
        self._create(rest.SNAPSHOTS, "VirtualMachineSnapshot", name, {"source": source, **spec}, annotations)

    def restore(self, name, snapshot, vm, **spec):
        """Begins a restore."""
        target = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": vm}
        spec = {"target": target, "virtualMachineSnapshotName": snapshot, **spec}
        self._create(RESTORES, "VirtualMachineRestore", name, spec)

    def snapshot(self, name):
        return self.get(f"{rest.SNAPSHOTS}/{name}")

    def content(self, snapshot):
        return self.get(f"{CONTENTS}/vmsnapshot-content-{snapshot['metadata']['uid']}")

    def settle(self, name, timeout=60):
        """Waits until a snapshot is ready or has failed for good, and returns it."""
        return self._settle(f"{rest.SNAPSHOTS}/{name}", timeout)

    def settle_restore(self, name, timeout=60):
        return self._settle(f"{RESTORES}/{name}", timeout)

    def _settle(self, path, timeout):
        def settled():
            document = self.get(path)
            ended = document and (condition(document, "Ready") or condition(document, "Failure"))
            return document if ended else None

        return wait_for(settled, timeout, lambda: f"{path}: ready or failed: {self.get(path)}")

    def is_cut(self, name):
        """Whether its attempt has its verdict, and is gone on with by whoever comes later."""
        content = self.content(self.snapshot(name))
        text = content and content["metadata"].get("annotations", {}).get("lull.dev/attempt")
        return text and json.loads(text)["stage"] == "cut"

    def take_and_die(self, name, guest):
        """Begins a snapshot. Its coordinator, which is not yet started, is killed in the midst of copying: not before
        it has a verdict, and not after the copy is over, since QEMU does not answer meanwhile."""
        self.coordinator.start(step="coordinator.copy-begun=stop")
        self.take(name, guest.name)
        wait_for(self.coordinator.is_stopped, 60, "it has stopped itself", interval=0.005)
        with guest.hung():
            self.coordinator.kill(signal.SIGCONT)
            wait_for(lambda: self.is_cut(name), 20, "it has a verdict")
            self.coordinator.kill()

    def snap(self, name, vm, timeout=60, **options):
        """Takes a snapshot and returns what became of it."""
        self.take(name, vm, **options)
        return self.settle(name, timeout)

    def delete(self, name, timeout=30):
        path = f"{rest.SNAPSHOTS}/{name}"
        self.rest.delete(path)
        wait_for(lambda: self.rest.get(path)[0] == 404, timeout, f"{name}: deleted")

    def wait_state(self, vm, state):
        """Until the coordinator has heard that the machine is Running, Paused or Stopped."""
        wait_for(lambda: self.get(f"{VMS}/{vm}")["status"]["printableStatus"] == state, 10, f"{vm}: {state}")

    def data(self, snapshot):
        """The folder of a snapshot's data."""
        return os.path.join(
            self.coordinator.state_dir, "snapshots", self.content(snapshot)["metadata"]["uid"]
        )

    def stored(self):
        """The folders of all snapshots and attempts."""
        return set(os.listdir(os.path.join(self.coordinator.state_dir, "snapshots")))

    def assert_nothing_left(self, vm, contents=0, libvirt=False):
        """No lock, no intent, no attempt, as many contents as are wanted; with @libvirt also nothing in libvirt, in QEMU
        and on the host but what they need."""

        def left():
            stored = self.stored()
            status = self.get(f"{VMS}/{vm}")["status"]
            found = {key: status[key] for key in ("snapshotInProgress", "restoreInProgress") if status.get(key)}
            found["intents"] = os.listdir(os.path.join(self.coordinator.state_dir, "intents"))
            found["stored"] = stored if len(stored) != contents or any("attempt" in name for name in stored) else None
            if libvirt:
                directory = os.path.join(self.coordinator.state_dir, "snapshots")
                found |= leftovers.of_machine(self.coordinator.host, vm, directory)
            return {key: value for key, value in found.items() if value}

        wait_for(lambda: not left(), 20, lambda: f"nothing of {vm} is left: {left()}")


def condition(document, kind):
    """Whether the condition is True."""
    return any(c["type"] == kind and c["status"] == "True" for c in _conditions(document))


def reason(document, kind):
    return next((c["reason"] for c in _conditions(document) if c["type"] == kind), None)


def _conditions(document):
    return document.get("status", {}).get("conditions", [])


def report(document):
    return json.loads(document["metadata"]["annotations"]["lull.dev/quiesce-report"])


def indications(document):
    return set(document["status"]["indications"])
