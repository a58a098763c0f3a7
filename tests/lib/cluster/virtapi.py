# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""KubeVirt's subresources `freeze` and `unfreeze` of one machine, with the timer that its launcher has for them.

    with VirtApi(cluster, vm, guest) as virt_api:
        virt_api.refuse("freeze", 500)
        ...
        assert virt_api.asked == [("freeze", "20s"), ("unfreeze", None)]
"""

import contextlib
import threading

import libvirt

from extension import Extension

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


def status(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
            "message": message}
