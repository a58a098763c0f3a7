# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""One "guest" without a machine: file systems on loop devices in an island of their own, with writers, an
agent on a socket and somebody who starts it again; and a coordinator beside it, for which libvirt's mock host
and hypervisor.c stand in for QEMU. All else is what ships."""

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading

import agents
import freezing
import rest
import scratch
from api import VMS, Api, condition
from cells import STOCK
from freezing import boottime, children_of, is_expedited, is_frozen, state_of
from images import verify_disk
from leftovers import processes
from waiting import wait_for

LEASE = 1.0
STOCK_LEASE = 20.0  # of the host dead man, who keeps it for an agent that knows none
GRACE = 1.0  # after it the agent stands in for a freezer that does not thaw
VM = "larry"

_HOST = """<node><domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
  <test:runstate>{state}</test:runstate>
  <name>larry</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e1930</uuid><memory>131072</memory>
  <os><type>hvm</type></os>
  <devices>
    {disks}
    <channel type='unix'><source mode='bind' path='{socket}'/>
      <target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  </devices>
</domain></node>
"""
_DISK = """<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'/>
      <target dev='{target}' bus='virtio'/></disk>"""
_STATE = {True: 1, False: 5}  # libvirt's numbers

# Appends line after line, each on disk before it is told and before the next begins.
_WRITER = """
import os, sys, time
fd = os.open(sys.argv[1] + "/seq", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
n = 0
while True:
    n += 1
    begun = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    os.write(fd, b"%08d ......\\n" % n)
    os.fdatasync(fd)
    os.write(1, b"%d %d\\n" % (begun, time.clock_gettime_ns(time.CLOCK_BOOTTIME)))
    time.sleep(0.004)
"""


@dataclasses.dataclass
class Disk:
    target: str
    kind: str
    mountpoint: str
    image: str


class Writer(freezing.Writer):
    """Numbers its writes: line n was begun at begun[n - 1], and on disk at done[n - 1]."""

    PROGRAM = _WRITER

    def __init__(self, mountpoint):
        self.begun = []
        super().__init__(mountpoint)

    def _read(self):
        for line in self._process.stdout:
            begun, done = line.split()
            self.begun.append(int(begun) / 1e9)
            self.done.append(int(done) / 1e9)

    def longest_gap(self):
        return max((b - a for a, b in zip(self.done, self.done[1:])), default=0.0)

    def done_by(self, time):
        return sum(1 for each in self.done if each <= time)

    def wrote_within(self, begin, end):
        """Whether any write was both begun and done in that time."""
        return any(begin <= a and b <= end for a, b in zip(self.begun, self.done))


class Coordinator:
    """lull-coordinator as it ships, with a hypervisor in front of libvirt."""

    def __init__(self, world, directory):
        self._world = world
        self.state_dir = os.path.join(directory, "state")
        self.socket = os.path.join(directory, "lull.sock")
        self.log = os.path.join(directory, "coordinator.log")
        self.process = None

    def start(self, at_step=None, wait=True):
        env = {name: value for name, value in os.environ.items() if name != "LULL_AT_STEP"}
        env["LD_PRELOAD"] = os.path.join(self._world.build, "tests/kill/libhypervisor.so")
        env["LULL_HYPERVISOR"] = os.path.dirname(self._world.hypervisor)
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"  # the hypervisor comes first
        if at_step:
            env["LULL_AT_STEP"] = at_step
        argv = [
            os.path.join(self._world.build, "coordinator/lull-coordinator"),
            *("--uri", f"test://{self._world.host_xml}", "--state-dir", self.state_dir),
            *("--runtime-dir", os.path.dirname(self.socket), "--socket", self.socket),
            *("--lease", f"{LEASE * 1000:.0f}", "--attempt-pause", "100"),
        ]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stderr=log)

        def ready():
            assert self.process.poll() is None, f"the coordinator ended with {self.process.returncode}"
            return Api(self).get(VMS)

        if wait:
            wait_for(ready, "the coordinator")

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Supervisor:
    """Starts the agent, and again when it dies, as a service manager does; armed in its first life only."""

    def __init__(self, home, program, at_step):
        self.agent = agents.Agent(home, program, at_step=at_step)
        self.deaths = 0
        self._ending = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while True:
            self.agent.process.wait()
            if self._ending:
                return
            self.agent.start()
            self.deaths += 1

    def pids(self):
        """The agent's, then those of its freezers."""
        pid = self.agent.process.pid
        return [pid, *children_of(pid)]

    def renew(self):
        """Another agent, with no fault in it."""
        before = self.deaths
        os.kill(self.agent.process.pid, signal.SIGKILL)
        wait_for(lambda: self.deaths > before, "the next agent")

    def close(self):
        self._ending = True
        while self._thread.is_alive():  # it may be starting one at this very moment
            for pid in self.pids()[::-1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._thread.join(0.1)


class World:
    """File systems, the island that they are in, and the hypervisor's folder."""

    def __init__(self, build):
        self.build = build
        self.is_spoilt = False  # by a cell that failed
        self.directory = scratch.make("kill")
        self.memory = self._make_memory()
        self.hypervisor = os.path.join(self.memory, "hypervisor", VM)
        self.images = os.path.join(self.memory, "images")
        self.host_xml = os.path.join(self.directory, "host.xml")
        os.makedirs(self.hypervisor)
        os.mkdir(self.images)
        self.island = agents.make_island(self.directory, build)
        self.disks = [
            self._make("vda", "ext4", 32 << 20, "a.img"),
            self._make("vdb", "xfs", 320 << 20, "b.img"),
        ]
        self.devices = {}
        for disk in self.disks:
            self.attach(disk)
        self.define(running=True)

    def _make_memory(self):
        """A file system that clones files, and so cuts a disk at one instant; in memory, since how busy the
        machine's own disk is must not matter."""
        below, above = (os.path.join(self.directory, name) for name in ("tmpfs", "memory"))
        os.mkdir(below)
        os.mkdir(above)
        subprocess.run(["mount", "-t", "tmpfs", "below", below], check=True)
        image = os.path.join(below, "image")
        with open(image, "wb") as file:
            file.truncate(4 << 30)
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
        subprocess.run(["mount", "-o", "loop,discard", image, above], check=True)
        return above

    def _make(self, target, kind, size, name):
        image = os.path.join(self.images, name)
        with open(image, "wb") as file:
            file.truncate(size)
        subprocess.run([f"mkfs.{kind}", "-q", image], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["fallocate", "--dig-holes", image], check=True)
        return Disk(target, kind, f"/mnt/{target}", image)

    def attach(self, disk):
        device = subprocess.check_output(["losetup", "-f", "--show", disk.image], text=True).strip()
        self.island.mount(device, disk.mountpoint, disk.kind)
        subprocess.run(["losetup", "-d", device], check=True)  # it goes with its mount
        self.devices[disk.target] = device
        with open(os.path.join(self.hypervisor, "disks"), "w") as file:
            file.writelines(
                f"{target} /sys/block/{os.path.basename(device)}/stat\n"
                for target, device in self.devices.items()
            )

    def detach(self, disk):
        self.island.umount(disk.mountpoint)

    def define(self, running):
        """For the next coordinator: the virtual machine as libvirt has it."""
        disks = "".join(_DISK.format(image=disk.image, target=disk.target) for disk in self.disks)
        socket = self.island.path(os.path.join(self.directory, "agent.sock"))
        with open(self.host_xml, "w") as file:
            file.write(_HOST.format(state=_STATE[running], disks=disks, socket=socket))

    def cuts(self):
        """(begin, end) of every cut until now, on the boot clock."""
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.hypervisor, "cuts")) as file:
            return [tuple(int(word) / 1e6 for word in line.split()) for line in file]
        return []

    def job_runs(self):
        return os.path.exists(os.path.join(self.hypervisor, "job.xml"))

    def is_frozen(self):
        return [disk.mountpoint for disk in self.disks if is_frozen(self.island.path(disk.mountpoint))]

    def close(self):
        self.island.close()
        scratch.remove(self.directory)


class Stage:
    """What one cell plays on: a coordinator with a store of its own, an agent, writers; armed for @cell."""

    def __init__(self, world, cell):
        self.world = world
        self.cell = cell
        self.directory = os.path.join(world.memory, "cell")
        os.mkdir(self.directory)
        self.struck = False
        self._stopped = {}  # pid: when it was seen to stand still
        fault = f"{cell.step}={cell.action}"
        self.in_coordinator = cell.process == "coordinator"
        self.supervisor = Supervisor(world.island, cell.agent, None if self.in_coordinator else fault)
        self.coordinator = Coordinator(world, self.directory)
        self.api = Api(self.coordinator)
        self._quick = Api(self.coordinator, timeout=1)  # one that is stopped answers not
        self.writers = []
        self.gap = 0.0
        self.fault = fault

    def __enter__(self):
        self.open_writers()
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.world.is_spoilt = True
            with open(self.coordinator.log, errors="replace") as file:
                sys.stderr.write(file.read()[-8000:])
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.coordinator.close()
        self.supervisor.close()
        self.world.island.thaw()
        self.close_writers()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(os.path.join(self.world.island.path(self.world.directory), "state"))
        shutil.rmtree(self.directory)

    def open_writers(self):
        self.writers = [Writer(self.world.island.path(disk.mountpoint)) for disk in self.world.disks]

    def close_writers(self):
        for writer in self.writers:
            self.gap = max(self.gap, writer.longest_gap())
            writer.close()
        self.writers = []

    def _write_since(self, time):
        return all(writer.done[-1] > time for writer in self.writers)

    def _go_on(self, pid):
        """A process that stands still goes on when the guest has been let go without it, and it is late."""
        since = self._stopped.setdefault(pid, boottime())
        if boottime() > since + LEASE + GRACE and self._write_since(since):
            del self._stopped[pid]
            os.kill(pid, signal.SIGCONT)

    @property
    def lease(self):
        """For how long the guest may stand still: a dead man need not wait for the end of one who was killed."""
        return STOCK_LEASE if self.cell.agent == STOCK and self.cell.action == "stop" else LEASE

    def strike(self):
        """The coordinator stands still where it was armed to; others die."""
        wait_for(lambda: state_of(self.coordinator.process.pid) == "T", "the coordinator at its step")
        agent, *freezers = self.supervisor.pids()
        victims = {"agent": [agent], "freezer": freezers, "both": [*freezers, agent]}[self.cell.victims]
        assert victims, "the freezer is gone already"
        for pid in victims:
            os.kill(pid, signal.SIGKILL)

    def strike_coordinator(self):
        """Agent or freezer stands still where it was armed to; the coordinator dies, and another one comes, which
        waits for an agent before it serves."""
        wait_for(lambda: "T" in map(state_of, self.supervisor.pids()), "somebody at their step")
        self.coordinator.process.kill()
        self.coordinator.process.wait()
        self.coordinator.start(wait=False)

    def look_after(self):
        """What goes on in the world while a test waits: the dead are started again, the halted continued."""
        process = self.coordinator.process
        if process.poll() == -signal.SIGKILL:
            self.struck = True
            self.coordinator.start()
        pids = (process.pid, *self.supervisor.pids())
        self._stopped = {pid: since for pid, since in self._stopped.items() if state_of(pid) == "T"}
        for pid in pids:
            if state_of(pid) == "T":
                self.struck = True
                self._go_on(pid)
        self.struck = self.struck or self.supervisor.deaths > 0

    def settle(self, path, timeout=60):
        def settled():
            self.look_after()
            document = self._quick.get(path)
            done = document and (condition(document, "Ready") or condition(document, "Failure"))
            return document if done else None

        return wait_for(settled, f"{path}: ready or failed", timeout)

    def switch_off(self):
        """The virtual machine ends; for the next coordinator it is stopped."""
        self.close_writers()
        for disk in self.world.disks:
            self.world.detach(disk)
        self.world.define(running=False)

    def switch_on(self):
        for disk in self.world.disks:
            self.world.attach(disk)
        self.world.define(running=True)
        self.open_writers()

    def snap(self, name):
        self.api.take(name, VM)
        return self.settle(f"{rest.SNAPSHOTS}/{name}")

    def rest(self):
        """The fault is over and done with: no armed process is left."""
        wait_for(lambda: self.look_after() or not self._stopped, "all that was stopped goes on")
        if self.cell.process == "freezer":
            self.supervisor.renew()

    def verify(self, snapshot, replay):
        """The stored file systems are sound; returns how many lines each has."""
        folder = self.api.data(snapshot)
        return [
            verify_disk(os.path.join(folder, f"{disk.target}.qcow2"), disk.kind, replay=replay).lines
            for disk in self.world.disks
        ]

    def assert_nothing_left(self):
        self.api.assert_nothing_left(VM)
        world = self.world
        assert not world.job_runs()
        assert not world.is_frozen()
        # the machine's, which another's freeze may have set for a moment
        wait_for(lambda: not is_expedited(), "grace periods as they were")
        assert sorted(os.listdir(world.images)) == sorted(os.path.basename(d.image) for d in world.disks)
        wait_for(lambda: len(self.supervisor.pids()) == 1, "the end of all freezers")
        wait_for(lambda: not processes("dead-man", f"test://{world.host_xml}"), "the end of all dead men")
        assert not os.path.exists(self.supervisor.agent.state_file("operation.json"))
        assert not [name for name in os.listdir(world.hypervisor) if name.endswith(".cut")]
