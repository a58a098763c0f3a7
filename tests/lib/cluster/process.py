# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""One program of a cluster."""

import contextlib
import os
import signal
import subprocess

from waiting import wait_for

GRACE = 5  # seconds to end in; an API server waits much longer for open watches


class Process:
    """Runs @arguments in @directory, with a log that all its lives share."""

    def __init__(self, name, arguments, log, directory):
        self.name = name
        self.arguments = arguments
        self.log = log
        self.directory = directory
        self._process = None
        self._began = 0  # of this life, in the log

    def start(self, *more):
        """Starts it, with @more arguments in this life."""
        assert not self.runs(), f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self._began = log.tell()
            self._process = subprocess.Popen(
                [*self.arguments, *more], cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    def runs(self):
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self):
        return self._process.pid

    def wait_until(self, condition, what, timeout=120):
        """Until @condition(), which may fail while nobody answers yet. Fails at once if the program has ended."""

        def holds():
            assert self.runs(), f"{self.name} has ended:\n{self.tail()}"
            with contextlib.suppress(OSError):
                return condition()

        try:
            return wait_for(holds, f"{self.name}: {what}", timeout, interval=0.02)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def has_said(self, text):
        """Has this life logged @text?"""
        with open(self.log, "rb") as log:
            log.seek(self._began)
            return text.encode() in log.read()

    def tail(self, size=4000):
        if not os.path.exists(self.log):
            return "never started"
        with open(self.log, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - size))
            return log.read().decode(errors="replace")

    def terminate(self):
        """Asks it to end, as a kubelet does."""
        self._process.terminate()

    def stop(self):
        """Lets it end in order, if it does within its grace."""
        if self.runs():
            self._process.terminate()
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.kill()

    def restart(self, *more):
        self.stop()
        self.start(*more)

    def kill(self):
        """As a crash: SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def suspend(self):
        """It hangs until resume()."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        if self.runs():
            self._process.send_signal(signal.SIGCONT)
