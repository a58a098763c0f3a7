# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the hostile suite: all cells are played at once, and then looked at one by one."""

import os

import pytest

import arena
import loopfs
import outcome
import scratch


@pytest.fixture(scope="session", autouse=True)
def namespace():
    """Mounts that nobody else sees."""
    scratch.sweep()
    loopfs.own_namespace()


@pytest.fixture(scope="session")
def build():
    return os.environ.get("LULL_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))


@pytest.fixture(scope="session")
def played(request, build):
    """{cell: its outcome} of all that were asked for; a table of them is written where LULL_HOSTILE_TABLE says."""
    wanted = [
        item.callspec.params["cell"] for item in request.session.items if "cell" in getattr(item, "fixturenames", ())
    ]
    outcomes, place = arena.play(build, list(dict.fromkeys(wanted)))
    if path := os.environ.get("LULL_HOSTILE_TABLE"):
        with open(path, "w") as file:
            file.write(outcome.table(outcomes.values()))
    yield outcomes
    place.close()
