# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What lull doctor finds in a real guest when something is wrong with it."""

import contextlib
import json
import signal
import subprocess

import pytest

from rig import wait_for


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("doctor", agent="lull", writer=False) as guest:
        yield guest


@pytest.fixture(scope="module")
def coordinator(host, guest):
    with host.coordinator("doctors") as coordinator:
        yield coordinator


@pytest.fixture
def find(coordinator, guest):
    def run(state_dir=None):
        done = coordinator.lull("doctor", guest.name, "--uri", guest.host.uri, "--state-dir",
                                state_dir or coordinator.state_dir, "-o", "json")
        findings = json.loads(done.stdout)["findings"]
        assert done.returncode == any(finding["severity"] != "note" for finding in findings), done.stderr
        return {finding["check"]: finding for finding in findings}
    return run


@contextlib.contextmanager
def agent(guest, kind):
    guest.switch_agent(kind)
    try:
        yield
    finally:
        guest.switch_agent("lull")


def test_nothing_is_found_in_a_guest_with_our_agent(find):
    assert find() == {}


@pytest.mark.parametrize("kind, check", [
    ("none", "agent-absent"), ("silent", "agent-silent"), ("stock", "agent-stock")])
def test_agent_that_is_not_ours_is_found(guest, find, kind, check):
    with agent(guest, kind):
        assert list(find()) == [check]


def test_guest_left_frozen_is_found_and_its_remedy_works(guest, find):
    guest.host.virsh("domfsfreeze", guest.name)
    finding = find()["guest-frozen"]
    assert finding["remedy"].splitlines()[-1] == f"virsh domfsthaw '{guest.name}'"
    guest.host.virsh("domfsthaw", guest.name)
    assert find() == {}


def test_paused_guest_is_found(guest, find):
    guest.host.virsh("suspend", guest.name)
    found = find()
    guest.host.virsh("resume", guest.name)
    assert list(found) == ["vm-paused"]


def test_backup_job_of_somebody_else_is_found(guest, find, tmp_path):
    xml = tmp_path / "backup.xml"
    xml.write_text(f"<domainbackup mode='pull'><server transport='unix' socket='{guest.dir}/nbd.sock'/><disks>"
                   f"<disk name='vda' backup='yes' type='file'><scratch file='{guest.dir}/scratch'/></disk>"
                   "<disk name='vdb' backup='no'/></disks></domainbackup>")
    guest.host.virsh("backup-begin", guest.name, str(xml))
    found = find()
    guest.host.virsh("domjobabort", guest.name)
    wait_for(lambda: "foreign-job" not in find(), 30, "the job is over")
    assert list(found) == ["foreign-job"]


def test_checkpoint_of_somebody_else_is_found(guest, find):
    guest.host.virsh("checkpoint-create-as", guest.name, "nightly", "--diskspec", "vda", "--diskspec",
                     "vdb,checkpoint=no")
    found = find()
    guest.host.virsh("checkpoint-delete", guest.name, "nightly")
    assert "nightly" in found["foreign-checkpoint"]["what"]
    assert find() == {}


def test_block_job_is_found(guest, find):
    guest.host.virsh("blockcopy", guest.name, "vdb", f"{guest.dir}/copy", "--transient-job")
    found = find()
    guest.host.virsh("blockjob", guest.name, "vdb", "--abort")
    assert found["block-job"]["subject"] == f"vm {guest.name}, disk vdb"
    assert find() == {}


def test_folder_without_room_is_found(guest, find):
    folder = f"{guest.dir}/small"
    subprocess.run(["mkdir", folder], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=True)
    try:
        assert find(state_dir=folder)["no-room"]["subject"] == f"vm {guest.name}"
    finally:
        subprocess.run(["umount", folder], check=True)


def test_coordinator_that_is_stopped_is_found_and_its_guests_looked_at(guest, coordinator, find):
    with agent(guest, "stock"):
        coordinator.kill(signal.SIGSTOP)
        try:
            found = find()
        finally:
            coordinator.kill(signal.SIGCONT)
    assert set(found) == {"coordinator-silent", "agent-stock"}
