# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Restores by a coordinator in the cluster: data are what was cut, byte by byte, and machines are as they were. R
numbers are the reference's cases."""

import contextlib
import filecmp
import itertools
import os

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from kinds import OWN, resource, restore
from kubevirt import DATA_VOLUMES, VMS, Volume
from snapshots import Snapshots, reasons
from virtapi import RunApi
from volumes import SNAPSHOTS, claim
from waiting import wait_for

RESTORES = resource("VirtualMachineRestore", OWN)
CLAIMS = "persistentvolumeclaims"
LAST = "restore.kubevirt.io/lastRestoreUID"
MARK = os.urandom(1 << 20)  # of each volume, when it is cut
MOST_WRITES = 10  # for a restore of a machine with two disks, events not counted: KubeVirt's controller needs 11.5
WAITING = "Waiting for target VM to be powered off. Please stop the restore target to proceed with restore"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def coordinators(installed, build):
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinerestores", OWN)
    wait_allowed(account.client(), "create", "persistentvolumeclaims")
    with Coordinators(installed, build) as coordinators:
        yield coordinators


@pytest.fixture(scope="module")
def coordinator(coordinators):
    one = coordinators.make("node-a")
    one.start()
    one.wait_leads()
    return one


@pytest.fixture(scope="module")
def place(installed, coordinator):
    """The name space of all machines here."""
    name = installed.create_namespace("restores")
    yield name
    for one in installed.admin.list(RESTORES, name):
        installed.admin.delete(RESTORES, one["metadata"]["name"], name)
    snapshots = Snapshots(installed, name)
    for one in installed.admin.list(snapshots.kind, name):
        snapshots.delete(one["metadata"]["name"])
    installed.clear_namespace(name)


@pytest.fixture(scope="module")
def run_api(installed):
    with RunApi(installed) as run_api:
        yield run_api


class Machine:
    """One that is off, with marked disks on claims of its own, and a snapshot of it, "snap-NAME"."""

    def __init__(self, cluster, kubevirt, namespace, volumes=("root",), **spec):
        self.cluster, self.admin, self.namespace, self.volumes = cluster, cluster.admin, namespace, volumes
        self.name = f"vm-{next(numbers)}"
        self.snap = f"snap-{self.name}"
        for volume in volumes:
            self.admin.create(claim(self.claim(volume), labels={"kept": "yes"}), namespace)
        for volume in volumes:
            cluster.wait_bound(self.claim(volume), namespace)
            self.mark(volume, MARK)
        self.vm = kubevirt.create_vm(self.name, namespace, [
            *(Volume(volume, self.claim(volume)) for volume in volumes),
            Volume("cloudinit", source="cloudInitNoCloud")], **spec)
        self.snapshots = Snapshots(cluster, namespace)
        self.uid = None  # of its snapshot

    def claim(self, volume):
        return f"{self.name}-{volume}"

    def mark(self, volume, data):
        with open(self.cluster.driver.path(self.claim(volume), self.namespace), "r+b") as file:
            file.write(data)

    def take(self):
        self.uid = self.snapshots.take(self.snap, self.name)["metadata"]["uid"]
        self.snapshots.wait_taken(self.snap)
        wait_for(lambda: not self.vm.read()["status"].get("snapshotInProgress"), "the machine let go")
        return self

    def cut(self, volume):
        """The path of what was cut."""
        snapshot = self.admin.read(SNAPSHOTS, f"vmsnapshot-{self.uid}-volume-{volume}", self.namespace)
        return self.cluster.driver.snapshot_path(self.cluster.content_of(snapshot))

    def restore(self, target=None, **spec):
        return Restore(self, self.admin.create(
            restore(f"back-{next(numbers)}", of=self.snap, vm=target or self.name, **spec), self.namespace))

    def disks(self, name=None):
        """{volume: claim} of the machine as it is now."""
        spec = self.admin.read(VMS, name or self.name, self.namespace)["spec"]["template"]["spec"]
        return {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in spec["volumes"]
                if "persistentVolumeClaim" in one}

    def assert_untouched(self):
        assert self.disks() == {volume: self.claim(volume) for volume in self.volumes}
        assert not self.vm.read()["status"].get("restoreInProgress")
        assert LAST not in self.vm.read()["metadata"].get("annotations", {})


class Restore:
    def __init__(self, machine, document):
        self.machine, self.admin, self.namespace = machine, machine.admin, machine.namespace
        self.name, self.uid = document["metadata"]["name"], document["metadata"]["uid"]
        self.marker = f"{self.name}-{self.uid}"

    def read(self):
        return self.admin.read(RESTORES, self.name, self.namespace)

    def wait(self, condition, what, timeout=60):
        return self.admin.wait(RESTORES, self.name, lambda one: condition(one.get("status", {})), what, self.namespace,
                               timeout)

    def wait_reason(self, text, kind="Progressing"):
        return self.wait(lambda status: text in reasons(status).get(kind, ""), text)

    def wait_complete(self):
        document = self.wait(lambda status: status.get("complete"), "complete")
        conditions = {one["type"]: (one["status"], one["reason"]) for one in document["status"]["conditions"]}
        assert conditions == {"Progressing": ("False", "Operation complete"), "Ready": ("True", "Operation complete")}
        assert document["status"]["restoreTime"]
        return document

    def wait_failed(self, text):
        """And all three conditions say so."""
        status = self.wait_reason(text, "Failure")["status"]
        assert all(text in reason for reason in reasons(status).values()) and status["complete"] is False
        return status

    def claims(self):
        """Those that it made, by the volumes that its plan has them for."""
        plan = {one["persistentVolumeClaim"]: one["volumeName"]
                for one in self.read().get("status", {}).get("restores", [])}
        return {plan[one["metadata"]["name"]]: one for one in self.made() if one["metadata"]["name"] in plan}

    def made(self):
        return [one for one in self.admin.list(CLAIMS, self.namespace)
                if one["metadata"].get("annotations", {}).get(LAST) == self.marker]

    def assert_data(self):
        """Each volume holds what was cut, and that is the mark."""
        for volume, made in self.claims().items():
            path = self.machine.cluster.driver.path(made["metadata"]["name"], self.namespace)
            with open(path, "rb") as file:
                assert file.read(len(MARK)) == MARK
            assert filecmp.cmp(path, self.machine.cut(volume), shallow=False)
        assert set(self.claims()) == set(self.machine.volumes)

    def events(self):
        return {one["reason"] for one in self.admin.list("events", self.namespace)
                if one["involvedObject"]["name"] == self.name}


@pytest.fixture
def make(installed, kubevirt, place, run_api):
    machines = []

    def make(*volumes, **spec):
        machines.append(Machine(installed, kubevirt, place, volumes or ("root",), **spec))
        run_api.serve(machines[-1].vm)
        return machines[-1].take()

    yield make
    for machine in machines:
        if machine.vm.pod:
            machine.vm.stop()


@contextlib.contextmanager
def held_up(cluster):
    """No claim gets a volume meanwhile."""
    cluster.driver.provisioner.suspend()
    try:
        yield
    finally:
        cluster.driver.provisioner.resume()


def owners(document):
    return [(one["kind"], one["name"], one["uid"]) for one in document["metadata"].get("ownerReferences", [])]


def test_r5_r7_r11_r12_r21_a_machine_has_again_what_it_had(installed, make):
    """Its data, in claims of new names that belong to it, and its configuration; by few writes. What it had instead is
    left, and how it is run is as it was."""
    machine = make("root", "data")
    for volume in machine.volumes:
        machine.mark(volume, bytes(len(MARK)))
    changed = machine.vm.read()["spec"]
    changed["template"]["spec"]["domain"]["resources"]["requests"]["memory"] = "512Mi"
    changed["template"]["spec"]["volumes"].append(Volume("more", "more").document())
    installed.admin.merge(VMS, machine.name, {"spec": {**changed, "runStrategy": "RerunOnFailure"}}, machine.namespace)
    trail = installed.audit.trail()
    back = machine.restore()
    document = back.wait_complete()
    wait_for(lambda: not machine.vm.read()["status"].get("restoreInProgress"), "the machine let go")
    vm = machine.vm.read()
    planned = {one["volumeName"]: one for one in document["status"]["restores"]}
    assert {name: one["volumeSnapshotName"] for name, one in planned.items()} == {
        volume: f"vmsnapshot-{machine.uid}-volume-{volume}" for volume in machine.volumes}
    assert machine.disks() == {volume: f"restore-{back.uid}-{volume}" for volume in machine.volumes}
    assert vm["spec"]["template"]["spec"]["domain"]["resources"]["requests"]["memory"] == "256Mi"
    assert vm["spec"]["runStrategy"] == "RerunOnFailure"
    assert vm["metadata"]["annotations"][LAST] == back.marker
    back.assert_data()
    for volume, made in back.claims().items():
        source = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot",
                  "name": planned[volume]["volumeSnapshotName"]}
        assert made["spec"]["dataSource"] == made["spec"]["dataSourceRef"] == source
        assert owners(made) == [("VirtualMachine", machine.name, machine.vm.uid)]
        assert made["metadata"]["labels"] == {"kept": "yes", "restore.kubevirt.io/source-vm-name": machine.name,
                                              "restore.kubevirt.io/source-vm-namespace": machine.namespace}
        assert made["metadata"]["annotations"]["restore.kubevirt.io/name"] == back.name
        assert installed.admin.find(CLAIMS, machine.claim(volume), machine.namespace)
    assert owners(document) == [("VirtualMachine", machine.name, machine.vm.uid)]
    assert document["metadata"]["finalizers"] == [f"{OWN}/vmrestore-protection"]
    wait_for(lambda: "VirtualMachineRestoreComplete" in back.events(), "its event")
    counts = trail.counts(ACCOUNT, machine.namespace)
    writes = {what: times for what, times in counts.items() if "events" not in what}
    assert sum(writes.values()) <= MOST_WRITES, writes


def test_r33_once_more_and_what_it_was_before_is_no_matter(make):
    machine = make()
    for _ in range(2):
        back = machine.restore()
        back.wait_complete()
        back.assert_data()


def test_r12_r14_r15_r24_r25_a_new_machine_is_made_of_a_snapshot(installed, make):
    """Off, patched, on claims of the names that were asked for; it owns them where the old one owned its own."""
    machine = make("root", "data")
    patch = '{"op": "add", "path": "/spec/template/spec/hostname", "value": "a:b,c"}'
    new = f"new-{machine.name}"
    back = machine.restore(new, patches=[patch], volumeRestorePolicy="PrefixTargetName", volumeOwnershipPolicy="None",
                           volumeRestoreOverrides=[{"volumeName": "data", "restoreName": f"{new}-other",
                                                    "labels": {"more": "yes"}, "annotations": {"note": "this"}}])
    back.wait_complete()
    vm = installed.admin.read(VMS, new, machine.namespace)
    assert vm["spec"]["runStrategy"] == "Halted" and vm["spec"]["template"]["spec"]["hostname"] == "a:b,c"
    assert machine.disks(new) == {"root": f"{new}-root", "data": f"{new}-other"}
    back.assert_data()
    made = back.claims()
    assert made["data"]["metadata"]["labels"]["more"] == "yes"
    assert made["data"]["metadata"]["annotations"]["note"] == "this"
    assert not owners(made["root"]) and not owners(made["data"])
    assert owners(back.read()) == [("VirtualMachine", new, vm["metadata"]["uid"])]
    machine.assert_untouched()


def test_r3_a_machine_of_another_uid_is_left_alone(make):
    machine, other = make(), make()
    back = machine.restore(other.name)
    back.wait_failed("restore source and restore target are different but restore target already exists")
    other.assert_untouched()
    assert not back.made()


@pytest.mark.parametrize("spec, text", [
    ({"patches": ['{"op": "test", "path": "/spec/template/spec/hostname", "value": "x"}']}, "error patching VM"),
    ({"patches": ['{"op": "replace", "path": "/metadata/namespace", "value": "default", "x": {"path": "/spec/a"}}']},
     "error patching VM"),
    ({"volumeRestoreOverrides": [{"volumeName": "root", "restoreName": "same"},
                                 {"volumeName": "data", "restoreName": "same"}]}, "would both be on claim same"),
], ids=["patch", "patched-elsewhere", "same-claim"])
def test_what_cannot_be_is_refused_before_anything_is_made(installed, make, spec, text):
    machine = make("root", "data")
    back = machine.restore(f"new-{machine.name}", **spec)
    assert not back.wait_failed(text).get("restores")
    assert not back.made() and not installed.admin.find(VMS, f"new-{machine.name}", machine.namespace)


def test_r2_r40_one_whose_snapshot_is_yet_to_come_waits_for_it(installed, kubevirt, place):
    machine = Machine(installed, kubevirt, place)
    back = machine.restore()
    back.wait_reason(f"VMSnapshot {machine.namespace}/{machine.snap} does not exist")
    machine.assert_untouched()
    machine.take()
    back.wait_complete()
    back.assert_data()


def test_r30_one_that_may_not_wait_fails_at_once(make):
    machine = make()
    machine.vm.start("node-a")
    back = machine.restore(targetReadinessPolicy="FailImmediate")
    back.wait_failed("Restore target VMI must be powered off before restore operation")
    wait_for(lambda: "Operation failed" in back.events(), "its event")
    machine.assert_untouched()


@pytest.mark.parametrize("policy, text", [
    ("WaitEventually", WAITING), (None, WAITING + ", or the operation will fail after 5m0s")], ids=["ever", "grace"])
def test_r4_r26_r29_one_that_waits_goes_on_when_the_machine_is_off(make, policy, text):
    machine = make()
    machine.vm.start("node-a")
    back = machine.restore(**({"targetReadinessPolicy": policy} if policy else {}))
    document = back.wait(lambda status: reasons(status).get("Progressing") == text, text)
    assert document["metadata"]["finalizers"] and owners(document)
    machine.assert_untouched()
    assert not back.made()
    machine.vm.stop()
    back.wait_complete()
    back.assert_data()


@pytest.mark.parametrize("spec, asked", [
    ({"runStrategy": "Always"}, ["stop"]), ({"runStrategy": None, "running": True}, ["stop"]),
    ({"runStrategy": "Manual"}, ["stop", "start"]),
], ids=["always", "running", "manual"])
def test_r27_one_that_may_stop_the_machine_has_it_run_again(installed, make, run_api, spec, asked):
    """As it was run before."""
    machine = make()
    installed.admin.merge(VMS, machine.name, {"spec": spec}, machine.namespace)
    machine.vm.start("node-a")
    back = machine.restore(targetReadinessPolicy="StopTarget")
    back.wait_complete()
    back.assert_data()
    wait_for(lambda: back.read()["metadata"]["annotations"].get("lull.dev/start-target") == "started", "started again")
    assert run_api.asked_of(machine.vm) == asked
    now = machine.vm.read()["spec"]
    assert {key: now.get(key) for key in spec} == spec
    assert bool(machine.vm.pod) == ("start" in asked)  # what always runs KubeVirt starts


def test_a_machine_that_is_to_run_always_is_not_off_between_two_lives(installed, make):
    machine = make(runStrategy="Always")
    back = machine.restore()
    back.wait_reason(WAITING)
    machine.assert_untouched()
    installed.admin.merge(VMS, machine.name, {"spec": {"runStrategy": "Halted"}}, machine.namespace)
    back.wait_complete()


def test_r10_r22_one_that_is_deleted_meanwhile_leaves_nothing(installed, make):
    machine = make("root", "data")
    with held_up(installed):
        back = machine.restore()
        wait_for(lambda: len(back.made()) == 2, "claims that wait for their volumes")
        assert reasons(back.read()["status"]) == {"Progressing": "Creating new PVCs", "Ready": "Waiting for new PVCs"}
        assert machine.vm.read()["status"]["restoreInProgress"] == f"{back.name}.{OWN}"
        installed.admin.delete(RESTORES, back.name, machine.namespace)
        installed.admin.wait_gone(RESTORES, back.name, machine.namespace)
        wait_for(lambda: not back.made(), "what it made gone")
    machine.assert_untouched()


def test_one_whose_coordinator_is_killed_is_finished_by_the_next(installed, make, coordinator, coordinators):
    machine = make("root", "data")
    with held_up(installed):
        back = machine.restore()
        wait_for(lambda: len(back.made()) == 2, "claims that wait for their volumes")
        made = {one["metadata"]["uid"] for one in back.made()}
        coordinator.kill()
        coordinators.forget_leader()
    coordinator.start()
    back.wait_complete()
    assert {one["metadata"]["uid"] for one in back.made()} == made
    back.assert_data()
    wait_for(lambda: not machine.vm.read()["status"].get("restoreInProgress"), "the machine let go")


def play_cdi(machine, name):
    """CDI has seen that a DataVolume has its claim."""
    document = machine.admin.wait(DATA_VOLUMES, name, lambda one: one, "there", machine.namespace)
    machine.admin.merge(DATA_VOLUMES, name, {"status": {"phase": "Succeeded"}}, machine.namespace, "status")
    return document["metadata"]["annotations"]


def test_r16_r17_r21_a_template_gets_a_data_volume_of_what_was_cut(installed, make):
    """The machine names it once it has its claim; that which it had instead goes."""
    machine = make()
    new = f"{machine.name}-old"
    owner = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "name": machine.name, "controller": True,
             "uid": machine.vm.read()["metadata"]["uid"]}
    machine.admin.create({"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
                          "metadata": {"name": new, "ownerReferences": [owner]},
                          "spec": {"source": {"blank": {}}}}, machine.namespace)
    captured = {"dataVolumeTemplates": [{"metadata": {"name": machine.claim("root")}, "spec": {"source": {"blank": {}}}}]}
    spec = machine.vm.read()["spec"]
    spec["template"]["spec"]["volumes"][0] = Volume("root", machine.claim("root"), "dataVolume").document()
    installed.admin.merge(VMS, machine.name, {"spec": {**spec, **captured}}, machine.namespace)
    machine.snap = f"templated-{machine.name}"
    machine.take()
    later = {"dataVolumeTemplates": [{"metadata": {"name": new}, "spec": {"source": {"blank": {}}}}]}
    installed.admin.merge(VMS, machine.name, {"spec": later}, machine.namespace)
    back = machine.restore()
    made = f"restore-{back.uid}-root"
    machine.admin.wait(DATA_VOLUMES, made, lambda one: one, "there", machine.namespace)
    assert LAST not in machine.vm.read()["metadata"].get("annotations", {})
    annotations = play_cdi(machine, made)
    assert annotations["cdi.kubevirt.io/storage.prePopulated"] == "true"
    document = back.wait_complete()
    back.assert_data()
    now = machine.vm.read()["spec"]
    assert [one["metadata"]["name"] for one in now["dataVolumeTemplates"]] == [made]
    assert now["template"]["spec"]["volumes"][0] == {"name": "root", "dataVolume": {"name": made}}
    assert document["status"]["deletedDataVolumes"] == [new]
    assert document["status"]["restores"][0]["dataVolumeName"] == made
    assert not installed.admin.find(DATA_VOLUMES, new, machine.namespace)
    claim_made = back.claims()["root"]["metadata"]
    assert claim_made["annotations"]["cdi.kubevirt.io/storage.populatedFor"] == made
    assert "ownerReferences" not in claim_made


def test_r32_a_new_machine_has_an_instance_type_of_its_own(installed, make):
    machine = make()
    installed.admin.create({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "data": {"cpu": 2},
                            "metadata": {"name": f"{machine.name}-small-1"}}, machine.namespace)
    installed.admin.merge(VMS, machine.name, {"spec": {"instancetype": {
        "name": "small", "revisionName": f"{machine.name}-small-1"}}}, machine.namespace)
    machine.snap = f"typed-{machine.name}"
    machine.take()
    new = f"new-{machine.name}"
    machine.restore(new).wait_complete()
    vm = installed.admin.read(VMS, new, machine.namespace)
    name = vm["spec"]["instancetype"]["revisionName"]
    revision = installed.admin.read("controllerrevisions.apps", name, machine.namespace)
    assert name == f"{new}-small-1" and revision["data"] == {"cpu": 2}
    assert owners(revision) == [("VirtualMachine", new, vm["metadata"]["uid"])]


def test_a_volume_that_was_there_before_is_never_taken_for_what_was_cut(installed, make):
    """The cluster binds a claim to any volume that is free and large enough, whatever is on it."""
    machine = make()
    bound = installed.admin.read(CLAIMS, machine.claim("root"), machine.namespace)["spec"]
    empty = f"empty-{machine.name}"
    installed.admin.create({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": empty},
        "spec": {"accessModes": bound["accessModes"], "capacity": {"storage": "1Gi"}, "volumeMode": "Block",
                 "storageClassName": bound["storageClassName"], "persistentVolumeReclaimPolicy": "Retain",
                 "csi": {"driver": "other.example", "volumeHandle": empty}}})
    try:
        installed.admin.wait("persistentvolumes", empty, lambda one: one.get("status", {}).get("phase") == "Available",
                             "free")
        back = machine.restore()
        back.wait_failed(f"was bound to volume {empty}, which was not made for it")
        wait_for(lambda: not machine.vm.read()["status"].get("restoreInProgress"), "the machine let go")
        machine.assert_untouched()
    finally:
        for one in installed.admin.list(CLAIMS, machine.namespace):
            if one["spec"].get("volumeName") == empty:
                installed.admin.delete(CLAIMS, one["metadata"]["name"], machine.namespace)
        installed.admin.delete("persistentvolumes", empty)
