# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Restores in place: the data is that of the snapshot, whoever is killed meanwhile."""

import os

import libvirt
import pytest

import rig
from api import RESTORES, VMS, Api, condition, reason
from driver import uuid
from images import verify_disk

RESTORE_LARRY = """\
apiVersion: snapshot.kubevirt.io/v1beta1
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


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("larry", agent="lull") as guest:
        yield guest


@pytest.fixture(scope="module")
def coordinator(host, guest):
    with host.coordinator("restores") as coordinator:
        yield coordinator


@pytest.fixture(scope="module")
def snapshot(coordinator, guest):
    """One good snapshot, of a moment that is over when the tests begin."""
    snapshot = Api(coordinator).snap("snap-larry", guest.name)
    before = guest.seq("ext4")
    rig.wait_for(lambda: guest.seq("ext4") > before + 5, 20, "the guest has gone on")
    return snapshot


@pytest.fixture
def api(coordinator, guest, snapshot):
    """The API; restores that a test has made are deleted after it."""
    api = Api(coordinator)
    yield api
    for item in api.rest.get(RESTORES)[1]["items"]:
        api.rest.delete(f"{RESTORES}/{item['metadata']['name']}")
    rig.wait_for(lambda: not api.rest.get(RESTORES)[1]["items"], 20, "restores deleted")
    api.assert_nothing_left(guest.name, contents=1)


@pytest.fixture
def running(guest):
    if not guest.domain.isActive():
        guest.start()
    return guest


@pytest.fixture
def stopped(guest):
    guest.destroy()
    return guest


@pytest.fixture
def gone(host, api, stopped):
    """The guest, undefined and without its images; there again in the end, whatever became of it."""
    definition = stopped.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    stopped.own_uuid, stopped.own_xml = stopped.uuid, definition
    images = [stopped.disk_path(disk.target) for disk in stopped.disks]
    for path in images:
        os.rename(path, f"{path}.aside")
    stopped.domain.undefine()
    rig.wait_for(lambda: api.rest.get(f"{VMS}/{stopped.name}")[0] == 404, 10, "known to be gone")
    yield stopped
    host.connection.defineXML(definition)
    for path in images:
        if os.path.exists(path):
            os.unlink(f"{path}.aside")
        else:
            os.rename(f"{path}.aside", path)
    rig.wait_for(lambda: api.get(f"{VMS}/{stopped.name}"), 10, "known to be there")


@pytest.fixture
def usurp(host, gone):
    """Defines a machine that has the disks of the one that is gone."""
    made = []

    def define(name):
        other = uuid()
        xml = gone.own_xml.replace(gone.own_uuid, other).replace(f"<name>{gone.name}<", f"<name>{name}<")
        made.append(host.connection.defineXML(xml))
        return other

    yield define
    for domain in made:
        domain.undefine()


def contents_now(guest):
    return {d.kind: verify_disk(guest.current_disk_path(d.target), d.kind, replay=True) for d in guest.disks}


def contents_stored(api, guest, snapshot):
    return {
        d.kind: verify_disk(os.path.join(api.data(snapshot), f"{d.target}.qcow2"), d.kind, replay=True)
        for d in guest.disks
    }


def test_a_running_target_is_refused_where_that_was_asked_for(api, running):
    api.restore("at-once", "snap-larry", running.name, targetReadinessPolicy="FailImmediate")
    restore = api.settle_restore("at-once", timeout=5)

    assert reason(restore, "Failure") == "Restore target VMI must be powered off before restore operation"
    assert not restore["status"]["complete"]
    running.assert_writes_resume(within=5)


def test_a_restore_waits_for_its_target_and_brings_the_data_back(api, coordinator, running, snapshot):
    assert coordinator.lull("apply", "-f", "-", stdin=RESTORE_LARRY).returncode == 0
    rig.wait_for(
        lambda: (reason(api.get(f"{RESTORES}/restore-larry"), "Ready") or "").startswith("Waiting for target VM"),
        10,
        "told that the target runs",
    )
    running.destroy()
    assert coordinator.lull("wait", "restore/restore-larry").returncode == 0
    assert "restore-larry" in coordinator.lull("show", "restore/restore-larry").stdout
    restore = api.settle_restore("restore-larry")

    assert condition(restore, "Ready") and restore["status"]["complete"] and restore["status"]["restoreTime"]
    assert [row["volumeName"] for row in restore["status"]["restores"]] == ["vda", "vdb"]
    assert contents_now(running) == contents_stored(api, running, snapshot)
    assert coordinator.lull("delete", "restore/restore-larry", "--wait").returncode == 0
    running.start()
    running.assert_writes_resume(within=5)


@pytest.mark.parametrize(
    "spec",
    [
        {"volumeRestorePolicy": "RandomizeNames"},
        {"volumeOwnershipPolicy": "None"},
        {"patches": ['{"op": "remove", "path": "/spec/x"}']},
    ],
)
def test_what_has_no_meaning_on_a_plain_host_is_refused_by_name(api, stopped, spec):
    api.restore("refused", "snap-larry", stopped.name, **spec)
    restore = api.settle_restore("refused", timeout=5)

    assert list(spec)[0] in reason(restore, "Failure")


@pytest.fixture
def lara(host, guest, api):
    """A machine that a test makes of larry's snapshot; gone in the end, with its disks."""
    lara = rig.Copy(host, "lara")
    yield lara
    lara.remove()
    rig.wait_for(lambda: api.rest.get(f"{VMS}/lara")[0] == 404, 10, "known to be gone")


@pytest.mark.parametrize(
    "spec",
    [
        {"volumeRestorePolicy": "InPlace"},
        {"volumeRestoreOverrides": [{"volumeName": "vda", "labels": {"a": "b"}}]},
        {"patches": ['{"op": "remove", "path": "/spec/template/spec/domain/cpu"}']},
    ],
)
def test_what_has_no_meaning_for_a_new_machine_is_refused_by_name(api, guest, lara, spec):
    api.restore("refused", "snap-larry", lara.name, **spec)
    restore = api.settle_restore("refused", timeout=5)

    assert list(spec)[0] in reason(restore, "Failure")
    assert not lara.is_there()


def test_a_new_machine_boots_with_the_data_of_the_snapshot_beside_the_one_that_it_is_of(
    api, coordinator, running, lara, snapshot
):
    before = {disk.target: running.current_disk_path(disk.target) for disk in running.disks}
    done = coordinator.lull("restore", "snap-larry", "--to", lara.name, "--wait")

    assert done.returncode == 0 and "lara is not there: it is made" in done.stderr, done
    assert lara.uuid != running.uuid and not lara.domain.isActive()
    stored = contents_stored(api, running, snapshot)
    assert contents_now(lara) == stored
    assert {disk.target: running.current_disk_path(disk.target) for disk in running.disks} == before
    lara.reach()
    lara.start()
    lara.assert_writes_resume(within=5)
    assert all(lara.seq(kind) > stored[kind].lines for kind in stored)
    running.assert_writes_resume(within=5)


@pytest.mark.parametrize("step", ["restore-copied", "restore-swapped", "restore-defined"])
def test_a_new_machine_is_made_whoever_is_killed_meanwhile(api, coordinator, guest, lara, snapshot, step):
    coordinator.stop()
    coordinator.start(step=f"coordinator.{step}=kill")
    api.restore("resumed", "snap-larry", lara.name)
    coordinator.wait_end(timeout=30)
    coordinator.start()
    restore = api.settle_restore("resumed")

    assert condition(restore, "Ready"), restore
    assert contents_now(lara) == contents_stored(api, guest, snapshot)
    assert not [name for name in os.listdir(guest.dir) if "lull-restore" in name]


def assert_back(api, guest, snapshot):
    """Off, with its uuid, and as it was."""
    assert guest.uuid == guest.own_uuid and not guest.domain.isActive()
    assert contents_now(guest) == contents_stored(api, guest, snapshot)
    assert not [name for name in os.listdir(guest.dir) if "lull-restore" in name]


def test_a_machine_that_is_gone_is_defined_again_and_its_disks_come_back(api, gone, snapshot):
    api.restore("again", "snap-larry", gone.name)
    restore = api.settle_restore("again")

    assert condition(restore, "Ready") and restore["status"]["complete"] and restore["status"]["restoreTime"], restore
    assert [row["volumeName"] for row in restore["status"]["restores"]] == ["vda", "vdb"]
    assert_back(api, gone, snapshot)
    gone.start()
    gone.assert_writes_resume(within=5)


def test_the_command_line_says_what_becomes_of_a_machine_that_is_gone(api, coordinator, gone, snapshot):
    done = coordinator.lull("restore", "snap-larry", "--wait")

    assert done.returncode == 0 and "defined again with the uuid that it had" in done.stderr, done
    assert_back(api, gone, snapshot)


@pytest.mark.parametrize("step", ["restore-copied", "restore-swapped", "restore-defined"])
def test_a_machine_that_is_gone_comes_back_whoever_is_killed_meanwhile(api, coordinator, gone, snapshot, step):
    coordinator.stop()
    coordinator.start(step=f"coordinator.{step}=kill")
    api.restore("resumed", "snap-larry", gone.name)
    coordinator.wait_end(timeout=30)
    coordinator.start()
    restore = api.settle_restore("resumed")

    assert condition(restore, "Ready"), restore
    assert_back(api, gone, snapshot)


def test_another_machine_of_that_name_is_left_alone(api, gone, usurp):
    other = usurp(gone.name)
    rig.wait_for(lambda: api.get(f"{VMS}/{gone.name}"), 10, "known to be there")
    api.restore("refused", "snap-larry", gone.name)
    restore = api.settle_restore("refused", timeout=10)

    assert "rename that one" in reason(restore, "Failure"), restore
    assert gone.uuid == other
    assert not any(os.path.exists(gone.disk_path(disk.target)) for disk in gone.disks)


def test_images_that_another_machine_has_are_left_alone(api, gone, usurp):
    usurp("usurper")
    api.restore("refused", "snap-larry", gone.name)
    restore = api.settle_restore("refused", timeout=10)

    assert "virtual machine usurper has it by now" in reason(restore, "Failure"), restore
    assert not any(os.path.exists(gone.disk_path(disk.target)) for disk in gone.disks)


def test_a_missing_snapshot_is_waited_for(api, stopped):
    api.restore("early", "later", stopped.name)

    rig.wait_for(
        lambda: reason(api.get(f"{RESTORES}/early"), "Ready") == "VMSnapshot default/later does not exist",
        10,
        "told that it is not there",
    )


@pytest.mark.parametrize("step", ["restore-copied", "restore-swapped", "restore-defined"])
def test_a_restore_goes_on_where_a_killed_coordinator_left_it(api, coordinator, stopped, snapshot, step):
    coordinator.stop()
    coordinator.start(step=f"coordinator.{step}=kill")
    api.restore("resumed", "snap-larry", stopped.name)
    coordinator.wait_end(timeout=30)
    coordinator.start()
    restore = api.settle_restore("resumed")

    assert condition(restore, "Ready")
    assert contents_now(stopped) == contents_stored(api, stopped, snapshot)


def test_a_restored_guest_can_be_saved_again(api, running):
    again = api.snap("again", running.name)

    assert condition(again, "Ready")
    api.delete("again")
