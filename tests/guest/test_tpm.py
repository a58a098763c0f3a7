# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Snapshots of a machine with a TPM: what that holds is in none, and nobody has to find that out for himself."""

import json

import pytest

from api import RESTORES, Api

VOLUME = "persistent-state-for-sealed"


@pytest.fixture(scope="module")
def guest(host):
    with host.guest("sealed", agent="lull", writer=False, tpm=True) as guest:
        yield guest


@pytest.fixture(scope="module")
def coordinator(host, guest):
    with host.coordinator("sealers") as coordinator:
        yield coordinator


def left_out(coordinator, snapshot):
    """The volumes that it lacks, by its status and by its report, and what it indicates."""
    found = coordinator.get("show", f"snapshot/{snapshot}")
    report = json.loads(found["metadata"]["annotations"]["lull.dev/quiesce-report"])
    reasons = {row["name"]: row["reason"] for row in report["excluded"]}
    assert found["status"]["snapshotVolumes"]["excludedVolumes"] == sorted(reasons)
    return reasons, found["status"]["indications"]


def test_who_does_not_say_that_he_knows_gets_no_snapshot(coordinator):
    done = coordinator.lull("snapshot", "sealed", "unsaid", "--wait", stdin="")
    assert done.returncode == 1, done.stderr
    assert f"data would be missed, on {VOLUME}" in done.stderr
    assert coordinator.lull("show", "snapshot/unsaid").returncode == 1


def test_a_snapshot_without_it_is_partial_and_has_the_disks(coordinator):
    done = coordinator.lull("snapshot", "sealed", "said", "--partial", "--wait")
    assert done.returncode == 0, done.stderr
    reasons, indications = left_out(coordinator, "said")
    assert "recovery key" in reasons[VOLUME]
    assert indications == ["GuestAgent", "Online", "PartialSnapshot"]
    assert "Not all that the machine keeps is in it" in coordinator.lull("show", "snapshot/said").stdout


def test_it_can_be_left_out_by_its_name(coordinator):
    done = coordinator.lull("snapshot", "sealed", "meant", "--exclude", VOLUME, "--wait")
    assert done.returncode == 0, done.stderr
    reasons, indications = left_out(coordinator, "meant")
    assert "annotation" in reasons[VOLUME]
    assert "PartialSnapshot" in indications


def test_doctor_knows_it_too(guest, coordinator):
    done = coordinator.lull("doctor", guest.name, "--uri", guest.host.uri, "--state-dir", coordinator.state_dir,
                            "-o", "json")
    findings = json.loads(done.stdout)["findings"]
    assert [finding["check"] for finding in findings] == ["tpm-left-out"]


def test_a_restore_says_that_the_tpm_is_another_one(guest, coordinator):
    guest.poweroff()
    done = coordinator.lull("restore", "said", "--wait")
    assert done.returncode == 0, done.stderr
    (restore,) = Api(coordinator).rest.get(RESTORES)[1]["items"]
    (ready,) = [each for each in restore["status"]["conditions"] if each["type"] == "Ready"]
    assert "what its TPM held is not in the snapshot" in ready["message"]
