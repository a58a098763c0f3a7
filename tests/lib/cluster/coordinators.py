# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Coordinators of a cluster, side by side: each has its node's name, and the token of a pod of that node.

    with Coordinators(cluster, build) as coordinators:
        first = coordinators.start("node-a")
        first.wait_leads()
        coordinators.start("node-b", step="coordinator.locked=kill")
"""

import os
import shutil
import types

from kinds import OWN
from process import Process

NAMESPACE = "lull"
ACCOUNT = "lull-coordinator"


class Coordinator(Process):
    def __init__(self, name, node, arguments, log, directory, environment):
        super().__init__(name, arguments, log, directory)
        self.node = node
        self.environment = environment

    def start(self, *more, step=None):
        os.environ.update(self.environment, **({"LULL_AT_STEP": step} if step else {}))
        try:
            super().start(*more)
        finally:
            for variable in (*self.environment, "LULL_AT_STEP"):
                os.environ.pop(variable, None)

    def wait_ready(self):
        self.wait_until(lambda: self.has_said("ready on node"), "ready")

    def wait_leads(self, timeout=60):
        self.wait_until(lambda: self.has_said(f"{self.node} leads"), "leads", timeout)

    def contained(self):
        """The coordinator itself, where it has a container: what its first process runs."""
        return types.SimpleNamespace(pid=child_of(child_of(self.pid)))

    def wait_dead(self, timeout=60):
        """Returns its status."""
        return self._process.wait(timeout)


def child_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = file.read().split()
    if not children:
        raise ProcessLookupError(f"process {pid} has no child")
    return int(children[0])


class Coordinators:
    def __init__(self, cluster, build, group=OWN):
        self.cluster = cluster
        self.program = os.path.join(os.path.abspath(build), "coordinator/lull-coordinator")
        self.group = group
        self.account = cluster.service_account(ACCOUNT, NAMESPACE)
        self.all = []
        self.pods = []

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        for one in self.all:
            one.stop()
            shutil.rmtree(one.directory, ignore_errors=True)
        for pod in self.pods:
            path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}"
            self.cluster.admin.call("DELETE", path, {"gracePeriodSeconds": 0})

    def forget_leader(self):
        """The lease of one that was killed is over at once, not when its time is."""
        self.cluster.admin.delete("leases.coordination.k8s.io", f"coordinator.{self.group}", NAMESPACE)

    def make(self, node, group=None, contained=False, **environment):
        """One that has not been started. @contained: with the first process of a container, and all its others end
        with that."""
        name = f"coordinator-{node}-{len(self.all)}-{os.urandom(3).hex()}"
        pod = self.cluster.create_pod(name, NAMESPACE, node, service_account=ACCOUNT)
        self.pods.append(pod)
        directory = self.cluster.path(name)
        os.makedirs(directory)
        arguments = [self.program, "--kubeconfig", self.account.kubeconfig(name, pod), "--state-dir",
                     os.path.join(directory, "state"), "--api-group", group or self.group,
                     "--pods-dir", self.cluster.path("pods", node)]
        if contained:
            arguments = ["unshare", "--pid", "--fork", "--kill-child", self.program, "init", *arguments[1:]]
        log = self.cluster.path("log", f"{name}.log")
        environment = {"LULL_NODE": node, "LULL_POD": name, "LULL_NAMESPACE": NAMESPACE, **environment}
        self.all.append(Coordinator(name, node, arguments, log, directory, environment))
        return self.all[-1]

    def start(self, node, step=None):
        one = self.make(node)
        one.start(step=step)
        one.wait_ready()
        return one

    def diagnosis(self):
        return "\n".join(f"{one.name}:\n{one.tail()}" for one in self.all)
