# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""VirtualMachineSnapshots of one name space, as a user has them, and what coordinators note on their contents."""

import json

from kinds import OWN, resource, snapshot
from waiting import wait_for


class Snapshots:
    """Of one name space."""

    def __init__(self, cluster, namespace, group=OWN):
        self.admin = cluster.admin
        self.namespace = namespace
        self.group = group
        self.kind = resource("VirtualMachineSnapshot", group)
        self.contents = resource("VirtualMachineSnapshotContent", group)

    def take(self, name, vm="larry", **more):
        return self.admin.create(snapshot(name, vm, self.group, **more), self.namespace)

    def wait(self, name, condition, what, timeout=60):
        return self.admin.wait(self.kind, name, lambda one: condition(one.get("status", {})), what, self.namespace,
                               timeout)

    def wait_taken(self, name, timeout=60):
        return self.wait(name, lambda status: status.get("readyToUse"), "ready", timeout)

    def wait_reason(self, name, text):
        return self.wait(name, lambda status: text in reasons(status).get("Progressing", ""), text)

    def content(self, name):
        uid = self.admin.read(self.kind, name, self.namespace)["metadata"]["uid"]
        return self.admin.find(self.contents, f"vmsnapshot-content-{uid}", self.namespace)

    def wait_grant(self, name, node, attempt):
        return wait_for(lambda: grant_of(self.content(name)).items() >= {"node": node, "attempt": attempt}.items()
                        and self.content(name), f"attempt {attempt} granted to {node}")

    def delete(self, name):
        self.admin.delete(self.kind, name, self.namespace)

    def wait_gone(self, name):
        self.admin.wait_gone(self.kind, name, self.namespace)


def reasons(status):
    return {one["type"]: one["reason"] for one in status.get("conditions", [])}


def note(content, name):
    return json.loads(((content or {}).get("metadata", {}).get("annotations") or {}).get(f"lull.dev/{name}", "{}"))


def grant_of(content):
    """{}: there is none, or it was taken back."""
    grant = note(content, "grant")
    return grant if grant.get("node") else {}
