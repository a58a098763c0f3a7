# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What the cluster suite stands on: a real control plane, a driver that does as it is told, and eyes on both."""

import json
import os
import ssl
import threading

import pytest

from account import wait_allowed
from cluster import Cluster
from extension import Extension
from kubeapi import ApiError
from kubevirt import VMIS, Volume
from volumes import CLASSES, CONTENTS, SNAPSHOTS, claim, snapshot_class, volume_snapshot
from waiting import wait_for


@pytest.fixture
def volume(cluster, namespace):
    """The path of a bound Block claim "disk" with something in it."""
    cluster.admin.create(claim("disk"), namespace)
    cluster.wait_bound("disk", namespace)
    path = cluster.driver.path("disk", namespace)
    write(path, os.urandom(1 << 20), 3 << 20)
    return path


@pytest.fixture
def knobs(cluster):
    """Makes a class whose snapshots have these knobs; its name."""
    names = []

    def make(**parameters):
        name = f"knobs-{len(names)}-" + "-".join(parameters)
        cluster.admin.create(snapshot_class(name, cluster.driver.name, **parameters))
        names.append(name)
        return name

    yield make
    for name in names:
        cluster.admin.delete(CLASSES, name)


def write(path, data, offset=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def size(path):
    return os.path.getsize(path) if os.path.exists(path) else None


def snap(cluster, namespace, name, snapshot_class=None, of="disk"):
    return cluster.admin.create(volume_snapshot(name, of, snapshot_class), namespace)


# Volumes and snapshots.


def test_a_clone_has_the_bytes_of_the_cut(cluster, namespace, volume):
    before = read(volume)
    assert len(before) == 16 << 20 and any(before)
    snapshot = snap(cluster, namespace, "cut")
    ready = cluster.wait_ready("cut", namespace)
    assert ready["status"]["boundVolumeSnapshotContentName"] == cluster.content_of(snapshot)["metadata"]["name"]
    write(volume, b"later")
    cluster.admin.create(claim("clone", source="cut", size="32Mi"), namespace)
    cluster.wait_bound("clone", namespace)
    clone = read(cluster.driver.path("clone", namespace))
    assert clone[:len(before)] == before and len(clone) == 32 << 20 and not any(clone[len(before):])


def test_a_directory_is_cut_with_all_that_is_in_it(cluster, namespace):
    cluster.admin.create(claim("files", mode="Filesystem"), namespace)
    cluster.wait_bound("files", namespace)
    path = cluster.driver.path("files", namespace)
    os.mkdir(os.path.join(path, "below"))
    for name in ("disk.img", "below/other"):
        with open(os.path.join(path, name), "wb") as file:
            file.truncate(8 << 20)
            file.write(name.encode())
    snap(cluster, namespace, "cut", of="files")
    cluster.wait_ready("cut", namespace)
    cluster.admin.create(claim("clone", mode="Filesystem", source="cut"), namespace)
    cluster.wait_bound("clone", namespace)
    clone = cluster.driver.path("clone", namespace)
    for name in ("disk.img", "below/other"):
        assert read(os.path.join(clone, name)) == read(os.path.join(path, name))


def test_what_is_deleted_is_gone_from_the_storage_too(cluster, namespace, volume):
    snapshot = snap(cluster, namespace, "cut")
    cluster.wait_ready("cut", namespace)
    content = cluster.content_of(snapshot)
    assert os.path.exists(cluster.driver.snapshot_path(content))
    cluster.admin.delete(SNAPSHOTS, "cut", namespace)
    cluster.admin.wait_gone(CONTENTS, content["metadata"]["name"])
    cluster.admin.delete("persistentvolumeclaims", "disk", namespace)
    wait_for(lambda: not os.path.exists(volume), "the volume gone")
    assert not [name for name in os.listdir(cluster.driver.volumes) if content["status"]["snapshotHandle"] in name]


def test_a_snapshot_can_be_followed_by_name_from_its_making(cluster, namespace, volume):
    snapshot = snap(cluster, namespace, "cut")
    name = f"snapcontent-{snapshot['metadata']['uid']}"
    with cluster.admin.watch(CONTENTS, name=name, resourceVersion=snapshot["metadata"]["resourceVersion"]) as watch:
        content = watch.until(lambda _kind, one: "creationTime" in one.get("status", {}), "the cut")
    assert content["spec"]["volumeSnapshotRef"]["uid"] == snapshot["metadata"]["uid"]


def test_a_group_of_volumes_is_cut_at_once(cluster, namespace, volume):
    admin, group = cluster.admin, "groupsnapshot.storage.k8s.io"
    for name in ("one", "two"):
        admin.create(claim(name, labels={"group": namespace[:60]}), namespace)
        cluster.wait_bound(name, namespace)
    admin.create({"apiVersion": f"{group}/v1", "kind": "VolumeGroupSnapshot", "metadata": {"name": "both"},
                  "spec": {"source": {"selector": {"matchLabels": {"group": namespace[:60]}}}}}, namespace)
    admin.wait(f"volumegroupsnapshots.{group}", "both", lambda one: one.get("status", {}).get("readyToUse"), "ready",
               namespace)
    members = admin.list(SNAPSHOTS, namespace)
    assert sorted(one["spec"]["source"]["persistentVolumeClaimName"] for one in members) == ["one", "two"]
    admin.delete(f"volumegroupsnapshots.{group}", "both", namespace)
    wait_for(lambda: not admin.list(SNAPSHOTS, namespace), "the members gone", interval=0.05)


# The driver's knobs.


def test_what_is_written_during_a_cut_fails_it(cluster, namespace, volume, knobs):
    snapshot = snap(cluster, namespace, "busy", knobs(linger="1h"))
    wait_for(lambda: cluster.driver.is_cutting(snapshot), "a cut begun")
    write(volume, b"now")
    cluster.driver.turn(linger="0s", delay="1h")  # that is for the next try
    cluster.wait_refused(snapshot, "written to while it was cut")
    cluster.driver.turn(linger="0s")
    cluster.wait_ready("busy", namespace)  # nobody writes any more


def test_what_is_written_during_a_cut_may_be_allowed(cluster, namespace, volume, knobs):
    snapshot = snap(cluster, namespace, "busy", knobs(delay="1h", changes="allow"))
    wait_for(lambda: cluster.driver.is_cutting(snapshot), "a cut begun")
    write(volume, b"now")
    cluster.driver.turn(delay="0s")
    content = cluster.wait_cut(snapshot)
    cut = read(cluster.driver.snapshot_path(content))
    assert cut == read(volume) and cut.startswith(b"now")


def test_storage_may_be_slow_for_one_volume_only(cluster, namespace, volume):
    cluster.admin.create(claim("quick"), namespace)
    cluster.wait_bound("quick", namespace)
    cluster.driver.turn(cluster.driver.handle("disk", namespace), delay="1h")
    slow, quick = snap(cluster, namespace, "slow"), snap(cluster, namespace, "quick", of="quick")
    cluster.wait_cut(quick)
    wait_for(lambda: cluster.driver.is_cutting(slow), "the slow one begun")
    assert "creationTime" not in cluster.content_of(slow).get("status", {})
    cluster.driver.turn(cluster.driver.handle("disk", namespace))
    cluster.wait_cut(slow)


def test_an_upload_goes_on_after_the_cut(cluster, namespace, volume, knobs):
    snapshot = snap(cluster, namespace, "cut", knobs(upload="1h"))
    assert cluster.wait_cut(snapshot)["status"]["readyToUse"] is False
    write(volume, b"later")
    cluster.driver.turn(upload="0s")
    cluster.wait_ready("cut", namespace)


@pytest.mark.parametrize("code, is_final", [("Internal", True), ("Unavailable", False)])
def test_an_error_is_told_and_tried_again(cluster, namespace, volume, knobs, code, is_final):
    snapshot = snap(cluster, namespace, "cut", knobs(error=code))
    content = cluster.wait_refused(snapshot, code)
    assert "creationTime" not in content["status"]
    being_created = "snapshot.storage.kubernetes.io/volumesnapshot-being-created"
    if is_final:
        cluster.admin.wait(CONTENTS, content["metadata"]["name"],
                           lambda one: being_created not in one["metadata"].get("annotations", {}),
                           "no longer in doubt")
    else:
        assert being_created in content["metadata"]["annotations"]
    cluster.driver.turn(error="OK")
    cluster.wait_ready("cut", namespace)


def test_errors_may_be_counted(cluster, namespace, volume, knobs):
    snapshot = snap(cluster, namespace, "cut", knobs(error="Internal", errors="1", delay="1h"))
    cluster.wait_refused(snapshot, "Internal")
    wait_for(lambda: cluster.driver.is_cutting(snapshot), "the second try")
    cluster.driver.turn(delay="0s")
    cluster.wait_ready("cut", namespace)


def test_the_storages_clock_may_be_wrong(cluster, namespace, volume, knobs):
    early = cluster.wait_cut(snap(cluster, namespace, "early", knobs(skew="-1h")))["status"]["creationTime"]
    right = cluster.wait_cut(snap(cluster, namespace, "right"))["status"]["creationTime"]
    assert 3600 <= (right - early) / 1e9 < 3600 + 120


@pytest.fixture(scope="module")
def copier(cluster):
    """A driver whose copies take time."""
    driver = cluster.add_driver("copier.csi.lull.dev", reflink=False)
    yield driver
    driver.remove()


def test_drivers_stand_side_by_side(cluster, namespace, volume, copier):
    cluster.admin.create(claim("elsewhere", storage_class="copier"), namespace)
    cluster.wait_bound("elsewhere", namespace)
    path = copier.path("elsewhere", namespace)
    write(path, os.urandom(1 << 20), 5 << 20)
    snap(cluster, namespace, "copied", of="elsewhere")
    content = cluster.content_of(cluster.wait_ready("copied", namespace))
    assert content["spec"]["driver"] == copier.name
    copy = copier.snapshot_path(content)
    assert read(copy) == read(path)
    assert os.stat(copy).st_blocks * 512 < 4 << 20  # holes stay holes


def test_a_copy_that_takes_time_is_compared(cluster, namespace, copier):
    cluster.admin.create(claim("elsewhere", storage_class="copier"), namespace)
    cluster.wait_bound("elsewhere", namespace)
    copier.turn(linger="1h")
    snapshot = snap(cluster, namespace, "busy", of="elsewhere")
    path = copier.path("elsewhere", namespace)
    wait_for(lambda: copier.is_cutting(snapshot), "a cut begun")
    handle = f"snapshot-{snapshot['metadata']['uid']}.snapshot.new"
    wait_for(lambda: size(os.path.join(copier.volumes, handle)) == 16 << 20, "the copy")
    stamp = os.stat(path).st_mtime_ns
    write(path, b"now", 8 << 20)
    os.utime(path, ns=(stamp, stamp))  # as if within one tick of the kernel's clock
    copier.turn(delay="1h")  # that is for the next try
    cluster.wait_refused(snapshot, "other data than was copied")


def test_sidecars_run_as_their_deployments_have_them(cluster, namespace, volume):
    leases = "leases.coordination.k8s.io"
    with cluster.csi_with("--leader-election", "--leader-election-namespace=kube-system", "--kube-api-qps=5"):
        snap(cluster, namespace, "cut")
        cluster.wait_ready("cut", namespace)
        held = {one["metadata"]["name"]: one["spec"]["holderIdentity"]
                for one in cluster.admin.list(leases, "kube-system")}
        assert held["external-snapshotter-leader-dir-csi-lull-dev"] and held["snapshot-controller-leader"]
    for name in held:
        cluster.admin.delete(leases, name, "kube-system")


# The API server.


def test_a_killed_server_comes_back_with_all_it_had(cluster, namespace, volume):
    snap(cluster, namespace, "before")
    cluster.wait_ready("before", namespace)
    with cluster.admin.watch(SNAPSHOTS, namespace=namespace) as watch:
        cluster.kill_api()
        with pytest.raises((OSError, AssertionError, ssl.SSLError)):
            watch.until(lambda *_event: False, "an event of a dead server")
    with pytest.raises(OSError):
        cluster.admin.call("GET", "/readyz")
    cluster.start_api()
    assert cluster.admin.read(SNAPSHOTS, "before", namespace)["status"]["readyToUse"] is True
    snap(cluster, namespace, "after")
    cluster.wait_ready("after", namespace)  # its clients have found it again


def test_after_an_outage_nobody_is_left_who_still_waits_to_look_for_the_server(cluster):
    before = [process.pid for process in (cluster.controllers, cluster.snapshots, cluster.driver.provisioner)]
    cluster.kill_api()
    cluster.start_api()
    cluster.clear_namespace(cluster.create_namespace("after-an-outage"))
    after = [process.pid for process in (cluster.controllers, cluster.snapshots, cluster.driver.provisioner)]
    assert not set(before) & set(after)


def test_a_snapshot_goes_on_when_a_sidecar_has_been_killed(cluster, namespace, volume, knobs):
    snapshot = snap(cluster, namespace, "cut", knobs(delay="1h"))
    wait_for(lambda: cluster.driver.is_cutting(snapshot), "a cut begun")
    cluster.driver.snapshotter.kill()
    cluster.driver.turn(delay="0s")
    cluster.driver.snapshotter.start()
    cluster.wait_ready("cut", namespace)


def test_old_versions_expire_with_a_compaction(cluster, namespace):
    version = cluster.admin.must("GET", "/api/v1/configmaps?limit=1")["metadata"]["resourceVersion"]
    cluster.admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "newer"}}, namespace)
    cluster.compact()
    cluster.kill_api()
    cluster.start_api()  # which remembers nothing older
    with cluster.admin.watch("configmaps", namespace=namespace, resourceVersion=version) as watch:
        kind, status = watch.next()
    assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")


def test_an_old_etcd_has_no_streaming_lists(cluster):
    streaming = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    with cluster.admin.watch("namespaces", **streaming) as watch:
        end = watch.until(lambda kind, _one: kind == "BOOKMARK", "the end of the list")
    assert end["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"
    with Cluster(nodes=["old"], old_etcd=True) as old:
        with old.admin.watch("namespaces", **streaming) as watch:
            kind, status = watch.next()
        assert (kind, status["kind"]) == ("ERROR", "Status")
        assert [one["metadata"]["name"] for one in old.admin.list("nodes")] == ["old"]


# Users and what they did.


def test_an_account_has_the_rights_it_was_given(cluster, namespace, volume):
    rules = [{"apiGroups": ["snapshot.storage.k8s.io"], "resources": ["volumesnapshots"], "verbs": ["get", "create"]}]
    account = cluster.service_account("limited", namespace, rules)
    client = account.client()
    wait_allowed(client, "create", "volumesnapshots", "snapshot.storage.k8s.io", namespace)
    client.create(volume_snapshot("mine", "disk"), namespace)
    with pytest.raises(ApiError) as refused:
        client.must("DELETE", f"/apis/snapshot.storage.k8s.io/v1/namespaces/{namespace}/volumesnapshots/mine")
    assert (refused.value.status, refused.value.reason) == (403, "Forbidden") and account.user in refused.value.message
    with pytest.raises(ApiError) as unknown:
        cluster.client(token="none").list("pods", namespace)
    assert unknown.value.status == 401


def test_a_token_tells_on_which_node_its_pod_is(cluster, namespace):
    account = cluster.service_account("daemon", namespace)
    pod = cluster.create_pod("daemon", namespace, cluster.nodes[1], "daemon")
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    user = account.client(pod).create(review)["status"]["userInfo"]
    assert user["username"] == account.user
    assert user["extra"]["authentication.kubernetes.io/node-name"] == [cluster.nodes[1]]


def test_kubectl_goes_by_the_token_that_a_pod_would_find(cluster, namespace):
    account = cluster.service_account("pod", namespace)
    done = cluster.kubectl("auth", "whoami", "-o", "json", kubeconfig=account.kubeconfig("pod"))
    assert json.loads(done)["status"]["userInfo"]["username"] == account.user
    refused = cluster.run_kubectl("get", "nodes", kubeconfig=account.kubeconfig("pod"))
    assert refused.returncode == 1 and "Forbidden" in refused.stderr


def test_every_write_is_in_the_audit_log(cluster, namespace):
    trail = cluster.audit.trail()
    admin = cluster.user("writer", "system:masters")
    for i in range(3):
        admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"map-{i}"}}, namespace)
    admin.merge("configmaps", "map-0", {"data": {"key": "value"}}, namespace)
    admin.list("configmaps", namespace)
    admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dry"}}, namespace, dryRun="All")
    admin.delete("configmaps", "map-1", namespace)
    assert trail.counts("writer", namespace) == {"create configmaps": 3, "patch configmaps": 1, "delete configmaps": 1}
    assert [one["verb"] for one in trail.requests("writer", namespace)].count("list") == 1
    assert not trail.idle_writes("writer", namespace)
    admin.merge("configmaps", "map-0", {"data": {"key": "value"}}, namespace)
    assert [one["objectRef"]["name"] for one in trail.idle_writes("writer", namespace)] == ["map-0"]


def test_no_write_is_missed_by_the_audit_log_under_load(cluster, namespace):
    trail = cluster.audit.trail()
    admin = cluster.user("crowd", "system:masters")

    def write_some(worker):
        for i in range(20):
            document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"map-{worker}-{i}"}}
            admin.create(document, namespace)

    workers = [threading.Thread(target=write_some, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert trail.counts("crowd", namespace) == {"create configmaps": 80}


def test_a_snapshot_costs_its_controllers_what_it_does(cluster, namespace, volume):
    trail = cluster.audit.trail()
    snap(cluster, namespace, "cut")
    cluster.wait_ready("cut", namespace)
    assert trail.counts("admin", namespace) == {"create volumesnapshots": 1}
    assert trail.counts("snapshot-controller")["create volumesnapshotcontents"] == 1
    assert trail.counts("csi-snapshotter-dir")["patch volumesnapshotcontents/status"] >= 1


# KubeVirt's objects and its API.


def test_a_test_may_serve_what_the_api_server_passes_on(cluster, namespace):
    group, asked = "subresources.kubevirt.io", []

    def answer(method, path, document, user):
        asked.append((method, path.rpartition("/")[2], document, user))
        return 202, None

    trail = cluster.audit.trail()
    rules = [{"apiGroups": [group], "resources": ["virtualmachineinstances/freeze"], "verbs": ["update"]}]
    account = cluster.service_account("freezer", namespace, rules)
    client = account.client()
    wait_allowed(client, "update", "virtualmachineinstances/freeze", group, namespace)
    path = f"/apis/{group}/v1/namespaces/{namespace}/virtualmachineinstances/larry"
    with Extension(cluster, group, "v1", answer):
        assert client.call("PUT", f"{path}/freeze", {"unfreezeTimeout": "30s"})[0] == 202
        assert client.call("PUT", f"{path}/unfreeze")[0] == 403
    assert asked == [("PUT", "freeze", {"unfreezeTimeout": "30s"}, account.user)]
    assert trail.counts(account.user, namespace)["update virtualmachineinstances/freeze"] == 1


def test_a_machine_is_written_as_kubevirt_would(cluster, kubevirt, namespace):
    kubevirt.create_data_volume("root", namespace, claim("root"))
    cluster.wait_bound("root", namespace)
    vm = kubevirt.create_vm("larry", namespace, [Volume("rootdisk", "root", "dataVolume"),
                                                 Volume("cloudinit", source="cloudInitNoCloud")])
    vm.start(cluster.nodes[0])
    vm.connect_agent()
    status = vm.read_instance()["status"]
    assert status["nodeName"] == cluster.nodes[0] and list(status["activePods"].values()) == [cluster.nodes[0]]
    assert [one["type"] for one in status["conditions"]] == ["Ready", "AgentConnected"]
    revision = cluster.admin.read("controllerrevisions.apps", status["virtualMachineRevisionName"], namespace)
    assert revision["data"]["spec"] == vm.read()["spec"]
    assert vm.read()["status"]["printableStatus"] == "Running"

    cluster.admin.create(claim("more"), namespace)
    vm.hotplug(Volume("more", "more"))
    volumes = vm.read()["spec"]["template"]["spec"]["volumes"]
    assert [one["name"] for one in volumes] == ["rootdisk", "cloudinit", "more"]
    vm.begin_migration(cluster.nodes[1])
    assert sorted(vm.read_instance()["status"]["activePods"].values()) == sorted(cluster.nodes)
    vm.end_migration()
    instance = vm.read_instance()
    assert instance["metadata"]["labels"]["kubevirt.io/nodeName"] == cluster.nodes[1]
    assert list(instance["status"]["activePods"].values()) == [cluster.nodes[1]]
    vm.pause()
    vm.stop()
    assert vm.read()["status"]["printableStatus"] == "Stopped"
    assert not cluster.admin.list("pods", namespace)


def test_the_watch_of_a_node_sees_machines_come_and_go(cluster, kubevirt, namespace):
    vm = kubevirt.create_vm("larry", namespace, [Volume("cloudinit", source="cloudInitNoCloud")])
    vm.start(cluster.nodes[0])
    selector = f"kubevirt.io/nodeName={cluster.nodes[1]}"
    with cluster.admin.watch(VMIS, namespace=namespace, labelSelector=selector) as watch:
        vm.migrate(cluster.nodes[1])
        assert watch.next()[0] == "ADDED"
        vm.migrate(cluster.nodes[0])
        assert watch.until(lambda kind, _vm: kind == "DELETED", "its end here")["metadata"]["name"] == "larry"
