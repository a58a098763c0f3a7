# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""How long an agent takes for guest-ping over a unix socket, beside qemu-ga and beside a server that only echoes.

All run on one processor: where the two ends of a round trip meet is the scheduler's whim, and costs more than a ping."""

import os
import subprocess

import scratch
from agents import Agent, make_island
from bench import Figure
from waiting import wait_for

RUNS = 12
PINGS = 2000


def figures(build):
    client = os.path.join(build, "tests/bench/bench-ping")
    directory = scratch.make("ping")
    homes = {name: make_island(scratch.make(f"ping-{name}"), build) for name in ("lull-agent", "qemu-ga")}
    echo_path = os.path.join(directory, "echo.sock")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    echo = subprocess.Popen([client, "--echo", echo_path])
    agents = {name: Agent(home, name) for name, home in homes.items()}
    samples = {name: [] for name in ("echo", *agents)}
    paths = {"echo": echo_path, **{name: agent.socket_path for name, agent in agents.items()}}
    try:
        wait_for(lambda: os.path.exists(echo_path), "the echo server")
        for run in range(RUNS):
            names = list(paths)
            for name in names[run % 3 :] + names[: run % 3]:
                done = subprocess.run([client, paths[name], str(PINGS)], stdout=subprocess.PIPE, text=True, check=True)
                samples[name].append(int(done.stdout) / 1000)
    finally:
        os.sched_setaffinity(0, before)
        echo.kill()
        echo.wait()
        for agent in agents.values():
            agent.close()
        for home in homes.values():
            home.close()
            scratch.remove(home.directory)
        scratch.remove(directory)
    own = [ours - echo for ours, echo in zip(samples["lull-agent"], samples["echo"])]
    peer = [theirs - echo for theirs, echo in zip(samples["qemu-ga"], samples["echo"])]
    yield Figure("ping, an echo server's time taken off", "us", own, 1.0, 0.7, peer, {"round_trips": samples})
