# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""An API that the API server passes on to the test, as it passes KubeVirt's subresources on to virt-api."""

import base64
import http.server
import json
import ssl
import threading

from waiting import wait_for


class Extension:
    """Serves a group version. @answer(method, path, document, user) gives (status, document or None); it is called by
    several threads, after the API server has let the user through."""

    def __init__(self, cluster, group, version, answer):
        self.cluster = cluster
        self.admin = cluster.admin
        self.group = group
        self.version = version
        self.name = f"{version}.{group}"
        self.service = group.replace(".", "-")
        cluster.keys.issue(self.service, f"/CN={group}", "-addext", f"subjectAltName=DNS:{self.service}.default.svc")
        self._server = _Server(self, answer)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.admin.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": self.service},
                           "spec": {"type": "ExternalName", "externalName": "localhost"}}, "default")
        with open(self.cluster.keys.path("ca.crt"), "rb") as file:
            authority = base64.b64encode(file.read()).decode()
        self.admin.create({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": self.name},
            "spec": {"group": self.group, "version": self.version, "groupPriorityMinimum": 1000, "versionPriority": 15,
                     "caBundle": authority,
                     "service": {"name": self.service, "namespace": "default", "port": self._server.server_port}}})
        path = f"/apis/{self.group}/{self.version}"
        wait_for(lambda: self.admin.call("GET", path)[0] == 200, f"{path} served", interval=0.05)
        return self

    def __exit__(self, *_exception):
        self.admin.delete("apiservices.apiregistration.k8s.io", self.name)
        self.admin.delete("services", self.service, "default")
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, extension, answer):
        super().__init__(("127.0.0.1", 0), _Handler)
        keys = extension.cluster.keys
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=keys.path("ca.crt"))
        tls.verify_mode = ssl.CERT_REQUIRED  # what says who the user is comes from the API server only
        tls.load_cert_chain(keys.path(f"{extension.service}.crt"), keys.path(f"{extension.service}.key"))
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.extension = extension
        self.answer = answer

    def handle_error(self, request, client_address):
        """A connection that the API server has broken off is no failure."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        extension = self.server.extension
        if self.path.partition("?")[0] == f"/apis/{extension.group}/{extension.version}":
            status, document = 200, {"kind": "APIResourceList", "apiVersion": "v1", "resources": [],
                                     "groupVersion": f"{extension.group}/{extension.version}"}
        elif f"/{extension.version}/" in self.path:
            user = self.headers.get("X-Remote-User")
            status, document = self.server.answer(self.command, self.path, json.loads(body) if body else None, user)
        else:
            status, document = 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
        data = json.dumps(document).encode() if document is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _handle

    def log_message(self, *_arguments):
        pass
