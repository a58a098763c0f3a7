# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The client of an API server, against one that does not behave."""

import json
import os
import ssl
import subprocess
import threading
import time

import pytest

import hostile
from hostile import hangs_up, says
from kubeclient import TIMEOUT, StoreClient
from waiting import wait_for


@pytest.fixture
def server():
    server = hostile.Server()
    yield server
    server.close()


@pytest.fixture
def connect(build, directory):
    """Makes clients of a server; closed before it is."""
    clients = []

    def make(port, patience_ms=20000, scheme="http", cluster=None, user=None):
        path = os.path.join(directory, f"kubeconfig-{len(clients)}")
        with open(path, "w") as file:
            json.dump({"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                       "clusters": [{"name": "k", "cluster": {"server": f"{scheme}://127.0.0.1:{port}",
                                                              **(cluster or {})}}],
                       "users": [{"name": "u", "user": user or {"token": ""}}]}, file)
        clients.append(StoreClient(build, path, patience_ms))
        assert "ok" in clients[-1].first, clients[-1].first
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def snap(name, version="1", **metadata):
    return {"apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
            "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": version,
                         **metadata},
            "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"}}}


def page(*objects, version="10", more=None):
    return {"kind": "VirtualMachineSnapshotList", "metadata": {"resourceVersion": version,
                                                               **({"continue": more} if more else {})},
            "items": list(objects)}


def failure(code, reason, **more):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
            "message": f"it is {reason}", **more}


def forever(data):
    """A step: never ends by itself."""

    def step(connection, _):
        while True:
            connection.raw(data)

    return step


# Requests.


def test_a_get_that_breaks_off_is_sent_again(server, connect):
    client = connect(server.port)
    server.then(hangs_up, lambda c, r: c.raw(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{"),
                lambda c, r: c.raw(b"HTTP/1."), says(200, snap("a", managedFields=[{}])))
    assert client.do("get", "default", "a")["ok"] == snap("a")
    assert len(server.requests) == 4


def test_a_post_that_breaks_off_is_not_sent_again(server, connect):
    client = connect(server.port)
    server.then(hangs_up)
    result = client.do("create", snap("a"))
    assert result["error"] == "lost" and "it is not known whether this was done" in result["message"]
    assert len(server.requests) == 1


def test_a_post_is_not_sent_again_on_another_connection_either(server, connect):
    client = connect(server.port)
    server.then(says(200, snap("a")), hangs_up)
    assert "ok" in client.do("get", "default", "a")
    result = client.do("create", snap("b"))
    assert result["error"] == "lost", result
    assert [request.method for request in server.requests] == ["GET", "POST"]


def test_a_post_that_was_refused_for_load_is_sent_again_when_it_may(server, connect):
    client = connect(server.port)
    server.then(says(429, failure(429, "TooManyRequests"), Retry_After="1"), says(201, snap("a")))
    before = time.monotonic()
    assert client.do("create", snap("a"))["ok"]["metadata"]["name"] == "a"
    assert time.monotonic() - before >= 1
    assert [request.body["metadata"]["name"] for request in server.requests] == ["a", "a"]


def test_who_must_wait_longer_than_there_is_time_is_told_at_once(server, connect):
    client = connect(server.port)
    server.then(says(429, failure(429, "TooManyRequests"), Retry_After="3000"))
    assert client.do("get", "default", "a")["error"] == "busy"


def test_a_deletion_that_may_have_been_done_is_done(server, connect):
    client = connect(server.port)
    server.then(hangs_up, says(404, failure(404, "NotFound")), says(404, failure(404, "NotFound")))
    assert "ok" in client.do("remove", "default", "a", "uid-a")
    assert client.do("remove", "default", "a", None)["error"] == "not-found"
    assert server.requests[0].body["preconditions"] == {"uid": "uid-a"}
    assert "preconditions" not in server.requests[2].body


def test_each_refusal_has_its_code(server, connect):
    client = connect(server.port)
    for code, reason, word in [(404, "NotFound", "not-found"), (409, "AlreadyExists", "exists"),
                               (409, "Conflict", "conflict"), (422, "Invalid", "invalid"), (403, "Forbidden", "denied"),
                               (405, "MethodNotAllowed", "denied"), (410, "Expired", "expired"),
                               (302, "", "failed"), (415, "UnsupportedMediaType", "failed")]:
        server.then(says(code, failure(code, reason), Location="http://127.0.0.1:1/"))
        result = client.do("patch", "default", "a", {"metadata": {"labels": {"a": "b"}}})
        assert result["error"] == word and reason in result["message"]
    assert {request.headers["content-type"] for request in server.requests} == {"application/merge-patch+json"}


def test_the_status_has_a_path_of_its_own(server, connect):
    client = connect(server.port)
    server.then(says(200, snap("a")))
    client.do("status", "default", "a", {"status": {}})
    assert server.requests[0].path.endswith("/namespaces/default/virtualmachinesnapshots/a/status")
    assert server.requests[0].query["fieldValidation"] == "Strict"  # nothing that we write is dropped silently


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"null", b'{"a":', b"[" * 100000, b"\xff"])
def test_an_answer_that_is_nonsense_is_an_error(server, connect, answer):
    client = connect(server.port)
    server.then(says(200, answer), says(400, answer))
    assert client.do("get", "default", "a")["error"] == "invalid"
    assert client.do("get", "default", "a")["error"] == "invalid"


def test_a_server_that_stays_silent_is_not_waited_for(server, connect):
    client = connect(server.port, patience_ms=2000)
    assert client.do("get", "default", "a")["error"] == "timed-out"


def test_a_server_that_is_not_there_is_lost(server, connect):
    client = connect(server.port, patience_ms=500)
    server.close()
    assert client.do("create", snap("a"))["error"] == "lost"


def test_endless_headers_are_cut(server, connect):
    def headers(connection, _):
        connection.raw(b"HTTP/1.1 200 X\r\n")
        return forever(b"X-Y: " + b"z" * 1000 + b"\r\n")(connection, _)

    client = connect(server.port)
    server.then(headers)
    assert "error" in client.do("create", snap("a"))


def test_an_endless_answer_is_cut(server, connect):
    def body(connection, _):
        connection.head(200)
        return forever(b" " * 65536)(connection, _)

    client = connect(server.port)
    server.then(body)
    assert client.do("get", "default", "a")["error"] == "invalid"
    assert len(server.requests) == 1


def test_a_list_is_all_pages(server, connect):
    client = connect(server.port)
    server.then(says(200, page(snap("a"), more="t&1")), says(200, page(snap("b"))))
    names = [item["metadata"]["name"] for item in client.do("list", "default")["ok"]["items"]]
    assert names == ["a", "b"]
    assert [request.query.get("continue") for request in server.requests] == [None, "t&1"]


def test_a_list_whose_pages_expire_is_got_at_once(server, connect):
    client = connect(server.port)
    server.then(says(200, page(snap("a"), more="t")), says(410, failure(410, "Expired")),
                says(200, page(snap("b"), snap("c"))))
    names = [item["metadata"]["name"] for item in client.do("list", "default")["ok"]["items"]]
    assert names == ["b", "c"]
    assert "limit" not in server.requests[2].query


def test_who_goes_through_a_list_gets_a_page_at_a_time(server, connect):
    client = connect(server.port)
    server.then(says(200, page(snap("a"), more="t")), says(200, page(snap("b"))))
    assert client.must("each", "default") == ["a", "b"]
    assert [request.query.get("continue") for request in server.requests] == [None, "t"]
    assert all(int(request.query["limit"]) <= 100 for request in server.requests)


def test_who_goes_through_a_list_whose_pages_expire_misses_nothing(server, connect):
    client = connect(server.port)
    server.then(says(200, page(snap("a"), more="t")), says(410, failure(410, "Expired")),
                says(200, page(snap("b"), snap("c"))))
    assert client.must("each", "default") == ["a", "b", "c"]
    server.then(says(200, page(snap("a"), more="t")), says(403, failure(403, "Forbidden")))
    assert client.do("each", "default")["error"] == "denied"


# Watches.


def lists_then(server, *objects, version="10"):
    server.then(says(200, page(*objects, version=version)))


def watch_requests(server):
    return [request for request in server.requests if "watch" in request.query]


def test_pieces_do_not_matter_and_a_half_line_means_nothing(server, connect):
    def pieces(connection, _):
        connection.stream()
        line = json.dumps({"type": "MODIFIED", "object": snap("a", "11")}).encode() + b"\r\n\n"
        for byte in line:
            connection.raw(bytes([byte]))
        connection.raw(json.dumps({"type": "DELETED", "object": snap("a", "12")}).encode())
        return False

    client = connect(server.port)
    lists_then(server, snap("a"))
    server.then(pieces, lambda c, r: (c.stream(), c.event("ADDED", snap("b", "13")), hostile.time_out(c))[-1])
    client.do("watch", None)
    assert [client.event() for _ in range(3)] == ["ADDED a", "MODIFIED a", "ADDED b"]
    assert [request.query["resourceVersion"] for request in watch_requests(server)] == ["10", "11"]
    assert all(request.query["allowWatchBookmarks"] == "true" for request in watch_requests(server))


def test_what_comes_twice_is_told_once(server, connect):
    def twice(connection, _):
        connection.stream()
        for _again in range(2):
            connection.event("ADDED", snap("a", "10"))
            connection.event("ADDED", snap("b", "11"))
            connection.event("BOOKMARK", {"metadata": {"resourceVersion": "12"}})
        connection.event("DELETED", snap("b", "13"))
        connection.event("DELETED", snap("b", "13"))
        connection.event("ADDED", snap("c", "14"))
        hostile.time_out(connection)

    client = connect(server.port)
    lists_then(server, snap("a", "10"))
    server.then(twice)
    client.do("watch", None)
    assert [client.event() for _ in range(4)] == ["ADDED a", "ADDED b", "DELETED b", "ADDED c"]


def test_expiry_in_mid_stream_deletes_only_what_is_gone(server, connect):
    def expires(connection, _):
        connection.stream()
        connection.event("ADDED", snap("d", "11"))
        connection.event("ERROR", failure(410, "Expired"))

    client = connect(server.port)
    server.then(says(200, page(snap("a"), more="t")), says(200, page(snap("b"), snap("c"))), expires,
                says(200, page(snap("a"), more="u", version="20")), hangs_up,
                says(200, page(snap("b", "15"), snap("e"), version="20")),
                lambda c, r: (c.stream(), hostile.time_out(c))[-1])
    client.do("watch", None)
    assert [client.event() for _ in range(4)] == ["ADDED a", "ADDED b", "ADDED c", "ADDED d"]
    after = [client.event() for _ in range(4)]
    assert after[:2] == ["MODIFIED b", "ADDED e"] and sorted(after[2:]) == ["DELETED c", "DELETED d"]
    wait_for(lambda: len(watch_requests(server)) == 2, "a second watch")
    assert watch_requests(server)[1].query["resourceVersion"] == "20"


def test_a_watch_outlives_whatever_a_server_does(connect):
    def line_without_end(connection, _):
        connection.stream()
        return forever(b"x" * 65536)(connection, _)

    def internal_error(connection, _):
        connection.stream()
        connection.event("ERROR", failure(500, "InternalError"))

    def nonsense(connection, _):
        connection.stream()
        connection.raw(b'{"type":"ADDED","object":{}}\n')
        hostile.time_out(connection)

    def in_the_end(connection, _):
        connection.stream()
        connection.event("DELETED", snap("a", "11"))
        hostile.time_out(connection)

    steps = [line_without_end, internal_error, nonsense, hangs_up, says(503, b"<html>"), says(200, b""),
             says(429, failure(429, "TooManyRequests"), Retry_After="1")]
    servers = [hostile.Server() for _ in steps]
    try:
        clients = []
        for fresh, step in zip(servers, steps):  # each waits some time before it tries again: all at once
            lists_then(fresh, snap("a"))
            fresh.then(step, in_the_end)
            clients.append(connect(fresh.port))
            clients[-1].do("watch", None)
        for client in clients:
            assert [client.event(), client.event()] == ["ADDED a", "DELETED a"]
    finally:
        for fresh in servers:
            fresh.close()


def test_a_watch_comes_about_when_the_server_does(server, connect):
    client = connect(server.port)
    server.then(hangs_up, says(403, failure(403, "Forbidden")), says(200, page(snap("a"))))
    assert "ok" in client.do("watch", None)
    assert client.event() == "ADDED a"


def test_a_version_that_is_too_old_is_an_error_or_the_first_event(server, connect):
    def expired(connection, _):
        connection.stream()
        connection.event("ERROR", failure(410, "Expired"))

    client = connect(server.port)
    server.then(says(410, failure(410, "Expired")), says(403, failure(403, "Forbidden")), expired)
    assert client.do("watch", "5")["error"] == "expired"
    assert client.do("watch", "5")["error"] == "denied"
    client.do("watch", "5")
    assert client.event() == "ERROR 410"


def test_a_watcher_that_is_slow_is_told_that_it_lags(server, connect):
    dropped = threading.Event()

    def step(connection, request):
        if "watch" in request.query:
            connection.stream()
            try:
                for i in range(500):
                    connection.event("MODIFIED", snap("a", str(11 + i)))
                hostile.time_out(connection)
            finally:  # the client has given up
                dropped.set()
        else:
            dropped.wait(TIMEOUT)
            connection.answer(200, snap("a"))

    client = connect(server.port)
    lists_then(server, snap("a"))
    client.do("watch", None)
    assert client.event() == "ADDED a"
    wait_for(lambda: watch_requests(server), "the watch")
    get = threading.Thread(target=client.do, args=("get", "default", "a"))  # whoever watches stands still in it
    get.start()
    wait_for(lambda: len(server.requests) == 3, "the get")
    server.then(step, step)
    get.join()
    assert client.event() == "ERROR 410"


def test_a_list_comes_no_faster_than_it_is_taken(server, connect):
    many = [snap(f"a-{i}") for i in range(51)]
    more = [snap(f"b-{i}") for i in range(51)]
    stands_still = threading.Event()

    def step(connection, request):
        if "limit" not in request.query:
            stands_still.set()
            return hostile.time_out(connection)
        stands_still.wait(TIMEOUT)
        connection.answer(200, page(*many, more="t"))
        return True

    client = connect(server.port, patience_ms=500)
    server.then(step, step)
    client.do("watch", None)
    assert client.do("get", "default", "a")["error"] == "timed-out"  # whoever watches stood still in it
    assert len([request for request in server.requests if "limit" in request.query]) == 1
    server.then(says(200, page(*more)))
    assert [client.event() for _ in range(102)] == [f"ADDED {one['metadata']['name']}" for one in many + more]


# Who one is.


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """CA, server and client certificates."""
    path = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=path, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    for name in "ca", "other":
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")
    for name, alternative in ("server", "IP:127.0.0.1,DNS:inner"), ("client", "DNS:client"):
        with open(path / f"{name}.ext", "w") as file:
            file.write(f"subjectAltName={alternative}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
    return path


@pytest.fixture
def secure(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority / "ca.crt")
    context.load_cert_chain(authority / "server.crt", authority / "server.key")
    context.verify_mode = ssl.CERT_OPTIONAL
    server = hostile.Server(context)
    yield server
    server.close()


def test_a_client_certificate_is_shown_and_the_server_is_known(secure, connect, authority):
    shown = []

    def step(connection, _):
        shown.append(connection.plain.getpeercert())
        connection.answer(200, snap("a"))

    client = connect(secure.port, scheme="https", cluster={"certificate-authority": str(authority / "ca.crt"),
                                                           "tls-server-name": "inner"},
                     user={"client-certificate": str(authority / "client.crt"),
                           "client-key": str(authority / "client.key")})
    secure.then(step)
    assert "ok" in client.do("get", "default", "a")
    assert (("commonName", "client"),) in shown[0]["subject"]


@pytest.mark.parametrize("cluster", [{"certificate-authority": "other.crt"},
                                     {"certificate-authority": "ca.crt", "tls-server-name": "outer"}])
def test_a_server_that_is_not_the_one_meant_is_not_spoken_to(secure, connect, authority, cluster):
    cluster = {**cluster, "certificate-authority": str(authority / cluster["certificate-authority"])}
    client = connect(secure.port, scheme="https", cluster=cluster, user={"token": "secret"})
    assert client.do("get", "default", "a")["error"] == "denied"
    assert not secure.requests


def test_a_token_that_has_expired_is_read_again(secure, connect, authority, directory):
    path = os.path.join(directory, "token")
    good = "first"

    def step(connection, request):
        secure.then(step)
        if request.headers.get("authorization") == f"Bearer {good}":
            connection.answer(200, snap("a"))
        else:
            connection.answer(401, failure(401, "Unauthorized"))
        return True

    def write(token):
        with open(path + ".new", "w") as file:
            file.write(token + "\n")
        os.rename(path + ".new", path)

    write(good)
    client = connect(secure.port, scheme="https", cluster={"certificate-authority": str(authority / "ca.crt")},
                     user={"tokenFile": path})
    secure.then(step)
    assert "ok" in client.do("get", "default", "a")
    good = "second"
    assert client.do("get", "default", "a")["error"] == "denied"
    write(good)
    wait_for(lambda: "ok" in client.do("get", "default", "a"), "the new token", timeout=20)
