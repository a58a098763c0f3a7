# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Formats and cache modes of disks, of a machine that asks for incremental snapshots: what cannot be had of which
disk is told, with what to do about it, before a guest is asked for anything. The machines never run."""

import contextlib
import subprocess

import libvirt
import pytest

import rig
from api import VMS, Api, condition, report
from rig import Disk

DISKS = (
    Disk("vda", "ext4"),
    Disk("vdb", "ext4"),  # made an old one
    Disk("vdc", "ext4", format="raw", cache="none"),
    Disk("vdd", "ext4", format="vmdk"),
    Disk("vde", "ext4", cache="directsync"),
    Disk("vdf", "ext4", cache="writethrough"),
    Disk("vdg", "ext4", cache="unsafe"),
)
RECORDED = {"vda", "vde", "vdf", "vdg"}


@contextlib.contextmanager
def paused_guest(host, name, disks):
    guest = rig.Guest(host, name, disks=disks, writer=False)
    try:
        guest.define()
        guest.set_incremental(True)
        yield guest
    finally:
        guest.remove()


def start_paused(guest):
    guest.domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)


def amend(guest, target, compat):
    subprocess.run(["qemu-img", "amend", "-f", "qcow2", "-o", f"compat={compat}", guest.disk_path(target)], check=True)


@pytest.fixture(scope="module")
def guest(host):
    with paused_guest(host, "mixed", DISKS) as guest:
        amend(guest, "vdb", "0.10")
        start_paused(guest)
        yield guest


@pytest.fixture
def api(host, guest):
    """Afterwards nothing is left."""
    with host.coordinator("formats") as coordinator:
        api = Api(coordinator)
        yield api
        for name in ("first", "second"):
            api.delete(name)
        api.assert_nothing_left(guest.name, libvirt=True)


def left_out(api, vm):
    """Why, of each volume that no snapshot can have, as it is shown before one is asked for."""
    rows = api.get(f"{VMS}/{vm}")["status"]["volumeSnapshotStatuses"]
    return {row["name"]: row["reason"] for row in rows if not row["enabled"]}


def copies(snapshot):
    return {row["name"]: (row["copy"], row.get("copyReason", "")) for row in report(snapshot)["volumes"]}


def test_each_disk_is_copied_as_its_format_and_cache_mode_allow(api, guest):
    api.wait_state(guest.name, "Paused")
    assert list(left_out(api, guest.name)) == ["vdd"]
    first, second = (api.snap(name, guest.name) for name in ("first", "second"))

    assert condition(first, "Ready") and condition(second, "Ready"), second
    assert {name for name, (copy, _) in copies(second).items() if copy == "incremental"} == RECORDED
    assert {copy for copy, _ in copies(first).values()} == {"full"}
    full = {name: why for name, (copy, why) in copies(second).items() if copy == "full"}
    assert set(full) == {"vdb", "vdc"}
    assert "stop it and qemu-img amend -o compat=1.1" in full["vdb"]
    assert "a raw image keeps no record of changes: qemu-img convert -O qcow2 would" in full["vdc"]
    assert second["status"]["snapshotVolumes"]["excludedVolumes"] == ["vdd"]
    assert "qemu-img convert -f vmdk -O qcow2" in left_out(api, guest.name)["vdd"]


def test_what_is_said_to_help_an_old_image_helps(api, guest):
    guest.destroy()
    amend(guest, "vdb", "1.1")
    start_paused(guest)
    api.wait_state(guest.name, "Paused")
    for name in ("first", "second"):
        assert condition(api.snap(name, guest.name), "Ready")

    assert copies(api.snapshot("second"))["vdb"][0] == "incremental"


def test_a_machine_of_which_nothing_can_be_saved_is_refused_before_an_attempt(api, host, guest):
    with paused_guest(host, "foreign", [Disk("vda", "ext4", format="vmdk")]) as other:
        start_paused(other)
        done = api.coordinator.lull("snapshot", other.name, "first", "--wait")
        log = api.coordinator.log()

    assert done.returncode == 1, done
    assert "while the machine is off, qemu-img convert -f vmdk -O qcow2 its file" in done.stderr
    assert "attempt 1" not in log, log
