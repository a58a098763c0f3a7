# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What the coordinator uses while nothing happens, with 50 domains, beside a program that only waits for libvirt's events.

libvirt's test driver plays the domains, behind a libvirtd, so that both have a connection to keep alive. What the
coordinator needed at its start it lets go after a minute of rest; the time begins then.
"""

import os
import subprocess
import time

from bench import Figure
from rig import Host
from waiting import wait_for, wait_for_rest

DOMAINS = 50
SECONDS = 60
ROUNDS = 3

_DOMAIN = """<domain type='test'><name>vm-{0}</name><uuid>00000000-0000-4000-8000-{0:012d}</uuid><memory>1048576</memory>
<os><type>hvm</type></os><devices><disk type='file' device='disk'><source file='/nowhere/{0}.qcow2'/>
<target dev='vda' bus='virtio'/></disk></devices></domain>"""


def _cpu_msec(pid):
    """Processor time of all threads that a process has."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e6


def _used(*processes):
    before = [_cpu_msec(process.pid) for process in processes]
    time.sleep(SECONDS)
    return [_cpu_msec(process.pid) - b for process, b in zip(processes, before)]


def _connections(pid):
    return sum("socket:" in os.path.realpath(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))


def figures(build):
    with Host() as host:
        yield _figure(build, host)


def _figure(build, host):
    directory = os.path.join(host.dir, "idle")
    os.mkdir(directory)
    node = os.path.join(directory, "node.xml")
    with open(node, "w") as file:
        file.write("<node>" + "".join(_DOMAIN.format(i) for i in range(DOMAINS)) + "</node>")
    uri = f"test+unix://{node}?{host.uri.partition('?')[2]}"
    socket = os.path.join(directory, "lull.sock")
    coordinator = subprocess.Popen(
        [os.path.join(build, "coordinator/lull-coordinator"), "--uri", uri, "--state-dir", directory]
        + ["--runtime-dir", directory, "--socket", socket],
        stderr=subprocess.DEVNULL,
    )
    peer = subprocess.Popen([os.path.join(build, "tests/bench/bench-events"), uri], stdout=subprocess.PIPE)
    try:
        peer.stdout.readline()
        lull = [os.path.join(build, "coordinator/cli/lull"), "--socket", socket, "vms", "-o", "name"]

        def all_there():
            done = subprocess.run(lull, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            return len(done.stdout.splitlines()) == DOMAINS

        wait_for(all_there, "all domains in the coordinator's view")
        for process in (coordinator, peer):
            wait_for_rest(process.pid)
        at_start = _connections(coordinator.pid)
        wait_for(lambda: _connections(coordinator.pid) < at_start, "it lets go what it does not need", 150)
        used = [_used(coordinator, peer) for _ in range(ROUNDS)]
    finally:
        for process in (coordinator, peer):
            process.kill()
            process.wait()
    return Figure(f"coordinator idle with {DOMAINS} domains, CPU in {SECONDS} s", "ms", [own for own, _ in used], 2, 1.1,
                  [other for _, other in used])
