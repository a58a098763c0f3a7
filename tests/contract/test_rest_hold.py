# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Freezes by hand over REST: a connection that is the lease, and what ends it."""

import json
import os
import subprocess

import pytest

from rest import SUBRESOURCES, Client
from waiting import wait_for

LARRY = f"{SUBRESOURCES}/larry"


class Holds(Client):
    """A server whose one guest, larry, exists in its memory only."""

    def __init__(self, build, directory):
        super().__init__(os.path.join(directory, "lull.sock"))
        self.intents = os.path.join(directory, "intents")
        self.process = subprocess.Popen(
            [os.path.join(build, "tests/contract/serve-holds"), os.path.join(directory, "store.db"), self.path,
             self.intents], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def put(self, subresource, body=None):
        return self.call("PUT", f"{LARRY}/{subresource}", body)

    def is_frozen(self):
        return self.put("story")[1]["frozen"]

    def wait_thawed(self):
        wait_for(lambda: not self.is_frozen(), "the thaw")

    def freeze_again(self):
        """Refused until the hold before has left."""
        wait_for(lambda: self.put("freeze")[0] != 409, "the end of the hold before")
        assert self.is_frozen()

    def hold(self, body=None):
        return Hold(self.send("PUT", f"{LARRY}/hold", body))

    def stop(self):
        self.process.terminate()
        status = self.process.wait(30)
        self.process.stdout.close()
        return status


class Hold:
    def __init__(self, connection):
        self.connection = connection
        self.response = connection.getresponse()

    def next(self):
        line = self.response.readline()
        return json.loads(line) if line else None

    def close(self):
        self.connection.close()
        self.response.close()


@pytest.fixture
def holds(build, directory):
    holds = Holds(build, directory)
    yield holds
    assert holds.stop() == 0


def test_a_hold_says_when_the_guest_is_still_and_at_the_end_what_it_was_worth(holds):
    hold = holds.hold()
    first = hold.next()
    assert (hold.response.status, first["state"], first["agent"]) == (200, "held", "fake 1")
    assert holds.is_frozen()

    code, verdict = holds.put("unfreeze", {"op": first["op"]})
    assert (code, verdict["level"], verdict["proof"]) == (200, "fs", "held")
    assert hold.next() == {**verdict, "state": "ended", "why": "unfreeze"}
    assert hold.next() is None
    assert not holds.is_frozen()
    hold.close()


def test_closing_the_connection_lets_go(holds):
    hold = holds.hold()
    assert hold.next()["state"] == "held"
    hold.close()
    holds.wait_thawed()
    holds.freeze_again()


def test_a_hold_ends_at_its_time_whoever_still_listens(holds):
    hold = holds.hold({"unfreezeTimeout": "300ms"})
    assert hold.next()["state"] == "held"
    assert hold.next()["why"] == "timeout"
    assert hold.next() is None
    hold.close()


def test_a_broken_hold_says_so(holds):
    holds.put("set", {"breakHold": True})
    hold = holds.hold()
    op = hold.next()["op"]
    holds.put("unfreeze", {"op": op})
    last = hold.next()
    assert (last["level"], last["proof"], last["proofReason"]) == ("crash", "broken", "foreign thaw")
    hold.close()


def test_a_guest_that_cannot_be_frozen_is_an_error_and_no_stream(holds):
    holds.put("set", {"refuseFreeze": True})
    code, status = holds.put("hold")
    assert (code, status["kind"], status["message"]) == (500, "Status", "cannot freeze larry: refused")
    assert holds.call("PUT", f"{SUBRESOURCES}/moe/hold")[0] == 404


def test_f10_a_machine_that_is_off_is_a_conflict(holds):
    holds.put("set", {"off": True})
    code, status = holds.put("freeze")
    assert (code, status["reason"], status["message"]) == (409, "Conflict", "VM larry is not running")
    assert holds.put("story")[1] == {"frozen": False, "story": ""}


@pytest.mark.parametrize("body", [{"unfreezeTimeout": "soon"}, {"unfreezeTimeout": "-1s"}, {"unfreezeTimeout": "2h"}])
def test_a_wrong_time_is_refused(holds, body):
    code, status = holds.put("hold", body)
    assert (code, status["reason"]) == (422, "Invalid")
    assert holds.put("story")[1]["story"] == ""


def test_one_hold_a_guest(holds):
    hold = holds.hold()
    op = hold.next()["op"]
    for other in ("hold", "freeze"):
        code, status = holds.put(other)
        assert (code, status["reason"]) == (409, "Conflict")
    code, status = holds.put("unfreeze", {"op": "another"})
    assert (code, status["reason"]) == (409, "Conflict")
    assert holds.is_frozen()
    assert holds.put("unfreeze", {"op": op})[0] == 200
    hold.close()


def test_the_end_of_the_server_thaws_and_is_told(holds):
    hold = holds.hold()
    assert hold.next()["state"] == "held"
    assert holds.stop() == 0
    hold.close()
    assert os.listdir(holds.intents) == []
