# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""libvirtd or QEMU is killed, in the midst of a snapshot, a copy, a hold, a restore, or of nothing: the guest, if it
is still there, writes again within the lease, nothing is claimed that is not so, nothing is missed that happened
meanwhile, and the next snapshot succeeds."""

import contextlib
import dataclasses
import glob
import os
import signal

import libvirt
import pytest

import rest
import rig
from api import RESTORES, VMS, Api, condition, indications, reason, report
from chosen import choose
from driver import Driver
from driver import uuid as driver_uuid
from images import verify_disk

LEASE = 8
SLACK = 2  # seconds that a busy machine may add

HELD = {"Online", "GuestAgent", "PartialSnapshot"}  # which leaves out WIDE

WIDE = rig.Disk("vdc", "ext4", format="raw", size="8G")  # in no snapshot but those whose copy is what counts
LEAN = {"lull.dev/exclude-volumes": "vdc"}

BARE = "<domain type='qemu'><name>{}</name><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os></domain>"


@pytest.fixture(scope="module")
def host():
    """A libvirtd that may be killed."""
    with rig.Host() as host:
        yield host


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("struck", agent="lull", disks=(rig.EXT4, rig.XFS, WIDE)) as guest:
        yield guest


@pytest.fixture
def coordinator(host, guest, request):
    coordinator = rig.Coordinator(host, "c" + str(abs(hash(request.node.name))))
    guest.forget_gaps()
    yield coordinator
    coordinator.kill(signal.SIGCONT)
    coordinator.kill()


def stop_at(coordinator, guest, step, annotations=LEAN):
    """Begins a snapshot, and is back when the coordinator stands still at @step."""
    coordinator.start(step=f"{step}=stop")
    api = Api(coordinator)
    api.take("struck", guest.name, annotations)
    rig.wait_for(coordinator.is_stopped, 60, "it has stopped itself", interval=0.005)
    return api


def end_well(api, guest):
    """The guest writes, and never stood still for longer than the lease; the next snapshot succeeds, nothing stays."""
    guest.wait_agent()
    guest.assert_writes_resume(within=SLACK)
    assert guest.longest_gap() < LEASE + SLACK
    following = api.snap("following", guest.name, annotations=LEAN)

    assert condition(following, "Ready")
    assert indications(following) == HELD
    for name in ("following", "struck"):
        api.delete(name)
    api.assert_nothing_left(guest.name, libvirt=True)


@dataclasses.dataclass(frozen=True)
class Cell:
    """The coordinator stands still at @step while @victim dies."""

    victim: str
    step: str

    def __str__(self):
        return f"{self.victim} killed at {self.step}"


ALWAYS = "frozen", "copy-noted"  # nobody else could thaw, or end the job


def cells(victim, *steps):
    """For a parametrize. A quarter of them and those of ALWAYS, all where LULL_GUEST_ALL is set."""
    every = [Cell(victim, step) for step in steps]
    chosen = choose(every, "LULL_GUEST_ALL")
    chosen = [cell for cell in every if cell in chosen or cell.step in ALWAYS]
    return pytest.mark.parametrize("step", [pytest.param(cell.step, id=str(cell)) for cell in chosen])


HELD_AT = ["prepared", "frozen", "cut", "witnessed"]  # what dies then breaks the attempt


@cells("libvirtd", *HELD_AT, "thawed", "copy-begun", "copy-noted", "data-copied", "manifest-written")
def test_libvirtd_may_die_and_come_back(host, coordinator, guest, step):
    api = stop_at(coordinator, guest, f"coordinator.{step}")
    with host.without_libvirtd():
        guest.assert_writes_resume(within=LEASE + SLACK)
    coordinator.kill(signal.SIGCONT)
    snapshot = api.settle("struck")

    assert condition(snapshot, "Ready")
    assert indications(snapshot) == HELD
    assert report(snapshot)["attempt"] == (2 if step in HELD_AT else 1)
    assert verify_disk(f"{api.data(snapshot)}/vda.qcow2", "ext4").lines > 0
    end_well(api, guest)


def test_libvirtd_may_stand_still_while_a_machine_is_frozen(host, coordinator, guest):
    """What is cut when it goes on is cut too late, and not believed."""
    api = stop_at(coordinator, guest, "coordinator.frozen")
    with host.stopped_libvirtd():
        coordinator.kill(signal.SIGCONT)
        guest.assert_writes_resume(within=LEASE + SLACK)
    snapshot = api.settle("struck")

    assert condition(snapshot, "Ready")
    assert indications(snapshot) == HELD
    assert report(snapshot)["attempt"] == 2
    assert verify_disk(f"{api.data(snapshot)}/vda.qcow2", "ext4").lines > 0
    end_well(api, guest)


# A copy


@contextlib.contextmanager
def halted_while_it_copies(coordinator, guest):
    """The coordinator stands still in the midst of it, with the verdict written down."""
    guest.sh("mount -t ext4 /dev/vdc /mnt; dd if=/dev/urandom of=/mnt/noise bs=1M count=48; umount /mnt")
    api = stop_at(coordinator, guest, "coordinator.copy-begun", annotations={})
    with guest.hung():
        coordinator.kill(signal.SIGCONT)
        rig.wait_for(lambda: api.snapshot("struck")["status"].get("phase") == "Succeeded", 60, "it has its verdict")
        coordinator.kill(signal.SIGSTOP)
        rig.wait_for(coordinator.is_stopped, 20, "it stands still")
    assert guest.domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE
    yield api
    coordinator.kill(signal.SIGCONT)


def assert_whole(api, guest):
    snapshot = api.settle("struck")
    assert condition(snapshot, "Ready"), snapshot
    assert report(snapshot)["attempt"] == 1
    assert verify_disk(f"{api.data(snapshot)}/vda.qcow2", "ext4").lines > 0
    end_well(api, guest)


def test_a_copy_outlasts_libvirtd(host, coordinator, guest):
    with halted_while_it_copies(coordinator, guest) as api:
        host.restart_libvirtd()
    assert_whole(api, guest)


def test_a_copy_outlasts_coordinator_and_libvirtd(host, coordinator, guest):
    with halted_while_it_copies(coordinator, guest) as api:
        coordinator.kill()
        host.restart_libvirtd()
        coordinator.start()
    assert_whole(api, guest)


def test_a_job_without_a_coordinator_ends_after_a_while(host, coordinator, guest):
    coordinator.arguments = ["--job-lease=2000"]
    domain = host.connection.lookupByName(guest.name)
    with halted_while_it_copies(coordinator, guest) as api:
        coordinator.kill()
        rig.wait_for(lambda: domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE, 30, "its job is ended")
        scratch = os.path.join(coordinator.state_dir, "snapshots", "*", "*.scratch")
        rig.wait_for(lambda: not glob.glob(scratch), 10, "there is room again")
        coordinator.start()
    snapshot = api.settle("struck")

    assert not condition(snapshot, "Ready")
    assert "no coordinator was there" in str(snapshot["status"]), snapshot["status"]
    end_well(api, guest)


@cells("QEMU", *HELD_AT)
def test_qemu_may_die_while_its_machine_is_held(coordinator, guest, step):
    """The disks are saved as they were left."""
    api = stop_at(coordinator, guest, f"coordinator.{step}")
    guest.crash()
    coordinator.kill(signal.SIGCONT)
    snapshot = api.settle("struck")
    told = report(snapshot)

    assert condition(snapshot, "Ready"), snapshot
    assert (told["attempt"], told["level"], told["proof"]) == (2, "crash", "none"), told
    assert "its process died" in told["proofReason"]
    assert indications(snapshot) == {"NoGuestAgent", "PartialSnapshot"}
    assert verify_disk(f"{api.data(snapshot)}/vda.qcow2", "ext4", replay=True).lines > 0
    guest.start_again()
    end_well(api, guest)


@cells("QEMU", "thawed", "copy-begun")
def test_qemu_may_die_before_its_disks_are_copied(coordinator, guest, step):
    """The instant that was claimed cannot be had any more, and no other is passed off as it."""
    api = stop_at(coordinator, guest, f"coordinator.{step}", annotations={})
    guest.crash()
    coordinator.kill(signal.SIGCONT)
    done = coordinator.lull("wait", "struck")
    snapshot = api.snapshot("struck")

    assert done.returncode == 1 and "the guest stopped before its disks were copied" in done.stderr, done
    assert not condition(snapshot, "Ready") and not snapshot["status"]["readyToUse"], snapshot
    assert reason(snapshot, "Progressing") == "In error state"
    guest.start_again()
    end_well(api, guest)


@cells("QEMU", "copy-noted", "data-copied", "manifest-written")
def test_qemu_may_die_once_its_disks_are_copied(coordinator, guest, step):
    """Also where its job was not ended yet."""
    api = stop_at(coordinator, guest, f"coordinator.{step}")
    job = guest.domain.jobInfo()[0]
    assert (job != libvirt.VIR_DOMAIN_JOB_NONE) == (step == "copy-noted"), job
    guest.crash()
    coordinator.kill(signal.SIGCONT)
    snapshot = api.settle("struck")

    assert condition(snapshot, "Ready"), snapshot
    assert report(snapshot)["attempt"] == 1 and report(snapshot)["level"] == "fs"
    assert indications(snapshot) == HELD
    assert verify_disk(f"{api.data(snapshot)}/vda.qcow2", "ext4").lines > 0
    guest.start_again()
    end_well(api, guest)


# A hold


def test_an_epoch_outlasts_libvirtd(host, guest):
    with Driver(host) as driver:
        driver.must("vm", guest.name)
        driver.must("hold", driver_uuid())
        driver.must("prepare", 10000)
        driver.must("freeze", 25000, 120000)
        host.restart_libvirtd()
        rig.wait_for(guest.agent_answers, 20, "libvirt reaches the agent again")
        remaining = lambda: guest.agent("__dev.lull_quiesce-status")["remaining-ms"]
        last = [remaining()]

        def renewed():
            before, last[0] = last[0], remaining()
            return last[0] > before

        rig.wait_for(renewed, 20, "the lease is renewed", interval=0.2)
        guest.assert_frozen()
        facts = driver("thaw", 4000)

    assert facts["held"], facts
    guest.assert_writes_resume(within=SLACK)


@contextlib.contextmanager
def agent(guest, kind):
    guest.switch_agent(kind)
    try:
        yield
    finally:
        guest.switch_agent("lull")


@pytest.mark.parametrize("kind", ["lull", "stock"])
def test_a_hold_that_ends_without_libvirtd_is_not_vouched_for(host, coordinator, guest, kind):
    coordinator.start()
    api = Api(coordinator)
    vm = f"{rest.SUBRESOURCES}/{guest.name}"
    with agent(guest, kind):
        assert api.rest.call("PUT", f"{vm}/freeze", {})[0] == 200
        with host.without_libvirtd():
            status, verdict = api.rest.call("PUT", f"{vm}/unfreeze", {})
            if kind == "lull":
                guest.assert_writes_resume(within=LEASE + SLACK)
        guest.assert_writes_resume(within=LEASE + SLACK)
        api.assert_nothing_left(guest.name, libvirt=True)

    assert (status, verdict["level"], verdict["proof"]) == (200, "crash", "broken"), verdict
    assert verdict["proofReason"]


# Nothing, or somebody else's doing


def states(api):
    return {vm["metadata"]["name"]: vm["status"]["printableStatus"] for vm in api.get(VMS)["items"]}


@contextlib.contextmanager
def domains(host, *names):
    """Small machines, defined and off; none of them, and no newcomer, is left."""
    try:
        yield [host.connection.defineXML(BARE.format(name)) for name in names]
    finally:
        for domain in host.connection.listAllDomains():
            if domain.name() in (*names, "newcomer"):
                with contextlib.suppress(libvirt.libvirtError):
                    domain.destroy()
                domain.undefine()


@pytest.mark.parametrize("coordinators", ["running", "stopped"])
def test_what_happened_while_libvirtd_was_away_is_known_afterwards(host, coordinator, guest, coordinators):
    coordinator.start()
    api = Api(coordinator)
    with domains(host, "goer", "riser", "faller", "victim") as (_, _, faller, victim):
        faller.create()
        victim.create()
        before = {"goer": "Stopped", "riser": "Stopped", "faller": "Running", "victim": "Running"}
        uuid = victim.UUIDString()
        rig.wait_for(lambda: states(api) == {guest.name: "Running", **before}, 20, "all of them are seen")
        if coordinators == "stopped":
            coordinator.kill(signal.SIGSTOP)
        with host.without_libvirtd():
            rig.kill_qemu("victim", uuid)
        host.connection.lookupByName("goer").undefine()
        host.connection.lookupByName("riser").create()
        host.connection.lookupByName("faller").destroy()
        host.connection.defineXML(BARE.format("newcomer"))
        coordinator.kill(signal.SIGCONT)
        after = {"riser": "Running", "faller": "Stopped", "victim": "Stopped", "newcomer": "Stopped"}
        rig.wait_for(
            lambda: states(api) == {guest.name: "Running", **after}, 20, "all of it is known", interval=0.2
        )
    rig.wait_for(lambda: states(api) == {guest.name: "Running"}, 20, "events come in again")


def test_a_snapshot_asked_for_while_libvirtd_is_away_is_taken_afterwards(host, coordinator, guest):
    coordinator.start()
    api = Api(coordinator)
    with host.without_libvirtd():
        api.take("struck", guest.name, LEAN)
        rig.wait_for(lambda: "attempt 1:" in coordinator.log(), 20, "it was tried")
    snapshot = api.settle("struck")

    assert condition(snapshot, "Ready") and indications(snapshot) == HELD
    end_well(api, guest)


@cells("libvirtd", "restore-copied", "restore-swapped", "restore-defined")
def test_a_restore_outlasts_libvirtd(host, coordinator, guest, step):
    coordinator.start(step=f"coordinator.{step}=stop")
    api = Api(coordinator)
    snapshot = api.snap("struck", guest.name, annotations=LEAN)
    stored = verify_disk(f"{api.data(snapshot)}/vda.qcow2", "ext4").lines
    guest.crash()
    api.wait_state(guest.name, "Stopped")
    api.restore("back", "struck", guest.name)
    rig.wait_for(coordinator.is_stopped, 60, "it has stopped itself")
    before = len(coordinator.log())
    with host.without_libvirtd():
        coordinator.kill(signal.SIGCONT)
        rig.wait_for(lambda: "went away" in coordinator.log()[before:], 20, "it goes on without libvirt")
    restore = api.settle_restore("back")

    assert condition(restore, "Ready"), restore
    assert verify_disk(guest.current_disk_path("vda"), "ext4").lines == stored
    api.rest.delete(f"{RESTORES}/back")
    guest.start_again()
    end_well(api, guest)


def test_a_target_that_stops_while_libvirtd_is_away_is_restored(host, coordinator, guest):
    coordinator.start()
    api = Api(coordinator)
    api.snap("struck", guest.name, annotations=LEAN)
    api.restore("waits", "struck", guest.name, targetReadinessPolicy="WaitEventually")
    rig.wait_for(lambda: reason(api.get(f"{RESTORES}/waits"), "Ready"), 20, "it waits for its target")
    with host.without_libvirtd():
        guest.crash()
    restore = api.settle_restore("waits")

    assert condition(restore, "Ready"), restore
    api.rest.delete(f"{RESTORES}/waits")
    guest.start_again()
    end_well(api, guest)
