# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Scratch directories with an owner, so that what a killed run left behind the next one clears.

Everything a test starts, mounts or attaches has the path of its scratch directory in it: processes in
their command line, mounts in their mount point, loop devices in their backing file. sweep() goes by
that, and touches only directories whose owner is dead.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time

FITHAW = 0xC0045878
BASE = "/tmp/lull-tests" if os.geteuid() == 0 else f"/tmp/lull-tests-{os.geteuid()}"


def make(name):
    """A new directory, short enough for sockets, owned by this process."""
    os.makedirs(BASE, mode=0o755, exist_ok=True)
    path = tempfile.mkdtemp(prefix=f"{name}-", dir=BASE)
    os.chmod(path, 0o755)
    # All at once: one that another run's sweep() finds empty has no owner who lives.
    with open(os.path.join(path, "owner.new"), "w") as file:
        file.write(f"{os.getpid()} {_start_time(os.getpid())}\n")
    os.rename(file.name, os.path.join(path, "owner"))
    return path


def remove(path):
    """Ends, unmounts, detaches and deletes whatever lives in a directory made by make()."""
    _end_processes(path)
    _unmount(path)
    _detach_loops(path)
    shutil.rmtree(path, ignore_errors=True)


def sweep():
    """Removes the directories of dead owners. Returns their paths."""
    left = []
    for name in sorted(os.listdir(BASE)) if os.path.isdir(BASE) else []:
        path = os.path.join(BASE, name)
        if os.path.isdir(path) and not _owner_lives(path):  # files are none of ours
            remove(path)
            left.append(path)
    return left


def thaw(mountpoint):
    """Thaws a file system, whoever froze it. True if it was frozen."""
    fd = os.open(mountpoint, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, FITHAW, 0)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


def _start_time(pid):
    """When a process started; a dead one that nobody has waited for has none."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return fields[19] if fields[0] not in "ZX" else None


def _owner_lives(path):
    try:
        with open(os.path.join(path, "owner")) as file:
            pid, start = file.read().split()
    except FileNotFoundError:
        return _is_young(path)  # made this moment and not signed yet
    except ValueError:
        return False
    try:
        return _start_time(int(pid)) == start
    except OSError:
        return False


def _is_young(path):
    try:
        return time.time() - os.stat(path).st_mtime < 60
    except FileNotFoundError:
        return True  # its owner removed it between two looks of ours


def _processes_in(path):
    needle = (path + "/").encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if needle in file.read():
                    yield int(entry)
        except OSError:
            pass


def _end_processes(path):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        pids = list(_processes_in(path))
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.05)


def _unmount(path):
    with open("/proc/self/mounts") as file:
        mountpoints = [line.split()[1].replace("\\040", " ") for line in file]
    for mountpoint in reversed([m for m in mountpoints if m.startswith(path + "/")]):
        thaw(mountpoint)
        if subprocess.run(["umount", mountpoint], stderr=subprocess.DEVNULL).returncode != 0:
            subprocess.run(["umount", "-l", mountpoint])


def _detach_loops(path):
    if os.geteuid() != 0:
        return
    table = subprocess.run(
        ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"], capture_output=True, text=True
    ).stdout
    for line in table.splitlines():
        name, _, backing = line.partition(" ")
        if backing.strip().startswith(path + "/"):
            subprocess.run(["losetup", "-d", name])


if __name__ == "__main__":
    for swept in sweep():
        print(f"cleared what a killed run left in {swept}")
