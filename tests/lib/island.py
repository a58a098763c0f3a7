# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A mount namespace without the host's file systems in it, so that an agent may be told to freeze all.

Its root is a tmpfs with copies of the programs and their libraries; on block devices there is only what
a test mounts. What happens inside is seen from outside by path()."""

import ctypes
import errno
import os
import re
import shutil
import signal
import subprocess
import sys

import scratch
from waiting import wait_for

_CLONE_NEWNS = 0x00020000
_MS_BIND = 0x1000
_MS_REC_PRIVATE = 0x4000 | (1 << 18)
_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}[os.uname().machine]

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source, target, kind, flags=0, options=None):
    _check(
        _libc.mount(source.encode(), target.encode(), kind.encode(), flags, options and options.encode()),
        f"mount {source} at {target}",
    )


def _umount(target):
    """False while somebody has it open: a freezer goes a moment after its last answer."""
    if _libc.umount2(target.encode(), 0) == 0:
        return True
    number = ctypes.get_errno()
    if number != errno.EBUSY:
        raise OSError(number, f"umount {target}: {os.strerror(number)}")
    return False


def _libraries(program):
    """Of a static one ldd complains."""
    text = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def _copy(path, root, target=None):
    place = root + (target or path)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if not os.path.exists(place):
        shutil.copy2(os.path.realpath(path), place)


def _keep(root, directory, programs):
    """The keeper's life: builds the island, says so, and waits until it is killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _check(_libc.unshare(_CLONE_NEWNS), "a mount namespace of our own")
    _mount("none", "/", "", _MS_REC_PRIVATE)
    _mount("island", root, "tmpfs")
    for name in ("proc", "sys", "dev", "mnt", "old", "tmp"):
        os.mkdir(f"{root}/{name}")
    os.makedirs(root + directory)
    for program in programs:
        _copy(program, root, "/bin/" + os.path.basename(program))
        for library in _libraries(program):
            _copy(library, root)
    _mount("proc", f"{root}/proc", "proc")
    _mount("sys", f"{root}/sys", "sysfs")
    _mount("dev", f"{root}/dev", "devtmpfs")
    os.chdir(root)
    _check(_libc.syscall(_SYS_PIVOT_ROOT, b".", b"old"), "pivot_root")
    os.chdir("/")
    _check(_libc.umount2(b"/old", _MNT_DETACH), "the old root")
    os.write(1, b"ready\n")
    signal.pause()


class Island:
    """@directory comes from scratch.make(); inside there is a directory of the same name, on tmpfs."""

    def __init__(self, directory, programs):
        self.directory = directory
        self._images = []
        self._frozen_perhaps = []
        root = os.path.join(directory, "island")
        os.mkdir(root)
        self._keeper = subprocess.Popen(
            [sys.executable, __file__, root, directory, *programs], stdout=subprocess.PIPE
        )
        assert self._keeper.stdout.readline() == b"ready\n", "the island came to nothing"

    def path(self, inside):
        """How the outside names what is called @inside there."""
        return f"/proc/{self._keeper.pid}/root{inside}"

    def _enter(self):
        fd = os.open(f"/proc/{self._keeper.pid}/ns/mnt", os.O_RDONLY)
        _check(_libc.setns(fd, _CLONE_NEWNS), "setns")
        os.close(fd)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def spawn(self, argv, **options):
        """Starts a program of the island there; argv[0] is its base name."""
        # the interpreter stays outside: nothing of it is needed once the program runs
        return subprocess.Popen(
            argv, executable="/bin/" + argv[0], preexec_fn=self._enter, **options
        )

    def _inside(self, action):
        child = os.fork()
        if child == 0:
            try:
                self._enter()
                action()
                os._exit(0)
            except (OSError, AssertionError) as error:
                os.write(2, f"{error}\n".encode())
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def mount(self, source, target, kind, flags=0):
        os.makedirs(self.path(target), exist_ok=True)
        self._inside(lambda: _mount(source, target, kind, flags))
        self._frozen_perhaps.append(target)

    def bind(self, source, target):
        self.mount(source, target, "", _MS_BIND)

    def umount(self, target):
        self._inside(lambda: wait_for(lambda: _umount(target), f"{target} is used by nobody"))
        if target in self._frozen_perhaps:
            self._frozen_perhaps.remove(target)

    def mount_image(self, kind, target, image=None):
        """A new file system at @target; its image is a file outside, or @image inside."""
        size = {"ext4": 32 << 20, "xfs": 320 << 20, "btrfs": 128 << 20}[kind]
        file = self.path(image) if image else os.path.join(self.directory, f"{len(self._images)}.img")
        with open(file, "wb") as handle:
            handle.truncate(size)
        subprocess.run([f"mkfs.{kind}", "-q", file], check=True, stderr=subprocess.DEVNULL)
        device = subprocess.run(
            ["losetup", "-f", "--show", file], check=True, capture_output=True, text=True
        ).stdout.strip()
        self._images.append(file)
        try:
            self.mount(device, target, kind)
        finally:
            # in use, so this only makes it go with its mount
            subprocess.run(["losetup", "-d", device], check=True)
        return target

    def thaw(self):
        """Whatever is frozen, whoever froze it, in whatever order it takes."""
        for _ in range(2):
            for target in self._frozen_perhaps:
                try:
                    scratch.thaw(self.path(target))
                except OSError:
                    pass

    def close(self):
        self.thaw()
        self._keeper.kill()
        self._keeper.wait()
        self._keeper.stdout.close()
        os.rmdir(os.path.join(self.directory, "island"))


if __name__ == "__main__":
    _keep(sys.argv[1], sys.argv[2], sys.argv[3:])
