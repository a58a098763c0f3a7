#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""usage: agent_death.py BUILD OUTPUT [COUNT]

How long what the agent had frozen stays frozen when it is killed. Three file systems on loop devices are
frozen, a writer blocked on each; the agent's stand-in gets SIGKILL. A sample ends with the first write
done on the last of them. JSON with every sample, in milliseconds, goes to OUTPUT ("-": standard output).
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import freezing  # noqa: E402
import loopfs  # noqa: E402
import scratch  # noqa: E402
import waiting  # noqa: E402
from bench import Figure  # noqa: E402

KINDS = ["ext4", "xfs", "btrfs"]
LEASE_MS = 30000  # far longer than a sample: it is not the lease that thaws


def _sample(build, mountpoints, writers):
    driver = freezing.Driver(build, mountpoints)
    try:
        driver.expect("prepared")
        driver.freeze(LEASE_MS)
        for writer in writers:
            writer.wait_until_blocked()
        before = [len(writer.done) for writer in writers]
        killed = freezing.boottime()
        driver.kill()
        for writer, done in zip(writers, before):
            waiting.wait_for(lambda: len(writer.done) > done, "a write after the agent's death")
        return [(writer.done[done] - killed) * 1000 for writer, done in zip(writers, before)]
    finally:
        driver.close()


def measure(build, count=50):
    """Times from the agent's death to the thaw, in milliseconds. Wants root and its own process."""
    scratch.sweep()
    loopfs.own_namespace()
    directory = scratch.make("agent-death")
    samples = []
    try:
        with contextlib.ExitStack() as stack:
            mountpoints = [stack.enter_context(loopfs.mounted(directory, kind)) for kind in KINDS]
            writers = [freezing.Writer(mountpoint) for mountpoint in mountpoints]
            for writer in writers:
                stack.callback(writer.close)
            for mountpoint in mountpoints:
                stack.callback(scratch.thaw, mountpoint)
            for _ in range(count):
                samples.append(_sample(build, mountpoints, writers))
    finally:
        scratch.remove(directory)
    last = [max(sample) for sample in samples]
    return {
        "figure": "agent's death to the first write done on the last of three file systems",
        "unit": "ms",
        "file_systems": KINDS,
        "median": statistics.median(last),
        "max": max(last),
        "samples": last,
        "samples_by_file_system": {kind: [s[i] for s in samples] for i, kind in enumerate(KINDS)},
    }


def figures(build):
    """In a process of its own, since it unshares the mount namespace."""
    done = subprocess.run([sys.executable, os.path.abspath(__file__), build, "-"], stdout=subprocess.PIPE, check=True)
    result = json.loads(done.stdout)
    samples = result.pop("samples")
    yield Figure(result["figure"], result["unit"], samples, must=50, goal=5, notes=result)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    result = measure(sys.argv[1], int(sys.argv[3]) if len(sys.argv) == 4 else 50)
    text = json.dumps(result, indent=2) + "\n"
    if sys.argv[2] == "-":
        sys.stdout.write(text)
    else:
        with open(sys.argv[2], "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
