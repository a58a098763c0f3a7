# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Applying files: all or nothing, and every fault named where it is."""

import json

import pytest

SNAPSHOT = """apiVersion: snapshot.kubevirt.io/v1beta1
kind: VirtualMachineSnapshot
metadata:
  name: snap-larry
spec:
  source:
    apiGroup: kubevirt.io
    kind: VirtualMachine
    name: larry
"""
RESTORE = """apiVersion: snapshot.kubevirt.io/v1beta1
kind: VirtualMachineRestore
metadata:
  name: restore-larry
spec:
  target:
    apiGroup: kubevirt.io
    kind: VirtualMachine
    name: larry
  virtualMachineSnapshotName: snap-larry
"""


@pytest.fixture
def apply(lull, place):
    def run(text, *options):
        path = f"{place}/objects.yaml"
        with open(path, "w" if isinstance(text, str) else "wb") as file:
            file.write(text)
        return lull("apply", "-f", path, *options)
    return run


def test_snapshot_and_restore_of_the_documentation_are_created_as_they_stand(apply, api):
    result = apply(SNAPSHOT + "  failureDeadline: 1m\n---\n" + RESTORE)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "snapshot/snap-larry created\nrestore/restore-larry created\n"
    bodies = [body for _, _, body in api.writes()]
    assert bodies[0]["spec"] == {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"},
                                 "failureDeadline": "1m"}
    assert bodies[1]["spec"]["virtualMachineSnapshotName"] == "snap-larry"


def test_standard_input_and_json_will_do(lull, api):
    value = {"apiVersion": "snapshot.kubevirt.io/v1alpha1", "kind": "VirtualMachineSnapshot",
             "metadata": {"name": "from-json"},
             "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "larry"}}}
    result = lull("apply", "-f", "-", stdin=json.dumps(value))
    assert (result.returncode, result.stdout) == (0, "snapshot/from-json created\n")
    assert lull("apply", "-f", "-", stdin=json.dumps(value, indent="\t")).stdout == "snapshot/from-json unchanged\n"


FAULTS = [
    ("invalid YAML", "a: b: c\n", "objects.yaml:1: mapping values are not allowed"),
    ("tab", SNAPSHOT + "\tfailureDeadline: 1m\n", "objects.yaml:10: "),
    ("unknown field", SNAPSHOT + "  failureDeadlin: 1m\n", "objects.yaml:10: spec.failureDeadlin: "),
    ("unknown field at the top", SNAPSHOT + "sepc: {}\n", "objects.yaml:10: sepc: "),
    ("wrong type", SNAPSHOT.replace("name: larry", "name: [larry]"), "objects.yaml:9: spec.source.name: "),
    ("number as a name", SNAPSHOT.replace("snap-larry", "123"), "objects.yaml:4: metadata.name: "),
    ("bad name", SNAPSHOT.replace("snap-larry", "Snap_Larry"), "objects.yaml:4: metadata.name: "),
    ("no name", SNAPSHOT.replace("  name: snap-larry", "  labels: {}"), "objects.yaml:3: metadata.name: "),
    ("bad duration", SNAPSHOT + "  failureDeadline: 5 minutes\n",
     'objects.yaml:10: spec.failureDeadline: "5 minutes" is no duration'),
    ("bad enum", RESTORE + "  volumeRestorePolicy: Sideways\n", "objects.yaml:11: spec.volumeRestorePolicy: "),
    ("missing source", SNAPSHOT.split("spec:")[0] + "spec: {}\n", "objects.yaml:5: spec.source: "),
    ("wrong group", SNAPSHOT.replace("apiGroup: kubevirt.io", "apiGroup: apps"),
     "objects.yaml:7: spec.source.apiGroup: "),
    ("bad level", SNAPSHOT.replace("spec:", "  annotations:\n    lull.dev/require: best\nspec:"),
     "objects.yaml:6: metadata.annotations[lull.dev/require]: "),
    ("other kind", "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", 'objects.yaml:2: kind: "Pod" of "v1"'),
    ("read-only kind", "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: x}\n", "cannot be applied"),
    ("duplicate key", SNAPSHOT + "spec: {}\n", 'objects.yaml:10: the key "spec" is there twice'),
    ("no UTF-8", SNAPSHOT.encode() + b"# \xff\n", "objects.yaml: byte "),
    ("nothing", "# empty\n", "there is no object in it"),
    ("too large", "#" * (10 * 1024 * 1024), "larger than"),
    ("bomb", "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)), "too large"),
    ("deep", "[" * 100000, "nested deeper"),
]


@pytest.mark.parametrize("text, message", [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_fault_is_named_and_nothing_is_created(apply, api, text, message):
    result = apply(text)
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stdout == ""
    assert api.requests == []


def test_good_documents_before_and_after_a_bad_one_are_not_created(apply, api):
    result = apply(SNAPSHOT + "---\n" + RESTORE + "  nonsense: 1\n---\n" + SNAPSHOT.replace("snap-larry", "third"))
    assert result.returncode == 1
    assert "objects.yaml:21: document 2: spec.nonsense: " in result.stderr
    assert api.requests == []


def test_what_is_there_already_stays(apply, api):
    assert apply(SNAPSHOT).returncode == 0
    result = apply(SNAPSHOT + "---\n" + RESTORE)
    assert result.stdout == "snapshot/snap-larry unchanged\nrestore/restore-larry created\n"
    assert [path.rsplit("/", 1)[1] for _, path, _ in api.writes()] == ["virtualmachinesnapshots", "virtualmachinerestores"]


def test_other_spec_of_what_is_there_is_refused_and_nothing_else_created(apply, api):
    assert apply(SNAPSHOT).returncode == 0
    for changed in (SNAPSHOT + "  failureDeadline: 2m\n", SNAPSHOT.replace("larry\n", "moe\n").replace("snap-moe", "snap-larry")):
        result = apply(RESTORE + "---\n" + changed)
        assert result.returncode == 1
        assert "snapshot/snap-larry: it exists already with another spec." in result.stderr
        assert "cannot be changed; delete it first or use another name" in result.stderr
    assert len(api.writes()) == 1


def test_policy_of_what_is_there_cannot_be_changed_but_other_annotations_can(apply, api):
    assert apply(SNAPSHOT).returncode == 0
    policy = apply(SNAPSHOT.replace("spec:", "  annotations: {lull.dev/require: app}\nspec:"))
    assert policy.returncode == 1
    assert "another lull.dev/require" in policy.stderr
    note = apply(SNAPSHOT.replace("spec:", "  annotations: {example.org/note: kept}\nspec:"))
    assert (note.returncode, note.stdout) == (0, "snapshot/snap-larry configured\n")
    assert api.writes()[-1][2] == {"metadata": {"annotations": {"example.org/note": "kept"}}}


def test_file_that_is_not_there_is_named(lull):
    result = lull("apply", "-f", "/nowhere/x.yaml")
    assert result.returncode == 1
    assert "/nowhere/x.yaml: cannot be opened: No such file or directory" in result.stderr


def test_what_show_prints_can_be_read_back(lull, apply, api):
    assert apply(SNAPSHOT).returncode == 0
    text = lull("show", "snap-larry", "-o", "yaml").stdout
    assert apply(text).stdout == "snapshot/snap-larry unchanged\n"
