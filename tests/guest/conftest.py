# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the guest suite. A module boots its own guest, once:

    @pytest.fixture(scope="module")
    def guest(host):
        with host.guest("demo", agent="lull") as guest:
            yield guest
"""

import pytest

import rig
import scratch
from api import Api


@pytest.fixture(scope="session")
def host():
    """A libvirtd of our own for the whole run."""
    scratch.sweep()
    with rig.Host() as host:
        yield host


@pytest.fixture
def api(coordinator, guest):
    """That of the module's coordinator. Afterwards nothing is left, and the guest writes."""
    api = Api(coordinator)
    yield api
    api.assert_nothing_left(guest.name, libvirt=True)
    guest.assert_writes_resume(within=5)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the guest's console and the logs of agent and coordinator; guests and coordinators
    that later tests use too are started anew after it."""
    report = (yield).get_result()
    cast = getattr(item, "funcargs", {})
    item.has_failed = getattr(item, "has_failed", False) or report.failed
    if report.when in ("setup", "call") and report.failed:
        for name, value in cast.items():
            if hasattr(value, "diagnosis"):
                report.sections.append((name, value.diagnosis()))
    if report.when == "teardown" and item.has_failed:
        for name, value in cast.items():
            if hasattr(value, "mend"):
                report.sections.append((name, mend(value)))


def mend(value):
    try:
        value.mend()
    except Exception as error:  # the next test will tell
        return f"not mended: {error}"
    return "started anew"
