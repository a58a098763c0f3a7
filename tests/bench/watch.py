# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What it costs the server to deliver one event to one watcher, with 200 of them and with a single one.

Processor time of the serving process while one object changes many times, less what the same changes cost it with nobody
watching, over the number of events delivered.
"""

import os
import selectors
import subprocess

import rest
import scratch
from bench import Figure

WATCHERS = 200
ROUNDS = 6
CHANGES = {0: 200, 1: 2000, WATCHERS: 200}


def _cpu_usec(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1000


class Crowd:
    """Watchers that read what they are sent, on connections of their own."""

    def __init__(self, path, n):
        self.selector = selectors.DefaultSelector()
        self.counts = {}
        for _ in range(n):
            connection = rest.Connection(path)
            connection.request("GET", f"{rest.SNAPSHOTS}?watch=1")
            self.counts[connection.sock] = 0
            connection.sock.setblocking(False)
            self.selector.register(connection.sock, selectors.EVENT_READ, connection)

    def read_until(self, n):
        """Every watcher has had @n events."""
        while any(count < n for count in self.counts.values()):
            ready = self.selector.select(30)
            assert ready, f"no more events: {sorted(self.counts.values())[:5]} of {n}"
            for key, _ in ready:
                data = key.fileobj.recv(1 << 20)
                assert data, "a watch ended"
                self.counts[key.fileobj] += data.count(b'{"type":')

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.data.close()
        self.selector.close()


def _change(client, n, crowd, seen):
    for i in range(n):
        status, _ = client.patch(f"{rest.SNAPSHOTS}/watched", {"metadata": {"labels": {"turn": str(i)}}})
        assert status == 200, status
        if crowd.counts and i % 20 == 19:
            crowd.read_until(seen + i + 1)


def _measure(client, process, watchers):
    """Microseconds for a change."""
    crowd = Crowd(client.path, watchers)
    try:
        crowd.read_until(1)  # what there is
        _change(client, 20, crowd, 1)
        before = _cpu_usec(process.pid)
        _change(client, CHANGES[watchers], crowd, 21)
        return (_cpu_usec(process.pid) - before) / CHANGES[watchers]
    finally:
        crowd.close()


def figures(build):
    directory = scratch.make("watch")
    path = os.path.join(directory, "lull.sock")
    program = os.path.join(build, "tests/contract/serve")
    process = subprocess.Popen([program, os.path.join(directory, "store.db"), path], stdout=subprocess.PIPE, text=True)
    samples = {n: [] for n in CHANGES}
    try:
        assert process.stdout.readline().strip() == "ready"
        client = rest.Client(path)
        assert client.post(rest.SNAPSHOTS, rest.snapshot("watched"))[0] == 201
        for _ in range(ROUNDS):
            for n in CHANGES:
                samples[n].append(_measure(client, process, n))
    finally:
        process.kill()
        process.wait()
        scratch.remove(directory)
    many = [(with_all - alone) / WATCHERS for with_all, alone in zip(samples[WATCHERS], samples[0])]
    one = [with_one - alone for with_one, alone in zip(samples[1], samples[0])]
    name = f"REST, processor time for an event delivered at {WATCHERS} watchers against at 1"
    yield Figure(name, "us", many, 1.5, 1.1, one, {"microseconds a change by watchers": samples})
