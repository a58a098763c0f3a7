# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""NBD servers that no honest QEMU is: a copy from one fails, with a reason and nothing left, or is right."""

import os
import socket
import struct
import subprocess
import threading

import pytest

MIB = 1024 * 1024
CAPACITY = 8 * MIB
CLUSTER = 65536
BASE, BITMAP = b"base:allocation", b"qemu:dirty-bitmap:b"

OPTION_ABORT, OPTION_GO, OPTION_STRUCTURED, OPTION_LIST, OPTION_SET = 2, 7, 8, 9, 10
REPLY_ACK, REPLY_INFO, REPLY_CONTEXT = 1, 3, 4
READ, DISCONNECT, STATUS = 0, 2, 7
DONE = 1
CHUNK_NONE, CHUNK_DATA, CHUNK_HOLE, CHUNK_STATUS, CHUNK_ERROR = 0, 1, 2, 5, 0x8001


class End(Exception):
    """The server has said all that it will."""


class Server:
    """Keeps the protocol, but for what a test puts in the place of a method."""

    size = CAPACITY
    contexts = (BASE, BITMAP)

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)
        self.closed = threading.Event()
        self.reads = 0
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def stop(self):
        self.closed.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(60)
        assert not self.thread.is_alive()
        self.listener.close()

    def serve(self):
        try:
            self.peer, _ = self.listener.accept()
        except OSError:
            return
        with self.peer:
            try:
                self.greet()
                self.negotiate()
                while True:
                    self.request()
            except (End, OSError, struct.error):
                pass

    def get(self, n):
        data = b""
        while len(data) < n:
            piece = self.peer.recv(n - len(data))
            if not piece:
                raise End
            data += piece
        return data

    def put(self, data):
        self.peer.sendall(data)

    def silence(self, *_):
        """Until whoever waits has gone."""
        while self.peer.recv(65536):
            pass
        raise End

    def greet(self):
        self.put(b"NBDMAGIC" + b"IHAVEOPT" + struct.pack(">H", 3))
        self.get(4)

    def reply(self, option, kind, data=b""):
        self.put(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)

    def negotiate(self):
        while True:
            _, option, length = struct.unpack(">QII", self.get(16))
            self.get(length)
            if option == OPTION_SET:
                for i, name in enumerate(self.contexts):
                    self.reply(option, REPLY_CONTEXT, struct.pack(">I", i + 1) + name)
            if option == OPTION_GO:
                self.reply(option, REPLY_INFO, struct.pack(">HQH", 0, self.size, 3))
            if option in (OPTION_STRUCTURED, OPTION_SET, OPTION_GO, OPTION_ABORT):
                self.reply(option, REPLY_ACK)
            else:
                self.reply(option, 0x80000001)
            if option == OPTION_GO:
                return

    def chunk(self, handle, flags, kind, data=b""):
        self.put(struct.pack(">IHHQI", 0x668E33EF, flags, kind, handle, len(data)) + data)

    def refuse(self, handle, error):
        self.chunk(handle, DONE, CHUNK_ERROR, struct.pack(">IH", error, 0))

    def request(self):
        _, _, kind, handle, offset, length = struct.unpack(">IHHQQI", self.get(28))
        if kind == DISCONNECT:
            raise End
        if kind == STATUS:
            self.status(handle, offset, length)
        else:
            self.reads += 1
            self.read(handle, offset, length)

    def extents(self, handle, *lists):
        for i, extents in enumerate(lists):
            data = struct.pack(">I", i + 1) + b"".join(struct.pack(">II", *each) for each in extents)
            self.chunk(handle, DONE if i + 1 == len(lists) else 0, CHUNK_STATUS, data)

    def status(self, handle, offset, length):
        self.extents(handle, [(length, 0)], [(length, 1)])

    def data(self, handle, offset, length):
        self.chunk(handle, DONE, CHUNK_DATA, struct.pack(">Q", offset) + bytes([offset // CLUSTER % 251 + 1]) * length)

    def read(self, handle, offset, length):
        self.data(handle, offset, length)


class Result:
    def __init__(self, process, path):
        self.word, self.text = process.stdout.splitlines()
        self.is_copied = process.returncode == 0
        self.is_there = os.path.exists(path)


@pytest.fixture
def copy(build, directory):
    """Has a copy made from a server of that class; the server goes with the test."""
    servers = []

    def run(kind, bitmap="", capacity=CAPACITY, patience=30_000):
        path = os.path.join(directory, f"nbd{len(servers)}")
        servers.append(kind(path))
        target = os.path.join(directory, "made.qcow2")
        process = subprocess.run(
            [os.path.join(build, "tests/contract/pull"), path, "vda", bitmap, target, str(capacity), str(patience)],
            stdout=subprocess.PIPE, text=True, check=False, timeout=120)
        assert process.returncode in (0, 1), process
        return Result(process, target)

    yield run
    for server in servers:
        server.stop()


def assert_failed(result, *codes):
    assert not result.is_copied
    assert result.word in codes, (result.word, result.text)
    assert "vda" in result.text
    assert not result.is_there


def server_with(**methods):
    return type("Hostile", (Server,), methods)


def assert_right(result, directory):
    """What an honest server would have led to."""
    assert result.is_copied, (result.word, result.text)
    target, plain = os.path.join(directory, "made.qcow2"), os.path.join(directory, "plain")
    subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", target], check=True)
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", target, plain], check=True)
    with open(plain, "rb") as file:
        data = file.read()
    # each answer is told by where it begins, which is a multiple of the block that is read
    assert data == b"".join(bytes([at // CLUSTER % 251 + 1]) * MIB for at in range(0, CAPACITY, MIB))


def test_an_honest_server_is_copied(copy, directory):
    assert_right(copy(Server), directory)


def test_with_a_bitmap_too(copy, directory):
    assert_right(copy(Server, bitmap="b"), directory)


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
def test_what_is_said_beyond_the_end_is_nothing(copy, directory, bitmap):
    def status(self, handle, *_):
        self.extents(handle, [(CLUSTER, 0), (2**32 - 1, 0)], [(2**32 - 1, 1), (2**32 - 1, 1)])
    assert_right(copy(server_with(status=status), bitmap=bitmap), directory)


def test_small_steps_arrive(copy, directory):
    def status(self, handle, *_):
        self.extents(handle, [(4096, 0)], [(512 * 3, 1)])
    assert_right(copy(server_with(status=status), bitmap="b"), directory)


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


def test_answers_may_come_in_any_order(copy, directory):
    """All eight are asked for before the first is answered."""
    def read(self, handle, offset, length):
        self.kept = [*getattr(self, "kept", []), (handle, offset, length)]
        if len(self.kept) == 8:
            for each in reversed(self.kept):
                self.data(*each)
            self.kept = []
    assert_right(copy(server_with(read=read)), directory)
