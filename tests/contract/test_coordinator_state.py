# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""The state directory of a coordinator: QEMU, as another user, gets through; nobody else reads what is in it. What
is wrong with the store in it is told to who starts the coordinator, and not touched."""

import contextlib
import json
import os
import sqlite3
import stat
import subprocess

import pytest

import rest


@pytest.fixture
def state(directory):
    return os.path.join(directory, "state")


def command(build, directory, state, socket="coordinator.sock"):
    return [
        os.path.join(build, "coordinator/lull-coordinator"),
        *("--uri", "test:///default", "--state-dir", state),
        *("--runtime-dir", os.path.join(directory, "run"), "--socket", os.path.join(directory, socket)),
    ]


@pytest.fixture
def started(build, directory, state):
    """Starts a coordinator of libvirt's mock host under a umask, and returns it when it is serving."""
    running = []

    def start(umask=0o022):
        process = subprocess.Popen(
            command(build, directory, state), umask=umask, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        for line in process.stderr:
            if "ready" in line:
                return process
        pytest.fail(f"ended with {process.wait()}")

    yield start
    for process in running:
        process.terminate()
        process.wait(30)
        process.stderr.close()


def mode(*path):
    return stat.S_IMODE(os.stat(os.path.join(*path)).st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_others_get_through_to_the_data_and_read_nothing(started, state, umask):
    started(umask)

    assert mode(state) == mode(state, "snapshots") == 0o711
    assert mode(state, "intents") == 0o700
    assert mode(state, "store.db") == mode(state, "lock") == 0o600
    assert not [name for name in os.listdir(state) if name.startswith("store.db") and mode(state, name) & 0o077]


def test_a_directory_that_was_closed_to_others_is_opened(started, state):
    os.makedirs(os.path.join(state, "snapshots"), mode=0o700)
    os.chmod(state, 0o700)
    started(0o022)

    assert mode(state) == mode(state, "snapshots") == 0o711


def test_a_second_one_on_the_same_state_refuses_and_leaves_the_first_alone(build, directory, state, started):
    started()
    second = subprocess.run(
        command(build, directory, state, "second.sock"), capture_output=True, text=True, timeout=30
    )

    assert second.returncode == 1
    assert f"another lull-coordinator works on {state}" in second.stderr
    assert not os.path.exists(os.path.join(directory, "second.sock"))
    assert rest.Client(os.path.join(directory, "coordinator.sock")).get(rest.SNAPSHOTS)[0] == 200


# The store


@pytest.fixture
def store(started, state):
    """The file that a coordinator has left."""
    process = started(0o022)
    process.terminate()
    assert process.wait(30) == 0
    path = os.path.join(state, "store.db")
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def refusal(build, directory, state):
    """The one line that a coordinator says which does not start."""
    done = subprocess.run(command(build, directory, state), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.startswith("lull-coordinator: store ") and done.stderr.count("\n") == 1, done.stderr
    assert not os.path.exists(os.path.join(directory, "coordinator.sock"))
    return done.stderr


def make_noise(path):
    with open(path, "wb") as file:
        file.write(b"noise" * 2000)


def spoil_pages(path):
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"noise" * (os.path.getsize(path) // 5 - 1000))


def cut_off(path):
    os.truncate(path, os.path.getsize(path) // 2 + 100)


@pytest.mark.parametrize("spoil", [make_noise, spoil_pages, cut_off])
def test_a_corrupt_store_is_refused_with_a_remedy_and_kept(build, directory, state, store, spoil):
    spoil(store)
    before = contents(store)
    told = refusal(build, directory, state)

    assert f"store {store}: the file is corrupt (" in told and "move it away or bring back a copy" in told
    assert contents(store) == before


def test_after_a_corrupt_store_was_moved_away_it_starts(build, directory, state, store, started):
    make_noise(store)
    refusal(build, directory, state)
    os.rename(store, store + ".away")
    started(0o022)


def test_a_store_that_another_program_has_locked_is_refused_until_it_is_let_go(
    build, directory, state, store, started
):
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        told = refusal(build, directory, state)
    started(0o022)

    assert "another program holds the file: close what has it open" in told


def test_a_newer_store_is_refused_and_not_touched(build, directory, state, store):
    with contextlib.closing(sqlite3.connect(store)) as other:
        other.execute("PRAGMA user_version=99")
    before = contents(store)
    told = refusal(build, directory, state)

    assert f"store {store}: the file has schema 99, this program knows up to " in told
    assert "use the newer lull-coordinator that wrote it" in told
    assert contents(store) == before


def test_a_database_of_another_program_is_refused(build, directory, state):
    os.makedirs(state)
    with contextlib.closing(sqlite3.connect(os.path.join(state, "store.db"))) as other:
        other.execute("CREATE TABLE recipes(name)")

    assert "a database of another program: choose another path" in refusal(build, directory, state)


# A file as the first schema had it.
SCHEMA_1 = """
CREATE TABLE objects(kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
                     PRIMARY KEY(kind, ns, name));
CREATE TABLE events(version INTEGER PRIMARY KEY, kind TEXT NOT NULL, ns TEXT NOT NULL, type INTEGER NOT NULL,
                    size INTEGER NOT NULL, body TEXT NOT NULL);
PRAGMA application_id=1280658508;
PRAGMA user_version=1;
"""


def test_an_older_store_is_brought_up_to_date_and_its_objects_served(directory, state, started):
    os.makedirs(state)
    store = os.path.join(state, "store.db")
    meta = {"name": "old", "namespace": "default", "uid": "4a7b9e1e-7c1c-4d0f-9c55-2a6d1f1b6a10",
            "resourceVersion": "7", "generation": 1, "creationTimestamp": "2026-01-02T03:04:05Z"}
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "nobody"}
    old = json.dumps({"apiVersion": f"{rest.GROUP}/v1beta1", "kind": "VirtualMachineSnapshot", "metadata": meta,
                      "spec": {"source": source, "failureDeadline": "0s"}})
    with contextlib.closing(sqlite3.connect(store)) as other:
        other.executescript(SCHEMA_1)
        other.execute("INSERT INTO objects VALUES('virtualmachinesnapshots', 'default', 'old', ?)", (old,))
        other.execute("INSERT INTO events VALUES(7, 'virtualmachinesnapshots', 'default', 0, 10, ?)", (old,))
        other.commit()
    started(0o022)
    client = rest.Client(os.path.join(directory, "coordinator.sock"))
    status, document = client.get(f"{rest.SNAPSHOTS}/old")

    assert status == 200 and document["metadata"]["uid"] == meta["uid"], document
    assert document["spec"]["source"] == source
    assert client.call("DELETE", f"{rest.SNAPSHOTS}/old")[0] == 200
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as other:
        assert other.execute("PRAGMA user_version").fetchone()[0] > 1
