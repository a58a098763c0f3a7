# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the kill suite, and the table of what became of its cells."""

import os

import pytest

import cells
import loopfs
import scratch
from world import World


@pytest.fixture(scope="session", autouse=True)
def namespace():
    """Mounts that nobody else sees."""
    scratch.sweep()
    loopfs.own_namespace()


@pytest.fixture(scope="session")
def build():
    return os.environ.get("LULL_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))


@pytest.fixture(scope="module")
def worlds(build):
    """One, and another after a cell that failed."""
    worlds = []
    yield worlds
    for world in worlds:
        world.close()


@pytest.fixture
def world(build, worlds):
    if worlds and worlds[0].is_spoilt:
        worlds.pop().close()
    if not worlds:
        worlds.append(World(build))
    return worlds[0]


@pytest.fixture(scope="session")
def table():
    """What became of each cell; written where LULL_KILL_TABLE says, as .json and as .txt."""
    table = cells.Table()
    yield table
    if place := os.environ.get("LULL_KILL_TABLE"):
        table.write(place)
