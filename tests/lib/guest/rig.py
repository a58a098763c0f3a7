# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Real guests for tests: a private libvirtd, small QEMU machines, and our coordinator beside them.

    with Host() as host, host.guest("demo", agent="lull") as guest:
        with host.coordinator() as coordinator:
            coordinator.lull("snapshot", "demo", "first", "--wait")
            guest.assert_writes_resume(within=2)

A guest has an ext4 on vda and an xfs on vdb, both written to all the time by writer.c, and a shell of its
own (guest.sh) that works whatever is frozen. See init for what runs in it.
"""

import contextlib
import dataclasses
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import time
from xml.sax.saxutils import escape

import libvirt
import libvirt_qemu
import scratch
from control import Control

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
PATIENCE = 4  # a wait ends with what it waits for; its limit is for what never comes, on however busy a machine
BUSY = 6  # seconds that a busy machine may add to a time that is promised
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"

libvirt.registerErrorHandler(lambda _context, _error: None, None)  # errors come as exceptions too


def build_dir():
    """Where the binaries under test are: LULL_BUILD, else the build directory of this checkout."""
    for path in (os.environ.get("LULL_BUILD"), os.path.join(ROOT, "build/debug"), os.path.join(ROOT, "build")):
        if path and os.path.exists(os.path.join(path, "build.ninja")):
            return os.path.abspath(path)
    raise FileNotFoundError("no build: run meson setup build/debug && ninja -C build/debug")


@functools.lru_cache(maxsize=None)
def program(name):
    """The path of a program in the build directory, wherever meson put it."""
    for directory, _, files in os.walk(build_dir()):
        path = os.path.join(directory, name)
        if name in files and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"{name} is not built in {build_dir()}")


@functools.lru_cache(maxsize=None)
def _tool(name, *arguments):
    done = subprocess.run([os.path.join(HERE, name), *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def wait_for(condition, timeout, what, interval=0.05):
    """Waits until @condition() is true and returns what it gave; fails with @what, or what that returns then, when it
    takes much longer than the @timeout seconds that would do on a quiet machine."""
    limit = timeout * PATIENCE
    told = lambda: what() if callable(what) else what
    return _wait_until(condition, limit, lambda: f"after {limit} s still not: {told()}", interval)


def _wait_until(condition, limit, complaint, interval=0.05):
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, complaint()
        time.sleep(interval)


@dataclasses.dataclass(frozen=True)
class Disk:
    """One disk of a guest. @kind: ext4, xfs, empty, blank. @mount: where the guest mounts it; None: not at all. @size:
    as truncate takes it; None: what its kind needs. @path: a file that is there already and is filled; else its own.
    @bus: virtio; scsi, sata and ide are for guests with kit="buses", and say by @drive where they are: controller, bus,
    target, unit. @model: of a SCSI disk's controller."""

    target: str
    kind: str
    mount: str = None
    format: str = "qcow2"
    block: bool = False  # on a loop device
    serial: str = None
    alias: str = None
    readonly: bool = False
    shareable: bool = False
    cache: str = None
    size: str = None
    path: str = None
    bus: str = "virtio"
    drive: tuple = None
    model: str = "virtio-scsi"

    @property
    def device(self):
        """What the guest's init mounts: behind some controllers the kernel's names depend on who is first."""
        return self.target if self.bus == "virtio" else f"LABEL={self.target}"

    def controller_xml(self):
        """What libvirt does not add by itself, or would choose otherwise."""
        return f"<controller type='scsi' index='{self.drive[0]}' model='{self.model}'/>" if self.bus == "scsi" else ""

    def xml(self, path):
        parts = [
            f"<disk type='{'block' if self.block else 'file'}' device='disk'>",
            f"<driver name='qemu' type='{self.format}'" + (f" cache='{self.cache}'" if self.cache else "") + "/>",
            f"<source {'dev' if self.block else 'file'}='{escape(path)}'/>",
            f"<target dev='{self.target}' bus='{self.bus}'/>",
        ]
        if self.readonly:
            parts.append("<readonly/>")
        if self.shareable:
            parts.append("<shareable/>")
        if self.serial:
            parts.append(f"<serial>{self.serial}</serial>")
        if self.alias:
            parts.append(f"<alias name='{self.alias}'/>")
        if self.drive:
            places = zip(("controller", "bus", "target", "unit"), self.drive)
            parts.append("<address type='drive' " + " ".join(f"{key}='{value}'" for key, value in places) + "/>")
        return "".join(parts) + "</disk>"


EXT4 = Disk("vda", "ext4", "/mnt/ext4", serial="EXT4DISK")
XFS = Disk("vdb", "xfs", "/mnt/xfs", serial="XFSDISK")


class Host:
    """A scratch directory with a libvirtd of its own in it, whose QEMUs run as @qemu_user, else as root."""

    def __init__(self, qemu_user=None):
        self.dir = scratch.make("host")
        self.qemu_user = qemu_user
        self.uri = None
        self._connection = None
        self._namespace = None  # libvirtd's mounts, open while it is dead
        self._told = []  # by guests that a failed test had for itself

    def __enter__(self):
        try:
            done = subprocess.run(
                [os.path.join(HERE, "private-libvirtd"), "start", self.dir, *filter(None, [self.qemu_user])],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            self.uri = done.stdout.strip()
        except BaseException:
            scratch.remove(self.dir)
            raise
        return self

    def __exit__(self, *_exception):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.start_libvirtd_again()  # which ends the guests
        if self._connection:
            with contextlib.suppress(libvirt.libvirtError):
                self._connection.close()
        subprocess.run([os.path.join(HERE, "private-libvirtd"), "stop", self.dir])
        scratch.remove(self.dir)

    @property
    def socket(self):
        """Where libvirtd listens."""
        return self.uri.partition("?socket=")[2]

    @property
    def connection(self):
        if not self._connection or not self._connection.isAlive():
            self._connection = libvirt.open(self.uri)
        return self._connection

    def virsh(self, *arguments, timeout=240):
        """Runs virsh and returns what it printed; fails if it does."""
        done = subprocess.run(
            ["virsh", "-q", "-c", self.uri, *arguments], capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode == 0, f"virsh {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def _libvirtd_pid(self):
        with open(os.path.join(self.dir, "libvirtd.pid")) as file:
            return int(file.read())

    @contextlib.contextmanager
    def stopped_libvirtd(self):
        """It takes calls and answers none meanwhile."""
        pid = self._libvirtd_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def beside_libvirtd(self):
        """What a command begins with that is to have libvirtd's mounts, whether that is there or not."""
        namespace = f"/proc/{os.getpid()}/fd/{self._namespace}"
        if self.has_libvirtd():
            namespace = f"/proc/{self._libvirtd_pid()}/ns/mnt"
        return ["nsenter", f"--mount={namespace}"]

    def crash_libvirtd(self):
        """Kills libvirtd, as a fault of it would. Its guests run on."""
        pid = self._libvirtd_pid()
        self._namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 20, "the end of libvirtd")
        self._connection = None  # it does not notice by itself

    def start_libvirtd_again(self):
        """Where it was killed; else nothing."""
        if self._namespace is None:
            return
        arguments = ["again", self.dir, f"/proc/{os.getpid()}/fd/{self._namespace}"]
        subprocess.run([os.path.join(HERE, "private-libvirtd"), *arguments], stdout=subprocess.PIPE, check=True)
        os.close(self._namespace)
        self._namespace = None

    def has_libvirtd(self):
        return self._namespace is None

    @contextlib.contextmanager
    def without_libvirtd(self):
        """It is dead meanwhile, and another one answers afterwards."""
        self.crash_libvirtd()
        try:
            yield
        finally:
            self.start_libvirtd_again()

    def restart_libvirtd(self):
        with self.without_libvirtd():
            pass

    @contextlib.contextmanager
    def guest(self, name, **options):
        """Defines and starts a guest, waits until its agent answers, and removes all of it in the end."""
        guest = Guest(self, name, **options)
        try:
            guest.define()
            guest.start()
            yield guest
        except BaseException:
            self._told.append(guest.diagnosis())
            raise
        finally:
            guest.remove()

    def diagnosis(self):
        """What the guests had to say that are gone already."""
        told, self._told = self._told, []
        return "\n".join(told)

    @contextlib.contextmanager
    def coordinator(self, name="coordinator", beside=None, **options):
        """Starts a coordinator with a state directory of its own, which is stopped in the end."""
        coordinator = Coordinator(self, name, beside)
        try:
            coordinator.start(**options)
            yield coordinator
        finally:
            coordinator.remove()


class Guest:
    """A test machine. @agent: lull, stock, refusing (its freeze hook fails), waiting (its freeze hook does, as long as
    there is a file /run/agent/freezing, which it makes), silent, none, or one of those that lie (pretender.c): lying,
    lying-stock, empty, commandless, hostile, hostile-stock.

    @writer: whether something writes to every mounted disk all the time. @step: LULL_AT_STEP of the
    first agent (see arm). @firmware: "bios" or "uefi", the latter with NVRAM in nvram_path. @kit: "stack" for
    the tools and modules of storage stacks, "buses" for disks that are not virtio's. @tpm:
    whether it has one, emulated by swtpm."""

    def __init__(self, host, name, agent="lull", writer=True, step="", disks=(EXT4, XFS), firmware="bios", kit=None,
                 tpm=False):
        self.host = host
        self.name = name
        self.agent_kind = self._agent_at_boot = agent
        self.is_removed = False
        self.writer = writer
        self.step = step
        self.disks = disks
        self.firmware = firmware
        self.kit = kit
        self.tpm = tpm
        self.dir = os.path.join(host.dir, name)
        self.console_path = os.path.join(self.dir, "console.log")
        self.nvram_path = os.path.join(self.dir, "nvram.fd")
        self.control = Control(os.path.join(self.dir, "control.sock"))
        self.loops = {}  # target: device
        os.mkdir(self.dir)
        if host.qemu_user:
            shutil.chown(self.dir, host.qemu_user)  # it makes its log there

    # Life

    def define(self):
        for disk in self.disks:
            path = self.disk_path(disk.target)
            words = [path, disk.kind, disk.format, disk.size or "", disk.target]
            subprocess.run([os.path.join(HERE, "make-disk"), *words], check=True)
            if disk.block:
                self.loops[disk.target] = _attach(path)
        self.host.connection.defineXML(self._domain_xml())

    def start(self, wait=True):
        """Boots it. With @wait until its shell answers, and its agent does what its kind does."""
        self.control.close()
        self.domain.create()
        if wait:
            self.wait_shell()
            self.wait_agent()

    def start_again(self):
        """start(), until it writes. How long the first write after a boot takes is no matter of a lease."""
        self.start()
        self.assert_writes_resume(within=2)
        self.forget_gaps()

    def wait_shell(self, timeout=100):  # emulated firmware takes its time
        def answers():
            try:
                return self.control.run("true", timeout=2)[0] == 0
            except (OSError, TimeoutError):
                return False

        wait_for(answers, timeout, f"{self.name}: booted, see {self.console_path}")

    def wait_agent(self, timeout=30):
        """Until the agent does what its kind does: answers, keeps its port open, or is not there."""
        if self.agent_kind not in ("silent", "none"):
            wait_for(self.agent_answers, timeout, f"{self.name}: agent {self.agent_kind} answers")
        else:
            wanted = self.agent_kind == "silent"
            wait_for(lambda: self.port_is_open() == wanted, timeout, f"{self.name}: agent is {self.agent_kind}")

    @contextlib.contextmanager
    def hung(self):
        """Its QEMU answers nothing any more, and nothing of its disks can be copied, until what is inside is over."""
        pid = self.qemu_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def qemu_pid(self):
        """The process that this guest is."""
        pid = find_qemu(self.name, self.uuid)
        assert pid, f"{self.name} does not run"
        return pid

    def destroy(self):
        """Cuts the power."""
        self.control.close()
        if self.domain.isActive():
            self.domain.destroy()

    def poweroff(self, timeout=30):
        """Has it switch itself off, file systems synced and unmounted."""
        with contextlib.suppress(OSError):  # it may be off before it has answered
            self.sh("killall writer; umount -a -t ext4,xfs; poweroff -f &")
        wait_for(lambda: not self.domain.isActive(), timeout, f"{self.name}: powered off")
        self.control.close()

    def remove(self):
        with contextlib.suppress(libvirt.libvirtError):
            self.destroy()
        with contextlib.suppress(libvirt.libvirtError):
            flags = libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM
            self.domain.undefineFlags(flags)
        for device in self.loops.values():
            subprocess.run(["losetup", "-d", device])
        shutil.rmtree(self.dir, ignore_errors=True)  # the name is free for another module's guest
        self.is_removed = True

    def mend(self):
        """After a failed test: whatever it has left in there, frozen or stopped, the next one finds none of it."""
        if self.is_removed:
            return
        self.destroy()
        self.agent_kind = self._agent_at_boot
        self.start()

    @property
    def domain(self):
        return self.host.connection.lookupByName(self.name)

    @property
    def uuid(self):
        return self.domain.UUIDString()

    def set_incremental(self, on):
        """Asks for snapshots that hold only what changed."""
        flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG | (libvirt.VIR_DOMAIN_AFFECT_LIVE if self.domain.isActive() else 0)
        element = "<snapshots incremental='yes'/>" if on else None
        self.domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, element, "lull", "https://lull.dev/domain/1", flags)

    def crash(self):
        """Kills its QEMU, as a fault of the host would, whether libvirtd is there or not."""
        kill_qemu(self.name, self.dir)
        if self.host.has_libvirtd():
            wait_for(lambda: not self.domain.isActive(), 20, f"{self.name}: libvirt knows")
        self.control.close()

    # Its agent

    def agent(self, command, timeout=30, **arguments):
        """Sends one agent command and returns its "return"; the agent's error is a libvirtError."""
        request = {"execute": command}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        answer = libvirt_qemu.qemuAgentCommand(self.domain, json.dumps(request), timeout, 0)
        return json.loads(answer)["return"]

    def agent_answers(self):
        try:
            self.agent("guest-ping", timeout=5)
            return True
        except libvirt.libvirtError:
            return False

    def port_is_open(self):
        """Whether something in the guest has the agent's port open, as libvirt sees it."""
        return "name='org.qemu.guest_agent.0' state='connected'" in self.domain.XMLDesc(0)

    def switch_agent(self, kind, step=""):
        """Puts another agent on the port, or restarts the same."""
        self.renew_agent(kind, step)
        self.wait_agent()

    def renew_agent(self, kind, step=""):
        """The same, without a word to it. libvirt has seen the port closed before it is opened again: QEMU tells of
        only the last of several changes within a second, and to libvirt the old agent would be there still."""
        self._hand_port_to("none")
        wait_for(lambda: not self.port_is_open(), 30, f"{self.name}: its agent's port is closed")
        self._hand_port_to(kind, step)
        self.agent_kind = kind

    def _hand_port_to(self, kind, step=""):
        self.sh(
            f"echo {kind} >/run/agent/kind; echo '{step}' >/run/agent/step; old=$(cat /run/agent/pid); "
            "kill $old; for i in $(seq 100); do [ -d /proc/$old ] || break; usleep 20000; done; "
            "kill -KILL $old 2>/dev/null; while [ $(cat /run/agent/pid) = $old ]; do usleep 20000; done"
        )

    def arm(self, step):
        """Restarts the agent with LULL_AT_STEP=@step ("freezer.first-frozen=kill"), for one life only:
        the agent that follows it is unarmed. A freezer has its agent's environment, so one that is killed
        fires again for the same agent; disarm() ends that."""
        self.switch_agent(self.agent_kind, step)

    def disarm(self):
        self.switch_agent(self.agent_kind)

    def kill(self, name, sig="KILL"):
        """Sends a signal to all processes of that name in the guest; there must be one."""
        self.sh(f"kill -{sig} $(pidof {name})")

    def is_alive(self, name):
        return self.sh_status(f"pidof {name}")[0] == 0

    # Its shell and its writer

    def sh(self, command, timeout=120):
        """Runs a shell command in the guest and returns its output; it must succeed."""
        status, output = self.control.run(command, timeout)
        assert status == 0, f"{self.name}: {command}: exit status {status}: {output}"
        return output

    def sh_status(self, command, timeout=120):
        return self.control.run(command, timeout)

    def seq(self, name="ext4"):
        """The number of the last line that the writer has on disk /mnt/@name; 0: none yet."""
        fields = self.sh(f"tail -n 1 /run/writer/{name} 2>/dev/null || true").split()
        return int(fields[0]) if fields else 0

    def gaps(self, name="ext4"):
        """[(number, end_usec, gap_usec)] of every write since forget_gaps(); guest's monotonic clock."""
        lines = self.sh(f"cat /run/writer/{name}").splitlines()
        return [tuple(int(field) for field in line.split()) for line in lines if line.count(" ") == 2]

    def forget_gaps(self):
        self.sh("for log in /run/writer/*; do : >$log; done")

    def longest_gap(self):
        """For how many seconds a writer stood still at most since forget_gaps(), or since it was started."""
        return int(self.sh("awk '$3 > most { most = $3 } END { print most + 0 }' /run/writer/*")) / 1e6

    def assert_writes_resume(self, within):
        """Every disk with a writer gets new lines within @within seconds from now, and BUSY."""
        names = self.written()
        assert names, f"{self.name} has no writer"
        before = {name: self.seq(name) for name in names}
        _wait_until(
            lambda: all(self.seq(name) > before[name] for name in names),
            within + BUSY,
            lambda: f"{self.name}: not all of {names} are written to again within {within} s",
        )

    def assert_frozen(self, name="ext4", seconds=0.3):
        """No write to @name ends during @seconds."""
        before = wait_for_standstill(lambda: self.seq(name), f"{self.name}: {name} stands still")
        time.sleep(seconds)
        assert self.seq(name) == before, f"{self.name}: {name} is written to"

    def written(self):
        return [os.path.basename(disk.mount) for disk in self.disks if self._is_written(disk)]

    # Its disks

    def disk_path(self, target):
        """The file that the disk was made in; the domain may have another one since a restore."""
        disk = next(disk for disk in self.disks if disk.target == target)
        return disk.path or os.path.join(self.dir, f"{target}.{disk.format}")

    def current_disk_path(self, target):
        pattern = rf"<source (?:file|dev)='([^']+)'[^>]*/>(?:(?!</disk>).)*<target dev='{target}'"
        return re.search(pattern, self.domain.XMLDesc(0), re.DOTALL).group(1)

    def diagnosis(self):
        """What to read when a test with this guest has failed."""
        with contextlib.suppress(OSError):
            with open(self.console_path, errors="replace") as file:
                console = file.read()[-4000:]
            log = ""
            with contextlib.suppress(Exception):
                log = self.control.run("tail -n 50 /run/agent/log", timeout=5)[1]
            return f"--- console of {self.name}\n{console}\n--- agent\n{log}"
        return f"{self.name} has no console"

    @staticmethod
    def _is_written(disk):
        return disk.mount and not disk.readonly

    def _domain_xml(self):
        accel = _tool("probe-accel")
        kernel = _tool("fetch-kernel", *(["amd64"] if self.kit == "buses" else []))
        release = os.listdir(os.path.join(kernel, "lib/modules"))[0]
        mounts = [f"{d.device}:{d.kind}:{d.mount}" + (":ro" if d.readonly else "") for d in self.disks if d.mount]
        words = [f"lull.mounts={','.join(mounts)}", f"lull.agent={self.agent_kind}"]
        if self.writer:
            words.append("lull.writer=" + ",".join(d.mount for d in self.disks if self._is_written(d)))
        if self.step:
            words.append(f"lull.step={self.step}")
        firmware = ""
        if self.firmware == "uefi":
            firmware = (
                f"<loader readonly='yes' type='pflash'>{OVMF_CODE}</loader>"
                f"<nvram template='{OVMF_VARS}'>{self.nvram_path}</nvram>"
            )
        values = {
            "TYPE": "kvm" if accel == "kvm" else "qemu",
            "CPU": "host-passthrough" if accel == "kvm" else "maximum",
            "MACHINE": "q35" if self.firmware == "uefi" else "pc",
            "NAME": self.name,
            "FIRMWARE": firmware,
            "KERNEL": self._readable(os.path.join(kernel, f"boot/vmlinuz-{release}")),
            "INITRD": self._readable(_tool("make-initramfs", kernel, build_dir(), *([self.kit] if self.kit else []))),
            "CMDLINE": " ".join(words),
            "CONTROLLERS": "".join(sorted({disk.controller_xml() for disk in self.disks})),
            "DISKS": "".join(
                disk.xml(self.loops.get(disk.target) or self.disk_path(disk.target)) for disk in self.disks
            ),
            "TPM": "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>" if self.tpm else "",
            "DIR": self.dir,
        }
        with open(os.path.join(HERE, "domain.xml.in")) as file:
            return re.sub(r"@([A-Z]+)@", lambda match: values[match.group(1)], file.read())


    def _readable(self, path):
        """A copy that libvirt may give to QEMU's user."""
        return shutil.copy(path, self.dir) if self.host.qemu_user else path


def find_qemu(name, mark):
    """The process that a domain is, of all those of that name the one with @mark in its command line; None: it does
    not run."""
    needle = f"guest={name},".encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read()
            if mark.encode() in line and any(word.startswith(needle) for word in line.split(b"\0")):
                return int(pid)
    return None


def kill_qemu(name, mark):
    """Kills the QEMU that find_qemu() finds, if there is one."""
    if pid := find_qemu(name, mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 20, f"{name}: its QEMU is gone")


def _attach(path):
    """A loop device over @path with room for what its format adds."""
    with open(path, "ab") as file:
        file.truncate(os.path.getsize(path) if path.endswith(".raw") else 1 << 29)
    done = subprocess.run(["losetup", "-f", "--show", path], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def wait_for_standstill(value, what, timeout=10):
    """Waits until two readings of @value() in a row are the same, and returns it."""
    last = [value()]

    def same():
        time.sleep(0.1)
        before, last[0] = last[0], value()
        return before == last[0]

    wait_for(same, timeout, what)
    return last[0]


def is_stopped(process):
    """Whether it has stopped itself, as by an armed step."""
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


class Copy(Guest):
    """What a restore makes of a guest's snapshot, under another name."""

    def reach(self):
        """Gives it a socket for its shell where we find it; before it is started."""
        source = f"<source mode='bind' path='{self.control.path}'/>"
        target = r"(<channel type='unix'>)(?:\s*<source[^>]*/>)?(\s*<target type='virtio' name='dev.lull.test.control')"
        xml, n = re.subn(target, rf"\1{source}\2", self.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        assert n == 1, xml
        self.host.connection.defineXML(xml)

    def is_there(self):
        return self.name in [domain.name() for domain in self.host.connection.listAllDomains()]

    def remove(self):
        """With its disks, where there are any."""
        paths = [self.current_disk_path(disk.target) for disk in self.disks] if self.is_there() else []
        super().remove()
        for path in paths:
            os.unlink(path)


class Coordinator:
    """lull-coordinator with a state directory and a socket of its own. May be started again. @beside: the host whose
    libvirtd's mounts it has, and so the folders that libvirt keeps for its machines; None: ours."""

    def __init__(self, host, name, beside=None):
        self.host = host
        self.beside = beside
        self.dir = os.path.join(host.dir, name)
        self.state_dir = os.path.join(self.dir, "state")
        self.runtime_dir = os.path.join(self.dir, "run")
        self.socket = os.path.join(self.runtime_dir, "lull.sock")
        self.log_path = os.path.join(self.dir, "log")
        self.process = None
        self.arguments = ()
        os.makedirs(self.state_dir)
        os.makedirs(self.runtime_dir)

    def start(self, step="", wait=True, arguments=None):
        """Starts it, with LULL_AT_STEP=@step if given, and waits until its API answers. @arguments: of this and
        all lives to come."""
        if arguments is not None:
            self.arguments = arguments
        environment = {**os.environ, "LULL_AT_STEP": step} if step else dict(os.environ)
        command = [
            *(self.beside.beside_libvirtd() if self.beside else []),
            program("lull-coordinator"),
            "--uri",
            self.host.uri,
            "--state-dir",
            self.state_dir,
            "--runtime-dir",
            self.runtime_dir,
            "--socket",
            self.socket,
            "--attempt-pause=500",
            *self.arguments,
        ]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout=20):
        def ready():
            assert self.process.poll() is None, f"coordinator ended with {self.process.returncode}: {self.log()}"
            return self.lull("vms").returncode == 0

        wait_for(ready, timeout, "the coordinator answers")

    def stop(self, timeout=20):
        """Asks it to end, and waits for that."""
        self.process.terminate()
        return self.process.wait(timeout * PATIENCE)

    def kill(self, sig=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            if sig == signal.SIGKILL:
                self.process.wait()

    def is_stopped(self):
        """Whether it has stopped itself, as by an armed step."""
        return is_stopped(self.process)

    def remove(self):
        """Ends it, whatever it is doing, and forgets all that it has stored."""
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def wait_end(self, timeout):
        """Waits until it has ended by itself, as by an armed step. Returns the exit status."""
        return self.process.wait(timeout * PATIENCE)

    def lull(self, *arguments, timeout=240, stdin=None):
        """Runs the command line tool against this coordinator; returns the CompletedProcess."""
        return subprocess.run(
            [program("lull"), "--socket", self.socket, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            input=stdin,
        )

    def get(self, *arguments):
        """The JSON that `lull ARGUMENTS -o json` prints."""
        done = self.lull(*arguments, "-o", "json")
        assert done.returncode == 0, f"lull {' '.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def mend(self):
        """After a failed test: it runs, and what was armed or stopped is so no longer."""
        if self.process and os.path.isdir(self.dir):
            self.kill()
            self.start()

    def diagnosis(self):
        return f"--- coordinator\n{self.log()[-6000:]}"
