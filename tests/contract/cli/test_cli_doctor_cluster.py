# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What lull doctor makes of a cluster: from what is there, and from what may not be read."""

import json

import pytest

import conftest
import fakeapi
from conftest import OWN

DRIVER = "disk.example.org"
LABELS = {"app.kubernetes.io/name": "lull-coordinator"}
POLICIES = ["locked-machines.lull.dev", "coordinator.lull.dev",
            *(f"{word}.{OWN}" for word in ("annotations", "feature-gate", "kubevirt-feature-gate", "one-restore"))]


def named(name, **members):
    return {"metadata": {"name": name}, **members}


def lease(name, renewed="2999-01-01T00:00:00.000000Z"):
    return {"metadata": {"name": name, "namespace": "lull"},
            "spec": {"holderIdentity": "one", "leaseDurationSeconds": 15, "renewTime": renewed}}


@pytest.fixture
def lull(program, kubeconfig):
    return conftest.in_cluster(program, kubeconfig)


@pytest.fixture
def sound(cluster):
    """A cluster that has all there should be, with a machine that runs."""
    root = {"name": "root", "persistentVolumeClaim": {"claimName": "larry-root"}}
    cluster.add("virtualmachines", "larry", spec={"template": {"spec": {"volumes": [root]}}},
                status={"printableStatus": "Running"})
    cluster.lists = {
        "validatingadmissionpolicies": [named(name) for name in POLICIES],
        "validatingadmissionpolicybindings": [named(name) for name in POLICIES],
        "daemonsets": [{"metadata": {"name": "lull-coordinator", "labels": LABELS},
                        "status": {"desiredNumberScheduled": 1, "numberReady": 1}}],
        "pods": [{"metadata": {"name": "one", "labels": LABELS}, "spec": {"nodeName": "node-a"},
                  "status": {"conditions": [fakeapi.condition("Ready", "True", "")]}}],
        "configmaps": [named("lull-feature-gates", data={"Snapshot": "true"})],
        "leases": [lease(f"coordinator.{OWN}"), lease("snapshot-controller-leader")],
        "kubevirts": [],
        "volumesnapshotclasses": [named("plain", driver=DRIVER)],
        "storageclasses": [named("fast", provisioner=DRIVER)],
        "persistentvolumeclaims": [named("larry-root", spec={"storageClassName": "fast"})],
        "virtualmachineinstances": [named("larry", status={
            "phase": "Running", "nodeName": "node-a",
            "conditions": [fakeapi.condition("AgentConnected", "True", "")]})],
    }
    return cluster


@pytest.fixture
def find(lull):
    """{check: finding} of what is found."""
    def find(*arguments):
        done = lull("doctor", "-o", "json", *arguments)
        assert done.stderr == ""
        findings = json.loads(done.stdout)["findings"]
        assert done.returncode == any(finding["severity"] != "note" for finding in findings)
        return {finding["check"]: finding for finding in findings}
    return find


def test_sound_cluster_has_nothing_to_mend(sound, lull):
    done = lull("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 machine looked at: 0 errors, 0 warnings, 0 notes\n"


def test_what_the_user_may_not_read_is_one_note(sound, find):
    sound.denied = {"leases", "daemonsets", "pods", "volumesnapshotclasses"}
    found = find()
    assert list(found) == ["not-looked-at"]
    assert found["not-looked-at"]["what"] == "you may not read daemonsets, pods, leases, volumesnapshotclasses"


def test_cluster_without_the_kinds_is_told_what_to_apply(sound, find):
    sound.groups = []
    assert f"kubectl apply --server-side -k packaging/kubernetes/{OWN}" in find()["kinds-missing"]["remedy"]


def test_ambiguous_class_is_told_for_each_volume(sound, find):
    sound.lists["volumesnapshotclasses"].append(named("other", driver=DRIVER))
    finding = find()["snapshot-class"]
    assert (finding["subject"], finding["severity"]) == ("vm larry, volume root", "warning")
    assert "plain, other" in finding["what"]


def test_machine_without_agent_is_told_alone(sound, find):
    sound.lists["virtualmachineinstances"][0]["status"]["conditions"] = []
    assert list(find()) == ["agent-missing"]
    conftest.add_machine(sound, "moe", conftest.ROOT_DISK)
    assert not find("moe")


def test_leader_that_is_gone_is_told(sound, find):
    sound.lists["leases"][0] = lease(f"coordinator.{OWN}", "2001-01-01T00:00:00.000000Z")
    assert "is not renewed any more" in find()["leader-missing"]["what"]


def test_machine_that_is_not_there_is_told(sound, lull):
    done = lull("doctor", "lary")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'vm, "lary": there is none of that name in web' in done.stderr


def test_user_whom_the_server_does_not_know_hears_of_that(sound, lull):
    sound.answers["GET", f"/apis/{OWN}"] = (401, fakeapi.status(401, "Unauthorized", reason="Unauthorized"))
    done = lull("doctor")
    assert (done.returncode, done.stdout) == (1, "")
    assert "sign in anew" in done.stderr


def test_options_of_a_plain_host_are_refused(sound, lull):
    assert lull("doctor", "--uri", "test:///default").returncode == 2
