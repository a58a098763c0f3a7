# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Which restores a coordinator takes, and what it says of itself; the machine is that of libvirt's mock host, and runs."""

import pytest

import rest
from waiting import wait_for

RESTORES = f"{rest.BASE}/virtualmachinerestores"


@pytest.fixture
def client(mocked):
    return mocked


def restore(name, vm="test", **spec):
    return {"apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineRestore", "metadata": {"name": name},
            "spec": {"target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": vm},
                     "virtualMachineSnapshotName": "snap", **spec}}


def reasons(client, name, kind, truth):
    status = client.get(f"{RESTORES}/{name}")[1].get("status", {})
    return [each["reason"] for each in status.get("conditions", []) if (each["type"], each["status"]) == (kind, truth)]


def failure(client, name):
    return reasons(client, name, "Failure", "True")


def test_a_second_restore_of_a_machine_is_refused_at_once(client):
    assert client.post(RESTORES, restore("first"))[0] == 201
    for path in (RESTORES, f"{RESTORES}?dryRun=All"):
        code, status = client.post(path, restore("second"))
        assert (code, status["reason"]) == (422, "Invalid")
        assert status["details"]["causes"][0]["field"] == "spec.target"
        assert 'VirtualMachineRestore "first" in progress' in status["message"]
    assert client.get(f"{RESTORES}/second")[0] == 404


def test_the_next_may_come_once_the_first_is_called_off(client):
    assert client.post(RESTORES, restore("first"))[0] == 201
    assert client.delete(f"{RESTORES}/first")[0] == 200
    assert client.post(RESTORES, restore("second"))[0] == 201


def test_one_that_failed_stands_in_nobodys_way(client):
    assert client.post(RESTORES, restore("first", targetReadinessPolicy="FailImmediate"))[0] == 201
    wait_for(lambda: failure(client, "first"), "the first fails, since its target runs")
    assert client.post(RESTORES, restore("second"))[0] == 201


def test_it_says_which_libvirt_it_works_with(client):
    code, version = client.get("/version")
    assert (code, version["libvirtURI"]) == (200, "test:///default") and version["gitVersion"].startswith("v")


def test_the_same_one_again_exists_already(client):
    assert client.post(RESTORES, restore("first"))[0] == 201
    code, status = client.post(RESTORES, restore("first"))
    assert (code, status["reason"]) == (409, "AlreadyExists")


def test_one_to_a_machine_that_never_was_is_judged_once_it_is_known_whose_the_snapshot_is(client):
    """It is a new one then, which has nothing that a restore could take the place of."""
    missing = ["VMSnapshot default/snap does not exist"]
    assert client.post(RESTORES, restore("nobody", vm="nobody", volumeRestorePolicy="InPlace"))[0] == 201
    wait_for(lambda: reasons(client, "nobody", "Ready", "False") == missing, "it waits for the snapshot")
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "test"}
    assert client.post(rest.SNAPSHOTS, {"apiVersion": "snapshot.kubevirt.io/v1beta1", "kind": "VirtualMachineSnapshot",
                                        "metadata": {"name": "snap"}, "spec": {"source": source}})[0] == 201
    [reason] = wait_for(lambda: failure(client, "nobody"), "it fails")
    assert "InPlace means the VM that the snapshot is of" in reason
