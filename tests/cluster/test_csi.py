# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The storage of a cluster: cuts by CSI, on a real control plane, driven as an attempt drives them."""

import concurrent.futures
import datetime
import os

import pytest

from account import ServiceAccount, wait_allowed
from kinds import OWN, PLURALS
from kubevirt import PROFILES
from storage import Machine, Passage, Storage
from volumes import CLASSES, CONTENTS, SNAPSHOTS, claim, snapshot_class
from waiting import wait_for

HELD = True
LONG = 60000  # ms; a guest would not be kept so long, a busy machine may need it
LEASES = "leases.coordination.k8s.io"


@pytest.fixture(scope="module")
def kubeconfig(installed):
    """The coordinator's own, with the rights that are shipped."""
    account = ServiceAccount(installed, "lull-coordinator", "lull")
    wait_allowed(account.client(), "create", "volumesnapshots", "snapshot.storage.k8s.io")
    return account.kubeconfig("csi")


@pytest.fixture
def start(build, tmp_path):
    """Starts a process with the storage, by a kubeconfig."""
    started = []

    def begin(path):
        with open(tmp_path / f"storage-{len(started)}.log", "wb") as log:
            started.append(Storage(build, path, log))
        return started[-1]

    yield begin
    for one in started:
        one.close()


@pytest.fixture
def storage(start, kubeconfig):
    return start(kubeconfig)


@pytest.fixture
def machine(cluster, namespace, storage):
    """Two disks; the storage knows it."""
    machine = Machine(cluster, namespace, "root", "data")
    storage.must("introduce", machine.content, 0)
    return machine


@pytest.fixture
def passage(cluster):
    passage = Passage(cluster.port)
    yield passage
    passage.close()


@pytest.fixture
def by_passage(start, kubeconfig, passage, cluster):
    """A process with the storage, whose answers may be lost."""
    with open(kubeconfig) as file:
        text = file.read()
    with open(kubeconfig + ".passage", "w") as file:
        file.write(text.replace(f":{cluster.port}", f":{passage.port}"))
    return start(kubeconfig + ".passage")


def wait_state(storage, machine, attempt, state):
    """What a poll says in the end."""
    answers = []

    def is_so():
        answers.append(storage.must("poll", machine.uid, attempt))
        return answers[-1]["state"] == state

    wait_for(is_so, f"a copy that is {state}", interval=0)
    return answers


# Cuts.


def test_two_disks_are_cut_and_then_ready(cluster, machine, storage):
    storage.must("prepare", machine.uid, 1)
    assert not machine.snapshots()
    cut = storage.must("cut", LONG, HELD)
    assert [one["name"] for one in cut["volumes"]] == ["root", "data"]
    for volume in machine.volumes:
        snapshot = machine.read(volume)
        owner, = snapshot["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("VirtualMachineSnapshotContent", machine.uid) and owner["controller"]
        assert snapshot["metadata"]["labels"] == {
            "snapshot.kubevirt.io/source-vm-name": "larry",
            "snapshot.kubevirt.io/source-vm-namespace": machine.namespace,
            "lull.dev/content-uid": machine.uid, "lull.dev/attempt": "1"}
        assert snapshot["spec"] == {"source": {"persistentVolumeClaimName": volume},
                                    "volumeSnapshotClassName": "dir"}
        assert cluster.content_of(snapshot)["status"]["creationTime"]
    assert wait_state(storage, machine, 1, "done")[-1]["sealed"]  # there is nothing beside it
    storage.must("seal", machine.uid, 1)
    storage.must("introduce", machine.content, 1)
    assert storage.must("check", machine.uid)["volumes"] == []


def test_a_cut_is_known_long_before_it_is_ready(cluster, machine, storage):
    cluster.driver.turn(upload="1h")
    storage.must("prepare", machine.uid, 1)
    storage.must("cut", LONG, HELD)
    assert storage.must("poll", machine.uid, 1)["state"] == "running"
    assert storage.refused("seal", machine.uid, 1)[0] == "busy"
    cluster.driver.turn(machine.handle("root"), upload="0s")
    wait_for(lambda: storage.must("poll", machine.uid, 1)["permille"] == 500, "one of two ready", interval=0)
    cluster.driver.turn()
    wait_state(storage, machine, 1, "done")


def test_what_the_storages_clock_says_is_told_and_decides_nothing(cluster, machine, storage):
    cluster.driver.turn(skew="24h")
    storage.must("prepare", machine.uid, 1)
    cut = storage.must("cut", LONG, HELD)
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=23)
    for volume in cut["volumes"]:
        assert datetime.datetime.fromisoformat(volume["storageTime"]) > tomorrow


def test_with_the_sidecars_own_limits_a_cut_is_known_before_its_snapshot_says_so(cluster, machine, storage):
    with cluster.csi_with("--kube-api-qps=5", "--kube-api-burst=10"):
        for attempt in (1, 2, 3):
            storage.must("prepare", machine.uid, attempt)
            storage.must("cut", LONG, not HELD)
            for volume in machine.volumes:
                assert cluster.content_of(machine.read(volume, attempt))["status"]["creationTime"]
        wait_state(storage, machine, 3, "done")


def test_a_volume_that_is_slow_to_be_cut_is_waited_for(cluster, machine, storage):
    cluster.driver.turn(machine.handle("data"), delay="1h")
    storage.must("prepare", machine.uid, 1)
    storage.tell("cut", LONG, HELD)
    snapshot = machine.wait_snapshot("data")
    wait_for(lambda: cluster.driver.is_cutting(snapshot), "a cut begun")
    assert storage.answers.empty()
    cluster.driver.turn(machine.handle("data"))
    assert storage.answer()["ok"]


def test_what_two_cuts_took_the_next_one_is_expected_to_take(cluster, machine, storage):
    took = []
    cluster.driver.turn(delay="500ms")
    for attempt in 1, 2:
        storage.must("prepare", machine.uid, attempt)
        assert storage.must("forecast")["alone"] == 0
        took.append(storage.must("cut", LONG, HELD)["ms"] * 1000)
    storage.must("prepare", machine.uid, 3)
    forecast = storage.must("forecast")
    assert 500000 <= forecast["alone"] == forecast["behind"] <= min(took)
    assert forecast["others"] == 0
    assert cluster.driver.name in forecast["by"]


CUTTING = [{"apiGroups": [""], "resources": ["persistentvolumeclaims", "persistentvolumes"], "verbs": ["get"]},
           {"apiGroups": ["snapshot.storage.k8s.io"], "resources": ["volumesnapshotclasses"], "verbs": ["list"]},
           {"apiGroups": ["cdi.kubevirt.io"], "resources": ["storageprofiles"], "verbs": ["get"]},
           {"apiGroups": [OWN], "resources": [f"{PLURALS['VirtualMachineSnapshotContent']}/finalizers"],
            "verbs": ["update"]},
           {"apiGroups": ["snapshot.storage.k8s.io"], "resources": ["volumesnapshots"],
            "verbs": ["get", "create"]}]


@pytest.mark.parametrize("verbs", [["get"], ["list", "watch"]])
def test_either_a_watch_or_looks_alone_find_a_cut(cluster, machine, namespace, start, verbs):
    contents = [{"apiGroups": ["snapshot.storage.k8s.io"], "resources": ["volumesnapshotcontents"], "verbs": verbs}]
    account = cluster.service_account("one-eyed", namespace, CUTTING + contents)
    wait_allowed(account.client(), verbs[-1], "volumesnapshotcontents", "snapshot.storage.k8s.io")
    one_eyed = start(account.kubeconfig("one-eyed"))
    one_eyed.must("introduce", machine.content, 0)
    one_eyed.must("prepare", machine.uid, 1)
    one_eyed.must("cut", LONG, HELD)


# Cuts that come to nothing.


def test_an_error_ends_a_held_cut_at_once_in_the_storages_words(cluster, machine, storage):
    cluster.driver.turn(machine.handle("data"), error="Internal")
    cluster.driver.turn(machine.handle("root"), delay="1h")
    storage.must("prepare", machine.uid, 1)
    code, message = storage.refused("cut", 0, HELD)  # nothing else would end it
    assert code == "failed" and "volume data: " in message and "as a test wants it" in message
    storage.must("remove", machine.uid, 1)
    cluster.driver.turn(machine.handle("root"))
    cluster.driver.turn(machine.handle("data"))
    assert not machine.snapshots()


def test_where_nobody_waits_frozen_an_error_may_pass(cluster, machine, storage):
    cluster.driver.turn(error="Unavailable", errors=1)
    storage.must("prepare", machine.uid, 1)
    storage.must("cut", LONG, not HELD)


def test_a_cut_that_comes_too_late_counts_for_nothing(cluster, machine, storage):
    cluster.driver.turn(machine.handle("data"), delay="1h")
    storage.must("prepare", machine.uid, 1)
    code, message = storage.refused("cut", 2000, HELD)
    assert code == "timed-out" and "volume data: " in message and "the driver has not cut yet" in message
    late = machine.read("data")
    cluster.driver.turn(machine.handle("data"))
    cluster.wait_cut(late)  # it looks as good as any
    storage.must("remove", machine.uid, 1)
    storage.must("prepare", machine.uid, 2)
    storage.must("cut", LONG, HELD)
    assert sorted(machine.snapshots()) == [machine.snapshot(one, 2) for one in sorted(machine.volumes)]


def test_a_cut_is_given_up_when_it_is_cancelled(cluster, machine, storage):
    cluster.driver.turn(delay="1h")
    storage.must("prepare", machine.uid, 1)
    storage.tell("cut", 0, HELD)
    machine.wait_snapshot("data")
    storage.tell("cancel")
    answer = storage.answer()
    assert (answer["error"], "cancelled" in answer["message"]) == ("failed", True)
    cluster.driver.turn()


def test_nobody_waits_frozen_for_a_controller_that_is_not_there(cluster, machine, storage):
    storage.must("prepare", machine.uid, 1)
    cluster.snapshots.suspend()
    code, message = storage.refused("cut", 0, HELD)
    assert code == "timed-out" and "snapshot-controller" in message
    storage.must("remove", machine.uid, 1)
    cluster.snapshots.resume()
    wait_for(lambda: not cluster.admin.list(SNAPSHOTS, machine.namespace), "all of it gone", interval=0.1)


def test_nobody_waits_frozen_for_a_sidecar_that_is_not_there(cluster, machine, storage):
    storage.must("prepare", machine.uid, 1)
    cluster.driver.snapshotter.suspend()
    code, message = storage.refused("cut", 0, HELD)
    assert code == "timed-out" and "the driver's snapshotter has not begun" in message
    storage.must("remove", machine.uid, 1)  # which waits for nobody


# Answers that are lost.


def test_what_was_posted_and_not_answered_is_found_by_its_name(cluster, machine, by_passage, passage):
    by_passage.must("introduce", machine.content, 0)
    by_passage.must("prepare", machine.uid, 1)
    passage.lose()
    by_passage.tell("cut", LONG, HELD)
    wait_for(lambda: len(machine.snapshots()) == 2, "both posted", interval=0.05)
    uids = {name: one["metadata"]["uid"] for name, one in machine.snapshots().items()}
    passage.mend()
    assert by_passage.answer()["ok"]
    assert {name: one["metadata"]["uid"] for name, one in machine.snapshots().items()} == uids


def test_what_a_dead_coordinator_posted_is_removed_by_the_next(cluster, machine, by_passage, passage, storage):
    by_passage.must("introduce", machine.content, 0)
    by_passage.must("prepare", machine.uid, 1)
    passage.lose()
    by_passage.tell("cut", LONG, HELD)
    wait_for(lambda: len(machine.snapshots()) == 2, "both posted", interval=0.05)
    by_passage.kill()
    storage.must("remove", machine.uid, 1)
    assert not machine.snapshots()
    storage.must("remove", machine.uid, 1)  # and again
    storage.must("prepare", machine.uid, 2)
    storage.must("cut", LONG, HELD)


def test_a_server_that_hangs_keeps_nobody_frozen(cluster, machine, storage):
    storage.must("prepare", machine.uid, 1)
    cluster.api.suspend()
    code, message = storage.refused("cut", 0, HELD)  # nothing else would end it
    cluster.api.resume()
    assert code == "timed-out" and "the API server has not answered" in message
    storage.must("free")
    storage.must("remove", machine.uid, 1)
    assert not machine.snapshots()


def test_a_name_that_somebody_else_has_is_found_before_the_cut(cluster, machine, storage):
    cluster.admin.create({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
                          "metadata": {"name": machine.snapshot("data")},
                          "spec": {"source": {"persistentVolumeClaimName": "root"}}}, machine.namespace)
    code, message = storage.refused("prepare", machine.uid, 1)
    assert code == "exists" and "volume data: " in message


def test_what_somebody_made_in_our_name_before_the_cut_is_no_cut_of_ours(cluster, machine, storage):
    """Cut before the guest was frozen, and in all that can be seen of it as ours would be."""
    storage.must("prepare", machine.uid, 1)
    owner = {"apiVersion": machine.content["apiVersion"], "kind": machine.content["kind"], "uid": machine.uid,
             "name": machine.content["metadata"]["name"], "controller": True, "blockOwnerDeletion": True}
    forged = cluster.admin.create(
        {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
         "metadata": {"name": machine.snapshot("data"), "ownerReferences": [owner],
                      "labels": {"lull.dev/content-uid": machine.uid, "lull.dev/attempt": "1"}},
         "spec": {"source": {"persistentVolumeClaimName": "data"}, "volumeSnapshotClassName": "dir"}},
        machine.namespace)
    cluster.wait_cut(forged)
    code, message = storage.refused("cut", 0, HELD)
    assert code == "failed" and "volume data: " in message and "this attempt did not make it" in message


# What is found before anything is posted.


def test_of_several_classes_the_default_is_taken_by_value(cluster, machine, storage):
    for name, value in (("a-false", "false"), ("z-none", None)):
        other = snapshot_class(name, cluster.driver.name)
        if value:
            other["metadata"]["annotations"] = {"snapshot.storage.kubernetes.io/is-default-class": value}
        cluster.admin.create(other)
    try:
        storage.must("prepare", machine.uid, 1)
        storage.must("cut", LONG, HELD)
        assert machine.read("root")["spec"]["volumeSnapshotClassName"] == "dir"
    finally:
        for name in ("a-false", "z-none"):
            cluster.admin.delete(CLASSES, name)


def test_classes_that_leave_a_choice_are_told_before_anything_is_posted(cluster, machine, storage, kubevirt):
    other = snapshot_class("another", cluster.driver.name)
    other["metadata"]["annotations"] = {"snapshot.storage.kubernetes.io/is-default-class": "true"}
    cluster.admin.create(other)
    try:
        code, message = storage.refused("prepare", machine.uid, 1)
        assert code == "invalid" and "2 matching VolumeSnapshotClasses for dir: another, dir" in message
        kubevirt.write_profile("dir", "another")
        storage.must("prepare", machine.uid, 1)
        storage.must("cut", LONG, HELD)
        assert machine.read("root")["spec"]["volumeSnapshotClassName"] == "another"
    finally:
        cluster.admin.delete(CLASSES, "another")
        cluster.admin.delete(PROFILES, "dir")  # if there is one


def test_a_quota_with_room_for_one_of_two_is_told_before_anything_is_posted(cluster, machine, storage):
    """A dry run of each by itself would find room."""
    kind = "count/volumesnapshots.snapshot.storage.k8s.io"
    cluster.admin.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "cuts"},
                          "spec": {"hard": {kind: "1"}}}, machine.namespace)
    cluster.admin.wait("resourcequotas", "cuts", lambda one: "hard" in one.get("status", {}), "counted",
                       machine.namespace)
    code, message = storage.refused("prepare", machine.uid, 1)
    assert code == "no-space" and "exceeded quota" in message
    assert not machine.snapshots()


def test_a_controller_whose_lease_is_long_over_is_told_before_anything_is_posted(cluster, machine, storage):
    def renewed(when):
        return {"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 15,
                         "renewTime": when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}}

    now = datetime.datetime.now(datetime.timezone.utc)
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
             "metadata": {"name": "external-snapshotter-leader-dir-csi-lull-dev"}}
    cluster.admin.create({**lease, **renewed(now - datetime.timedelta(hours=1))}, machine.namespace)
    code, message = storage.refused("prepare", machine.uid, 1)
    assert code == "busy" and "the snapshotter of driver dir.csi.lull.dev does not run" in message
    cluster.admin.merge(LEASES, lease["metadata"]["name"], renewed(now), machine.namespace)
    storage.must("prepare", machine.uid, 1)


def test_a_claim_that_is_not_bound_is_told_before_anything_is_posted(cluster, namespace, storage):
    machine = Machine(cluster, namespace, "root")
    document = {**machine.content, "metadata": {**machine.content["metadata"], "uid": "another"}}
    pending = cluster.admin.create(claim("pending", storage_class="none-such"), namespace)
    document["spec"]["volumeBackups"][0]["persistentVolumeClaim"]["metadata"] = pending["metadata"]
    storage.must("introduce", document, 0)
    code, message = storage.refused("prepare", "another", 1)
    assert code == "busy" and "claim pending is not bound" in message


def test_another_claim_by_the_name_of_one_that_is_meant_is_told_before_anything_is_posted(cluster, machine, storage):
    cluster.admin.delete("persistentvolumeclaims", "data", machine.namespace)
    cluster.admin.wait_gone("persistentvolumeclaims", "data", machine.namespace)
    cluster.admin.create(claim("data"), machine.namespace)
    cluster.wait_bound("data", machine.namespace)
    code, message = storage.refused("prepare", machine.uid, 1)
    assert code == "invalid" and "volume data: " in message and "another one has its name" in message


def test_a_content_that_nobody_introduced_is_not_guessed(storage):
    for order in (("prepare", "unknown", 1), ("remove", "unknown", 0), ("check", "unknown")):
        assert storage.refused(*order)[0] == "not-found"


# What becomes of them.


def test_what_has_gone_is_missed_by_name(cluster, machine, storage):
    storage.must("prepare", machine.uid, 1)
    storage.must("cut", LONG, HELD)
    storage.must("introduce", machine.content, 1)
    wait_state(storage, machine, 1, "done")
    cluster.admin.delete(SNAPSHOTS, machine.snapshot("data"), machine.namespace)
    answer = storage.do("check", machine.uid)
    assert (answer["error"], answer["volumes"]) == ("not-found", ["data"])
    assert answer["message"] == f"VolumeSnapshots ({machine.snapshot('data')}) missing"
    assert wait_state(storage, machine, 1, "absent")[-1]["problem"] == answer["message"]


def cut_and_keep(storage, machine):
    """Cut, ready, sealed; returns what is kept of it for later lives."""
    storage.must("prepare", machine.uid, 1)
    cuts = {one["name"]: one["identity"] for one in storage.must("cut", LONG, HELD)["volumes"]}
    wait_state(storage, machine, 1, "done")
    storage.must("seal", machine.uid, 1)
    storage.must("introduce", machine.content, 1, cuts)
    storage.must("check", machine.uid)
    return cuts


def make_again(cluster, machine, volume, **spec):
    """Somebody deletes it, and makes one that looks the same, which gets ready."""
    old = machine.read(volume)
    cluster.admin.delete(SNAPSHOTS, old["metadata"]["name"], machine.namespace)
    cluster.admin.wait_gone(SNAPSHOTS, old["metadata"]["name"], machine.namespace)
    kept = {key: old["metadata"][key] for key in ("name", "labels", "ownerReferences")}
    cluster.admin.create({"apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": kept,
                          "spec": spec or old["spec"]}, machine.namespace)
    cluster.wait_ready(old["metadata"]["name"], machine.namespace)


def test_another_by_the_name_of_a_cut_is_not_that_cut(cluster, machine, storage):
    cluster.driver.turn(machine.handle("root"), upload="1h")
    storage.must("prepare", machine.uid, 1)
    storage.must("cut", LONG, HELD)
    assert storage.must("poll", machine.uid, 1)["state"] == "running"
    make_again(cluster, machine, "data")
    cluster.driver.turn(machine.handle("root"))
    assert wait_state(storage, machine, 1, "absent")[-1]["problem"] == (
        f"VolumeSnapshots ({machine.snapshot('data')}) missing")
    assert storage.refused("seal", machine.uid, 1)[0] == "not-found"


def test_another_by_the_name_of_what_is_kept_is_told_to_be_missing_in_any_life(cluster, machine, storage, start,
                                                                             kubeconfig):
    cuts = cut_and_keep(storage, machine)
    make_again(cluster, machine, "data")
    later = start(kubeconfig)
    later.must("introduce", machine.content, 1, cuts)
    for one in (storage, later):
        answer = one.do("check", machine.uid)
        assert (answer.get("error"), answer["volumes"]) == ("not-found", ["data"])


def test_a_cut_whose_content_is_forced_away_and_made_again_is_missing(cluster, machine, storage):
    cut_and_keep(storage, machine)
    content = cluster.content_of(machine.read("root"))
    name = content["metadata"]["name"]
    cluster.admin.delete(CONTENTS, name)
    cluster.admin.merge(CONTENTS, name, {"metadata": {"finalizers": None}})
    cluster.admin.wait(CONTENTS, name, lambda one: one["metadata"]["uid"] != content["metadata"]["uid"] and
                       one.get("status", {}).get("readyToUse"), "cut again")
    answer = storage.do("check", machine.uid)
    assert (answer.get("error"), answer["volumes"]) == ("not-found", ["root"])


def test_a_cut_that_is_not_ready_any_more_is_told(cluster, machine, storage):
    cut_and_keep(storage, machine)
    cluster.snapshots.suspend()
    status = {"readyToUse": False, "error": {"message": "the array lost it"}}
    cluster.admin.merge(SNAPSHOTS, machine.snapshot("data"), {"status": status}, machine.namespace, "status")
    answer = storage.do("check", machine.uid)
    assert (answer["error"], answer["message"], answer["volumes"]) == ("failed", "the array lost it", ["data"])


def test_a_cut_that_a_backup_brings_back_is_the_one_that_it_was(cluster, machine, storage, keeping):
    """Objects with other uids, of what the storage has still."""
    cut_and_keep(storage, machine)
    old = cluster.content_of(machine.read("data"))
    new = f"{machine.namespace}-imported"
    cluster.admin.create(
        {"apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": {"name": new},
         "spec": {"driver": old["spec"]["driver"], "deletionPolicy": "Retain", "source":
                  {"snapshotHandle": old["status"]["snapshotHandle"]},
                  "volumeSnapshotRef": {"name": machine.snapshot("data"), "namespace": machine.namespace}}})
    make_again(cluster, machine, "data", source={"volumeSnapshotContentName": new})
    storage.must("check", machine.uid)


def test_what_comes_up_beside_a_copy_has_to_be_looked_at(cluster, machine, storage):
    cluster.driver.turn(upload="1h")
    storage.must("prepare", machine.uid, 2)
    storage.must("cut", LONG, HELD)
    assert storage.must("poll", machine.uid, 2)["state"] == "running"
    late = dict(machine.read("root", 2)["metadata"], name=machine.snapshot("root"))
    late = {key: late[key] for key in ("name", "labels", "ownerReferences")}
    late["labels"] = dict(late["labels"], **{"lull.dev/attempt": "1"})
    cluster.admin.create({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": late,
                          "spec": {"source": {"persistentVolumeClaimName": "root"}}}, machine.namespace)
    cluster.driver.turn()
    assert not wait_state(storage, machine, 2, "done")[-1]["sealed"]
    storage.must("seal", machine.uid, 2)
    cluster.admin.wait_gone(SNAPSHOTS, machine.snapshot("root"), machine.namespace)


def test_a_snapshot_that_goes_while_it_is_not_ready_is_told(cluster, machine, storage):
    cluster.driver.turn(upload="1h")
    storage.must("prepare", machine.uid, 1)
    storage.must("cut", LONG, HELD)
    assert storage.must("poll", machine.uid, 1)["state"] == "running"
    cluster.admin.delete(SNAPSHOTS, machine.snapshot("root"), machine.namespace)
    wait_state(storage, machine, 1, "absent")
    cluster.driver.turn()


@pytest.fixture
def bystander(cluster, machine):
    """Somebody else's, that carries our label."""
    made = cluster.admin.create({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot",
                                 "metadata": {"name": "bystander", "labels": {"lull.dev/content-uid": machine.uid}},
                                 "spec": {"source": {"persistentVolumeClaimName": "root"}}}, machine.namespace)
    return made["metadata"]["name"]


def test_an_attempt_that_is_kept_leaves_nothing_of_the_others(cluster, machine, storage, bystander, tmp_path):
    for attempt in (1, 2):
        storage.must("prepare", machine.uid, attempt)
        storage.must("cut", LONG, HELD)
    assert not wait_state(storage, machine, 2, "done")[-1]["sealed"]
    storage.must("seal", machine.uid, 2)
    kept = [machine.snapshot(one, 2) for one in sorted(machine.volumes)]
    assert sorted(machine.snapshots()) == [bystander, *kept]
    assert f"{bystander} carries the label" in (tmp_path / "storage-0.log").read_text()
    storage.must("introduce", machine.content, 2)
    storage.must("check", machine.uid)


def test_all_of_a_content_is_removed_and_only_that(cluster, machine, storage, bystander):
    for attempt in (1, 2):
        storage.must("prepare", machine.uid, attempt)
        storage.must("cut", LONG, HELD)
    contents = [cluster.content_of(machine.read("root", attempt))["metadata"]["name"] for attempt in (1, 2)]
    storage.must("remove", machine.uid, 0)
    assert list(machine.snapshots()) == [bystander]
    for name in contents:
        cluster.admin.wait_gone(CONTENTS, name)


@pytest.fixture
def keeping(cluster, kubevirt):
    """The class that cuts, by its StorageProfile, keeps what is cut."""
    cluster.admin.create({**snapshot_class("keeping", cluster.driver.name), "deletionPolicy": "Retain"})
    kubevirt.write_profile("dir", "keeping")
    yield
    cluster.admin.delete(CLASSES, "keeping")
    cluster.admin.delete(PROFILES, "dir")


@pytest.mark.parametrize("attempt", [0, 1])
def test_what_a_class_retains_stays_and_is_told_where_nobody_wants_it(cluster, machine, storage, keeping, tmp_path,
                                                                      attempt):
    storage.must("prepare", machine.uid, 1)
    storage.must("cut", LONG, HELD)
    kept = [cluster.content_of(machine.read(volume))["metadata"]["name"] for volume in machine.volumes]
    wait_state(storage, machine, 1, "done")
    storage.must("remove", machine.uid, attempt)
    wait_for(lambda: not cluster.admin.list(SNAPSHOTS, machine.namespace), "the VolumeSnapshots gone", interval=0.1)
    told = (tmp_path / "storage-0.log").read_text()
    for name in kept:
        assert os.path.exists(cluster.driver.snapshot_path(cluster.admin.read(CONTENTS, name)))
        assert (f"keeps VolumeSnapshotContent {name}" in told) == (attempt == 1)  # not where it was a snapshot
        cluster.admin.delete(CONTENTS, name)


def test_restores_and_verifications_are_refused_in_words(machine, storage):
    for order in ("restore", "verify"):
        code, message = storage.refused(order, machine.uid)
        assert code == "unsupported" and "cannot be restored or verified by this version" in message


def test_many_machines_are_cut_at_the_same_time(cluster, namespace, start, kubeconfig):
    machines = [Machine(cluster, cluster.create_namespace(f"{namespace}-{i}"), "root") for i in range(4)]
    storages = [start(kubeconfig) for _ in machines]

    def cut(pair):
        machine, storage = pair
        storage.must("introduce", machine.content, 0)
        storage.must("prepare", machine.uid, 1)
        storage.must("cut", LONG, not HELD)
        wait_state(storage, machine, 1, "done")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(cut, zip(machines, storages)))
    for machine in machines:
        cluster.clear_namespace(machine.namespace)
