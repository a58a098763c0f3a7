# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""KubeVirt's subresources `freeze` and `unfreeze` of one machine, with the timer that its launcher has for them.

    with VirtApi(cluster, vm, guest) as virt_api:
        virt_api.refuse("freeze", 500)
        ...
        assert virt_api.asked == [("freeze", "20s"), ("unfreeze", None)]

And `stop` and `start` of all machines that it is told of:

    with RunApi(cluster) as run_api:
        run_api.serve(vm)
        ...
        assert run_api.asked == [("stop", vm.name)]
"""

import contextlib
import threading

import libvirt

from extension import Extension
from kubevirt import VMIS, VMS

GROUP = "subresources.kubevirt.io"


class VirtApi:
    def __init__(self, cluster, vm, guest):
        self.guest = guest
        self._path = f"/apis/{GROUP}/v1/namespaces/{vm.namespace}/virtualmachineinstances/{vm.name}"
        self.asked = []  # (subresource, unfreezeTimeout or None), as they came
        self.done = []  # what became of the guest: "freeze", "unfreeze", "timer"
        self.hurry = 1  # how much faster than a clock the timer is
        self._refused = []
        self._pass = threading.Event()  # freezes that are under way go on
        self._lock = threading.Lock()
        self._timer = None
        self._extension = Extension(cluster, GROUP, "v1", self._answer)

    def __enter__(self):
        self.forget()
        self._extension.__enter__()
        return self

    def __exit__(self, *exception):
        self.forget()
        self._extension.__exit__(*exception)

    def forget(self):
        """As if nobody had asked anything yet."""
        self._pass.set()
        self._stop_timer()
        with self._lock:
            self.asked.clear()
            self.done.clear()
            self._refused.clear()
            self.hurry = 1

    def refuse(self, subresource, *statuses):
        """The next ones of @subresource are answered so, and not passed on."""
        with self._lock:
            self._refused += [(subresource, status) for status in statuses]

    def delay_freezes(self):
        """They are taken, and reach the guest when pass_on() is called."""
        self._pass.clear()

    def pass_on(self):
        self._pass.set()

    def lose_timer(self):
        """As when the machine migrates: the timer is its launcher's."""
        self._stop_timer()

    def count(self, subresource):
        with self._lock:
            return sum(1 for one, _ in self.asked if one == subresource)

    def _answer(self, method, path, document, _user):
        machine, _, subresource = path.rpartition("/")
        if method != "PUT" or machine != self._path:
            return 404, status(404, "NotFound", f"{method} {path}")
        with self._lock:
            self.asked.append((subresource, (document or {}).get("unfreezeTimeout")))
            refusal = next((one for one in self._refused if one[0] == subresource), None)
            if refusal:
                self._refused.remove(refusal)
        if refusal:
            reason = {409: "Conflict", 500: "InternalError", 400: "BadRequest"}[refusal[1]]
            return refusal[1], status(refusal[1], reason, f"{subresource}: refused by the test")
        try:
            if subresource == "freeze":
                self._freeze(document["unfreezeTimeout"])
            else:
                self._unfreeze()
        except libvirt.libvirtError as error:
            return 400, status(400, "BadRequest", str(error))
        return 202, None

    def _freeze(self, timeout):
        self._pass.wait(60)
        with self._lock:
            if self.guest.agent("guest-fsfreeze-status") == "frozen":
                return  # said to be done, and no timer for it
            self.guest.agent("guest-fsfreeze-freeze")
            self.done.append("freeze")
            self._timer = threading.Timer(int(timeout.removesuffix("s")) / self.hurry, self._end_timer)
            self._timer.daemon = True
            self._timer.start()

    def _unfreeze(self):
        self._stop_timer()
        with self._lock:
            self.guest.agent("guest-fsfreeze-thaw")
            self.done.append("unfreeze")

    def _stop_timer(self):
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._timer = None

    def _end_timer(self):
        with self._lock, contextlib.suppress(libvirt.libvirtError):
            self.guest.agent("guest-fsfreeze-thaw")
            self.done.append("timer")
            self._timer = None


class RunApi:
    def __init__(self, cluster):
        self.admin = cluster.admin
        self.asked = []  # (subresource, name of the machine), as they came
        self._machines = {}
        self._slow = set()
        self._extension = Extension(cluster, GROUP, "v1", self._answer)

    def __enter__(self):
        self._extension.__enter__()
        return self

    def __exit__(self, *exception):
        self._extension.__exit__(*exception)

    def serve(self, vm, slow=False):
        """@slow: its guest takes its time to power off: until vm.stop()."""
        self._machines[f"namespaces/{vm.namespace}/virtualmachines/{vm.name}"] = vm
        self._slow.discard(vm.name)
        if slow:
            self._slow.add(vm.name)

    def asked_of(self, vm):
        return [what for what, name in self.asked if name == vm.name]

    def _answer(self, method, path, _document, _user):
        machine, _, subresource = path.partition("/v1/")[2].rpartition("/")
        vm = self._machines.get(machine)
        if method != "PUT" or not vm or subresource not in ("stop", "start"):
            return 404, status(404, "NotFound", f"{method} {path}")
        self.asked.append((subresource, vm.name))
        problem = self._stop(vm) if subresource == "stop" else self._start(vm)
        return (409, status(409, "Conflict", problem)) if problem else (202, None)

    def _stop(self, vm):
        """What always runs is halted by it, and its instance goes; another one is asked to stop."""
        spec = vm.read()["spec"]
        runs = self.admin.find(VMIS, vm.name, vm.namespace)
        strategy = spec.get("runStrategy") or ("Always" if spec.get("running") else "Halted")
        if strategy == "Halted":
            return "Halted only supports manual stop requests with a shorter graceperiod"
        if strategy in ("Manual", "RerunOnFailure") and not runs:
            return "VM is not running"
        if strategy in ("Always", "Once"):
            halted = {"running": False} if "running" in spec else {"runStrategy": "Halted"}
            self.admin.merge(VMS, vm.name, {"spec": halted}, vm.namespace)
        if runs and vm.name not in self._slow:
            vm.stop()
        return None

    def _start(self, vm):
        if self.admin.find(VMIS, vm.name, vm.namespace):
            return "VM is already running"
        vm.start("node-a")
        return None


def status(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
            "message": message}
