# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Stands for KubeVirt and CDI: writes what virt-controller, virt-handler and CDI would write, when a test says so.

    kubevirt = KubeVirt(cluster)
    vm = kubevirt.create_vm("larry", "shop", [Volume("rootdisk", "larry-root")])
    vm.start("node-a"); vm.connect_agent(); vm.migrate("node-b"); vm.stop()

A guest of tests/lib/guest/rig.py may really be that machine: named vm.domain, on volumes of the cluster's driver, with
the socket of its libvirtd given to start(), so that it is found where a kubelet would have the launcher's.
"""

import contextlib
import dataclasses
import os
import shutil
import time
import uuid

from kubeapi import ApiError

HERE = os.path.dirname(os.path.abspath(__file__))
VMS = "virtualmachines.kubevirt.io"
VMIS = "virtualmachineinstances.kubevirt.io"
DATA_VOLUMES = "datavolumes.cdi.kubevirt.io"
PROFILES = "storageprofiles.cdi.kubevirt.io"
LEASES = "leases.coordination.k8s.io"
AGENT_CONNECTED = "AgentConnected"
PAUSED = "Paused"


@dataclasses.dataclass(frozen=True)
class Volume:
    """One of a VM's volumes. @source: what KubeVirt has for it; @claim names the claim, or the DataVolume."""

    name: str
    claim: str = None
    source: str = "persistentVolumeClaim"  # dataVolume, memoryDump, containerDisk, cloudInitNoCloud, emptyDisk, ...
    hotplugged: bool = False

    def document(self):
        if self.source == "dataVolume":
            source = {"name": self.claim}
        elif self.claim:
            source = {"claimName": self.claim}
        else:
            source = {}
        if self.hotplugged:
            source["hotpluggable"] = True
        return {"name": self.name, self.source: source}


class KubeVirt:
    def __init__(self, cluster):
        self.cluster = cluster
        self.admin = cluster.admin
        if not self.admin.find("customresourcedefinitions.apiextensions.k8s.io", VMS):
            cluster.apply_file(os.path.join(HERE, "kubevirt-crds.yaml"))

    def create_vm(self, name, namespace, volumes, template=None, **spec):
        """A VirtualMachine that is off. @template: more of its spec.template.spec; @spec: more of its spec."""
        disks = [{"name": volume.name, "disk": {"bus": "virtio"}}
                 for volume in volumes if volume.source != "memoryDump"]
        inner = {"domain": {"devices": {"disks": disks}, "resources": {"requests": {"memory": "256Mi"}}},
                 "volumes": [volume.document() for volume in volumes], **(template or {})}
        document = self.admin.create({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": name},
            "spec": {"runStrategy": "Manual", "template": {"metadata": {"labels": {}}, "spec": inner}, **spec}},
            namespace)
        vm = VirtualMachine(self, document)
        vm.write_status(created=False, ready=False, printableStatus="Stopped")
        return vm

    def create_data_volume(self, name, namespace, claim, phase="Succeeded"):
        """A DataVolume that owns its claim, as CDI would have made it from @claim."""
        document = self.admin.create({
            "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "metadata": {"name": name},
            "spec": {"source": {"blank": {}}, "storage": claim["spec"]}}, namespace)
        self.admin.merge(DATA_VOLUMES, name, {"status": {"phase": phase, "claimName": name}}, namespace, "status")
        owned = {**claim, "metadata": {**claim["metadata"], "name": name, "ownerReferences": [owner(document)]}}
        self.admin.create(owned, namespace)
        return document

    def write_profile(self, storage_class, snapshot_class=None):
        """CDI's StorageProfile of a StorageClass."""
        if not self.admin.find(PROFILES, storage_class):
            self.admin.create({"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "StorageProfile",
                               "metadata": {"name": storage_class}, "spec": {}})
        status = {"storageClass": storage_class, "snapshotClass": snapshot_class}
        self.admin.merge(PROFILES, storage_class, {"status": status}, subresource="status")

    @contextlib.contextmanager
    def controller(self, namespace="kubevirt"):
        """Its controller lives, to go by its lease."""
        if not self.admin.find("namespaces", namespace):
            self.cluster.create_namespace(namespace)
        renewed = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
        self.admin.create({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "virt-controller"},
            "spec": {"holderIdentity": "virt-controller-7", "leaseDurationSeconds": 15, "renewTime": renewed}},
            namespace)
        try:
            yield
        finally:
            self.admin.delete(LEASES, "virt-controller", namespace)

    def write_settings(self, *feature_gates, namespace="kubevirt"):
        """The KubeVirt resource, with its feature gates."""
        settings = {"developerConfiguration": {"featureGates": list(feature_gates)}}
        document = {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": {"name": "kubevirt"},
                    "spec": {"configuration": settings}}
        if not self.admin.find("namespaces", namespace):
            self.cluster.create_namespace(namespace)
        if self.admin.find("kubevirts.kubevirt.io", "kubevirt", namespace):
            self.admin.merge("kubevirts.kubevirt.io", "kubevirt", {"spec": document["spec"]}, namespace)
        else:
            self.admin.create(document, namespace)


class VirtualMachine:
    """A VirtualMachine and, while it runs, its instance."""

    def __init__(self, kubevirt, document):
        self.kubevirt = kubevirt
        self.cluster = kubevirt.cluster
        self.admin = kubevirt.admin
        self.name = document["metadata"]["name"]
        self.namespace = document["metadata"]["namespace"]
        self.uid = document["metadata"]["uid"]
        self.domain = f"{self.namespace}_{self.name}"  # in the launcher's libvirt
        self.pod = None

    def read(self):
        return self.admin.read(VMS, self.name, self.namespace)

    def read_instance(self):
        return self.admin.read(VMIS, self.name, self.namespace)

    def write_status(self, **status):
        self.admin.merge(VMS, self.name, {"status": status}, self.namespace, "status")

    def write_instance(self, labels=None, **status):
        patch = {"status": status, **({"metadata": {"labels": labels}} if labels else {})}
        self.admin.merge(VMIS, self.name, patch, self.namespace)

    def set_condition(self, kind, status="True"):
        """Of the instance; status None takes it away."""
        conditions = [one for one in self.read_instance()["status"]["conditions"] if one["type"] != kind]
        if status:
            conditions.append(condition(kind, status))
        self.write_instance(conditions=conditions)

    def start(self, node, socket=None):
        """Runs on a node, from the spec that it has now. @socket: of the libvirt daemon that has the domain."""
        document = self.read()
        spec = document["spec"]["template"]["spec"]
        self.admin.create({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
            "metadata": {"name": self.name, "ownerReferences": [owner(document)]}, "spec": spec}, self.namespace)
        self.pod = self._create_pod(node, socket)
        self.write_instance(
            labels={"kubevirt.io/nodeName": node}, phase="Running", nodeName=node,
            activePods={self.pod["metadata"]["uid"]: node}, conditions=[condition("Ready")],
            virtualMachineRevisionName=self._keep_revision(document),
            volumeStatus=[self._volume_status(volume) for volume in spec["volumes"]])
        self.write_status(created=True, ready=True, printableStatus="Running")

    def stop(self):
        self.admin.delete(VMIS, self.name, self.namespace)
        self.admin.wait_gone(VMIS, self.name, self.namespace)
        self._delete_pod(self.pod)
        self.pod = None
        self.write_status(created=False, ready=False, printableStatus="Stopped")

    def connect_agent(self):
        self.set_condition(AGENT_CONNECTED)

    def disconnect_agent(self):
        self.set_condition(AGENT_CONNECTED, None)

    def pause(self):
        self.set_condition(PAUSED)
        self.write_status(printableStatus="Paused")

    def resume(self):
        self.set_condition(PAUSED, None)
        self.write_status(printableStatus="Running")

    def set_frozen(self, frozen):
        """As virt-launcher's poll finds it, up to five seconds late."""
        self.write_instance(fsFreezeStatus="frozen" if frozen else None)

    def hotplug(self, volume):
        """Attached to the instance, and kept in the VM."""
        plugged = dataclasses.replace(volume, hotplugged=True).document()
        for resource, fields in ((VMS, ("spec", "template", "spec")), (VMIS, ("spec",))):
            document = self.admin.read(resource, self.name, self.namespace)
            spec = document
            for field in fields:
                spec = spec[field]
            spec["volumes"].append(plugged)
            spec["domain"]["devices"]["disks"].append({"name": volume.name, "disk": {"bus": "scsi"}})
            self.admin.replace(resource, document)
        status = [*self.read_instance()["status"]["volumeStatus"], self._volume_status(plugged)]
        self.write_instance(volumeStatus=status)

    def begin_migration(self, node, socket=None):
        """Two pods, until end_migration(). @socket: of the target's libvirt daemon."""
        self._target = self._create_pod(node, socket)
        instance = self.read_instance()
        pods = {**instance["status"]["activePods"], self._target["metadata"]["uid"]: node}
        self.write_instance(activePods=pods, migrationState={
            "migrationUid": str(uuid.uuid4()), "sourceNode": instance["status"]["nodeName"], "targetNode": node,
            "targetPod": self._target["metadata"]["name"], "startTimestamp": now(), "endTimestamp": None,
            "completed": None, "failed": None})

    def end_migration(self, failed=False):
        """The instance runs on the target; or, if it has failed, where it was."""
        state = {"completed": True, "endTimestamp": now(), **({"failed": True} if failed else {})}
        kept, gone = (self.pod, self._target) if failed else (self._target, self.pod)
        node = kept["spec"]["nodeName"]
        self.write_instance(labels={"kubevirt.io/nodeName": node}, nodeName=node, migrationState=state,
                            activePods={kept["metadata"]["uid"]: node, gone["metadata"]["uid"]: None})
        self._delete_pod(gone)
        self.pod = kept

    def migrate(self, node, socket=None):
        self.begin_migration(node, socket)
        self.end_migration()

    def pod_dir(self, pod):
        """What the kubelet of the pod's node would have for it below /var/lib/kubelet/pods."""
        return self.cluster.path("pods", pod["spec"]["nodeName"], pod["metadata"]["uid"])

    def _create_pod(self, node, socket):
        uid = self.read_instance()["metadata"]["uid"]
        labels = {"kubevirt.io": "virt-launcher", "kubevirt.io/created-by": uid, "vm.kubevirt.io/name": self.name}
        name = f"virt-launcher-{self.name}-{uuid.uuid4().hex[:5]}"
        pod = self.cluster.create_pod(name, self.namespace, node, labels=labels)
        self.admin.merge("pods", name, {"status": {"phase": "Running"}}, self.namespace, "status")
        if socket:
            runtime = os.path.join(self.pod_dir(pod), "volumes/kubernetes.io~empty-dir/libvirt-runtime")
            os.makedirs(runtime)
            os.link(socket, os.path.join(runtime, "virtqemud-sock"))  # the socket itself: nobody need follow a link
        return pod

    def _delete_pod(self, pod):
        # No kubelet confirms that it has ended.
        self.admin.must("DELETE", f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}",
                        {"gracePeriodSeconds": 0})
        shutil.rmtree(self.pod_dir(pod), ignore_errors=True)

    def _keep_revision(self, document):
        """The ControllerRevision of the spec that the instance was started with."""
        name = f"revision-start-vm-{self.uid}-{document['metadata']['generation']}"
        try:
            self.admin.create({
                "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": document["metadata"]["generation"],
                "metadata": {"name": name, "ownerReferences": [owner(document)]},
                "data": {"spec": document["spec"]}}, self.namespace)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        return name

    def _volume_status(self, volume):
        status = {"name": volume["name"], "target": "", "phase": "Ready"}
        source = next(value for key, value in volume.items() if key != "name")
        claim = source.get("claimName") or source.get("name")
        if claim:
            status["persistentVolumeClaimInfo"] = {"claimName": claim}
        if source.get("hotpluggable"):
            status["hotplugVolume"] = {}
        return status


def condition(kind, status="True"):
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": now()}


def owner(document):
    metadata = document["metadata"]
    return {"apiVersion": document["apiVersion"], "kind": document["kind"], "name": metadata["name"],
            "uid": metadata["uid"], "controller": True, "blockOwnerDeletion": True}


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
