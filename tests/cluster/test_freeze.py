# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Guests of stock agents, frozen through KubeVirt's subresources: what is claimed then, and who thaws when."""

import os
import signal

import pytest

import machine
import rig
from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from images import verify_disk
from kinds import OWN
from leftovers import processes
from snapshots import Snapshots, note
from virtapi import GROUP, VirtApi
from volumes import SNAPSHOTS
from waiting import wait_for

TIMER = 20  # seconds, as the coordinator asks for
HURRY = 5  # times faster, where that is waited for
FREEZE, UNFREEZE = ("freeze", f"{TIMER}s"), ("unfreeze", None)


@pytest.fixture(scope="module")
def host():
    with rig.Host() as host:
        yield host


@pytest.fixture(scope="module")
def running(installed, kubevirt, host):
    with machine.running(installed, kubevirt, host, "freezes", agent="stock") as running:
        yield running


@pytest.fixture(scope="module")
def served(installed, running):
    with VirtApi(installed, *running) as virt_api:
        yield virt_api


@pytest.fixture
def virt_api(served):
    served.forget()
    return served


@pytest.fixture
def snapshots(installed, vm):
    return Snapshots(installed, vm.namespace)


@pytest.fixture
def coordinators(installed, build, snapshots):
    """Whatever becomes of them, the last one cleans up in the end."""
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinesnapshotcontents", OWN)
    wait_allowed(account.client(), "update", "virtualmachineinstances/freeze", GROUP)
    with Coordinators(installed, build) as coordinators:
        yield coordinators
        last = coordinators.all[-1]
        last.resume()
        if not last.runs():
            coordinators.forget_leader()
            last.start()
        for one in installed.admin.list(snapshots.kind, snapshots.namespace):
            snapshots.delete(one["metadata"]["name"])
            snapshots.wait_gone(one["metadata"]["name"])
        # When they are gone is their controller's affair, which backs off after it had no API server.
        wait_for(lambda: all("deletionTimestamp" in one["metadata"]
                             for one in installed.admin.list(SNAPSHOTS, snapshots.namespace)), "no VolumeSnapshot left")


def start(coordinators, step=None, who="kubevirt"):
    one = coordinators.make("node-a", LULL_STOCK_FREEZE=who)
    one.start("--attempt-pause=500", step=step)
    one.wait_leads()
    return one


def report_of(snapshots, name="snap"):
    return note(snapshots.content(name), "quiesce-report")


def assert_quiesced(snapshots, status, attempt):
    report = report_of(snapshots)
    assert (report["level"], report["proof"], report["proofBy"]) == ("fs", "held", "witness"), report
    assert report["attempt"] == attempt and report["windowMs"] > 0, report
    assert status["indications"] == ["GuestAgent", "Online"]


def test_where_kubevirt_serves_no_freeze_libvirt_does(installed, coordinators, guest, snapshots):
    """This one and the next come first: the others have it served."""
    assert installed.admin.call("GET", f"/apis/{GROUP}/v1")[0] == 404
    start(coordinators, who="auto")
    snapshots.take("snap")
    status = snapshots.wait_taken("snap", 120)["status"]
    guest.assert_writes_resume(within=5)
    assert_quiesced(snapshots, status, attempt=1)


def kill_dead_men(coordinators):
    for pid in dead_men(coordinators):
        os.kill(pid, signal.SIGKILL)


def dead_men(coordinators):
    """Of guests on the node of the machine."""
    return processes("dead-man", below=f"launcher:{coordinators.cluster.path('pods', 'node-a')}/")


def test_who_migrated_frozen_is_not_forgotten_while_kubevirt_serves_nothing(request, installed, coordinators, vm, guest,
                                                                            host, snapshots):
    """Neither does this one find it served."""
    trail = installed.audit.trail()
    one = start(coordinators, step="coordinator.frozen=stop", who="libvirt")
    snapshots.take("snap")
    wait_for(lambda: rig.is_stopped(one), "the guest frozen")
    kill_dead_men(coordinators)
    one.kill()
    vm.migrate("node-b", host.socket)
    try:
        coordinators.forget_leader()
        one.start("--attempt-pause=500")
        wait_for(lambda: sum(line["requestURI"].endswith("/unfreeze") for line in trail.requests(ACCOUNT)) > 1,
                 "asked in vain, and again", interval=0.5)
        guest.assert_frozen("ext4")
        served = request.getfixturevalue("served")
        guest.assert_writes_resume(within=15)
        assert served.done == ["unfreeze"]
    finally:
        vm.migrate("node-a", host.socket)


@pytest.mark.parametrize("who", ["kubevirt", "auto"])
def test_a_guest_is_frozen_through_kubevirt_and_cut_whole(installed, virt_api, coordinators, vm, guest, snapshots,
                                                          who):
    start(coordinators, who=who)
    before = {kind: guest.seq(kind) for kind in guest.written()}
    uid = snapshots.take("snap")["metadata"]["uid"]
    status = snapshots.wait_taken("snap", 120)["status"]
    guest.assert_writes_resume(within=5)
    assert_quiesced(snapshots, status, attempt=1)
    assert virt_api.asked == [FREEZE, UNFREEZE]
    for name, (_, kind, _) in machine.DISKS.items():
        cut = installed.admin.read(SNAPSHOTS, f"vmsnapshot-{uid}-volume-{name}", vm.namespace)
        assert verify_disk(installed.driver.snapshot_path(installed.content_of(cut)), kind).lines >= before[kind]


@pytest.mark.parametrize("code", [409, 500])
def test_a_refusal_is_told_and_one_freeze_an_attempt_is_all(virt_api, coordinators, guest, snapshots, code):
    virt_api.refuse("freeze", code, code)
    start(coordinators)
    snapshots.take("snap")
    status = snapshots.wait_taken("snap", 120)["status"]
    guest.assert_writes_resume(within=5)
    report = report_of(snapshots)
    assert (report["level"], report["proof"], report["attempt"]) == ("crash", "none", 3), report
    assert "refused by the test" in report["proofReason"], report
    assert status["indications"] == ["Online", "QuiesceFailed"]
    # After a 500 nobody knows what became of the freeze; a 409 says that the guest was not asked.
    assert virt_api.asked == ([FREEZE, UNFREEZE] * 2 if code == 500 else [FREEZE] * 2)
    assert "freeze" not in virt_api.done


def test_what_is_refused_once_is_tried_once_more(virt_api, coordinators, guest, snapshots):
    virt_api.refuse("freeze", 500)
    start(coordinators)
    snapshots.take("snap")
    status = snapshots.wait_taken("snap", 120)["status"]
    guest.assert_writes_resume(within=5)
    assert_quiesced(snapshots, status, attempt=2)
    assert virt_api.count("freeze") == 2


def test_a_guest_that_somebody_freezes_just_before_is_left_to_him(virt_api, coordinators, guest, snapshots):
    one = start(coordinators, step="coordinator.intent-written=stop")
    snapshots.take("snap")
    wait_for(lambda: rig.is_stopped(one), "all prepared")
    guest.agent("guest-fsfreeze-freeze")
    one.resume()
    status = snapshots.wait_taken("snap", 120)["status"]
    frozen = guest.agent("guest-fsfreeze-status")
    guest.agent("guest-fsfreeze-thaw")
    assert frozen == "frozen" and not virt_api.asked
    assert status["indications"] == ["Online", "QuiesceFailed"]


def test_an_unfreeze_is_sent_until_it_is_taken_and_the_guest_does_not_wait_for_it(virt_api, coordinators, guest,
                                                                                  snapshots):
    virt_api.refuse("unfreeze", 500, 500)
    start(coordinators)
    snapshots.take("snap")
    status = snapshots.wait_taken("snap", 120)["status"]
    assert_quiesced(snapshots, status, attempt=1)
    assert virt_api.asked == [FREEZE, UNFREEZE, UNFREEZE, UNFREEZE]
    assert virt_api.done == ["freeze", "unfreeze"]


def test_a_freeze_that_comes_when_nobody_waits_for_it_any_more_does_not_last(virt_api, coordinators, guest, snapshots):
    virt_api.delay_freezes()
    start(coordinators)
    snapshots.take("snap")
    wait_for(lambda: virt_api.count("unfreeze"), "the freeze given up", timeout=60)
    virt_api.pass_on()
    status = snapshots.wait_taken("snap", 120)["status"]
    guest.assert_writes_resume(within=TIMER + 2)
    # The late one may come before the second attempt, which then finds a guest that somebody else has frozen.
    if report_of(snapshots)["level"] == "fs":
        assert_quiesced(snapshots, status, attempt=2)
    else:
        assert "QuiesceFailed" in status["indications"]
    assert virt_api.count("freeze") <= 2


def test_when_the_coordinator_dies_kubevirts_timer_thaws(virt_api, coordinators, guest, snapshots):
    virt_api.hurry = HURRY
    one = start(coordinators, step="coordinator.frozen=kill")
    snapshots.take("snap")
    one.wait_dead()
    guest.assert_writes_resume(within=TIMER / HURRY + 2)
    wait_for(lambda: virt_api.done == ["freeze", "timer"], "the timer's end")
    assert virt_api.asked == [FREEZE]


def test_where_we_freeze_the_coordinators_container_stays_until_the_guest_is_thawed(coordinators, guest, snapshots):
    """Also where the dead man is slow: a container ends with its first process, and everything in it."""
    one = coordinators.make("node-a", contained=True, LULL_STOCK_FREEZE="libvirt")
    one.start("--attempt-pause=500", step="coordinator.frozen=stop")
    snapshots.take("snap")
    one.wait_until(lambda: rig.is_stopped(one.contained()), "the guest frozen")
    dead_man, = dead_men(coordinators)
    os.kill(dead_man, signal.SIGSTOP)
    os.kill(one.contained().pid, signal.SIGKILL)
    one.wait_until(lambda: one.has_said("ended by signal 9"), "the coordinator dead")
    guest.assert_frozen("ext4")
    os.kill(dead_man, signal.SIGCONT)
    one.wait_dead()
    assert guest.agent("guest-fsfreeze-status") == "thawed"


def test_a_coordinator_that_starts_again_thaws_before_anything_else(virt_api, coordinators, guest, snapshots):
    one = start(coordinators, step="coordinator.frozen=kill")
    snapshots.take("snap")
    one.wait_dead()
    coordinators.forget_leader()
    one.start("--attempt-pause=500")
    guest.assert_writes_resume(within=5)
    assert virt_api.done == ["freeze"]


@pytest.mark.parametrize("who", ["libvirt", "kubevirt"])
def test_a_guest_that_was_left_frozen_and_migrated_is_thawed_where_it_is(virt_api, coordinators, vm, guest, host,
                                                                         snapshots, who):
    one = start(coordinators, step="coordinator.frozen=stop", who=who)
    snapshots.take("snap")
    wait_for(lambda: rig.is_stopped(one), "the guest frozen")
    kill_dead_men(coordinators)
    one.kill()
    virt_api.lose_timer()
    vm.migrate("node-b", host.socket)
    try:
        guest.assert_frozen("ext4")
        coordinators.forget_leader()
        one.start("--attempt-pause=500")
        guest.assert_writes_resume(within=15)
        assert virt_api.done[-1] == "unfreeze" and "timer" not in virt_api.done
    finally:
        vm.migrate("node-a", host.socket)


def test_a_guest_that_ended_while_it_was_frozen_is_not_thawed_when_it_is_started_again(virt_api, coordinators, vm, guest,
                                                                                       host, snapshots):
    one = start(coordinators, step="coordinator.frozen=stop")
    snapshots.take("snap")
    wait_for(lambda: rig.is_stopped(one), "the guest frozen")
    one.kill()
    virt_api.lose_timer()
    virt_api.refuse("unfreeze", *[409] * 20)  # its instance is there, and does not run
    vm.migrate("node-b", host.socket)
    try:
        coordinators.forget_leader()
        one.start("--attempt-pause=500")
        wait_for(lambda: not os.listdir(os.path.join(one.directory, "state", "intents")), "nothing left to thaw")
        assert virt_api.count("unfreeze") == 1
    finally:
        guest.agent("guest-fsfreeze-thaw")
        vm.migrate("node-a", host.socket)


def test_while_the_api_server_is_gone_the_timer_thaws_and_nothing_is_claimed(installed, virt_api, coordinators, guest,
                                                                             snapshots):
    virt_api.hurry = HURRY
    one = start(coordinators, step="coordinator.frozen=stop")
    snapshots.take("snap")
    wait_for(lambda: rig.is_stopped(one), "the guest frozen")
    installed.kill_api()
    guest.assert_writes_resume(within=TIMER / HURRY + 2)
    wait_for(lambda: virt_api.done == ["freeze", "timer"], "the timer's end")
    installed.start_api()
    wait_for(lambda: installed.admin.call("GET", f"/apis/{GROUP}/v1")[0] == 200, "KubeVirt's API served again")
    one.resume()
    status = snapshots.wait_taken("snap", 240)["status"]
    guest.assert_writes_resume(within=5)
    report = report_of(snapshots)
    assert report["attempt"] > 1, report
    assert status["indications"] in (["GuestAgent", "Online"], ["Online", "QuiesceFailed"])
    assert virt_api.count("freeze") <= 2
