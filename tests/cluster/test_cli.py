# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The command line as an ordinary user of a real API server has it, with the roles that are shipped."""

import json
import os
import subprocess

import pytest

import kinds
from account import wait_allowed
from kinds import OWN, resource
from kubevirt import Volume
from volumes import CLASSES, claim, snapshot_class

ROLE_BINDING = "rbac.authorization.k8s.io"
MACHINES = [{"apiGroups": ["kubevirt.io"], "resources": ["virtualmachines"], "verbs": ["get", "list"]}]
READY = [{"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": "2020-01-01T00:00:00Z"}]


@pytest.fixture
def user(installed, namespace, group):
    """A service account that may edit snapshots there, and look at machines."""
    user = installed.service_account("jo", namespace, MACHINES)
    installed.admin.create({
        "apiVersion": f"{ROLE_BINDING}/v1", "kind": "RoleBinding", "metadata": {"name": "jo"},
        "roleRef": {"apiGroup": ROLE_BINDING, "kind": "ClusterRole", "name": f"{group}:edit"},
        "subjects": [{"kind": "ServiceAccount", "name": "jo", "namespace": namespace}]}, namespace)
    wait_allowed(user.client(), "create", "virtualmachinesnapshots", group, namespace)
    wait_allowed(user.client(), "list", "virtualmachines", "kubevirt.io", namespace)
    return user


@pytest.fixture
def lull(build, user, group):
    return runner(build, user.kubeconfig("lull"), "--api-group", group)


def runner(build, kubeconfig, *options):
    program = os.path.join(build, "coordinator/cli/lull")
    environment = {**os.environ, "LULL_SOCKET": "", "KUBECONFIG": kubeconfig, "LC_ALL": "C.UTF-8"}

    def start(*arguments):
        return subprocess.Popen([program, *options, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=environment)

    def run(*arguments):
        process = start(*arguments)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors
    run.start = start
    return run


def test_snapshot_is_taken_listed_waited_for_shown_and_deleted(installed, kubevirt, lull, namespace, group):
    kubevirt.create_vm("larry", namespace, [])
    assert lull("vms", "-o", "name") == (0, "virtualmachine.kubevirt.io/larry\n", "")
    code, output, errors = lull("snapshot", "larry", "nightly", "--no-wait")
    assert (code, output.startswith("snapshot/nightly has begun"), errors) == (0, True, "")
    assert lull("snapshots", "-o", "name") == (0, f"virtualmachinesnapshot.{group}/nightly\n", "")
    waiting = lull.start("wait", "nightly", "--timeout", "50s")
    assert waiting.stdout.readline() == "snapshot/nightly: preparing\n"
    installed.admin.merge(resource("VirtualMachineSnapshot", group), "nightly", {"status": {
        "phase": "Succeeded", "readyToUse": True, "conditions": READY}}, namespace, "status")
    output, errors = waiting.communicate(timeout=60)
    assert (waiting.returncode, output, errors) == (0, "snapshot/nightly is ready\n", "")
    code, output, _ = lull("show", "nightly")
    assert (code, "  machine     larry\n" in output) == (0, True)
    assert json.loads(lull("show", "nightly", "-o", "json")[1])["apiVersion"] == f"{group}/v1beta1"
    assert lull("delete", "nightly", "--wait")[0] == 0
    assert lull("snapshots", "-o", "name") == (0, "", "")


def test_machine_that_is_not_there_has_neighbours(kubevirt, lull, namespace):
    kubevirt.create_vm("larry", namespace, [])
    code, _, errors = lull("snapshot", "lary", "--no-wait")
    assert (code, 'did you mean "larry"' in errors) == (1, True)


def test_what_the_user_may_not_do_is_told_with_the_role_to_ask_for(lull):
    code, _, errors = lull("snapshots", "-n", "kube-system")
    assert code == 1
    assert "cannot list resource" in errors and "ask for a role that has this right" in errors


# lull doctor.

BINDINGS = "validatingadmissionpolicybindings.admissionregistration.k8s.io"
GATES = ("configmaps", "lull-feature-gates")
# Nobody runs the coordinators' pods here, and snapshot-controller is alone and elects nobody.
ALWAYS = {"coordinator-not-ready", "leader-missing", "cutter-unseen"}


def diagnose(run, *arguments):
    """{check: finding}"""
    code, output, errors = run("doctor", "-o", "json", *arguments)
    assert errors == ""
    findings = json.loads(output)["findings"]
    assert code == any(finding["severity"] != "note" for finding in findings)
    return {finding["check"]: finding for finding in findings}


@pytest.fixture
def find(installed, build, namespace):
    """What an administrator hears, but for what is always so."""
    run = runner(build, installed.kubeconfig)

    def find():
        found = diagnose(run, "-n", namespace)
        return {check: finding for check, finding in found.items() if check not in ALWAYS}
    return find


@pytest.fixture
def larry(installed, kubevirt, namespace, find):
    """A machine that runs, on one claim, and that nothing is wrong with."""
    installed.admin.create(claim("larry-root"), namespace)
    installed.wait_bound("larry-root", namespace)
    vm = kubevirt.create_vm("larry", namespace, [Volume("root", "larry-root")])
    vm.start("node-a")
    vm.connect_agent()
    assert not find()
    yield vm
    vm.stop()


def test_doctor_finds_the_policy_that_is_not_bound(installed, larry, find):
    name = f"one-restore.{OWN}"
    installed.admin.delete(BINDINGS, name)
    try:
        finding = find()["policies-missing"]
    finally:
        kinds.install(installed, OWN)
    assert name in finding["what"] and OWN in finding["remedy"]
    assert not find()


def test_doctor_finds_the_class_that_is_ambiguous(installed, larry, find):
    driver, = {one["driver"] for one in installed.admin.list(CLASSES) if one["metadata"]["name"] == "dir"}
    other = snapshot_class("other", driver)
    other["metadata"]["annotations"] = {"snapshot.storage.kubernetes.io/is-default-class": "true"}
    installed.admin.create(other)
    try:
        finding = find()["snapshot-class"]
    finally:
        installed.admin.delete(CLASSES, "other")
    assert finding["subject"] == "vm larry, volume root"
    assert "is-default-class=true" in finding["remedy"]
    assert not find()


def test_doctor_finds_the_feature_gate_that_is_off(installed, larry, find):
    installed.admin.merge(*GATES, {"data": {"Snapshot": "false"}}, "lull")
    try:
        finding = find()["gate-off"]
    finally:
        installed.admin.merge(*GATES, {"data": {"Snapshot": "true"}}, "lull")
    assert "lull/lull-feature-gates" in finding["what"]


def test_doctor_finds_the_machine_without_an_agent(larry, find):
    larry.disconnect_agent()
    assert find()["agent-missing"]["subject"] == "vm larry"


def test_doctor_finds_that_nobody_leads_and_nobody_is_on_the_node(installed, build, larry, namespace):
    lease = ("leases.coordination.k8s.io", f"coordinator.{OWN}", "lull")
    if installed.admin.find(*lease):
        installed.admin.delete(*lease)
    found = diagnose(runner(build, installed.kubeconfig), "-n", namespace)
    assert f"coordinator.{OWN}" in found["leader-missing"]["what"]
    assert "node-a" in found["coordinator-not-ready"]["what"]


def test_doctor_tells_a_user_what_he_may_not_read(larry, lull):
    finding = diagnose(lull)["not-looked-at"]
    assert finding["severity"] == "note"
    assert "leases" in finding["what"] and "virtualmachines," not in finding["what"]
