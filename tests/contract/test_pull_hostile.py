# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""NBD servers that no honest QEMU is: a copy from one fails, with a reason and nothing left, or is right. And readers
that stand still: the server need not wait for them."""

import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from nbdserver import (
    BASE, BITMAP, CAPACITY, CHUNK_DATA, CHUNK_STATUS, CLUSTER, DONE, MIB, End, Server, assert_right, command)
from waiting import wait_for


class Result:
    def __init__(self, process, path):
        self.word, self.text = process.stdout.splitlines()
        self.is_copied = process.returncode == 0
        self.path = path
        self.is_there = os.path.exists(path)


@pytest.fixture
def copy(build, directory):
    """Has a copy made from a server of that class; the server goes with the test."""
    servers = []

    def run(kind, bitmap="", capacity=CAPACITY, patience=30_000):
        path = os.path.join(directory, f"nbd{len(servers)}")
        servers.append(kind(path))
        target = os.path.join(directory, "made.qcow2")
        process = subprocess.run(command(build, path, target, bitmap, capacity, patience), stdout=subprocess.PIPE, text=True,
                                 check=False, timeout=120)
        assert process.returncode in (0, 1), process
        return Result(process, target)

    yield run
    for server in servers:
        server.stop()


def assert_copied(result):
    assert result.is_copied, (result.word, result.text)
    assert_right(result.path)


def assert_failed(result, *codes):
    assert not result.is_copied
    assert result.word in codes, (result.word, result.text)
    assert "vda" in result.text
    assert not result.is_there


def server_with(**methods):
    return type("Hostile", (Server,), methods)


def test_an_honest_server_is_copied(copy):
    assert_copied(copy(Server))


def test_with_a_bitmap_too(copy):
    assert_copied(copy(Server, bitmap="b"))


@pytest.mark.parametrize("size", [0, 512, CAPACITY - 512, CAPACITY + 512, 2**62, 2**63, 2**64 - 1])
def test_another_size_is_refused(copy, size):
    assert_failed(copy(server_with(size=size)), "conflict", "lost", "failed")


@pytest.mark.parametrize("contexts", [(), (BITMAP,), (b"other:thing",)])
def test_who_does_not_say_what_is_there_is_refused(copy, contexts):
    assert_failed(copy(server_with(contexts=contexts)), "invalid", "lost")


def test_who_does_not_have_the_bitmap_is_refused(copy):
    assert_failed(copy(server_with(contexts=(BASE,)), bitmap="b"), "invalid")


@pytest.mark.parametrize("place", ["greet", "negotiate", "status", "read"])
def test_silence_has_an_end(copy, place):
    result = copy(server_with(**{place: Server.silence}), patience=300)
    assert_failed(result, "timed-out")


def end(self, *_):
    raise End


@pytest.mark.parametrize("place", ["greet", "negotiate", "status", "read"])
def test_a_server_that_goes_is_lost(copy, place):
    assert_failed(copy(server_with(**{place: end})), "lost")


def after_some(then):
    def read(self, handle, offset, length):
        if self.reads > 3:
            then(self, handle, offset, length)
        else:
            self.data(handle, offset, length)
    return read


def test_a_server_that_goes_in_the_middle_is_lost(copy):
    assert_failed(copy(server_with(read=after_some(end))), "lost")


def test_a_server_that_falls_silent_in_the_middle_is_left(copy):
    assert_failed(copy(server_with(read=after_some(Server.silence)), patience=300), "timed-out")


def half(self, handle, offset, length):
    self.put(struct.pack(">IHHQI", 0x668E33EF, DONE, CHUNK_DATA, handle, length + 8) + bytes(length // 2))
    raise End


def test_half_an_answer_is_none(copy):
    assert_failed(copy(server_with(read=after_some(half))), "lost")


@pytest.mark.parametrize("error", [5, 22, 28, 108, 0xFFFFFFFF])
def test_an_error_that_is_told_is_told_on(copy, error):
    def read(self, handle, offset, length):
        self.refuse(handle, error)
    result = copy(server_with(read=after_some(read)))
    assert_failed(result, "failed", "lost")


def test_an_error_in_place_of_what_is_there_is_told_on(copy):
    assert_failed(copy(server_with(status=lambda self, handle, *_: self.refuse(handle, 5))), "failed")


@pytest.mark.parametrize(
    "lists",
    [
        [[(0, 0)], [(0, 1)]],
        [[(0, 0)] * 1000, [(0, 1)] * 1000],
        [[(CLUSTER, 0)], [(0, 1)]],
        [[], []],
        [[(CLUSTER, 0)]],
    ],
    ids=["nothing", "nothing-often", "one-stands", "empty", "one-list"],
)
def test_what_does_not_advance_has_an_end(copy, lists):
    result = copy(server_with(status=lambda self, handle, *_: self.extents(handle, *lists)), bitmap="b")
    assert_failed(result, "failed", "lost")


@pytest.mark.parametrize("bitmap", ["", "b"])
def test_what_is_said_beyond_the_end_is_nothing(copy, bitmap):
    def status(self, handle, *_):
        self.extents(handle, [(CLUSTER, 0), (2**32 - 1, 0)], [(2**32 - 1, 1), (2**32 - 1, 1)])
    assert_copied(copy(server_with(status=status), bitmap=bitmap))


def test_small_steps_arrive(copy):
    def status(self, handle, *_):
        self.extents(handle, [(4096, 0)], [(512 * 3, 1)])
    assert_copied(copy(server_with(status=status), bitmap="b"))


def test_what_is_said_of_other_things_is_nothing(copy):
    def status(self, handle, *_):
        self.chunk(handle, DONE, CHUNK_STATUS, struct.pack(">III", 77, CAPACITY, 0))
    assert_failed(copy(server_with(status=status)), "failed", "lost")


def test_an_answer_to_another_question_is_none(copy):
    def read(self, handle, offset, length):
        self.data(handle + 100, offset, length)
    assert_failed(copy(server_with(read=read)), "lost", "failed")


@pytest.mark.parametrize("shift", [-CLUSTER, MIB, 2**40])
def test_data_of_another_place_is_refused(copy, shift):
    def read(self, handle, offset, length):
        self.data(handle, (offset + shift) % 2**64, length)
    assert_failed(copy(server_with(read=read)), "lost", "failed")


def test_more_data_than_was_asked_for_is_refused(copy):
    def read(self, handle, offset, length):
        self.data(handle, offset, length + 4096)
    assert_failed(copy(server_with(read=read)), "lost", "failed")


@pytest.mark.parametrize("noise", [b"\x00" * 4096, b"\xff" * 4096, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
@pytest.mark.parametrize("place", ["greet", "status", "read"])
def test_noise_is_refused(copy, place, noise):
    def method(self, *_):
        self.put(noise)
        self.silence()
    assert_failed(copy(server_with(**{place: method})), "lost", "failed")


def test_answers_may_come_in_any_order(copy):
    """All eight are asked for before the first is answered."""
    def read(self, handle, offset, length):
        self.kept = [*getattr(self, "kept", []), (handle, offset, length)]
        if len(self.kept) == 8:
            for each in reversed(self.kept):
                self.data(*each)
            self.kept = []
    assert_copied(copy(server_with(read=read)))


class Waiting(Server):
    """Writes as QEMU does: when it is told that it can, and hears of nothing else meanwhile. Stops its reader before the
    first answer."""

    def __init__(self, path):
        self.has_reader = threading.Event()
        super().__init__(path)

    def read(self, handle, offset, length):
        if self.reads == 1:
            self.has_reader.wait(60)
            self.reader.send_signal(signal.SIGSTOP)
        super().read(handle, offset, length)

    def put(self, data):
        poll = select.poll()
        poll.register(self.peer, select.POLLOUT)
        while data:
            if any(events & select.POLLOUT for _, events in poll.poll()):
                data = data[self.peer.send(data, socket.MSG_DONTWAIT):]
            else:
                time.sleep(0.01)  # it hangs up, which is not what was waited for


def test_who_has_answers_for_a_reader_that_stands_still_need_not_wait_for_it(build, directory):
    server = Waiting(os.path.join(directory, "nbd"))
    target = os.path.join(directory, "made.qcow2")
    with subprocess.Popen(command(build, os.path.join(directory, "nbd"), target), stdout=subprocess.PIPE, text=True) as reader:
        server.reader = reader
        server.has_reader.set()
        try:
            wait_for(lambda: not server.thread.is_alive(), "the server is through with it")
        finally:
            reader.send_signal(signal.SIGCONT)
        assert reader.stdout.readline() == "lost\n"
    assert not os.path.exists(target)
    server.stop()
