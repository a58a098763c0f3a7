# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The command line as an ordinary user of a real API server has it, with the roles that are shipped."""

import json
import os
import subprocess

import pytest

from account import wait_allowed
from kinds import resource

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
    program = os.path.join(build, "coordinator/cli/lull")
    environment = {**os.environ, "LULL_SOCKET": "", "KUBECONFIG": user.kubeconfig("lull"), "LC_ALL": "C.UTF-8"}

    def start(*arguments):
        return subprocess.Popen([program, "--api-group", group, *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=environment)

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
