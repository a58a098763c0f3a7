# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Restores whose coordinator is killed, or that are deleted, after each of their writes, when that is done and nobody has
learnt of it yet: the next coordinator brings them to the same end, or leaves nothing of them."""

import itertools
import os

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from gate import Gate
from kinds import OWN
from kubevirt import DATA_VOLUMES, VMS, Volume
from restores import CLAIMS, LAST, RESTORES, Cdi
from waiting import wait_for

PATHS = ("same", "new", "stopped", "template")
LEAST = {"same": 8, "new": 6, "stopped": 10, "template": 10}  # writes; fewer would be no restore
# The steps of each that are gone through by default: what is written first, the claims, the machine.
SOME = {"same": (1, 4, 6), "new": (4,), "stopped": (3,), "template": ()}
ALL = bool(os.environ.get("LULL_CLUSTER_ALL"))


@pytest.fixture(scope="module")
def coordinators(installed, build):
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinerestores", OWN)
    wait_allowed(account.client(), "create", CLAIMS)
    with Coordinators(installed, build) as coordinators:
        yield coordinators


@pytest.fixture(scope="module")
def gate(installed):
    with Gate(installed) as gate:
        yield gate


@pytest.fixture(scope="module")
def coordinator(coordinators, gate):
    one = coordinators.make("node-a")
    gate.stand_before(one)
    one.start()
    one.wait_leads()
    return one


@pytest.fixture
def cdi(installed, place):
    with Cdi(installed, place) as cdi:
        yield cdi


class Path:
    """A restore of one kind, again and again, of one snapshot."""

    def __init__(self, name, make, cluster):
        self.name, self.cluster, self.admin = name, cluster, cluster.admin
        self.machine = make("root", "data")
        self.numbers = itertools.count(1)
        if name == "template":
            self.template()

    def template(self):
        """The machine's disk "root" is of a template from now on, in a snapshot of its own."""
        machine, root = self.machine, self.machine.claim("root")
        spec = machine.vm.read()["spec"]
        spec["dataVolumeTemplates"] = [{"metadata": {"name": root}, "spec": {"source": {"blank": {}}}}]
        spec["template"]["spec"]["volumes"][0] = Volume("root", root, "dataVolume").document()
        self.admin.merge(VMS, machine.name, {"spec": spec}, machine.namespace)
        machine.snap = f"templated-{machine.name}"
        machine.take()

    def restore(self):
        self.target = f"{self.machine.name}-{next(self.numbers)}" if self.name == "new" else self.machine.name
        before = self.admin.find(VMS, self.target, self.machine.namespace)
        self.before = before and before["spec"]["template"]
        if self.name == "stopped" and not self.machine.vm.pod:
            self.machine.vm.start("node-a")
        more = {"targetReadinessPolicy": "StopTarget"} if self.name == "stopped" else {}
        return self.machine.restore(self.target, **more)

    def vm(self):
        return self.admin.find(VMS, self.target, self.machine.namespace)

    def is_free(self):
        return not ((self.vm() or {}).get("status") or {}).get("restoreInProgress")

    def is_over(self, back):
        """Nothing is written about it any more."""
        document = self.admin.find(RESTORES, back.name, back.namespace) or {"metadata": {}}
        started = (document["metadata"].get("annotations") or {}).get("lull.dev/start-target") == "started"
        return document.get("status", {}).get("complete") and self.is_free() and (started or self.name != "stopped")

    def wait_free(self):
        wait_for(self.is_free, "the machine let go")

    def wait_whole(self, back):
        """The machine has what was cut, and there is nothing else of the restore."""
        self.wait_free()
        assert self.vm()["metadata"]["annotations"][LAST] == back.marker
        plan = {one["metadata"]["name"] for one in back.claims().values()}
        assert {one["metadata"]["name"] for one in back.made()} == plan
        used = [next(iter(source.values())) for volume in self.vm()["spec"]["template"]["spec"]["volumes"]
                for kind, source in volume.items() if kind in ("persistentVolumeClaim", "dataVolume")]
        assert set(used) == plan
        back.assert_data()
        if self.name == "stopped":
            back.admin.wait(RESTORES, back.name, lambda one: one["metadata"]["annotations"].get(
                "lull.dev/start-target") == "started", "started again", back.namespace)
            assert self.machine.vm.pod

    def wait_nothing(self, back):
        """Of one that is gone: the machine is whole, be it as before, or as it was cut."""
        self.wait_free()
        vm = self.vm()
        if vm and vm["metadata"].get("annotations", {}).get(LAST) == back.marker:
            made = {one["metadata"]["name"] for one in back.made()}
            assert made == {f"restore-{back.uid}-{volume}" for volume in self.machine.volumes}
            return
        wait_for(lambda: not back.made(), "its claims gone")
        assert (vm and vm["spec"]["template"]) == self.before
        assert not [one for one in self.admin.list(DATA_VOLUMES, back.namespace)
                    if one["metadata"].get("annotations", {}).get(LAST) == back.marker]


def steps(path):
    return itertools.count(1) if ALL else SOME[path]


@pytest.mark.parametrize("path", [path for path in PATHS if ALL or SOME[path]])
def test_killed_after_any_write_it_is_finished_by_the_next(installed, make, gate, coordinator, coordinators, cdi, path):
    one = Path(path, make, installed)
    for step in steps(path):
        gate.after(step, coordinator.kill)
        back = one.restore()
        wait_for(lambda: not coordinator.runs() or one.is_over(back), "a kill or its end")
        gate.after(0, None)
        if coordinator.runs():
            one.wait_whole(back)
            assert step > LEAST[path], gate.writes
            break
        coordinators.forget_leader()
        coordinator.start()
        back.wait_complete()
        one.wait_whole(back)


@pytest.mark.parametrize("path", [path for path in PATHS if ALL or SOME[path]])
def test_r22_deleted_after_any_write_it_leaves_nothing(installed, make, gate, cdi, path):
    one, backs = Path(path, make, installed), []
    for step in steps(path):

        def delete():
            wait_for(lambda: backs, "its name")
            backs[-1].admin.delete(RESTORES, backs[-1].name, backs[-1].namespace)

        backs.clear()
        gate.after(step, delete)
        backs.append(one.restore())
        back = backs[-1]
        wait_for(lambda: gate.is_past() or one.is_over(back), "a deletion or its end")
        if not gate.is_past():
            gate.after(0, None)
            assert step > LEAST[path], gate.writes
            break
        installed.admin.wait_gone(RESTORES, back.name, back.namespace)
        one.wait_nothing(back)
