# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What tests of a real freeze are made of: a driver in the agent's place, a writer whose progress is the
only evidence that counts, and the kernel's own word on whether something is frozen."""

import contextlib
import errno
import fcntl
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

import scratch
from waiting import wait_for

FIFREEZE = 0xC0045877
EXPEDITED = "/sys/kernel/rcu_expedited"

_WRITER = """
import os, sys, time
fd = os.open(sys.argv[1] + "/writer", os.O_WRONLY | os.O_CREAT, 0o600)
out = sys.stdout.fileno()
while True:
    os.pwrite(fd, b"x" * 512, 0)
    os.write(out, b"%d\\n" % time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    time.sleep(PAUSE)
"""


def boottime():
    """Seconds on the clock on which leases count."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def freeze(mountpoint):
    """Freezes as a stranger would. True; False if it was frozen already."""
    fd = os.open(mountpoint, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FIFREEZE, 0)
        return True
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    finally:
        os.close(fd)


def is_frozen(mountpoint):
    """The kernel's word: who can freeze it finds it thawed, and leaves it so."""
    if freeze(mountpoint):
        scratch.thaw(mountpoint)
        return False
    return True


def is_expedited():
    """Whether the kernel is told to hurry; None where that cannot be told (a read-only /sys)."""
    if not os.access(EXPEDITED, os.W_OK):
        return None
    with open(EXPEDITED) as file:
        return file.read().strip() == "1"


def _stat_fields(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def state_of(pid):
    """R, S, D, T ...; "" where the process is gone."""
    try:
        return _stat_fields(pid)[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_gone(pid):
    """All its threads have ended, so that nothing is open any more; whether it was reaped or not."""
    try:
        return state_of(pid) in ("", "Z") and len(os.listdir(f"/proc/{pid}/task")) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


def children_of(pid):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if int(_stat_fields(entry)[1]) == pid:
                found.append(int(entry))
    return found


class Writer:
    """A process that writes to a file system all the time and tells when each write was done."""

    PROGRAM = _WRITER

    def __init__(self, mountpoint, pause=0.001):
        self.done = []  # seconds on the boot clock
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.PROGRAM.replace("PAUSE", str(pause)), mountpoint], stdout=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_for(lambda: self.done, f"the first write on {mountpoint}")

    def _read(self):
        for line in self._process.stdout:
            self.done.append(int(line) / 1e9)

    def wait_until_blocked(self):
        """A write hangs in the kernel: asleep without end, and nothing gets done."""
        calm = 0

        def blocked():
            nonlocal calm
            before = len(self.done)
            time.sleep(0.01)
            calm = calm + 1 if state_of(self._process.pid) == "D" and before == len(self.done) else 0
            return calm >= 5

        wait_for(blocked, "a blocked writer")

    def wait_for_progress(self, timeout=60):
        """When the next write is done, on the boot clock."""
        before = len(self.done)
        wait_for(lambda: len(self.done) > before, "progress of the writer", timeout)
        return self.done[before]

    def close(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()


class Driver:
    """freezer-driver (tests/loop), which holds a freezer as the agent does."""

    def __init__(self, build, mounts, marker="-", at_step=None, program=None):
        env = dict(os.environ)
        env.pop("LULL_AT_STEP", None)
        if at_step:
            env["LULL_AT_STEP"] = at_step
        self._lines = queue.Queue()
        self._process = subprocess.Popen(
            [
                os.path.join(build, "tests/loop/freezer-driver"),
                program or os.path.join(build, "agent/freezer/lull-freezer"),
                marker,
                *mounts,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._freezer = None

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    @property
    def freezer(self):
        """The process id of lull-freezer."""
        if not self._freezer:
            wait_for(lambda: children_of(self.pid), "lull-freezer")
            self._freezer = children_of(self.pid)[0]
        return self._freezer

    def tell(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def answer(self, timeout=60):
        return self._lines.get(timeout=timeout)

    def expect(self, kind, timeout=60):
        event = self.answer(timeout)
        assert event.get("event") == kind, event
        return event

    def freeze(self, lease_ms, strict=False):
        """Freezes; the FROZEN event, and when it was asked for."""
        asked = boottime()
        self.tell(f"freeze {lease_ms}" + (" strict" if strict else ""))
        return self.expect("frozen"), asked

    def kill(self):
        self._process.kill()
        self._process.wait()

    def is_silent(self):
        return self._lines.empty()

    def close(self):
        """Ends both processes, stopped ones too, and waits for the freezer: it may be thawing."""
        freezer = self._freezer or next(iter(children_of(self.pid)), None)
        for pid in filter(None, (self.pid, freezer)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()
        if freezer:
            wait_for(lambda: is_gone(freezer), "the end of lull-freezer")
