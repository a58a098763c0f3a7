# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Bytes that no honest client sends: each request is refused or ends, and the next one is served."""

import json
import os
import socket

import pytest

from rest import SNAPSHOTS, snapshot

HEAD = f"POST {SNAPSHOTS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"


def exchange(server, *pieces):
    """Sends all that the server takes, reads to the end."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(server.socket)
        answer = b""
        try:
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            while data := client.recv(65536):
                answer += data
        except ConnectionError:
            pass
        return answer


def memory(server):
    with open(f"/proc/{server.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def assert_alive(client):
    assert client.post(SNAPSHOTS, snapshot("alive"))[0] == 201
    assert client.delete(f"{SNAPSHOTS}/alive")[0] == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00" * 1000,
        b"GET\r\n\r\n",
        b"GET " + b"/" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        f"GET {SNAPSHOTS} HTTP/1.1\r\nHost: x\r\n".encode() + b"X: y\r\n" * 50000,
        f"GET {SNAPSHOTS} HTTP/1.1\r\nHost: x\r\nX: ".encode() + b"y" * 1000000,
        HEAD.encode() + b"Content-Length: -1\r\n\r\n{}",
        HEAD.encode() + b"Content-Length: 99999999999999999999\r\n\r\n{}",
        b"\x16\x03\x01\x02\x00" + os.urandom(200),
    ],
    ids=["zeros", "short", "long-path", "version", "many-headers", "long-header", "negative", "huge",
         "tls"],
)
def test_a_request_that_is_none_ends(client, server, request_bytes):
    answer = exchange(server, request_bytes)
    assert not answer.startswith(b"HTTP/1.1 2")
    assert_alive(client)


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 100\r\n\r\n{",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\n10\r\n{",
    ],
    ids=["short", "both", "overflow", "cut"],
)
def test_a_request_without_its_end_goes_with_its_client(client, server, rest):
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(server.socket)
        other.sendall(HEAD.encode() + rest)
        assert_alive(client)
    assert_alive(client)
    assert client.get(SNAPSHOTS)[1]["items"] == []


PATHS = ["/%00", "/%", "/%zz", "/apis/%2e%2e/v1", "//apis", "/apis/" + "a/" * 5000, "/apis/snapshot.kubevirt.io/v1beta1/" +
         "x" * 60000, f"{SNAPSHOTS}/%ff%fe", f"{SNAPSHOTS}/{'a' * 254}", f"{SNAPSHOTS}/..", f"{SNAPSHOTS}/a?watch=%00",
         f"{SNAPSHOTS}?labelSelector=" + "a," * 9000, f"{SNAPSHOTS}?labelSelector=%ff", f"{SNAPSHOTS}?continue=" + "A" * 9000,
         f"{SNAPSHOTS}?limit=-1", f"{SNAPSHOTS}?limit=99999999999", f"{SNAPSHOTS}?watch=1&resourceVersion=-1",
         f"{SNAPSHOTS}?watch=1&timeoutSeconds=-1", f"{SNAPSHOTS}?watch=1&sendInitialEvents=maybe"]


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_a_path_that_leads_nowhere_is_answered_by_a_status(client, server, path):
    answer = exchange(server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    code = int(head.split()[1])
    assert 400 <= code < 500
    if body:  # what is no HTTP at all is refused without a word
        status = json.loads(body)
        assert (status["kind"], status["code"]) == ("Status", code)
    assert_alive(client)


DEEP = '{"metadata":' * 200 + "{}" + "}" * 200
BODIES = [b"\xff\xfe", b"{" * 500000, b"[" * 500000, b'{"a":1}{"b":2}', b'{"apiVersion":1,"kind":[],"metadata":7,"spec":null}',
          b'{"metadata":{"name":{"a":1},"labels":[1],"finalizers":{"x":1}}}', DEEP.encode(), b'{"spec":' + b"9" * 400000 + b"}",
          b'"' + b"\\u0000" * 1000 + b'"', b"null", b"NaN", b'{"metadata":{"name":"a\\u0000b"}}']


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("method, path, content_type", [
    ("POST", SNAPSHOTS, "application/json"),
    ("PUT", f"{SNAPSHOTS}/a", "application/json"),
    ("PATCH", f"{SNAPSHOTS}/a", "application/merge-patch+json"),
    ("PATCH", f"{SNAPSHOTS}/a/status", "application/json-patch+json"),
    ("DELETE", f"{SNAPSHOTS}/b", "application/json"),
], ids=["create", "update", "merge", "json", "delete"])
def test_a_body_that_makes_no_sense_is_answered_by_a_status(client, method, path, content_type, body):
    client.post(SNAPSHOTS, snapshot("a"))
    code, status = client.call(method, path, body, content_type)
    assert 400 <= code < 500 and (status["kind"], status["code"]) == ("Status", code)
    assert_alive(client)


def test_a_body_without_an_end_takes_no_memory(client, server):
    assert_alive(client)
    before = memory(server)
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    answer = exchange(server, HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n", *[piece] * 64, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert memory(server) - before < 32 * 1024 * 1024
    assert_alive(client)


def test_a_patch_that_grows_is_stopped(client, server):
    client.post(SNAPSHOTS, snapshot("a", metadata={"annotations": {"x": "y" * 1000}}))
    before = memory(server)
    double = [{"op": "copy", "from": "/metadata", "path": "/metadata/again"}] * 40
    code, status = client.patch(f"{SNAPSHOTS}/a", double, "application/json-patch+json")
    assert (code, status["reason"]) == (422, "Invalid")
    assert memory(server) - before < 256 * 1024 * 1024
    assert_alive(client)
