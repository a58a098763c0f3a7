# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Restores in place: what is written down stays as it is, and old or new data are whole at any time."""

import filecmp
import json

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from kinds import OWN
from kubevirt import DATA_VOLUMES, VMS, Volume
from restores import CLAIMS, LAST, MARK, RESTORES, held_up
from volumes import claim
from waiting import wait_for

IN_PLACE = {"volumeRestorePolicy": "InPlace"}
HELD = "restore.lull.dev/uid"


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


class Before:
    """What a machine has before it is restored in place."""

    def __init__(self, machine):
        self.machine, self.admin = machine, machine.admin
        self.claims = {volume: self.claim(volume) for volume in machine.volumes}
        for volume in machine.volumes:
            machine.mark(volume, bytes(len(MARK)))

    def claim(self, volume):
        return self.admin.read(CLAIMS, self.machine.claim(volume), self.machine.namespace)

    def assert_kept(self):
        assert {volume: self.claim(volume)["metadata"]["uid"] for volume in self.claims} == {
            volume: one["metadata"]["uid"] for volume, one in self.claims.items()}

    def assert_replaced(self, back):
        """By claims of the same names, with what was cut; the volumes that they had are gone, none is held."""
        for volume, old in self.claims.items():
            new, volumes = self.claim(volume), "persistentvolumes"
            assert new["metadata"]["uid"] != old["metadata"]["uid"] and new["status"]["phase"] == "Bound"
            assert new["spec"] == {**old["spec"], "volumeName": new["spec"]["volumeName"]}
            path = self.machine.cluster.driver.path(new["metadata"]["name"], self.machine.namespace)
            assert filecmp.cmp(path, self.machine.cut(volume), shallow=False)
            self.admin.wait_gone(volumes, old["spec"]["volumeName"])
            bound = self.admin.read(volumes, new["spec"]["volumeName"])
            assert bound["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
            assert HELD not in bound["metadata"].get("labels", {})
        assert {one["metadata"]["name"] for one in back.made()} == {self.machine.claim(volume) for volume in self.claims}


def test_in_place_a_machine_is_as_it_was_written_down(installed, make):
    """`kubectl diff` of the manifests finds nothing that a restore in place has changed."""
    machine = make("root", "data")
    spec = machine.vm.read()["spec"]
    written = [{**claim(machine.claim(volume), labels={"kept": "yes"})} for volume in machine.volumes]
    written.append({"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": machine.name},
                    "spec": spec})
    manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": written})
    installed.kubectl("-n", machine.namespace, "apply", "-f", "-", stdin=manifests)
    machine.snap = f"written-{machine.name}"
    machine.take()
    before = Before(machine)
    changed = {"template": {"spec": {"domain": {"resources": {"requests": {"memory": "512Mi"}}}}}}
    installed.admin.merge(VMS, machine.name, {"spec": changed}, machine.namespace)
    back = machine.restore(**IN_PLACE)
    back.wait_complete()
    back.assert_data()
    before.assert_replaced(back)
    assert machine.disks() == {volume: machine.claim(volume) for volume in machine.volumes}
    done = installed.run_kubectl("-n", machine.namespace, "diff", "-f", "-", stdin=manifests)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_r13_in_place_a_data_volume_keeps_its_name_and_gets_the_new_claim(installed, make):
    machine = make()
    name = machine.claim("root")
    made = machine.admin.create({"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
                                 "metadata": {"name": name}, "spec": {"source": {"blank": {}}}}, machine.namespace)
    machine.admin.merge(DATA_VOLUMES, name, {"status": {"phase": "Succeeded"}}, machine.namespace, "status")
    owner = {"apiVersion": made["apiVersion"], "kind": "DataVolume", "name": name, "uid": made["metadata"]["uid"],
             "controller": True}
    machine.admin.merge(CLAIMS, name, {"metadata": {"ownerReferences": [owner]}}, machine.namespace)
    volumes = machine.vm.read()["spec"]["template"]["spec"]["volumes"]
    volumes[0] = Volume("root", name, "dataVolume").document()
    machine.admin.merge(VMS, machine.name, {"spec": {"template": {"spec": {"volumes": volumes}}}}, machine.namespace)
    machine.snap = f"adopted-{machine.name}"
    machine.take()
    before = Before(machine)
    back = machine.restore(**IN_PLACE)
    document = back.wait_complete()
    assert document["status"]["restores"][0]["dataVolumeName"] == name
    back.assert_data()
    before.assert_replaced(back)
    new = before.claim("root")["metadata"]
    assert new["annotations"]["cdi.kubevirt.io/storage.populatedFor"] == name and "ownerReferences" not in new
    told = machine.admin.read(DATA_VOLUMES, name, machine.namespace)["metadata"]
    assert told["uid"] == made["metadata"]["uid"]
    assert told["annotations"]["cdi.kubevirt.io/storage.prePopulated"] == name
    assert machine.vm.read()["spec"]["template"]["spec"]["volumes"] == volumes


def test_in_place_what_a_pod_uses_is_not_replaced_before_it_ends(installed, make):
    machine = make()
    before = Before(machine)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"user-{machine.name}"},
           "spec": {"containers": [{"name": "one", "image": "none"}], "automountServiceAccountToken": False,
                    "volumes": [{"name": "x", "persistentVolumeClaim": {"claimName": machine.claim("root")}}]}}
    installed.admin.create(pod, machine.namespace)
    back = machine.restore(**IN_PLACE)
    back.wait_reason(f"pod {pod['metadata']['name']} uses it")
    before.assert_kept()
    assert not back.made()
    installed.admin.delete("pods", pod["metadata"]["name"], machine.namespace)
    back.wait_complete()
    before.assert_replaced(back)


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "deleted"])
def test_in_place_a_claim_that_is_on_its_way_out_is_replaced_whatever_happens(
        installed, make, coordinator, coordinators, killed):
    """There is no way back once its deletion has begun: not for the next coordinator, nor where the restore goes."""
    machine = make("root", "data")
    before = Before(machine)
    name, held = machine.claim("root"), "example.com/held"
    installed.admin.merge(CLAIMS, name, {"metadata": {"finalizers": [
        held, "kubernetes.io/pvc-protection"]}}, machine.namespace)
    back = machine.restore(**IN_PLACE)
    installed.admin.wait(CLAIMS, name, lambda one: one["metadata"].get("deletionTimestamp"), "going", machine.namespace)
    if killed:
        coordinator.kill()
        coordinators.forget_leader()
        coordinator.start()
    else:
        installed.admin.delete(RESTORES, back.name, machine.namespace)
    going = before.claim("root")
    assert installed.admin.read("persistentvolumes", going["spec"]["volumeName"])["metadata"]["labels"] == {
        HELD: back.uid}
    installed.admin.merge(CLAIMS, name, {"metadata": {"finalizers": None}}, machine.namespace)
    if killed:
        back.wait_complete()
    else:
        installed.admin.wait_gone(RESTORES, back.name, machine.namespace)
    wait_for(lambda: not machine.vm.read()["status"].get("restoreInProgress"), "the machine let go")
    before.assert_replaced(back)
    assert machine.vm.read()["metadata"]["annotations"][LAST] == back.marker


def test_in_place_one_that_is_deleted_before_leaves_all_as_it_was(installed, make):
    machine = make("root", "data")
    before = Before(machine)
    with held_up(installed):
        back = machine.restore(**IN_PLACE)
        wait_for(lambda: len(back.made()) == 2, "claims that wait for their volumes")
        installed.admin.delete(RESTORES, back.name, machine.namespace)
        installed.admin.wait_gone(RESTORES, back.name, machine.namespace)
        wait_for(lambda: not back.made(), "what it made gone")
    before.assert_kept()
    machine.assert_untouched()
