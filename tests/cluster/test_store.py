# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The store that is an API server, against real ones: its contract, and servers that go, forget and come back."""

import concurrent.futures
import os
import subprocess
import threading

import pytest

from account import wait_allowed
from cluster import Cluster
from kinds import KUBEVIRTS as GROUP, define
from kubeclient import StoreClient
from waiting import wait_for

SNAPSHOTS = f"virtualmachinesnapshots.v1beta1.{GROUP}"
NAMESPACES = ("other", "one", "two", "three")  # of the contract
EVENTS = [{"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]}]
RULES = [{"apiGroups": [GROUP], "resources": ["virtualmachinesnapshots", "virtualmachinesnapshots/status"],
          "verbs": ["get", "list", "watch", "create", "patch", "delete"]}]
LEASES = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "patch"]}]


@pytest.fixture(scope="module", autouse=True)
def defined(cluster):
    define(cluster, GROUP)


@pytest.fixture(scope="module")
def old_cluster():
    with Cluster(nodes=["old"], old_etcd=True) as old:
        define(old, GROUP)
        yield old


@pytest.fixture
def connect(cluster, build, tmp_path):
    """Makes clients, each a process of its own."""
    clients = []

    def make(kubeconfig, **how):
        with open(tmp_path / f"client-{len(clients)}.log", "wb") as log:
            clients.append(StoreClient(build, kubeconfig, 30000, log=log, **how))
        assert "ok" in clients[-1].first, clients[-1].first
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def account(cluster, namespace):
    """One that may do with snapshots, leases and events what a coordinator does."""
    account = cluster.service_account("store", namespace, RULES + LEASES + EVENTS)
    wait_allowed(account.client(), "watch", "virtualmachinesnapshots", GROUP)
    return account


@pytest.fixture
def client(connect, account):
    return connect(account.kubeconfig("client"))


def snap(name, namespace, **metadata):
    return {"apiVersion": f"{GROUP}/v1beta1", "kind": "VirtualMachineSnapshot",
            "metadata": {"name": name, "namespace": namespace, **metadata},
            "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"}}}


def label(admin, name, namespace, **labels):
    admin.merge(SNAPSHOTS, name, {"metadata": {"labels": labels}}, namespace)


def read_events(client, *expected):
    """What a watch tells of as many objects, in whatever order."""
    assert sorted(client.event() for _ in expected) == sorted(expected)


# The contract that all stores keep.


@pytest.mark.parametrize("part", ["objects", "watch"])
@pytest.mark.parametrize("etcd", ["current", "old"])
def test_the_contract_of_stores_is_kept(request, build, etcd, part):
    cluster = request.getfixturevalue("cluster" if etcd == "current" else "old_cluster")
    for name in NAMESPACES:
        if not cluster.admin.find("namespaces", name):
            cluster.create_namespace(name)
    done = subprocess.run([os.path.join(build, f"tests/contract/test-store-{part}")], capture_output=True, text=True,
                          env={**os.environ, "LULL_CONTRACT_KUBECONFIG": cluster.kubeconfig})
    assert done.returncode == 0 and "\nok 1 " in "\n" + done.stdout, done.stdout + done.stderr


# Lists.


def test_a_list_of_many_pages_has_all_of_them_once(cluster, client, namespace):
    names = [f"snap-{i:04}" for i in range(520)]  # the client's own pages are of 500
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: cluster.admin.create(snap(name, namespace)), names))
    found = client.must("list", namespace)
    assert [one["metadata"]["name"] for one in found["items"]] == names and "continue" not in found["metadata"]
    first = client.must("list", namespace, {"limit": 300})
    assert len(first["items"]) == 300 and first["metadata"]["remainingItemCount"] == 220
    rest = client.must("list", namespace, {"limit": 300, "continue": first["metadata"]["continue"]})
    assert [one["metadata"]["name"] for one in first["items"] + rest["items"]] == names
    client.must("watch", None, {"namespace": namespace})
    read_events(client, *(f"ADDED {name}" for name in names))


# Watches.


def test_a_watch_by_labels_sees_objects_come_and_go(cluster, client, namespace):
    cluster.admin.create(snap("mine", namespace, labels={"node": "a"}))
    cluster.admin.create(snap("yours", namespace, labels={"node": "b"}))
    client.must("watch", None, {"labels": "node=a", "namespace": namespace})
    assert client.event() == "ADDED mine"
    label(cluster.admin, "yours", namespace, node="a")
    assert client.event() == "ADDED yours"
    label(cluster.admin, "mine", namespace, node="b")
    assert client.event() == "DELETED mine"
    cluster.admin.delete(SNAPSHOTS, "yours", namespace)
    assert client.event() == "DELETED yours"


def test_a_watch_of_one_name_sees_nothing_else(cluster, client, namespace):
    version = client.must("list", namespace)["metadata"]["resourceVersion"]
    client.must("watch", version, {"fields": "metadata.name=this", "namespace": namespace})
    for name in ("other", "this"):
        cluster.admin.create(snap(name, namespace))
        label(cluster.admin, name, namespace, touched="yes")
    assert [client.event() for _ in range(2)] == ["ADDED this", "MODIFIED this"]


def test_a_watch_outlives_a_crash_of_the_server(cluster, client, namespace):
    cluster.admin.create(snap("before", namespace))
    client.must("watch", None, {"namespace": namespace})
    assert client.event() == "ADDED before"
    cluster.kill_api()
    cluster.start_api()
    cluster.admin.create(snap("after", namespace))
    assert client.event() == "ADDED after"  # and nothing again
    cluster.admin.delete(SNAPSHOTS, "before", namespace)
    assert client.event() == "DELETED before"


def test_after_a_server_has_forgotten_only_the_differences_are_told(cluster, account, client, namespace):
    trail = cluster.audit.trail()
    for name in ("goes", "changes", "stays"):
        cluster.admin.create(snap(name, namespace))
    client.must("watch", None, {"namespace": namespace})
    read_events(client, "ADDED goes", "ADDED changes", "ADDED stays")
    client.suspend()
    cluster.kill_api()
    cluster.start_api()
    cluster.admin.delete(SNAPSHOTS, "goes", namespace)
    label(cluster.admin, "changes", namespace, touched="yes")
    cluster.admin.create(snap("comes", namespace))
    cluster.compact()
    cluster.kill_api()
    cluster.start_api()  # it remembers nothing older than now
    client.resume()
    read_events(client, "DELETED goes", "MODIFIED changes", "ADDED comes")
    cluster.admin.delete(SNAPSHOTS, "stays", namespace)
    assert client.event() == "DELETED stays"
    lists = [one for one in trail.requests(account.user) if one["verb"] == "list"]
    assert len(lists) == 2, lists  # the watch that the server refused was no way to learn this


def test_what_the_server_has_forgotten_is_told_as_expired(cluster, client, namespace):
    for name in ("a", "b", "c"):
        cluster.admin.create(snap(name, namespace))
    page = client.must("list", namespace, {"limit": 1})["metadata"]
    cluster.admin.delete(SNAPSHOTS, "b", namespace)
    cluster.compact()
    cluster.kill_api()
    cluster.start_api()
    assert client.do("list", namespace, {"limit": 1, "continue": page["continue"]})["error"] == "expired"
    result = client.do("watch", page["resourceVersion"])  # a server may find out at once or later
    assert result.get("error") == "expired" or client.event() == "ERROR 410"


# Requests.


def test_no_write_is_lost_or_done_twice_when_the_server_crashes(cluster, client, namespace):
    outcomes = {}

    def create_some():
        for i in range(10000):
            name = f"snap-{i:04}"
            outcomes[name] = client.do("create", snap(name, namespace))
            if done.is_set():
                return

    done = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        writer = pool.submit(create_some)
        wait_for(lambda: len(outcomes) >= 20, "some writes")
        cluster.kill_api()
        cluster.start_api()
        count = len(outcomes)
        wait_for(lambda: len(outcomes) >= count + 20, "more writes")
        done.set()
        writer.result()
    there = {one["metadata"]["name"] for one in client.must("list", namespace)["items"]}
    assert {name for name, outcome in outcomes.items() if "ok" in outcome} <= there
    for name, outcome in outcomes.items():  # a server that begins does not know anybody's rights
        assert outcome.get("error") in (None, "lost", "denied"), (name, outcome)
        if name in there:
            assert "ok" in outcome or "it is not known whether this was done" in outcome["message"], (name, outcome)


def test_a_server_that_is_away_for_a_while_is_waited_for(cluster, client, namespace):
    cluster.admin.create(snap("a", namespace))
    client.must("get", namespace, "a")
    cluster.api.suspend()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        get = pool.submit(client.must, "get", namespace, "a")
        assert not concurrent.futures.wait([get], timeout=0.5).done
        cluster.api.resume()
        assert get.result()["metadata"]["name"] == "a"


# Who we are.

POD = ('mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount && '
       'mount --bind "$0" /run/secrets/kubernetes.io/serviceaccount && exec "$@"')


def test_a_pod_finds_its_server_by_what_it_is_given(cluster, connect, account, namespace):
    client = connect("", under=["unshare", "-m", "sh", "-c", POD, account.mount("pod")], environment={
        "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.port)})
    made = client.must("create", snap("a", None))
    assert made["metadata"]["namespace"] == namespace  # its own, where nothing else is said
    assert cluster.admin.read(SNAPSHOTS, "a", namespace)["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_token_that_is_refused_is_read_again(cluster, connect, account, namespace):
    old, new = (cluster.create_pod(name, namespace, cluster.nodes[0], "store") for name in ("old", "new"))
    client = connect(account.kubeconfig("rotated", old))
    client.must("watch", None, {"namespace": namespace})
    cluster.admin.create(snap("a", namespace))
    assert client.event() == "ADDED a"
    revoked = account.client(old)
    cluster.admin.must("DELETE", f"/api/v1/namespaces/{namespace}/pods/old", {"gracePeriodSeconds": 0})
    path = f"/apis/{GROUP}/v1beta1/namespaces/{namespace}/virtualmachinesnapshots/a"
    wait_for(lambda: revoked.call("GET", path)[0] == 401, "the old token refused", interval=0.2)
    wait_for(lambda: client.do("get", namespace, "a").get("error") == "denied", "the client refused", interval=0.2)
    account.mount("rotated", new)
    wait_for(lambda: "ok" in client.do("get", namespace, "a"), "the new token used", interval=0.2)
    cluster.kill_api()  # which ends the watch that began with the old one
    cluster.start_api()
    cluster.admin.create(snap("b", namespace))
    assert client.event() == "ADDED b"


# What is told.


def events_of(cluster, name, namespace):
    return cluster.admin.list("events", namespace, fieldSelector=f"involvedObject.name={name}")


def test_the_same_event_is_counted_whoever_tells_it(cluster, connect, account, namespace):
    snapshot = cluster.admin.create(snap("a", namespace))
    for i in range(2):  # a life after the other, or one coordinator after the other
        client = connect(account.kubeconfig(f"client-{i}"))
        for _ in range(2):
            client.must("tell", snapshot, "Reason", "it broke")
        wait_for(lambda: sum(one["count"] for one in events_of(cluster, "a", namespace)) == 2 * (i + 1), "written",
                 interval=0.1)
        client.must("hush")
    event, = events_of(cluster, "a", namespace)
    assert (event["reason"], event["message"], event["type"], event["count"]) == ("Reason", "it broke", "Warning", 4)
    assert "it broke" in cluster.kubectl("describe", SNAPSHOTS, "a", "-n", namespace)


def test_a_flood_of_events_is_combined_and_dammed(cluster, client, account, namespace):
    snapshot = cluster.admin.create(snap("a", namespace))
    trail = cluster.audit.trail()
    for i in range(100):
        client.must("tell", snapshot, "Flood", f"wave {i}")
    waves = {}

    def are_there():
        waves.clear()
        waves.update({event["message"]: event["count"] for event in events_of(cluster, "a", namespace)})
        return sum(waves.values()) >= 25

    wait_for(are_there, "what may be told", interval=0.1)
    client.must("hush")
    assert are_there()
    assert waves == {**{f"wave {i}": 1 for i in range(10)}, "(combined from similar events): wave 24": 15}
    assert trail.counts(account.user, namespace) == {"create events": 11, "patch events": 14}


def test_nobody_waits_for_a_server_to_take_an_event(cluster, client, namespace):
    snapshot = cluster.admin.create(snap("a", namespace))
    client.must("get", namespace, "a")
    cluster.api.suspend()
    for i in range(5):
        client.must("tell", snapshot, "Reason", f"text {i}")  # answered while the server hangs
    cluster.api.resume()
    wait_for(lambda: len(events_of(cluster, "a", namespace)) == 5, "five events", interval=0.1)
    client.must("hush")


# Who leads.

QUICK = (5000, 4000, 100)  # duration, deadline, retry
PATIENT = (60000, 40000, 100)


@pytest.fixture
def candidate(connect, account, namespace):
    numbers = iter(range(9))

    def make(tuning):
        client = connect(account.kubeconfig(f"candidate-{next(numbers)}"))
        client.must("lead", namespace, "leader", f"candidate-{client.process.pid}", *tuning)
        return client

    return make


def leads(client):
    return client.must("leads") is not False


def term_of(event):
    word, term = event.split()
    assert word == "LEADS", event
    return int(term)


def test_of_two_candidates_one_leads_and_hands_over(cluster, candidate, namespace):
    first = candidate(PATIENT)
    term = term_of(first.event())
    second = candidate(PATIENT)
    leases = "leases.coordination.k8s.io"
    version = cluster.admin.read(leases, "leader", namespace)["metadata"]["resourceVersion"]
    cluster.admin.wait(leases, "leader", lambda one: one["metadata"]["resourceVersion"] != version, "renewed",
                       namespace)
    assert first.must("leads") == term and not leads(second)
    first.must("resign")
    assert first.event() == f"FOLLOWS {term}"
    assert term_of(second.event()) > term


def test_a_leader_that_is_killed_is_followed_by_another(cluster, candidate):
    first = candidate(QUICK)
    term = term_of(first.event())
    second = candidate(QUICK)
    first.kill()
    assert term_of(second.event()) > term


def test_a_leader_that_slept_too_long_knows_it_at_once(cluster, candidate):
    first = candidate(QUICK)
    term = term_of(first.event())
    second = candidate(QUICK)
    first.suspend()
    assert term_of(second.event()) > term
    first.resume()
    assert not leads(first)
    assert first.event() == f"FOLLOWS {term}"


def test_without_a_server_nobody_leads_and_with_it_one_does(cluster, candidate):
    both = [candidate(QUICK), candidate(QUICK)]
    wait_for(lambda: any(leads(one) for one in both), "a leader", interval=0.05)
    cluster.kill_api()
    wait_for(lambda: not any(leads(one) for one in both), "nobody leads", interval=0.05)
    cluster.start_api()
    wait_for(lambda: any(leads(one) for one in both), "a leader again", interval=0.05)
    assert len([one for one in both if leads(one)]) == 1
