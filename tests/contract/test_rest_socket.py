# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The server's socket, its process and the requests that are answered later."""

import grp
import os
import signal
import socket
import stat
import subprocess

from rest import SNAPSHOTS, SUBRESOURCES, Client, snapshot
from waiting import wait_for, wait_for_rest

LARRY = f"{SUBRESOURCES}/larry"


def test_the_socket_is_for_owner_and_group_and_goes_with_the_server(client, server):
    mode = os.stat(server.socket).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660
    assert stat.S_IMODE(os.stat(server.store).st_mode) == 0o600
    server.stop()
    assert not os.path.exists(server.socket)


def test_the_socket_belongs_to_a_group_that_exists(server):
    other = next(entry for entry in grp.getgrall() if entry.gr_gid not in (os.getgid(), 0))
    server.start("0", other.gr_name)
    assert os.stat(server.socket).st_gid == other.gr_gid
    server.stop()
    server.start("0", "no-such-group")
    assert os.stat(server.socket).st_gid == os.getgid()


def test_a_socket_left_by_a_killed_server_is_replaced(client, server):
    client.post(SNAPSHOTS, snapshot("a"))
    server.stop(signal.SIGKILL)
    assert os.path.exists(server.socket)
    client = server.start()
    assert client.get(f"{SNAPSHOTS}/a")[0] == 200


def test_a_second_server_on_the_store_is_refused(client, server):
    process, word = server.spawn()
    assert process.wait(30) == 1
    assert "another coordinator uses it" in word
    process.stdout.close()
    assert client.get(SNAPSHOTS)[0] == 200


def refused(server):
    process, word = server.spawn()
    assert process.wait(30) == 1
    process.stdout.close()
    return word


def test_somebody_elses_socket_is_left_alone(server):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(server.socket)
        other.listen()
        assert "somebody listens there already" in refused(server)
    os.unlink(server.socket)


def test_a_file_in_the_way_is_left_alone(server):
    with open(server.socket, "w") as file:
        file.write("precious")
    assert "something else is there" in refused(server)
    with open(server.socket) as file:
        assert file.read() == "precious"


def test_a_path_that_no_socket_can_have_is_refused(server):
    server.socket = os.path.join(os.path.dirname(server.socket), "x" * 120)
    assert "too long" in refused(server)


def test_health_is_one_word(client, server):
    output = subprocess.run(
        ["curl", "-sS", "--unix-socket", server.socket, "http://localhost/healthz"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert output.stdout == "ok"


def test_a_subresource_gets_names_and_body(client):
    code, answer = client.call("PUT", f"{LARRY}/echo", {"unfreezeTimeout": "5m"})
    assert (code, answer) == (200, {"ns": "default", "name": "larry", "body": {"unfreezeTimeout": "5m"}})
    assert client.call("PUT", f"{LARRY}/echo")[1]["body"] is None
    assert client.call("PUT", f"{LARRY}/empty") == (200, None)


def test_a_subresource_can_refuse(client):
    code, status = client.call("PUT", f"{LARRY}/refuse")
    assert (code, status["reason"], status["message"]) == (409, "Conflict", "larry: held by somebody else")
    assert client.call("PUT", f"{LARRY}/nothing")[0] == 404
    assert client.call("GET", f"{LARRY}/echo")[0] == 405
    assert client.call("PUT", f"{LARRY}/echo", "{")[0] == 400


def test_an_answer_may_come_later(client):
    first = client.send("PUT", f"{LARRY}/wait")
    assert client.get(SNAPSHOTS)[0] == 200  # nobody is held up
    while client.call("PUT", f"{LARRY}/release")[1] != {"released": 1}:
        pass
    assert first.getresponse().status == 200
    first.close()


def test_an_answer_for_a_client_that_has_gone_is_dropped(client):
    gone = client.send("PUT", f"{LARRY}/wait")
    stays = client.send("PUT", f"{LARRY}/wait")
    gone.close()
    released = 0
    while released < 2:
        released += client.call("PUT", f"{LARRY}/release")[1]["released"]
    assert stays.getresponse().status == 200
    stays.close()
    assert client.get(SNAPSHOTS)[0] == 200


def test_a_server_may_end_before_an_answer(client, server):
    waiting = client.send("PUT", f"{LARRY}/wait")
    assert client.get(SNAPSHOTS)[0] == 200
    assert server.stop() == 0
    waiting.close()


def test_a_client_that_goes_leaves_nothing_open(client, server):
    """Also one that did nothing for a while before it went."""
    pid = server.process.pid

    def is_open():
        return len(os.listdir(f"/proc/{pid}/fd"))

    client.get(SNAPSHOTS)
    wait_for_rest(pid)
    before = is_open()
    for _ in range(5):
        connection = client.send("GET", SNAPSHOTS)
        connection.getresponse().read()
        wait_for_rest(pid)
        connection.close()
    wait_for(lambda: is_open() <= before, "the end of all connections")


def test_created_objects_survive_a_kill(server):
    made = []
    for round_number in range(4):
        client = server.start()
        for number in range(5):
            name = f"snap-{round_number}-{number}"
            assert client.post(SNAPSHOTS, snapshot(name))[0] == 201
            made.append(name)
        server.stop(signal.SIGKILL)
    listed = server.start().get(SNAPSHOTS)[1]["items"]
    assert [item["metadata"]["name"] for item in listed] == sorted(made)


def test_half_a_request_holds_nobody_up(client, server):
    with socket.socket(socket.AF_UNIX) as half:
        half.connect(server.socket)
        half.sendall(b"POST " + SNAPSHOTS.encode() + b" HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        assert Client(server.socket).get(SNAPSHOTS)[0] == 200
    assert client.get(SNAPSHOTS)[0] == 200
