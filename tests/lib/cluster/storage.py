# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The storage back end of a cluster in a process of its own, what it cuts, and a way to it that loses answers."""

import contextlib
import json
import os
import queue
import socket
import subprocess
import threading

from kinds import content
from volumes import SNAPSHOTS, claim

TIMEOUT = 90


class Storage:
    """A process that has the storage; tests/cluster/csi-driver.c has the orders."""

    def __init__(self, build, kubeconfig, log):
        self.process = subprocess.Popen([os.path.join(build, "tests/cluster/csi-driver"), kubeconfig],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.answers = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))

    def tell(self, *order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self):
        return self.answers.get(timeout=TIMEOUT)

    def do(self, *order):
        self.tell(*order)
        return self.answer()

    def must(self, *order):
        answer = self.do(*order)
        assert answer["ok"], (order, answer)
        return answer

    def refused(self, *order):
        """(code, message) of an order that must fail."""
        answer = self.do(*order)
        assert not answer["ok"], (order, answer)
        return answer["error"], answer["message"]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            assert self.process.wait(TIMEOUT) == 0


class Passage:
    """Passes what a client sends on to the API server, and its answers back, or not."""

    def __init__(self, port):
        self.target = port
        self.deaf = False
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                self.sockets += [client, server]
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source, sink, back):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not (back and self.deaf):
                    sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def lose(self):
        """Answers are lost from now on."""
        self.deaf = True

    def mend(self):
        """The connections that lost something end; new ones pass everything."""
        old, self.sockets = self.sockets, []
        self.deaf = False
        for one in old:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()
        self.mend()


class Machine:
    """A content whose volumes are on bound claims of their names, which are made where they are not there, as the
    snapshot's reconciler makes it."""

    def __init__(self, cluster, namespace, *volumes, storage_class=None):
        self.cluster = cluster
        self.namespace = namespace
        self.volumes = volumes
        for name in volumes:
            if not cluster.admin.find("persistentvolumeclaims", name, namespace):
                cluster.admin.create(claim(name, storage_class=storage_class), namespace)
        uids = {name: cluster.wait_bound(name, namespace)["metadata"]["uid"] for name in volumes}
        document = content("vmsnapshot-content-x")
        document["spec"]["volumeBackups"] = [
            {"volumeName": name, "persistentVolumeClaim": {"metadata": {"name": name, "uid": uids[name]}},
             "volumeSnapshotName": self.snapshot(name)} for name in volumes]
        self.content = cluster.admin.create(document, namespace)
        self.uid = self.content["metadata"]["uid"]

    def snapshot(self, volume, attempt=1):
        return f"vmsnapshot-x-volume-{volume}" + (f".{attempt}" if attempt > 1 else "")

    def snapshots(self, attempt=None):
        """Those that are there and not about to go, by name."""
        found = self.cluster.admin.list(SNAPSHOTS, self.namespace)
        return {one["metadata"]["name"]: one for one in found if "deletionTimestamp" not in one["metadata"] and
                (attempt is None or one["metadata"]["labels"].get("lull.dev/attempt") == str(attempt))}

    def read(self, volume, attempt=1):
        return self.cluster.admin.read(SNAPSHOTS, self.snapshot(volume, attempt), self.namespace)

    def wait_snapshot(self, volume, attempt=1):
        return self.cluster.admin.wait(SNAPSHOTS, self.snapshot(volume, attempt), bool, "made", self.namespace)

    def handle(self, volume):
        return self.cluster.driver.handle(volume, self.namespace)
