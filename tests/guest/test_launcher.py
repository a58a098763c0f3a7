# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Guests in a cluster's pods: found by their instances, reached through the socket in the pod's volume, whatever else
that pod may do with it."""

import contextlib
import dataclasses
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import libvirt
import pytest

from driver import Driver, uuid
from leftovers import processes
from rig import EXT4, XFS, wait_for

NODE = "node-a"
CLAIMS = ("root", "data")


class Kubelet:
    """A node's directory of pods. To a Driver it is the host."""

    def __init__(self, directory):
        self.dir = directory
        self.uri = f"node:{NODE}"
        self.pods = os.path.join(directory, "pods")
        os.mkdir(self.pods)

    def runtime(self, pod):
        return os.path.join(self.pods, pod, "volumes/kubernetes.io~empty-dir/libvirt-runtime")

    def socket(self, pod):
        return os.path.join(self.runtime(pod), "virtqemud-sock")

    def add_pod(self, libvirt=None):
        """With the socket of the daemon that its guest has; else without one."""
        pod = uuid()
        os.makedirs(self.runtime(pod))
        if libvirt:
            os.link(libvirt, self.socket(pod))
        return pod

    def remove_pod(self, pod):
        shutil.rmtree(os.path.join(self.pods, pod))

    def dead_men(self):
        return processes("dead-man", below=f"launcher:{self.pods}/")


def instance(name, pod, guest=None, **status):
    """The VirtualMachineInstance of a guest whose domain is shop_NAME."""
    volumes = [{"name": volume, "persistentVolumeClaim": {"claimName": f"{name}-{volume}"}} for volume in CLAIMS]
    firmware = {"uuid": guest.uuid} if guest else {}
    return {
        "kind": "VirtualMachineInstance",
        "metadata": {"name": name, "namespace": "shop", "uid": f"vmi-{name}", "ownerReferences": [
            {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "uid": f"vm-{name}", "controller": True}]},
        "spec": {"domain": {"firmware": firmware}, "volumes": volumes},
        "status": {"phase": "Running", "nodeName": NODE, "activePods": {pod: NODE}, **status},
    }


@pytest.fixture
def kubelet(host):
    directory = os.path.join(host.dir, f"kubelet-{uuid()[:8]}")
    os.mkdir(directory)
    yield Kubelet(directory)
    shutil.rmtree(directory)


class NodeDriver(Driver):
    def __init__(self, kubelet):
        super().__init__(kubelet, kubelet.pods)
        self.kubelet = kubelet

    def tell(self, document, how="added"):
        path = os.path.join(self.kubelet.dir, "instance.json")
        with open(path, "w") as file:
            json.dump(document, file)
        self.must("instance", how, path)


@pytest.fixture
def driver(kubelet):
    with NodeDriver(kubelet) as driver:
        yield driver


@pytest.fixture
def cast(host, kubelet, driver):
    """Puts a guest into a pod of the node, and tells of its instance. Returns the pod."""

    def put(guest, **status):
        pod = kubelet.add_pod(host.socket)
        driver.tell(instance(guest.name.partition("_")[2], pod, guest, **status))
        return pod

    return put


def boot(host, name, agent):
    disks = [dataclasses.replace(disk, alias=f"ua-{volume}") for volume, disk in zip(CLAIMS, (EXT4, XFS))]
    return host.guest(f"shop_{name}", agent=agent, disks=disks)


@pytest.fixture(scope="module")
def larry(host):
    with boot(host, "larry", "lull") as guest:
        yield guest


@pytest.fixture(scope="module")
def curly(host):
    with boot(host, "curly", "stock") as guest:
        yield guest


@pytest.fixture(params=["larry", "curly"])
def either(request):
    """Our agent, and the stock one."""
    return request.getfixturevalue(request.param)


def api_name(guest):
    return guest.name.replace("_", "/")


def freeze(driver, guest, lease_ms=8000):
    op = uuid()
    driver.must("vm", api_name(guest))
    driver.must("hold", op)
    driver.must("prepare", 10000)
    driver.must("freeze", lease_ms)
    return op


# A pod that is what it should be


def test_a_guest_is_held_through_its_pods_socket(either, driver, kubelet, cast):
    pod = cast(either)
    found = driver.must("vm", api_name(either))
    name = either.name.partition("_")[2]
    assert found["vm"]["metadata"]["uid"] == f"vm-{name}" and found["place"] == f"{pod}/{either.uuid}"
    assert found["vm"]["status"]["volumeSnapshotStatuses"] == [{"name": "root", "enabled": True},
                                                               {"name": "data", "enabled": True}]
    driver.must("hold", uuid())
    driver.must("prepare", 10000)
    driver.must("witness")
    driver.must("freeze", 8000)
    driver.must("first")
    either.assert_frozen("ext4")
    driver.must("second")
    facts = driver("thaw", 5000)

    assert facts["held"], facts
    assert driver("verdict", "vda", "vdb")["witness"] == "quiet"
    assert {row["mountpoint"]: row["volumes"] for row in facts["filesystems"]} == {"/mnt/ext4": ["root"],
                                                                                   "/mnt/xfs": ["data"]}
    either.assert_writes_resume(within=5)
    driver.must("free")
    wait_for(lambda: not kubelet.dead_men(), 10, "the host dead man is gone")


@contextlib.contextmanager
def tpm_volume(kubelet, pod):
    """(where the pod keeps what its TPM has, the storage behind it)"""
    storage = os.path.join(kubelet.dir, "storage")
    with open(storage, "w") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", storage], check=True)
    volume = os.path.join(kubelet.pods, pod, "volumes/kubernetes.io~csi/pvc-1/mount")
    os.makedirs(volume)
    subprocess.run(["mount", "-o", "loop,commit=300", storage, volume], check=True)
    try:
        yield volume, storage
    finally:
        subprocess.run(["umount", volume], check=True)


def with_tpm(document):
    document["spec"]["domain"]["devices"] = {"tpm": {"persistent": True}}
    return document


def test_f6_what_a_tpm_keeps_is_stored_before_the_freeze(either, host, kubelet, driver):
    pod = kubelet.add_pod(host.socket)
    driver.tell(with_tpm(instance(either.name.partition("_")[2], pod, either)))
    with tpm_volume(kubelet, pod) as (volume, storage):
        secret = uuid().encode()
        with open(os.path.join(volume, "tpm2-00.permall"), "wb") as file:
            file.write(secret)

        def is_stored():
            with open(storage, "rb") as file:
                return secret in file.read()

        assert not is_stored()
        driver.must("vm", api_name(either))
        driver.must("hold", uuid())
        driver.must("prepare", 10000)
        assert is_stored()
        driver.must("free")


def test_f6_a_guest_whose_tpm_could_not_be_stored_is_not_frozen(either, host, kubelet, driver):
    """As there; the cut is made without a freeze then, and that is said."""
    pod = kubelet.add_pod(host.socket)
    driver.tell(with_tpm(instance(either.name.partition("_")[2], pod, either)))
    driver.must("vm", api_name(either))
    driver.must("hold", uuid())
    facts = driver("prepare", 10000)
    assert "what its TPM keeps" in facts["problem"] and "HostToContainer" in facts["problem"], facts
    facts = driver("freeze", 8000)
    assert not facts["frozen"] and not facts["attempted"], facts
    driver.must("free")
    either.assert_writes_resume(within=5)


def test_a_stock_guest_is_thawed_when_the_coordinator_is_killed(curly, driver, kubelet, cast):
    cast(curly)
    freeze(driver, curly, lease_ms=60000)
    curly.assert_frozen("ext4")
    assert kubelet.dead_men()
    driver.kill()

    curly.assert_writes_resume(within=5)
    wait_for(lambda: not kubelet.dead_men(), 10, "the host dead man is gone")


def thaw(guest):
    try:
        return guest.agent("guest-fsfreeze-thaw")
    except libvirt.libvirtError:
        return None  # libvirtd has not found its agent again


def test_a_dead_man_goes_with_the_pod(curly, host, driver, kubelet, cast):
    """Whatever it has still to do: where there is no pod there is no guest."""
    pod = cast(curly)
    freeze(driver, curly, lease_ms=60000)
    with host.without_libvirtd():
        driver.kill()
        assert kubelet.dead_men()
        kubelet.remove_pod(pod)
        wait_for(lambda: not kubelet.dead_men(), 20, "the host dead man is gone")
    wait_for(lambda: thaw(curly), 20, "a thaw by somebody else")
    curly.assert_writes_resume(within=5)


def test_another_life_thaws_without_being_told_who_is_where(either, kubelet, driver, cast):
    cast(either)
    place = driver.must("vm", api_name(either))["place"]
    op = freeze(driver, either, lease_ms=30000)
    for pid in kubelet.dead_men():
        os.kill(pid, signal.SIGKILL)
    driver.kill()
    either.assert_frozen("ext4")

    with NodeDriver(kubelet) as successor:
        agent = "lull" if either.agent_kind == "lull" else "stock"
        successor.must("recover", op, agent, 8000, place)
        either.assert_writes_resume(within=2)


def test_one_whose_pod_is_gone_may_be_frozen_elsewhere_unless_it_has_a_lease(larry, driver, kubelet):
    place = f"{uuid()}/{larry.uuid}"
    assert driver.must("recover", uuid(), "lull", 2000, place, "shop", "larry")
    answer = driver("recover", uuid(), "stock", 2000, place, "shop", "larry")
    assert not answer["ok"] and answer["code"] == "lost", answer
    assert answer["usec"] < 1000000


def test_one_that_nobody_told_of_is_not_called_gone(driver, kubelet):
    answer = driver("recover", uuid(), "lull", 2000, "vm-larry")
    assert not answer["ok"] and answer["code"] == "lost", answer


def test_a_guest_is_held_where_it_was_found_as_its_intent_says(larry, driver, cast, daemon):
    cast(larry)
    driver.must("vm", "shop/larry")
    driver.tell(instance("larry", daemon(say_nothing).pod, larry))  # it was started again meanwhile
    assert driver.must("hold", uuid())["agent"] == "lull"
    driver.must("witness")
    driver.must("free")


def test_a_machine_elsewhere_or_on_its_way_is_not_asked(larry, driver, cast):
    moving = {"startTimestamp": "2026-01-01T00:00:00Z"}
    for status, code in (({"nodeName": "node-b"}, "not-found"), ({"migrationState": moving}, "busy"),
                         ({"phase": "Failed"}, "not-found"), ({"phase": "Scheduled"}, "busy")):
        cast(larry, **status)
        answer = driver("vm", "shop/larry")
        assert not answer["ok"] and answer["code"] == code, (status, answer)


def test_what_is_no_claim_is_left_out_and_says_so(larry, host, driver, kubelet):
    document = instance("larry", kubelet.add_pod(host.socket), larry)
    document["spec"]["volumes"][1] = {"name": "data", "emptyDisk": {"capacity": "1Gi"}}
    driver.tell(document)
    statuses = driver.must("vm", "shop/larry")["vm"]["status"]["volumeSnapshotStatuses"]

    assert [status["enabled"] for status in statuses] == [True, False]
    assert "not in a claim" in statuses[1]["reason"]


def open_sockets(driver):
    found = 0
    for fd in os.scandir(f"/proc/{driver.process.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found += os.readlink(fd.path).startswith("socket:")
    return found


def test_what_is_not_used_is_closed(larry, driver, cast, kubelet):
    before = open_sockets(driver)
    pods = [cast(larry) for _ in range(4)]  # of one machine, one after the other
    for pod in pods:
        driver.tell(instance("larry", pod, larry))
        driver.must("vm", "shop/larry")
    assert open_sockets(driver) > before
    wait_for(lambda: open_sockets(driver) == before, 30, "all connections are closed")


# A pod that is not


def refused(driver, name="shop/larry"):
    answer = driver("vm", name)
    assert not answer["ok"], answer
    return answer


def link(path):
    os.symlink("elsewhere", path)


def text(path):
    with open(path, "w") as file:
        file.write("no socket")


@pytest.mark.parametrize("put", [link, os.mkfifo, text, os.mkdir], ids=["link", "fifo", "file", "directory"])
def test_what_is_no_socket_is_not_touched(put, larry, host, driver, kubelet):
    pod = kubelet.add_pod()
    os.link(host.socket, os.path.join(kubelet.runtime(pod), "elsewhere"))
    put(kubelet.socket(pod))
    driver.tell(instance("larry", pod, larry))
    answer = refused(driver)

    assert answer["code"] == "invalid" and "the pod cannot be trusted" in answer["error"], answer
    assert answer["usec"] < 2000000


def test_a_pod_with_another_machine_is_not_asked(larry, curly, host, driver, kubelet):
    driver.tell(instance("larry", kubelet.add_pod(host.socket), curly))  # its name, and another's uuid
    answer = refused(driver)
    assert answer["code"] == "denied" and "another machine" in answer["error"], answer

    document = instance("larry", kubelet.add_pod(host.socket), larry)
    document["spec"]["domain"]["firmware"]["uuid"] = uuid()
    driver.tell(document)
    assert refused(driver)["code"] == "not-found"


class Daemon:
    """In a pod, and not libvirt's: what @reply makes of each connection."""

    def __init__(self, kubelet, reply):
        self.pod = kubelet.add_pod()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        directory = os.open(kubelet.runtime(self.pod), os.O_PATH)
        self.listener.bind(f"/proc/self/fd/{directory}/virtqemud-sock")
        os.close(directory)
        self.listener.listen(8)
        self.reply = reply
        self.connections = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self.answer, args=(connection,), daemon=True).start()
        except OSError:
            pass

    def answer(self, connection):
        try:
            connection.recv(4096)
            self.reply(connection)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def daemon(kubelet):
    made = []

    def make(reply):
        made.append(Daemon(kubelet, reply))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Between(Daemon):
    """In a pod, and all that passes is libvirt's, but for what @change makes of its messages. Once told to be deaf it
    reads nothing more, and asks each client whether it is alive, as fast as it may."""

    PING = bytes.fromhex("0000001c 6b656570 00000001 00000001 00000002 00000000 00000000")
    PINGS = 300  # whose answers are more than a socket holds

    def __init__(self, kubelet, libvirt, change=lambda message: message):
        self.libvirt = libvirt
        self.change = change
        self.deaf = threading.Event()
        super().__init__(kubelet, None)

    def answer(self, connection):
        with socket.socket(socket.AF_UNIX) as upstream, contextlib.suppress(OSError, struct.error):
            upstream.connect(self.libvirt)
            try:
                self.pass_on(connection, upstream)
            finally:
                connection.shutdown(socket.SHUT_RDWR)

    def pass_on(self, connection, upstream):
        while not self.deaf.is_set():
            ready = select.select([connection, upstream], [], [], 0.1)[0]
            if connection in ready:
                some = connection.recv(65536)
                if not some:
                    return
                upstream.sendall(some)
            if upstream in ready:
                head = upstream.recv(4, socket.MSG_WAITALL)
                rest = upstream.recv(struct.unpack(">I", head)[0] - 4, socket.MSG_WAITALL)
                connection.sendall(self.change(head + rest))
        for i in range(self.PINGS):
            connection.sendall(self.PING)
            time.sleep(0 if i < 250 else 0.26)


# Of libvirt's protocol: https://libvirt.org/kbase/internals/rpc.html
GET_XML, LOOK_UP_BY_NAME, LOOK_UP_BY_UUID = 14, 23, 24


def xdr_text(text):
    return struct.pack(">I", len(text)) + text + bytes(-len(text) % 4)


def answer_with(procedures, body, failed=False):
    """For Between: another body in answers to these."""

    def change(message):
        program, version, procedure, kind, serial = struct.unpack(">5I", message[4:24])
        if (program, kind) != (0x20008086, 1) or procedure not in procedures:
            return message
        return struct.pack(">7I", 28 + len(body), program, version, procedure, kind, serial, failed) + body

    return change


def say_nothing(connection):
    pass


def flood(connection):
    event = bytes.fromhex("0000001c 20008086 00000001 00000042 00000002 00000000 00000000")
    while True:
        connection.sendall(event * 1000)


def drip(connection):
    answer = bytes.fromhex("00100000 20008086 00000001 00000042 00000001 00000000 00000000") + bytes(1 << 20)
    for byte in answer:
        connection.sendall(bytes([byte]))
        time.sleep(0.01)


def memory_of(driver):
    with open(f"/proc/{driver.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


@pytest.mark.parametrize("reply", [drip, flood])
def test_a_pod_that_does_not_answer_delays_nobody_and_not_for_ever(reply, larry, curly, driver, cast, daemon):
    cast(curly)
    driver.must("vm", "shop/curly")
    before = memory_of(driver)
    driver.tell(instance("larry", daemon(reply).pod, larry))
    answer = driver.must("beside", "shop/larry", "shop/curly")

    assert answer["found"] < 5000000, answer
    assert answer["usec"] < 25000000 and answer["slow"], answer
    assert memory_of(driver) - before < 16 * 1024


LONGEST = 4 << 20  # of a text of libvirt's


def test_a_machine_of_millions_of_elements_is_not_read(larry, host, driver, kubelet):
    xml = b"<domain>%b</domain>" % (b"<a/>" * (LONGEST // 4 - 8))
    before = memory_of(driver)
    with contextlib.closing(Between(kubelet, host.socket, answer_with([GET_XML], xdr_text(xml)))) as between:
        driver.tell(instance("larry", between.pod, larry))
        answer = refused(driver)
    assert answer["code"] == "invalid" and "the pod cannot be trusted" in answer["error"], answer
    assert memory_of(driver) - before < 32 * 1024


def test_an_error_of_any_length_is_one_line_of_some(larry, host, driver, kubelet):
    words = b"no domain\n** forged **\n".ljust(LONGEST, b"x")
    nothing = bytes(4)
    error = (struct.pack(">2I", 42, 10) + b"\0\0\0\1" + xdr_text(words) + struct.pack(">I", 2)
             + 4 * nothing + 2 * nothing + nothing)
    change = answer_with([LOOK_UP_BY_NAME, LOOK_UP_BY_UUID], error, failed=True)
    with contextlib.closing(Between(kubelet, host.socket, change)) as between:
        driver.tell(instance("larry", between.pod, larry))
        answer = refused(driver)
    assert "no domain ** forged ** xxx" in answer["error"], answer["error"][:200]
    assert len(answer["error"]) < 4096


def test_a_pod_that_reads_nothing_more_is_left_whatever_it_asks_itself(larry, host, driver, kubelet):
    before = open_sockets(driver)
    with contextlib.closing(Between(kubelet, host.socket)) as between:
        driver.tell(instance("larry", between.pod, larry))
        freeze(driver, larry)
        between.deaf.set()
        facts = driver("thaw", 5000)
        assert not facts["held"], facts
        assert facts["usec"] < 25000000
        larry.assert_writes_resume(within=10)  # by its lease
        driver.must("free")
        wait_for(lambda: open_sockets(driver) == before, 60, "all connections are closed")


def test_a_guest_that_is_frozen_is_thawed_whatever_stands_in_its_sockets_place_by_then(
        either, driver, kubelet, cast, daemon):
    pod = cast(either)
    freeze(driver, either)
    other = daemon(say_nothing)
    os.replace(kubelet.socket(other.pod), kubelet.socket(pod))
    facts = driver("thaw", 5000)

    assert facts["held"], facts
    assert facts["usec"] < 5000000
    either.assert_writes_resume(within=5)


def test_a_guest_that_goes_with_its_pod_is_not_believed(host, driver, kubelet, cast):
    with boot(host, "moe", "lull") as moe:
        pod = cast(moe)
        freeze(driver, moe)
        moe.domain.destroy()
        kubelet.remove_pod(pod)
        facts = driver("thaw", 3000)
        assert not facts["held"] and facts["broken"], facts
        assert facts["usec"] < 8000000
