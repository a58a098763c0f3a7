#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""usage: lease.py BUILD

How much later than its lease a freeze ends when nobody says anything. Three file systems on loop devices are frozen
under a short lease; a sample is the time from the first FIFREEZE to the last FITHAW less the lease, and, on another
clock than the freezer's, from the lease's end to the first write done on the last of the three, by writers that wait
for it. JSON with every sample, in milliseconds, goes to standard output.
"""

import bisect
import contextlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import freezing  # noqa: E402
import loopfs  # noqa: E402
import scratch  # noqa: E402
import waiting  # noqa: E402
from bench import Figure  # noqa: E402

KINDS = ["ext4", "xfs", "btrfs"]
LEASE_MS = 300
COUNT = 50


def _overrun(event):
    assert event["broken"] == "lease expired", event
    return event["window_usec"] / 1000 - LEASE_MS


def _sample(build, mountpoints, writers):
    """By the freezer, and by the last writer: the lease began no sooner than it was asked for."""
    driver = freezing.Driver(build, mountpoints)
    try:
        driver.expect("prepared")
        _, asked = driver.freeze(LEASE_MS)
        frozen = freezing.boottime()
        event = driver.expect("thawed")
        waiting.wait_for(lambda: all(writer.done[-1] > frozen for writer in writers), "a write after the lease")
        last = max(writer.done[bisect.bisect_right(writer.done, frozen)] for writer in writers)
        return _overrun(event), (last - asked) * 1000 - LEASE_MS
    finally:
        driver.close()


def measure(build):
    """Wants root and its own process."""
    scratch.sweep()
    loopfs.own_namespace()
    directory = scratch.make("lease")
    try:
        with contextlib.ExitStack() as stack:
            mountpoints = [stack.enter_context(loopfs.mounted(directory, kind)) for kind in KINDS]
            writers = [freezing.Writer(mountpoint) for mountpoint in mountpoints]
            for writer in writers:
                stack.callback(writer.close)
            for mountpoint in mountpoints:
                stack.callback(scratch.thaw, mountpoint)
            return [_sample(build, mountpoints, writers) for _ in range(COUNT)]
    finally:
        scratch.remove(directory)


def figures(build):
    done = subprocess.run([sys.executable, os.path.abspath(__file__), build], stdout=subprocess.PIPE, check=True)
    name = f"overrun of the thaw at the end of a lease, {len(KINDS)} file systems"
    samples = json.loads(done.stdout)
    notes = {"lease_ms": LEASE_MS}
    yield Figure(name, "ms", [overrun for overrun, _ in samples], must=50, goal=5, notes=notes)
    name = f"a lease's end to the first write done on the last of {len(KINDS)} file systems"
    yield Figure(name, "ms", [written for _, written in samples], must=50, goal=5, notes=notes)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(json.dumps(measure(sys.argv[1])))
