# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Our kinds in a cluster: the manifests that are shipped, and objects of them."""

import os

from waiting import wait_for

PACKAGING = os.path.normpath(os.path.join(os.path.dirname(__file__), "../../../packaging/kubernetes"))
OWN = "snapshot.lull.dev"
KUBEVIRTS = "snapshot.kubevirt.io"
GROUPS = (OWN, KUBEVIRTS)
ACCOUNT = "system:serviceaccount:lull:lull-coordinator"
PLURALS = {"VirtualMachineSnapshot": "virtualmachinesnapshots",
           "VirtualMachineSnapshotContent": "virtualmachinesnapshotcontents",
           "VirtualMachineRestore": "virtualmachinerestores"}


def wait_served(cluster, group):
    for plural in PLURALS.values():
        path = f"/apis/{group}/v1beta1/{plural}"
        wait_for(lambda: cluster.admin.call("GET", path)[0] == 200, f"{plural}.{group} served", interval=0.05)


def define(cluster, group):
    """Gives a cluster the kinds alone, if it has them not."""
    for plural in PLURALS.values():
        if not cluster.admin.find("customresourcedefinitions.apiextensions.k8s.io", f"{plural}.{group}"):
            cluster.apply_file(os.path.join(PACKAGING, group, f"{plural}.yaml"))
    wait_served(cluster, group)


def install(cluster, group):
    """Applies what is shipped for a group, as an admin would; its policies hold when this returns."""
    cluster.kubectl("apply", "--server-side", "-k", os.path.join(PACKAGING, group))
    wait_served(cluster, group)
    probe = snapshot("probe", "larry", group, annotations={"lull.dev/probe": ""})
    wait_for(lambda: try_create(cluster.admin, probe, "default")[0] == 422, f"the policies of {group}", interval=0.05)
    good = snapshot("probe", "larry", group)
    wait_for(lambda: try_create(cluster.admin, good, "default")[0] == 201, f"their settings for {group}", interval=0.05)


def reference(name="larry", **more):
    merged = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": name, **more}
    return {key: value for key, value in merged.items() if value is not None}


def snapshot(name, vm="larry", group=OWN, annotations=None, source=None, version="v1beta1", **spec):
    metadata = {"name": name, **({"annotations": annotations} if annotations is not None else {})}
    return {"apiVersion": f"{group}/{version}", "kind": "VirtualMachineSnapshot", "metadata": metadata,
            "spec": {"source": source or reference(vm), **spec}}


def restore(name, of="snap", vm="larry", group=OWN, target=None, version="v1beta1", **spec):
    return {"apiVersion": f"{group}/{version}", "kind": "VirtualMachineRestore", "metadata": {"name": name},
            "spec": {"target": target or reference(vm), "virtualMachineSnapshotName": of, **spec}}


def content(name, of="snap", vm="larry", group=OWN):
    machine = {"metadata": {"name": vm}, "spec": {"template": {"spec": {"volumes": [{"name": "root"}]}}}}
    claim = {"metadata": {"name": "root"}, "spec": {"storageClassName": "dir"}}
    return {"apiVersion": f"{group}/v1beta1", "kind": "VirtualMachineSnapshotContent", "metadata": {"name": name},
            "spec": {"virtualMachineSnapshotName": of, "source": {"virtualMachine": machine},
                     "volumeBackups": [{"volumeName": "root", "persistentVolumeClaim": claim,
                                        "volumeSnapshotName": "root-cut"}]}}


def resource(kind, group):
    """As clients of the API server's name it, kubectl too."""
    return f"{PLURALS[kind]}.{group}"


def path_of(document, namespace, *below):
    return "/".join([f"/apis/{document['apiVersion']}/namespaces/{namespace}", PLURALS[document["kind"]], *below])


def try_create(client, document, namespace):
    """(status, answer) of a creation that changes nothing."""
    return client.call("POST", path_of(document, namespace) + "?dryRun=All&fieldValidation=Strict", document)
