# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions, never for time."""

import time


def wait_for(condition, what, timeout=60, interval=0.002):
    """Waits until @condition() is true and returns what it gave; fails with @what after @timeout seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"it never came: {what}"
        time.sleep(interval)


def wait_for_rest(pid, timeout=60):
    """Until a process has used no processor time from one look to the next: one that spins never rests."""
    before = None

    def rests():
        nonlocal before
        time.sleep(0.05)
        with open(f"/proc/{pid}/schedstat") as file:
            last, before = before, file.read().split()[0]
        return last == before

    wait_for(rests, f"process {pid} at rest", timeout)
