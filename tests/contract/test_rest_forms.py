# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The forms in which objects are shown: tables, metadata alone, discovery in one piece, schemas."""

import json
import os
import re
import subprocess

import pytest

from rest import GROUP, SNAPSHOTS, snapshot

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
COLUMNS = ["Name", "SourceKind", "SourceName", "Phase", "ReadyToUse", "CreationTime", "Error"]


def get(client, path, accept):
    connection = client.connect()
    connection.request("GET", path, headers={"Accept": accept})
    response = connection.getresponse()
    document = json.loads(response.read())
    connection.close()
    return response, document


def test_a_list_is_a_table_for_who_wants_one(client):
    client.post(SNAPSHOTS, snapshot("a"))
    client.patch(f"{SNAPSHOTS}/a/status", {"status": {"phase": "InProgress", "readyToUse": False}})
    _, table = get(client, f"{SNAPSHOTS}?limit=1", f"{TABLE},application/json")
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in table["columnDefinitions"] if column["priority"] == 0] == COLUMNS
    (row,) = table["rows"]
    assert row["cells"][:7] == ["a", "VirtualMachine", "larry", "InProgress", False, None, None]
    assert (row["object"]["kind"], row["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "a")
    assert table["metadata"]["resourceVersion"] == row["object"]["metadata"]["resourceVersion"]


@pytest.mark.parametrize("include, kind", [("Object", "VirtualMachineSnapshot"), ("None", None)])
def test_a_row_carries_what_was_asked_for(client, include, kind):
    client.post(SNAPSHOTS, snapshot("a"))
    _, table = get(client, f"{SNAPSHOTS}/a?includeObject={include}", TABLE)
    assert table["rows"][0].get("object", {}).get("kind") == kind


def test_a_report_that_is_none_leaves_its_cells_empty(client):
    for text in ("{", "[]", '{"level":{},"windowMs":"soon"}', '{"windowMs":-1}'):
        client.post(SNAPSHOTS, snapshot("a", metadata={"annotations": {"lull.dev/quiesce-report": text}}))
        _, table = get(client, SNAPSHOTS, TABLE)
        assert [cell for cell in table["rows"][0]["cells"][7:] if cell not in (None, "", "0.0 ms")] == []
        client.delete(f"{SNAPSHOTS}/a")


def test_metadata_can_be_had_alone(client):
    client.post(SNAPSHOTS, snapshot("a"))
    _, listed = get(client, SNAPSHOTS, METADATA)
    assert listed["kind"] == "PartialObjectMetadataList"
    assert list(listed["items"][0]) == ["kind", "apiVersion", "metadata"]


@pytest.mark.parametrize("accept, code", [("text/html", 406), (TABLE.replace("v1", "v9"), 406), ("*/*", 200),
                                          (f"text/html,{DISCOVERY},application/json", 200), ("", 200)])
def test_only_json_is_served(client, accept, code):
    assert get(client, SNAPSHOTS, accept)[0].status == code


def test_discovery_comes_in_one_piece(client):
    response, document = get(client, "/apis", DISCOVERY)
    assert response.getheader("Content-Type") == DISCOVERY
    groups = {group["metadata"]["name"]: group["versions"] for group in document["items"]}
    assert [version["version"] for version in groups[GROUP]] == ["v1beta1", "v1alpha1"]
    resources = {resource["resource"]: resource for resource in groups[GROUP][0]["resources"]}
    assert resources["virtualmachinesnapshots"]["subresources"][0]["subresource"] == "status"
    assert "update" in resources["virtualmachinesnapshots"]["verbs"]
    legacy = get(client, "/api", DISCOVERY)[1]["items"][0]["versions"][0]["resources"]
    assert [resource["resource"] for resource in legacy] == ["events"]


def test_every_reference_in_a_schema_leads_somewhere(client):
    def references(value):
        if isinstance(value, dict):
            yield from [value["$ref"]] if "$ref" in value else []
            value = list(value.values())
        for item in value if isinstance(value, list) else []:
            yield from references(item)

    _, index = client.get("/openapi/v3")
    assert set(index["paths"]) == {"api/v1", "apis/kubevirt.io/v1", f"apis/{GROUP}/v1beta1", f"apis/{GROUP}/v1alpha1"}
    for entry in index["paths"].values():
        code, document = client.get(entry["serverRelativeURL"])
        assert (code, document["openapi"]) == (200, "3.0.0")
        schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
        assert set(references(document)) <= schemas
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                assert method == "parameters" or operation["x-kubernetes-group-version-kind"], path


# The rules for a structural schema, and what the API server checks besides.
WITHOUT_TYPE = {"x-kubernetes-int-or-string", "anyOf", "pattern", "description"}


def assert_structural(schema, path):
    assert schema.get("description") or path.rpartition(".")[2] in ("apiVersion", "kind", "metadata", "[]", "{}"), path
    if "type" not in schema:
        assert schema.get("x-kubernetes-int-or-string") is True and set(schema) <= WITHOUT_TYPE, path
        assert schema["anyOf"] == [{"type": "integer"}, {"type": "string"}], path
        re.compile(schema["pattern"])
        return
    assert schema["type"] in ("object", "array", "string", "integer", "boolean"), path
    assert "$ref" not in schema and "allOf" not in schema, path
    assert not ("properties" in schema and "additionalProperties" in schema), path
    assert set(schema.get("required", [])) <= set(schema.get("properties", {})), path
    for name, below in schema.get("properties", {}).items():
        assert_structural(below, f"{path}.{name}")
    if schema["type"] == "array":
        assert schema["x-kubernetes-list-type"] == "atomic", path
        assert_structural(schema["items"], f"{path}.[]")
    if "additionalProperties" in schema:
        assert_structural(schema["additionalProperties"], f"{path}.{{}}")


@pytest.fixture(scope="module")
def definitions(build):
    program = os.path.join(build, "coordinator/lull-coordinator")
    output = subprocess.run([program, "--print-crds", "snapshot.kubevirt.io"], capture_output=True, text=True,
                            check=True, timeout=60)
    items = json.loads(output.stdout)["items"]
    return [item for item in items if item["kind"] == "CustomResourceDefinition"]


def test_what_is_kept_as_files_is_made_of_its_sources(build):
    script = os.path.join(os.path.dirname(__file__), "../../packaging/kubernetes/generate")
    program = os.path.join(build, "coordinator/lull-coordinator")
    result = subprocess.run([script, program, "--check"], stdout=subprocess.PIPE, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, ""), "run ninja -C BUILD crds"


def test_there_are_definitions_for_two_groups_only(build):
    program = os.path.join(build, "coordinator/lull-coordinator")
    done = subprocess.run([program, "--print-crds", "example.org"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "expected snapshot.kubevirt.io or snapshot.lull.dev" in done.stderr


def test_definitions_for_a_cluster_are_structural(definitions):
    assert len(definitions) == 3
    for definition in definitions:
        spec = definition["spec"]
        assert definition["metadata"]["name"] == f"{spec['names']['plural']}.{spec['group']}"
        assert [version["name"] for version in spec["versions"] if version["storage"]] == ["v1beta1"]
        for version in spec["versions"]:
            assert version["subresources"] == {"status": {}}
            schema = version["schema"]["openAPIV3Schema"]
            assert_structural(schema, spec["names"]["kind"])
            assert schema["properties"]["metadata"] == {"type": "object"}


def test_definitions_and_server_tell_the_same(definitions, client):
    for definition in definitions:
        spec, names = definition["spec"], definition["spec"]["names"]
        for version in spec["versions"]:
            path = f"/apis/{spec['group']}/{version['name']}"
            resources = {entry["name"]: entry for entry in client.get(path)[1]["resources"]}
            served = resources[names["plural"]]
            for key in ("kind", "shortNames", "categories"):
                assert served[key] == names[key]
            schemas = client.get(f"/openapi/v3{path}")[1]["components"]["schemas"]
            name = f"io.kubevirt.snapshot.{version['name']}.{names['kind']}"
            wanted = version["schema"]["openAPIV3Schema"]["properties"]
            assert schemas[name]["properties"]["status"] == wanted["status"]
            assert set(schemas[name]["properties"]["spec"]["properties"]) == set(wanted["spec"]["properties"])
            for field, schema in schemas[name]["properties"]["spec"]["properties"].items():
                for part in schema.get("allOf", []):
                    there = schemas[part["$ref"].rpartition("/")[2]]
                    here = wanted["spec"]["properties"][field]
                    assert here == {**there, "description": f"{schema['description']} {there['description']}"}
            _, table = get(client, f"{path}/namespaces/default/{names['plural']}", TABLE)
            columns = [column["name"] for column in table["columnDefinitions"] if column["priority"] == 0]
            assert columns[1:] == [column["name"] for column in version["additionalPrinterColumns"]]
