# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""One coordinator and many scripted guests, in pairs: one that is hostile, and one beside it that is not. For
libvirt's mock host and tests/kill/hypervisor.c there are machines; the coordinator is as it ships."""

import concurrent.futures
import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
import traceback

import scratch
from api import VMS, Api, condition
from attacks import Attack
from freezing import boottime
from outcome import Outcome
from scripted import Guest
from waiting import wait_for

LANES = 8
LEASE = 2.0
TRIES = 3  # of what a busy machine may spoil,
ALONE = 10  # and then, with nothing else to do
DISK = 1 << 20
LOOK = 0.03  # between looks at the API: there are many at once who look

_HOST = "<node>{domains}</node>"
_DOMAIN = """<domain type='test'><name>{name}</name><uuid>{uuid}</uuid><memory>131072</memory>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'/>
      <target dev='vda' bus='virtio'/><serial>ROOT</serial></disk>
    <channel type='unix'><source mode='bind' path='{socket}'/>
      <target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  </devices>
</domain>"""


class Machine:
    """A scripted guest as the coordinator sees it."""

    def __init__(self, arena, name, kind):
        self.name = name
        self.folder = os.path.join(arena.hypervisor, name)
        self.socket = os.path.join(arena.directory, name)
        self.guest = Guest(kind, self.socket, self.folder) if kind else None

    def cuts(self):
        """(begin, end) of each until now, on the boot clock."""
        with contextlib.suppress(FileNotFoundError), open(self.path("cuts")) as file:
            return [tuple(int(word) / 1e6 for word in line.split()) for line in file]
        return []

    def path(self, name):
        return os.path.join(self.folder, name)

    def is_waiting(self):
        return os.path.exists(self.path("waiting"))

    def job_runs(self):
        return os.path.exists(self.path("job.xml"))

    def let_cuts_wait(self):
        with open(self.path("wait"), "w"):
            pass

    def let_cuts_go(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("wait"))

    def write_in_cut(self):
        """Something is written in the midst of one that waits, which then goes on."""
        if self.is_waiting():
            self.guest.write()
            self.let_cuts_go()
            wait_for(lambda: not self.is_waiting(), "the cut goes on")
            self.let_cuts_wait()


# The hypervisor comes first. What is killed in the end leaks all it has, and who looks after jobs what libvirt has;
# the coordinator's answers are waited for as long as without sanitizers, so that it must not be slow.
_SANITIZED = "verify_asan_link_order=0:detect_leaks=0:fast_unwind_on_malloc=1"


class Arena:
    def __init__(self, build, names):
        """@names: {name of a machine: kind of its agent, None where another process plays it}."""
        self.build = build
        self.directory = scratch.make("hostile")
        below, self.memory = (os.path.join(self.directory, name) for name in ("tmpfs", "memory"))
        self._make_memory(below)
        self.hypervisor = os.path.join(self.memory, "hypervisor")
        self.state_dir = os.path.join(self.memory, "state")
        self.socket = os.path.join(self.directory, "lull.sock")
        self.log = os.path.join(self.directory, "coordinator.log")
        self.machines = {name: Machine(self, name, kind) for name, kind in names.items()}
        self._define()
        self.process = None
        self._threads_at_rest = 0
        self.api = Api(self)

    def _make_memory(self, below):
        """A file system that clones files, and so cuts a disk at one instant."""
        os.mkdir(below)
        os.mkdir(self.memory)
        subprocess.run(["mount", "-t", "tmpfs", "below", below], check=True)
        image = os.path.join(below, "image")
        with open(image, "wb") as file:
            file.truncate(2 << 30)
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", image], check=True)
        subprocess.run(["mount", "-o", "loop,discard", image, self.memory], check=True)

    def _define(self):
        domains = []
        for number, (name, machine) in enumerate(self.machines.items()):
            image = os.path.join(self.memory, f"{name}.img")
            with open(image, "wb") as file:
                file.truncate(DISK)
            uuid = f"6695eb01-f6a4-8304-79aa-{number:012x}"
            domains.append(_DOMAIN.format(name=name, uuid=uuid, image=image, socket=machine.socket))
        with open(os.path.join(self.directory, "host.xml"), "w") as file:
            file.write(_HOST.format(domains="".join(domains)))

    def start(self):
        env = {name: value for name, value in os.environ.items() if name != "LULL_AT_STEP"}
        env["LD_PRELOAD"] = os.path.join(self.build, "tests/kill/libhypervisor.so")
        env["LULL_HYPERVISOR"] = self.hypervisor
        env["ASAN_OPTIONS"] = f"{env.get('ASAN_OPTIONS', '')}:{_SANITIZED}"
        argv = [
            os.path.join(self.build, "coordinator/lull-coordinator"),
            *("--uri", f"test://{self.directory}/host.xml", "--state-dir", self.state_dir),
            *("--runtime-dir", self.directory, "--socket", self.socket),
            *("--lease", f"{LEASE * 1000:.0f}", "--attempt-pause", "100"),
        ]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stderr=log)

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, f"the coordinator ended with {self.process.returncode}"
            return self.api.get(VMS)

        wait_for(ready, "the coordinator")
        self._threads_at_rest = self._threads()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def private_bytes(self):
        """Memory that is the coordinator's alone."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as file:
            return sum(int(line.split()[1]) << 10 for line in file if line.startswith("Private_"))

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def wait_for_rest(self):
        """Until the threads of all attempts have ended."""
        wait_for(lambda: self._threads() <= self._threads_at_rest, "all attempts end")

    def _threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def forget_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def peak_bytes(self):
        """The most that it had since then."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:"))

    def settle(self, name, timeout=200, meanwhile=bool):
        def settled():
            meanwhile()
            time.sleep(LOOK)
            snapshot = self.api.snapshot(name)
            return snapshot if snapshot and (condition(snapshot, "Ready") or condition(snapshot, "Failure")) else None

        return wait_for(settled, f"{name}: ready or failed", timeout)

    def snap(self, name, vm, **options):
        self.api.take(name, vm, **options)
        return self.settle(name)

    def is_clean(self, vm):
        """No lock, no intent for it."""
        time.sleep(LOOK)
        status = self.api.get(f"{VMS}/{vm}")["status"]
        folder = os.path.join(self.state_dir, "intents")
        intents = []
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, name)) as file:
                intents.append(f'"{vm}"' in file.read())
        return not status.get("snapshotInProgress") and not any(intents)

    def close(self):
        """Ends all of it; a coordinator that has ended by itself, as a sanitizer has it, is a failure."""
        ended, said = self.process.poll() if self.process else None, ""
        if self.process and ended is None:
            self.kill()
        for machine in self.machines.values():
            if machine.guest:
                machine.guest.close()
        if ended is not None:
            with open(self.log, errors="replace") as file:
                said = file.read()[-8000:]
        scratch.remove(self.directory)
        assert ended in (None, -signal.SIGKILL), f"the coordinator ended with {ended}: {said}"


class Lane:
    """A hostile guest of each kind, and one beside them."""

    def __init__(self, arena, number):
        self.arena = arena
        self.number = number
        self.played = 0
        self.beside = arena.machines[f"beside-{number}"]

    def play(self, cell, tries, before=0):
        for n in range(tries):
            self.played += 1
            outcome = self._play_once(cell, f"{self.number}-{self.played}")
            outcome.tries = before + n + 1
            if outcome.in_time:
                break
        return outcome

    def _hold(self, machine, cell, attack):
        """(whether the coordinator was kept waiting, whether it is)"""
        if cell.part == "witness":
            return machine.is_waiting, machine.is_waiting
        return attack.hold.begun.is_set, lambda: attack.hold.lasts

    def _play_once(self, cell, tag):
        outcome = Outcome(cell)
        machine = self.arena.machines[f"{cell.agent}-{self.number}"]
        guest, beside = machine.guest, self.beside.guest
        attack = Attack(cell)
        begins, lasts = self._hold(machine, cell, attack)
        begun = threading.Event()
        guest.waits = []
        guest.attack = attack
        guest.refuses = {"__dev.lull_quiesce-freeze"} if cell.part == "abort" else set()
        if cell.part in ("witness", "renew"):
            machine.let_cuts_wait()
        if (cell.part, cell.manner) == ("witness", "never"):
            os.rename(machine.path("figures"), machine.path("figures.gone"))
        beside.parked_until = begun
        beside.thawed.clear()
        started = boottime()
        self.arena.api.take(f"hostile-{tag}", machine.name)
        self.arena.api.take(f"beside-{tag}", self.beside.name)
        wait_for(begins, f"{cell}: its part of the exchange", 30)
        begun.set()
        wait_for(lambda: beside.thawed.is_set() or not lasts(), f"{cell}: the guest beside", 60)
        outcome.overtaken = beside.thawed.is_set() and lasts()
        attack.hold.released.set()
        if cell.part == "renew":
            wait_for(attack.met.is_set, f"{cell}: a renewal", 30)
        writes_on = (cell.part, cell.manner) == ("witness", "wrong")
        if not writes_on:
            machine.let_cuts_go()
        outcome.hostile = self.arena.settle(f"hostile-{tag}", meanwhile=machine.write_in_cut if writes_on else bool)
        machine.let_cuts_go()
        outcome.seconds = boottime() - started
        outcome.waits = list(guest.waits)
        outcome.cut = machine.cuts()[-1]
        outcome.was_frozen = guest.was_frozen(*outcome.cut)
        outcome.beside = self.arena.settle(f"beside-{tag}")
        self._rest(machine, cell, tag, outcome)
        return outcome

    def _rest(self, machine, cell, tag, outcome):
        """As if nothing had been."""
        guest = machine.guest
        guest.attack = None
        guest.refuses = set()
        if (cell.part, cell.manner) == ("witness", "never"):
            os.rename(machine.path("figures.gone"), machine.path("figures"))
        wait_for(lambda: not guest.frozen, f"{cell}: the guest is let go")
        wait_for(lambda: self.arena.is_clean(machine.name), f"{cell}: nothing left")
        outcome.following = self.arena.snap(f"following-{tag}", machine.name)
        for name in ("hostile", "beside", "following"):
            self.arena.api.delete(f"{name}-{tag}")


def play(build, cells):
    """Plays all of them, as many at once as there are lanes. ({cell: its outcome}, arena)"""
    names = {f"{kind}-{n}": kind for n in range(LANES) for kind in ("lull", "stock")}
    names.update({f"beside-{n}": "lull" for n in range(LANES)})
    arena = Arena(build, names)
    arena.start()
    arena.wait_ready()
    lanes = queue.Queue()
    for number in range(LANES):
        lanes.put(Lane(arena, number))

    def run(cell, tries=TRIES, before=0):
        lane = lanes.get()
        try:
            return lane.play(cell, tries, before)
        except Exception:  # pylint: disable=broad-except # it is told by the cell's own test
            return Outcome(cell, trouble=traceback.format_exc())
        finally:
            lanes.put(lane)

    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        outcomes = dict(zip(cells, pool.map(run, cells)))
    for cell, outcome in outcomes.items():
        if not outcome.trouble and not outcome.in_time:
            outcomes[cell] = run(cell, ALONE, outcome.tries)
    return outcomes, arena
