# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Figures and health of a coordinator: what it tells, as Prometheus reads it, and what a client of it may cost."""

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

import exposition
import rest
from waiting import wait_for

DOCS = os.path.join(os.path.dirname(__file__), "../../docs/metrics.md")
ROOM = 48 * 1024  # KiB: what is unbounded takes a multiple, what allocators and sanitizers keep does not
GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


class Coordinator:
    """One of libvirt's mock host, whose machine is "test"."""

    def __init__(self, build, directory, listen):
        self.log = os.path.join(directory, "log")
        self.socket = os.path.join(directory, "coordinator.sock")
        self.state = os.path.join(directory, "state")
        self.process = subprocess.Popen(
            [os.path.join(build, "coordinator/lull-coordinator"), "--uri", "test:///default", "--state-dir", self.state,
             "--runtime-dir", directory, "--socket", self.socket, "--metrics-listen", listen],
            stderr=open(self.log, "w"))
        wait_for(lambda: self.process.poll() is not None or "ready on" in self.said(), "it is ready")
        match = re.search(r"metrics on http://(.+):(\d+)/metrics", self.said())
        self.address = (match[1].strip("[]"), int(match[2])) if match else None
        self.rest = rest.Client(self.socket)

    def said(self):
        with open(self.log) as file:
            return file.read()

    def url(self, path):
        host, port = self.address
        return f"http://[{host}]:{port}{path}" if ":" in host else f"http://{host}:{port}{path}"

    def get(self, path, timeout=10, method="GET"):
        """(status, type, text)"""
        request = urllib.request.Request(self.url(path), method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.headers["Content-Type"], refusal.read().decode()

    def figures(self):
        status, _, text = self.get("/metrics")
        assert status == 200
        return exposition.parse(text)

    def connect(self):
        return socket.create_connection(self.address, 10)

    def memory(self):
        """Private, in KiB."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Private"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(60)


@pytest.fixture
def start(build, directory):
    running = []

    def begin(listen="127.0.0.1:0"):
        running.append(Coordinator(build, directory, listen))
        return running[-1]

    yield begin
    for coordinator in running:
        status = coordinator.stop()
        assert "CRITICAL" not in coordinator.said(), coordinator.said()
        assert status in (0, 1, 2)


@pytest.fixture
def coordinator(start):
    return start()


def snapshot(name, vm="test"):
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": vm}
    return {"apiVersion": f"{rest.GROUP}/v1beta1", "kind": "VirtualMachineSnapshot",
            "metadata": {"name": name}, "spec": {"source": source, "failureDeadline": "0s"}}


# What is told


def test_all_of_it_is_what_prometheus_reads(coordinator):
    status, kind, text = coordinator.get("/metrics")
    families = exposition.parse(text)

    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert families["lull_build_info"].type == "gauge"
    assert families["lull_leader"].value() == 1
    assert families["lull_frozen_guests"].value() == 0
    assert families["lull_freeze_window_seconds"].type == "histogram"
    assert {labels["name"] for labels in families["workqueue_depth"].labels()} == {"snapshot", "content", "restore"}


def test_each_of_them_is_documented_and_nothing_else_is(coordinator, build):
    with open(DOCS) as file:
        rows = re.findall(r"^\| `([a-z_:]+)` \| (\w+) \|([^|]*)\|", file.read(), re.M)
    program = subprocess.run([os.path.join(build, "tests/contract/metrics-table")], capture_output=True, text=True)
    table = [tuple(line.split("\t")) for line in program.stdout.splitlines()]

    assert {name: (kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows} == {
        name: (kind, labels.split()) for name, kind, labels in table
    }
    told = {name: family.type for name, family in coordinator.figures().items()}
    assert told.items() <= {name: kind for name, kind, _ in table}.items()


def test_a_snapshot_that_fails_is_counted_and_its_attempts_are_told_a_line_each(coordinator):
    assert coordinator.rest.call("POST", rest.SNAPSHOTS, snapshot("one"))[0] == 201
    figures = wait_for(lambda: (now := coordinator.figures()) and sum(now["lull_attempts_total"].values()) and now,
                       "an attempt is counted")
    line = exposition.attempts(coordinator.said())[0]

    assert figures["lull_snapshots"].value(phase="InProgress") + figures["lull_snapshots"].value(phase="Failed") == 1
    assert figures["workqueue_adds_total"].value(name="snapshot") > 0
    assert figures["workqueue_queue_duration_seconds"].value("_count", name="snapshot") > 0
    assert (line["vm"], line["snapshot"], line["attempt"]) == ("test", "default/one", "1")
    assert figures["lull_attempts_total"].value(result=line["result"]) > 0
    assert line["why"], line


def test_what_is_deleted_is_not_told_any_more(coordinator):
    assert coordinator.rest.call("POST", rest.SNAPSHOTS, snapshot("one", "nobody"))[0] == 201
    wait_for(lambda: sum(coordinator.figures()["lull_snapshots"].values()) == 1, "it is told")
    assert coordinator.rest.call("DELETE", f"{rest.SNAPSHOTS}/one")[0] == 200
    wait_for(lambda: sum(coordinator.figures()["lull_snapshots"].values()) == 0, "it is told no more")


def test_without_the_option_nothing_listens(build, directory):
    process = subprocess.Popen(
        [os.path.join(build, "coordinator/lull-coordinator"), "--uri", "test:///default",
         "--state-dir", os.path.join(directory, "state"), "--runtime-dir", directory],
        stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            assert "metrics" not in line
            if "ready on" in line:
                break
        with open(f"/proc/{process.pid}/net/tcp") as file:
            listening = {row.split()[9] for row in file.readlines()[1:] if row.split()[3] == "0A"}
        mine = set()
        for number in os.listdir(f"/proc/{process.pid}/fd"):
            with contextlib.suppress(OSError):
                mine.add(os.readlink(f"/proc/{process.pid}/fd/{number}"))
        assert not {f"socket:[{inode}]" for inode in listening} & mine
    finally:
        process.terminate()
        assert process.wait(60) == 0
        process.stderr.close()


@pytest.mark.parametrize("listen", ["", "9180", "localhost:9180", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "::1:80", "[::1]", "[]:1", ":9180", "*"])
def test_an_address_that_is_none_is_refused_with_an_example(start, listen):
    coordinator = start(listen)

    assert coordinator.process.wait(30) == 1
    assert f"--metrics-listen {listen}: expected an address and a port: 127.0.0.1:9180" in coordinator.said()


def test_a_port_that_somebody_has_is_refused(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        coordinator = start(listen)

        assert coordinator.process.wait(30) == 1
    assert f"--metrics-listen {listen}: " in coordinator.said() and "in use" in coordinator.said()


def test_a_star_is_all_addresses(start):
    coordinator = start("*:0")
    coordinator.address = ("127.0.0.1", coordinator.address[1])

    assert coordinator.get("/healthz")[0] == 200


def test_six_is_an_address_too(start):
    if not os.path.exists("/proc/net/if_inet6") or not open("/proc/net/if_inet6").read():
        pytest.skip("this machine has no IPv6")
    assert start("[::1]:0").get("/healthz")[0] == 200


# Health


def test_one_that_works_is_alive_and_ready(coordinator):
    assert coordinator.get("/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    wait_for(lambda: coordinator.get("/readyz") == (200, "text/plain; charset=utf-8", "ok\n"), "it is ready")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metricsx", "/debug/pprof", "/%00", "//metrics", "/..%2fmetrics"])
def test_there_is_nothing_else(coordinator, path):
    assert coordinator.get(path)[0] in (400, 404)


# Clients that do not behave


def answers(coordinator):
    begun = time.monotonic()
    assert coordinator.get("/healthz", 5)[0] == 200
    return time.monotonic() - begun


@contextlib.contextmanager
def many(coordinator, n, sent):
    sockets = []
    try:
        for _ in range(n):
            one = coordinator.connect()
            sockets.append(one)
            with contextlib.suppress(OSError):
                one.sendall(sent)
        yield sockets
    finally:
        for one in sockets:
            one.close()


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /metrics HTTP/1.1\r\nHost:", GET], ids=["mute", "one", "half", "whole"])
def test_many_that_stay_keep_nobody_out_and_nothing_open(coordinator, sent):
    before = coordinator.descriptors()
    with many(coordinator, 200, sent):
        answers(coordinator)
        assert coordinator.descriptors() <= before + 40
    wait_for(lambda: answers(coordinator) and coordinator.descriptors() <= before + 1, "they are gone")


def test_one_that_never_reads_costs_one_answer(coordinator):
    answers(coordinator)
    before = coordinator.memory()
    with many(coordinator, 100, GET * 100):
        answers(coordinator)
        assert coordinator.memory() < before + ROOM


@pytest.mark.parametrize("piece", [b"X-More: of this\r\n", b"x" * 1000], ids=["headers", "line"])
def test_a_head_without_an_end_is_refused(coordinator, piece):
    answers(coordinator)
    before = coordinator.memory()
    with coordinator.connect() as endless:
        endless.sendall(b"GET /metrics HTTP/1.1\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100000):
                endless.sendall(piece)
            pytest.fail("it is read for ever")
    assert coordinator.memory() < before + ROOM
    answers(coordinator)


def test_who_says_nothing_is_shown_out(coordinator):
    with coordinator.connect() as silent:
        silent.settimeout(60)
        assert silent.recv(1) == b""


@pytest.mark.parametrize("announced", [b"Content-Length: 1000000000000", b"transfer-ENCODING: chunked"])
def test_a_body_is_not_even_read(coordinator, announced):
    with coordinator.connect() as one:
        one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + announced + b"\r\n\r\n")
        assert one.recv(100).startswith(b"HTTP/1.1 413")
        with contextlib.suppress(OSError):
            for _ in range(100000):
                one.sendall(b"x" * 1000)
            pytest.fail("it is read for ever")
    answers(coordinator)


@pytest.mark.parametrize("sent", [
    b"\r\n\r\n", b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"get / HTTP/1.1\r\n\r\n", b"\0" * 100, b"\xff" * 9000,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
])
def test_what_is_no_request_for_something_is_not_listened_to(coordinator, sent):
    with coordinator.connect() as one:
        one.sendall(sent)
        with contextlib.suppress(ConnectionResetError):
            assert one.recv(100).startswith(b"HTTP/1.1 4")
    answers(coordinator)


@pytest.mark.parametrize("sent", [
    b"GET \r\n\r\n", b"GET /metrics\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"GET * HTTP/1.1\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /\xff\xfe%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET /metrics HTTP/1.1\r\n:\r\n \0\r\n\r\n", b"HEAD \0 HTTP/1.1\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: \xff[::\r\n\r\n", b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"GET /metrics HTTP/1.1\r\nRange: bytes=0-0,0-0,-9\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", b"GET /metrics HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
])
def test_a_head_that_makes_no_sense_does_no_harm(coordinator, sent):
    before = coordinator.descriptors()
    for _ in range(20):
        with coordinator.connect() as one:
            one.sendall(sent)
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_WR)
                one.recv(100)
    answers(coordinator)
    wait_for(lambda: answers(coordinator) and coordinator.descriptors() <= before + 1, "they are gone")


@contextlib.contextmanager
def store_locked(coordinator):
    """Whoever writes to the store waits."""
    with contextlib.closing(sqlite3.connect(os.path.join(coordinator.state, "store.db"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_it_answers_while_the_main_loop_stands_still(coordinator):
    """As where the disk of the store hangs: the loop is in calls that write there, and no other client is served."""
    answered = []

    def create(name):
        answered.append(coordinator.rest.call("POST", rest.SNAPSHOTS, snapshot(name)))

    writers = [threading.Thread(target=create, args=[f"late-{n}"]) for n in range(6)]  # each waits two seconds
    with store_locked(coordinator):
        for writer in writers:
            writer.start()
        with pytest.raises(OSError):
            while len(answered) < len(writers):
                rest.Client(coordinator.socket, timeout=0.5).get("/version")
        for path in ("/metrics", "/healthz", "/readyz"):
            assert coordinator.get(path, timeout=5)[0] == 200
        assert len(answered) < len(writers)
    for writer in writers:
        writer.join(60)
