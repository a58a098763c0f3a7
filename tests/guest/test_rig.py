# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The rig itself, with stock qemu-ga: what other guest tests take for granted."""

import libvirt
import pytest

from images import verify_disk
from rig import wait_for


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("rig", agent="stock") as guest:
        yield guest


@pytest.fixture
def frozen(guest):
    guest.host.virsh("domfsfreeze", guest.name)
    yield guest
    guest.host.virsh("domfsthaw", guest.name)


def test_a_guest_writes_to_both_disks(guest):
    guest.assert_writes_resume(within=5)

    assert guest.written() == ["ext4", "xfs"]


def test_the_shell_tells_status_and_output(guest):
    assert guest.sh_status("echo out; echo err >&2; exit 7") == (7, "out\nerr\n")


def test_a_freeze_stops_the_writer_and_leaves_the_shell(frozen):
    frozen.assert_frozen("ext4")
    frozen.assert_frozen("xfs")

    assert frozen.agent("guest-fsfreeze-status") == "frozen"


def test_writes_resume_after_a_thaw(guest):
    guest.host.virsh("domfsfreeze", guest.name)
    guest.host.virsh("domfsthaw", guest.name)

    guest.assert_writes_resume(within=5)


def test_the_longest_gap_shows_the_freeze(guest):
    guest.forget_gaps()
    guest.host.virsh("domfsfreeze", guest.name)
    guest.assert_frozen("ext4", seconds=0.5)
    guest.host.virsh("domfsthaw", guest.name)
    guest.assert_writes_resume(within=5)

    assert max(gap for _, _, gap in guest.gaps("ext4")) > 500_000


def test_a_backup_of_a_frozen_guest_is_whole_without_replay(guest, tmp_path):
    targets = {disk.target: tmp_path / f"{disk.target}.qcow2" for disk in guest.disks}
    request = "<domainbackup mode='push'><disks>%s</disks></domainbackup>" % "".join(
        f"<disk name='{target}' backup='yes' type='file'><driver type='qcow2'/><target file='{path}'/></disk>"
        for target, path in targets.items()
    )
    before = {name: guest.seq(name) for name in guest.written()}
    guest.domain.fsFreeze()
    guest.domain.backupBegin(request, None)
    guest.domain.fsThaw()
    after = {name: guest.seq(name) for name in guest.written()}
    wait_for_job(guest)

    for disk in guest.disks:
        contents = verify_disk(targets[disk.target], disk.kind)

        assert before[disk.kind] <= contents.lines <= after[disk.kind] + 1


def wait_for_job(guest):
    wait_for(lambda: guest.domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE, 60, "backup done")


def test_a_killed_agent_is_back_at_once(guest):
    guest.kill("qemu-ga")

    guest.wait_agent()


def test_a_refusing_agent_answers_but_does_not_freeze(guest):
    guest.switch_agent("refusing")
    try:
        with pytest.raises(libvirt.libvirtError):
            guest.agent("guest-fsfreeze-freeze")
        guest.assert_writes_resume(within=5)
    finally:
        guest.switch_agent("stock")


def test_a_silent_agent_never_answers(guest):
    guest.switch_agent("silent")
    try:
        with pytest.raises(libvirt.libvirtError) as error:
            guest.agent("guest-ping", timeout=1)
        assert error.value.get_error_code() == libvirt.VIR_ERR_AGENT_UNRESPONSIVE
    finally:
        guest.switch_agent("stock")


def test_without_an_agent_the_channel_is_disconnected(guest):
    guest.switch_agent("none")
    try:
        with pytest.raises(libvirt.libvirtError, match="not connected"):
            guest.agent("guest-ping", timeout=1)
    finally:
        guest.switch_agent("stock")


def test_the_sequence_goes_on_after_a_power_cut(guest):
    before = guest.seq("ext4")

    guest.destroy()
    guest.start()
    guest.assert_writes_resume(within=5)

    assert guest.seq("ext4") > before
    guest.poweroff()
    assert verify_disk(guest.current_disk_path("vda"), "ext4").lines >= before
    guest.start()
