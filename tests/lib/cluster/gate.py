# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Stands between a coordinator and the API server, and knows each write that passes.

    with Gate(cluster) as gate:
        gate.stand_before(coordinator)
        gate.after(3, coordinator.kill)  # the third write is done, and nobody learns of it
"""

import email.utils
import http.client
import http.server
import re
import ssl
import threading

# What is written all the time or by the way, and what only asks.
BESIDE = re.compile(r"/leases|/events|dryRun=|/selfsubject|/tokenreviews|/subjectaccess")


class Gate:
    def __init__(self, cluster):
        self.cluster = cluster
        self.writes = []  # since after(): "PATCH <path>"
        self.ahead = 0  # seconds; of the API server's clock, by what it answers
        self._at, self._action = None, None
        self._words, self._reply = None, None
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.port = self._server.server_port

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self._server.shutdown()
        self._server.server_close()

    def stand_before(self, coordinator):
        """One that is not started yet."""
        path = coordinator.arguments[coordinator.arguments.index("--kubeconfig") + 1]
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace(f":{self.cluster.port}", f":{self.port}"))

    def after(self, number, action):
        """When that write from now on, counted from 1, has been done, and before it is answered, once."""
        with self._lock:
            self.writes, self._at, self._action = [], number, action

    def after_saying(self, words, action):
        """When a write that has these bytes in it has been done, and before it is answered, once."""
        with self._lock:
            self._words, self._reply = words, action

    def is_past(self):
        """Has that been?"""
        with self._lock:
            return self._at is not None and len(self.writes) >= self._at

    def note(self, method, path, body):
        if method not in ("POST", "PUT", "PATCH", "DELETE") or BESIDE.search(path) or b"volumeSnapshotStatuses" in body:
            return
        with self._lock:
            self.writes.append(f"{method} {path}")
            acts = [self._action] if self._action and len(self.writes) == self._at else []
            if self._words and self._words in body:
                acts.append(self._reply)
                self._words = None
        for act in acts:
            act()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, gate):
        super().__init__(("127.0.0.1", 0), _Handler)
        keys = gate.cluster.keys
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(keys.path("server.crt"), keys.path("server.key"))
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.gate = gate
        self.to_server = ssl.create_default_context(cafile=keys.path("ca.crt"))

    def handle_error(self, _request, _address):
        """Whoever was killed has ended his connections."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass(self):
        gate = self.server.gate
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPSConnection("127.0.0.1", gate.cluster.port, context=self.server.to_server)
        upstream.request(self.command, self.path, body or None, {
            name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")})
        response = upstream.getresponse()
        if 200 <= response.status < 300:
            gate.note(self.command, self.path, body)
        self._answer(response)
        upstream.close()

    def _answer(self, response):
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() == "date":
                value = email.utils.formatdate(
                    email.utils.parsedate_to_datetime(value).timestamp() + self.server.gate.ahead, usegmt=True)
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        length = response.getheader("Content-Length")
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")  # one request each: nobody has to guess which are still good
        self.end_headers()
        while data := response.read1(65536):
            self.wfile.write(data if length is not None else b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        if length is None:
            self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

    def log_message(self, *_arguments):
        pass
