# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A guest with disks behind controllers of every make, none of which has a serial number: each file system is known
to be on the disk that it is on, and each disk comes back as it was."""

import os
import subprocess

import pytest

from api import RESTORES, condition, report
from rig import Disk

LEFT_OUT = "sde"
DISKS = (
    Disk("vda", "ext4", "/mnt/vda"),
    Disk("sda", "ext4", "/mnt/sda", bus="scsi", drive=(0, 0, 0, 0)),
    Disk("sdb", "ext4", "/mnt/sdb", bus="scsi", drive=(0, 0, 2, 0)),
    Disk(LEFT_OUT, "ext4", f"/mnt/{LEFT_OUT}", bus="scsi", drive=(0, 0, 0, 3)),
    Disk("sdc", "ext4", "/mnt/sdc", bus="scsi", drive=(1, 0, 0, 2), model="lsilogic"),
    Disk("sdd", "ext4", "/mnt/sdd", bus="sata", drive=(0, 0, 0, 1)),
    Disk("hdd", "ext4", "/mnt/hdd", bus="ide", drive=(0, 1, 0, 1)),
)
TARGETS = [disk.target for disk in DISKS]
TOLD_ALIKE = ("sda", "sdb")  # by stock, which tells the unit of a SCSI disk and not its target


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("buses", agent="lull", disks=DISKS, kit="buses") as guest:
        yield guest


@pytest.fixture(scope="module")
def coordinator(host, guest):
    with host.coordinator("buses") as coordinator:
        yield coordinator


@pytest.fixture(params=["lull", "stock"])
def kind(request, guest):
    if request.param != guest.agent_kind:
        guest.switch_agent(request.param)
    yield request.param
    if guest.agent_kind != "lull":
        guest.switch_agent("lull")


def rows(told, key):
    return {os.path.basename(row["mountpoint"]): row[key] for row in told["filesystems"]}


def test_every_file_system_is_known_to_be_on_its_disk(kind, api, guest):
    told = report(api.snap(f"known-{kind}", guest.name))
    api.delete(f"known-{kind}")

    assert (told["level"], told["proof"], told["witness"]) == ("fs", "held", "quiet"), told
    assert set(rows(told, "result").values()) == {"frozen"}, told
    unknown = TOLD_ALIKE if kind == "stock" else ()
    assert rows(told, "volumes") == {name: [] if name in unknown else [name] for name in TARGETS}


def test_our_agent_freezes_those_that_are_asked_for_and_no_other(api, guest):
    """A volume that is left out can be written to, so that the others are asked for one by one."""
    told = report(api.snap("asked", guest.name, annotations={"lull.dev/exclude-volumes": LEFT_OUT}))
    api.delete("asked")

    assert (told["level"], told["proof"], told["witness"]) == ("fs", "held", "quiet"), told
    results = rows(told, "result")
    assert results.pop(LEFT_OUT) == "skipped", told
    assert results == {name: "frozen" for name in TARGETS if name != LEFT_OUT}, told


def sums(guest):
    return guest.sh("cd /mnt; sha256sum */mark").splitlines()


def put_marks(guest):
    """On each disk one that no other has."""
    guest.sh("for mount in /mnt/*; do head -c 1000000 /dev/urandom >$mount/mark; done; sync")
    told = sums(guest)
    assert len({line.split()[0] for line in told}) == len(TARGETS), told
    return told


def test_a_restore_brings_every_disk_back_byte_by_byte(api, guest):
    marks = put_marks(guest)
    snapshot = api.snap("kept", guest.name)
    assert snapshot["status"]["snapshotVolumes"]["includedVolumes"] == sorted(TARGETS), snapshot
    assert report(snapshot)["proof"] == "held", snapshot
    assert not set(put_marks(guest)) & set(marks)

    guest.destroy()
    api.wait_state(guest.name, "Stopped")
    api.restore("back", "kept", guest.name)
    restored = api.settle_restore("back")
    api.rest.delete(f"{RESTORES}/back")
    assert condition(restored, "Ready"), restored
    for target in TARGETS:
        paths = guest.current_disk_path(target), os.path.join(api.data(snapshot), f"{target}.qcow2")
        subprocess.run(["qemu-img", "compare", "-q", *paths], check=True)

    guest.start()
    assert sums(guest) == marks
    api.delete("kept")
