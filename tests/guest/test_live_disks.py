# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Machines whose disks are not those of their definition: the snapshot has what they ran with."""

import os
import subprocess

import libvirt
import pytest

import rig
from api import RESTORES, Api, condition, report
from images import verify_disk
from rig import EXT4, HERE

LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG


@pytest.fixture
def guest(host):
    with host.guest("plugged", agent="lull", disks=(EXT4,)) as guest:
        yield guest


@pytest.fixture
def api(host, guest):
    with host.coordinator("plugs") as coordinator:
        yield Api(coordinator)


def targets(guest, flags=0):
    return [disk.split("'")[0] for disk in guest.domain.XMLDesc(flags).split("<target dev='")[1:]]


def restore(api, guest, snapshot):
    guest.destroy()
    api.wait_state(guest.name, "Stopped")
    api.restore("back", snapshot, guest.name)
    settled = api.settle_restore("back")
    api.rest.delete(f"{RESTORES}/back")
    assert condition(settled, "Ready"), settled
    return next(c for c in settled["status"]["conditions"] if c["type"] == "Ready").get("message", "")


@pytest.mark.parametrize("flags, defined", [(LIVE, ["vda"]), (LIVE | CONFIG, ["vda", "vdc"])], ids=["live", "persistent"])
def test_a_disk_that_was_plugged_in_is_saved_and_comes_back_with_the_definition(api, guest, flags, defined):
    """Where it is in the definition as well there is nothing to be told."""
    noted = "vdc was plugged in" if flags == LIVE else ""
    path = os.path.join(guest.dir, "plugged.qcow2")
    subprocess.run([os.path.join(HERE, "make-disk"), path, "ext4"], check=True)
    guest.domain.attachDeviceFlags(
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        f"<source file='{path}'/><target dev='vdc' bus='virtio'/></disk>",
        flags,
    )
    assert targets(guest, libvirt.VIR_DOMAIN_XML_INACTIVE) == defined
    rig.wait_for(lambda: guest.sh_status("test -b /dev/vdb -o -b /dev/vdc")[0] == 0, 20, "the guest sees it")
    guest.sh("mkdir /mnt/plugged; mount -t ext4 /dev/vd[bc] /mnt/plugged; echo before >/mnt/plugged/mark; sync")
    snapshot = api.snap("with", guest.name)
    assert snapshot["status"]["snapshotVolumes"]["includedVolumes"] == ["vda", "vdc"], snapshot
    assert [noted in note for note in report(snapshot).get("definition", [])] == [True] * bool(noted)
    guest.sh("echo after >/mnt/plugged/mark; sync")

    told = restore(api, guest, "with")
    assert noted in told and bool(told) == bool(noted)
    assert targets(guest) == ["vda", "vdc"]
    assert verify_disk(path, "ext4", replay=True).files["mark"] == b"before\n"
    guest.start()
    guest.assert_writes_resume(within=10)


def test_a_source_that_the_definition_does_not_have_is_the_one_that_is_restored(api, guest):
    """As somebody leaves it who edits the definition while the machine runs."""
    elsewhere = os.path.join(guest.dir, "elsewhere.qcow2")
    subprocess.run([os.path.join(HERE, "make-disk"), elsewhere, "ext4"], check=True)
    xml = guest.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    guest.host.connection.defineXML(xml.replace(guest.disk_path("vda"), elsewhere))
    guest.sh("echo before >/mnt/ext4/mark; sync")
    snapshot = api.snap("running", guest.name)
    assert condition(snapshot, "Ready"), snapshot
    guest.sh("echo after >/mnt/ext4/mark; sync")

    assert "vda ran with another source" in restore(api, guest, "running")
    assert guest.current_disk_path("vda") == guest.disk_path("vda")
    guest.start()
    assert guest.sh("cat /mnt/ext4/mark").strip() == "before"
