# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What is shipped for a cluster, as its API server sees it, and our kinds in kubectl's own words."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from account import wait_allowed
from kinds import (ACCOUNT, GROUPS, KUBEVIRTS, OWN, PACKAGING, PLURALS, content, resource, restore, snapshot)
from kubeapi import MERGE, path_to
from kubevirt import DATA_VOLUMES, VMS
from volumes import claim
from waiting import wait_for

NAMES = {KUBEVIRTS: "vmsnapshot", OWN: "lullsnapshot"}
SOCKET = "volumes/kubernetes.io~empty-dir/libvirt-runtime/virtqemud-sock"  # of a launcher, below its pod's directory
LONGEST = 107  # bytes in the path of a socket


def directory(group):
    return os.path.join(PACKAGING, group)


@pytest.fixture
def kubectl(installed, namespace):
    """kubectl in the test's namespace."""

    def run(*arguments, document=None, fails=False):
        done = installed.run_kubectl("-n", namespace, *arguments, *(("-f", "-") if document else ()),
                                     stdin=json.dumps(document) if document else None)
        assert (done.returncode != 0) == fails, (arguments, done.stdout, done.stderr)
        return done.stdout + done.stderr

    return run


# The manifests.

def test_what_is_shipped_is_what_the_api_server_would_make_of_it(installed, group):
    told = installed.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts",
                             "-k", directory(group))
    lines = told.splitlines()
    assert len(lines) > 20 and all(line.endswith("serverside-applied (server dry run)") for line in lines), told


def test_what_is_shipped_can_be_applied_again(installed):
    for group in GROUPS:
        installed.kubectl("apply", "--server-side", "--force-conflicts", "-k", directory(group))
        done = installed.run_kubectl("diff", "--server-side", "--force-conflicts", "-k", directory(group))
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


def stages():
    """Of the image's recipe: the instructions of each, one a line."""
    with open(os.path.join(PACKAGING, "Containerfile")) as file:
        lines = re.sub(r"^#.*\n", "", file.read(), flags=re.M).replace("\\\n", " ").splitlines()
    lines = list(filter(None, lines))
    starts = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], None])]


def recipe():
    return stages()[-1]


def test_the_image_is_made_of_the_files_that_its_recipe_copies(tmp_path):
    """Its program could be built from them: none that it needs is missing."""
    first, = stages()[:-1]
    root = os.path.join(PACKAGING, "../..")
    for _, *names, target in (line.split() for line in first if line.startswith("COPY ")):
        for name in names:
            place = os.path.join(tmp_path, "source", os.path.relpath(target, "/source"))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            if os.path.isdir(os.path.join(root, name)):
                shutil.copytree(os.path.join(root, name), place)
            else:
                shutil.copy(os.path.join(root, name), place)
    setup, build = first[-1].removeprefix("RUN ").split(" && ")
    assert build == "ninja -C /build coordinator/lull-coordinator"
    arguments = [{"/build": "build", "/source": "source"}.get(word, word) for word in setup.split()]
    for command in (arguments, ["ninja", "-n", "-C", "build", "coordinator/lull-coordinator"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_is_what_the_daemon_set_runs():
    with open(os.path.join(PACKAGING, "base", "daemonset.yaml")) as file:
        container, = yaml.safe_load(file)["spec"]["template"]["spec"]["containers"]
    entrypoint, = [line for line in recipe() if line.startswith("ENTRYPOINT ")]
    assert json.loads(entrypoint.removeprefix("ENTRYPOINT ")) == container["command"]
    assert container["command"][1:] == ["init"]


def packages_with(names):
    """These and all that they depend on, as this machine knows them."""
    told = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Pre-Depends},${Depends}\n"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    depends = {}
    for line in told.splitlines():
        package, _, needs = line.partition(" ")
        depends[package] = [re.match(r"[a-z0-9.+-]*", one.strip())[0] for one in re.split("[,|]", needs)]
    found = set()
    while names:
        found |= set(names)
        names = {need for name in names for need in depends.get(name, []) if need} - found
    return found


def test_the_image_has_the_libraries_that_its_program_needs(build):
    install, = [line for line in recipe() if "apt-get install" in line]
    there = packages_with(re.findall(r" (lib[\w.+-]+)", install))
    told = subprocess.run(["objdump", "-p", os.path.join(build, "coordinator/lull-coordinator")], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    needed = [one for one in re.findall(r"NEEDED +(\S+)", told) if not re.match("lib(asan|ubsan)", one)]
    assert len(needed) > 8
    for library in needed:
        owners = subprocess.run(["dpkg-query", "-S", f"*/{library}"], check=True, text=True, stdout=subprocess.PIPE)
        assert there & {line.partition(":")[0] for line in owners.stdout.splitlines()}, library


def test_the_definitions_are_accepted_whole(installed, group):
    for plural in PLURALS.values():
        definition = installed.admin.read("customresourcedefinitions.apiextensions.k8s.io", f"{plural}.{group}")
        conditions = {one["type"]: one["status"] for one in definition["status"]["conditions"]}
        assert conditions["Established"] == conditions["NamesAccepted"] == "True"
        assert "NonStructuralSchema" not in conditions
        assert definition["status"]["storedVersions"] == ["v1beta1"]
        assert [one["name"] for one in definition["spec"]["versions"] if one["served"]] == ["v1beta1", "v1alpha1"]


def test_the_policies_are_understood(installed):
    """The API server checks their expressions against the kinds that it knows."""
    policies = "validatingadmissionpolicies.admissionregistration.k8s.io"
    names = [one["metadata"]["name"] for one in installed.admin.list(policies)]
    assert sorted(names) == sorted([*(f"{name}.{group}" for group in GROUPS for name in
                                      ("annotations", "feature-gate", "kubevirt-feature-gate", "one-restore")),
                                    "coordinator.lull.dev", "locked-machines.lull.dev"])
    for name in names:
        status = installed.admin.wait(policies, name, lambda one: one.get("status", {}).get("observedGeneration") ==
                                      one["metadata"]["generation"], "checked")["status"]
        assert "expressionWarnings" not in status.get("typeChecking", {}), (name, status)


def test_a_group_beside_kubevirts_collides_with_nothing(installed):
    definitions = {group: installed.admin.read("customresourcedefinitions.apiextensions.k8s.io",
                                               f"virtualmachinesnapshots.{group}")["spec"] for group in GROUPS}
    ours, theirs = definitions[OWN], definitions[KUBEVIRTS]
    assert theirs["names"]["shortNames"] == ["vmsnapshot", "vmsnapshots"] and theirs["names"]["categories"] == ["all"]
    assert ours["names"]["shortNames"] == ["lullsnapshot", "lullsnapshots"] and "categories" not in ours["names"]
    assert ours["versions"] == theirs["versions"]


def daemonset():
    with open(os.path.join(PACKAGING, "base", "daemonset.yaml")) as file:
        return yaml.safe_load(file)


def test_a_node_may_run_the_coordinators_pod(installed):
    template = daemonset()["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "coordinator", **template["metadata"]},
           "spec": template["spec"]}
    made = installed.admin.create(pod, "lull", dryRun="All")
    assert made["spec"]["priority"] > 2 * 10 ** 9 and made["spec"]["serviceAccountName"] == "lull-coordinator"


def test_the_coordinator_knows_its_options():
    build = os.environ.get("LULL_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))
    told = subprocess.run([os.path.join(build, "coordinator/lull-coordinator"), "--help"], capture_output=True,
                          text=True, check=True, timeout=60).stdout
    for option in daemonset()["spec"]["template"]["spec"]["containers"][0]["args"]:
        assert option.split("=")[0] + "=" in told


def seconds(header, name):
    """What the source says of a time."""
    with open(os.path.join(os.path.dirname(__file__), "../../coordinator", header)) as file:
        return int(re.search(rf"^#define {name} +LULL_SEC\((\d+)\)$", file.read(), flags=re.M)[1])


def test_a_pod_has_the_time_to_end_that_its_processes_take():
    grace = daemonset()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert seconds("ending.h", "LULL_ENDING_WORK") < seconds("ending.h", "LULL_ENDING_ALL")
    assert grace > seconds("ending.h", "LULL_ENDING_ALL") + seconds("init.h", "LULL_INIT_PATIENCE")


def test_the_path_of_a_launchers_socket_is_short_enough():
    container = daemonset()["spec"]["template"]["spec"]["containers"][0]
    pods = next(one["mountPath"] for one in container["volumeMounts"] if one["name"] == "pods")
    assert len(f"{pods}/00000000-0000-0000-0000-000000000000/{SOCKET}") <= LONGEST


# In kubectl's own words.

def test_kubectl_creates_changes_and_deletes(kubectl, group):
    document, name = snapshot("snap", group=group, failureDeadline="1m"), f"{NAMES[group]}/snap"
    told = f"virtualmachinesnapshot.{group}/snap"
    assert kubectl("apply", document=document) == f"{told} created\n"
    assert kubectl("apply", document=document) == f"{told} unchanged\n"
    assert kubectl("diff", document=document) == ""
    document["metadata"]["labels"] = {"of": "tonight"}
    assert "+    of: tonight" in kubectl("diff", document=document, fails=True)
    assert kubectl("apply", document=document) == f"{told} configured\n"
    document["spec"]["failureDeadline"] = "2m"
    assert "spec in immutable after creation" in kubectl("apply", document=document, fails=True)
    assert "labeled" in kubectl("label", name, "more=yes")
    assert kubectl("delete", name).startswith(f'virtualmachinesnapshot.{group} "snap" deleted')


def test_kubectl_applies_on_the_servers_side(kubectl, group):
    document, told = snapshot("snap", group=group), f"virtualmachinesnapshot.{group}/snap serverside-applied\n"
    assert kubectl("apply", "--server-side", document=document) == told
    document["metadata"]["annotations"] = {"lull.dev/require": "fs"}
    assert kubectl("apply", "--server-side", document=document) == told
    document["metadata"]["annotations"] = {"lull.dev/require": "crash"}
    assert "conflict" in kubectl("apply", "--server-side", "--field-manager=other", document=document, fails=True)
    assert kubectl("apply", "--server-side", "--dry-run=server", document=document).endswith("(server dry run)\n")


def write_status(cluster, kind, name, namespace, group, **status):
    cluster.admin.merge(resource(kind, group), name, {"status": status}, namespace, "status")


def test_kubectl_shows_the_columns_that_clients_know(installed, kubectl, namespace, group):
    admin = installed.admin
    admin.create(snapshot("snap", group=group), namespace)
    admin.create(content("content", group=group), namespace)
    admin.create(restore("back", group=group), namespace)
    write_status(installed, "VirtualMachineSnapshot", "snap", namespace, group, phase="Failed", readyToUse=False,
                 creationTime="2020-01-01T00:00:00Z", error={"message": "no room"})
    write_status(installed, "VirtualMachineSnapshotContent", "content", namespace, group, readyToUse=True)
    write_status(installed, "VirtualMachineRestore", "back", namespace, group, complete=False)

    def table(kind):
        return [line.split() for line in kubectl("get", resource(kind, group), "-o", "wide").splitlines()]

    header, row = table("VirtualMachineSnapshot")
    assert header == ["NAME", "SOURCEKIND", "SOURCENAME", "PHASE", "READYTOUSE", "CREATIONTIME", "ERROR"]
    assert row[:5] == ["snap", "VirtualMachine", "larry", "Failed", "false"] and row[6:] == ["no", "room"]
    header, row = table("VirtualMachineSnapshotContent")
    assert header == ["NAME", "READYTOUSE", "CREATIONTIME", "ERROR"] and row == ["content", "true"]
    header, row = table("VirtualMachineRestore")
    assert header == ["NAME", "TARGETKIND", "TARGETNAME", "COMPLETE", "RESTORETIME"]
    assert row == ["back", "VirtualMachine", "larry", "false"]


@pytest.mark.parametrize("word, kind, group", [
    ("vmsnapshot", "VirtualMachineSnapshot", KUBEVIRTS), ("vmsnapshots", "VirtualMachineSnapshot", KUBEVIRTS),
    ("vmsnapshotcontent", "VirtualMachineSnapshotContent", KUBEVIRTS),
    ("vmrestore", "VirtualMachineRestore", KUBEVIRTS), ("vmrestores", "VirtualMachineRestore", KUBEVIRTS),
    ("lullsnapshot", "VirtualMachineSnapshot", OWN), ("lullsnapshotcontents", "VirtualMachineSnapshotContent", OWN),
    ("lullrestores", "VirtualMachineRestore", OWN),
])
def test_short_names_are_those_of_a_group(installed, word, kind, group):
    told = installed.kubectl("get", "--raw", f"/apis/{group}/v1beta1")
    assert [one["kind"] for one in json.loads(told)["resources"] if word in one.get("shortNames", ())] == [kind]
    assert json.loads(installed.kubectl("get", word, "-n", "lull", "-o", "json"))["items"] == []


def test_all_has_kubevirts_group_only(installed, kubectl, namespace):
    for group in GROUPS:
        installed.admin.create(snapshot("snap", group=group), namespace)
    assert kubectl("get", "all", "-o", "name").split() == [f"virtualmachinesnapshot.{KUBEVIRTS}/snap"]


def test_kubectl_selects_by_the_machines_name(installed, kubectl, namespace, group):
    for i, vm in enumerate(("larry", "moe", "larry")):
        installed.admin.create(snapshot(f"snap-{i}", vm, group), namespace)
        installed.admin.create(restore(f"back-{i}", vm=f"{vm}-{i}", group=group), namespace)

    def names(kind, selector):
        told = kubectl("get", resource(kind, group), "--field-selector", selector, "-o", "name")
        return [name.rpartition("/")[2] for name in told.split()]

    assert names("VirtualMachineSnapshot", "spec.source.name=larry") == ["snap-0", "snap-2"]
    assert names("VirtualMachineSnapshot", "spec.source.name!=larry") == ["snap-1"]
    assert names("VirtualMachineSnapshot", "spec.source.name=curly") == []
    assert names("VirtualMachineRestore", "spec.target.name=moe-1") == ["back-1"]
    query = {"fieldSelector": "spec.source.name=larry"}
    kind = resource("VirtualMachineSnapshot", group)
    with installed.admin.watch(kind, namespace=namespace, **query) as watch:
        installed.admin.create(snapshot("of-moe", "moe", group), namespace)
        installed.admin.create(snapshot("of-larry", "larry", group), namespace)
        assert watch.next()[1]["metadata"]["name"] == "of-larry"


def test_kubectl_explains_and_describes(installed, kubectl, namespace, group):
    kind = resource("VirtualMachineSnapshot", group)
    assert f"GROUP:      {group}" in kubectl("explain", kind)
    told = kubectl("explain", "virtualmachinesnapshots.spec", f"--api-version={group}/v1beta1")
    assert "FIELDS:" in told and "-required-" in told and "enum: Delete, Retain" in told
    installed.admin.create(snapshot("snap", group=group), namespace)
    write_status(installed, "VirtualMachineSnapshot", "snap", namespace, group, phase="InProgress", conditions=[
        {"type": "Progressing", "status": "True", "reason": "Source locked and operation in progress",
         "lastProbeTime": None, "lastTransitionTime": "2020-01-01T00:00:00Z"}])
    told = kubectl("describe", kind, "snap")
    assert ["Phase:", "InProgress"] in [line.split() for line in told.splitlines()]
    assert "Source locked and operation in progress" in told


def test_kubectl_waits_for_conditions_and_fields(installed, kubectl, namespace, group):
    installed.admin.create(snapshot("snap", group=group), namespace)
    write_status(installed, "VirtualMachineSnapshot", "snap", namespace, group, phase="Succeeded", conditions=[
        {"type": "Ready", "status": "True", "reason": "Ready"}])
    name = f"{NAMES[group]}/snap"
    assert kubectl("wait", name, "--for=condition=Ready", "--timeout=60s").endswith("condition met\n")
    assert kubectl("wait", name, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s").endswith("met\n")


def test_either_version_shows_the_same_object(installed, kubectl, namespace, group):
    document = restore("back", group=group, version="v1alpha1", volumeRestorePolicy="InPlace",
                       targetReadinessPolicy="StopTarget")
    installed.admin.create(document, namespace)
    for version in ("v1alpha1", "v1beta1"):
        kept = json.loads(kubectl("get", f"virtualmachinerestores.{version}.{group}", "back", "-o", "json"))
        assert kept["apiVersion"] == f"{group}/{version}" and kept["spec"] == document["spec"]
    told = kubectl("get", f"virtualmachinerestores.{group}", "back", "-o", "jsonpath={.apiVersion}")
    assert told == f"{group}/v1beta1"


# Rights.

RIGHTS = {
    "virtualmachines.kubevirt.io": "get list watch create patch",
    "virtualmachines.kubevirt.io/status": "patch",
    "virtualmachines.kubevirt.io/finalizers": "update",
    "virtualmachineinstances.kubevirt.io": "get list watch",
    "virtualmachineinstances.subresources.kubevirt.io/freeze": "update",
    "virtualmachineinstances.subresources.kubevirt.io/unfreeze": "update",
    "virtualmachines.subresources.kubevirt.io/start": "update",
    "virtualmachines.subresources.kubevirt.io/stop": "update",
    "persistentvolumeclaims": "get list watch create patch delete",
    "persistentvolumes": "get list patch",
    "pods": "get list watch",
    "resourcequotas": "list",
    "nodes": "get list watch",
    "events": "list create patch",
    "datavolumes.cdi.kubevirt.io": "get list watch create patch delete",
    "storageprofiles.cdi.kubevirt.io": "get list watch",
    "storageclasses.storage.k8s.io": "get list watch",
    "volumesnapshots.snapshot.storage.k8s.io": "get list watch create delete",
    "volumesnapshotcontents.snapshot.storage.k8s.io": "get list watch",
    "volumesnapshotclasses.snapshot.storage.k8s.io": "get list watch",
    "controllerrevisions.apps": "get create patch",
    "leases.coordination.k8s.io": "get list",
}
RIGHTS_IN_GROUP = {
    "virtualmachinesnapshots": "get list watch patch",
    "virtualmachinesnapshots/status": "patch",
    "virtualmachinesnapshots/finalizers": "update",
    "virtualmachinesnapshotcontents": "get list watch create patch delete",
    "virtualmachinesnapshotcontents/status": "patch",
    "virtualmachinesnapshotcontents/finalizers": "update",
    "virtualmachinerestores": "get list watch patch",
    "virtualmachinerestores/status": "patch",
}
RIGHTS_AT_HOME = {"leases.coordination.k8s.io": "get list create patch"}


def in_group(name, group):
    word, _, below = name.partition("/")
    return f"{word}.{group}" + (f"/{below}" if below else "")


def rights(cluster, namespace, user):
    """{"volumesnapshots.snapshot.storage.k8s.io": {"get", ...}}: what kubectl lists of resources."""
    found = {}
    told = cluster.kubectl("auth", "can-i", "--list", "--no-headers", "--as", user, "-n", namespace,
                           "--as-group=system:serviceaccounts", "--as-group=system:authenticated")
    for line in told.splitlines():
        name, _, rest = line.partition(" ")
        verbs = rest.rpartition("[")[2].rstrip("]").split()
        if name and "[/" not in line:
            assert "[]" in rest.replace(" ", "").replace("[][]", "[]"), line  # neither by name nor by address
            found.setdefault(name, set()).update(verbs)
    return found


def test_the_coordinator_has_the_rights_that_it_uses_and_no_others(installed):
    nobody = "system:serviceaccount:lull:nobody"
    for namespace, more in (("default", {}), ("lull", RIGHTS_AT_HOME)):
        everyones = rights(installed, namespace, nobody)
        wanted = {**RIGHTS, **{in_group(name, group): verbs for group in GROUPS
                               for name, verbs in RIGHTS_IN_GROUP.items()}, **more}
        given = {name: verbs - everyones.get(name, set())
                 for name, verbs in rights(installed, namespace, ACCOUNT).items()}
        assert {name: verbs for name, verbs in given.items() if verbs} == \
            {name: set(verbs.split()) for name, verbs in wanted.items()}


@pytest.mark.parametrize("user, may, may_not", [
    ("view", ["get vmsnapshots", "watch vmsnapshotcontents", "list vmrestores"],
     ["create vmsnapshots", "delete vmsnapshotcontents", "patch vmrestores"]),
    ("edit", ["create vmsnapshots", "update vmsnapshots", "patch vmrestores", "delete vmsnapshotcontents"],
     ["deletecollection vmsnapshots", "create vmsnapshotcontents", "patch vmsnapshotcontents",
      "patch vmsnapshots/status"]),
    ("admin", ["create vmrestores", "deletecollection vmsnapshots", "deletecollection vmsnapshotcontents"],
     ["create vmsnapshotcontents", "update vmsnapshotcontents", "update vmrestores/status"]),
])
def test_users_may_what_their_role_says(installed, namespace, user, may, may_not):
    group = "rbac.authorization.k8s.io"
    installed.admin.create({
        "apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": group, "kind": "User", "name": f"{user}-{namespace}"}]}, namespace)

    def can(action, one_group):
        verb, _, name = action.partition(" ")
        word, _, below = name.partition("/")
        kind = word.replace("vm", "virtualmachine") + f".{one_group}"
        done = installed.run_kubectl("auth", "can-i", verb, kind, "--subresource", below, "-n", namespace,
                                     "--as", f"{user}-{namespace}")
        return done.stdout.strip() == "yes"

    for one in GROUPS:
        for action in may:
            wait_for(lambda: can(action, one), f"{user} may {action} of {one}")  # roles are put together in their time
        assert not [action for action in may_not if can(action, one)]


@pytest.fixture
def coordinator(installed):
    """A client with the coordinator's account, once its rights and their limits hold."""
    client = installed.service_account("lull-coordinator", "lull").client()
    wait_allowed(client, "create", "volumesnapshots", "snapshot.storage.k8s.io", "lull")
    path = path_to("volumesnapshots.snapshot.storage.k8s.io", namespace="lull") + "?dryRun=All"
    wait_for(lambda: client.call("POST", path, volume_snapshot_of([]))[0] == 422, "its limits", interval=0.05)
    return client


@pytest.fixture
def vm(installed, kubevirt, namespace):
    return kubevirt.create_vm("larry", namespace, [])


def owned_by(document):
    metadata = document["metadata"]
    return [{"apiVersion": document["apiVersion"], "kind": document["kind"], "name": metadata["name"],
             "uid": metadata["uid"], "controller": True, "blockOwnerDeletion": True}]


def volume_snapshot_of(owners):
    return {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
            "metadata": {"name": "cut", "ownerReferences": owners},
            "spec": {"source": {"persistentVolumeClaimName": "root"}, "volumeSnapshotClassName": "dir"}}


def test_the_coordinators_rights_are_enough_for_a_snapshot(installed, coordinator, vm, namespace, group):
    """Each request that taking and removing one is made of."""
    snapshots, contents = resource("VirtualMachineSnapshot", group), resource("VirtualMachineSnapshotContent", group)
    installed.admin.create(snapshot("snap", group=group), namespace)
    coordinator.merge(snapshots, "snap", {"metadata": {"finalizers": [f"{group}/vmsnapshot-protection"]}}, namespace)
    coordinator.merge(snapshots, "snap", {"status": {"phase": "InProgress"}}, namespace, "status")
    coordinator.merge(VMS, "larry", {"status": {"snapshotInProgress": "snap"}}, namespace, "status")
    coordinator.merge(VMS, "larry", {"metadata": {"finalizers": [f"{group}/snapshot-source-protection"]}}, namespace)
    kept = coordinator.create(content("content", group=group), namespace)
    coordinator.merge(contents, "content", {"metadata": {"annotations": {"lull.dev/policy": "{}"}}}, namespace)
    cut = coordinator.create(volume_snapshot_of(owned_by(kept)), namespace)
    name = f"snapcontent-{cut['metadata']['uid']}"
    coordinator.watch("volumesnapshotcontents.snapshot.storage.k8s.io", name=name).close()
    coordinator.merge(contents, "content", {"status": {"readyToUse": True}}, namespace, "status")
    coordinator.create({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "snap.1"}, "reason": "Test",
                        "involvedObject": {"kind": "VirtualMachineSnapshot", "name": "snap", "namespace": namespace}},
                       namespace)
    coordinator.merge("events", "snap.1", {"count": 2}, namespace)
    owners = owned_by(coordinator.read(snapshots, "snap", namespace))
    revision = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "data": {"a": 1},
                "metadata": {"name": "kept", "ownerReferences": owners}}
    coordinator.create(revision, namespace)
    coordinator.create({**volume_snapshot_of([]), "metadata": {"name": "dry", "ownerReferences": owned_by(kept)}},
                       namespace, dryRun="All")
    coordinator.must("DELETE", path_to("volumesnapshots.snapshot.storage.k8s.io", "cut", namespace))
    coordinator.must("DELETE", path_to(contents, "content", namespace))
    coordinator.merge(VMS, "larry", {"metadata": {"finalizers": None}}, namespace)
    coordinator.merge(VMS, "larry", {"status": {"snapshotInProgress": None}}, namespace, "status")
    coordinator.merge(VMS, "larry", {"status": {"volumeSnapshotStatuses": []}}, namespace, "status")
    coordinator.merge(snapshots, "snap", {"metadata": {"finalizers": None}}, namespace)


def test_the_coordinator_leads_by_a_lease_of_its_own_namespace_only(installed, coordinator, namespace):
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "leader"},
             "spec": {"holderIdentity": "me"}}
    coordinator.create(lease, "lull")
    coordinator.merge("leases.coordination.k8s.io", "leader", {"spec": {"holderIdentity": ""}}, "lull")
    installed.admin.delete("leases.coordination.k8s.io", "leader", "lull")
    assert coordinator.call("POST", path_to("leases.coordination.k8s.io", namespace=namespace), lease)[0] == 403


@pytest.mark.parametrize("change, below", [
    ({"spec": {"runStrategy": "Halted"}}, None),
    ({"spec": {"template": {"spec": {"volumes": [{"name": "stolen"}]}}}}, None),
    ({"metadata": {"labels": {"of": "somebody"}}}, None),
    ({"metadata": {"annotations": {"of": "somebody"}}}, None),
    ({"status": {"printableStatus": "Broken"}}, "status"), ({"status": {"more": {}}}, "status"),
], ids=["run-strategy", "volumes", "labels", "annotations", "state", "more"])
def test_the_coordinator_may_change_nothing_of_a_machine_but_its_lock(coordinator, vm, namespace, change, below):
    status, answer = coordinator.call("PATCH", path_to(VMS, "larry", namespace, below), change, Content_Type=MERGE)
    assert status == 422 and "denied request: the coordinator may " in answer["message"]


@pytest.mark.parametrize("owners", [
    [], [{"apiVersion": "example.com/v1", "kind": "VirtualMachineSnapshotContent", "name": "content", "uid": "1"}],
    [{"apiVersion": "v1", "kind": "VirtualMachineSnapshot", "name": "snap", "uid": "1"}],
], ids=["nobody's", "of-a-kind-of-the-same-name", "of-no-group"])
def test_the_coordinator_leaves_volume_snapshots_of_others_alone(installed, coordinator, namespace, owners):
    installed.admin.create(volume_snapshot_of(owners), namespace)
    path = path_to("volumesnapshots.snapshot.storage.k8s.io", "cut", namespace)
    for result in (coordinator.call("DELETE", path),
                   coordinator.call("POST", path.removesuffix("/cut"), volume_snapshot_of(owners))):
        assert result[0] == 422 and "only what belongs to a snapshot of its own" in result[1]["message"], result
    installed.admin.must("DELETE", path)


def claim_of(**annotations):
    return {**claim("root"), "metadata": {"name": "root", "annotations": annotations}}


RESTORED = {"restore.kubevirt.io/lastRestoreUID": "back-1"}
REPLACED = {"restore.lull.dev/replaced-by": "back-1"}
HELD = "restore.lull.dev/uid"


def test_the_coordinator_writes_and_removes_only_claims_that_a_restore_made(installed, coordinator, namespace):
    path = path_to("persistentvolumeclaims", namespace=namespace)
    installed.admin.create(claim_of(), namespace)
    for result in (coordinator.call("POST", path, claim_of()), coordinator.call("DELETE", path + "/root"),
                   coordinator.call("PATCH", path + "/root", {"metadata": {"annotations": RESTORED}},
                                    Content_Type=MERGE)):
        assert result[0] == 422 and "only claims that a restore made" in result[1]["message"], result
    installed.admin.must("DELETE", path + "/root")
    installed.admin.wait_gone("persistentvolumeclaims", "root", namespace)
    coordinator.create(claim_of(**RESTORED), namespace)
    coordinator.merge("persistentvolumeclaims", "root", {"metadata": {"ownerReferences": []}}, namespace)
    coordinator.must("DELETE", path + "/root")


def data_volume_of(owners=(), **annotations):
    return {"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "spec": {"source": {"blank": {}}},
            "metadata": {"name": "root", "ownerReferences": list(owners), "annotations": annotations}}


def test_the_coordinator_removes_only_data_volumes_of_restores_and_machines(installed, coordinator, vm, namespace):
    path, owners = path_to(DATA_VOLUMES, namespace=namespace), owned_by(installed.admin.read(VMS, "larry", namespace))
    installed.admin.create(data_volume_of(), namespace)
    for result in (coordinator.call("POST", path, data_volume_of(owners)), coordinator.call("DELETE", path + "/root")):
        assert result[0] == 422 and "only data volumes of a restore" in result[1]["message"], result
    installed.admin.must("DELETE", path + "/root")
    coordinator.create(data_volume_of(**RESTORED), namespace)
    coordinator.must("DELETE", path + "/root")
    installed.admin.create(data_volume_of(owners), namespace)
    coordinator.must("DELETE", path + "/root")


def test_the_coordinator_gives_only_revisions_that_nobody_controls(installed, coordinator, vm, namespace):
    revisions, owners = "controllerrevisions.apps", owned_by(installed.admin.read(VMS, "larry", namespace))
    revision = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "data": {"a": 1}}
    somebody = installed.admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "any"}}, namespace)
    other = [{**owned_by(somebody)[0], "blockOwnerDeletion": False}]
    change = {"metadata": {"ownerReferences": owners}}
    installed.admin.create({**revision, "metadata": {"name": "other", "ownerReferences": other}}, namespace)
    coordinator.create({**revision, "metadata": {"name": "copy"}}, namespace)
    for name, patch in (("other", change), ("copy", {"metadata": {"ownerReferences": other}}),
                        ("copy", {"metadata": {**change["metadata"], "labels": {"of": "somebody"}}})):
        result = coordinator.call("PATCH", path_to(revisions, name, namespace), patch, Content_Type=MERGE)
        assert result[0] == 422 and "that nobody controls" in result[1]["message"], result
    coordinator.merge(revisions, "copy", change, namespace)


def test_the_coordinator_removes_only_claims_of_others_that_it_has_marked(installed, coordinator, namespace):
    """A mark is all that it may set on them."""
    claims, path = "persistentvolumeclaims", path_to("persistentvolumeclaims", "root", namespace)
    installed.admin.create(claim_of(), namespace)
    for change in ({"metadata": {"annotations": {**REPLACED, "more": "yes"}}},
                   {"metadata": {"annotations": REPLACED, "labels": {"more": "yes"}}},
                   {"metadata": {"annotations": REPLACED, "finalizers": ["example.com/more"]}}):
        assert coordinator.call("PATCH", path, change, Content_Type=MERGE)[0] == 422, change
    assert coordinator.call("DELETE", path)[0] == 422
    coordinator.merge(claims, "root", {"metadata": {"annotations": REPLACED}}, namespace)
    coordinator.merge(claims, "root", {"metadata": {"annotations": {"restore.lull.dev/replaced-by": None}}}, namespace)
    assert coordinator.call("DELETE", path)[0] == 422
    coordinator.merge(claims, "root", {"metadata": {"annotations": REPLACED}}, namespace)
    coordinator.must("DELETE", path)


@pytest.fixture
def volume(installed, namespace):
    """One of no storage, that is kept for a claim of the namespace."""
    name = f"moved-{namespace}"
    installed.admin.create({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "volumeMode": "Block",
                 "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "none",
                 "claimRef": {"namespace": namespace, "name": "one"},
                 "csi": {"driver": "other.example", "volumeHandle": name}}})
    yield name
    installed.admin.delete("persistentvolumes", name)


VOLUMES, POLICY = "persistentvolumes", "restore.lull.dev/reclaim-policy"


def hold(policy="Retain", uid="1"):
    return {"metadata": {"labels": {HELD: uid}, "annotations": {"restore.lull.dev/record": "{}", POLICY: policy}},
            "spec": {"persistentVolumeReclaimPolicy": "Retain"}}


def let_go(policy):
    return {"metadata": {"labels": {HELD: None}, "annotations": {"restore.lull.dev/record": None, POLICY: None}},
            "spec": {"persistentVolumeReclaimPolicy": policy}}


def denies(coordinator, volume, change):
    status, answer = coordinator.call("PATCH", path_to(VOLUMES, volume), change, Content_Type=MERGE)
    return status == 422 and "the coordinator may" in answer["message"]


def test_the_coordinator_moves_only_volumes_that_a_restore_holds(coordinator, volume, namespace):
    """To another claim of the namespace that they are of."""
    move = {"spec": {"claimRef": {"name": "two"}}}
    assert denies(coordinator, volume, move)
    coordinator.merge(VOLUMES, volume, hold())
    for change in ({"spec": {"claimRef": {"namespace": "default"}}}, {"spec": {"storageClassName": "other"}},
                   {"spec": {"capacity": {"storage": "2Gi"}}}, {"metadata": {"labels": {"more": "yes"}}},
                   {"metadata": {"annotations": {"more": "yes"}}}, {"metadata": {"finalizers": ["example.com/more"]}},
                   {"spec": {"volumeAttributesClassName": "other"}}, {"spec": {"mountOptions": ["ro"]}},
                   {"spec": {"claimRef": {"fieldPath": "any"}}}):
        assert denies(coordinator, volume, change), change
    coordinator.merge(VOLUMES, volume, move)
    coordinator.merge(VOLUMES, volume, let_go("Retain"))
    assert denies(coordinator, volume, {"spec": {"claimRef": {"name": "one"}}})


def test_the_coordinator_deletes_no_volume_that_is_kept(installed, coordinator, volume):
    """Neither in one call nor in more: one that is let go is what it was before it was held."""
    deletes = {**hold(), "spec": {"persistentVolumeReclaimPolicy": "Delete"}}
    for change in (deletes, {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}, hold("Delete"), hold("")):
        assert denies(coordinator, volume, change), change
    coordinator.merge(VOLUMES, volume, hold())
    for change in (let_go("Delete"), hold("Delete", "2"), {"metadata": {"annotations": {POLICY: "Delete"}}},
                   {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}):
        assert denies(coordinator, volume, change), change
    coordinator.merge(VOLUMES, volume, hold(uid="2"))
    coordinator.merge(VOLUMES, volume, let_go("Retain"))
    installed.admin.merge(VOLUMES, volume, {"spec": {"persistentVolumeReclaimPolicy": "Delete"}})
    coordinator.merge(VOLUMES, volume, hold("Delete"))
    assert denies(coordinator, volume, hold("Retain", "2"))
    coordinator.merge(VOLUMES, volume, hold("Delete", "2"))
    coordinator.merge(VOLUMES, volume, let_go("Delete"))
    installed.admin.merge(VOLUMES, volume, {"spec": {"persistentVolumeReclaimPolicy": "Retain"}})


def test_the_coordinator_moves_no_volume_that_is_bound(installed, coordinator, volume, namespace):
    """The claim that has it would be lost, and whoever makes another one would have its data."""
    one = claim("one", storage_class="none")
    one["spec"].update(volumeName=volume, volumeMode="Block")
    installed.admin.create(one, namespace)
    installed.admin.wait(VOLUMES, volume, lambda document: document["status"]["phase"] == "Bound", "bound")
    coordinator.merge(VOLUMES, volume, hold())
    assert denies(coordinator, volume, {"spec": {"claimRef": {"name": "two", "uid": None}}})
    installed.admin.delete("persistentvolumeclaims", "one", namespace)
    installed.admin.wait(VOLUMES, volume, lambda document: document["status"]["phase"] == "Released", "released")
    coordinator.merge(VOLUMES, volume, {"spec": {"claimRef": {"name": "two", "uid": None}}})
    coordinator.merge(VOLUMES, volume, let_go("Retain"))


def test_the_coordinator_makes_claims_again_that_it_replaced(coordinator, namespace):
    """For those that were there before a restore that is given up; that mark lets it remove none."""
    coordinator.create(claim_of(**{"restore.lull.dev/put-back": "back-1"}), namespace)
    assert coordinator.call("DELETE", path_to("persistentvolumeclaims", "root", namespace))[0] == 422


def test_the_coordinator_tells_data_volumes_only_to_fill_nothing(installed, kubevirt, coordinator, namespace):
    kubevirt.create_data_volume("root", namespace, claim("root"))
    path = path_to("datavolumes.cdi.kubevirt.io", "root", namespace)
    filled = {"cdi.kubevirt.io/storage.prePopulated": "root", "restore.kubevirt.io/name": "back"}
    for change in ({"metadata": {"annotations": {**filled, "more": "yes"}}}, {"metadata": {"labels": {"more": "yes"}}},
                   {"spec": {"source": None}}):
        assert coordinator.call("PATCH", path, change, Content_Type=MERGE)[0] == 422, change
    coordinator.merge("datavolumes.cdi.kubevirt.io", "root", {"metadata": {"annotations": filled}}, namespace)


def test_the_coordinator_writes_only_machines_that_are_being_restored(installed, coordinator, vm, namespace):
    """Which have its lock; and lets them run again."""
    path, spec = path_to(VMS, "larry", namespace), {"template": {"spec": {"volumes": [{"name": "other"}]}}}
    written = {"metadata": {"annotations": RESTORED}, "spec": spec}
    assert coordinator.call("PATCH", path, written, Content_Type=MERGE)[0] == 422
    coordinator.merge(VMS, "larry", {"status": {"restoreInProgress": "back"}}, namespace, "status")
    for change in ({"metadata": {"annotations": {"of": "somebody"}}}, {"metadata": {"labels": {"of": "somebody"}}}):
        assert coordinator.call("PATCH", path, {**written, **change}, Content_Type=MERGE)[0] == 422
    coordinator.merge(VMS, "larry", written, namespace)
    coordinator.merge(VMS, "larry", {"status": {"restoreInProgress": None}}, namespace, "status")
    assert coordinator.call("PATCH", path, {"spec": {"template": None}}, Content_Type=MERGE)[0] == 422
    installed.admin.merge(VMS, "larry", {"spec": {"runStrategy": "Halted"}}, namespace)
    coordinator.merge(VMS, "larry", {"spec": {"runStrategy": "Always"}}, namespace)
    document = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": "curly"}, "spec": {}}
    assert coordinator.call("POST", path.removesuffix("/larry"), document)[0] == 422
    document["metadata"]["annotations"] = RESTORED
    coordinator.create(document, namespace)
    revision = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1, "data": {"a": 1},
                "metadata": {"name": "type"}}
    coordinator.create(revision, namespace)


def test_the_coordinator_is_not_held_up_by_others(installed, coordinator):
    """Its requests are not in the queue that all other clients share, those for its lease in none that is long."""
    wait_allowed(coordinator, "list", "virtualmachines", "kubevirt.io")
    schemas = {one["metadata"]["uid"]: one["metadata"]["name"]
               for one in installed.admin.list("flowschemas.flowcontrol.apiserver.k8s.io")}

    def schema_of(path):
        connection = coordinator.connect()
        connection.request("GET", path, headers=coordinator._headers({}))
        return schemas[connection.getresponse().headers["X-Kubernetes-PF-FlowSchema-UID"]]

    wait_for(lambda: schema_of(path_to(VMS)) == "lull-coordinator", "its own queue", interval=0.05)
    lease = path_to("leases.coordination.k8s.io", "any", "lull")
    wait_for(lambda: schema_of(lease) == "lull-leader-election", "its lease's own queue", interval=0.05)
