# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""What a coordinator writes into the metadata of libvirt's domains; here those of libvirt's mock host."""

import pytest

import rest
from waiting import wait_for

MACHINE = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/test"
SWITCH = f"{rest.SUBRESOURCES}/test/incremental"


@pytest.fixture
def client(mocked):
    return mocked


def is_incremental(client):
    return client.get(MACHINE)[1]["status"]["incremental"]


def test_a_machine_is_switched_to_incremental_snapshots_and_back(client):
    assert not is_incremental(client)
    for enabled in (True, True, False, False, True):
        assert client.call("PUT", SWITCH, {"enabled": enabled}) == (200, {"enabled": enabled})
        wait_for(lambda: is_incremental(client) == enabled, "the machine's status")


def test_a_machine_that_is_not_there_is_not_switched(client):
    code, status = client.call("PUT", SWITCH.replace("test", "other"), {"enabled": True})
    assert (code, status["reason"]) == (404, "NotFound")


@pytest.mark.parametrize("body", [None, {}, {"enabled": "yes"}, {"enabled": 1}])
def test_what_is_wanted_has_to_be_said(client, body):
    code, status = client.call("PUT", SWITCH, body)
    assert code == 422 and "enabled" in status["message"]
    assert not is_incremental(client)
