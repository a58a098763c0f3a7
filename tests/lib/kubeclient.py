# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A process with a cluster's store that does what it is told; tests/contract/kube-main.c has the orders."""

import json
import os
import queue
import signal
import subprocess
import threading

TIMEOUT = 60


class StoreClient:
    def __init__(self, build, kubeconfig, patience_ms, environment=None, log=subprocess.DEVNULL, under=()):
        """@log: a file for what it says besides. @under: a command that runs the one it is given."""
        self.process = subprocess.Popen(
            [*under, os.path.join(build, "tests/contract/kube"), kubeconfig, str(patience_ms)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **(environment or {})})
        self.results = queue.Queue()
        self.events = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.first = self.results.get(timeout=TIMEOUT)

    def _read(self):
        for line in self.process.stdout:
            value = json.loads(line)
            (self.events if "event" in value else self.results).put(value)

    def do(self, *order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.results.get(timeout=TIMEOUT)

    def must(self, *order):
        """What an order gave that must succeed."""
        result = self.do(*order)
        assert "ok" in result, (order, result)
        return result["ok"]

    def event(self):
        value = self.events.get(timeout=TIMEOUT)
        return f"{value['event']} {value.get('name', value.get('code'))}"

    def suspend(self):
        """It hangs until resume()."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends it; it may have been killed."""
        if self.process.poll() is None:
            self.resume()
            self.process.stdin.close()
            assert self.process.wait(TIMEOUT) == 0
