#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A shell in the test guest, over its port dev.lull.test.control.

It does not depend on the agent, on a network or on a file system that can be frozen. A command that
may block (a write while frozen) goes into the background of the guest: the channel has one lane.

usage: control.py SOCKET COMMAND
"""

import base64
import itertools
import socket
import sys
import time


class Control:
    def __init__(self, path):
        self.path = path
        self._socket = None
        self._buffer = b""
        self._ids = itertools.count(1)

    def run(self, command, timeout=120):
        """Runs @command by the guest's sh. Returns (exit status, output with stderr in it)."""
        deadline = time.monotonic() + timeout
        ident = f"{id(self)}.{next(self._ids)}"
        self._connect(deadline)
        self._socket.sendall(f"{ident} {base64.b64encode(command.encode()).decode()}\n".encode())
        while True:
            fields = self._read_line(deadline).split()
            if fields and fields[0] == ident:
                output = base64.b64decode(fields[2]) if len(fields) > 2 else b""
                return int(fields[1]), output.decode(errors="replace")

    def close(self):
        if self._socket:
            self._socket.close()
        self._socket = None
        self._buffer = b""

    def _connect(self, deadline):
        while not self._socket:
            try:
                self._socket = socket.socket(socket.AF_UNIX)
                self._socket.settimeout(max(0.01, deadline - time.monotonic()))
                self._socket.connect(self.path)
            except OSError:
                self.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _read_line(self, deadline):
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the guest's shell does not answer")
            self._socket.settimeout(left)
            data = self._socket.recv(1 << 16)
            if not data:
                self.close()
                raise ConnectionError("the guest is gone")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    status, text = Control(sys.argv[1]).run(sys.argv[2])
    sys.stdout.write(text)
    sys.exit(status)
