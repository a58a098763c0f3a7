# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Cases of docs/compatibility.md, by their numbers, on a real control plane and with real storage. The machines are
off: no guest is needed."""

import json

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from kinds import OWN
from kubevirt import DATA_VOLUMES, VMS, Volume, owner
from snapshots import Snapshots, reasons
from volumes import CLASSES, SNAPSHOTS, claim, snapshot_class
from waiting import wait_for

CLAIMS = "persistentvolumeclaims"
REVISIONS = "controllerrevisions.apps"
DEFAULT = "snapshot.storage.kubernetes.io/is-default-class"
CLOUDINIT = Volume("cloudinit", source="cloudInitNoCloud")
FINALIZER = f"{OWN}/snapshot-source-protection"


@pytest.fixture(scope="module", autouse=True)
def coordinator(installed, build):
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinesnapshotcontents", OWN)
    with Coordinators(installed, build) as coordinators:
        one = coordinators.make("node-a")
        one.start("--check-interval=3600000")  # nobody finds by chance what he is not told of
        one.wait_leads()
        yield


@pytest.fixture
def snapshots(installed, namespace):
    snapshots = Snapshots(installed, namespace)
    yield snapshots
    for one in installed.admin.list(snapshots.kind, namespace):
        snapshots.delete(one["metadata"]["name"])
        snapshots.wait_gone(one["metadata"]["name"])


@pytest.fixture
def claims(installed, namespace):
    def make(*names):
        for name in names:
            installed.admin.create(claim(name), namespace)
            installed.wait_bound(name, namespace)

    return make


@pytest.fixture
def vm(kubevirt, namespace, claims):
    """Off, with a disk and what it starts with."""
    claims("root")
    return kubevirt.create_vm("larry", namespace, [Volume("rootdisk", "root"), CLOUDINIT])


def wait_free(vm):
    wait_for(lambda: not vm.read()["status"].get("snapshotInProgress"), "the machine let go")
    assert FINALIZER not in vm.read()["metadata"].get("finalizers", [])


def conditions(status):
    return [(one["type"], one["status"], one["reason"]) for one in status["conditions"]]


def test_s2_s13_s53_a_machine_and_then_its_volume_are_waited_for_by_name(kubevirt, namespace, snapshots, claims):
    snapshots.take("snap")
    early = snapshots.wait_reason("snap", "Source does not exist")["status"]
    assert (early["phase"], early["readyToUse"], early.get("sourceUID")) == ("InProgress", False, None)
    vm = kubevirt.create_vm("larry", namespace, [Volume("rootdisk", "root"), CLOUDINIT])
    snapshots.wait_reason("snap", f"Source not locked source {namespace}/larry volume doesnt exist: root")
    assert not vm.read()["status"].get("snapshotInProgress")
    claims("root")
    assert snapshots.wait_taken("snap")["status"]["sourceUID"] == vm.uid
    wait_free(vm)


@pytest.fixture
def reader(installed, namespace, vm):
    """The name of a pod that uses the machine's volume."""
    installed.admin.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader"}, "spec": {
        "nodeName": "node-a", "automountServiceAccountToken": False, "containers": [{"name": "it", "image": "none"}],
        "volumes": [{"name": "it", "persistentVolumeClaim": {"claimName": "root"}}]}}, namespace)
    return "reader"


def test_s14_a_pod_that_uses_the_volume_of_a_machine_that_is_off_is_waited_for(installed, namespace, snapshots, reader):
    snapshots.take("snap")
    snapshots.wait_reason("snap", "Source not locked source is offline but 1 pods using PVCs [root]")
    assert not snapshots.content("snap")
    installed.admin.must("DELETE", f"/api/v1/namespaces/{namespace}/pods/{reader}", {"gracePeriodSeconds": 0})
    snapshots.wait_taken("snap")


def test_s15_a_pod_that_uses_the_volume_of_a_machine_that_runs_is_in_nobodys_way(snapshots, vm, reader):
    vm.start("node-b")  # where no coordinator is: it goes no further than to its lock and its grant
    snapshots.take("snap")
    snapshots.wait_grant("snap", "node-b", 1)
    assert vm.read()["status"]["snapshotInProgress"] == f"snap.{OWN}"


def test_s19_s21_s58_one_that_runs_is_kept_as_it_was_started_with_the_disks_of_today(installed, namespace, snapshots,
                                                                                     claims, vm):
    claims("more")
    vm.start("node-b")
    started = vm.read()["spec"]["template"]["spec"]["domain"]["resources"]
    vm.admin.merge(VMS, "larry", {"spec": {"template": {"spec": {"domain": {"resources": {
        "requests": {"memory": "8Gi"}}}}}}}, namespace)
    vm.hotplug(Volume("plugged", "more"))
    uid = snapshots.take("snap")["metadata"]["uid"]
    snapshots.wait_grant("snap", "node-b", 1)
    content = snapshots.content("snap")
    kept = content["spec"]["source"]["virtualMachine"]["spec"]["template"]["spec"]
    assert kept["domain"]["resources"] == started
    assert [one["name"] for one in kept["volumes"]] == ["rootdisk", "cloudinit", "plugged"]
    assert "plugged" in [one["name"] for one in kept["domain"]["devices"]["disks"]]
    assert [one["volumeSnapshotName"] for one in content["spec"]["volumeBackups"]] == [
        f"vmsnapshot-{uid}-volume-{volume}" for volume in ("rootdisk", "plugged")]


def test_s11_half_a_lock_is_made_whole_and_let_go(snapshots, vm):
    vm.write_status(snapshotInProgress=f"snap.{OWN}")
    snapshots.take("snap")
    snapshots.wait_taken("snap")
    wait_free(vm)


def test_s17_s22_s31_a_content_and_its_volume_snapshot_are_as_clients_know_them(installed, namespace, snapshots, vm):
    uid = snapshots.take("snap")["metadata"]["uid"]
    status = snapshots.wait_taken("snap")["status"]
    content = snapshots.content("snap")
    name = f"vmsnapshot-{uid}-volume-rootdisk"
    [backup] = content["spec"]["volumeBackups"]
    cut = installed.admin.read(SNAPSHOTS, name, namespace)
    [owner] = cut["metadata"]["ownerReferences"]
    assert content["metadata"]["name"] == f"vmsnapshot-content-{uid}"
    assert content["metadata"]["finalizers"] == [f"{OWN}/vmsnapshotcontent-protection"]
    assert content["spec"]["source"]["virtualMachine"]["spec"] == vm.read()["spec"]
    assert (backup["volumeName"], backup["volumeSnapshotName"]) == ("rootdisk", name)
    assert backup["persistentVolumeClaim"]["metadata"]["name"] == "root"
    assert cut["spec"]["source"]["persistentVolumeClaimName"] == "root"
    assert cut["spec"]["volumeSnapshotClassName"] == "dir"
    assert cut["metadata"]["labels"].items() >= {"snapshot.kubevirt.io/source-vm-name": "larry",
                                                 "snapshot.kubevirt.io/source-vm-namespace": namespace}.items()
    assert (owner["kind"], owner["uid"]) == ("VirtualMachineSnapshotContent", content["metadata"]["uid"])
    assert status["phase"] == "Succeeded" and status["creationTime"] == content["status"]["creationTime"]
    assert conditions(status) == [("Progressing", "False", "Operation complete"), ("Ready", "True", "Ready")]
    wait_free(vm)


def test_s20_s59_a_memory_dump_and_what_a_tpm_keeps_are_cut_too(installed, kubevirt, namespace, snapshots, claims):
    claims("root", "dump", "state-of-larry")
    installed.admin.merge(CLAIMS, "state-of-larry", {"metadata": {"labels": {"persistent-state-for": "larry"}}}, namespace)
    vm = kubevirt.create_vm("larry", namespace, [Volume("rootdisk", "root"), Volume("dump", "dump", "memoryDump")])
    vm.admin.merge(VMS, "larry", {"spec": {"template": {"spec": {"domain": {"devices": {"tpm": {"persistent": True}}}}}}},
                   namespace)
    uid = snapshots.take("snap")["metadata"]["uid"]
    status = snapshots.wait_taken("snap")["status"]
    backups = snapshots.content("snap")["spec"]["volumeBackups"]
    assert [(one["volumeName"], one["persistentVolumeClaim"]["metadata"]["name"]) for one in backups] == [
        ("rootdisk", "root"), ("dump", "dump"), ("persistent-state-for-larry", "state-of-larry")]
    cuts = {one["metadata"]["name"] for one in installed.admin.list(SNAPSHOTS, namespace)}
    assert cuts == {f"vmsnapshot-{uid}-volume-{one['volumeName']}" for one in backups}
    assert status["snapshotVolumes"] == {
        "includedVolumes": ["dump", "persistent-state-for-larry", "rootdisk"], "excludedVolumes": []}


def test_s13_a_volume_that_is_still_being_filled_is_waited_for(kubevirt, namespace, snapshots):
    kubevirt.create_data_volume("root", namespace, claim("root"), phase="ImportInProgress")
    kubevirt.create_vm("larry", namespace, [Volume("rootdisk", "root", "dataVolume")])
    snapshots.take("snap")
    snapshots.wait_reason("snap", f"Source not locked source {namespace}/larry volume not populated: root")
    kubevirt.admin.merge(DATA_VOLUMES, "root", {"status": {"phase": "Succeeded"}}, namespace, "status")
    assert snapshots.wait_taken("snap")["status"]["snapshotVolumes"]["includedVolumes"] == ["rootdisk"]


@pytest.fixture
def ambiguous(installed):
    """A second class for the same storage, where the default was one; takes it away when it is called."""
    driver, = {one["driver"] for one in installed.admin.list(CLASSES) if one["metadata"]["name"] == "dir"}
    other = snapshot_class("other", driver)
    other["metadata"]["annotations"] = {DEFAULT: "true"}
    installed.admin.create(other)
    yield lambda: installed.admin.merge(CLASSES, "other", {"metadata": {"annotations": {DEFAULT: "false"}}})
    installed.admin.delete(CLASSES, "other")


def test_s32_a_choice_of_classes_that_is_open_is_told_and_goes_on_when_it_is_not(installed, namespace, snapshots, vm,
                                                                                 ambiguous):
    snapshots.take("snap")
    snapshots.wait("snap", lambda status: "2 matching VolumeSnapshotClasses for dir" in json.dumps(status), "told")
    assert not installed.admin.list(SNAPSHOTS, namespace)
    ambiguous()
    snapshots.wait_taken("snap")


@pytest.fixture
def uncut(installed, namespace):
    """A claim of storage whose volumes no class cuts."""
    made = claim("uncut", storage_class="classless")
    made["spec"]["volumeName"] = f"{namespace}-uncut"
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{namespace}-uncut"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "16Mi"}, "volumeMode": "Block",
        "storageClassName": "classless", "persistentVolumeReclaimPolicy": "Retain",
        "csi": {"driver": "classless.example", "volumeHandle": "uncut"}}}
    installed.admin.create({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                            "metadata": {"name": "classless"}, "provisioner": "classless.example"})
    installed.admin.create(volume)
    installed.admin.create(made, namespace)
    installed.wait_bound("uncut", namespace)
    yield Volume("second", "uncut")
    installed.admin.delete(CLAIMS, "uncut", namespace)
    installed.admin.delete("persistentvolumes", f"{namespace}-uncut")
    installed.admin.delete("storageclasses.storage.k8s.io", "classless")


def test_s18_s23_a_volume_that_no_class_cuts_is_left_out_and_missed(kubevirt, namespace, snapshots, claims, uncut):
    claims("root")
    kubevirt.create_vm("larry", namespace, [Volume("rootdisk", "root"), uncut, CLOUDINIT])
    snapshots.take("snap")
    status = snapshots.wait_taken("snap")["status"]
    assert status["snapshotVolumes"] == {"includedVolumes": ["rootdisk"], "excludedVolumes": ["cloudinit", "second"]}
    assert status["indications"] == ["PartialSnapshot"]
    assert [one["indication"] for one in status["sourceIndications"]] == ["PartialSnapshot"]


def test_s24_what_has_no_data_is_not_missed(snapshots, vm):
    snapshots.take("snap")
    status = snapshots.wait_taken("snap")["status"]
    assert status["snapshotVolumes"] == {"includedVolumes": ["rootdisk"], "excludedVolumes": ["cloudinit"]}
    assert not status.get("indications")


def test_s45_a_volume_snapshot_that_vanished_is_missed_by_name(installed, namespace, snapshots, vm):
    uid = snapshots.take("snap")["metadata"]["uid"]
    snapshots.wait_taken("snap")
    name = f"vmsnapshot-{uid}-volume-rootdisk"
    installed.admin.delete(SNAPSHOTS, name, namespace)
    status = snapshots.wait("snap", lambda status: not status["readyToUse"], "not ready")["status"]
    assert (status["phase"], status["error"]["message"]) == ("Succeeded", f"VolumeSnapshots ({name}) missing")
    assert reasons(status)["Progressing"] == "In error state"
    wait_for(lambda: [one for one in installed.admin.list("events", namespace)
                      if (one["type"], one["reason"]) == ("Warning", "VolumeSnapshotMissing")], "its event")


def test_s48_volume_snapshots_may_go_from_a_cluster_and_come_again(installed, snapshots, vm):
    snapshots.take("kept")
    snapshots.wait_taken("kept")
    with installed.without_snapshots():
        status = snapshots.wait("kept", lambda status: not status["readyToUse"], "not ready", 90)["status"]
        assert status["phase"] == "Succeeded" and status["error"]["message"].endswith("missing")
        snapshots.delete("kept")
        snapshots.wait_gone("kept")
        snapshots.take("without")
        status = snapshots.wait_taken("without")["status"]
        assert status["snapshotVolumes"] == {"includedVolumes": [], "excludedVolumes": ["cloudinit", "rootdisk"]}
        assert status["indications"] == ["PartialSnapshot"]
    snapshots.take("again")
    assert snapshots.wait_taken("again")["status"]["snapshotVolumes"]["includedVolumes"] == ["rootdisk"]


@pytest.fixture
def typed(kubevirt, namespace, claims):
    """Off, with an instance type and a preference, whose revisions are not there yet."""
    claims("root")
    vm = kubevirt.create_vm("larry", namespace, [Volume("rootdisk", "root")],
                            instancetype={"name": "medium", "revisionName": "larry-medium-1"},
                            preference={"name": "debian"})
    vm.write_status(preferenceRef={"name": "debian", "controllerRevisionRef": {"name": "larry-debian-1"}})
    return vm


def create_revision(vm, name, **data):
    vm.admin.create({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "data": data,
                     "metadata": {"name": name, "ownerReferences": [owner(vm.read())]}}, vm.namespace)


def test_s52_revisions_of_instance_type_and_preference_outlive_the_machine(installed, namespace, snapshots, typed):
    snapshots.take("snap")
    snapshots.wait_reason("snap", f"Source not locked source {namespace}/larry revision of its instancetype doesnt "
                          "exist: larry-medium-1")
    create_revision(typed, "larry-medium-1", cpu=2)
    create_revision(typed, "larry-debian-1", bus="virtio")
    uid = snapshots.wait_taken("snap")["metadata"]["uid"]
    wait_free(typed)
    installed.admin.delete(VMS, "larry", namespace)
    installed.admin.wait_gone(REVISIONS, "larry-debian-1", namespace)
    kept = snapshots.content("snap")["spec"]["source"]["virtualMachine"]["spec"]
    for member, name, data in (("instancetype", "snap-medium-1", {"cpu": 2}),
                               ("preference", "snap-debian-1", {"bus": "virtio"})):
        revision = installed.admin.read(REVISIONS, name, namespace)
        assert kept[member]["revisionName"] == name
        assert revision["data"] == data
        assert [one["uid"] for one in revision["metadata"]["ownerReferences"]] == [uid]


def test_s55_a_status_that_was_emptied_is_made_again(installed, namespace, snapshots, vm):
    snapshots.take("snap")
    before = snapshots.wait_taken("snap")["status"]
    installed.admin.merge(snapshots.kind, "snap", {"status": None}, namespace, "status")
    after = snapshots.wait("snap", lambda status: status.get("snapshotVolumes") and status.get("readyToUse"), "again")
    for member in ("phase", "sourceUID", "creationTime", "virtualMachineSnapshotContentName", "snapshotVolumes"):
        assert after["status"][member] == before[member]
