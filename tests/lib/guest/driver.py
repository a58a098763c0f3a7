# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""hold-driver on a lead: the coordinator's guest channel and storage back end, one call at a time.

    with Driver(host) as driver:
        driver("vm", guest.name)
        driver("hold", uuid()); driver("prepare", 5000); driver("freeze", 8000)
        assert driver("thaw", 5000)["held"]

Every call gives the answer as a dict; must() is for those that have to succeed.
"""

import json
import os
import subprocess
import uuid as uuids

from rig import is_stopped, program, wait_for


def uuid():
    return str(uuids.uuid4())


class Driver:
    def __init__(self, host, directory=None, step=""):
        self.host = host
        self.directory = directory or os.path.join(host.dir, f"store-{uuid()}")
        self.step = step
        self.process = None

    def __enter__(self):
        environment = {**os.environ, "LULL_AT_STEP": self.step} if self.step else None
        self.process = subprocess.Popen(
            [program("hold-driver"), self.host.uri, self.directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        return self

    def __exit__(self, *_exception):
        self.process.stdin.close()
        try:
            self.process.wait(120)
        finally:
            self.kill()
            self.process.stdout.close()

    def __call__(self, *words):
        self.send(*words)
        return self.answer()

    def send(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def answer(self):
        """That to the oldest call that has none yet."""
        line = self.process.stdout.readline()
        assert line, "the driver ended"
        return json.loads(line)

    def must(self, *words):
        answer = self(*words)
        assert answer["ok"], f"{words}: {answer}"
        return answer

    def kill(self, sig=9):
        if self.process.poll() is None:
            self.process.send_signal(sig)
            if sig == 9:
                self.process.wait()

    def is_stopped(self):
        """Whether it has stopped itself, as by an armed step."""
        return is_stopped(self.process)

    def freeze(self, guest, lease_ms=8000):
        """All of it up to a frozen guest. Returns the op."""
        op = uuid()
        self.must("vm", guest.name)
        self.must("hold", op)
        self.must("prepare", 10000)
        self.must("freeze", lease_ms)
        return op

    def cut(self, guest):
        """A content of the guest that is still to be copied. Returns its uid."""
        content = uuid()
        self.must("vm", guest.name)
        self.must("target", content, 1)
        self.must("cut")
        return content

    def copy(self, content, attempt=1):
        """Waits until the copying is over and returns the last poll."""

        def over():
            answer = self.must("poll", content, attempt)
            return answer if answer["state"] != "running" else None

        return wait_for(over, 60, "the copy is over")

    def snapshot(self, guest):
        """A sealed content of the guest, taken without a freeze. Returns its uid."""
        content = self.cut(guest)
        self.must("free")
        answer = self.copy(content)
        assert answer["state"] == "done", answer
        self.must("seal", content, 1)
        return content

    def stored(self, content, volume):
        return os.path.join(self.directory, content, f"{volume}.qcow2")
