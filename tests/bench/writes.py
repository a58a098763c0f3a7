# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What the coordinator asks a cluster's API server for one snapshot of a running guest with two disks, by the server's
audit log, against what was counted of KubeVirt's controller: 19 writes of objects, 3 events, 2 calls of subresources."""

import collections

import incluster
from audit import WRITES, resource_of
from bench import Figure
from coordinators import ACCOUNT
from waiting import wait_for

RUNS = 3


def kind_of(line):
    """What a request is: object, event, call, read, trial or lease."""
    reference = line.get("objectRef", {})
    if reference.get("resource") == "leases":
        return "lease"
    if line["verb"] not in WRITES:
        return "read"
    if "dryRun=" in line["requestURI"]:
        return "trial"
    if reference.get("resource") == "events":
        return "event"
    return "call" if reference.get("apiGroup") == "subresources.kubevirt.io" else "object"


def said(line):
    """What a request is; of a patch what it sets, of one that was refused with what."""
    words = [f"{kind_of(line)}: {line['verb']} {resource_of(line)}"]
    if line["verb"] == "patch":
        patch = line.get("requestObject") or {}
        metadata = patch.get("metadata") or {}
        words += [f"{part}.{field}" for part in patch for field in patch[part] or () if part != "metadata"]
        words += [f"metadata.{field}" for field in metadata if field not in ("resourceVersion", "annotations")]
        words += metadata.get("annotations") or {}
    if line["responseStatus"]["code"] >= 400:
        words.append(str(line["responseStatus"]["code"]))
    return " ".join(words)


def is_settled(stage, name):
    """Nobody has anything to write about this snapshot any more."""
    told = [one["reason"] for one in stage.admin.list("events", stage.namespace)
            if one["involvedObject"]["name"] == name]
    return "VirtualMachineSnapshotReady" in told and not stage.vm.read()["status"].get("snapshotInProgress")


def count(stage, name):
    """({kind: how many}, {request: how many}, those that changed nothing) of one snapshot, until nothing more is written
    about it."""
    trail = stage.cluster.audit.trail()
    stage.take(name)
    wait_for(lambda: is_settled(stage, name), f"{name} has been told")
    lines = trail.requests(ACCOUNT)
    idle = [said(line) for line in trail.idle_writes(ACCOUNT) if kind_of(line) != "lease"]
    stage.delete(name)
    requests = collections.Counter(map(said, lines))
    return collections.Counter(map(kind_of, lines)), dict(requests), idle


def figures(build):
    with incluster.running(build, incluster.QUICK) as stage:
        count(stage, "warm")
        counts = [count(stage, f"counted-{run}") for run in range(RUNS)]
    yield Figure("requests that write, for a snapshot of a running guest with 2 disks; KubeVirt's controller: 24", "writes",
                 [kinds["object"] + kinds["event"] + kinds["call"] for kinds, _, _ in counts], 18, 14,
                 notes={"by_kind": [dict(kinds) for kinds, _, _ in counts],
                        "requests": [requests for _, requests, _ in counts]})
    yield Figure("of these, those that changed nothing", "writes", [len(idle) for _, _, idle in counts], 0, 0,
                 notes={"requests": [idle for _, _, idle in counts]})
