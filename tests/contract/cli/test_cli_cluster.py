# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The command line with a cluster as its target: which one, which group, which namespace, and what goes wrong."""

import os

import pytest

import conftest
import fakeapi
from conftest import KUBEVIRTS, OWN
from waiting import wait_for

MACHINES = "/apis/kubevirt.io/v1/namespaces/web/virtualmachines"
SNAPSHOT = """apiVersion: {group}/v1beta1
kind: VirtualMachineSnapshot
metadata: {{name: nightly, namespace: {namespace}}}
spec: {{source: {{apiGroup: kubevirt.io, kind: VirtualMachine, name: larry}}}}
"""


@pytest.fixture
def lull(program, kubeconfig):
    return conftest.in_cluster(program, kubeconfig)


def paths(api):
    return [path.split("?")[0] for _, path, _ in api.requests]


def test_cluster_is_asked_with_the_users_token_in_its_contexts_namespace(lull, cluster):
    result = lull("vms", "-o", "name")
    assert (result.returncode, result.stdout) == (0, "virtualmachine.kubevirt.io/larry\n")
    assert paths(cluster) == [MACHINES]
    assert cluster.authorization == "Bearer sesame"
    assert cluster.user_agent.startswith("lull/")


def test_namespace_and_context_are_the_users(lull, cluster):
    assert lull("vms", "-n", "shop").returncode == 0
    assert lull("--context", "second", "vms").returncode == 0
    assert [path.split("/")[5] for path in paths(cluster)] == ["shop", "mail"]


def test_kubeconfig_is_the_one_named(lull, cluster, kubeconfig):
    lull.environment["KUBECONFIG"] = "/nowhere"
    assert lull("--kubeconfig", kubeconfig, "vms").returncode == 0
    assert paths(cluster) == [MACHINES]


def test_users_own_kubeconfig_is_the_usual_place(lull, cluster, kubeconfig, place):
    os.mkdir(os.path.join(place, ".kube"))
    os.rename(kubeconfig, os.path.join(place, ".kube", "config"))
    lull.environment.update(KUBECONFIG="", HOME=place)
    assert lull("--context", "first", "vms").returncode == 0
    assert paths(cluster) == [MACHINES]


@pytest.mark.parametrize("how", ["option", "environment"])
def test_socket_of_this_host_stands_before_the_environments_cluster(lull, api, cluster, how):
    conftest.add_machine(api, "moe", conftest.ROOT_DISK)
    if how == "environment":
        lull.environment["LULL_SOCKET"] = api.socket
    result = lull("vms", "-o", "name", *(["--socket", api.socket] if how == "option" else []))
    assert (result.returncode, result.stdout) == (0, "virtualmachine.kubevirt.io/moe\n")
    assert not cluster.requests


def test_one_target_at_a_time(lull):
    result = lull("vms", "--socket", "/s", "--context", "first")
    assert (result.returncode, "one or the other" in result.stderr) == (2, True)


@pytest.mark.parametrize("served, found", [([OWN, KUBEVIRTS], OWN), ([OWN], OWN), ([KUBEVIRTS], KUBEVIRTS)])
def test_group_is_found_out(lull, cluster, served, found):
    cluster.groups = served
    assert lull("snapshot", "larry", "nightly", "--no-wait").returncode == 0
    (_, path, body), = cluster.writes()
    assert path == f"/apis/{found}/v1beta1/namespaces/web/virtualmachinesnapshots"
    assert body["apiVersion"] == f"{found}/v1beta1"
    assert lull("snapshots", "-o", "name").stdout == f"virtualmachinesnapshot.{found}/nightly\n"


def test_group_is_the_users_where_both_are_served(lull, cluster):
    assert lull("snapshots", "--api-group", KUBEVIRTS).returncode == 0
    assert paths(cluster) == [f"/apis/{KUBEVIRTS}/v1beta1/namespaces/web/virtualmachinesnapshots"]
    assert lull("snapshots", "--api-group", "snapshot.example.org").returncode == 2


def test_group_that_is_not_served_is_told(lull, cluster):
    cluster.groups = []
    result = lull("snapshots")
    assert result.returncode == 1
    assert f"neither {OWN} nor {KUBEVIRTS}: Lull is not installed" in result.stderr
    assert lull("vms").returncode == 0


def test_snapshot_is_shown_waited_for_and_deleted(lull, cluster):
    assert lull("snapshot", "larry", "nightly", "--no-wait").stdout.startswith("snapshot/nightly has begun")
    waiting = lull.start("wait", "nightly", "--timeout", "50s")
    watch = cluster.watches.get(timeout=30)
    assert watch.query["fieldSelector"] == "metadata.name=nightly"
    watch.send("MODIFIED", cluster.add(
        "virtualmachinesnapshots", "nightly", metadata={"annotations": fakeapi.report()},
        status={"phase": "Succeeded", "readyToUse": True, "conditions": conftest.READY}))
    output, errors = waiting.communicate(timeout=60)
    assert (waiting.returncode, errors) == (0, "")
    assert "snapshot/nightly is ready: level app, proof held" in output
    assert "proof" in lull("show", "nightly").stdout
    assert lull("delete", "nightly").returncode == 0
    assert not [key for key in cluster.objects if key[0] == "virtualmachinesnapshots"]


def test_advice_is_for_a_cluster(lull, cluster):
    cluster.add("virtualmachinesnapshots", "poor", spec={"source": {"name": "larry"}}, status={
        "phase": "Succeeded", "readyToUse": True, "conditions": conftest.READY, "indications": ["Online", "NoGuestAgent"]})
    output = lull("show", "poor").stdout
    assert "virtctl stop larry" in output and "virsh" not in output


@pytest.fixture
def nightly(cluster):
    """A snapshot of larry, who is off, where KubeVirt's controller has the group."""
    cluster.groups = [KUBEVIRTS]
    cluster.add("virtualmachinesnapshots", "nightly", spec={"source": {"name": "larry"}}, status={"readyToUse": True})
    cluster.objects["virtualmachines", "larry"]["status"]["printableStatus"] = "Stopped"
    return cluster


def test_restore_is_asked_of_kubevirt(lull, nightly):
    assert lull("restore", "nightly", "--no-wait").returncode == 0
    (_, path, body), = nightly.writes()
    assert path == f"/apis/{KUBEVIRTS}/v1beta1/namespaces/web/virtualmachinerestores"
    assert body["apiVersion"] == f"{KUBEVIRTS}/v1beta1"


def test_restore_is_asked_of_lull_where_it_has_the_snapshots(lull, nightly):
    nightly.groups = [OWN, KUBEVIRTS]
    assert lull("restore", "nightly", "--no-wait").returncode == 0
    (_, path, _), = nightly.writes()
    assert path == f"/apis/{OWN}/v1beta1/namespaces/web/virtualmachinerestores"


def test_restore_of_what_runs_says_how_it_is_stopped_there(lull, nightly):
    nightly.objects["virtualmachines", "larry"]["status"]["printableStatus"] = "Running"
    result = lull("restore", "nightly", "--no-wait")
    assert (result.returncode, "virtctl stop larry" in result.stderr) == (1, True), result.stderr
    assert not nightly.writes()


def test_restore_of_what_is_gone_promises_what_kubevirt_does(lull, nightly):
    result = lull("restore", "nightly", "--to", "moe", "--no-wait")
    assert (result.returncode, result.stderr) == (0, "lull: note: moe is not there: it is made\n")


def test_what_may_have_been_made_is_not_asked_for_again(lull, cluster):
    cluster.hangs_up_on = ("POST",)
    result = lull("snapshot", "larry", "--no-wait")
    assert (result.returncode, result.stdout) == (1, "")
    assert len(cluster.writes()) == 1


def test_file_is_applied_in_its_group_and_namespace(lull, cluster):
    result = lull("apply", "-f", "-", stdin=SNAPSHOT.format(group=OWN, namespace="web"))
    assert (result.returncode, result.stdout) == (0, "snapshot/nightly created\n")
    assert cluster.writes()[0][2]["apiVersion"] == f"{OWN}/v1beta1"


@pytest.mark.parametrize("group, namespace, said", [
    (KUBEVIRTS, "web", f"of {OWN}/v1beta1; --api-group names another group"),
    (OWN, "mail", '"mail", and this is for web; say -n mail')])
def test_file_for_elsewhere_is_refused(lull, cluster, group, namespace, said):
    result = lull("apply", "-f", "-", stdin=SNAPSHOT.format(group=group, namespace=namespace))
    assert (result.returncode, said in result.stderr) == (1, True), result.stderr
    assert not cluster.writes()


@pytest.mark.parametrize("word, path, body", [
    ("freeze", "freeze", {"unfreezeTimeout": "30s"}), ("thaw", "unfreeze", None)])
def test_machine_is_frozen_and_thawed_by_kubevirt(lull, cluster, word, path, body):
    full = f"/apis/subresources.kubevirt.io/v1/namespaces/web/virtualmachineinstances/larry/{path}"
    cluster.answers["PUT", full] = (202, b"")
    assert lull(word, "larry", *(["--for", "30s"] if word == "freeze" else [])).returncode == 0
    assert cluster.writes() == [("PUT", full, body)]


@pytest.mark.parametrize("arguments", [("hold", "larry", "--", "true"), ("verify", "nightly"),
                                       ("incremental", "larry", "on"), ("proxy",)])
def test_what_is_for_a_plain_host_says_so(lull, cluster, arguments):
    result = lull(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "it is for a plain host, and this is a cluster" in result.stderr
    assert not cluster.requests


def refusal(code, reason, message):
    return code, fakeapi.status(code, message, reason=reason)


@pytest.mark.parametrize("answer, said", [
    (refusal(403, "Forbidden", 'virtualmachines.kubevirt.io is forbidden: User "jo" cannot list resource'),
     ['User "jo" cannot list', "ask for a role that has this right"]),
    (refusal(401, "Unauthorized", "Unauthorized"), ["does not know who you are", "has expired", "sign in anew"]),
    ((404, b"404 page not found\n"), [f"does not serve {MACHINES}", "lull doctor"]),
    (refusal(429, "TooManyRequests", "slow down"), ["slow down"]),
    ((200, b"<html>"), ["not understood"])])
def test_refusal_says_where_why_and_what_to_do(lull, cluster, answer, said):
    cluster.answers["GET", MACHINES] = answer
    result = lull("vms")
    assert (result.returncode, result.stdout) == (1, "")
    assert not [words for words in said if words not in result.stderr], result.stderr


def test_server_that_is_away_is_told(lull, cluster):
    cluster.stop()
    result = lull("vms")
    assert result.returncode == 1
    assert f"API server, on https://127.0.0.1:{cluster.port}: " in result.stderr
    assert "--context or --kubeconfig" in result.stderr


def test_server_that_is_not_the_one_trusted_is_told(lull, cluster, place):
    lull.environment["KUBECONFIG"] = conftest.write_kubeconfig(os.path.join(place, "other"), cluster.port, {"first": "web"})
    result = lull("vms")
    assert result.returncode == 1
    assert "see the certificates of the kubeconfig" in result.stderr
    assert not cluster.requests


@pytest.mark.parametrize("named, said", [(("--context", "third"), "third"), (("--kubeconfig", "/nowhere"), "/nowhere")])
def test_configuration_that_is_missing_is_told(lull, named, said):
    result = lull("vms", *named)
    assert (result.returncode, said in result.stderr) == (2, True), result.stderr


def test_wait_goes_on_when_the_watch_ends(lull, cluster):
    cluster.add("virtualmachinesnapshots", "nightly", status={"phase": "InProgress"})
    waiting = lull.start("wait", "nightly", "--timeout", "50s")
    cluster.watches.get(timeout=30).end()
    cluster.add("virtualmachinesnapshots", "nightly", status={"phase": "Succeeded", "readyToUse": True,
                                                               "conditions": conftest.READY})
    wait_for(lambda: waiting.poll() is not None, "its end")
    assert waiting.returncode == 0
    waiting.communicate()
