# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Every part of the exchange, met in every bad manner: the cells, what may be claimed after each, and how long
the coordinator may wait."""

import dataclasses
import json
import os
import re
import threading
import zlib

import scripted
from scripted import SENTINEL

# ------- in which manner

HUGE = 64 << 20
CHUNK = b"x" * 65536
DEPTH = 100000
MARKS = 4096
WIDE = 300000  # values that take three bytes each to tell, and hundreds to keep


def _line(value):
    return json.dumps(value).encode() + b"\n"


def _as_asked(guest, command, arguments):
    return guest.answer(command, arguments)


def late(guest, exchange, command, arguments):
    """When nobody listens any more."""
    exchange.wait_until_gone()
    exchange.say(_as_asked(guest, command, arguments))


def never(guest, exchange, command, arguments):
    """It is done, but not answered."""
    _as_asked(guest, command, arguments)
    exchange.wait_until_gone()


def wrong(guest, exchange, command, arguments):
    """Every member that any answer has, none of its type."""
    _as_asked(guest, command, arguments)
    exchange.say(
        _line(
            {
                "return": {
                    "accepted": "yes",
                    "protocol": "1",
                    "phase": 7,
                    "op": {},
                    "epoch": [],
                    "proof": True,
                    "supported_commands": {},
                    "filesystems": "all",
                    "writers": 5,
                }
            }
        )
    )


def twice(guest, exchange, command, arguments):
    answer = _as_asked(guest, command, arguments)
    exchange.say(answer + answer)


def endless(guest, exchange, command, arguments):
    """A little now and then, and no end of it."""
    _as_asked(guest, command, arguments)
    exchange.say(b'{"return":"')
    while not exchange.is_gone(0.01):
        exchange.say(b"x")


def others(guest, exchange, command, arguments):
    """Another's answer to another's question."""
    _as_asked(guest, command, arguments)
    told = {"accepted": False, "owner": "other", "phase": "prepared", "op": "other", "proof": "none"}
    exchange.say(_line({"id": 99, "return": 4711 if command.startswith("guest-") else told}))


def huge(guest, exchange, command, arguments):
    _as_asked(guest, command, arguments)
    exchange.say(b'{"return":"')
    for _ in range(HUGE // len(CHUNK)):
        exchange.say(CHUNK)
    exchange.say(b'"}\n')


def wide(guest, exchange, command, arguments):
    """Less than is too much, but more than that to keep."""
    _as_asked(guest, command, arguments)
    exchange.say(b'{"return":[' + b"{}," * WIDE + b"{}]}\n")


def deep(guest, exchange, command, arguments):
    _as_asked(guest, command, arguments)
    exchange.say(b'{"return":' + b"[" * DEPTH + b"]" * DEPTH + b"}\n")


def marks(guest, exchange, command, arguments):
    exchange.say(SENTINEL * MARKS + _as_asked(guest, command, arguments))


def epoch(guest, exchange, command, arguments):
    """As a guest would that began anew in between."""
    _as_asked(guest, command, arguments)
    stock = {
        "guest-fsfreeze-status": "frozen" if guest.part_of(command) == "status" else "thawed",
        "guest-fsfreeze-freeze": 0,
        "guest-fsfreeze-thaw": 0,
        "guest-get-fsinfo": [],
        "guest-sync-delimited": 0,
    }
    ours = {
        "epoch": "f" * 32,
        "boot-id": "other",
        "op": "other",
        "proof": "held",
        "remaining-ms": 0,
        "broken": "thawed under another epoch",
    }
    exchange.say(_line({"return": stock.get(command, ours)}))


MANNERS = {f.__name__: f for f in (late, never, wrong, twice, endless, others, huge, wide, deep, marks, epoch)}

# ------- and the same within an answer that is sound else: what a thaw tells of file systems and writers

_ROW = {"mountpoint": "/strange", "type": "strange", "result": "failed", "disks": [{"serial": "STRANGE"}]}
_ROWS = {
    "wrong": lambda rows: "all",
    "twice": lambda rows: rows + rows,
    "others": lambda rows: [_ROW],
    "huge": lambda rows: [{**_ROW, "reason": "x" * HUGE}],
    "wide": lambda rows: rows * 3 + [{}] * WIDE,
    "deep": lambda rows: [{**_ROW, "reason": json.loads("[" * 200 + "]" * 200)}],
    "marks": lambda rows: [{**_ROW, "reason": "MARKS"}],
}


def meet_with_rows(manner, guest, exchange, command, arguments):
    told = guest.act(command, arguments)
    if "filesystems" in told:
        told = {**told, "filesystems": _ROWS[manner](told["filesystems"]), "writers": _ROWS[manner]([])}
    exchange.say(_line({"return": told}).replace(b"MARKS", SENTINEL * MARKS))


class Attack:
    """One part of the exchange, met in one manner; the first time, if it @waits, after it was kept waiting."""

    def __init__(self, cell, waits=True):
        self.cell = cell
        self.hold = scripted.Hold()
        self._waits = waits
        self.met = threading.Event()  # and answered, as far as it is

    def strikes(self, part):
        return part == ("thaw" if self.cell.part == "results" else self.cell.part)

    def meet(self, guest, exchange, command, arguments):
        if self._waits and not self.hold.begun.is_set():
            self.hold.keep(exchange)
        try:
            if self.cell.part == "results":
                meet_with_rows(self.cell.manner, guest, exchange, command, arguments)
            else:
                MANNERS[self.cell.manner](guest, exchange, command, arguments)
        finally:
            self.met.set()


# ------- the cells

PARTS = {
    "lull": ["sync", "info", "prepare", "status", "freeze", "witness", "renew", "thaw", "results", "abort"],
    "stock": ["sync", "info", "status", "fsinfo", "freeze", "witness", "proof", "thaw"],
}
# The witness is the host's: a guest can write on, or be on a disk that has no figures.
_MANNERS_OF = {"witness": ["wrong", "never"], "results": list(_ROWS)}

# What may be claimed: "held"; "failed"; "late", which is failed, and time was the reason; "none", no agent; "unseen",
# which is failed, but another attempt would show no more.
# For each part what a manner makes of it, "*" for all others.
_SLOW = {"late": "late", "never": "late", "endless": "late"}
_CLAIMS = {
    "lull": {
        "sync": {"marks": "held", "*": "none"},
        "info": {"twice": "held", "*": "none"},
        "prepare": {"twice": "held", **_SLOW, "*": "failed"},
        "status": {"twice": "held", **_SLOW, "*": "failed"},
        "freeze": {"twice": "held", **_SLOW, "*": "failed"},
        "witness": {"wrong": "failed", "never": "held"},
        "renew": {"*": "held"},  # the epoch is what counts
        "thaw": {"twice": "held", **_SLOW, "*": "failed"},
        "results": {"wrong": "held", "twice": "held", "*": "failed"},
        "abort": {"*": "failed"},  # of a freeze that was refused
    },
    "stock": {
        "sync": {"marks": "held", "*": "none"},
        "info": {"twice": "held", "*": "none"},
        "status": {"twice": "held", **_SLOW, "*": "failed"},
        "fsinfo": {"*": "held"},  # for the report only
        "freeze": {"twice": "held", **_SLOW, "*": "failed"},
        "witness": {"wrong": "failed", "never": "unseen"},  # the one thing that proves it
        "proof": {"twice": "held", **_SLOW, "*": "failed"},
        "thaw": {"twice": "held", "others": "held", **_SLOW, "*": "failed"},  # more than it had frozen
    },
}


@dataclasses.dataclass(frozen=True)
class Cell:
    agent: str
    part: str
    manner: str

    def __str__(self):
        return f"{self.agent}-{self.part}-{self.manner}"

    @property
    def claim(self):
        claims = _CLAIMS[self.agent][self.part]
        return claims.get(self.manner, claims.get("*"))

    @property
    def breaks(self):
        """A renewal tells that the first freeze broke; the second one needs none."""
        return (self.part, self.manner) == ("renew", "epoch")

    @property
    def often(self):
        """Of the quarter that is always played: by name, so that it is the same one everywhere."""
        return zlib.crc32(str(self).encode()) % 4 == 0


def cells():
    return [
        Cell(agent, part, manner)
        for agent, parts in PARTS.items()
        for part in parts
        for manner in _MANNERS_OF.get(part, MANNERS)
    ]


def chosen():
    """All cells where LULL_HOSTILE_ALL is set."""
    return [cell for cell in cells() if cell.often or os.environ.get("LULL_HOSTILE_ALL")]


# ------- how long the coordinator may wait

# Seconds, by file of the coordinator and name of the time-out. Our agent answers within half the lease (freeze), 2 s (thaw)
# or 1 s (all else), and has a second for the way; a stock one promises nothing, and its freeze goes over many
# file systems.
AGREED = {
    ("guest/hold-lull.c", "CALL_USEC"): 2,
    ("guest/hold-lull.c", "THAW_USEC"): 3,
    ("guest/stock-way.h", "LULL_STOCK_CALL_USEC"): 2,
    ("guest/stock-way.h", "LULL_STOCK_FREEZE_USEC"): 10,
    ("guest/hold.c", "PROBE_USEC"): 5,
    ("guest/host-dead-man.c", "CALL_USEC"): 5,
    ("reconcile/attempt.c", "PREPARE_BUDGET"): 10,
    ("reconcile/attempt.c", "THAW_BUDGET"): 4,
}

_SOURCE = os.path.join(os.path.dirname(__file__), "../../coordinator")


def declared(file, name):
    """A time-out as the source has it, in seconds."""
    with open(os.path.join(_SOURCE, file)) as source:
        unit, number = re.search(rf"#define {name} +LULL_(SEC|MSEC)\((\d+)\)", source.read()).groups()
    return int(number) / (1 if unit == "SEC" else 1000)


def agreed(file, prefix, name):
    return AGREED[file, prefix + name]


def limit_of(agent, part, lease):
    """Of one answer, in seconds."""
    own = {"lull": ("guest/hold-lull.c", ""), "stock": ("guest/stock-way.h", "LULL_STOCK_")}[agent]
    call = agreed(*own, "CALL_USEC")
    probe = AGREED["guest/hold.c", "PROBE_USEC"]
    limits = {
        "sync": max(probe, call),
        "info": probe,
        "fsinfo": probe,
        "freeze": agreed(*own, "FREEZE_USEC") if agent == "stock" else max(1, lease / 2 + call / 2),
        "thaw": agreed(*own, "THAW_USEC") if agent == "lull" else call,
    }
    # the host dead man and a recovery have time-outs of their own
    return max(limits.get(part, call), AGREED["guest/host-dead-man.c", "CALL_USEC"] if agent == "stock" else 0)


def limit_of_snapshot(agent, lease):
    """Of all that may happen to one: two attempts to quiesce the guest, and one without."""
    parts = [part for part in PARTS[agent] if part not in ("witness", "results")]
    calls = sum(limit_of(agent, part, lease) for part in parts)
    budgets = sum(AGREED["reconcile/attempt.c", name] for name in ("PREPARE_BUDGET", "THAW_BUDGET"))
    return 2 * (calls + budgets)
