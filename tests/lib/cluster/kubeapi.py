# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server's client, as plain as http.client makes it."""

import http.client
import json
import ssl
import threading
import urllib.parse

from waiting import wait_for

TIMEOUT = 60  # a server that answers never fails the test
MERGE = "application/merge-patch+json"
GROUPS = {
    "snapshot.storage.k8s.io": "v1",
    "groupsnapshot.storage.k8s.io": "v1",
    "snapshot.kubevirt.io": "v1beta1",
    "snapshot.lull.dev": "v1beta1",
    "cdi.kubevirt.io": "v1beta1",
}


class ApiError(Exception):
    """What a server answered that was not asked for: a Status, mostly."""

    def __init__(self, method, path, status, document):
        self.status = status
        self.reason = document.get("reason") if isinstance(document, dict) else None
        self.message = document.get("message") if isinstance(document, dict) else document
        super().__init__(f"{method} {path}: {status} {self.reason}: {self.message}")


def plural(kind):
    """The resource of a kind."""
    word = kind.lower()
    if word.endswith("y"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith("s") else "s")


def path_to(resource, name=None, namespace=None, subresource=None):
    """The path of "pods", "leases.coordination.k8s.io" or "volumesnapshots.v1.snapshot.storage.k8s.io"."""
    resource, _, group = resource.partition(".")
    version, _, rest = group.partition(".")
    if version[:1] == "v" and version[1:2].isdigit():
        group = rest
    else:
        version = GROUPS.get(group, "v1")
    parts = ["/apis/" + group + "/" + version if group else "/api/v1"]
    if namespace:
        parts.append(f"namespaces/{namespace}")
    parts.append(resource)
    parts += [part for part in (name, subresource) if part]
    return "/".join(parts)


class Client:
    """One user. May be used by several threads, each with a connection of its own, kept open."""

    def __init__(self, port, ca, certificate=None, token=None):
        """@certificate: (file, key file). @token: the token, or a function that gives it."""
        self.port = port
        self.token = token if callable(token) or token is None else lambda: token
        self.tls = ssl.create_default_context(cafile=ca)
        if certificate:
            self.tls.load_cert_chain(*certificate)
        self._local = threading.local()

    def connect(self, timeout=TIMEOUT):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)

    def _headers(self, headers):
        return {**({"Authorization": f"Bearer {self.token()}"} if self.token else {}), **headers}

    def call(self, method, path, body=None, **headers):
        """(status, document). @headers: Content_Type="...". Reads go over a connection that is kept, and once more over
        a new one if the server has closed that meanwhile; what may not be said twice goes over a new one at once."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        # Without blanks: the server keeps a ControllerRevision's data as they were written, and refuses each later
        # patch of it as a change of them if they are not written as it would.
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body, separators=(",", ":"))
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = getattr(self._local, "connection", None)
        if connection is None or method != "GET":
            return self._exchange(method, path, data, headers)
        try:
            return self._exchange(method, path, data, headers, connection)
        except (OSError, http.client.HTTPException):
            return self._exchange(method, path, data, headers)

    def _exchange(self, method, path, data, headers, connection=None):
        self._local.connection = None
        connection = connection or self.connect()
        connection.request(method, path, data, self._headers(headers))
        response = connection.getresponse()
        text = response.read()
        self._local.connection = connection
        is_json = text and response.headers.get_content_type() == "application/json"
        return response.status, json.loads(text) if is_json else text.decode()

    def must(self, method, path, body=None, **headers):
        """The document of a call that must succeed."""
        status, document = self.call(method, path, body, **headers)
        if not 200 <= status < 300:
            raise ApiError(method, path, status, document)
        return document

    def create(self, document, namespace=None, **query):
        group, _, version = document["apiVersion"].rpartition("/")
        resource = f"{plural(document['kind'])}.{version}.{group}" if group else plural(document["kind"])
        path = path_to(resource, namespace=namespace or document.get("metadata", {}).get("namespace"))
        return self.must("POST", with_query(path, query), document)

    def read(self, resource, name, namespace=None):
        return self.must("GET", path_to(resource, name, namespace))

    def find(self, resource, name, namespace=None):
        """The object, or None."""
        status, document = self.call("GET", path_to(resource, name, namespace))
        if status == 404:
            return None
        if status != 200:
            raise ApiError("GET", path_to(resource, name, namespace), status, document)
        return document

    def list(self, resource, namespace=None, **query):
        return self.must("GET", with_query(path_to(resource, namespace=namespace), query))["items"]

    def merge(self, resource, name, patch, namespace=None, subresource=None):
        return self.must("PATCH", path_to(resource, name, namespace, subresource), patch, Content_Type=MERGE)

    def replace(self, resource, document, subresource=None):
        metadata = document["metadata"]
        path = path_to(resource, metadata["name"], metadata.get("namespace"), subresource)
        return self.must("PUT", path, document)

    def delete(self, resource, name, namespace=None):
        """It may be gone already."""
        path = path_to(resource, name, namespace)
        status, document = self.call("DELETE", path)
        if status not in (200, 202, 404):
            raise ApiError("DELETE", path, status, document)

    def wait(self, resource, name, condition, what, namespace=None, timeout=60):
        """The object, once it is there and @condition(object)."""

        def holds():
            document = self.find(resource, name, namespace)
            return document if document and condition(document) else None

        try:
            return wait_for(holds, f"{resource}/{name}: {what}", timeout, interval=0.02)
        except AssertionError as error:
            text = json.dumps(self.find(resource, name, namespace), indent=1)
            raise AssertionError(f"{error}\n{text}") from None

    def wait_gone(self, resource, name, namespace=None, timeout=60):
        wait_for(lambda: self.find(resource, name, namespace) is None, f"{resource}/{name} gone", timeout,
                 interval=0.02)

    def watch(self, resource, name=None, namespace=None, timeout=TIMEOUT, **query):
        """What happens from now on, or from query resourceVersion; with @name, to that object only."""
        if name:
            query["fieldSelector"] = f"metadata.name={name}"
        path = path_to(resource, namespace=namespace)
        if "resourceVersion" not in query and "sendInitialEvents" not in query:
            query["resourceVersion"] = self.must("GET", path + "?limit=1")["metadata"]["resourceVersion"]
        return Watch(self, with_query(path, {"watch": 1, **query}), timeout)


def with_query(path, query):
    return path + ("?" + urllib.parse.urlencode(query) if query else "")


class Watch:
    """A stream of events. An iterator of ("ADDED", object); next() is None at its end. @connection: an open one."""

    def __init__(self, client, path, timeout=TIMEOUT, connection=None):
        self.connection = connection or client.connect(timeout)
        self.connection.request("GET", path, headers=client._headers({}))
        self.response = self.connection.getresponse()
        if self.response.status != 200:
            raise ApiError("GET", path, self.response.status, json.loads(self.response.read()))

    def next(self):
        line = self.response.readline()
        if not line:
            return None
        event = json.loads(line)
        return event["type"], event["object"]

    def until(self, condition, what):
        """The first object that comes and for which @condition(type, object)."""
        while True:
            event = self.next()
            assert event is not None, f"the watch has ended before {what}"
            if condition(*event):
                return event[1]

    def close(self):
        self.connection.close()
        self.response.close()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()
