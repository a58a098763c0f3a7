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


@pytest.fixture(scope="session")
def host():
    """A libvirtd of our own for the whole run."""
    scratch.sweep()
    with rig.Host() as host:
        yield host


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the guest's console and the logs of agent and coordinator."""
    report = (yield).get_result()
    if report.when in ("setup", "call") and report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if hasattr(value, "diagnosis"):
                report.sections.append((f"{name}", value.diagnosis()))
