# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What users do with a stock kubectl, from apply to delete."""

import json
import os
import re

from conftest import HERE
from rest import SNAPSHOTS
from waiting import wait_for

READY = {
    "phase": "Succeeded",
    "readyToUse": True,
    "creationTime": "2026-01-02T03:04:05Z",
    "conditions": [
        {"type": "Progressing", "status": "False", "reason": "Operation complete"},
        {"type": "Ready", "status": "True", "reason": "Ready"},
    ],
    "sourceIndications": [{"indication": "Online", "message": "Snapshot taken while the VM was running."}],
    "snapshotVolumes": {"includedVolumes": ["rootdisk"]},
}
REPORT = {"lull.dev/quiesce-report": json.dumps(
    {"version": 1, "level": "fs", "proof": "held", "witness": "quiet", "windowMs": 26.0})}
SNAPSHOT = "virtualmachinesnapshot.snapshot.kubevirt.io/snap-larry"


def golden(name):
    with open(os.path.join(HERE, "golden", name)) as file:
        return file.read()


def columns(table):
    return [re.split(r"  +", line.strip()) for line in table.splitlines()]


def test_manifests_are_applied_and_applied_again(kubectl):
    assert kubectl.apply("snapshot.yaml") == f"{SNAPSHOT} created\n"
    assert kubectl.apply("snapshot.yaml") == f"{SNAPSHOT} unchanged\n"
    assert "restore-larry created" in kubectl.apply("restore.yaml")
    assert kubectl("label", SNAPSHOT, "tier=gold") == f"{SNAPSHOT} labeled\n"
    assert kubectl.apply("snapshot.yaml") == f"{SNAPSHOT} unchanged\n"
    assert kubectl("get", "vmsnapshots", "-l", "tier in (gold,silver)", "-o", "name") == f"{SNAPSHOT}\n"


def test_every_name_of_a_kind_is_known(kubectl):
    kubectl.apply("snapshot.yaml")
    rows = {row[0]: row[1] for row in columns(kubectl("api-resources", "--no-headers"))}
    assert rows["virtualmachinesnapshots"] == "vmsnapshot,vmsnapshots"
    for word in ("vmsnapshot", "vmsnapshots", "virtualmachinesnapshot", "virtualmachinesnapshots.v1alpha1.snapshot"
                 ".kubevirt.io", "all"):
        assert "snap-larry" in kubectl("get", word, "-o", "name"), word


def test_a_wide_table_has_the_references_columns_and_the_proof(kubectl):
    kubectl.apply("snapshot.yaml")
    kubectl.patch_status("snap-larry", READY, REPORT)
    narrow, wide = (columns(kubectl("get", "vmsnapshot", *more)) for more in ([], ["-o", "wide"]))
    head = ["NAME", "SOURCEKIND", "SOURCENAME", "PHASE", "READYTOUSE", "CREATIONTIME", "ERROR"]
    assert narrow[0] == head
    assert wide[0] == head + ["LEVEL", "PROOF", "WITNESS", "WINDOW"]
    assert wide[1][:5] == ["snap-larry", "VirtualMachine", "larry", "Succeeded", "true"]
    assert wide[1][-4:] == ["fs", "held", "quiet", "26.0 ms"]


def test_waiting_for_a_condition_ends_when_it_holds(kubectl):
    kubectl.apply("snapshot.yaml")
    waiting = kubectl.start("wait", "--for=condition=Ready", "--timeout=60s", SNAPSHOT)
    kubectl.patch_status("snap-larry", READY)
    output, errors = waiting.communicate(timeout=60)
    assert (waiting.returncode, output, errors) == (0, f"{SNAPSHOT} condition met\n", "")
    assert "met" in kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", SNAPSHOT)


def test_a_watched_table_grows_by_what_happens(kubectl):
    kubectl.apply("snapshot.yaml")
    watching = kubectl.start("get", "vmsnapshot", "-w", "-o", "wide")
    assert watching.stdout.readline().split()[-1] == "WINDOW"
    assert watching.stdout.readline().split() == ["snap-larry", "VirtualMachine", "larry"]
    kubectl.patch_status("snap-larry", READY)
    assert watching.stdout.readline().split()[3:5] == ["Succeeded", "true"]
    watching.kill()
    watching.communicate()


def tell_two(kubectl):
    kubectl.tell("snap-larry", "Normal", "VirtualMachineSnapshotReady", "It is ready")
    for _ in range(2):
        kubectl.tell("snap-larry", "Warning", "VirtualMachineSnapshotError", "It is not")


def test_events_are_listed_and_chosen(kubectl):
    assert kubectl.run("get", "events")[1:] == ("", "No resources found in default namespace.\n")
    kubectl.apply("snapshot.yaml")
    tell_two(kubectl)
    narrow, wide = (columns(kubectl("get", "events", *more)) for more in ([], ["-o", "wide"]))
    assert narrow[0] == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert wide[0] == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "SOURCE", "MESSAGE", "FIRST SEEN", "COUNT", "NAME"]
    assert sorted(row[1:] for row in narrow[1:]) == [
        ["Normal", "VirtualMachineSnapshotReady", "virtualmachinesnapshot/snap-larry", "It is ready"],
        ["Warning", "VirtualMachineSnapshotError", "virtualmachinesnapshot/snap-larry", "It is not"]]
    assert sorted(row[-2] for row in wide[1:]) == ["1", "2"]
    assert "VirtualMachineSnapshotError" in kubectl("events", "--types=Warning", "--for", SNAPSHOT)
    assert "VirtualMachineSnapshotReady" not in kubectl("events", "--types=Warning")
    chosen = kubectl("get", "events", "--field-selector", "type=Warning", "-o", "jsonpath={.items[*].count}")
    assert chosen == "2"


def test_a_description_is_the_golden_one(kubectl):
    kubectl.apply("snapshot.yaml")
    kubectl.patch_status("snap-larry", READY, REPORT)
    tell_two(kubectl)
    text = kubectl("describe", "vmsnapshot", "snap-larry")
    text = re.sub(r"(Creation Timestamp: +)2.*", r"\1TIME", text)
    text = re.sub(r"(UID: +).*", r"\1UID", text)
    text = re.sub(r"(Resource Version: +).*", r"\1VERSION", text)
    text = re.sub(r"\b\d+s\b", "AGE", text)
    head, events = text.split("Events:\n")
    rows = sorted(re.sub(r" {2,}", "  ", line) for line in events.splitlines())  # two of one second have no order
    assert head + "\n".join(["Events:", *rows, ""]) == golden("describe-snapshot.txt")


def test_fields_are_explained(kubectl):
    text = kubectl("explain", "vmsnapshot.spec.failureDeadline")
    assert "FIELD: failureDeadline <Duration>" in text
    assert "Time from creation in which the snapshot must be taken" in " ".join(text.split())
    assert 'such as "90s", "5m" or "1h30m", or a number of seconds' in " ".join(text.split())
    assert re.search(r"failureDeadline\s+<Duration>", kubectl("explain", "vmsnapshot.spec"))
    text = kubectl("explain", "vmrestore.spec", "--recursive")
    assert re.search(r"virtualMachineSnapshotName\s+<string> -required-", text)
    assert "enum: WaitGracePeriod, StopTarget, FailImmediate, WaitEventually" in text
    assert "GROUP:      kubevirt.io" in kubectl("explain", "vm")
    assert "How often it happened." in kubectl("explain", "event.count")


def test_what_the_coordinator_noted_survives_a_users_changes(kubectl):
    kubectl.apply("snapshot.yaml")
    kubectl.patch_status("snap-larry", READY, REPORT)
    assert kubectl.apply("snapshot.yaml") == f"{SNAPSHOT} unchanged\n"
    assert kubectl("edit", SNAPSHOT, EDITOR="sed -i 's/^metadata:/metadata:\\n  labels: {a: b}/'") == f"{SNAPSHOT} edited\n"
    kubectl("annotate", SNAPSHOT, "example.org/note=mine")
    for command, done in (("replace", "replaced"), ("apply", "configured")):
        kept = kubectl("get", SNAPSHOT, "-o", "json")
        assert kubectl(command, "-f", "-", stdin=kept) == f"{SNAPSHOT} {done}\n"
    assert kubectl.client.get(f"{SNAPSHOTS}/snap-larry")[1]["metadata"]["annotations"].items() >= REPORT.items()


def test_a_wrong_annotation_is_refused_by_its_name(kubectl):
    kubectl.apply("snapshot.yaml")
    for wrong, says in (("require=flying", '"flying" is none of app, fs, crash'), ("requires=fs", "unknown annotation")):
        status, _, errors = kubectl.run("annotate", SNAPSHOT, f"lull.dev/{wrong}")
        assert status == 1
        assert f"metadata.annotations[lull.dev/{wrong.split('=')[0]}]: {says}" in errors


def test_an_edit_changes_what_may_be_changed(kubectl):
    kubectl.apply("snapshot.yaml")
    edited = kubectl("edit", SNAPSHOT, EDITOR="sed -i 's/^metadata:/metadata:\\n  labels: {tier: gold}/'")
    assert edited == f"{SNAPSHOT} edited\n"
    assert kubectl.client.get(f"{SNAPSHOTS}/snap-larry")[1]["metadata"]["labels"] == {"tier": "gold"}
    status, output, errors = kubectl.run("patch", SNAPSHOT, "--type=merge", "-p", '{"spec":{"failureDeadline":"9m"}}')
    assert (status, output) == (1, "")
    assert "spec in immutable after creation" in errors
    errors = kubectl.run("patch", SNAPSHOT, "--type=merge", "-p", '{"spec":{"failureDedline":"9m"}}')[2]
    assert "spec.failureDedline: unknown field" in errors


def test_patches_of_both_kinds_are_done(kubectl):
    kubectl.apply("snapshot.yaml")
    kubectl("patch", SNAPSHOT, "--type=merge", "-p", '{"metadata":{"labels":{"a":"1"}}}')
    kubectl("patch", SNAPSHOT, "--type=json", "-p", '[{"op":"move","from":"/metadata/labels/a","path":"/metadata/labels/b"}]')
    assert kubectl("get", SNAPSHOT, "-o", "jsonpath={.metadata.labels}") == '{"b":"1"}'
    assert "supported" in kubectl.run("patch", SNAPSHOT, "-p", "{}")[2]


def test_a_difference_is_shown_and_nothing_is_changed(kubectl):
    manifest = os.path.join(HERE, "snapshot.yaml")
    status, output, _ = kubectl.run("diff", "-f", manifest)
    assert status == 1 and "+kind: VirtualMachineSnapshot" in output
    assert kubectl.client.get(SNAPSHOTS)[1]["items"] == []
    kubectl.apply("snapshot.yaml")
    assert kubectl("diff", "-f", manifest) == ""
    kubectl("annotate", SNAPSHOT, "a=b")
    assert kubectl("diff", "-f", manifest) == ""
    assert kubectl("apply", "--dry-run=server", "-f", manifest) == f"{SNAPSHOT} unchanged (server dry run)\n"
    assert kubectl("delete", "--dry-run=server", "-f", manifest).endswith("(server dry run)\n")
    assert kubectl("get", "vmsnapshots", "-o", "name") == f"{SNAPSHOT}\n"


def test_an_object_is_replaced(kubectl):
    kubectl.apply("snapshot.yaml")
    assert kubectl("replace", "-f", os.path.join(HERE, "snapshot.yaml")) == f"{SNAPSHOT} replaced\n"


def test_a_deletion_waits_for_the_last_finalizer(kubectl):
    kubectl.apply("snapshot.yaml")
    path = f"{SNAPSHOTS}/snap-larry"
    assert kubectl.client.patch(path, {"metadata": {"finalizers": ["example.org/protection"]}})[0] == 200
    deleting = kubectl.start("delete", SNAPSHOT)
    wait_for(lambda: "deletionTimestamp" in kubectl.client.get(path)[1]["metadata"], "the deletion")
    assert deleting.poll() is None
    assert kubectl.client.patch(path, {"metadata": {"finalizers": None}})[0] == 200
    output, errors = deleting.communicate(timeout=60)
    assert (deleting.returncode, errors) == (0, "") and "deleted" in output
    status, _, errors = kubectl.run("get", SNAPSHOT)
    assert (status, errors) == (1, 'Error from server (NotFound): virtualmachinesnapshots.snapshot.kubevirt.io '
                                   '"snap-larry" not found\n')


def test_server_side_apply_is_refused_with_what_to_use_instead(kubectl):
    status, _, errors = kubectl.run("apply", "--server-side", "-f", os.path.join(HERE, "snapshot.yaml"))
    assert status == 1
    assert "use kubectl apply without --server-side" in errors


def test_a_wrong_manifest_is_told_before_it_is_sent(kubectl, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    with open(os.path.join(HERE, "snapshot.yaml")) as file:
        wrong.write_text(file.read() + "  failureDedline: 1m\n")
    status, _, errors = kubectl.run("apply", "-f", str(wrong))
    assert status == 1
    assert "failureDedline" in errors
    assert kubectl.client.get(SNAPSHOTS)[1]["items"] == []


def test_one_server_is_told_from_another(kubectl):
    assert "Server Version: v" in kubectl.run("version")[1]
    assert kubectl("get", "--raw", "/healthz") == "ok"
