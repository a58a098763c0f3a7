# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes control plane with CSI snapshots, on loopback, in a directory of its own.

    with Cluster(nodes=["node-a", "node-b"]) as cluster:
        cluster.admin.create({...})
        cluster.kubectl("get", "volumesnapshots", "-A")
        cluster.kill_api(); cluster.start_api()

etcd, kube-apiserver, kube-controller-manager, snapshot-controller, csi-provisioner and csi-snapshotter are as they are
released; the CSI driver is csi-dir. There is no kubelet and no scheduler: nodes and pods are objects that nobody runs.
"""

import contextlib
import functools
import os
import socket
import subprocess

import rest
import scratch
import yaml
from account import ServiceAccount
from audit import AuditLog
from csi import Driver
from kubeapi import ApiError, Client, path_to
from pki import Authority
from process import Process
from volumes import CLASSES, CONTENTS, SNAPSHOTS, claim, content_name, volume_snapshot
from waiting import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
LIMIT = 120  # seconds; a kubectl that ends never fails the test
# Without nodes and pods: what keeps volumes, name spaces, quotas, roles, policies and owners going.
CONTROLLERS = ",".join((
    "namespace-controller", "garbage-collector-controller", "resourcequota-controller", "serviceaccount-controller",
    "root-ca-certificate-publisher-controller", "clusterrole-aggregation-controller",
    "validatingadmissionpolicy-status-controller", "persistentvolume-binder-controller",
    "persistentvolume-protection-controller", "persistentvolumeclaim-protection-controller"))


@functools.lru_cache(maxsize=None)
def programs():
    """{name: path} of all that a cluster is made of; built, where nothing is kept."""
    fetch = os.path.join(HERE, "../go/fetch")
    done = subprocess.run([fetch], stdout=subprocess.PIPE, text=True, check=True)
    return {os.path.basename(path): path for path in done.stdout.split()}


class Cluster:
    """@nodes: their names. @csi_options: of snapshot-controller, csi-provisioner and csi-snapshotter, whose own client
    limits are 5 and 10. @old_etcd: Debian's 3.4, with which an API server has no streaming lists."""

    def __init__(self, nodes=("node-a", "node-b"), csi_options=("--kube-api-qps=100", "--kube-api-burst=200"),
                 old_etcd=False):
        self.nodes = nodes
        self.old_etcd = old_etcd
        self.csi_options = csi_options
        self.processes = []
        self.drivers = {}
        self._api_was_away = False
        self._reserved = None

    def __enter__(self):
        self.dir = scratch.make("cluster")
        try:
            self._prepare()
            self._start()
        except BaseException as error:
            error.add_note(self.diagnosis())
            self.close()
            raise
        return self

    def __exit__(self, *_exception):
        self.close()

    def close(self):
        """Ends what it has started, clients before servers, and removes all state."""
        for process in reversed(self.processes):
            process.kill()
        if self._reserved:
            self._reserved.close()
        scratch.remove(self.dir)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def _prepare(self):
        os.mkdir(self.path("log"))
        self.volumes = self.path("volumes")
        mount_xfs(self.path("volumes.img"), self.volumes)
        self.keys = Authority(self.path("pki"))
        self.keys.issue("server", "/CN=kube-apiserver", "-addext",
                        "subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc")
        self.keys.issue("service-accounts", "/CN=service-accounts", signed=False)
        self.keys.issue("front-proxy", "/CN=front-proxy")
        self.port, self._reserved = reserve_port()
        self.audit = AuditLog(self.path("audit.log"))
        self.admin = self.user("admin", "system:masters")
        self.kubeconfig = self.write_kubeconfig("admin")

    # Users.

    def user(self, name, *groups):
        """A client with a certificate."""
        if not os.path.exists(self.keys.path(f"{name}.crt")):
            self.keys.issue(name, "".join(f"/O={group}" for group in groups) + f"/CN={name}")
        return self.client(certificate=(self.keys.path(f"{name}.crt"), self.keys.path(f"{name}.key")))

    def client(self, **credentials):
        return Client(self.port, self.keys.path("ca.crt"), **credentials)

    def write_kubeconfig(self, name, namespace="default", **user):
        """The path of a kubeconfig for a user with a certificate, or with @user, say tokenFile="..."."""
        user = user or {"client-certificate": self.keys.path(f"{name}.crt"),
                        "client-key": self.keys.path(f"{name}.key")}
        path = self.path(f"{name}.kubeconfig")
        server = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": self.keys.path("ca.crt")}
        with open(path, "w") as file:
            yaml.safe_dump({
                "apiVersion": "v1", "kind": "Config", "current-context": name,
                "clusters": [{"name": "test", "cluster": server}],
                "users": [{"name": name, "user": user}],
                "contexts": [{"name": name, "context": {"cluster": "test", "user": name, "namespace": namespace}}],
            }, file)
        return path

    def service_account(self, name, namespace, rules=()):
        return ServiceAccount(self, name, namespace, rules)

    def grant(self, name, rules, subject):
        """Gives a subject the rights of a ClusterRole made for it."""
        group = "rbac.authorization.k8s.io"
        self.admin.create({"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name},
                           "rules": list(rules)})
        self.admin.create({"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
                           "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name}, "subjects": [subject]})

    # Programs.

    def process(self, name, program, *arguments):
        return self._process(name, programs()[program], *arguments)

    def _process(self, name, *arguments):
        process = Process(name, arguments, self.path("log", f"{name}.log"), self.dir)
        self.processes.append(process)
        return process

    def component(self, name, program, *arguments):
        """One that is a client, by its own name, with every right."""
        self.user(name, "system:masters")
        return self.process(name, program, "--kubeconfig", self.write_kubeconfig(name), *arguments)

    def _start(self):
        self.etcd = self._etcd()
        self.api = self._api()
        self.start_etcd()
        self.start_api()
        self.controllers = self.component(
            "kube-controller-manager", "kube-controller-manager", f"--controllers={CONTROLLERS}",
            "--leader-elect=false", "--secure-port=0", "--root-ca-file", self.keys.path("ca.crt"))
        self.snapshots = self.component(
            "snapshot-controller", "snapshot-controller", "--feature-gates=CSIVolumeGroupSnapshot=true", "-v=4")
        self.controllers.start()
        self.apply_file(*sorted(os.path.join(programs()["crds"], name) for name in os.listdir(programs()["crds"])))
        self.snapshots.start(*self.csi_options)
        self.driver = self.add_driver("dir.csi.lull.dev")
        for name in self.nodes:
            self.admin.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        self._wait_until_it_works()

    def _etcd(self):
        # Sockets have to look like hosts with ports: what is taken for their names is in the working directory.
        nowhere = "http://127.0.0.1:1"  # it has to say where other members would find it
        if self.old_etcd:
            done = subprocess.run([os.path.join(HERE, "fetch-old-etcd")], stdout=subprocess.PIPE, text=True, check=True)
            start = [done.stdout.strip(), "--logger=zap"]
        else:
            start = [programs()["etcd"], "--unsafe-no-fsync"]
        return self._process(
            "etcd", *start, "--data-dir", self.path("etcd"), "--log-level=warn",
            "--listen-client-urls=unix://etcd:0", f"--advertise-client-urls={nowhere}",
            "--listen-peer-urls=unix://etcd-peer:0", f"--initial-advertise-peer-urls={nowhere}",
            f"--initial-cluster=default={nowhere}")

    def start_etcd(self):
        self.etcd.start()
        self.etcd.wait_until(lambda: answers(self.path("etcd:0")), "a listener")

    def compact(self):
        """Has etcd forget all but the present. What the API server still has in memory it goes on to serve."""
        revision = self._ask_etcd("/v3/kv/range", key="AA==")["header"]["revision"]
        self._ask_etcd("/v3/kv/compaction", revision=revision, physical=True)

    def _ask_etcd(self, path, **body):
        status, document = rest.Client(self.path("etcd:0")).post(path, body)
        assert status == 200, document
        return document

    def _api(self):
        key = self.keys.path
        return self.process(
            "kube-apiserver", "kube-apiserver", f"--etcd-servers=unix://{self.path('etcd:0')}",
            "--bind-address=127.0.0.1", f"--secure-port={self.port}", "--permit-port-sharing",
            "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--tls-cert-file", key("server.crt"), "--tls-private-key-file", key("server.key"),
            "--cert-dir", self.path("pki"), "--client-ca-file", key("ca.crt"), "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file", key("service-accounts.crt"),
            "--service-account-signing-key-file", key("service-accounts.key"),
            "--requestheader-client-ca-file", key("ca.crt"), "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--proxy-client-cert-file", key("front-proxy.crt"), "--proxy-client-key-file", key("front-proxy.key"),
            "--audit-policy-file", os.path.join(HERE, "audit-policy.yaml"), "--audit-log-path", self.audit.path,
            "--audit-log-maxsize=10000")

    def start_api(self, *more):
        """@more: arguments in this life, say --goaway-chance=0.02."""
        self.api.start(*more)
        self.api.wait_until(lambda: self.admin.call("GET", "/readyz")[0] == 200, "readiness")
        for definition in self.admin.list(DEFINITIONS):
            path = path_to(definition["metadata"]["name"]) + "?limit=1"
            self.api.wait_until(lambda: self.admin.call("GET", path)[0] == 200, f"an answer from {path}")

    def kill_api(self):
        """A crash: its clients find nobody until start_api()."""
        self.api.kill()
        self.audit.forget_begun()
        self._api_was_away = True

    def add_driver(self, name, reflink=True):
        """One more CSI driver, with its sidecars and classes. The first one's StorageClass is the default.
        @reflink: its volumes are on an XFS that copies in no time; else on whatever /tmp is on."""
        driver = self.drivers[name] = Driver(self, name, self.volumes if reflink else self.dir)
        driver.start()
        words = {"@NAME@": driver.short, "@DRIVER@": name, "@DEFAULT@": str(len(self.drivers) == 1).lower()}
        with open(os.path.join(HERE, "classes.yaml")) as file:
            text = file.read()
        for word, value in words.items():
            text = text.replace(word, value)
        # A server knows a kind some time after its definition was taken.
        for document in yaml.safe_load_all(text):
            wait_for(lambda: self._try_create(document), f"a {document['kind']}", interval=0.05)
        return driver

    @contextlib.contextmanager
    def csi_with(self, *options):
        """The CSI programs run with these options besides meanwhile; of one given twice the last counts."""
        before = self.csi_options
        self.csi_options = (*before, *options)
        self._restart_csi()
        try:
            yield
        finally:
            self.csi_options = before
            self._restart_csi()

    @contextlib.contextmanager
    def without_snapshots(self):
        """Meanwhile there are no VolumeSnapshots, nor anything of their kind. Those that there were are gone for good."""
        definitions = [self.admin.read(DEFINITIONS, resource) for resource in (SNAPSHOTS, CONTENTS, CLASSES)]
        classes = self.admin.list(CLASSES)
        for one in definitions:  # in this order: who removes the first needs the others
            self.admin.delete(DEFINITIONS, one["metadata"]["name"])
            self.admin.wait_gone(DEFINITIONS, one["metadata"]["name"])
        try:
            yield
        finally:
            for one in definitions:
                self.admin.create(as_new(one))
                self.admin.wait(DEFINITIONS, one["metadata"]["name"], is_established, "established")
            for one in classes:
                wait_for(lambda: self._try_create(as_new(one)), "classes of snapshots again")
            self._restart_csi()

    def _restart_clients(self):
        """Those that have found no API server now and then look for it up to a minute apart; new ones do at once."""
        self.controllers.restart()
        self._restart_csi()
        self._api_was_away = False

    def _restart_csi(self):
        self.snapshots.restart(*self.csi_options)
        for driver in self.drivers.values():
            driver.restart()

    def _try_create(self, document):
        try:
            return self.admin.create(document)
        except ApiError as error:
            if error.status != 404:
                raise

    def _wait_until_it_works(self):
        """Takes a volume through all of it once."""
        self.admin.wait("serviceaccounts", "default", bool, "made", "default")
        self.admin.create(claim("first"), "default")
        self.admin.create(volume_snapshot("first", "first"), "default")
        self.wait_ready("first", "default")
        self.admin.delete(SNAPSHOTS, "first", "default")
        self.admin.delete("persistentvolumeclaims", "first", "default")
        self.admin.wait_gone(SNAPSHOTS, "first", "default")

    # Objects.

    def create_namespace(self, name):
        """With what every one has; it may be used at once."""
        if self._api_was_away:
            self._restart_clients()
        self.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.admin.wait("serviceaccounts", "default", bool, "made", name)
        return name

    def clear_namespace(self, name):
        """Deletes it with all that is in it, snapshots before their volumes; waits for nothing."""
        for resource in (SNAPSHOTS, "persistentvolumeclaims"):
            for document in self.admin.list(resource, name):
                self.admin.delete(resource, document["metadata"]["name"], name)
        self.admin.delete("namespaces", name)

    def create_pod(self, name, namespace, node, service_account="default", labels=None):
        """A pod that a node would run. It stays as it is written."""
        return self.admin.create({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}},
            "spec": {"nodeName": node, "serviceAccountName": service_account, "automountServiceAccountToken": False,
                     "containers": [{"name": "compute", "image": "none"}]}}, namespace)

    def wait_ready(self, name, namespace, timeout=60):
        """A VolumeSnapshot that is ready to use."""
        return self.admin.wait(SNAPSHOTS, name,
                               lambda document: document.get("status", {}).get("readyToUse"), "ready to use",
                               namespace, timeout)

    def wait_bound(self, name, namespace, timeout=60):
        """A bound claim."""
        return self.admin.wait("persistentvolumeclaims", name,
                               lambda document: document.get("status", {}).get("phase") == "Bound", "bound",
                               namespace, timeout)

    def wait_cut(self, snapshot):
        """The content of a VolumeSnapshot, once the storage has cut."""
        return self.admin.wait(CONTENTS, content_name(snapshot), lambda one: "creationTime" in one.get("status", {}),
                               "cut")

    def wait_refused(self, snapshot, text):
        """The content of a VolumeSnapshot, once there is an error with @text in it."""

        def told(content):
            return text in (content.get("status", {}).get("error") or {}).get("message", "")

        return self.admin.wait(CONTENTS, content_name(snapshot), told, f"an error with {text}")

    def content_of(self, snapshot):
        """The VolumeSnapshotContent of a VolumeSnapshot, whose name is known before it is there."""
        return self.admin.find(CONTENTS, content_name(snapshot))

    def apply_file(self, *paths):
        """Creates what is in some files, as the admin."""
        documents = []
        for path in paths:
            with open(path) as file:
                documents += [document for document in yaml.safe_load_all(file) if document]
        for document in documents:
            self.admin.create(document)
        for document in documents:
            if document["kind"] == "CustomResourceDefinition":
                self.admin.wait(DEFINITIONS, document["metadata"]["name"],
                                is_established, "established")

    def kubectl(self, *arguments, kubeconfig=None, stdin=None):
        """The output of a kubectl that must succeed."""
        done = self.run_kubectl(*arguments, kubeconfig=kubeconfig, stdin=stdin)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def run_kubectl(self, *arguments, kubeconfig=None, stdin=None):
        # Its cache of what a server knows is kept by port: one of our own.
        environment = {**os.environ, "KUBECONFIG": kubeconfig or self.kubeconfig, "HOME": self.dir,
                       "KUBECACHEDIR": self.path("kubectl-cache"), "LC_ALL": "C.UTF-8"}
        return subprocess.run([programs()["kubectl"], *arguments], env=environment, input=stdin or "",
                              capture_output=True, text=True, timeout=LIMIT)

    def mend(self):
        """Everything runs again, and no driver's knobs are turned."""
        for process in self.processes:
            process.resume()
        if not self.etcd.runs():
            self.start_etcd()
        if not self.api.runs():
            self.start_api()
        if not self.controllers.runs():
            self.controllers.start()
        if not self.snapshots.runs():
            self.snapshots.start(*self.csi_options)
        for driver in self.drivers.values():
            driver.mend()

    def diagnosis(self):
        """For a report of a failed test."""
        return "\n".join(f"--- {process.name}, {'runs' if process.runs() else 'has ended'}\n{process.tail(2000)}"
                         for process in self.processes)


def as_new(document):
    """What one would write to have it as it was."""
    metadata = {key: value for key, value in document["metadata"].items() if key in ("name", "labels", "annotations")}
    return {**{key: value for key, value in document.items() if key != "status"}, "metadata": metadata}


def is_established(definition):
    conditions = definition.get("status", {}).get("conditions") or []  # null at first
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def answers(path):
    """Does somebody listen on a Unix socket?"""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


def mount_xfs(image, directory):
    """An XFS that can share blocks between files."""
    os.mkdir(directory)
    with open(image, "wb") as file:
        file.truncate(16 << 30)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, directory], check=True)


def reserve_port():
    """(port, socket): free on loopback, and nobody else's while the socket is open; a server that shares ports
    (SO_REUSEPORT) may listen there, again and again."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved.getsockname()[1], reserved
