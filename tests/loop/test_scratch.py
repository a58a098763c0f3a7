# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What a killed run leaves behind the next one clears, and nothing else."""

import os
import subprocess
import sys

import scratch

LEAVE_BEHIND = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
import loopfs, scratch
path = scratch.make("left")
with loopfs.mounted(path, "ext4") as mountpoint:
    subprocess.Popen(["tail", "-f", path + "/owner"], stdout=subprocess.DEVNULL)
    subprocess.run(["fsfreeze", "-f", mountpoint], check=True)
    print(path, flush=True)
    time.sleep(600)
"""


def attached(path):
    return path in subprocess.run(["losetup", "--list"], capture_output=True, text=True).stdout


def mounted(path):
    with open("/proc/self/mounts") as file:
        return path in file.read()


def test_a_killed_run_is_cleared_with_its_frozen_mounts_and_processes():
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVE_BEHIND, os.path.dirname(scratch.__file__)], stdout=subprocess.PIPE, text=True
    )
    path = process.stdout.readline().strip()
    assert mounted(path) and attached(path)
    scratch.sweep()
    assert mounted(path), "its owner lives"
    process.kill()
    process.wait()

    assert path in scratch.sweep()

    assert not mounted(path) and not attached(path) and not os.path.exists(path)
    assert not list(scratch._processes_in(path))
