# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Hosts as they are: QEMU as a user of its own, disks that are block devices, firmware with a memory."""

import os
import pwd

import pytest

import rig
from api import RESTORES, Api, condition, reason, report
from images import verify_disk
from rig import EXT4, Disk

QEMU_USER = "libvirt-qemu"


@pytest.fixture(scope="module")
def plain_host():
    """A libvirtd whose QEMUs are not root."""
    with rig.Host(qemu_user=QEMU_USER) as host:
        yield host


def stop(api, guest):
    guest.destroy()
    api.wait_state(guest.name, "Stopped")


def restore(api, guest, snapshot):
    api.restore("back", snapshot, guest.name)
    settled = api.settle_restore("back")
    assert condition(settled, "Ready"), f"{reason(settled, 'Failure')}\n{api.coordinator.log()}"
    api.rest.delete(f"{RESTORES}/back")
    rig.wait_for(lambda: not api.get(f"{RESTORES}/back"), 10, "the restore is deleted")


def owner(path):
    info = os.stat(path)
    return info.st_uid, info.st_gid, info.st_mode & 0o7777


def test_qemu_as_a_user_of_its_own_is_saved_and_restored(plain_host):
    """Nobody else gets at what was saved, and the images belong to whom they belonged to."""
    disks = (EXT4, Disk("vdb", "xfs", "/mnt/xfs", format="raw"))
    with plain_host.guest("drudge", agent="lull", disks=disks) as guest, plain_host.coordinator("c") as coordinator:
        api = Api(coordinator)
        os.chmod(guest.disk_path("vda"), 0o640)
        assert pwd.getpwuid(os.stat(f"/proc/{guest.qemu_pid()}").st_uid).pw_name == QEMU_USER
        guest.sh("echo before >/mnt/ext4/mark; sync")
        snapshot = api.snap("first", guest.name)
        assert condition(snapshot, "Ready") and report(snapshot)["proof"] == "held", snapshot
        for disk in disks:
            assert owner(os.path.join(api.data(snapshot), f"{disk.target}.qcow2")) == (0, 0, 0o600)
        guest.sh("echo after >/mnt/ext4/mark; sync")
        stop(api, guest)
        os.chown(guest.disk_path("vda"), 12, 34)
        before = {disk.target: owner(guest.disk_path(disk.target)) for disk in disks}
        restore(api, guest, "first")

        assert {disk.target: owner(guest.disk_path(disk.target)) for disk in disks} == before
        guest.start()
        assert guest.sh("cat /mnt/ext4/mark").strip() == "before"
        guest.assert_writes_resume(within=10)


def test_disks_that_are_block_devices_are_saved_and_restored(host):
    """One raw, one with a qcow2 on it; restored onto what they are, running and off."""
    disks = (
        Disk("vda", "ext4", "/mnt/ext4", block=True),
        Disk("vdb", "xfs", "/mnt/xfs", format="raw", block=True),
    )
    with host.guest("blocks", agent="lull", disks=disks) as guest, host.coordinator("blocks-c") as coordinator:
        api = Api(coordinator)
        guest.sh("echo before >/mnt/ext4/mark; echo before >/mnt/xfs/mark; sync")
        snapshot = api.snap("running", guest.name)
        assert condition(snapshot, "Ready") and report(snapshot)["proof"] == "held", snapshot
        for disk in disks:
            stored = verify_disk(os.path.join(api.data(snapshot), f"{disk.target}.qcow2"), disk.kind)
            assert stored.files["mark"] == b"before\n"
        guest.sh("echo after >/mnt/ext4/mark; echo after >/mnt/xfs/mark; sync")
        guest.poweroff()
        api.wait_state(guest.name, "Stopped")
        later = api.snap("off", guest.name)
        assert condition(later, "Ready") and report(later)["level"] == "stopped", later
        restore(api, guest, "running")
        guest.start()
        assert guest.sh("cat /mnt/ext4/mark /mnt/xfs/mark").split() == ["before", "before"]
        stop(api, guest)
        restore(api, guest, "off")
        guest.start()
        assert guest.sh("cat /mnt/ext4/mark /mnt/xfs/mark").split() == ["after", "after"]


def mount_variables(guest):
    guest.sh("insmod /lib/modules/efivarfs.ko && mount -t efivarfs efivarfs /sys/firmware/efi/efivars")


def add_variable(guest, name):
    """To the firmware's memory, as a boot loader does it: 4 bytes of attributes, then the data."""
    guest.sh(
        "printf '\\007\\000\\000\\000here' >/tmp/v && "
        f"cat /tmp/v >/sys/firmware/efi/efivars/{name}-12345678-1234-1234-1234-123456789abc"
    )


def variables(guest):
    names = guest.sh("ls /sys/firmware/efi/efivars").split()
    return {name.split("-")[0] for name in names if name.endswith("-12345678-1234-1234-1234-123456789abc")}


def test_what_the_firmware_remembers_comes_back(host):
    with (
        host.guest("firm", agent="lull", disks=(EXT4,), firmware="uefi", writer=False) as guest,
        host.coordinator("firm-c") as coordinator,
    ):
        api = Api(coordinator)
        mount_variables(guest)
        add_variable(guest, "Before")
        snapshot = api.snap("first", guest.name)
        assert condition(snapshot, "Ready") and "nvram.fd" in os.listdir(api.data(snapshot)), snapshot
        add_variable(guest, "After")
        assert variables(guest) == {"Before", "After"}
        before = owner(guest.nvram_path)
        stop(api, guest)
        restore(api, guest, "first")
        assert owner(guest.nvram_path) == before
        guest.start()
        mount_variables(guest)

        assert variables(guest) == {"Before"}
