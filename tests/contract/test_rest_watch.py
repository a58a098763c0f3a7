# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Watches over REST: in order, none lost, and nobody waited for."""

import contextlib
import http.client
import os

import pytest

from rest import SNAPSHOTS, snapshot
from waiting import wait_for

ALPHA = SNAPSHOTS.replace("v1beta1", "v1alpha1")
SLOW_LIMIT = 4 * 1024 * 1024  # what the server keeps for a client that does not read


def version_of(client):
    return client.get(SNAPSHOTS)[1]["metadata"]["resourceVersion"]


def label(client, name, value):
    assert client.patch(f"{SNAPSHOTS}/{name}", {"metadata": {"labels": {"x": value}}})[0] == 200


def test_a_watch_begins_with_what_there_is(client):
    client.post(SNAPSHOTS, snapshot("a"))
    client.post(SNAPSHOTS, snapshot("b"))
    watch = client.watch(SNAPSHOTS)
    assert watch.names(2) == ["ADDED a", "ADDED b"]
    label(client, "a", "1")
    client.delete(f"{SNAPSHOTS}/b")
    assert watch.names(2) == ["MODIFIED a", "DELETED b"]
    watch.close()


def test_a_watch_goes_on_from_a_version(client):
    client.post(SNAPSHOTS, snapshot("a"))
    since = version_of(client)
    client.post(SNAPSHOTS, snapshot("b"))
    watch = client.watch(ALPHA, resourceVersion=since)
    client.delete(f"{SNAPSHOTS}/a")
    kind, thing = watch.next()
    assert (kind, thing["metadata"]["name"], thing["apiVersion"]) == ("ADDED", "b", "snapshot.kubevirt.io/v1alpha1")
    assert watch.names(1) == ["DELETED a"]
    watch.close()


def test_a_watch_ends_at_its_timeout(client):
    client.post(SNAPSHOTS, snapshot("a"))
    watch = client.watch(SNAPSHOTS, timeoutSeconds=1)
    assert watch.names(1) == ["ADDED a"]
    assert watch.next() is None
    watch.close()


def test_a_forgotten_version_is_expired(server):
    client = server.start("8")
    client.post(SNAPSHOTS, snapshot("a"))
    since = version_of(client)
    for number in range(20):
        label(client, "a", str(number))
    code, status = client.get(f"{SNAPSHOTS}?watch=1&resourceVersion={since}")
    assert (code, status["code"], status["reason"]) == (410, 410, "Expired")


@pytest.mark.parametrize("query", ["resourceVersion=x", "timeoutSeconds=x", "labelSelector=a+in+(b", "includeObject=x"])
def test_a_wrong_query_is_refused(client, query):
    code, status = client.get(f"{SNAPSHOTS}?watch=true&{query}")
    assert (code, status["reason"]) == (400, "BadRequest")


def test_a_first_state_of_many_pages_is_complete(client):
    names = [f"snap-{number:03}" for number in range(250)]
    for name in names:
        client.post(SNAPSHOTS, snapshot(name, metadata={"annotations": {"fill": "x" * 2000}}))
    watch = client.watch(SNAPSHOTS)
    client.post(SNAPSHOTS, snapshot("later"))
    events = [watch.next() for _ in range(251)]
    assert [thing["metadata"]["name"] for _, thing in events] == names + ["later"]
    watch.close()


def test_a_first_state_that_ages_while_it_is_read_ends_in_an_error(server):
    client = server.start("8")
    for number in range(150):
        client.post(SNAPSHOTS, snapshot(f"snap-{number:03}", metadata={"annotations": {"fill": "x" * 20000}}))
    watch = client.watch(SNAPSHOTS)
    for number in range(20):
        label(client, "snap-000", str(number))
    events = []
    while not events or events[-1][0] == "ADDED":
        events.append(watch.next())
    kind, status = events[-1]
    assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
    assert len(events) < 150
    assert watch.next() is None
    watch.close()


def test_selected_objects_come_and_go_with_their_labels(client):
    client.post(SNAPSHOTS, snapshot("in", metadata={"labels": {"x": "1"}}))
    client.post(SNAPSHOTS, snapshot("out"))
    listed = client.watch(SNAPSHOTS, labelSelector="x%3D1")
    assert listed.names(1) == ["ADDED in"]
    since = client.watch(SNAPSHOTS, labelSelector="x%3D1", resourceVersion=version_of(client))
    label(client, "out", "1")
    label(client, "in", "2")
    label(client, "in", "3")
    client.delete(f"{SNAPSHOTS}/out")
    for watch in (listed, since):
        assert watch.names(3) == ["ADDED out", "DELETED in", "DELETED out"]
        watch.close()


def test_a_label_lost_before_the_watch_began_is_a_deletion(client):
    for name in ("left", "came", "moved", "gone"):
        client.post(SNAPSHOTS, snapshot(name, metadata={"labels": {"x": "0" if name == "came" else "1"}}))
    since = version_of(client)
    label(client, "left", "2")
    label(client, "left", "3")
    label(client, "came", "1")
    label(client, "moved", "0")
    label(client, "moved", "1")
    client.delete(f"{SNAPSHOTS}/gone")
    watch = client.watch(SNAPSHOTS, labelSelector="x%3D1", resourceVersion=since)
    assert watch.names(5) == ["DELETED left", "ADDED came", "DELETED moved", "ADDED moved", "DELETED gone"]
    watch.close()


def test_a_watched_table_has_a_row_an_event(client):
    client.post(SNAPSHOTS, snapshot("a"))
    watch = client.watch(SNAPSHOTS, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
    kind, table = watch.next()
    assert (kind, table["kind"], table["rows"][0]["cells"][:2]) == ("ADDED", "Table", ["a", "VirtualMachine"])
    client.delete(f"{SNAPSHOTS}/a")
    assert watch.next()[0] == "DELETED"
    watch.close()


def test_a_bookmark_tells_how_far_the_client_is(client):
    client.post(SNAPSHOTS, snapshot("a"))
    watch = client.watch(SNAPSHOTS, allowWatchBookmarks="true", timeoutSeconds=1, labelSelector="none")
    kind, bookmark = watch.next()
    assert (kind, bookmark["kind"], list(bookmark["metadata"])) == (
        "BOOKMARK", "VirtualMachineSnapshot", ["resourceVersion"])
    assert bookmark["metadata"]["resourceVersion"] == version_of(client)
    assert watch.next() is None
    watch.close()


def test_bookmarks_come_by_themselves_to_those_who_allow_them(server):
    client = server.start("0", "", "20")
    client.post(SNAPSHOTS, snapshot("a"))
    told = client.watch(SNAPSHOTS, allowWatchBookmarks="true", labelSelector="none")
    untold = client.watch(SNAPSHOTS, resourceVersion=version_of(client))
    assert [told.next()[0] for _ in range(3)] == ["BOOKMARK"] * 3
    label(client, "a", "1")
    while told.next()[1]["metadata"]["resourceVersion"] != version_of(client):
        pass
    assert untold.names(1) == ["MODIFIED a"]
    told.close()
    untold.close()


def test_a_bookmark_overtakes_no_event(server):
    client = server.start("0", "", "1")
    client.post(SNAPSHOTS, snapshot("a"))
    watch = client.watch(SNAPSHOTS, allowWatchBookmarks="true", resourceVersion=version_of(client))
    reached = bookmarks = 0
    for number in range(50):
        label(client, "a", str(number))
        kind = None
        while kind != "MODIFIED":
            kind, thing = watch.next()
            version = int(thing["metadata"]["resourceVersion"])
            assert version > reached or (kind, version) == ("BOOKMARK", reached)
            reached = version
            bookmarks += kind == "BOOKMARK"
    while not bookmarks:
        bookmarks += watch.next()[0] == "BOOKMARK"
    watch.close()


def test_the_end_of_the_first_state_is_marked(client):
    client.post(SNAPSHOTS, snapshot("a"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    watch = client.watch(SNAPSHOTS, **query)
    assert watch.names(1) == ["ADDED a"]
    kind, bookmark = watch.next()
    assert (kind, bookmark["metadata"]["annotations"]) == ("BOOKMARK", {"k8s.io/initial-events-end": "true"})
    client.delete(f"{SNAPSHOTS}/a")
    assert watch.names(1) == ["DELETED a"]
    watch.close()
    for missing in ("resourceVersionMatch", "allowWatchBookmarks"):
        rest = "&".join(f"{key}={value}" for key, value in query.items() if key != missing)
        code, status = client.get(f"{SNAPSHOTS}?watch=1&{rest}")
        assert (code, status["reason"]) == (422, "Invalid")


def test_one_object_can_be_watched(client):
    client.post(SNAPSHOTS, snapshot("a"))
    watch = client.watch(SNAPSHOTS, fieldSelector="metadata.name%3Db", resourceVersion=version_of(client))
    label(client, "a", "1")
    client.post(SNAPSHOTS, snapshot("b"))
    assert watch.names(1) == ["ADDED b"]
    watch.close()


def test_a_watcher_that_does_not_read_is_dropped_and_nobody_waits(client):
    client.post(SNAPSHOTS, snapshot("a"))
    since = version_of(client)
    slow = client.watch(SNAPSHOTS, resourceVersion=since)
    quick = client.watch(SNAPSHOTS, resourceVersion=since)
    fill = 200 * 1024
    count = 2 * SLOW_LIMIT // fill
    for number in range(count):
        patch = {"metadata": {"annotations": {"n": str(number), "fill": "x" * fill}}}
        assert client.patch(f"{SNAPSHOTS}/a", patch)[0] == 200
        assert quick.next()[1]["metadata"]["annotations"]["n"] == str(number)

    seen = 0
    with pytest.raises(Exception):  # cut off in the middle of an event or of a chunk
        while slow.next():
            seen += 1
        raise ConnectionError("ended")
    assert seen < count
    slow.close()
    quick.close()


def test_watchers_that_leave_are_forgotten(client, server):
    def descriptors():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    before = descriptors()
    for _ in range(20):
        client.watch(SNAPSHOTS).close()
    wait_for(lambda: descriptors() <= before + 1, "the end of the watches' descriptors")


def test_the_server_ends_with_watches_open(client, server):
    watch = client.watch(SNAPSHOTS)
    assert server.stop() == 0
    with contextlib.suppress(http.client.IncompleteRead, ConnectionResetError):  # broken off, or ended: either is an end
        while watch.next():
            pass
    watch.close()
