# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Coordinators on the nodes of a cluster: one of them leads, each does what it is granted. The machines here have no
volume that could be snapshotted, so that a snapshot is that of a configuration and no guest is needed."""

import json
import subprocess

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from kinds import KUBEVIRTS, OWN, snapshot
from kubevirt import VMS, Volume
from snapshots import Snapshots, grant_of, note, reasons
from waiting import wait_for

VOLUMES = [Volume("system", source="containerDisk"), Volume("cloudinit", source="cloudInitNoCloud")]


@pytest.fixture
def coordinators(installed, build):
    account = installed.service_account(ACCOUNT, NAMESPACE)
    for group in (OWN, KUBEVIRTS):
        wait_allowed(account.client(), "watch", "virtualmachinesnapshotcontents", group)
    with Coordinators(installed, build) as coordinators:
        yield coordinators


@pytest.fixture
def snapshots(installed, namespace):
    return Snapshots(installed, namespace)


@pytest.fixture
def vm(installed, kubevirt, namespace):
    return kubevirt.create_vm("larry", namespace, VOLUMES)


def assert_free(vm, group=OWN):
    document = vm.read()
    assert not document["status"].get("snapshotInProgress")
    assert f"{group}/snapshot-source-protection" not in document["metadata"].get("finalizers", [])


def test_a_snapshot_of_a_configuration_becomes_ready(installed, build, kubevirt, namespace, group, coordinators):
    """With the reference's phase, conditions, names and events, and few writes."""
    vm = kubevirt.create_vm("larry", namespace, VOLUMES)
    snapshots = Snapshots(installed, namespace, group)
    coordinators.group = group
    coordinators.start("node-a").wait_leads()
    if group == KUBEVIRTS:
        wait_for(lambda: vm.read()["status"].get("volumeSnapshotStatuses"), "what is said of each machine, once")
    trail = installed.audit.trail()
    uid = snapshots.take("snap")["metadata"]["uid"]
    status = snapshots.wait_taken("snap")["status"]
    assert status["phase"] == "Succeeded" and status["sourceUID"] == vm.uid and status["creationTime"]
    assert [(one["type"], one["status"], one["reason"]) for one in status["conditions"]] == [
        ("Progressing", "False", "Operation complete"), ("Ready", "True", "Ready")]
    assert status["virtualMachineSnapshotContentName"] == f"vmsnapshot-content-{uid}"
    assert status["snapshotVolumes"]["excludedVolumes"] == ["cloudinit", "system"]
    assert not status.get("indications")
    wait_for(lambda: not vm.read()["status"].get("snapshotInProgress"), "the machine let go")
    assert_free(vm, group)
    content = snapshots.content("snap")
    captured = content["spec"]["source"]["virtualMachine"]
    assert captured["spec"] == vm.read()["spec"] and captured["metadata"]["uid"] == vm.uid
    assert content["spec"]["virtualMachineSnapshotName"] == "snap" and not content["spec"].get("volumeBackups")
    assert content["metadata"]["finalizers"] == [f"{group}/vmsnapshotcontent-protection"]
    assert content["metadata"]["labels"] == {"lull.dev/node": "node-a"}
    assert note(content, "quiesce-report")["level"] == "stopped"
    events = wait_for(lambda: [one for one in installed.admin.list("events", namespace)
                               if one["reason"] == "VirtualMachineSnapshotReady"], "its events")
    assert events[0]["involvedObject"]["apiVersion"] == f"{group}/v1beta1"
    writes = {what: n for what, n in trail.counts(ACCOUNT, namespace).items() if "events" not in what}
    assert sum(writes.values()) <= 16, writes
    snapshots.delete("snap")
    snapshots.wait_gone("snap")
    wait_for(lambda: not installed.admin.list(snapshots.contents, namespace), "its content gone")


def test_kubectl_takes_one_waits_for_it_shows_it_and_takes_it_away(installed, kubevirt, namespace, group, coordinators):
    vm = kubevirt.create_vm("larry", namespace, VOLUMES)
    coordinators.group = group
    coordinators.start("node-a")
    name, document = f"virtualmachinesnapshot.{group}/snap", json.dumps(snapshot("snap", group=group))

    def kubectl(*arguments, stdin=None):
        return installed.kubectl("-n", namespace, *arguments, stdin=stdin)

    assert kubectl("apply", "-f", "-", stdin=document) == f"{name} created\n"
    assert kubectl("wait", name, "--for=condition=Ready", "--timeout=60s") == f"{name} condition met\n"
    row = kubectl("get", name, "-o", "wide", "--no-headers").split()
    assert row[:5] == ["snap", "VirtualMachine", "larry", "Succeeded", "true"] and len(row) == 6, row
    told = wait_for(lambda: (lambda told: "VirtualMachineSnapshotReady" in told and told)(kubectl("describe", name)),
                    "its events")
    assert "SuccessfulVirtualMachineSnapshotContentCreate" in told and "Operation complete" in told
    assert kubectl("diff", "-f", "-", stdin=document) == ""
    assert kubectl("apply", "-f", "-", stdin=document) == f"{name} unchanged\n"
    assert kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=document) == (
        f"{name} serverside-applied\n")
    kubectl("delete", name, "--timeout=60s")
    assert kubectl("get", f"virtualmachinesnapshots.{group},virtualmachinesnapshotcontents.{group}", "-o", "name") == ""
    assert_free(vm, group)


def test_a_machine_that_runs_is_kept_as_it_was_started(coordinators, snapshots, vm):
    vm.start("node-a")
    started = vm.read()["spec"]
    vm.admin.merge(VMS, "larry", {"spec": {"template": {"spec": {"domain": {"resources": {
        "requests": {"memory": "8Gi"}}}}}}}, vm.namespace)
    coordinators.start("node-a")
    snapshots.take("snap")
    status = snapshots.wait_taken("snap")["status"]
    assert snapshots.content("snap")["spec"]["source"]["virtualMachine"]["spec"] == started
    assert status["indications"] == ["Online"]


def test_beside_kubevirts_group_nothing_is_said_of_a_machines_volumes(coordinators, snapshots, vm):
    coordinators.start("node-a")
    snapshots.take("snap")
    snapshots.wait_taken("snap")
    assert "volumeSnapshotStatuses" not in vm.read()["status"]


def test_a_machine_that_another_controller_has_locked_is_waited_for(coordinators, snapshots, vm):
    vm.write_status(snapshotInProgress="nightly")
    coordinators.start("node-a")
    snapshots.take("snap")
    snapshots.wait_reason("snap", 'snapshot "snapshot.kubevirt.io/nightly" in progress')
    assert vm.read()["status"]["snapshotInProgress"] == "nightly"
    vm.write_status(snapshotInProgress=None)
    snapshots.wait_taken("snap")


def test_one_leads_and_another_goes_on_when_it_stops(installed, coordinators, kubevirt, snapshots, namespace):
    first = coordinators.start("node-a")
    first.wait_leads()
    second = coordinators.start("node-b")
    snapshots.take("snap")
    snapshots.wait_reason("snap", "Source does not exist")
    trail = installed.audit.trail()
    first.stop()
    second.wait_leads()
    kubevirt.create_vm("larry", namespace, VOLUMES)
    snapshots.wait_taken("snap")
    counts = trail.counts(ACCOUNT, namespace)
    assert counts["create virtualmachinesnapshotcontents"] == 1
    assert snapshots.content("snap")["metadata"]["labels"] == {"lull.dev/node": "node-b"}


def test_one_that_is_killed_is_followed_by_another_and_nothing_is_done_twice(installed, coordinators, snapshots, vm,
                                                                              namespace):
    trail = installed.audit.trail()
    first = coordinators.start("node-a", step="coordinator.content-created=kill")
    first.wait_leads()
    coordinators.start("node-b")
    snapshots.take("snap")
    first.wait_dead()
    snapshots.wait_taken("snap")
    wait_for(lambda: not vm.read()["status"].get("snapshotInProgress"), "the machine let go")
    counts = trail.counts(ACCOUNT, namespace)
    assert counts["create virtualmachinesnapshotcontents"] == 1
    assert_free(vm)


@pytest.mark.parametrize("step", ["coordinator.locked", "coordinator.content-created"])
def test_one_that_starts_again_goes_on_where_it_was(coordinators, snapshots, vm, step):
    only = coordinators.start("node-a", step=f"{step}=kill")
    snapshots.take("snap")
    only.wait_dead()
    only.start()
    snapshots.wait_taken("snap")
    wait_for(lambda: not vm.read()["status"].get("snapshotInProgress"), "the machine let go")
    assert_free(vm)


def test_a_grant_that_is_there_at_the_start_is_void(coordinators, kubevirt, snapshots, vm, namespace):
    vm.start("node-b")
    coordinators.start("node-a").wait_leads()
    snapshots.take("snap")
    snapshots.wait_grant("snap", "node-b", 1)
    coordinators.start("node-b")
    other = kubevirt.create_vm("other", namespace, VOLUMES)
    other.start("node-b")
    snapshots.take("other", "other")
    snapshots.wait_taken("other")  # granted while node-b was there to see it
    assert not note(snapshots.content("snap"), "attempt")
    vm.migrate("node-a")
    snapshots.wait_taken("snap")
    content = snapshots.content("snap")
    assert note(content, "attempt")["number"] == grant_of(content)["attempt"] == 2
    assert grant_of(content)["node"] == "node-a"


def test_a_machine_that_moves_is_granted_anew(coordinators, snapshots, vm):
    vm.start("node-b")
    coordinators.start("node-a").wait_leads()
    snapshots.take("snap")
    snapshots.wait_grant("snap", "node-b", 1)
    vm.begin_migration("node-a")
    wait_for(lambda: not grant_of(snapshots.content("snap")), "the grant taken back")
    told = snapshots.wait("snap", lambda status: "on its way" in status.get("error", {}).get("message", ""), "told why")
    assert reasons(told["status"])["Progressing"] == "In error state"
    vm.end_migration()
    assert not snapshots.wait_taken("snap")["status"].get("error")
    content = snapshots.content("snap")
    assert note(content, "attempt")["number"] == grant_of(content)["attempt"] == 2
    assert grant_of(content)["node"] == "node-a"


def test_what_is_not_done_by_its_deadline_fails_and_leaves_nothing(installed, coordinators, snapshots, vm, namespace):
    vm.start("node-b")  # where nobody is
    coordinators.start("node-a").wait_leads()
    snapshots.take("snap", failureDeadline="9s")
    snapshots.wait_grant("snap", "node-b", 1)
    status = snapshots.wait("snap", lambda status: status.get("phase") == "Failed", "failed")["status"]
    assert reasons(status)["Failure"] == "snapshot deadline exceeded"
    wait_for(lambda: not installed.admin.list(snapshots.contents, namespace), "its content gone")
    wait_for(lambda: not vm.read()["status"].get("snapshotInProgress"), "the machine let go")
    assert_free(vm)


@pytest.mark.parametrize("phase", ["without a machine", "locked out", "granted"])
def test_a_snapshot_can_be_deleted_in_each_phase(installed, coordinators, kubevirt, snapshots, namespace, phase):
    vm = phase != "without a machine" and kubevirt.create_vm("larry", namespace, VOLUMES)
    if phase == "locked out":
        vm.write_status(snapshotInProgress="nightly")
    if phase == "granted":
        vm.start("node-b")
    coordinators.start("node-a")
    snapshots.take("snap")
    if phase == "granted":
        snapshots.wait_grant("snap", "node-b", 1)
    else:
        snapshots.wait_reason("snap", "Source")
    snapshots.delete("snap")
    snapshots.wait_gone("snap")
    assert not installed.admin.list(snapshots.contents, namespace)
    if phase == "granted":
        assert_free(vm)


def test_a_content_that_is_to_stay_stays(coordinators, snapshots, vm):
    coordinators.start("node-a")
    uid = snapshots.take("snap", deletionPolicy="Retain")["metadata"]["uid"]
    snapshots.wait_taken("snap")
    snapshots.delete("snap")
    snapshots.wait_gone("snap")
    name = f"vmsnapshot-content-{uid}"
    assert snapshots.admin.find(snapshots.contents, name, snapshots.namespace)
    snapshots.admin.delete(snapshots.contents, name, snapshots.namespace)
    snapshots.admin.wait_gone(snapshots.contents, name, snapshots.namespace)


def test_what_a_lost_node_saw_to_is_seen_to_by_the_leader(installed, coordinators, snapshots, vm):
    installed.admin.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-c"}})
    vm.start("node-c")
    coordinators.start("node-a").wait_leads()
    lost = coordinators.start("node-c")
    snapshots.take("snap")
    snapshots.wait_taken("snap")
    assert snapshots.content("snap")["metadata"]["labels"] == {"lull.dev/node": "node-c"}
    lost.stop()
    installed.admin.delete("nodes", "node-c")
    wait_for(lambda: snapshots.content("snap")["metadata"]["labels"] == {"lull.dev/node": "node-a"}, "adopted")
    snapshots.delete("snap")
    snapshots.wait_gone("snap")


def test_none_starts_on_a_group_that_another_controller_has(coordinators, kubevirt):
    with kubevirt.controller():
        refused = coordinators.make("node-a", group=KUBEVIRTS)
        done = subprocess.run(refused.arguments, env=refused.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1
        assert "virt-controller-7" in done.stderr and "--api-group=snapshot.lull.dev" in done.stderr, done.stderr
        coordinators.start("node-a").wait_leads()
