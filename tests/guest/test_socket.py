# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Where QEMU shows the disks that are copied: as on a host, QEMU has a user of its own, and the coordinator sees the folder
that libvirt keeps for the machine. Nothing is left there, however the copy ended."""

import contextlib
import glob
import os
import pwd
import signal
import stat
import xml.etree.ElementTree as ElementTree

import libvirt
import pytest

import rig
from api import Api, condition, report
from images import verify_disk

QEMU_USER = "libvirt-qemu"
BARE = "<domain type='qemu'><name>{}</name><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os></domain>"


@pytest.fixture(scope="module")
def host():
    """A libvirtd whose QEMUs are not root."""
    with rig.Host(qemu_user=QEMU_USER) as host:
        yield host


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("shown", agent="lull") as guest:
        yield guest


@pytest.fixture
def coordinator(host, request):
    coordinator = rig.Coordinator(host, "c" + str(abs(hash(request.node.name))), beside=host)
    yield coordinator
    coordinator.remove()


def begin(coordinator, guest):
    """A snapshot whose coordinator has stopped itself when it had begun to copy."""
    coordinator.start(step="coordinator.copy-begun=stop")
    api = Api(coordinator)
    api.take("first", guest.name)
    rig.wait_for(coordinator.is_stopped, 60, "it has stopped itself", interval=0.005)
    return api


def told_socket(guest):
    """As libvirt has told QEMU."""
    return ElementTree.fromstring(guest.domain.backupGetXMLDesc(0)).find("server").get("socket")


def sockets(host):
    """Those that are there, by the paths that they have outside of libvirtd's mounts."""
    return glob.glob(f"{host.dir}/lib/qemu/domain-*/*.nbd")


def end_well(api, guest):
    guest.assert_writes_resume(within=2)
    api.delete("first")
    api.assert_nothing_left(guest.name, libvirt=True)


def assert_whole(api):
    snapshot = api.settle("first")
    assert condition(snapshot, "Ready"), snapshot
    assert (report(snapshot)["attempt"], report(snapshot)["proof"]) == (1, "held")
    assert verify_disk(f"{api.data(snapshot)}/vda.qcow2", "ext4").lines > 0


def test_it_is_in_the_folder_that_libvirt_keeps_for_the_machine(host, guest, coordinator):
    api = begin(coordinator, guest)
    home = f"domain-{guest.domain.ID()}-{guest.name}"
    path = told_socket(guest)
    [there] = sockets(host)
    info = os.stat(there)

    assert os.path.dirname(path) == f"/var/lib/libvirt/qemu/{home}"
    assert there == f"{host.dir}/lib/qemu/{home}/{os.path.basename(path)}"
    assert stat.S_ISSOCK(info.st_mode) and pwd.getpwuid(info.st_uid).pw_name == QEMU_USER
    assert not any(name.endswith(".nbd") for name in api.stored()), "no other place was made"
    coordinator.kill(signal.SIGCONT)
    assert_whole(api)
    assert sockets(host) == []
    end_well(api, guest)


def test_a_coordinator_that_is_killed_while_it_copies_goes_on_with_it(host, guest, coordinator):
    api = Api(coordinator)
    api.take_and_die("first", guest)
    before = told_socket(guest)
    coordinator.start(step="coordinator.copy-begun=stop", wait=False)
    rig.wait_for(coordinator.is_stopped, 60, "it copies again", interval=0.005)
    assert told_socket(guest) == before and len(sockets(host)) == 1
    coordinator.kill(signal.SIGCONT)
    assert_whole(api)
    assert sockets(host) == []
    end_well(api, guest)


def test_a_job_that_somebody_ends_leaves_nothing_there(host, guest, coordinator):
    api = begin(coordinator, guest)
    guest.domain.abortJob()
    rig.wait_for(lambda: guest.domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE, 10, "the job is over")
    coordinator.kill(signal.SIGCONT)
    snapshot = api.settle("first")

    assert not condition(snapshot, "Ready"), snapshot
    assert "the backup job was ended" in str(snapshot["status"]), snapshot["status"]
    assert sockets(host) == []
    end_well(api, guest)


def test_a_job_that_ends_without_a_coordinator_leaves_nothing_there(host, guest, coordinator):
    coordinator.arguments = ["--job-lease=1000"]
    api = Api(coordinator)
    api.take_and_die("first", guest)
    rig.wait_for(lambda: guest.domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE, 30, "its job is ended")
    rig.wait_for(lambda: not sockets(host), 10, "and nobody listens any more")
    coordinator.start()
    snapshot = api.settle("first")

    assert not condition(snapshot, "Ready")
    assert "no coordinator was there" in str(snapshot["status"]), snapshot["status"]
    end_well(api, guest)


@contextlib.contextmanager
def twin(guest):
    """A host with a machine of the same number and name as the guest. Yields the host."""
    with rig.Host() as other:
        domain = other.connection.defineXML(BARE.format(guest.name))
        domain.create()
        while domain.ID() < guest.domain.ID():
            domain.destroy()
            domain.create()
        assert domain.ID() == guest.domain.ID()
        yield other


def test_the_folder_of_another_libvirts_machine_of_that_number_and_name_is_of_no_use(host, guest):
    """What is found there is not what QEMU shows: the snapshot fails, and says where it looked."""
    with twin(guest) as other, host.coordinator("stranger", beside=other) as coordinator:
        api = Api(coordinator)
        snapshot = api.snap("first", guest.name)

        assert not condition(snapshot, "Ready"), snapshot
        told = str(snapshot["status"])
        assert f"/var/lib/libvirt/qemu/domain-{guest.domain.ID()}-{guest.name}/" in told, told
        assert "not where it is seen from here" in told, told
        assert sockets(host) == [] and sockets(other) == []
        end_well(api, guest)
