# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Restores while others do what they like: storage that is slow, refuses or has lost something, users who delete and start
things meanwhile, time that passes. The machine is whole throughout. R numbers are the reference's cases."""

import concurrent.futures
import contextlib
import os

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from gate import Gate
from kinds import OWN, path_of, restore
from kubeapi import ApiError
from kubevirt import VMS, Volume
from restores import CLAIMS, LAST, MARK, RESTORES, Machine, Restore, held_up
from snapshots import reasons
from volumes import SNAPSHOTS, claim
from waiting import wait_for

OVER = ("Restore target failed to be ready within 5m0s. Please power off the target VM before attempting restore")


@pytest.fixture(scope="module")
def coordinators(installed, build):
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinerestores", OWN)
    wait_allowed(account.client(), "create", CLAIMS)
    with Coordinators(installed, build) as coordinators:
        yield coordinators


@pytest.fixture(scope="module")
def gate(installed):
    with Gate(installed) as gate:
        yield gate


@pytest.fixture(scope="module")
def coordinator(coordinators, gate):
    one = coordinators.make("node-a")
    gate.stand_before(one)
    one.start()
    one.wait_leads()
    return one


def is_free(machine):
    return not machine.vm.read()["status"].get("restoreInProgress")


def forget(back):
    """Deletes a restore that did not come to its end; nothing of it is left, and the machine is what it was."""
    back.admin.delete(RESTORES, back.name, back.namespace)
    back.admin.wait_gone(RESTORES, back.name, back.namespace)
    wait_for(lambda: not back.made(), "what it made gone")
    back.machine.assert_untouched()


def snapshot_of(machine, volume):
    return f"vmsnapshot-{machine.uid}-volume-{volume}"


# Storage.


def lose(machine, volume):
    machine.admin.delete(SNAPSHOTS, snapshot_of(machine, volume), machine.namespace)
    machine.admin.wait_gone(SNAPSHOTS, snapshot_of(machine, volume), machine.namespace)


def test_a_snapshot_whose_volume_snapshot_is_lost_is_not_restored_from(make):
    machine = make("root", "data")
    lose(machine, "data")
    machine.snapshots.wait(machine.snap, lambda status: not status["readyToUse"], "not ready")
    back = machine.restore()
    back.wait_reason(f"VMSnapshot {machine.namespace}/{machine.snap} not ready")
    assert not back.made()
    forget(back)


def test_r6_one_of_two_volume_snapshots_that_is_lost_is_missed_before_anything_is_made(make, gate, coordinator):
    machine = make("root", "data")
    gate.after_saying(b'"restores":', lambda: lose(machine, "data"))  # it is planned
    back = machine.restore()
    back.wait_reason(f"missing volumeSnapshot {snapshot_of(machine, 'data')}")
    assert not back.made()
    forget(back)


def test_a_volume_snapshot_that_is_lost_half_way_is_told_and_costs_nothing(installed, make):
    machine = make("root", "data")
    with held_up(installed):
        back = machine.restore()
        wait_for(lambda: len(back.made()) == 2, "claims that wait for their volumes")
        installed.admin.delete(SNAPSHOTS, snapshot_of(machine, "data"), machine.namespace)
    back.wait_reason("being deleted")
    assert machine.disks() == {volume: machine.claim(volume) for volume in machine.volumes}
    forget(back)


def test_storage_that_refuses_is_quoted_and_tried_again(installed, make):
    machine = make()
    path = machine.cut("root")
    os.rename(path, path + ".away")
    try:
        back = machine.restore()
        back.wait_reason(f"{path}: no such file or directory")
        assert machine.disks() == {"root": machine.claim("root")}
    finally:
        os.rename(path + ".away", path)
    back.wait_complete()
    back.assert_data()


@pytest.fixture(scope="module")
def late(installed):
    """A StorageClass whose volumes are made when somebody uses their claims."""
    name = "late"
    document = installed.admin.read("storageclasses.storage.k8s.io", installed.driver.short)
    installed.admin.create({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": document["provisioner"], "volumeBindingMode": "WaitForFirstConsumer"})
    yield name
    installed.admin.delete("storageclasses.storage.k8s.io", name)


def play_scheduler(cluster, namespace, name):
    """A pod that uses the claim has found a node."""
    cluster.admin.merge(CLAIMS, name, {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "node-a"}}},
                        namespace)
    cluster.wait_bound(name, namespace)


def test_volumes_that_are_made_when_the_machine_starts_are_not_waited_for(installed, kubevirt, place, run_api, late):
    """It is complete, its snapshot cannot be lost meanwhile, and the data are those of the cut when they come."""
    root = f"late-{os.urandom(3).hex()}"
    installed.admin.create(claim(root, storage_class=late), place)
    play_scheduler(installed, place, root)
    machine = Machine(installed, kubevirt, place, ())
    machine.volumes = ("root",)
    spec = machine.vm.read()["spec"]
    spec["template"]["spec"]["volumes"].append(Volume("root", root).document())
    installed.admin.merge(VMS, machine.name, {"spec": spec}, place)
    with open(installed.driver.path(root, place), "r+b") as file:
        file.write(MARK)
    machine.take()
    back = machine.restore()
    back.wait_complete()
    made = back.claims()["root"]
    assert made["status"]["phase"] == "Pending" and machine.disks() == {"root": made["metadata"]["name"]}
    machine.snapshots.delete(machine.snap)
    play_scheduler(installed, place, made["metadata"]["name"])
    with open(installed.driver.path(made["metadata"]["name"], place), "rb") as file:
        assert file.read(len(MARK)) == MARK
    machine.snapshots.wait_gone(machine.snap)


# Others.


def create(client, document, namespace):
    """(status, answer)"""
    return client.call("POST", path_of(document, namespace), document)


def test_of_two_restores_of_one_machine_the_second_waits_for_the_first(installed, make):
    """Where both came at once; later ones are refused."""
    machine = make()
    names = [f"twin-{n}-{machine.name}" for n in (1, 2)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        taken = [name for name, (status, _) in zip(names, pool.map(
            lambda name: create(installed.admin, restore(name, of=machine.snap, vm=machine.name), machine.namespace),
            names)) if status == 201]
    assert taken
    backs = [Restore(machine, installed.admin.read(RESTORES, name, machine.namespace)) for name in taken]
    for back in backs:
        back.wait_complete()
    wait_for(lambda: is_free(machine), "the machine let go")
    last = next(back for back in backs if back.marker == machine.vm.read()["metadata"]["annotations"][LAST])
    last.assert_data()
    assert machine.disks() == {"root": f"restore-{last.uid}-root"}


def test_a_machine_that_is_being_cut_is_restored_afterwards(installed, make):
    machine = make()
    installed.driver.turn(delay="60s")
    machine.snapshots.take(f"next-{machine.name}", machine.name)
    wait_for(lambda: machine.vm.read()["status"].get("snapshotInProgress"), "the machine locked")
    back = machine.restore()
    back.wait_reason(f"vm snapshot next-{machine.name}")
    assert not back.made()
    installed.driver.turn()
    back.wait_complete()
    back.assert_data()


def test_a_snapshot_that_is_deleted_meanwhile_goes_when_its_data_are_there(installed, make):
    machine = make("root", "data")
    with held_up(installed):
        back = machine.restore()
        wait_for(lambda: len(back.made()) == 2, "claims that wait for their volumes")
        paths = {volume: machine.cut(volume) for volume in machine.volumes}
        machine.snapshots.delete(machine.snap)
        wait_for(lambda: installed.admin.read(machine.snapshots.kind, machine.snap, machine.namespace)["metadata"].get(
            "deletionTimestamp"), "on its way out")
        assert all(map(os.path.exists, paths.values()))
    back.wait_complete()
    for made in back.claims().values():
        with open(installed.driver.path(made["metadata"]["name"], machine.namespace), "rb") as file:
            assert file.read(len(MARK)) == MARK
    machine.snapshots.wait_gone(machine.snap)


def test_a_target_that_is_deleted_meanwhile_takes_its_restore_along(installed, make):
    machine = make("root", "data")
    with held_up(installed):
        back = machine.restore()
        wait_for(lambda: len(back.made()) == 2, "claims that wait for their volumes")
        installed.admin.delete(VMS, machine.name, machine.namespace)
        installed.admin.wait_gone(RESTORES, back.name, machine.namespace)
        wait_for(lambda: not back.made(), "what it made gone")
    assert machine.snapshots.wait_taken(machine.snap)


def test_a_name_space_that_goes_is_not_held_up(installed, kubevirt, coordinator, run_api):
    place = installed.create_namespace(f"going-{os.urandom(3).hex()}")
    machine = Machine(installed, kubevirt, place).take()
    with held_up(installed):
        back = machine.restore()
        wait_for(back.made, "a claim that waits for its volume")
        installed.admin.delete("namespaces", place)
        wait_for(lambda: not installed.admin.find(RESTORES, back.name, place), "the restore gone")
    installed.admin.wait_gone("namespaces", place)


def test_r34_a_machine_that_is_being_restored_is_not_started(installed, make):
    machine = make()
    change = {"spec": {"runStrategy": "Always"}}
    with held_up(installed):
        back = machine.restore()
        wait_for(back.made, "a claim that waits for its volume")
        with pytest.raises(ApiError, match="Cannot update VM runStrategy until restore .* completes"):
            installed.admin.merge(VMS, machine.name, change, machine.namespace)
    back.wait_complete()
    wait_for(lambda: is_free(machine), "the machine let go")
    installed.admin.merge(VMS, machine.name, change, machine.namespace)


# What there is afterwards.


def test_r23_one_that_is_deleted_after_its_end_leaves_the_machine_what_it_has(installed, make):
    machine = make("root", "data")
    back = machine.restore()
    back.wait_complete()
    disks, claims = machine.disks(), back.claims()
    installed.admin.delete(RESTORES, back.name, machine.namespace)
    installed.admin.wait_gone(RESTORES, back.name, machine.namespace)
    assert machine.disks() == disks == {volume: one["metadata"]["name"] for volume, one in claims.items()}
    assert not [one for one in back.made() if "deletionTimestamp" in one["metadata"]] and len(back.made()) == 2


def test_r31_one_that_failed_stays_so(installed, make):
    machine = make()
    machine.vm.start("node-a")
    failed = machine.restore(targetReadinessPolicy="FailImmediate")
    text = "Restore target VMI must be powered off before restore operation"
    failed.wait_failed(text)
    machine.vm.stop()
    back = machine.restore()
    back.wait_complete()
    status = failed.read()["status"]
    assert not status["complete"] and reasons(status)["Failure"] == text and not failed.made()


def test_r35_a_dump_of_memory_is_left_out_and_left_alone(installed, make, kubevirt, place):
    machine = make()
    dump = machine.claim("dump")
    uid = installed.admin.create(claim(dump), place)["metadata"]["uid"]
    installed.wait_bound(dump, place)
    spec = machine.vm.read()["spec"]
    spec["template"]["spec"]["volumes"].append(Volume("dump", dump, "memoryDump").document())
    installed.admin.merge(VMS, machine.name, {"spec": spec}, place)
    machine.snap = f"dumped-{machine.name}"
    machine.take()
    for target in (machine.name, f"new-{machine.name}"):
        back = machine.restore(target)
        assert [one["volumeName"] for one in back.wait_complete()["status"]["restores"]] == ["root"]
        back.assert_data()
        volumes = installed.admin.read(VMS, target, place)["spec"]["template"]["spec"]["volumes"]
        assert [one["name"] for one in volumes] == ["root", "cloudinit"]
    kept = installed.admin.read(CLAIMS, dump, place)["metadata"]
    assert kept["uid"] == uid and "deletionTimestamp" not in kept


@contextlib.contextmanager
def later(gate, coordinator, seconds):
    """The API server's clock is ahead by so many seconds, for who hears of it through the gate."""
    gate.ahead = seconds
    try:
        yield
    finally:
        gate.ahead = 0
        coordinator.stop()
        coordinator.start()
        coordinator.wait_leads()


def test_r28_its_time_is_over_by_itself(make, gate, coordinator):
    """Nobody writes anything meanwhile."""
    machine = make()
    machine.vm.start("node-a")
    with later(gate, coordinator, 290):
        back = machine.restore()
        back.wait_failed(OVER)
        wait_for(lambda: "Operation failed" in back.events(), "its event")
        machine.assert_untouched()
