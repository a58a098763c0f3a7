# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Snapshots of running guests by the coordinator: what is told, and whether it is true."""

import contextlib
import datetime
import os
import re
import subprocess

import libvirt
import pytest

import exposition
import rest
import rig
from api import RESTORES, SNAP_LARRY, Api, condition, indications, reason, report
from endpoint import Endpoint
from images import verify_disk


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("larry", agent="lull") as guest:
        yield guest


@pytest.fixture(scope="module")
def coordinator(host, guest):
    arguments = ["--check-interval=500", "--metrics-listen=127.0.0.1:0"]
    with host.coordinator("snapshots", arguments=arguments) as coordinator:
        yield coordinator


@pytest.fixture
def api(coordinator, guest):
    """The API; what a test has made is deleted after it, and nothing may be left behind."""
    api = Api(coordinator)
    yield api
    for item in api.rest.get(rest.SNAPSHOTS)[1]["items"]:
        api.delete(item["metadata"]["name"])
    api.assert_nothing_left(guest.name)
    guest.assert_writes_resume(within=5)


@contextlib.contextmanager
def agent(guest, kind):
    guest.switch_agent(kind)
    try:
        yield
    finally:
        guest.switch_agent("lull")


def test_a_quiesced_snapshot_is_proven_and_whole(api, coordinator, guest):
    before = {name: guest.seq(name) for name in guest.written()}
    assert coordinator.lull("apply", "-f", "-", stdin=SNAP_LARRY).returncode == 0
    assert coordinator.lull("wait", "snap-larry").returncode == 0
    snapshot = api.settle("snap-larry")
    after = {name: guest.seq(name) for name in guest.written()}
    told = report(snapshot)

    assert snapshot["status"]["phase"] == "Succeeded"
    assert indications(snapshot) == {"Online", "GuestAgent"}
    assert snapshot["status"]["snapshotVolumes"] == {"includedVolumes": ["vda", "vdb"], "excludedVolumes": []}
    assert (told["level"], told["proof"], told["proofBy"], told["witness"]) == ("fs", "held", "epoch", "quiet")
    assert {row["mountpoint"]: (row["result"], row["volumes"]) for row in told["filesystems"]} == {
        "/mnt/ext4": ("frozen", ["vda"]),
        "/mnt/xfs": ("frozen", ["vdb"]),
    }
    assert 0 < told["windowMs"] < 8000 and told["windowIs"] == "measured"
    for disk in guest.disks:
        contents = verify_disk(os.path.join(api.data(snapshot), f"{disk.target}.qcow2"), disk.kind)

        assert before[disk.kind] <= contents.lines <= after[disk.kind] + 1
    shown = coordinator.lull("show", "snap-larry").stdout
    assert "GuestAgent" in shown and "held (by epoch)" in shown and "quiet:" in shown
    assert coordinator.lull("delete", "snap-larry", "--wait").returncode == 0


@pytest.fixture
def endpoint(coordinator):
    return Endpoint(coordinator.log_path)


@pytest.mark.parametrize("kind", ["lull", "stock"])
def test_what_became_of_a_snapshot_is_in_the_figures_and_in_one_line_of_the_log(
    api, coordinator, endpoint, guest, kind
):
    before, lines = endpoint.figures(), len(exposition.attempts(coordinator.log()))
    with agent(guest, kind):
        snapshot = api.snap("counted", guest.name)
    rig.wait_for(lambda: endpoint.figures()["lull_snapshot_ready_seconds"].value("_count")
                 == before["lull_snapshot_ready_seconds"].value("_count") + 1, 10, "it is counted as ready")
    told, now = report(snapshot), endpoint.figures()
    (line,) = exposition.attempts(coordinator.log())[lines:]

    def grown(name, suffix="", **labels):
        old = before[name].samples.get((suffix, tuple(sorted(labels.items()))), 0) if name in before else 0
        return now[name].value(suffix, **labels) - old

    assert grown("lull_attempts_total", result="quiesced") == 1
    assert grown("lull_cuts_total", level="fs", proof="held", witness="quiet") == 1
    assert grown("lull_freeze_window_seconds", "_count", agent=kind) == 1
    assert abs(grown("lull_freeze_window_seconds", "_sum", agent=kind) - told["windowMs"] / 1000) < 0.001
    assert grown("lull_snapshots_ended_total", result="ready") == 1
    names = {"name": guest.name, "snapshot_name": "counted", "namespace": "default"}
    taken = now["kubevirt_vmsnapshot_succeeded_timestamp_seconds"].value(**names)
    assert rest_time(snapshot["status"]["creationTime"]) == taken
    assert (line["vm"], line["snapshot"], line["attempt"], line["op"]) == (guest.name, "default/counted", "1", told["op"])
    assert [line[key] for key in ("result", "level", "proof", "proof-by", "witness", "agent")] == [
        "quiesced", "fs", "held", told["proofBy"], "quiet", kind
    ]
    assert float(line["window-ms"]) == pytest.approx(told["windowMs"], abs=0.1)
    assert line["window-is"] == told["windowIs"] and "why" not in line
    assert re.fullmatch(r"vda:[0-9.]+,vdb:[0-9.]+", line["cuts"])
    api.delete("counted")
    rig.wait_for(lambda: "kubevirt_vmsnapshot_succeeded_timestamp_seconds" not in endpoint.figures()
                 or names not in endpoint.figures()["kubevirt_vmsnapshot_succeeded_timestamp_seconds"].labels(),
                 20, "it is told no more")


def rest_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_guest_that_stands_still_is_told_as_long_as_it_does(coordinator, endpoint, guest):
    assert coordinator.lull("freeze", guest.name, "--for", "60s").returncode == 0
    frozen = endpoint.figures()
    assert coordinator.lull("thaw", guest.name).returncode == 0

    assert frozen["lull_frozen_guests"].value() == 1
    assert 0 < frozen["lull_oldest_frozen_guest_age_seconds"].value() < 60
    assert endpoint.figures()["lull_frozen_guests"].value() == 0


def test_figures_and_health_are_told_while_libvirt_hangs(endpoint, host):
    rig.wait_for(endpoint.is_ready, 20, "it is ready")
    with host.stopped_libvirtd():
        rig.wait_for(lambda: not endpoint.is_ready(), 60, "it is not ready")
        assert endpoint.ask("/readyz")[1].startswith(f"libvirt: libvirt at {host.uri} is away")
        assert endpoint.figures()["lull_frozen_guests"].value() == 0
        assert endpoint.ask("/healthz") == (200, "ok\n")
    rig.wait_for(endpoint.is_ready, 60, "it is ready again")


def test_a_stock_agent_is_believed_with_a_quiet_witness(api, guest):
    with agent(guest, "stock"):
        snapshot = api.snap("stock", guest.name)
    told = report(snapshot)

    assert indications(snapshot) == {"Online", "GuestAgent"}
    assert (told["level"], told["proof"], told["proofBy"], told["witness"]) == ("fs", "held", "witness", "quiet")
    assert told["agent"].startswith("qemu-ga") and told["windowIs"] == "upper-bound"


@pytest.mark.parametrize("kind, expected", [("none", "NoGuestAgent"), ("silent", "NoGuestAgent"), ("refusing", "QuiesceFailed")])
def test_without_a_freeze_it_is_cut_anyway_and_said(api, guest, kind, expected):
    with agent(guest, kind):
        snapshot = api.snap(f"with-{kind}", guest.name)
    told = report(snapshot)

    assert snapshot["status"]["readyToUse"]
    assert indications(snapshot) == {"Online", expected}
    assert (told["level"], told["proof"]) == ("crash", "none")
    assert told["proofReason"]
    verify_disk(os.path.join(api.data(snapshot), "vda.qcow2"), "ext4", replay=True)


def test_a_level_required_but_not_reached_fails_and_leaves_no_data(api, guest):
    with agent(guest, "none"):
        snapshot = api.snap("strict", guest.name, annotations={"lull.dev/require": "fs"})

    assert snapshot["status"]["phase"] == "Failed"
    assert reason(snapshot, "Failure") == "required level not reached"
    api.assert_nothing_left(guest.name)


def test_a_paused_guest_is_not_asked(api, guest):
    guest.domain.suspend()
    try:
        snapshot = api.snap("paused", guest.name)
    finally:
        guest.domain.resume()

    assert indications(snapshot) == {"Online", "Paused"}
    assert report(snapshot)["level"] == "crash"


def test_a_volume_left_out_is_named(api, guest):
    snapshot = api.snap("partial", guest.name, annotations={"lull.dev/exclude-volumes": "vdb"})

    assert indications(snapshot) == {"Online", "GuestAgent", "PartialSnapshot"}
    assert snapshot["status"]["snapshotVolumes"] == {"includedVolumes": ["vda"], "excludedVolumes": ["vdb"]}
    assert [row["name"] for row in report(snapshot)["excluded"]] == ["vdb"]
    assert not os.path.exists(os.path.join(api.data(snapshot), "vdb.qcow2"))


def test_a_volume_that_is_not_there_cannot_be_left_out(api, guest):
    snapshot = api.snap("bad-policy", guest.name, timeout=5, annotations={"lull.dev/exclude-volumes": "vdz"})

    assert snapshot["status"]["phase"] == "Failed"
    assert "lull.dev/exclude-volumes" in reason(snapshot, "Failure")
    assert snapshot["status"]["error"]["message"] == reason(snapshot, "Failure")


def test_an_unknown_vm_is_waited_for_until_the_deadline(api):
    api.take("nobody", "nobody", failureDeadline="3s")
    rig.wait_for(
        lambda: reason(api.snapshot("nobody"), "Progressing") == "Source does not exist", 3, "told that it is not there"
    )
    snapshot = api.settle("nobody", timeout=10)

    assert snapshot["status"]["phase"] == "Failed"
    assert reason(snapshot, "Failure") == "snapshot deadline exceeded"


@contextlib.contextmanager
def paused_guest(host, name, disks):
    """A guest that never runs: good for what is decided before anything is asked of it."""
    guest = rig.Guest(host, name, disks=disks, writer=False)
    try:
        guest.define()
        guest.domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        yield guest
    finally:
        guest.remove()


SHARED = rig.Disk("vdb", "ext4", format="raw", shareable=True)


def test_a_vm_without_data_has_its_configuration_saved_and_restored(api, host):
    with paused_guest(host, "diskless", [rig.Disk("vda", "ext4", readonly=True)]) as other:
        snapshot = api.snap("diskless", other.name)
        stored = sorted(os.listdir(api.data(snapshot)))
        other.destroy()
        api.restore("diskless", "diskless", other.name)
        restored = api.settle_restore("diskless")
        api.rest.delete(f"{RESTORES}/diskless")

    assert condition(snapshot, "Ready") and indications(snapshot) == {"Online", "Paused"}
    assert snapshot["status"]["snapshotVolumes"] == {"includedVolumes": [], "excludedVolumes": ["vda"]}
    assert stored == ["domain.xml", "manifest.json"]
    assert condition(restored, "Ready")


def test_a_running_guest_is_not_asked_to_hold_still_for_its_configuration_alone(api, guest):
    snapshot = api.snap("config", guest.name, annotations={"lull.dev/exclude-volumes": "vda,vdb"})

    assert condition(snapshot, "Ready")
    assert indications(snapshot) == {"Online", "PartialSnapshot"}
    assert (report(snapshot)["agent"], report(snapshot)["level"], report(snapshot)["proof"]) == (None, "crash", "none")


def test_a_vm_none_of_whose_data_can_be_saved_fails_naming_each_disk(api, host):
    with paused_guest(host, "hopeless", [SHARED]) as other:
        snapshot = api.snap("hopeless", other.name, timeout=10)

    assert snapshot["status"]["phase"] == "Failed"
    assert "vdb" in reason(snapshot, "Failure") and "shareable" in reason(snapshot, "Failure")


def test_a_disk_whose_data_is_missed_makes_a_snapshot_partial(api, host):
    with paused_guest(host, "sharing", [rig.EXT4, SHARED]) as other:
        snapshot = api.snap("sharing", other.name)

    assert snapshot["status"]["snapshotVolumes"] == {"includedVolumes": ["vda"], "excludedVolumes": ["vdb"]}
    assert snapshot["status"]["indications"] == ["Online", "Paused", "PartialSnapshot"]
    assert [entry["indication"] for entry in snapshot["status"]["sourceIndications"]][-1] == "PartialSnapshot"
    assert "shareable" in report(snapshot)["excluded"][0]["reason"]


def test_a_disk_that_was_plugged_in_is_included(api, host):
    disk = rig.Disk("vdc", "ext4")
    with paused_guest(host, "plugged", [rig.EXT4]) as other:
        path = os.path.join(other.dir, "plugged.qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "16M"], check=True)
        other.domain.attachDeviceFlags(disk.xml(path), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        snapshot = api.snap("plugged", other.name)

    assert snapshot["status"]["snapshotVolumes"] == {"includedVolumes": ["vda", "vdc"], "excludedVolumes": []}
    assert os.path.exists(os.path.join(api.data(snapshot), "vdc.qcow2"))


def test_a_stored_volume_that_vanishes_makes_the_snapshot_not_ready_until_it_is_back(api, guest):
    snapshot = api.snap("vanishing", guest.name)
    path = os.path.join(api.data(snapshot), "vdb.qcow2")
    os.rename(path, path + ".away")
    rig.wait_for(lambda: not condition(api.snapshot("vanishing"), "Ready"), 10, "it is not ready")
    lost = api.snapshot("vanishing")
    os.rename(path + ".away", path)
    rig.wait_for(lambda: condition(api.snapshot("vanishing"), "Ready"), 10, "it is ready again")
    found = api.settle("vanishing", timeout=10)

    assert (lost["status"]["phase"], lost["status"]["readyToUse"]) == ("Succeeded", False)
    lacks = f"VolumeSnapshots (vmsnapshot-{snapshot['metadata']['uid']}-volume-vdb) missing"
    assert lost["status"]["error"]["message"] == lacks
    assert reason(lost, "Progressing") == "In error state"
    assert found["status"]["readyToUse"] and "error" not in found["status"]


def test_a_read_only_disk_is_left_out_with_its_reason(api, host):
    with paused_guest(host, "readonly", [rig.EXT4, rig.Disk("vdb", "ext4", readonly=True)]) as other:
        snapshot = api.snap("readonly", other.name)
        excluded = report(snapshot)["excluded"]

    assert snapshot["status"]["snapshotVolumes"] == {"includedVolumes": ["vda"], "excludedVolumes": ["vdb"]}
    assert [row["name"] for row in excluded] == ["vdb"] and excluded[0]["reason"]
    assert "PartialSnapshot" not in snapshot["status"]["indications"]


@pytest.fixture
def small_coordinator(host, guest):
    """A coordinator whose state is on a disk that is too small for any snapshot."""
    coordinator = rig.Coordinator(host, "small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", coordinator.state_dir], check=True)
    try:
        coordinator.start()
        yield coordinator
    finally:
        coordinator.kill()
        subprocess.run(["umount", coordinator.state_dir], check=True)


def test_no_space_is_told_before_anything_is_frozen(small_coordinator, guest):
    api = Api(small_coordinator)
    guest.forget_gaps()
    api.take("large", guest.name, failureDeadline="4s")
    rig.wait_for(lambda: api.snapshot("large").get("status", {}).get("error"), 4, "the error is told")
    snapshot = api.settle("large", timeout=15)

    assert snapshot["status"]["phase"] == "Failed"
    assert "space" in snapshot["status"]["error"]["message"]
    api.assert_nothing_left(guest.name)
    assert "freeze " not in small_coordinator.log()


def test_a_freeze_by_hand_and_a_snapshot_exclude_each_other(api, coordinator, guest):
    frozen = coordinator.lull("freeze", guest.name, "--for", "30s")
    assert frozen.returncode == 0, frozen.stderr
    guest.assert_frozen("ext4")
    api.take("excluded", guest.name, failureDeadline="2s")
    snapshot = api.settle("excluded", timeout=10)
    thawed = coordinator.lull("thaw", guest.name)

    assert snapshot["status"]["phase"] == "Failed"
    assert "held by lull freeze" in snapshot["status"]["error"]["message"]
    assert thawed.returncode == 0 and "held" in thawed.stdout
    guest.assert_writes_resume(within=2)


def test_a_freeze_by_hand_ends_by_itself(coordinator, guest):
    assert coordinator.lull("freeze", guest.name, "--for", "1s").returncode == 0

    guest.assert_writes_resume(within=1 + 2)
    rig.wait_for(lambda: coordinator.lull("thaw", guest.name).returncode != 0, 5, "nothing left to thaw")


def test_a_deleted_snapshot_leaves_nothing(api, guest):
    snapshot = api.snap("gone", guest.name)
    folder = api.data(snapshot)
    assert condition(snapshot, "Ready") and os.path.exists(folder)
    api.delete("gone")

    rig.wait_for(lambda: not os.path.exists(folder), 20, "its data is gone")
    api.assert_nothing_left(guest.name)


def test_a_second_coordinator_on_the_same_state_is_refused(coordinator):
    command = [rig.program("lull-coordinator"), "--uri", coordinator.host.uri, "--state-dir", coordinator.state_dir]
    command += ["--runtime-dir", coordinator.runtime_dir, "--socket", coordinator.socket + ".2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert "another lull-coordinator" in done.stderr
