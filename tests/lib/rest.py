# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The coordinator's API over its unix socket, as plain as http.client makes it."""

import http.client
import json
import socket

GROUP = "snapshot.kubevirt.io"
BASE = f"/apis/{GROUP}/v1beta1/namespaces/default"
SNAPSHOTS = f"{BASE}/virtualmachinesnapshots"
SUBRESOURCES = "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances"
MERGE = "application/merge-patch+json"
TIMEOUT = 30  # a server that answers never fails the test


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout=TIMEOUT):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)  # blocking: with a time-out a full backlog would be an error at once
        self.sock.settimeout(self.timeout)


class Client:
    def __init__(self, path, timeout=TIMEOUT):
        self.path = path
        self.timeout = timeout

    def connect(self):
        return Connection(self.path)

    def send(self, method, path, body=None, content_type="application/json"):
        """Sends a request and returns its connection, the answer not yet read."""
        connection = Connection(self.path, self.timeout)
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": content_type} if data is not None else {})
        return connection

    def call(self, method, path, body=None, content_type="application/json"):
        """(status, document): the document None where the body is empty."""
        connection = self.send(method, path, body, content_type)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, json.loads(data) if data else None

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body):
        return self.call("POST", path, body)

    def patch(self, path, body, content_type=MERGE):
        return self.call("PATCH", path, body, content_type)

    def delete(self, path, body=None):
        return self.call("DELETE", path, body)

    def watch(self, path, **query):
        return Watch(self.path, path, query)

    def connected(self):
        """How many connections the server has accepted and not yet ended."""
        with open("/proc/net/unix") as file:
            rows = [line.split() for line in file]
        return sum(row[5] == "03" and row[-1] == self.path for row in rows)


class Watch:
    """A stream of events; next() gives ("ADDED", object), or None at its end."""

    def __init__(self, socket_path, path, query):
        accept = query.pop("accept", "application/json")
        text = "&".join(f"{key}={value}" for key, value in query.items())
        self.connection = Connection(socket_path)
        self.connection.request("GET", f"{path}?watch=1&{text}", headers={"Accept": accept})
        self.sock = self.connection.sock  # which the connection forgets where the server closes it in the end
        self.response = self.connection.getresponse()

    def next(self):
        line = self.response.readline()
        if not line:
            return None
        event = json.loads(line)
        return event["type"], event["object"]

    def names(self, count):
        """The next events as "ADDED a"."""
        events = [self.next() for _ in range(count)]
        return [f"{kind} {thing['metadata']['name']}" for kind, thing in events]

    def end(self):
        """From any thread: who waits in next() has None."""
        self.sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.connection.close()
        self.response.close()


def snapshot(name, version="v1beta1", metadata=None, **spec):
    return {
        "apiVersion": f"{GROUP}/{version}",
        "kind": "VirtualMachineSnapshot",
        "metadata": {"name": name, **(metadata or {})},
        "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"}, **spec},
    }


def restore(name, **spec):
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "VirtualMachineRestore",
        "metadata": {"name": name},
        "spec": {
            "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"},
            "virtualMachineSnapshotName": "snap-larry",
            **spec,
        },
    }
