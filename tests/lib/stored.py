# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Contents as a coordinator of a plain host stores them, made without one, for build's tests/bench/bench-restore."""

import hashlib
import json
import os
import subprocess

CONTENT = "6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
MACHINE = "2c5e1d4c-7d0e-4f2c-8a51-0c0ffee00001"
DOMAIN = """<domain type='test'><name>source</name><uuid>{}</uuid><memory>1024</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver type='qcow2'/><source file='{}'/><target dev='vda'/></disk></devices></domain>"""


def _sum_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Stored:
    """A content below @directory of the qcow2 @disk, with @capacity bytes; the machine that it is of has a copy."""

    def __init__(self, directory, disk, capacity):
        self.directory, self.images = os.path.join(directory, "store"), os.path.join(directory, "images")
        folder = os.path.join(self.directory, CONTENT)
        os.makedirs(folder)
        os.mkdir(self.images)
        self.path, self.source = os.path.join(folder, "vda.qcow2"), os.path.join(self.images, "vda.qcow2")
        for path in (self.path, self.source):
            subprocess.run(["cp", "--reflink=never", disk, path], check=True)
        volume = {"name": "vda", "disk": "vda", "file": "vda.qcow2", "format": "qcow2", "sourcePath": self.source,
                  "sourceFormat": "qcow2", "capacity": capacity, "size": os.path.getsize(self.path),
                  "sha256": _sum_of(self.path)}
        definition = os.path.join(folder, "domain.xml")
        with open(definition, "w") as file:
            file.write(DOMAIN.format(MACHINE, self.source))
        other = {"file": "domain.xml", "size": os.path.getsize(definition), "sha256": _sum_of(definition)}
        with open(os.path.join(folder, "manifest.json"), "w") as file:
            json.dump({"version": 1, "vm": MACHINE, "domain": "source", "volumes": [volume], "files": [other]}, file)

    def restore(self, build, how, count=1):
        """In place, or @count new machines, whose disks are new-0.qcow2, ... beside the source. Seconds that each took."""
        program = os.path.join(build, "tests/bench/bench-restore")
        command = [program, self.directory, CONTENT, MACHINE, how, str(count)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return [usec / 1e6 for usec in json.loads(done.stdout)]


def used(directory):
    """Bytes of its file system."""
    subprocess.run(["sync", "-f", directory], check=True)
    stat = os.statvfs(directory)
    return (stat.f_blocks - stat.f_bfree) * stat.f_frsize
