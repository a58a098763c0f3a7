# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""A guest that runs as a cluster's machine: QEMU on the cluster's volumes, its libvirt where the launcher's would be."""

import contextlib

from kubevirt import Volume
from rig import Disk
from volumes import claim

# By the names of claims and volumes.
DISKS = {"root": ("vda", "ext4", "64Mi"), "data": ("vdb", "xfs", "320Mi")}


@contextlib.contextmanager
def running(cluster, kubevirt, host, namespace, name="larry", node="node-a", agent="lull"):
    """(vm, guest), with something that writes to both disks all the time, in a namespace of their own."""
    cluster.create_namespace(namespace)
    for volume, (_, _, size) in DISKS.items():
        cluster.admin.create(claim(volume, size=size), namespace)
        cluster.wait_bound(volume, namespace)
    vm = kubevirt.create_vm(name, namespace, [Volume(volume, volume) for volume in DISKS])
    disks = [Disk(target, kind, f"/mnt/{kind}", format="raw", alias=f"ua-{volume}", size=size.removesuffix("i"),
                  path=cluster.driver.path(volume, namespace))
             for volume, (target, kind, size) in DISKS.items()]
    with host.guest(vm.domain, agent=agent, disks=disks) as guest:
        vm.start(node, host.socket)
        vm.connect_agent()
        yield vm, guest
        vm.stop()
    cluster.clear_namespace(namespace)
