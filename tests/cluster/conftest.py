# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the cluster suite. All modules share one control plane; name spaces keep their tests apart."""

import itertools
import os
import re

import pytest

import kinds
import scratch
from cluster import Cluster
from coordinators import ACCOUNT
from kubevirt import KubeVirt
from restores import RESTORES, Machine
from snapshots import Snapshots
from virtapi import RunApi

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster():
    scratch.sweep()
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def build():
    return os.environ.get("LULL_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))


@pytest.fixture(scope="session")
def kubevirt(cluster):
    return KubeVirt(cluster)


@pytest.fixture(scope="session")
def installed(cluster, kubevirt):
    """A cluster that has what is shipped, for either group. Nothing that coordinators wrote in it, in any test, left
    what was there as it was: each write goes to all who watch."""
    for group in kinds.GROUPS:
        kinds.install(cluster, group)
    yield cluster
    assert not cluster.audit.idle_writes_of(f":{ACCOUNT}", "lull-coordinator")


@pytest.fixture(params=kinds.GROUPS)
def group(installed, request):
    return request.param


@pytest.fixture
def namespace(cluster, request):
    """The test's own, called after it."""
    word = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_")).strip("-")
    name = f"{word[:40].strip('-')}-{next(numbers)}"
    yield cluster.create_namespace(name)
    cluster.clear_namespace(name)


@pytest.fixture
def vm(running):
    """Of a file whose `running` is a machine and its guest."""
    return running[0]


@pytest.fixture
def guest(running):
    return running[1]


# Of files with restores, whose `coordinator` leads.


@pytest.fixture(scope="module")
def place(installed, coordinator):
    """The name space of all machines here."""
    name = installed.create_namespace(f"restores-{next(numbers)}")
    yield name
    for one in installed.admin.list(RESTORES, name):
        installed.admin.delete(RESTORES, one["metadata"]["name"], name)
    snapshots = Snapshots(installed, name)
    for one in installed.admin.list(snapshots.kind, name):
        snapshots.delete(one["metadata"]["name"])
    installed.clear_namespace(name)


@pytest.fixture(scope="module")
def run_api(installed):
    with RunApi(installed) as run_api:
        yield run_api


@pytest.fixture
def make(installed, kubevirt, place, run_api):
    machines = []

    def make(*volumes, **spec):
        machines.append(Machine(installed, kubevirt, place, volumes or ("root",), **spec))
        run_api.serve(machines[-1].vm)
        return machines[-1].take()

    yield make
    for machine in machines:
        if machine.vm.pod:
            machine.vm.stop()


@pytest.fixture(autouse=True)
def mended(cluster):
    """What a test has killed or turned, no other test finds so."""
    yield
    cluster.mend()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the logs of all programs."""
    report = (yield).get_result()
    if report.when in ("setup", "call") and report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if hasattr(value, "diagnosis"):
                report.sections.append((name, value.diagnosis()))
