# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What nobody needs any more, in libvirt, in QEMU, and on the host."""

import glob
import json
import os
import re

import libvirt
import libvirt_qemu


def of_machine(host, name, directory):
    """What is there of snapshots of a machine beside those that are kept in @directory: jobs, what shows their disks and
    what keeps what is overwritten meanwhile, records of changes that none of them needs, who looks after holds and jobs.
    {what: which}, all empty if there is nothing."""
    domain = host.connection.lookupByName(name)
    stored = os.listdir(directory)
    found = {
        "checkpoints": [row.getName() for row in domain.listAllCheckpoints() if not _is_needed(row.getName(), stored)],
        "dead men": dead_men(host, domain.UUIDString()),
        "guards": guards(host, domain.UUIDString(), directory),
        "sockets": glob.glob(f"{directory}/*.nbd") + glob.glob(f"{host.dir}/lib/qemu/domain-*/*.nbd"),
        "scratch files": glob.glob(f"{directory}/*/*.scratch"),
    }
    if domain.isActive():
        found["job"] = domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE
        found["block jobs"] = [job["id"] for job in _ask(domain, "query-jobs")]
        found["exports"] = [export["id"] for export in _ask(domain, "query-block-exports")]
        nodes = _ask(domain, "query-named-block-nodes")
        names = {bitmap["name"] for node in nodes for bitmap in node.get("dirty-bitmaps", [])}
        found["bitmaps"] = sorted(name for name in names if not _is_needed(name, stored))
        found["nodes"] = [node["file"] for node in nodes if node["file"].endswith(".scratch")]
    return found


def _is_needed(name, stored):
    """A checkpoint or bitmap; those of others are no business of ours."""
    ours = re.fullmatch(r"lull-([0-9a-f-]{36})-[0-9]+", name)
    return ours[1] in stored if ours else not name.startswith("lull-")


def _ask(domain, command):
    return json.loads(libvirt_qemu.qemuMonitorCommand(domain, json.dumps({"execute": command}), 0))["return"]


def dead_men(host, uuid=""):
    """The process ids of host dead men that watch a guest of @host, or the one of that @uuid."""
    return processes("dead-man", host.uri, *([uuid] if uuid else []))


def guards(host, uuid, directory=""):
    """Those of processes that look after a job of the guest, or of it for what is kept in @directory: one whose coordinator
    was killed just before the cut waits for that a while longer than the next test lasts."""
    return processes("pull-guard", host.uri, uuid, below=directory)


def processes(*words, below=""):
    """The process ids of those that have all these words in their command line, and one that starts with @below."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                told = file.read().split(b"\0")
        except OSError:
            continue
        if all(word.encode() in told for word in words) and any(word.startswith(below.encode()) for word in told):
            found.append(int(pid))
    return found
