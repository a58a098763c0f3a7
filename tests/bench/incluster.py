# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Where the benches of the cluster measure: a control plane, a guest on its volumes, and a coordinator of its node.

Not a bench itself.
"""

import contextlib
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib/cluster"))

import kinds  # noqa: E402
import machine  # noqa: E402
from account import wait_allowed  # noqa: E402
from cluster import Cluster  # noqa: E402
from coordinators import ACCOUNT, NAMESPACE, Coordinators  # noqa: E402
from kubevirt import KubeVirt  # noqa: E402
from rig import Host  # noqa: E402

NODE = "node-a"
USUAL = ("--kube-api-qps=5", "--kube-api-burst=10")  # what the sidecars have if nobody says otherwise
QUICK = ("--kube-api-qps=100", "--kube-api-burst=200")
CLAIMS = {volume: volume for volume in machine.DISKS}
PATIENCE = 60  # seconds


@contextlib.contextmanager
def control_plane(limits=USUAL):
    """A cluster that has what is shipped, for either group."""
    with Cluster(csi_options=limits) as cluster:
        kubevirt = KubeVirt(cluster)
        for group in kinds.GROUPS:
            kinds.install(cluster, group)
        yield cluster, kubevirt


@contextlib.contextmanager
def leading(cluster, build):
    """A coordinator of NODE, that leads."""
    account = cluster.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinesnapshotcontents", kinds.OWN)
    with Coordinators(cluster, build) as coordinators:
        coordinator = coordinators.make(NODE)
        coordinator.start()
        coordinator.wait_ready()
        coordinator.wait_leads()
        yield coordinator


@contextlib.contextmanager
def running(build, limits=USUAL):
    """A Stage whose machine runs."""
    with control_plane(limits) as (cluster, kubevirt), Host() as host:
        with machine.running(cluster, kubevirt, host, "bench", node=NODE) as (vm, guest):
            with leading(cluster, build) as coordinator:
                yield Stage(cluster, vm, guest, coordinator)


class Stage:
    def __init__(self, cluster, vm, guest, coordinator):
        self.cluster = cluster
        self.admin = cluster.admin
        self.vm = vm
        self.namespace = vm.namespace
        self.guest = guest
        self.coordinator = coordinator
        self.snapshots = kinds.resource("VirtualMachineSnapshot", kinds.OWN)

    def take(self, name, wait=True):
        """Seconds from the creation of a snapshot until it is ready, as one sees it who watches, and what it is."""
        with Watcher(self.admin, self.snapshots, self.namespace) as watcher:
            begun = time.monotonic()
            self.admin.create(kinds.snapshot(name, self.vm.name), self.namespace)
            document, seen = watcher.wait(name, is_over)
        assert document["status"]["readyToUse"], document["status"]
        return seen - begun, document

    def delete(self, name):
        self.admin.delete(self.snapshots, name, self.namespace)
        self.admin.wait_gone(self.snapshots, name, self.namespace)


def is_over(document):
    status = document.get("status", {})
    return status.get("readyToUse") or status.get("phase") == "Failed"


class Watcher:
    """When a client that watches sees what it waits for."""

    def __init__(self, client, resource, namespace):
        self.watch = client.watch(resource, namespace=namespace, timeout=PATIENCE)

    def wait(self, name, condition):
        """(object, when), once it is so."""
        document = self.watch.until(
            lambda _, one: one["metadata"]["name"] == name and condition(one), f"{name} as it should be")
        return document, time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.watch.close()


class Pace:
    """One begins @apart seconds after the one before did, the first @apart seconds from now."""

    def __init__(self, apart):
        self.apart = apart
        self.next = time.monotonic() + apart

    def wait(self):
        threading.Event().wait(max(0, self.next - time.monotonic()))
        self.next = time.monotonic() + self.apart
