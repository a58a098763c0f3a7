# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A guest that is a script: an agent on a socket, ours or the stock one, that knows what it did, and meets one
part of the exchange in any manner that it is told to."""

import contextlib
import json
import os
import select
import socket
import threading
import uuid

from freezing import boottime

SENTINEL = b"\xff"
OURS = "__dev.lull_quiesce-"
FILESYSTEMS = [{"mountpoint": "/", "type": "ext4", "result": "frozen", "disks": [{"serial": "ROOT"}]}]
FSINFO = [{"name": "vda", "mountpoint": "/", "type": "ext4", "disk": [{"serial": "ROOT", "bus-type": "virtio"}]}]
STOCK_COMMANDS = ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw", "guest-fsfreeze-status", "guest-get-fsinfo"]
OUR_COMMANDS = [OURS + verb for verb in ("prepare", "freeze", "renew", "thaw", "abort", "status")]
SECTORS = 7  # of the kernel's figures of a block device: what was written


class Refusal(Exception):
    """An error reply."""


class Gone(Exception):
    """The coordinator has hung up."""


class Exchange:
    """One connection of the coordinator's."""

    def __init__(self, connection):
        self._socket = connection
        self._buffer = b""

    def line(self):
        """The next line, b"" after the last."""
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def say(self, data):
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def is_gone(self, seconds=0.0):
        """Whether the coordinator hangs up within this time."""
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return bool(poll.poll(seconds * 1000))

    def wait_until_gone(self):
        while not self.is_gone(60):
            pass


class Hold:
    """One request that was kept waiting: until release(), or until the coordinator gave up."""

    def __init__(self):
        self.begun = threading.Event()
        self.released = threading.Event()
        self.fallen = threading.Event()

    def keep(self, exchange):
        self.begun.set()
        while not self.released.is_set():
            if exchange.is_gone(0.005):
                self.fallen.set()
                return

    @property
    def lasts(self):
        return self.begun.is_set() and not self.fallen.is_set()


class Guest:
    """@kind is "lull" or "stock"; @folder is the hypervisor's for this machine. What it is told by attributes
    holds for requests to come."""

    def __init__(self, kind, path, folder):
        self.path = path
        self.kind = kind
        self.writers = []
        self.attack = None  # a part of the exchange, and how it is met: attacks.Attack
        self.refuses = set()  # commands
        self.parked_until = None  # an event that guest-info waits for, but not so long that it fails
        self.freezes = []  # [begin, end] on the boot clock, end None while it lasts
        self.thawed = threading.Event()  # since it was last cleared
        self.waits = []  # (part, seconds until the coordinator hung up)
        self._serial = threading.Lock()
        self._op = ""
        self._epoch = ""
        self._prepared = False
        self._boot_id = str(uuid.uuid4())
        self._figures = os.path.join(folder, "figures")
        self._written = 0
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "disks"), "w") as file:
            file.write(f"vda {self._figures}\n")
        self.write()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def close(self):
        self._listener.close()

    def write(self):
        """Something reaches the disk, as the host sees it."""
        self._written += 8
        with open(self._figures + ".new", "w") as file:
            file.write(" ".join(["0"] * (SECTORS - 1) + [str(self._written)] + ["0"] * 8))
        os.rename(file.name, self._figures)

    def reboot(self):
        """Whatever was frozen is so no longer, and nobody remembers it. For attacks: while a request is met."""
        self._set_frozen(False)
        self._op = self._epoch = ""
        self._prepared = False
        self._boot_id = str(uuid.uuid4())

    @property
    def frozen(self):
        return bool(self.freezes) and self.freezes[-1][1] is None

    def was_frozen(self, begin, end):
        """Without a break, all the time."""
        return any(a <= begin and (b is None or end <= b) for a, b in self.freezes)

    # ------- the exchange

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        exchange = Exchange(connection)
        with connection, contextlib.suppress(Gone):
            while line := exchange.line():
                request = json.loads(line.lstrip(SENTINEL))
                if request["execute"] == "guest-info" and self.parked_until:
                    self.parked_until.wait(3)
                with self._serial:
                    self._meet(exchange, request["execute"], request.get("arguments", {}))

    def part_of(self, command):
        """Which part of the exchange a request belongs to."""
        if command == "guest-sync-delimited":
            return "sync"
        if command == "guest-fsfreeze-status":
            return "proof" if self.frozen else "status"
        return command.removeprefix(OURS).removeprefix("guest-").removeprefix("fsfreeze-").removeprefix("get-")

    def _meet(self, exchange, command, arguments):
        attack = self.attack
        part = self.part_of(command)
        if not attack or not attack.strikes(part):
            exchange.say(self.answer(command, arguments))
            return
        begun = boottime()
        try:
            attack.meet(self, exchange, command, arguments)
        finally:
            if exchange.is_gone():
                self.waits.append((part, boottime() - begun))

    def answer(self, command, arguments):
        """Does what is asked for; the answer, as bytes."""
        mark = SENTINEL if command == "guest-sync-delimited" else b""
        try:
            return mark + json.dumps({"return": self.act(command, arguments)}).encode() + b"\n"
        except Refusal as refusal:
            return json.dumps({"error": {"class": "GenericError", "desc": str(refusal)}}).encode() + b"\n"

    def act(self, command, arguments):
        if command in self.refuses:
            raise Refusal("not today")
        if command == "guest-sync-delimited":
            return arguments["id"]
        if command == "guest-info":
            return self._info()
        name = command.removeprefix(OURS) if self.kind == "lull" else command
        action = getattr(self, "_" + name.removeprefix("guest-").replace("-", "_"), None)
        if not action:
            raise Refusal(f"The command {command} has not been found")
        return action(arguments)

    def _info(self):
        names = STOCK_COMMANDS + (OUR_COMMANDS if self.kind == "lull" else [])
        commands = [{"name": name, "enabled": True, "success-response": True} for name in names]
        return {"version": "10.0.2", "lull-version": "0.0.0", "supported_commands": commands}

    def _set_frozen(self, frozen):
        if frozen and not self.frozen:
            self.freezes.append([boottime(), None])
        elif not frozen and self.frozen:
            self.freezes[-1][1] = boottime()
            self.thawed.set()

    # ------- ours

    def _prepare(self, arguments):
        if self._op and self._op != arguments["op"]:
            return {"accepted": False, "owner": self._op}
        self._op = arguments["op"]
        self._prepared = True
        return {"accepted": True, "protocol": 1}

    def _status(self, _arguments):
        phase = "frozen" if self.frozen else "prepared" if self._prepared else "idle"
        return {"phase": phase, "op": self._op, "boot-id": self._boot_id, "filesystems": FILESYSTEMS}

    def _freeze(self, arguments):
        if arguments["op"] != self._op or not self._prepared:
            raise Refusal("no such operation")
        self._set_frozen(True)
        self._epoch = uuid.uuid4().hex
        return {"epoch": self._epoch, "boot-id": self._boot_id, "freeze-ms": 1.0, "filesystems": FILESYSTEMS}

    def _renew(self, arguments):
        if not self.frozen or arguments["epoch"] != self._epoch:
            return {"broken": "lease expired"}
        return {"remaining-ms": arguments["lease-ms"]}

    def _thaw(self, arguments):
        if not self.frozen or arguments["op"] != self._op:
            return {"proof": "none", "reason": "no such operation"}
        window = boottime() - self.freezes[-1][0]
        told = {"proof": "held", "epoch": self._epoch, "window-ms": window * 1000, "freeze-ms": 1.0, "thaw-ms": 1.0}
        self._set_frozen(False)
        self._op = ""
        self._prepared = False
        return {**told, "filesystems": FILESYSTEMS, "writers": self.writers}

    def _abort(self, arguments):
        if arguments["op"] != self._op:
            raise Refusal("no such operation")
        self._set_frozen(False)
        self._op = ""
        self._prepared = False
        return {}

    # ------- the stock one's

    def _fsfreeze_status(self, _arguments):
        return "frozen" if self.frozen else "thawed"

    def _get_fsinfo(self, _arguments):
        return FSINFO

    def _fsfreeze_freeze(self, _arguments):
        if self.frozen:
            raise Refusal("the agent is in frozen state")
        self._set_frozen(True)
        return 1

    def _fsfreeze_thaw(self, _arguments):
        count = int(self.frozen)
        self._set_frozen(False)
        return count
