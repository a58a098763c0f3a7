# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Every kind of restore on a real control plane: where to, under which names, whose, of which volumes, and what is waited
for. By default as many as it takes to have every two choices together once; tests/unit/cluster/test-restore-matrix.c
has all of them on objects alone."""

import concurrent.futures
import itertools
import os
import typing

import pytest

from account import wait_allowed
from coordinators import ACCOUNT, NAMESPACE, Coordinators
from kinds import OWN
from kubevirt import DATA_VOLUMES, VMS, Volume, owner
from restores import CLAIMS, LAST, MARK, POPULATED_FOR, WAITING, Cdi, Machine, owners
from waiting import wait_for

SIDE_BY_SIDE = 6
CHOICES = {
    "policy": ("RandomizeNames", "PrefixTargetName"),
    "ownership": ("Vm", "None"),
    "target": ("same", "new", "gone"),
    "kind": ("claim", "data-volume", "template"),
    "readiness": ("WaitGracePeriod", "WaitEventually", "StopTarget", "FailImmediate"),
}


class Cell(typing.NamedTuple):
    policy: str
    ownership: str
    target: str
    kind: str
    readiness: str

    def pairs(self):
        return set(itertools.combinations(enumerate(self), 2))


def covering(cells):
    """Some that have every pair of choices that there is in all."""
    left, some = set().union(*(cell.pairs() for cell in cells)), []
    while left:
        some.append(max(cells, key=lambda cell: len(cell.pairs() & left)))
        left -= some[-1].pairs()
    return some


ALL = [Cell(*choice) for choice in itertools.product(*CHOICES.values())]
CELLS = ALL if os.environ.get("LULL_CLUSTER_ALL") else covering(ALL)


@pytest.fixture(scope="module")
def coordinators(installed, build):
    account = installed.service_account(ACCOUNT, NAMESPACE)
    wait_allowed(account.client(), "watch", "virtualmachinerestores", OWN)
    wait_allowed(account.client(), "create", CLAIMS)
    with Coordinators(installed, build) as coordinators:
        yield coordinators


@pytest.fixture(scope="module")
def coordinator(coordinators):
    one = coordinators.make("node-a")
    one.start()
    one.wait_leads()
    return one


class Trial:
    """One cell, on a machine of its own with two disks, of which "root" is of the cell's kind."""

    def __init__(self, cell, cluster, kubevirt, place, run_api):
        self.cell, self.cluster, self.admin, self.place = cell, cluster, cluster.admin, place
        self.machine = Machine(cluster, kubevirt, place, ("root", "data"))
        self.run_api = run_api
        self.run_api.serve(self.machine.vm)
        self.target = {"new": f"new-{self.machine.name}"}.get(cell.target, self.machine.name)
        self.runs = cell.target == "same" and cell.readiness != "FailImmediate"
        self.root = self.machine.claim("root")

    def give_kind(self):
        """KubeVirt's and CDI's owners, and in the machine's spec what it was made of."""
        vm, of_root = self.machine.vm.read(), owner(self.machine.vm.read())
        if self.cell.kind != "claim":
            made = self.admin.create({
                "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "spec": {"source": {"blank": {}}},
                "metadata": {"name": self.root, "ownerReferences": [of_root]}}, self.place)
            self.admin.merge(DATA_VOLUMES, self.root, {"status": {"phase": "Succeeded"}}, self.place, "status")
            spec, of_root = vm["spec"], owner(made)
            spec["template"]["spec"]["volumes"][0] = Volume("root", self.root, "dataVolume").document()
            if self.cell.kind == "template":
                spec["dataVolumeTemplates"] = [{"metadata": {"name": self.root}, "spec": {"source": {"blank": {}}}}]
            self.admin.merge(VMS, self.machine.name, {"spec": spec}, self.place)
        for volume, one in (("root", of_root), ("data", owner(vm))):
            self.admin.merge(CLAIMS, self.machine.claim(volume), {"metadata": {"ownerReferences": [one]}}, self.place)

    def prepare(self):
        self.give_kind()
        self.machine.take()
        self.before = self.machine.vm.read()["spec"]
        for volume in self.machine.volumes:
            self.machine.mark(volume, bytes(len(MARK)))
        if self.cell.target == "gone":
            self.admin.delete(VMS, self.machine.name, self.place)
            for volume in self.machine.volumes:
                self.admin.wait_gone(CLAIMS, self.machine.claim(volume), self.place)
        if self.runs:
            self.machine.vm.start("node-a")

    def restore(self):
        self.back = self.machine.restore(
            self.target, volumeRestorePolicy=self.cell.policy, volumeOwnershipPolicy=self.cell.ownership,
            targetReadinessPolicy=self.cell.readiness)
        if self.runs and self.cell.readiness != "StopTarget":
            self.back.wait_reason(WAITING)
            assert not self.back.made()
            self.machine.vm.stop()
        self.document = self.back.wait_complete()

    def name(self, volume):
        return f"{self.target}-{volume}" if self.cell.policy == "PrefixTargetName" else f"restore-{self.back.uid}-{volume}"

    def check(self):
        self.check_machine()
        self.check_claims()
        self.check_what_was_there()
        if self.cell.readiness == "StopTarget" and self.runs:
            wait_for(lambda: self.run_api.asked_of(self.machine.vm) == ["stop", "start"], "started again")

    def check_machine(self):
        vm = self.admin.read(VMS, self.target, self.place)
        source = {"name": self.name("root")} if self.cell.kind == "template" else {"claimName": self.name("root")}
        word = "dataVolume" if self.cell.kind == "template" else "persistentVolumeClaim"
        volumes = {one["name"]: one for one in vm["spec"]["template"]["spec"]["volumes"]}
        assert volumes["root"] == {"name": "root", word: source}
        assert volumes["data"]["persistentVolumeClaim"]["claimName"] == self.name("data")
        assert vm["spec"]["runStrategy"] == ("Manual" if self.cell.target == "same" else "Halted")
        assert vm["metadata"]["annotations"][LAST] == self.back.marker
        wait_for(lambda: not self.admin.read(VMS, self.target, self.place)["status"].get("restoreInProgress")
                 if self.cell.target == "same" else True, "the machine let go")
        assert owners(self.back.read()) == [("VirtualMachine", self.target, vm["metadata"]["uid"])]
        self.vm = vm

    def check_claims(self):
        self.back.assert_data()
        made = self.back.claims()
        assert len(self.back.made()) == 2
        mine = [("VirtualMachine", self.target, self.vm["metadata"]["uid"])] if self.cell.ownership == "Vm" else []
        assert owners(made["data"]) == mine
        if self.cell.kind == "template":
            assert [kind for kind, _, _ in owners(made["root"])] == ["DataVolume"]
            assert made["root"]["metadata"]["annotations"][POPULATED_FOR] == self.name("root")
        elif self.cell.kind == "claim" or self.cell.target == "same":
            assert owners(made["root"]) == mine
        else:
            assert not owners(made["root"])  # nor did the machine own the one that was cut

    def check_what_was_there(self):
        """Of the machine itself its templates' data volumes go; what else there is nobody touches."""
        old = self.admin.find(DATA_VOLUMES, self.root, self.place)
        if self.cell.target == "same":
            assert (old is None) == (self.cell.kind in ("claim", "template"))
            assert self.admin.find(CLAIMS, self.machine.claim("data"), self.place)
        if self.cell.target == "new":
            assert self.machine.vm.read()["spec"] == self.before
            assert (old is None) == (self.cell.kind == "claim")
            for volume in self.machine.volumes:
                now = self.admin.read(CLAIMS, self.machine.claim(volume), self.place)
                assert "deletionTimestamp" not in now["metadata"]
            assert self.machine.name not in str(self.vm["spec"]).replace(self.target, "")

    def run(self):
        self.prepare()
        self.restore()
        self.check()
        if self.machine.vm.pod:
            self.machine.vm.stop()


def test_r12_r14_r16_r27_r36_whatever_is_restored_is_what_was_cut_and_nobody_elses(installed, kubevirt, place, run_api):
    with Cdi(installed, place), concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        trials = {cell: pool.submit(lambda cell=cell: Trial(cell, installed, kubevirt, place, run_api).run())
                  for cell in CELLS}
    failures = {cell: trial.exception() for cell, trial in trials.items() if trial.exception()}
    for cell, failure in failures.items():
        failure.add_note(f"in {cell}")
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(CELLS)} restores", list(failures.values()))
