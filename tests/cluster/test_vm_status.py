# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What machines say of their volumes: whether each could be snapshotted, and why not. In KubeVirt's group, where its
own controller is not alive, the leader of our coordinators writes that."""

import contextlib

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from kinds import KUBEVIRTS
from kubevirt import PROFILES, VMS, Volume
from volumes import CLASSES, claim, snapshot_class
from waiting import wait_for

STORAGE_CLASSES = "storageclasses.storage.k8s.io"
NOWHERE = "nowhere.csi.lull.dev"  # a driver that is not there: its claims stay unbound


@pytest.fixture(scope="module")
def coordinators(installed, build):
    """One that leads in KubeVirt's group."""
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinesnapshotcontents", KUBEVIRTS)
    with Coordinators(installed, build, KUBEVIRTS) as coordinators:
        coordinators.start("node-a").wait_leads()
        yield coordinators


@pytest.fixture
def slow(installed):
    """A StorageClass that no VolumeSnapshotClass is for."""
    installed.admin.create({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "slow"},
                            "provisioner": NOWHERE, "volumeBindingMode": "WaitForFirstConsumer"})
    yield "slow"
    for resource in (PROFILES, STORAGE_CLASSES):
        installed.admin.delete(resource, "slow")


@pytest.fixture
def add_class(installed):
    """Makes a VolumeSnapshotClass for the driver of "slow"."""
    names = []

    def make(name):
        installed.admin.create(snapshot_class(name, NOWHERE))
        names.append(name)

    yield make
    for name in names:
        installed.admin.delete(CLASSES, name)


def no_class(storage_class, volume):
    return ("No VolumeSnapshotClass: Volume snapshots are not configured for this StorageClass "
            f"[{storage_class}] [{volume}]")


def unsupported(volume):
    return f"Snapshot is not supported for this volumeSource type [{volume}]"


def said(vm):
    """{volume: why not, or None}."""
    rows = vm.read()["status"].get("volumeSnapshotStatuses", [])
    assert all(row["enabled"] == ("reason" not in row) for row in rows), rows
    return {row["name"]: row.get("reason") for row in rows}


def wait_said(vm, **wanted):
    with contextlib.suppress(AssertionError):
        wait_for(lambda: said(vm) == wanted, "what it says of its volumes", interval=0.02)
    assert said(vm) == wanted


def writes(trail, vm):
    """Of its status, by us; one that came too late for what it was about is none."""
    return [line for line in trail.writes(ACCOUNT, vm.namespace)
            if line["objectRef"]["resource"] == "virtualmachines" and line["responseStatus"]["code"] < 300]


def looks_for_kubevirt(trail):
    return [line for line in trail.requests(ACCOUNT) if "virt-controller" in line["requestURI"]]


def test_s49_each_volume_says_whether_it_can_be_saved(installed, kubevirt, namespace, slow, coordinators):
    for name, storage_class in (("root", None), ("keep", None), ("cold", slow)):
        labels = {"persistent-state-for": "larry"} if name == "keep" else None
        installed.admin.create(claim(name, storage_class=storage_class, labels=labels), namespace)
    template = {"domain": {"devices": {"tpm": {"persistent": True}}}}
    vm = kubevirt.create_vm("larry", namespace, [
        Volume("disk", "root"), Volume("dump", "root", "memoryDump"), Volume("cold", "cold"), Volume("gone", "gone"),
        Volume("image", source="containerDisk")], template)
    wait_said(vm, disk=None, dump=None, cold=no_class("slow", "cold"), gone="PVC not found",
              image=unsupported("image"), **{"persistent-state-for-larry": None})
    assert [row["name"] for row in vm.read()["status"]["volumeSnapshotStatuses"]] == [
        "disk", "dump", "cold", "gone", "image", "persistent-state-for-larry"]


def test_a_claim_that_comes_is_news_to_its_machine(installed, kubevirt, namespace, coordinators):
    vm = kubevirt.create_vm("larry", namespace, [Volume("disk", "root")])
    wait_said(vm, disk="PVC not found")
    installed.admin.create(claim("root"), namespace)
    wait_said(vm, disk=None)


def test_s50_a_new_class_is_news_to_all_machines(installed, kubevirt, namespace, slow, add_class, coordinators):
    installed.admin.create(claim("cold", storage_class=slow), namespace)
    vms = [kubevirt.create_vm(name, namespace, [Volume("disk", "cold")]) for name in ("larry", "curly")]
    for vm in vms:
        wait_said(vm, disk=no_class("slow", "disk"))
    add_class("one")
    for vm in vms:
        wait_said(vm, disk=None)
    installed.admin.delete(CLASSES, "one")
    for vm in vms:
        wait_said(vm, disk=no_class("slow", "disk"))


def test_of_several_classes_a_profile_names_one(installed, kubevirt, namespace, slow, add_class, coordinators):
    installed.admin.create(claim("cold", storage_class=slow), namespace)
    add_class("one")
    add_class("two")
    vm = kubevirt.create_vm("larry", namespace, [Volume("disk", "cold")])
    told = wait_for(lambda: said(vm).get("disk"), "why it cannot be saved", interval=0.02)
    assert told.startswith("2 matching VolumeSnapshotClasses for slow: one, two;")
    kubevirt.write_profile(slow, "two")
    wait_said(vm, disk=None)


def test_s51_a_volume_that_is_yet_to_be_made_has_the_class_of_its_template(kubevirt, namespace, slow, add_class,
                                                                            coordinators):
    template = {"metadata": {"name": "made"}, "spec": {"source": {"blank": {}}, "pvc": {"storageClassName": slow}}}
    vm = kubevirt.create_vm("larry", namespace, [Volume("disk", "made", "dataVolume")], dataVolumeTemplates=[template])
    wait_said(vm, disk=no_class("slow", "disk"))
    add_class("one")
    wait_said(vm, disk=None)


def test_what_is_said_already_is_not_written_again(installed, kubevirt, namespace, slow, add_class, coordinators):
    installed.admin.create(claim("cold", storage_class=slow), namespace)
    trail = installed.audit.trail()
    vm = kubevirt.create_vm("larry", namespace, [Volume("disk", "cold")])
    wait_said(vm, disk=no_class("slow", "disk"))
    looks = installed.audit.trail()
    installed.admin.merge(VMS, "larry", {"metadata": {"labels": {"new": "label"}}}, namespace)
    wait_for(lambda: [line for line in looks.requests(ACCOUNT, namespace)
                      if line["objectRef"]["resource"] == "persistentvolumeclaims"], "another look")
    add_class("one")
    wait_said(vm, disk=None)
    assert len(writes(trail, vm)) == 2


def test_while_kubevirts_controller_lives_nothing_is_written(installed, kubevirt, namespace, coordinators):
    installed.admin.create(claim("root"), namespace)
    with kubevirt.controller():
        trail = installed.audit.trail()
        vm = kubevirt.create_vm("larry", namespace, [Volume("disk", "root")])
        wait_for(lambda: looks_for_kubevirt(trail), "a look for KubeVirt's controller")
        # One look is over when the next has begun.
        installed.admin.merge(VMS, "larry", {"metadata": {"labels": {"new": "label"}}}, namespace)
        wait_for(lambda: len(looks_for_kubevirt(trail)) > 1, "another look")
        assert not writes(trail, vm) and not said(vm)
    installed.admin.merge(VMS, "larry", {"metadata": {"labels": {"new": "again"}}}, namespace)
    wait_said(vm, disk=None)
