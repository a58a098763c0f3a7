# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What the API server has been asked, from its audit log."""

import collections
import contextlib
import json
import os

from waiting import wait_for

WRITES = ("create", "update", "patch", "delete", "deletecollection")


class AuditLog:
    def __init__(self, path):
        self.path = path
        self.lost = 0  # where a killed server has left off: what it had begun before never ends

    def size(self):
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def forget_begun(self):
        """The server has been killed, in the middle of a line perhaps: what it writes next begins another."""
        with open(self.path, "ab") as file:
            file.write(b"\n")
        self.lost = self.size()

    def trail(self):
        """What is asked from now on."""
        return Trail(self)

    def idle_writes_of(self, user, program):
        """All updates and patches of that program, as that user, that changed nothing, as text. Leases, which are only
        there to be written again, are none."""
        lines = (line for _, line in Trail(self, start=0).lines() if line["stage"] != "RequestReceived")
        return [f"{line['verb']} {line['requestURI']}: {line.get('requestObject')}"
                for line in changed_nothing(line for line in lines if is_write(line))
                if line["user"]["username"].endswith(user) and line.get("userAgent", "").startswith(f"{program}/")
                and resource_of(line) != "leases"]


class Trail:
    def __init__(self, log, start=None):
        self.log = log
        self.start = log.size() if start is None else start

    def lines(self):
        """(offset, line) of each that is written in full; half a one is what a killed server was about to say."""
        if not os.path.exists(self.log.path):
            return
        offset = self.start
        with open(self.log.path, "rb") as file:
            file.seek(offset)
            for line in file:
                document = None
                with contextlib.suppress(ValueError):
                    document = json.loads(line)
                if document and line.endswith(b"\n"):
                    yield offset, document
                offset += len(line)

    def requests(self, user=None, namespace=None):
        """The requests that have ended, in that order: all that were received before this call, since the server
        logs one before it answers it. @user: its name, or the end of it."""
        received = {line["auditID"] for offset, line in self.lines()
                    if line["stage"] == "RequestReceived" and line["verb"] != "watch" and offset >= self.log.lost}

        def ended():
            lines = [line for _, line in self.lines() if line["stage"] != "RequestReceived"]
            return lines if received <= {line["auditID"] for line in lines} else None

        lines = wait_for(ended, "the end of every request in the audit log", interval=0.01)
        return [line for line in lines
                if (user is None or line["user"]["username"].endswith(user))
                and (namespace is None or line.get("objectRef", {}).get("namespace") == namespace)]

    def writes(self, user=None, namespace=None):
        """Those that change something; dry runs do not."""
        return [line for line in self.requests(user, namespace) if is_write(line)]

    def counts(self, user=None, namespace=None):
        """{"patch volumesnapshots/status": 2}, of writes."""
        return collections.Counter(f"{line['verb']} {resource_of(line)}" for line in self.writes(user, namespace))

    def idle_writes(self, user=None, namespace=None):
        """Updates and patches that changed nothing: answered with a version that an earlier write, be it before this
        trail, was answered with."""
        trail = {line["auditID"] for line in self.writes(user, namespace)}
        return [line for line in changed_nothing(Trail(self.log, start=0).writes()) if line["auditID"] in trail]


def is_write(line):
    return line["verb"] in WRITES and "dryRun=" not in line["requestURI"]


def changed_nothing(writes):
    """Of all writes that there were, in their order."""
    seen = set()
    for line in writes:
        metadata = (line.get("responseObject") or {}).get("metadata") or {}
        version = (metadata.get("uid"), metadata.get("resourceVersion"))
        if None in version:
            continue  # refused, as it is where somebody else was faster
        gone = metadata.get("deletionTimestamp") and not metadata.get("finalizers")  # the last one was taken
        if version in seen and not gone and line["verb"] in ("update", "patch"):
            yield line
        seen.add(version)


def resource_of(line):
    reference = line.get("objectRef", {})
    parts = [reference.get("resource", line["requestURI"]), reference.get("subresource")]
    return "/".join(part for part in parts if part)
