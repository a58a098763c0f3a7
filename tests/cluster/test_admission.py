# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What a cluster's API server takes and what it refuses, and in which words: the definitions of our kinds and the
policies beside them. Numbers (A3) are those of KubeVirt's rules as its clients know them; where KubeVirt answers by a
webhook, its text is the beginning of ours."""

import contextlib
import itertools
import json

import pytest

from cluster import Cluster
from kinds import (KUBEVIRTS, OWN, content, install, path_of, reference, resource, restore, snapshot, try_create)
from kubeapi import MERGE, path_to
from kubevirt import VMS, KubeVirt
from waiting import wait_for

numbers = itertools.count(1)
KNOWN_WITHIN = 120  # seconds
NO_SNAPSHOTS = "snapshot feature gate not enabled"
NO_RESTORES = "Snapshot/Restore feature gate not enabled"
FIXED = "spec in immutable after creation"


def causes(answer):
    return [(one.get("field"), one["message"]) for one in answer["details"].get("causes", [])]


def assert_refused(result, field, text):
    """By the API server as an object that is not valid: 422, with a cause at the field."""
    status, answer = result
    assert (status, answer["reason"]) == (422, "Invalid"), answer
    assert any(where == field and text in message for where, message in causes(answer)), answer


def assert_denied(result, text, status=422):
    """By a policy, whose message is the end of the answer's."""
    assert result[0] == status and "denied request: " + text in result[1]["message"], result


def assert_taken(result):
    assert result[0] in (200, 201), result[1]


def wait_denied(client, document, namespace, text, status=422):
    """A policy's parameters take effect a little later than they are written, those of a new kind half a minute."""

    def denied():
        result = try_create(client, document, namespace)
        return result if result[0] == status and text in result[1]["message"] else None

    assert_denied(wait_for(denied, f"a refusal: {text}", KNOWN_WITHIN, interval=0.02), text, status)


def wait_taken(client, document, namespace):
    wait_for(lambda: try_create(client, document, namespace)[0] == 201, f"{document['kind']} taken", interval=0.02)


def patch(client, document, namespace, change, *below):
    path = path_of(document, namespace, document["metadata"]["name"], *below)
    return client.call("PATCH", path, change, Content_Type=MERGE)


# Snapshots.

@pytest.mark.parametrize("source, field, text", [
    pytest.param(reference(apiGroup=None), "spec.source.apiGroup", "missing apiGroup", id="A3-no-group"),
    pytest.param(reference(apiGroup="apps"), "spec.source.apiGroup", "invalid apiGroup", id="A3-another-group"),
    pytest.param(reference(kind="Pod"), "spec.source.kind", "invalid kind", id="A3-another-kind"),
    pytest.param(reference(name=None), "spec.source.name", "Required value", id="no-name"),
    pytest.param(reference(name=""), "spec.source.name", "at least 1 chars long", id="an-empty-name"),
])
def test_a_snapshot_has_to_name_a_machine(installed, group, source, field, text):
    assert_refused(try_create(installed.admin, snapshot("snap", group=group, source=source), "default"), field, text)


@pytest.mark.parametrize("field, value, text", [
    ("deletionPolicy", "delete", 'Unsupported value: "delete"'),
    ("deletionPolicy", "", 'Unsupported value: ""'),
    ("failureDeadline", "5 minutes", "should match"),
    ("failureDeadline", {}, "Invalid value"),
])
def test_a_snapshots_policy_and_deadline_have_to_mean_something(installed, group, field, value, text):
    document = snapshot("snap", group=group, **{field: value})
    assert_refused(try_create(installed.admin, document, "default"), f"spec.{field}", text)


@pytest.mark.parametrize("spec", [
    {}, {"failureDeadline": "90s"}, {"failureDeadline": 90}, {"failureDeadline": "0"}, {"failureDeadline": "-1.5h"},
    {"failureDeadline": "1h30m"}, {"deletionPolicy": "Retain"}, {"deletionPolicy": "Delete"},
], ids=json.dumps)
def test_a4_a_snapshot_of_a_machine_that_is_not_there_is_taken(installed, group, spec):
    for version in ("v1beta1", "v1alpha1"):
        assert_taken(try_create(installed.admin, snapshot("snap", group=group, version=version, **spec), "default"))


def test_a_misspelt_field_is_told_to_who_asks(installed, group):
    status, answer = try_create(installed.admin, snapshot("snap", group=group, failuredeadline="1m"), "default")
    assert status == 400 and 'unknown field "spec.failuredeadline"' in answer["message"]


@pytest.mark.parametrize("change", [
    {"failureDeadline": "1m"}, {"deletionPolicy": None}, {"source": {"name": "moe"}},
], ids=["added", "removed", "changed"])
def test_a5_a_spec_stays_as_it_was_made(installed, group, namespace, change):
    document = snapshot("snap", group=group, deletionPolicy="Retain")
    installed.admin.create(document, namespace)
    assert_refused(patch(installed.admin, document, namespace, {"spec": change}), "spec", FIXED)
    assert_taken(patch(installed.admin, document, namespace, {"metadata": {"labels": {"kept": "yes"}}}))


def test_a5_v15_what_a_restore_asks_for_stays_as_it_was_made(installed, group, namespace):
    document = restore("back", of="none", group=group)
    installed.admin.create(document, namespace)
    change = {"spec": {"targetReadinessPolicy": "StopTarget"}}
    assert_refused(patch(installed.admin, document, namespace, change), "spec", FIXED)


def test_a5_what_a_content_holds_stays_as_it_was_made(installed, group, namespace):
    document = content("content", group=group)
    installed.admin.create(document, namespace)
    volumes = [{"name": "other"}]
    change = {"spec": {"source": {"virtualMachine": {"spec": {"template": {"spec": {"volumes": volumes}}}}}}}
    assert_refused(patch(installed.admin, document, namespace, change), "spec", FIXED)
    assert_taken(patch(installed.admin, document, namespace, {"status": {"readyToUse": True}}, "status"))


def test_status_and_spec_are_written_apart(installed, group, namespace):
    document = snapshot("snap", group=group)
    installed.admin.create(document, namespace)
    assert_taken(patch(installed.admin, document, namespace, {"status": {"phase": "Succeeded"}}))
    assert "status" not in installed.admin.read(resource("VirtualMachineSnapshot", group), "snap", namespace)
    change = {"status": {"phase": "InProgress"}, "spec": {"failureDeadline": "1m"}}
    assert_taken(patch(installed.admin, document, namespace, change, "status"))
    kept = installed.admin.read(resource("VirtualMachineSnapshot", group), "snap", namespace)
    assert kept["status"] == {"phase": "InProgress"} and "failureDeadline" not in kept["spec"]
    assert_refused(patch(installed.admin, document, namespace, {"status": {"phase": "Done"}}, "status"),
                   "status.phase", "Unsupported value")


@pytest.mark.parametrize("name, value, text", [
    ("require", "flying", '"flying" is none of app, fs, crash'),
    ("require", "", '"" is none of app, fs, crash'),
    ("exclude-volumes", "vdb,,vdc", '"vdb,,vdc" is no list of at most 256 names such as "vdb,vdc"'),
    ("exclude-volumes", " ", '" " is no list'),
    ("exclude-volumes", ",".join(["v"] * 257), "is no list of at most 256 names"),
    ("requires", "fs", "unknown annotation: VirtualMachineSnapshot has lull.dev/require, lull.dev/exclude-volumes"),
])
def test_a_wish_that_says_nothing_is_refused(installed, group, name, value, text):
    document = snapshot("snap", group=group, annotations={f"lull.dev/{name}": value})
    result = try_create(installed.admin, document, "default")
    assert_denied(result, f"metadata.annotations[lull.dev/{name}]: ")
    assert text in result[1]["message"]


def test_annotations_that_mean_something_are_taken(installed, group, namespace):
    wishes = {"lull.dev/require": "fs", "lull.dev/exclude-volumes": "vdb, vdc", "example.org/any": "thing"}
    document = snapshot("snap", group=group, annotations=wishes)
    installed.admin.create(document, namespace)
    assert_denied(patch(installed.admin, document, namespace, {"metadata": {"annotations": {"lull.dev/requires": ""}}}),
                  "metadata.annotations[lull.dev/requires]: unknown annotation")
    noted = {"metadata": {"annotations": {"lull.dev/quiesce-report": "{}", "lull.dev/exclude-volumes": None}}}
    assert_taken(patch(installed.admin, document, namespace, noted))


# Restores.

@pytest.mark.parametrize("target, field, text", [
    pytest.param(reference(apiGroup=None), "spec.target.apiGroup", "missing apiGroup", id="A3-no-group"),
    pytest.param(reference(apiGroup="apps"), "spec.target.apiGroup", "invalid apiGroup", id="A3-another-group"),
    pytest.param(reference(kind="Pod"), "spec.target.kind", "invalid kind", id="A3-another-kind"),
])
def test_a_restore_has_to_name_a_machine(installed, group, target, field, text):
    assert_refused(try_create(installed.admin, restore("back", group=group, target=target), "default"), field, text)


def test_a6_a7_a_restore_is_taken_whatever_there_is(installed, group):
    for version in ("v1beta1", "v1alpha1"):
        assert_taken(try_create(installed.admin, restore("back", of="none", group=group, version=version), "default"))


@pytest.mark.parametrize("field, text, good", [
    ("targetReadinessPolicy", 'Unsupported value: "bogus"',
     ("WaitGracePeriod", "StopTarget", "FailImmediate", "WaitEventually")),
    ("volumeRestorePolicy", 'volume restore policy "bogus" doesn\'t exist',
     ("RandomizeNames", "InPlace", "PrefixTargetName")),
    ("volumeOwnershipPolicy", 'volume ownership policy "bogus" doesn\'t exist', ("Vm", "VM", "None")),
])
def test_a10_a_policy_is_one_of_those_that_there_are(installed, group, field, text, good):
    for value in good:
        assert_taken(try_create(installed.admin, restore("back", group=group, **{field: value}), "default"))
    assert_refused(try_create(installed.admin, restore("back", group=group, **{field: "bogus"}), "default"),
                   f"spec.{field}", text)


@pytest.mark.parametrize("override, field, text", [
    pytest.param({"volumeName": "root"}, "", "must provide at least one overriden field", id="A9-nothing"),
    pytest.param({"volumeName": "root", "restoreName": ""}, "", "must provide at least one overriden field",
                 id="an-empty-name"),
    pytest.param({"restoreName": "new"}, ".volumeName", "must provide a volume name", id="no-volume"),
    pytest.param({"volumeName": "", "labels": {}}, ".volumeName", "must provide a volume name", id="an-empty-volume"),
])
def test_an_override_says_of_what_and_what(installed, group, override, field, text):
    good = {"volumeName": "data", "labels": {"a": "b"}}
    document = restore("back", group=group, volumeRestoreOverrides=[good, override])
    assert_refused(try_create(installed.admin, document, "default"), f"spec.volumeRestoreOverrides[1]{field}", text)


def operation(path, op="replace", value="x"):
    return json.dumps({"op": op, "path": path, "value": value})


@pytest.mark.parametrize("path", ["/metadata", "/metadata/name", "/kind", "/apiVersion", "/status", "/status/ready",
                                  "/metadata/labels", "/spec", "/spec/", "spec/a", "/specs/a", ""])
def test_a12_a_patch_elsewhere_is_refused(installed, group, path):
    document = restore("back", group=group, patches=[operation("/spec/a"), operation(path)])
    assert_refused(try_create(installed.admin, document, "default"), "spec.patches[1]",
                   "patching is valid only for elements under /spec/ only")


@pytest.mark.parametrize("text", [
    operation("/spec/template/spec/domain/devices/interfaces/0/macAddress", value="00:11:22:33:44:55"),
    operation("/metadata/labels/k"), operation("/metadata/annotations/k", op="add"),
    operation("/spec/a", value={"path": "/var/lib/disk.img", "list": ["a:b", "c,d"]}),
    operation("/spec/a", value='a "path": "/kind" in a text'),
    '{"op":"remove","path":"\\/spec\\/a"}', ' {\n"path" : "/spec/a",\n"op"\t: "remove" }\n',
    '{"op":"move","from":"/spec/a","path":"/spec/b"}',
])
def test_a13_a_patch_below_spec_labels_or_annotations_is_taken(installed, group, text):
    assert_taken(try_create(installed.admin, restore("back", group=group, patches=[text]), "default"))


@pytest.mark.parametrize("text, says", [
    ("", "an object, as text"), ("{", "an object, as text"), ("[]", "an object, as text"),
    ('{"op":"replace","path":"/spec/a"', "an object, as text"), ('{"path":"/spec/a"}', "op must be one of"),
    ('{"op":"set","path":"/spec/a"}', "op must be one of"),
])
def test_a14_what_is_no_patch_is_refused(installed, group, text, says):
    document = restore("back", group=group, patches=[text])
    result = try_create(installed.admin, document, "default")
    assert_refused(result, "spec.patches[0]", "patch format is not valid")
    assert_refused(result, "spec.patches[0]", says)


def test_patches_and_overrides_have_bounds(installed, group):
    override = {"volumeName": "v", "labels": {}}
    for field, entries in (("patches", [operation("/spec/a")] * 65), ("volumeRestoreOverrides", [override] * 257)):
        document = restore("back", group=group, **{field: entries})
        assert_refused(try_create(installed.admin, document, "default"), f"spec.{field}", "Too many")
    document = restore("back", group=group, patches=[operation("/spec/a", value="x" * 16384)])
    assert_refused(try_create(installed.admin, document, "default"), "spec.patches[0]", "Too long")
    document = restore("back", group=group, patches=[operation("/spec/a", value="x" * 16000)] * 64)
    assert_taken(try_create(installed.admin, document, "default"))


def test_a8_a_machine_has_one_restore_at_a_time(installed, group, namespace):
    admin, first, second = installed.admin, restore("first", group=group), restore("second", group=group)
    admin.create(first, namespace)
    wait_denied(admin, second, namespace, 'VirtualMachineRestore "first" in progress')
    assert_taken(try_create(admin, restore("elsewhere", vm="moe", group=group), namespace))
    installed.create_namespace(f"{namespace[:50]}-other")
    assert_taken(try_create(admin, second, f"{namespace[:50]}-other"))
    admin.delete("namespaces", f"{namespace[:50]}-other")
    for status in ({"complete": True}, {"complete": False, "conditions": [{"type": "Failure", "status": "True"}]}):
        assert_taken(patch(admin, first, namespace, {"status": {"complete": False, "conditions": []}}, "status"))
        wait_denied(admin, second, namespace, 'VirtualMachineRestore "first" in progress')
        assert_taken(patch(admin, first, namespace, {"status": status}, "status"))
        wait_taken(admin, second, namespace)


def test_a8_a_restore_that_is_deleted_is_in_nobodys_way(installed, group, namespace):
    admin, first, second = installed.admin, restore("first", group=group), restore("second", group=group)
    first["metadata"]["finalizers"] = ["example.org/kept"]
    admin.create(first, namespace)
    wait_denied(admin, second, namespace, 'VirtualMachineRestore "first" in progress')
    admin.delete(resource("VirtualMachineRestore", group), "first", namespace)
    wait_taken(admin, second, namespace)
    assert_taken(patch(admin, first, namespace, {"metadata": {"finalizers": None}}))


# The feature gate.

@contextlib.contextmanager
def setting(cluster, value):
    cluster.admin.merge("configmaps", "lull-feature-gates", {"data": {"Snapshot": value}}, "lull")
    yield
    cluster.admin.merge("configmaps", "lull-feature-gates", {"data": {"Snapshot": "true"}}, "lull")


@contextlib.contextmanager
def kubevirts_gates(kubevirt, **gates):
    kubevirt.write_settings()
    change = {"spec": {"configuration": {"developerConfiguration": gates}}}
    kubevirt.admin.merge("kubevirts.kubevirt.io", "kubevirt", change, "kubevirt")
    yield
    kubevirt.admin.delete("kubevirts.kubevirt.io", "kubevirt", "kubevirt")


def test_a1_nothing_new_is_taken_while_the_setting_says_no(installed, group, namespace):
    admin, old = installed.admin, snapshot("old", group=group)
    admin.create(old, namespace)
    with setting(installed, "false"):
        wait_denied(admin, snapshot("snap", group=group), namespace, NO_SNAPSHOTS, status=403)
        wait_denied(admin, restore("back", group=group), namespace, NO_RESTORES, status=403)
        assert_taken(patch(admin, old, namespace, {"metadata": {"labels": {"still": "mine"}}}))
        assert_taken(patch(admin, old, namespace, {"status": {"phase": "Succeeded"}}, "status"))
        assert_taken(try_create(admin, content("content", group=group), namespace))
        admin.delete(resource("VirtualMachineSnapshot", group), "old", namespace)
        admin.wait_gone(resource("VirtualMachineSnapshot", group), "old", namespace)
    wait_taken(admin, snapshot("snap", group=group), namespace)


def test_a1_nothing_new_is_taken_while_kubevirt_says_no(installed, kubevirt, group, namespace):
    admin = installed.admin
    with kubevirts_gates(kubevirt, disabledFeatureGates=["Snapshot"]):
        wait_denied(admin, snapshot("snap", group=group), namespace, NO_SNAPSHOTS, status=403)
        wait_denied(admin, restore("back", group=group), namespace, NO_RESTORES, status=403)
    wait_taken(admin, snapshot("snap", group=group), namespace)


@pytest.mark.parametrize("gates", [
    {}, {"featureGates": ["Other"]}, {"disabledFeatureGates": ["Other"]},
    {"featureGates": ["Snapshot"], "disabledFeatureGates": ["Snapshot"]}, {"disabledFeatureGates": None},
], ids=json.dumps)
def test_kubevirts_gate_is_on_where_nobody_turns_it_off(installed, kubevirt, group, namespace, gates):
    with kubevirts_gates(kubevirt, disabledFeatureGates=["Snapshot"]):
        wait_denied(installed.admin, snapshot("snap", group=group), namespace, NO_SNAPSHOTS, status=403)
        change = {"spec": {"configuration": {"developerConfiguration": {"disabledFeatureGates": None, **gates}}}}
        kubevirt.admin.merge("kubevirts.kubevirt.io", "kubevirt", change, "kubevirt")
        wait_taken(installed.admin, snapshot("snap", group=group), namespace)


def test_a_cluster_without_kubevirt_takes_snapshots_and_heeds_one_that_comes():
    with Cluster(nodes=["alone"]) as cluster:
        install(cluster, KUBEVIRTS)
        assert_taken(try_create(cluster.admin, snapshot("snap", group=KUBEVIRTS), "default"))
        kubevirt = KubeVirt(cluster)
        with kubevirts_gates(kubevirt, disabledFeatureGates=["Snapshot"]):
            wait_denied(cluster.admin, snapshot("snap", group=KUBEVIRTS), "default", NO_SNAPSHOTS, status=403)


# Machines that are being snapshotted or restored.

VOLUMES = [{"name": "root", "persistentVolumeClaim": {"claimName": "root"}}, {"name": "cloudinit"}]


class Machine:
    def __init__(self, admin, name):
        self.admin = admin
        self.name = name

    def make(self, status, **spec):
        self.admin.create({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": self.name},
            "spec": {**spec, "template": {"spec": {"domain": {"cpu": {"cores": 1}}, "volumes": VOLUMES}}}}, "default")
        self.admin.merge(VMS, self.name, {"status": {"printableStatus": "Running", **status}}, "default", "status")

    def change(self, **spec):
        return self.admin.call("PATCH", path_to(VMS, self.name, "default"), {"spec": spec}, Content_Type=MERGE)


@pytest.fixture
def machine(installed):
    machine = Machine(installed.admin, f"larry-{next(numbers)}")
    yield machine
    installed.admin.delete(VMS, machine.name, "default")


def volumes(*wanted):
    return {"template": {"spec": {"volumes": list(wanted)}}}


@pytest.mark.parametrize("name", ["snap", f"snap.{OWN}"])
@pytest.mark.parametrize("change", [
    volumes(VOLUMES[0]), volumes(*VOLUMES, {"name": "more"}), volumes(*reversed(VOLUMES)),
    volumes({"name": "root", "persistentVolumeClaim": {"claimName": "other"}}, VOLUMES[1]), volumes(),
    {"template": {"spec": {"volumes": None}}},
], ids=["fewer", "more", "order", "content", "none", "absent"])
def test_a15_volumes_stay_while_a_snapshot_is_taken(machine, name, change):
    machine.make({"snapshotInProgress": name}, runStrategy="Always")
    assert_denied(machine.change(**change), f'Cannot update vm disks or volumes until snapshot "{name}" completes')


@pytest.mark.parametrize("before, change", [
    ({"running": True}, {"running": False}), ({"runStrategy": "Always"}, {"runStrategy": "Halted"}),
    ({"runStrategy": "Manual"}, {"runStrategy": "RerunOnFailure"}),
    ({"running": True}, {"running": None, "runStrategy": "Always"}),
    ({"runStrategy": "Halted"}, {"running": False, "runStrategy": None}), ({"running": True}, {"running": None}),
], ids=json.dumps)
def test_a15_the_run_state_stays_while_a_snapshot_is_taken(machine, before, change):
    machine.make({"snapshotInProgress": "snap"}, **before)
    assert_denied(machine.change(**change), 'Cannot update vm running state until snapshot "snap" completes')


@pytest.mark.parametrize("before, change", [
    ({"running": False}, {"running": True}), ({"runStrategy": "Halted"}, {"runStrategy": "Always"}),
    ({"running": False}, {"running": None, "runStrategy": "Manual"}), ({"running": True}, {"running": None}),
], ids=json.dumps)
def test_a16_r34_the_run_strategy_stays_while_a_restore_is_made(machine, before, change):
    machine.make({"restoreInProgress": "back"}, **before)
    assert_denied(machine.change(**change), 'Cannot update VM runStrategy until restore "back" completes')


@pytest.mark.parametrize("status, before, change", [
    pytest.param({"snapshotInProgress": "snap"}, {"runStrategy": "Always"},
                 {"template": {"spec": {"domain": {"cpu": {"cores": 2}}}}}, id="A15-processors"),
    pytest.param({"snapshotInProgress": "snap"}, {"running": True},
                 {"template": {"metadata": {"labels": {"a": "b"}}}}, id="A15-labels"),
    pytest.param({"snapshotInProgress": "snap"}, {}, {"template": {"spec": {"hostname": "larry"}}}, id="A15-no-state"),
    pytest.param({"restoreInProgress": "back"}, {"runStrategy": "Halted"}, volumes(VOLUMES[0]), id="A16-volumes"),
    pytest.param({"restoreInProgress": "back"}, {"running": False}, {"running": None, "runStrategy": "Halted"},
                 id="A16-the-same-in-other-words"),
    pytest.param({}, {"runStrategy": "Always"}, {"runStrategy": "Halted", **volumes()}, id="unlocked"),
    pytest.param({"snapshotInProgress": None}, {"running": True}, {"running": False}, id="unlocked-again"),
])
def test_everything_else_may_be_changed(machine, status, before, change):
    machine.make(status, **before)
    assert_taken(machine.change(**change))


def test_a_locked_machine_may_be_deleted(machine):
    machine.make({"snapshotInProgress": "snap"}, runStrategy="Always")
    machine.admin.must("DELETE", path_to(VMS, machine.name, "default"))
