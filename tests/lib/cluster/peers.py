# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Others who cut a guest's volumes by VolumeSnapshots while it is frozen: what we are compared with.

    cut = Reference(cluster, namespace, guest).snapshot("one", {"root": "larry-root", "data": "larry-data"})
    cut.freeze, cut.storage, cut.thaw      # seconds, one after the other
    cut.seen["root"]                       # the object on whose word the guest was let go

The Reference does what KubeVirt's controller does between freeze and thaw, and leaves out what would only be slower
there: the hops to the guest, its events, what its other queues write. Bare does as little as can be done.
"""

import contextlib
import dataclasses
import http.client
import json
import queue
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import libvirt

from kinds import KUBEVIRTS, content, resource
from kubeapi import ApiError, Client, Watch, path_to, with_query
from volumes import CONTENTS, SNAPSHOTS, content_name, volume_snapshot

LIMIT = 60  # seconds; nobody here keeps a guest frozen for longer
FROZEN_RETRY = 5  # seconds until the reference tries again to freeze or thaw
RETRY, RETRY_LIMIT = 0.005, 1000  # seconds; of other failures, twice as long each time


@dataclasses.dataclass
class Cut:
    """What it took, in seconds, from the call that freezes to the end of the one that thaws; the VolumeSnapshots, by
    volume, and what was last seen of each before the thaw."""

    freeze: float
    storage: float
    thaw: float
    snapshots: dict
    seen: dict

    @property
    def window(self):
        return self.freeze + self.storage + self.thaw


class Launcher:
    """Freezes and thaws as virt-launcher does: it asks first."""

    def __init__(self, guest):
        self.guest = guest

    def status(self):
        return self.guest.agent("guest-fsfreeze-status")

    def freeze(self):
        if self.status() != "frozen":
            self.guest.domain.fsFreeze()

    def thaw(self):
        if self.status() != "thawed":
            self.guest.domain.fsThaw()


class Informer:
    """A cache of a name space's VolumeSnapshots, kept by a watch; it tells a queue that there is something new."""

    def __init__(self, client, namespace, news):
        self.known = {}
        self.news = news
        self.watch = client.watch(SNAPSHOTS, namespace=namespace, timeout=None)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while event := self._next():
            kind, document = event
            name = document["metadata"]["name"]
            if kind == "DELETED":
                self.known.pop(name, None)
            else:
                self.known[name] = document
            self.news.put("changed")

    def _next(self):
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):  # cut off in the middle of something
            return self.watch.next()

    def close(self):
        """Cuts it off first: what is read cannot be closed."""
        with contextlib.suppress(OSError):
            self.watch.connection.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.watch.close()


class Reference:
    """Thaws when all VolumeSnapshots say when they were created. One key of the controller's queue of contents: a pass
    follows each change of a VolumeSnapshot, at once; nothing is polled."""

    def __init__(self, cluster, namespace, guest):
        self.admin = cluster.admin
        self.namespace = namespace
        self.launcher = Launcher(guest)
        self.contents = resource("VirtualMachineSnapshotContent", KUBEVIRTS)

    def snapshot(self, name, claims):
        work = Work(self, name, claims)
        try:
            return work.run()
        finally:
            work.close()


class Work:
    """On one content, until its guest is thawed."""

    def __init__(self, reference, name, claims):
        self.admin = reference.admin
        self.namespace = reference.namespace
        self.launcher = reference.launcher
        self.resource = reference.contents
        self.claims = claims
        self.names = {volume: f"vmsnapshot-{name}-volume-{volume}" for volume in claims}
        self.frozen_at = self.freeze_took = self.thaw_took = None
        document = content(f"vmsnapshot-content-{name}", name, group=KUBEVIRTS)
        document["spec"]["volumeBackups"] = [
            {"volumeName": volume, "volumeSnapshotName": self.names[volume],
             "persistentVolumeClaim": {"metadata": {"name": claim}}} for volume, claim in claims.items()]
        self.content = self.admin.create(document, self.namespace)
        self.queue = queue.Queue()
        self.informer = Informer(self.admin, self.namespace, self.queue)

    def run(self):
        failures = 0
        deadline = time.monotonic() + LIMIT
        while self.thaw_took is None:
            assert time.monotonic() < deadline, f"never cut: {self.informer.known}"
            try:
                delay = self._pass()
                failures = 0 if delay is None else failures
            except (OSError, ApiError):  # one that is made already and not yet in the cache, too
                delay = min(RETRY * 2 ** failures, RETRY_LIMIT)
                failures += 1
            if self.thaw_took is None:
                self._wait(delay)
        cut_took = self.thawed_at - self.frozen_at - self.freeze_took
        seen = {volume: self.seen[name] for volume, name in self.names.items()}
        return Cut(self.freeze_took, cut_took, self.thaw_took, seen, seen)

    def _wait(self, delay):
        """For the next pass; what came in meanwhile is one."""
        try:
            self.queue.get(timeout=LIMIT if delay is None else delay)
        except queue.Empty:
            return
        while not self.queue.empty():
            self.queue.get_nowait()

    def _pass(self):
        """Seconds until the next one, if nothing happens before."""
        known = dict(self.informer.known)
        for volume, name in self.names.items():
            if name in known:
                continue
            try:
                self._freeze()
            except libvirt.libvirtError as error:
                self._write({"readyToUse": False, "error": {"message": str(error)}})
                return FROZEN_RETRY
            known[name] = self._create(volume, name)
        created = all("creationTime" in known[name].get("status", {}) for name in self.names.values())
        if created:
            self.seen = known
            try:
                self._thaw()
            except libvirt.libvirtError as error:
                self._write({"readyToUse": False, "error": {"message": str(error)}})
                return FROZEN_RETRY
        self._write({
            "readyToUse": all(known[name].get("status", {}).get("readyToUse", False) for name in self.names.values()),
            "volumeSnapshotStatus": [{"volumeSnapshotName": name, **of_interest(known[name])}
                                     for name in self.names.values()]})
        return None

    def _freeze(self):
        if self.frozen_at is None:
            begun = time.monotonic()
            self.launcher.freeze()
            self.frozen_at, self.freeze_took = begun, time.monotonic() - begun

    def _thaw(self):
        self.thawed_at = time.monotonic()
        self.launcher.thaw()
        self.thaw_took = time.monotonic() - self.thawed_at

    def _create(self, volume, name):
        return self.admin.create(volume_snapshot(name, self.claims[volume]), self.namespace)

    def _write(self, status):
        if self.content.get("status") != status:
            self.content["status"] = status
            self.content = self.admin.replace(self.resource, self.content, "status")

    def close(self):
        self.informer.close()
        self.launcher.thaw()
        self.admin.delete(self.resource, self.content["metadata"]["name"], self.namespace)


def of_interest(snapshot):
    status = snapshot.get("status", {})
    return {key: status[key] for key in ("creationTime", "readyToUse", "error") if key in status}


class Bare:
    """The least that a client can do: all VolumeSnapshots at once over connections that are open, and a watch of each
    content by its name. @freeze and @thaw are the guest's, called once each."""

    def __init__(self, cluster, namespace, freeze=lambda: None, thaw=lambda: None):
        self.admin = cluster.admin
        self.namespace = namespace
        self.freeze = freeze
        self.thaw = thaw

    def snapshot(self, name, claims):
        parts = {volume: Part(self.admin, self.namespace, f"{name}-{volume}", claim)
                 for volume, claim in claims.items()}
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(Part.open, parts.values()))
            begun = time.monotonic()
            try:
                self.freeze()
                frozen = time.monotonic()
                done = dict(zip(parts, pool.map(Part.cut, parts.values())))
                cut = time.monotonic()
            finally:
                self.thaw()
        thawed = time.monotonic()
        return Cut(frozen - begun, cut - frozen, thawed - cut,
                   {volume: snapshot for volume, (snapshot, _) in done.items()},
                   {volume: seen for volume, (_, seen) in done.items()})


class Part:
    """One volume of it."""

    def __init__(self, client: Client, namespace, name, claim):
        self.client = client
        self.path = path_to(SNAPSHOTS, namespace=namespace)
        self.document = volume_snapshot(name, claim)

    def open(self):
        """Two connections, that are there before it matters."""
        self.connections = [self.client.connect(LIMIT) for _ in range(2)]
        for connection in self.connections:
            connection.connect()

    def cut(self):
        """The VolumeSnapshot, and its content once the storage has cut."""
        post, watch = self.connections
        try:
            post.request("POST", self.path, json.dumps(self.document), {"Content-Type": "application/json"})
            response = post.getresponse()
            snapshot = json.loads(response.read())
            assert response.status == 201, snapshot
            field = f"metadata.name={content_name(snapshot)}"
            path = with_query(path_to(CONTENTS), {"watch": 1, "fieldSelector": field})
            stream = Watch(self.client, path, connection=watch)
            return snapshot, stream.until(is_cut, "a cut")
        finally:
            for connection in self.connections:
                connection.close()


def is_cut(_kind, document):
    return "creationTime" in document.get("status", {})
