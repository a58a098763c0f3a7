# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What people run: lull hold around a program that copies, and a stock kubectl; with a guest whose disks have no
serial number."""

import json
import os
import subprocess

import pytest

import rest
from api import SNAP_LARRY, report
from images import verify_disk
from rig import ROOT, Disk, program, wait_for

DISKS = (Disk("vda", "ext4", "/mnt/ext4", alias="ua-rootdisk"), Disk("vdb", "xfs", "/mnt/xfs"))
PLACES = {"/mnt/ext4": ["rootdisk"], "/mnt/xfs": ["vdb"]}


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("larry", agent="lull", disks=DISKS) as guest:
        yield guest


@pytest.fixture(scope="module")
def coordinator(host, guest):
    with host.coordinator("clients") as coordinator:
        yield coordinator


def test_disks_without_a_serial_number_are_known_by_their_address(api, guest):
    told = report(api.snap("addressed", guest.name))
    api.delete("addressed")

    assert (told["level"], told["proof"], told["witness"]) == ("fs", "held", "quiet"), told
    assert [row["name"] for row in told["volumes"]] == ["rootdisk", "vdb"]
    assert {row["mountpoint"]: row["volumes"] for row in told["filesystems"]} == PLACES


# lull hold


def copy_of(guest, disk, name):
    return guest.disk_path(disk.target), os.path.join(guest.dir, f"{name}-{disk.target}.qcow2")


def test_what_a_command_copies_while_the_machine_is_held_is_whole(api, coordinator, guest):
    """By a program that knows nothing of libvirt."""
    copies = [copy_of(guest, disk, "held") for disk in DISKS]
    copy = " && ".join(f"cp --sparse=always {source} {target}" for source, target in copies)
    done = coordinator.lull("hold", guest.name, "--", "sh", "-c", f"{copy} && echo copied")

    assert (done.returncode, done.stdout) == (0, "copied\n"), done
    assert "held" in done.stderr, done
    for disk, (_, target) in zip(DISKS, copies):
        assert verify_disk(target, disk.kind).lines > 0
        os.unlink(target)


def test_a_hold_that_broke_while_the_command_ran_is_told_from_one_that_lasted(api, coordinator, guest):
    thaw = json.dumps({"execute": "guest-fsfreeze-thaw"})
    done = coordinator.lull(
        *("hold", guest.name, "--", "virsh", "-q", "-c", guest.host.uri, "qemu-agent-command", guest.name, thaw)
    )

    assert done.returncode == 3 and json.loads(done.stdout) == {"return": 2}, done
    assert "foreign thaw" in done.stderr and "not consistent" in done.stderr, done


def test_a_command_that_fails_was_held_all_the_same(api, coordinator, guest):
    done = coordinator.lull("hold", guest.name, "--", "sh", "-c", "exit 7")

    assert done.returncode == 4 and "it was held, but COMMAND failed" in done.stderr, done


def test_who_holds_is_killed_and_the_guest_goes_on(api, coordinator, guest):
    waiting = subprocess.Popen(
        [program("lull"), "--socket", coordinator.socket, "hold", guest.name, "--", "sh", "-c", "echo begun; cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with waiting:
        assert waiting.stdout.readline() == "begun\n"
        guest.assert_frozen("ext4")
        guest.assert_frozen("xfs")
        waiting.kill()
        guest.assert_writes_resume(within=2)


# kubectl


@pytest.fixture(scope="module")
def program_kubectl():
    fetch = os.path.join(ROOT, "tests/lib/go/fetch")
    return subprocess.run([fetch, "kubectl"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@pytest.fixture
def command(api, coordinator, guest, program_kubectl):
    """The words that run kubectl, led to the coordinator."""
    lull = [program("lull"), "--socket", coordinator.socket]
    return [*lull, "proxy", "--", "env", f"HOME={guest.dir}", program_kubectl]


@pytest.fixture
def kubectl(command):
    """Runs a kubectl that must succeed, and returns what it printed."""

    def run(*arguments, stdin=""):
        done = subprocess.run([*command, *arguments], input=stdin, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, (arguments, done)
        return done.stdout

    return run


def test_kubectl_takes_a_snapshot_of_a_guest_waits_for_it_and_deletes_it(kubectl, api):
    name = "virtualmachinesnapshot.snapshot.kubevirt.io/snap-larry"
    assert kubectl("apply", "-f", "-", stdin=SNAP_LARRY) == f"{name} created\n"
    assert kubectl("wait", "--for=condition=Ready", "--timeout=120s", name) == f"{name} condition met\n"
    head, row = kubectl("get", "vmsnapshot", "-o", "wide").splitlines()
    told = json.loads(kubectl("get", name, "-o", "json"))

    assert row.split()[:5] == ["snap-larry", "VirtualMachine", "larry", "Succeeded", "true"]
    assert head.split()[-4:] == ["LEVEL", "PROOF", "WITNESS", "WINDOW"]
    assert row.split()[-5:-2] == ["fs", "held", "quiet"], row
    assert told["status"]["snapshotVolumes"]["includedVolumes"] == ["rootdisk", "vdb"]
    for disk, volume in zip(DISKS, ("rootdisk", "vdb")):
        assert verify_disk(f"{api.data(told)}/{volume}.qcow2", disk.kind).lines > 0
    assert "deleted" in kubectl("delete", name)


LARRY = f"{rest.SUBRESOURCES}/larry"


def put(kubectl, subresource):
    return kubectl("replace", "--raw", f"{LARRY}/{subresource}", "-f", "-", stdin="{}")


def test_kubectl_freezes_a_guest_and_lets_it_go(kubectl, guest):
    put(kubectl, "freeze")
    guest.assert_frozen("ext4")
    guest.assert_frozen("xfs")
    verdict = json.loads(put(kubectl, "unfreeze"))

    assert (verdict["level"], verdict["proof"]) == ("fs", "held"), verdict
    guest.assert_writes_resume(within=2)


def test_kubectl_holds_a_guest_as_long_as_its_request_lasts(kubectl, command, guest):
    hold = [*command, "replace", "--raw", f"{LARRY}/hold", "-f", "-"]
    with subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holding:
        holding.stdin.write("{}")
        holding.stdin.close()
        wait_for(lambda: guest.agent("__dev.lull_quiesce-status")["phase"] == "frozen", 20, "it is frozen")
        guest.assert_frozen("ext4")
        verdict = json.loads(put(kubectl, "unfreeze"))
        states = [json.loads(line) for line in holding.stdout]

    assert holding.returncode == 0
    assert [line["state"] for line in states] == ["held", "ended"], states
    assert states[1] == {**verdict, "state": "ended", "why": "unfreeze"}
    assert verdict["proof"] == "held", verdict
