# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Figures and health of a cluster's coordinators: who leads tells of snapshots, each of its own requests."""

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from endpoint import Endpoint
from kinds import OWN, resource, snapshot
from kubevirt import Volume
from waiting import wait_for

STAMP = "kubevirt_vmsnapshot_succeeded_timestamp_seconds"


@pytest.fixture
def coordinators(installed, build):
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinesnapshotcontents", OWN)
    with Coordinators(installed, build) as coordinators:
        yield coordinators


def start(coordinators, node):
    """(coordinator, endpoint)"""
    one = coordinators.make(node)
    one.start("--metrics-listen=127.0.0.1:0")
    one.wait_ready()
    return one, Endpoint(one.log)


def stamps(endpoint):
    figures = endpoint.figures()
    return figures[STAMP].labels() if STAMP in figures else []


def test_who_leads_tells_of_snapshots_and_another_takes_that_over(installed, kubevirt, namespace, coordinators):
    kubevirt.create_vm("larry", namespace, [Volume("system", source="containerDisk")])
    kind = resource("VirtualMachineSnapshot", OWN)
    labels = {"name": "larry", "snapshot_name": "snap", "namespace": namespace}
    first, seen = start(coordinators, "node-a")
    first.wait_leads()
    second, seen_by_second = start(coordinators, "node-b")
    installed.admin.create(snapshot("snap", "larry", OWN), namespace)
    installed.admin.wait(kind, "snap", lambda one: one.get("status", {}).get("readyToUse"), "ready", namespace, 60)
    wait_for(lambda: labels in stamps(seen), "it is told by who leads")
    figures = seen.figures()

    assert figures["lull_leader"].value() == 1 and seen_by_second.figures()["lull_leader"].value() == 0
    assert figures["lull_snapshots_ended_total"].value(result="ready") == 1
    assert figures["rest_client_requests_total"].value(code="200", method="GET") > 0
    assert figures["rest_client_requests_total"].value(code="201", method="POST") > 0
    assert figures["rest_client_request_duration_seconds"].value("_count", method="POST") > 0
    queues = {one["name"] for one in figures["workqueue_adds_total"].labels()}
    assert queues == {"snapshot", "grant", "content", "restore"}
    assert not stamps(seen_by_second)
    first.stop()
    second.wait_leads()
    wait_for(lambda: labels in stamps(seen_by_second), "it is told by who leads now")
    assert seen_by_second.figures()["lull_leader"].value() == 1
    assert seen_by_second.figures()["lull_snapshots_ended_total"].value(result="ready") == 0
    installed.admin.delete(kind, "snap", namespace)
    installed.admin.wait_gone(kind, "snap", namespace)
    wait_for(lambda: labels not in stamps(seen_by_second), "it is told no more")


def test_one_whose_api_server_is_away_is_alive_and_not_ready(cluster, coordinators):
    _, seen = start(coordinators, "node-a")
    wait_for(seen.is_ready, "it is ready")
    cluster.kill_api()
    try:
        wait_for(lambda: not seen.is_ready(), "it is not ready")
        assert seen.ask("/readyz")[1].startswith("store: the API server does not answer")
        assert seen.ask("/healthz") == (200, "ok\n")
        assert seen.figures()["rest_client_requests_total"].value(code="<error>", method="GET") > 0
    finally:
        cluster.start_api()
    wait_for(seen.is_ready, "it is ready again")
