# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What nobody needs any more, in libvirt, in QEMU, and on the host."""

import json
import os
import re

import libvirt
import libvirt_qemu


def of_machine(host, name, stored):
    """What is there of snapshots of a machine, of which those of the uids @stored are kept: jobs, records of changes
    that none of them needs, dead men. {what: which}, all empty if there is nothing."""
    domain = host.connection.lookupByName(name)
    found = {
        "checkpoints": [row.getName() for row in domain.listAllCheckpoints() if not _is_needed(row.getName(), stored)],
        "dead men": dead_men(host, domain.UUIDString()),
    }
    if domain.isActive():
        found["job"] = domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE
        found["block jobs"] = [job["id"] for job in _ask(domain, "query-jobs")]
        names = {bitmap["name"] for node in _ask(domain, "query-named-block-nodes")
                 for bitmap in node.get("dirty-bitmaps", [])}
        found["bitmaps"] = sorted(name for name in names if not _is_needed(name, stored))
    return found


def _is_needed(name, stored):
    """A checkpoint or bitmap; those of others are no business of ours."""
    ours = re.fullmatch(r"lull-([0-9a-f-]{36})-[0-9]+", name)
    return ours[1] in stored if ours else not name.startswith("lull-")


def _ask(domain, command):
    return json.loads(libvirt_qemu.qemuMonitorCommand(domain, json.dumps({"execute": command}), 0))["return"]


def dead_men(host, uuid=""):
    """The process ids of host dead men that watch a guest of @host, or the one of that @uuid."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if b"dead-man" in words and host.uri.encode() in words and (not uuid or uuid.encode() in words):
            found.append(int(pid))
    return found
