# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The local store with 10,000 snapshots, beside a program that has nothing but SQLite. Both get objects as text, which is
what a server passes on, and parsed, which is what a reconciler reads; lists are text."""

import json
import os
import subprocess

import scratch
from bench import Figure

COUNT = 10000


def figures(build):
    directory = scratch.make("store")
    try:
        program = os.path.join(build, "tests/bench/bench-store")
        done = subprocess.run([program, directory, str(COUNT)], stdout=subprocess.PIPE, text=True, check=True)
    finally:
        scratch.remove(directory)
    for task, samples in json.loads(done.stdout).items():
        what = {"get": "get", "read": "get and parse", "list": "list by 500", "create": "create"}[task]
        name = f"store of {COUNT} snapshots, {what}"
        yield Figure(name, "us", samples["ours"], 3, 1.5, samples["bare"])
