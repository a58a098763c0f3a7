# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A REST server that keeps objects in memory and does what a test says: a coordinator's or a cluster's."""

import http.server
import json
import os
import queue
import socketserver
import threading
import urllib.parse

KINDS = {
    "virtualmachinesnapshots": "VirtualMachineSnapshot",
    "virtualmachinesnapshotcontents": "VirtualMachineSnapshotContent",
    "virtualmachinerestores": "VirtualMachineRestore",
    "virtualmachines": "VirtualMachine",
}
REASONS = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 409: "Conflict", 410: "Expired", 422: "Invalid"}


def condition(type_, status, reason):
    return {"type": type_, "status": status, "reason": reason}


def status(code, message, **more):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message,
            "reason": REASONS.get(code, ""), **more}


def report(**members):
    """An annotation with the report of a freeze that went well, but for @members."""
    return {"lull.dev/quiesce-report": json.dumps({
        "version": 1, "agent": "lull-agent 0.1.0", "level": "app", "require": "crash", "proof": "held",
        "proofBy": "epoch", "witness": "quiet", "prepareMs": 12.1, "freezeMs": 3.2, "cutMs": 21.8, "thawMs": 1.9,
        "windowMs": 26.0, "windowIs": "measured",
        "volumes": [{"name": "rootdisk", "disk": "vda", "cutReceivedAtMs": 18.0}], **members})}


class Watch:
    """One watch that a client has open; the test feeds it."""

    def __init__(self, plural, query):
        self.plural = plural
        self.query = query
        self.lines = queue.Queue()

    def send(self, type_, value):
        self.raw(json.dumps({"type": type_, "object": value}).encode() + b"\n")

    def raw(self, data):
        self.lines.put(data)

    def end(self):
        self.lines.put(None)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"

    def _send(self, code, value):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, watch):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while (data := watch.lines.get()) is not None:
            self.wfile.write(data)
            self.wfile.flush()

    def _handle(self):
        api = self.server.api
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        parts = [urllib.parse.unquote(part) for part in url.path.split("/")[1:]]
        query = dict(urllib.parse.parse_qsl(url.query))
        body = json.loads(text) if text else None
        api.requests.append((self.command, self.path, body))
        api.authorization = self.headers.get("Authorization")
        api.user_agent = self.headers.get("User-Agent")
        if self.command in api.hangs_up_on:
            self.close_connection = True
            return
        answer = api.answers.get((self.command, url.path))
        try:
            if answer is not None:
                self._send(*answer)
            elif "watch" in query:
                self._stream(api.open_watch(parts[5], query))
            else:
                self._send(*api.handle(self.command, parts, body))
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False


class _ClusterServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False


class Api:
    """@socket: None for a cluster's, which listens on @port of the loopback by @tls, an ssl.SSLContext."""

    def __init__(self, socket, tls=None, groups=("snapshot.kubevirt.io",), namespace="default"):
        self.socket = socket
        self.tls = tls
        self.groups = groups
        self.namespace = namespace
        self.port = None
        self.objects = {}
        self.events = []
        self.lists = {}  # of other kinds, by their plurals
        self.denied = set()  # plurals that may not be read
        self.requests = []
        self.authorization = self.user_agent = None  # of the last request
        self.hangs_up_on = ()  # methods that are heard, and not answered
        self.answers = {}  # (method, path): (code, body), instead of what would be said
        self.watches = queue.Queue()
        self.version = 100
        self._open = []
        self._server = None

    def start(self):
        if self.socket is None:
            self._server = _ClusterServer(("127.0.0.1", 0), _Handler)
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
            self.port = self._server.server_address[1]
        else:
            if os.path.exists(self.socket):
                os.unlink(self.socket)
            self._server = _Server(self.socket, _Handler)
        self._server.api = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Nobody listens any more, and every watch breaks."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for watch in self._open:
            watch.end()
        self._open.clear()

    def open_watch(self, plural, query):
        watch = Watch(plural, query)
        self._open.append(watch)
        self.watches.put(watch)
        return watch

    def add(self, plural, name, **members):
        """Puts an object there as if it had always been, or in the place of what was."""
        self.version += 1
        old = self.objects.get((plural, name), {})
        uid = old.get("metadata", {}).get("uid", f"uid-{self.version}")
        metadata = {"name": name, "namespace": self.namespace, "uid": uid, **members.pop("metadata", {}),
                    "resourceVersion": str(self.version)}
        group = "kubevirt.io/v1" if plural == "virtualmachines" else f"{self.groups[0]}/v1beta1"
        self.objects[(plural, name)] = {"apiVersion": group, "kind": KINDS[plural], "metadata": metadata, **members}
        return self.objects[(plural, name)]

    def writes(self):
        return [(method, path, body) for method, path, body in self.requests if method != "GET"]

    def _discover(self, group, version=None):
        if group not in self.groups:
            return 404, b"404 page not found\n"
        if version is None:
            return 200, {"kind": "APIGroup", "name": group}
        return 200, {"kind": "APIResourceList", "resources": [{"name": plural} for plural in KINDS]}

    def handle(self, method, parts, body):
        if parts[0] == "version":
            return 200, {"major": "1", "minor": "0", "gitVersion": "v0"}
        if parts[0] == "apis" and len(parts) < 4:
            return self._discover(*parts[1:])
        # api VERSION or apis GROUP VERSION, then [namespaces NS] PLURAL [NAME [SUBRESOURCE]]
        rest = parts[2 if parts[0] == "api" else 3:]
        rest = rest[2:] if rest[0] == "namespaces" else rest
        plural, name = rest[0], rest[1] if len(rest) > 1 else None
        if plural in self.denied:
            return 403, status(403, f'{plural} is forbidden: User "me" cannot list resource "{plural}"')
        if plural in self.lists:
            return 200, {"kind": "List", "metadata": {}, "items": self.lists[plural]}
        if plural == "events":
            return 200, {"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": self.events}
        if plural not in KINDS:
            return 404, status(404, f"{plural} is not served")
        if method == "POST":
            name = body["metadata"]["name"]
            if (plural, name) in self.objects:
                return 409, status(409, f'{plural} "{name}" already exists', reason="AlreadyExists")
            return 201, self.add(plural, name, **{key: body[key] for key in body if key not in ("apiVersion", "kind")})
        if name is None:
            items = [value for (kind, _), value in sorted(self.objects.items()) if kind == plural]
            return 200, {"kind": "List", "metadata": {"resourceVersion": str(self.version)}, "items": items}
        if (plural, name) not in self.objects:
            return 404, status(404, f'{plural} "{name}" not found', details={"name": name, "kind": plural})
        if method == "DELETE":
            return 200, self.objects.pop((plural, name))
        if method == "PATCH":
            self.objects[(plural, name)]["metadata"].setdefault("annotations", {}).update(
                body["metadata"].get("annotations", {}))
        return 200, self.objects[(plural, name)]
