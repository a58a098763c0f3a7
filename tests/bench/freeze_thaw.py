# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""How long the freeze call and the thaw call take together, with 1, 20 and 200 mounted file systems in the guest; and
what each agent keeps in memory while it is idle.

Ours is called as the coordinator does: what prepare has done is done, since it holds up nobody. The standard commands of
our agent, which prepare within the call, are figures of their own: with few file systems
that costs a start of the freezer, with many it is far quicker all the same.
"""

import time
import uuid

from bench import Figure
from rig import Disk, Host, wait_for

COUNTS = (1, 20, 200)
RUNS = {1: 9, 20: 7, 200: 3}
SECTORS = 16384  # of a file system: 8 MiB
KINDS = ("lull", "stock")

_SETUP = "set -e; for module in $(cat /modules.stack); do insmod $module; done"
_MOUNT = """set -e
export DM_DISABLE_UDEV=1
i={first}
while [ $i -lt {end} ]; do
    dmsetup create fs$i --table "0 {sectors} linear /dev/vda $((i * {sectors}))"
    mkfs.ext4 -q -J size=1 /dev/mapper/fs$i
    mkdir -p /mnt/fs$i
    mount -t ext4 /dev/mapper/fs$i /mnt/fs$i
    i=$((i + 1))
done"""


def _call(guest, command, **arguments):
    begun = time.perf_counter()
    answer = guest.agent(command, timeout=60, **arguments)
    return answer, (time.perf_counter() - begun) * 1000


def _standard(guest, count):
    frozen, freeze = _call(guest, "guest-fsfreeze-freeze")
    thawed, thaw = _call(guest, "guest-fsfreeze-thaw")
    assert frozen == count and thawed >= count, (frozen, thawed)
    return freeze + thaw


def _own(guest, count):
    op = str(uuid.uuid4())
    prefix = "__dev.lull_quiesce-"
    assert guest.agent(prefix + "prepare", op=op)["accepted"]
    wait_for(lambda: guest.agent(prefix + "status")["phase"] == "prepared", 60, "prepared")
    answer, freeze = _call(guest, prefix + "freeze", op=op, lease_ms=30000)
    assert len([row for row in answer["filesystems"] if row["result"] == "frozen"]) == count, answer
    verdict, thaw = _call(guest, prefix + "thaw", op=op, epoch=answer["epoch"])
    assert verdict["proof"] == "held", verdict
    return freeze + thaw


def _private_kib(guest, program):
    """Memory that only this process has, in KiB."""
    text = guest.sh(f"cat /proc/$(pidof {program})/smaps_rollup")
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))


def _take_turns(guest, count):
    samples = {kind: [] for kind in (*KINDS, "lull, standard")}
    for run in range(RUNS[count]):
        for kind in KINDS if run % 2 else KINDS[::-1]:
            guest.switch_agent(kind)
            wait_for(guest.agent_answers, 20, f"{kind} answers")
            samples[kind].append((_own if kind == "lull" else _standard)(guest, count))
            if kind == "lull":
                samples["lull, standard"].append(_standard(guest, count))
    return samples


def _memory(guest):
    samples = {kind: [] for kind in KINDS}
    for _ in range(3):
        for kind in KINDS:
            guest.switch_agent(kind)
            wait_for(guest.agent_answers, 20, f"{kind} answers")
            samples[kind].append(_private_kib(guest, {"lull": "lull-agent", "stock": "qemu-ga"}[kind]))
            assert kind != "lull" or guest.sh_status("pidof lull-freezer")[0] != 0, "it is not idle"
    return samples


def figures(_build):
    disks = (Disk("vda", "empty"),)
    with Host() as host, host.guest("many", agent="lull", disks=disks, writer=False, kit="stack") as guest:
        memory = _memory(guest)
        yield Figure("private memory of the idle agent", "KiB", memory["lull"], 1.2, 0.9, memory["stock"])
        guest.sh(_SETUP)
        mounted = 0
        for count in COUNTS:
            guest.sh(_MOUNT.format(first=mounted, end=count, sectors=SECTORS), timeout=300)
            mounted = count
            samples = _take_turns(guest, count)
            own = f"freeze call and thaw call, prepare not counted, {count} file systems"
            yield Figure(own, "ms", samples["lull"], 0.8, 0.4, samples["stock"])
            standard = f"standard freeze call and thaw call, {count} file systems"
            yield Figure(standard, "ms", samples["lull, standard"], 3, 1, samples["stock"])
