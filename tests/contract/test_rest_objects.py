# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Objects over REST: what is answered, with which code, and what is left behind."""

import json
import os
import re

import pytest

from rest import BASE, GROUP, MERGE, SNAPSHOTS, restore, snapshot

JSON_PATCH = "application/json-patch+json"
ALPHA = SNAPSHOTS.replace("v1beta1", "v1alpha1")
RESTORES = f"{BASE}/virtualmachinerestores"
FINALIZED = {"finalizers": ["example.org/protection"]}


def assert_status(answer, code, reason):
    got, status = answer
    assert (got, status["kind"], status["status"]) == (code, "Status", "Failure"), status
    assert (status["code"], status["reason"]) == (code, reason)
    assert status["message"]
    return status


def test_an_object_is_created_read_listed_and_deleted(client):
    code, created = client.post(SNAPSHOTS, snapshot("snap-larry", failureDeadline="1m"))
    assert code == 201
    assert created["metadata"]["uid"] and created["metadata"]["resourceVersion"]
    assert client.get(f"{SNAPSHOTS}/snap-larry") == (200, created)

    code, listed = client.get(SNAPSHOTS)
    assert (code, listed["kind"], listed["items"]) == (200, "VirtualMachineSnapshotList", [created])

    code, status = client.delete(f"{SNAPSHOTS}/snap-larry")
    assert (code, status["status"], status["details"]["uid"]) == (200, "Success", created["metadata"]["uid"])
    assert_status(client.get(f"{SNAPSHOTS}/snap-larry"), 404, "NotFound")


def test_both_versions_show_the_same_object(client):
    code, created = client.post(ALPHA, snapshot("a", "v1alpha1", failureDeadline=60))
    assert (code, created["apiVersion"]) == (201, f"{GROUP}/v1alpha1")
    _, beta = client.get(f"{SNAPSHOTS}/a")
    assert beta["apiVersion"] == f"{GROUP}/v1beta1"
    assert beta["metadata"] == created["metadata"]
    _, listed = client.get(ALPHA)
    assert [listed["apiVersion"]] + [item["apiVersion"] for item in listed["items"]] == [f"{GROUP}/v1alpha1"] * 2


def test_patches_change_object_or_status(client):
    client.post(SNAPSHOTS, snapshot("a"))
    code, patched = client.patch(f"{SNAPSHOTS}/a", {"metadata": {"labels": {"x": "y"}}, "status": {"phase": "Failed"}})
    assert (code, patched["metadata"]["labels"], "status" in patched) == (200, {"x": "y"}, False)
    code, patched = client.patch(f"{SNAPSHOTS}/a/status", {"status": {"phase": "Failed"}})
    assert (code, patched["status"]) == (200, {"phase": "Failed"})
    assert client.get(f"{SNAPSHOTS}/a/status") == (200, patched)


def test_a_finalizer_keeps_the_object(client):
    client.post(SNAPSHOTS, snapshot("a", metadata=FINALIZED))
    code, left = client.delete(f"{SNAPSHOTS}/a")
    assert (code, left["kind"]) == (200, "VirtualMachineSnapshot")
    assert left["metadata"]["deletionTimestamp"]
    code, _ = client.patch(f"{SNAPSHOTS}/a", {"metadata": {"finalizers": None}})
    assert code == 200
    assert_status(client.get(f"{SNAPSHOTS}/a"), 404, "NotFound")


@pytest.mark.parametrize(
    "preconditions, code",
    [({"uid": "another"}, 409), ({"resourceVersion": "1"}, 409), ({}, 200)],
)
def test_deletion_honours_preconditions(client, preconditions, code):
    client.post(SNAPSHOTS, snapshot("a"))
    options = {"kind": "DeleteOptions", "propagationPolicy": "Background", "preconditions": preconditions}
    assert client.delete(f"{SNAPSHOTS}/a", options)[0] == code
    assert client.get(f"{SNAPSHOTS}/a")[0] == (404 if code == 200 else 200)


def test_lists_are_selected_and_paged(client):
    for name in "abc":
        client.post(SNAPSHOTS, snapshot(name, metadata={"labels": {"odd": "no" if name == "b" else "yes"}}))

    def names(query):
        return [item["metadata"]["name"] for item in client.get(f"{SNAPSHOTS}?{query}")[1]["items"]]

    assert names("labelSelector=odd%3Dyes") == ["a", "c"]
    assert names("fieldSelector=metadata.name%3Db") == ["b"]
    _, page = client.get(f"{SNAPSHOTS}?limit=2")
    assert page["metadata"]["remainingItemCount"] == 1
    assert names(f"limit=2&continue={page['metadata']['continue']}") == ["c"]
    assert names("resourceVersion=0&fieldValidation=Ignore") == ["a", "b", "c"]
    everywhere = f"/apis/{GROUP}/v1beta1/virtualmachinesnapshots"
    assert len(client.get(everywhere)[1]["items"]) == 3
    assert client.get(SNAPSHOTS.replace("default", "other"))[1]["items"] == []


INVALID = [
    (snapshot("a", failureDeadline="5 minutes"), "spec.failureDeadline"),
    (snapshot("a", failureDeadline=True), "spec.failureDeadline"),
    (snapshot("a", deletionPolicy="Sometimes"), "spec.deletionPolicy"),
    (snapshot("a", unheardOf=1), "spec.unheardOf"),
    (snapshot("Snap_Larry"), "metadata.name"),
    (snapshot(""), "metadata.name"),
    (snapshot("a", source={"apiGroup": "kubevirt.io", "kind": "Pod", "name": "x"}), "spec.source.kind"),
    (snapshot("a", source={"kind": "VirtualMachine", "name": "x"}), "spec.source.apiGroup"),
    (snapshot("a", source="larry"), "spec.source"),
    (snapshot("a", metadata={"labels": {"a": 1}}), 'metadata.labels["a"]'),
    (restore("a", targetReadinessPolicy="Later"), "spec.targetReadinessPolicy"),
    (restore("a", volumeRestorePolicy="bogus"), "spec.volumeRestorePolicy"),
    (restore("a", volumeRestoreOverrides=[{"volumeName": "x"}]), "spec.volumeRestoreOverrides[0]"),
    (restore("a", patches=['{"op":"add","path":"/kind","value":1}']), "spec.patches[0]"),
]


@pytest.mark.parametrize("thing, field", INVALID, ids=[field for _, field in INVALID])
def test_a_wrong_field_is_named_and_nothing_is_left(client, thing, field):
    path = RESTORES if thing["kind"] == "VirtualMachineRestore" else SNAPSHOTS
    status = assert_status(client.post(path, thing), 422, "Invalid")
    assert field in [cause["field"] for cause in status["details"]["causes"]]
    assert field in status["message"]
    assert client.get(path)[1]["items"] == []


def test_all_wrong_fields_are_named_at_once(client):
    wrong = snapshot("a", failureDeadline="soon", deletionPolicy="x", more=1)
    status = assert_status(client.post(SNAPSHOTS, wrong), 422, "Invalid")
    fields = {cause["field"] for cause in status["details"]["causes"]}
    assert fields == {"spec.failureDeadline", "spec.deletionPolicy", "spec.more"}


def test_the_spec_is_immutable(client):
    client.post(SNAPSHOTS, snapshot("a"))
    status = assert_status(client.patch(f"{SNAPSHOTS}/a", {"spec": {"failureDeadline": "1m"}}), 422, "Invalid")
    assert status["details"]["causes"] == [
        {"reason": "FieldValueInvalid", "message": "spec in immutable after creation", "field": "spec"}
    ]


def test_conflicts_are_told_from_each_other(client):
    _, created = client.post(SNAPSHOTS, snapshot("a"))
    assert_status(client.post(SNAPSHOTS, snapshot("a")), 409, "AlreadyExists")
    stale = {"metadata": {"resourceVersion": created["metadata"]["resourceVersion"], "labels": {"x": "1"}}}
    assert client.patch(f"{SNAPSHOTS}/a", stale)[0] == 200
    stale["metadata"]["labels"]["x"] = "2"
    assert_status(client.patch(f"{SNAPSHOTS}/a", stale), 409, "Conflict")


@pytest.mark.parametrize(
    "method, path, code, reason",
    [
        ("DELETE", SNAPSHOTS, 405, "MethodNotAllowed"),
        ("POST", f"{SNAPSHOTS}/a", 405, "MethodNotAllowed"),
        ("POST", "/apis/kubevirt.io/v1/namespaces/default/virtualmachines", 405, "MethodNotAllowed"),
        ("DELETE", "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/larry", 405, "MethodNotAllowed"),
        ("GET", "/", 404, "NotFound"),
        ("GET", f"{BASE}/pods", 404, "NotFound"),
        ("GET", SNAPSHOTS.replace("v1beta1", "v2"), 404, "NotFound"),
        ("GET", f"{SNAPSHOTS}/a/spec", 404, "NotFound"),
        ("GET", f"{SNAPSHOTS}/A%2Fb", 404, "NotFound"),
        ("GET", f"{SNAPSHOTS}?limit=many", 400, "BadRequest"),
        ("GET", f"{SNAPSHOTS}?labelSelector=a+in+(b", 400, "BadRequest"),
        ("GET", f"{SNAPSHOTS}?continue=nonsense", 400, "BadRequest"),
    ],
)
def test_what_is_not_served_is_refused(client, method, path, code, reason):
    assert_status(client.call(method, path), code, reason)


@pytest.mark.parametrize(
    "body, content_type, code, reason",
    [
        ("{", "application/json", 400, "BadRequest"),
        ("[]", "application/json", 400, "BadRequest"),
        ("", "application/json", 400, "BadRequest"),
        (b'{"a":"\xff"}', "application/json", 400, "BadRequest"),
        ("[" * 100000, "application/json", 400, "BadRequest"),
        ("kind: x", "application/yaml", 415, "UnsupportedMediaType"),
        (json.dumps(snapshot("a", "v1alpha1")), "application/json", 400, "BadRequest"),
        (json.dumps(restore("a")), "application/json", 400, "BadRequest"),
        (json.dumps(snapshot("a", metadata={"namespace": "other"})), "application/json", 400, "BadRequest"),
        (" " * (1024 * 1024 + 1), "application/json", 413, "RequestEntityTooLarge"),
    ],
    ids=["cut", "list", "empty", "bytes", "deep", "yaml", "version", "kind", "namespace", "large"],
)
def test_a_wrong_body_is_refused(client, body, content_type, code, reason):
    assert_status(client.call("POST", SNAPSHOTS, body, content_type), code, reason)
    assert client.get(SNAPSHOTS)[1]["items"] == []


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/strategic-merge-patch+json", "application/apply-patch+yaml", ""],
)
def test_other_patches_are_refused_with_what_to_use_instead(client, content_type):
    client.post(SNAPSHOTS, snapshot("a"))
    status = assert_status(client.patch(f"{SNAPSHOTS}/a", {}, content_type), 415, "UnsupportedMediaType")
    assert f"application/json-patch+json, {MERGE}" in status["message"]
    assert ("server-side apply is not served" in status["message"]) == ("apply" in content_type)


LABEL_A = {"op": "add", "path": "/metadata/labels", "value": {"a": "1"}}


def test_a_json_patch_is_done_as_a_whole_or_not_at_all(client):
    client.post(SNAPSHOTS, snapshot("a"))

    def patch(*operations, path=f"{SNAPSHOTS}/a"):
        return client.patch(path, list(operations), JSON_PATCH)

    code, patched = patch(LABEL_A, {"op": "copy", "from": "/metadata/labels/a", "path": "/metadata/labels/b"})
    assert (code, patched["metadata"]["labels"]) == (200, {"a": "1", "b": "1"})
    test = {"op": "test", "path": "/metadata/labels/a", "value": "2"}
    status = assert_status(patch({"op": "remove", "path": "/metadata/labels/b"}, test), 422, "Invalid")
    assert "operation 1 of the JSON patch, test /metadata/labels/a" in status["message"]
    assert client.get(f"{SNAPSHOTS}/a")[1] == patched
    assert_status(patch({"op": "replace", "path": "/spec/source/name", "value": "moe"}), 422, "Invalid")
    code, patched = patch({"op": "add", "path": "/status", "value": {"phase": "Failed"}}, path=f"{SNAPSHOTS}/a/status")
    assert (code, patched["status"]) == (200, {"phase": "Failed"})
    stale = {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}
    assert_status(patch(LABEL_A, stale), 409, "Conflict")
    assert_status(client.patch(f"{SNAPSHOTS}/a", {}, JSON_PATCH), 400, "BadRequest")


def test_an_object_is_replaced_by_who_read_it_last(client):
    _, first = client.post(SNAPSHOTS, snapshot("a", metadata={"labels": {"x": "1"}}))
    changed = {**first, "metadata": {**first["metadata"], "labels": {"y": "2"}}}
    code, replaced = client.call("PUT", f"{SNAPSHOTS}/a", changed)
    assert (code, replaced["metadata"]["labels"], replaced["spec"]) == (200, {"y": "2"}, first["spec"])
    assert_status(client.call("PUT", f"{SNAPSHOTS}/a", changed), 409, "Conflict")
    assert_status(client.call("PUT", f"{SNAPSHOTS}/b", changed), 400, "BadRequest")
    assert_status(client.call("PUT", f"{SNAPSHOTS}/a", snapshot("a")), 422, "Invalid")
    other = {**replaced, "spec": {**replaced["spec"], "failureDeadline": "9m"}}
    assert_status(client.call("PUT", f"{SNAPSHOTS}/a", other), 422, "Invalid")
    code, replaced = client.call("PUT", f"{SNAPSHOTS}/a/status", {**replaced, "status": {"phase": "Failed"}})
    assert (code, replaced["status"]) == (200, {"phase": "Failed"})
    assert_status(client.call("PUT", f"{SNAPSHOTS}/none", {**snapshot("none", metadata={"resourceVersion": "1"})}), 404, "NotFound")


def annotated(name, **annotations):
    return snapshot(name, metadata={"annotations": {f"lull.dev/{key}": value for key, value in annotations.items()}})


def assert_annotation_refused(answer, name, says):
    status = assert_status(answer, 422, "Invalid")
    field, message = (status["details"]["causes"][0][key] for key in ("field", "message"))
    assert (field, says in message) == (f"metadata.annotations[lull.dev/{name}]", True), status
    return message


def test_an_annotation_that_says_nothing_is_refused(client):
    levels = '"flying" is none of app, fs, crash'
    assert_annotation_refused(client.post(SNAPSHOTS, annotated("a", require="flying")), "require", levels)
    assert_annotation_refused(client.post(SNAPSHOTS, annotated("a", requires="fs")), "requires", "lull.dev/require, ")
    assert_annotation_refused(client.post(RESTORES, {**restore("r"), "metadata": annotated("r", require="fs")["metadata"]}),
                              "require", "lull.dev/start-target")
    assert client.get(SNAPSHOTS)[1]["items"] == client.get(RESTORES)[1]["items"] == []

    path = f"{SNAPSHOTS}/a"
    _, made = client.post(SNAPSHOTS, annotated("a", require="fs"))
    wrong = {"metadata": {"annotations": {"lull.dev/require": "flying"}}}
    assert_annotation_refused(client.patch(path, wrong), "require", levels)
    assert_annotation_refused(client.patch(f"{path}?dryRun=All", wrong), "require", levels)
    operation = {"op": "replace", "path": "/metadata/annotations/lull.dev~1require", "value": "flying"}
    assert_annotation_refused(client.patch(path, [operation], JSON_PATCH), "require", levels)
    assert_annotation_refused(client.call("PUT", path, {**made, "metadata": {**made["metadata"], **wrong["metadata"]}}),
                              "require", levels)
    assert client.get(path) == (200, made)


def test_what_the_coordinator_noted_can_be_sent_back(client):
    notes = {"lull.dev/quiesce-report": '{"version": 1}', "lull.dev/progress": "{}"}
    path = f"{SNAPSHOTS}/a"
    client.post(SNAPSHOTS, annotated("a", require="fs"))
    code, noted = client.patch(path, {"metadata": {"annotations": notes}})
    assert (code, noted["metadata"]["annotations"]) == (200, {"lull.dev/require": "fs", **notes})
    assert client.call("PUT", path, noted) == (200, noted)
    assert client.post(SNAPSHOTS, {**noted, "metadata": {"name": "copy", "annotations": notes}})[0] == 201
    assert client.patch(path, {"metadata": {"annotations": {"lull.dev/progress": None}}})[0] == 200


def test_the_annotations_that_are_told_of_are_those_that_there_are(client):
    with open(os.path.join(os.path.dirname(__file__), "../../docs/api.md")) as file:
        section = file.read().split("## Annotations\n")[1].split("\n## ")[0]
    told = {line.split("`")[1]: line.split("|")[2] for line in section.splitlines() if line.startswith("| `lull.dev/")}
    for plural, make, word in ((SNAPSHOTS, snapshot, "snapshots"), (RESTORES, restore, "restores")):
        wrong = {**make("a"), "metadata": {"name": "a", "annotations": {"lull.dev/none": ""}}}
        message = assert_annotation_refused(client.post(plural, wrong), "none", "unknown annotation")
        by_user = {key for key, on in told.items() if "`" in on or "names" in on} if word == "snapshots" else set()
        assert set(re.findall(r"lull\.dev/[\w-]+", message)) == by_user | {key for key, on in told.items() if word in on}
    message = client.post(SNAPSHOTS, annotated("a", require="x"))[1]["message"]
    assert told["lull.dev/require"].replace("`", "").replace(" (default)", "").strip() in message


def test_only_the_default_namespace_exists(client):
    other = SNAPSHOTS.replace("default", "other")
    status = assert_status(client.post(other, snapshot("a")), 404, "NotFound")
    assert status["message"].startswith('namespaces "other" not found')


def test_a_trial_run_answers_as_the_real_one_and_changes_nothing(client):
    _, there = client.post(SNAPSHOTS, snapshot("b", metadata=FINALIZED))
    code, made = client.post(f"{SNAPSHOTS}?dryRun=All", snapshot("a"))
    assert (code, made["metadata"]["name"]) == (201, "a") and made["metadata"]["uid"]
    assert_status(client.post(f"{SNAPSHOTS}?dryRun=All", snapshot("b")), 409, "AlreadyExists")
    assert_status(client.post(f"{SNAPSHOTS}?dryRun=All", snapshot("c", deletionPolicy="x")), 422, "Invalid")

    path = f"{SNAPSHOTS}/b?dryRun=All"
    code, patched = client.patch(path, {"metadata": {"labels": {"x": "1"}}})
    assert (code, patched["metadata"]["labels"]) == (200, {"x": "1"})
    code, patched = client.patch(path, [LABEL_A], JSON_PATCH)
    assert (code, patched["metadata"]["labels"]) == (200, {"a": "1"})
    assert_status(client.patch(path, {"metadata": {"resourceVersion": "1"}}), 409, "Conflict")
    assert client.call("PUT", path, there)[0] == 200
    code, left = client.delete(f"{SNAPSHOTS}/b", {"dryRun": ["All"]})
    assert (code, "deletionTimestamp" in left["metadata"]) == (200, True)
    assert_status(client.delete(f"{SNAPSHOTS}/none?dryRun=All"), 404, "NotFound")
    assert_status(client.post(f"{SNAPSHOTS}?dryRun=Some", snapshot("a")), 422, "Invalid")
    assert client.get(SNAPSHOTS)[1]["items"] == [there]


def test_discovery_names_what_is_served(client):
    _, groups = client.get("/apis")
    assert [group["name"] for group in groups["groups"]] == [GROUP, "kubevirt.io"]
    assert client.get(f"/apis/{GROUP}")[1]["preferredVersion"]["version"] == "v1beta1"
    for version in groups["groups"][0]["versions"]:
        _, resources = client.get(f"/apis/{version['groupVersion']}")
        names = [resource["name"] for resource in resources["resources"]]
        assert "virtualmachinesnapshots" in names and "virtualmachinerestores/status" in names
    assert client.get("/version")[1]["gitVersion"]
    assert client.get("/api") == (200, {"kind": "APIVersions", "apiVersion": "v1", "versions": ["v1"]})
