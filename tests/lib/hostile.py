# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""An HTTP server that does to each request, byte by byte, what a test says next."""

import json
import queue
import socket
import ssl
import threading
import urllib.parse


class Request:
    def __init__(self, method, target, headers, body):
        url = urllib.parse.urlsplit(target)
        self.method = method
        self.path = url.path
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.headers = headers
        self.body = json.loads(body) if body else None


class Connection:
    def __init__(self, plain):
        self.plain = plain

    def raw(self, data):
        self.plain.sendall(data)

    def head(self, code, **headers):
        lines = [f"HTTP/1.1 {code} X"] + [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
        self.raw("\r\n".join(lines + ["", ""]).encode())

    def answer(self, code, value, **headers):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.head(code, Content_Type="application/json", Content_Length=len(body), **headers)
        self.raw(body)

    def stream(self):
        """The head of a watch; what follows is raw, and ends with the connection."""
        self.head(200, Content_Type="application/json", Connection="close")

    def event(self, type_, value):
        self.raw(json.dumps({"type": type_, "object": value}).encode() + b"\n")

    def close(self):
        try:
            self.plain.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.plain.close()


class Server:
    """Each request takes the next of what was planned, a function of connection and request; without one it waits
    for the plan to go on. A function that returns True keeps the connection."""

    def __init__(self, context=None):
        self.plan = queue.Queue()
        self.requests = []
        self._context = context
        self._open = set()
        self._lock = threading.Lock()
        self._closing = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def then(self, *steps):
        for step in steps:
            self.plan.put(step)
        return self

    def close(self):
        self._closing = True
        self.plan.put(None)
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        with self._lock:
            for connection in self._open:
                connection.close()

    def _accept(self):
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            if self._context:
                plain = self._context.wrap_socket(plain, server_side=True)
        except (OSError, ssl.SSLError):
            plain.close()
            return
        connection = Connection(plain)
        with self._lock:
            self._open.add(connection)
        try:
            with plain.makefile("rb") as file:
                while (request := self._read(file)) and self._do(connection, request):
                    pass
        except (OSError, ValueError):
            pass
        connection.close()
        with self._lock:
            self._open.discard(connection)

    def _do(self, connection, request):
        self.requests.append(request)
        step = self.plan.get()
        if step is None:
            self.plan.put(None)
            return False
        return step(connection, request)

    @staticmethod
    def _read(file):
        line = file.readline().decode().split()
        if len(line) != 3:
            return None
        headers = {}
        while (header := file.readline().decode().strip()):
            key, _, value = header.partition(":")
            headers[key.lower()] = value.strip()
        return Request(line[0], line[1], headers, file.read(int(headers.get("content-length", 0))))


def says(code, value, **headers):
    """A step: this answer, and the connection stays."""

    def step(connection, _):
        connection.answer(code, value, **headers)
        return True

    return step


def hangs_up(_connection, _request):
    """A step: the request is read, and that was it."""
    return False


def time_out(connection):
    """Holds the connection until the other side, or the server, has enough of it."""
    try:
        while connection.plain.recv(4096):
            pass
    except OSError:
        pass
