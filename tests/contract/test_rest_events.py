# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Events over REST: what became of objects, read only."""

import pytest

from rest import SUBRESOURCES

EVENTS = "/api/v1/namespaces/default/events"


def tell(client, name, message, uid=None, kind="Normal", reason="Told"):
    event = {"uid": uid or f"uid-of-{name}", "type": kind, "reason": reason, "message": message}
    assert client.call("PUT", f"{SUBRESOURCES}/{name}/tell", event)[0] == 200


def messages(client, selector=None):
    query = f"?limit=500&fieldSelector={selector.replace('=', '%3D')}" if selector else ""
    return sorted(event["message"] for event in client.get(EVENTS + query)[1]["items"])


def test_there_are_none_at_first(client):
    code, document = client.get(EVENTS)
    assert (code, document["kind"], document["apiVersion"], document["items"]) == (200, "EventList", "v1", [])


def test_an_event_is_read_alone(client):
    tell(client, "a", "one")
    [event] = client.get(EVENTS)[1]["items"]
    assert client.get(f"{EVENTS}/{event['metadata']['name']}") == (200, event)
    assert (event["apiVersion"], event["kind"], event["source"]) == ("v1", "Event", {"component": "lull-coordinator"})


def test_they_are_chosen_as_kubectl_describe_does(client):
    tell(client, "a", "one")
    tell(client, "a", "of one before", uid="another")
    tell(client, "b", "two", kind="Warning")
    assert messages(client) == ["of one before", "one", "two"]
    assert messages(client, "involvedObject.name=a,involvedObject.namespace=default,"
                            "involvedObject.kind=VirtualMachineSnapshot,involvedObject.uid=uid-of-a") == ["one"]
    assert messages(client, "type!=Normal") == ["two"]
    code, status = client.get(f"{EVENTS}?fieldSelector=message%3Dx")
    assert (code, status["reason"]) == (400, "BadRequest")


def test_a_watch_tells_of_those_that_are_chosen(client):
    tell(client, "a", "one")
    since = client.get(EVENTS)[1]["metadata"]["resourceVersion"]
    watch = client.watch(EVENTS, fieldSelector="involvedObject.name%3Da", resourceVersion=since)
    tell(client, "b", "two")
    tell(client, "a", "one")
    kind, event = watch.next()
    assert (kind, event["message"], event["count"]) == ("MODIFIED", "one", 2)
    tell(client, "a", "three")
    kind, event = watch.next()
    assert (kind, event["message"], event["count"]) == ("ADDED", "three", 1)
    watch.close()


def test_they_outlive_the_server(server):
    client = server.start()
    tell(client, "a", "one")
    server.stop()
    client = server.start()
    tell(client, "a", "one")
    [event] = client.get(EVENTS)[1]["items"]
    assert event["count"] == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_else_writes_them(client, method):
    tell(client, "a", "one")
    [event] = client.get(EVENTS)[1]["items"]
    path = EVENTS if method == "POST" else f"{EVENTS}/{event['metadata']['name']}"
    assert client.call(method, path, event)[0] == 405
    assert messages(client) == ["one"]
