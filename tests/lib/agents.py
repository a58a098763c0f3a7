# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Agents on a unix socket, ours and the stock one, and a client that speaks with them."""

import contextlib
import json
import os
import signal
import socket
import subprocess

import island
from waiting import wait_for

STOCK = "/usr/sbin/qemu-ga"
PREFIX = "__dev.lull_quiesce-"


class Refused(Exception):
    """An error reply."""

    def __init__(self, error):
        super().__init__(error["desc"])
        self.klass = error["class"]
        self.desc = error["desc"]


class Client:
    def __init__(self, path, timeout=60):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(path)
        self._buffer = b""

    def send(self, data):
        self._socket.sendall(data)

    def line(self):
        """The next line, without its end."""
        while b"\n" not in self._buffer:
            data = self._socket.recv(65536)
            if not data:
                raise EOFError("the agent closed the connection")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def reply(self):
        return json.loads(self.line())

    def request(self, command, **arguments):
        message = {"execute": command}
        if arguments:
            message["arguments"] = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.send(json.dumps(message).encode() + b"\n")

    def call(self, command, **arguments):
        self.request(command, **arguments)
        reply = self.reply()
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["return"]

    def quiesce(self, verb, **arguments):
        return self.call(PREFIX + verb, **arguments)

    def prepare(self, op, **arguments):
        answer = self.quiesce("prepare", op=op, **arguments)
        assert answer["accepted"], answer
        wait_for(lambda: self.quiesce("status")["phase"] == "prepared", "prepared")

    def freeze(self, op, lease_ms=8000, **arguments):
        self.prepare(op, **arguments)
        return self.quiesce("freeze", op=op, lease_ms=lease_ms)

    def close(self):
        self._socket.close()


class Agent:
    """An agent in an island; "lull-agent" or "qemu-ga"."""

    def __init__(self, home, program, *options, at_step=None, environment=None):
        self.program = program
        self.home = home
        self._socket = os.path.join(home.directory, "agent.sock")
        self._state = os.path.join(home.directory, "state")
        os.makedirs(home.path(self._state), exist_ok=True)
        self._options = options
        self._environment = environment or {}
        self._clients = []
        self.process = None
        self.start(at_step)

    def start(self, at_step=None):
        """As a service manager does, also after a death."""
        env = {name: value for name, value in os.environ.items() if name != "LULL_AT_STEP"}
        env.update(self._environment)
        if at_step:
            env["LULL_AT_STEP"] = at_step
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.home.path(self._socket))
        self.process = self.home.spawn(self._argv(self._socket), env=env)
        wait_for(lambda: os.path.exists(self.home.path(self._socket)), "the agent's socket")

    def _argv(self, path):
        return [self.program, "-m", "unix-listen", "-p", path, "-t", self._state, *self._options]

    @property
    def socket_path(self):
        """As the outside names it."""
        return self.home.path(self._socket)

    def set_options(self, *options):
        """For the next start."""
        self._options = options

    def spawn_another(self):
        """A process with the same state folder, and a socket of its own."""
        return self.home.spawn(self._argv(self._socket + "2"), stderr=subprocess.PIPE)

    def fail(self, *options):
        """The exit status of a start that comes to nothing."""
        return self.home.spawn([*self._argv(self._socket), *options], stderr=subprocess.DEVNULL).wait(20)

    def client(self):
        self._clients.append(wait_for(self._connect, "a connection"))
        return self._clients[-1]

    def _connect(self):
        try:
            return Client(self.home.path(self._socket))
        except ConnectionRefusedError:
            return None

    def state_file(self, name):
        return self.home.path(os.path.join(self._state, name))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """The exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self):
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()


def make_island(directory, build):
    return island.Island(
        directory,
        [os.path.join(build, "agent/lull-agent"), os.path.join(build, "agent/freezer/lull-freezer"), STOCK],
    )
