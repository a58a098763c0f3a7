# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""An NBD server with one disk, for copies from it."""

import os
import socket
import struct
import subprocess
import threading

MIB = 1024 * 1024
CAPACITY = 8 * MIB
CLUSTER = 65536
BASE, BITMAP = b"base:allocation", b"qemu:dirty-bitmap:b"

OPTION_ABORT, OPTION_GO, OPTION_STRUCTURED, OPTION_SET = 2, 7, 8, 10
REPLY_ACK, REPLY_INFO, REPLY_CONTEXT = 1, 3, 4
DISCONNECT, STATUS = 2, 7
DONE = 1
CHUNK_DATA, CHUNK_STATUS, CHUNK_ERROR = 1, 5, 0x8001


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


def command(build, path, target, bitmap="", capacity=CAPACITY, patience=30_000):
    """Copies what the server at @path has to the file @target."""
    return [os.path.join(build, "tests/contract/pull"), path, "vda", bitmap, target, str(capacity), str(patience)]


def assert_right(target, capacity=CAPACITY):
    """What an honest server leads to."""
    plain = f"{target}.plain"
    subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", target], check=True)
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", target, plain], check=True)
    with open(plain, "rb") as file:
        data = file.read()
    # each answer is told by where it begins, which is a multiple of the block that is read
    assert data == b"".join(bytes([at // CLUSTER % 251 + 1]) * MIB for at in range(0, capacity, MIB))
