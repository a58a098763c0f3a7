# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Restores in place: what is written down stays as it is, and old or new data are whole at any time."""

import filecmp
import json

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from kinds import OWN
from kubeapi import path_to
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

    def assert_put_back(self):
        """By claims that are as those were, on the volumes that they had; what was to replace them is gone."""
        for volume, old in self.claims.items():
            new, name = self.claim(volume), old["spec"]["volumeName"]
            assert new["spec"] == old["spec"] and new["status"]["phase"] == "Bound"
            assert new["metadata"].get("labels") == old["metadata"].get("labels")
            assert new["metadata"].get("ownerReferences") == old["metadata"].get("ownerReferences")
            bound = self.admin.read("persistentvolumes", name)
            assert bound["spec"]["claimRef"]["uid"] == new["metadata"]["uid"]
            assert bound["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
            assert HELD not in bound["metadata"].get("labels", {})
        wait_for(lambda: not [one for one in self.admin.list("persistentvolumes")
                              if one["spec"]["claimRef"]["namespace"] == self.machine.namespace
                              and one["spec"]["claimRef"]["name"].startswith("restore-")
                              or HELD in one["metadata"].get("labels", {})], "no new volumes")

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


def hold_up(machine, volume):
    """The volume's claim stays while it is being deleted."""
    machine.admin.merge(CLAIMS, machine.claim(volume), {"metadata": {"finalizers": [
        "example.com/held", "kubernetes.io/pvc-protection"]}}, machine.namespace)


def wait_going(machine, volume):
    machine.admin.wait(CLAIMS, machine.claim(volume), lambda one: one["metadata"].get("deletionTimestamp"), "going",
                       machine.namespace)


def let_go(machine, volume):
    machine.admin.merge(CLAIMS, machine.claim(volume), {"metadata": {"finalizers": None}}, machine.namespace)


def lock_of(machine):
    return machine.vm.read()["status"].get("restoreInProgress")


def test_in_place_a_claim_that_is_on_its_way_out_is_replaced_by_the_next_coordinator(
        installed, make, coordinator, coordinators):
    machine = make("root", "data")
    before = Before(machine)
    hold_up(machine, "root")
    back = machine.restore(**IN_PLACE)
    wait_going(machine, "root")
    coordinator.kill()
    coordinators.forget_leader()
    coordinator.start()
    going = before.claim("root")
    assert installed.admin.read("persistentvolumes", going["spec"]["volumeName"])["metadata"]["labels"] == {
        HELD: back.uid}
    let_go(machine, "root")
    back.wait_complete()
    wait_for(lambda: not lock_of(machine), "the machine let go")
    before.assert_replaced(back)
    assert machine.vm.read()["metadata"]["annotations"][LAST] == back.marker


def test_in_place_one_that_is_deleted_in_the_middle_puts_back_what_was_there(installed, make):
    """And nobody else has the machine while one of its disks is new and the other one old."""
    machine = make("root", "data")
    before = Before(machine)
    hold_up(machine, "data")
    back = machine.restore(**IN_PLACE)
    wait_going(machine, "data")
    assert before.claim("root")["metadata"]["uid"] != before.claims["root"]["metadata"]["uid"]
    installed.admin.delete(RESTORES, back.name, machine.namespace)
    installed.admin.wait(RESTORES, back.name, lambda one: "not gone yet" in json.dumps(one["status"]), "told",
                         machine.namespace)
    assert lock_of(machine).split(".")[0] == back.name
    let_go(machine, "data")
    installed.admin.wait_gone(RESTORES, back.name, machine.namespace)
    assert not lock_of(machine)
    before.assert_put_back()
    machine.assert_untouched()


@pytest.fixture
def refuses(installed):
    """Somebody's rule, by which claims of a name cannot be made any more."""
    group = "admissionregistration.k8s.io/v1"

    def refuse(name, namespace):
        rule = {"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": f"no-{name}"},
                "spec": {"matchConstraints": {"resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                     "resources": ["persistentvolumeclaims"], "resourceNames": [name]}]},
                         "validations": [{"expression": "false", "message": "no more of these"}]}}
        binding = {"apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": f"no-{name}"},
                   "spec": {"policyName": f"no-{name}", "validationActions": ["Deny"]}}
        for document in (rule, binding):
            installed.admin.create(document)
        path = path_to(CLAIMS, namespace=namespace) + "?dryRun=All"
        wait_for(lambda: installed.admin.call("POST", path, claim(name))[0] == 422, "the rule at work")

    yield refuse
    for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        for one in installed.admin.list(f"{kind}.admissionregistration.k8s.io"):
            if one["metadata"]["name"].startswith("no-"):
                installed.admin.delete(f"{kind}.admissionregistration.k8s.io", one["metadata"]["name"])


def test_in_place_nothing_is_replaced_by_a_claim_that_would_be_refused(make, refuses):
    """Which is seen before the first claim goes."""
    machine = make("root", "data")
    before = Before(machine)
    refuses(machine.claim("data"), machine.namespace)
    back = machine.restore(**IN_PLACE)
    status = back.wait_failed("could not be made again, and is not replaced")
    assert "no more of these" in json.dumps(status)
    before.assert_kept()
    wait_for(lambda: not back.made() and not lock_of(machine), "all as it was")
    machine.assert_untouched()
    before.assert_put_back()


def test_in_place_a_claim_of_somebody_else_is_not_replaced(installed, make):
    """Idle as it is: the machine never had it."""
    machine = make()
    before = Before(machine)
    installed.admin.create(claim("image"), machine.namespace)
    installed.wait_bound("image", machine.namespace)
    idle = installed.admin.read(CLAIMS, "image", machine.namespace)
    back = machine.restore(**IN_PLACE, volumeRestoreOverrides=[{"volumeName": "root", "restoreName": "image"}])
    back.wait_failed("claim image is there already")
    before.assert_kept()
    now = installed.admin.read(CLAIMS, "image", machine.namespace)
    assert now["metadata"]["uid"] == idle["metadata"]["uid"] and "deletionTimestamp" not in now["metadata"]
    wait_for(lambda: not lock_of(machine), "the machine let go")
    machine.assert_untouched()


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
