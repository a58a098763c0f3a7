# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What file systems stand on in a guest: LVM, thin pools, crypt, md, several disks, loop devices, views,
and what hangs."""

import json
import uuid

import pytest

from rig import Disk, wait_for

PREFIX = "__dev.lull_quiesce-"
DISKS = (
    Disk("vda", "blank", serial="PV1"),
    Disk("vdb", "blank", serial="PV2"),
    Disk("vdc", "blank", serial="MD1"),
    Disk("vdd", "blank", serial="MD2"),
)

# Every file system, and the disks that it is on.
STACKS = {
    "/mnt/linear": {"PV1"},
    "/mnt/thin": {"PV2"},
    "/mnt/crypt": {"PV1"},
    "/mnt/span": {"PV1", "PV2"},
    "/mnt/loop": {"PV1", "PV2"},
    "/mnt/btrfs": {"PV1", "PV2"},
    "/mnt/journal": {"PV1", "PV2"},
    "/mnt/md": {"MD1", "MD2"},
    "/mnt/hang/sub": {"PV1"},
    "/mnt/net/sub": {"PV1"},
}
SWAP = "/mnt/linear/swap"

BUILD = """set -e
for module in $(cat /modules.stack); do insmod $module; done
mkdir -p /etc/lvm
cat >/etc/lvm/lvm.conf <<'CONF'
activation { udev_sync=0 udev_rules=0 monitoring=0 }
devices { use_devicesfile=0 }
global { thin_check_executable="" }
CONF
made() { # DEVICE DIRECTORY
    mkfs.ext4 -q $1
    mkdir -p $2
    mount -t ext4 $1 $2
}
vgcreate -q vg /dev/vda /dev/vdb
lvcreate -qqy -Wn -Zn -L 32m -n linear vg /dev/vda
lvcreate -qqy -Wn -Zn -L 16m -n secret vg /dev/vda
lvcreate -qqy -Wn -Zn -L 16m -n beneath vg /dev/vda
lvcreate -qqy -Wn -Zn -L 16m -n under vg /dev/vda
lvcreate -qqy -Wn -Zn -L 64m -n one vg /dev/vda
lvcreate -qqy -Wn -Zn -L 16m -n data vg /dev/vda
lvcreate -qqy -Wn -Zn -L 64m -n two vg /dev/vdb
lvcreate -qqy -Wn -Zn -L 8m -n log vg /dev/vdb
lvcreate -qqy -Wn -Zn -L 64m -i 2 -n span vg /dev/vda /dev/vdb
lvcreate -qqy -L 48m --thinpool pool vg /dev/vdb
lvcreate -qqy -Wn -V 64m --thin -n thin vg/pool
DM_DISABLE_UDEV=1 dmsetup create secret --table "0 32768 crypt cipher_null-ecb-plain - 0 /dev/vg/secret 0"
mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --assume-clean --metadata=1.2 /dev/vdc /dev/vdd

made /dev/vg/linear /mnt/linear
made /dev/vg/thin /mnt/thin
made /dev/mapper/secret /mnt/crypt
made /dev/md0 /mnt/md
made /dev/vg/span /mnt/span
dd if=/dev/zero of=/mnt/span/image bs=1M count=16 2>/dev/null
losetup /dev/loop0 /mnt/span/image
made /dev/loop0 /mnt/loop
mkfs.btrfs -q --mixed /dev/vg/one /dev/vg/two
mkdir -p /mnt/btrfs /mnt/volume /mnt/subvolume
mount -t btrfs -o device=/dev/vg/one,device=/dev/vg/two /dev/vg/one /mnt/btrfs
mkdir /mnt/btrfs/below
mount -o bind /mnt/btrfs/below /mnt/volume
btrfs subvolume create /mnt/btrfs/subvolume
mount -t btrfs -o device=/dev/vg/one,device=/dev/vg/two,subvol=subvolume /dev/vg/one /mnt/subvolume
mkfs.ext4 -q -b 1024 -O journal_dev /dev/vg/log
mkfs.ext4 -q -b 1024 -J device=/dev/vg/log /dev/vg/data
mkdir -p /mnt/journal
mount -t ext4 /dev/vg/data /mnt/journal

mkdir -p /mnt/linear/upper /mnt/linear/work /mnt/linear/lower /mnt/overlay /mnt/bind /mnt/hang /mnt/net
mount -t overlay -o lowerdir=/mnt/linear/lower,upperdir=/mnt/linear/upper,workdir=/mnt/linear/work o /mnt/overlay
mount -o bind /mnt/md /mnt/bind
dd if=/dev/zero of=/mnt/linear/swap bs=1M count=4 2>/dev/null
mkswap /mnt/linear/swap
swapon /mnt/linear/swap
hangfs /mnt/hang >/dev/null 2>&1 </dev/null &
until grep -q hangfs /proc/mounts; do usleep 20000; done
mkfs.ext4 -q /dev/vg/beneath
mount -t ext4 /dev/vg/beneath /mnt/hang/sub
hangnfs /mnt/net >/dev/null 2>&1 </dev/null &
until grep -q /mnt/net /proc/mounts; do usleep 20000; done
mkfs.ext4 -q /dev/vg/under
mount -t ext4 /dev/vg/under /mnt/net/sub
sync
"""


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("stack", agent="lull", disks=DISKS, writer=False, kit="stack") as guest:
        guest.sh(BUILD, timeout=600)
        yield guest


class Operation:
    def __init__(self, guest):
        self.guest = guest
        self.op = str(uuid.uuid4())

    def call(self, command, timeout=60, **arguments):
        return self.guest.agent(PREFIX + command, timeout, op=self.op, **arguments)

    def prepare(self, **arguments):
        """The rows of what would be frozen, in that order, and of what would not."""
        assert self.call("prepare", **arguments)["accepted"]
        wait_for(lambda: self.status()["phase"] != "preparing", 20, "prepared")
        status = self.status()
        assert status["phase"] == "prepared", status
        return status["filesystems"]

    def status(self):
        return self.guest.agent(PREFIX + "status")


@pytest.fixture
def operation(guest):
    operation = Operation(guest)
    yield operation
    operation.call("abort")


def by_place(rows):
    return {row["mountpoint"]: row for row in rows}


def serials(row):
    return {disk.get("serial") for disk in row["disks"]}


def with_result(rows, result):
    return [row["mountpoint"] for row in rows if row["result"] == result]


def try_to_write(guest, places):
    """A process for each that writes and syncs; leaves a mark in /run/wrote when it is through."""
    guest.sh(
        "rm -rf /run/wrote; mkdir /run/wrote; "
        + "".join(
            f"(echo x | dd of={place}/probe conv=fsync && touch /run/wrote/{place.replace('/', '_')}) "
            ">/dev/null 2>&1 </dev/null & "
            for place in places
        )
    )


def stuck(guest):
    """How many processes wait where no signal reaches them: for a thaw."""
    return int(guest.sh("grep -l '^State:.*D' /proc/[0-9]*/status 2>/dev/null | wc -l"))


def written(guest):
    return {name.replace("_", "/") for name in guest.sh("ls /run/wrote").split()}


def test_every_file_system_stands_still_upper_ones_first(guest, operation):
    planned = operation.prepare()
    places = {*STACKS, "/mnt/overlay", "/mnt/bind", "/mnt/volume", "/mnt/subvolume"}
    frozen = operation.call("freeze", lease_ms=30000)
    try_to_write(guest, places)
    wait_for(lambda: stuck(guest) >= len(places), 20, "all of them stand in the kernel")
    meanwhile = written(guest)
    thawed = operation.call("thaw", epoch=frozen["epoch"])

    assert meanwhile == set()
    assert thawed["proof"] == "held", thawed
    wait_for(lambda: written(guest) == places, 20, "all of them are written to again")
    order = with_result(frozen["filesystems"], "frozen")
    assert set(order) == set(STACKS), frozen
    assert order == with_result(planned, "planned")
    assert order.index("/mnt/loop") < order.index("/mnt/span"), order


def test_whoever_is_not_frozen_says_why(operation):
    rows = by_place(operation.prepare())

    reasons = {place: row["reason"] for place, row in rows.items() if row["result"] == "skipped"}
    assert reasons.pop("/mnt/hang") == "a process in the guest serves it"
    assert reasons.pop("/mnt/net") == "network file system"
    assert reasons.pop("/mnt/overlay").startswith("a view of other file systems")
    assert reasons.pop("/mnt/bind") == "same file system as /mnt/md"
    assert reasons.pop("/mnt/volume") == "same file system as /mnt/btrfs"
    assert reasons.pop("/mnt/subvolume") == "same file system as /mnt/btrfs"
    assert reasons.pop(SWAP).startswith("the kernel writes to it")
    assert reasons == {}


def test_the_disks_are_those_at_the_bottom(guest, operation):
    rows = by_place(operation.prepare())
    infos = by_place(guest.agent("guest-get-fsinfo", 20))

    assert {place: serials(rows[place]) for place in STACKS} == STACKS
    assert serials(rows[SWAP]) == {"PV1"}
    told = {place: serials(infos[place] | {"disks": infos[place]["disk"]}) for place in STACKS}
    assert told == {**STACKS, "/mnt/loop": set()}  # the peer does not look into the files of loop devices


@pytest.mark.parametrize("serial", ["PV1", "PV2", "MD1"])
def test_a_disk_brings_every_file_system_that_touches_it(operation, serial):
    rows = operation.prepare(disks=[{"serial": serial}])

    assert set(with_result(rows, "planned")) == {place for place in STACKS if serial in STACKS[place]}


def test_a_snapshot_of_all_that_is_held_and_proven(guest, host):
    with host.coordinator() as coordinator:
        done = coordinator.lull("snapshot", guest.name, "whole", "--wait")
        assert done.returncode == 0, done.stderr + coordinator.diagnosis()
        report = report_of(coordinator, "whole")

    assert (report["level"], report["proof"], report["witness"]) == ("fs", "held", "quiet"), report
    rows = by_place(report["filesystems"])
    volumes = {disk.serial: disk.target for disk in DISKS}
    for place, disks in STACKS.items():
        assert rows[place]["result"] == "frozen", rows[place]
        assert set(rows[place]["volumes"]) == {volumes[serial] for serial in disks}, rows[place]


def report_of(coordinator, name):
    snapshot = coordinator.get("show", name)
    return json.loads(snapshot["metadata"]["annotations"]["lull.dev/quiesce-report"])


@pytest.fixture(params=["hang", "net"])
def hung(guest, request):
    """The FUSE file system answers no more, or the NFS server does. Gives where that is mounted, and what has it answer
    again."""
    server = {"hang": "hangfs", "net": "hangnfs"}[request.param]
    guest.kill(server, "STOP")
    yield f"/mnt/{request.param}", lambda: guest.kill(server, "CONT")
    guest.kill(server, "CONT")


def test_a_hung_file_system_delays_nothing_but_what_is_behind_it(guest, hung, operation):
    place, go_on = hung
    behind = f"{place}/sub"
    infos = by_place(guest.agent("guest-get-fsinfo", 20))
    rows = by_place(operation.prepare())
    frozen = operation.call("freeze", lease_ms=30000)
    thawed = operation.call("thaw", epoch=frozen["epoch"])
    go_on()
    guest.sh(f"ls {behind}")  # which waits for it
    operation.op = str(uuid.uuid4())
    later = by_place(operation.prepare())

    assert infos[behind]["type"] == "ext4" and "total-bytes" not in infos[behind]
    assert rows[place]["result"] == "skipped"
    beneath = by_place(frozen["filesystems"])[behind]
    assert beneath["result"] == "failed" and "does not answer" in beneath["reason"], beneath
    assert set(with_result(frozen["filesystems"], "frozen")) == set(STACKS) - {behind}
    assert thawed["proof"] == "held", thawed
    assert later[behind]["result"] == "planned", later[behind]
