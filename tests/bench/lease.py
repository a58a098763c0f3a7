#!/usr/bin/python3
# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""usage: lease.py BUILD

How much later than its lease a freeze ends when nobody says anything. Three file systems on loop devices are frozen
under a short lease; a sample is the time from the first FIFREEZE to the last FITHAW less the lease. JSON with
every sample, in milliseconds, goes to standard output.
"""

import contextlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import freezing  # noqa: E402
import loopfs  # noqa: E402
import scratch  # noqa: E402
from bench import Figure  # noqa: E402

KINDS = ["ext4", "xfs", "btrfs"]
LEASE_MS = 300
COUNT = 50


def _sample(build, mountpoints):
    driver = freezing.Driver(build, mountpoints)
    try:
        driver.expect("prepared")
        driver.freeze(LEASE_MS)
        event = driver.expect("thawed")
        assert event["broken"] == "lease expired", event
        return event["window_usec"] / 1000 - LEASE_MS
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
            for mountpoint in mountpoints:
                stack.callback(scratch.thaw, mountpoint)
            return [_sample(build, mountpoints) for _ in range(COUNT)]
    finally:
        scratch.remove(directory)


def figures(build):
    done = subprocess.run([sys.executable, os.path.abspath(__file__), build], stdout=subprocess.PIPE, check=True)
    name = f"overrun of the thaw at the end of a lease, {len(KINDS)} file systems"
    yield Figure(name, "ms", json.loads(done.stdout), must=50, goal=5, notes={"lease_ms": LEASE_MS})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(json.dumps(measure(sys.argv[1])))
