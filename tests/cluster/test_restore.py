# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Restores by a coordinator in the cluster: data are what was cut, byte by byte, and machines are as they were. R
numbers are the reference's cases."""

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from kinds import OWN
from kubevirt import DATA_VOLUMES, VMS, Volume
from restores import CLAIMS, LAST, MARK, RESTORES, WAITING, Machine, held_up, owners, play_cdi
from snapshots import reasons
from waiting import wait_for

MOST_WRITES = 10  # for a restore of a machine with two disks, events not counted: KubeVirt's controller needs 11.5


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
    machine.vm.write_status(runStrategy="RerunOnFailure")
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


def test_r33_a_machine_that_was_lost_takes_its_snapshots_again_and_again(installed, make):
    machine = make()
    installed.admin.delete(VMS, machine.name, machine.namespace)
    installed.admin.wait_gone(VMS, machine.name, machine.namespace)
    for _ in range(2):
        back = machine.restore()
        back.wait_complete()
        back.assert_data()
    assert machine.vm.read()["metadata"]["uid"] != machine.vm.uid


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


@pytest.mark.parametrize("spec, status", [
    ({"runStrategy": "Always"}, {}),
    ({"runStrategy": "RerunOnFailure"}, {"runStrategy": "RerunOnFailure", "stateChangeRequests": [{"action": "Start"}]}),
], ids=["between-two-lives", "crashed"])
def test_a_machine_that_is_about_to_start_is_not_off(installed, make, spec, status):
    machine = make()
    machine.vm.write_status(**status)
    installed.admin.merge(VMS, machine.name, {"spec": spec}, machine.namespace)
    back = machine.restore()
    back.wait_reason(WAITING)
    machine.assert_untouched()
    installed.admin.merge(VMS, machine.name, {"spec": {"runStrategy": "Halted"}}, machine.namespace)
    machine.vm.write_status(stateChangeRequests=None)
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
