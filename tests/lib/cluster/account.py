# SPDX-FileCopyrightText: The Lull authors
# SPDX-License-Identifier: Apache-2.0
"""Service accounts: what runs in a cluster with no more than its own rights."""

import os

from kubeapi import path_to
from waiting import wait_for


class ServiceAccount:
    """@rules: of a ClusterRole made for it, if any; manifests that are applied may bind others."""

    def __init__(self, cluster, name, namespace, rules=()):
        self.cluster = cluster
        self.name = name
        self.namespace = namespace
        self.user = f"system:serviceaccount:{namespace}:{name}"
        if not cluster.admin.find("serviceaccounts", name, namespace):
            cluster.admin.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, namespace)
        if rules:
            cluster.grant(self.user.replace(":", "-"), rules,
                          {"kind": "ServiceAccount", "name": name, "namespace": namespace})

    def token(self, pod=None, seconds=3600):
        """A token, as a kubelet asks for one; bound to a pod, by its object, it also tells the pod's node."""
        spec = {"expirationSeconds": seconds}
        if pod:
            metadata = pod["metadata"]
            spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"],
                                      "uid": metadata["uid"]}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = path_to("serviceaccounts", self.name, self.namespace, "token")
        return self.cluster.admin.must("POST", path, request)["status"]["token"]

    def client(self, pod=None):
        return self.cluster.client(token=self.token(pod))

    def mount(self, name, pod=None):
        """A directory with what a pod finds in /var/run/secrets/kubernetes.io/serviceaccount. Again for a new token."""
        directory = self.cluster.path(f"mount-{self.namespace}-{name}")
        os.makedirs(directory, exist_ok=True)
        with open(self.cluster.keys.path("ca.crt")) as file:
            files = {"token": self.token(pod), "ca.crt": file.read(), "namespace": self.namespace}
        for file, text in files.items():
            path = os.path.join(directory, file)
            with open(path + ".new", "w") as new:
                new.write(text)
            os.rename(path + ".new", path)
        return directory

    def kubeconfig(self, name, pod=None):
        """The path of one whose token is in the file of mount()."""
        return self.cluster.write_kubeconfig(f"{self.namespace}-{name}", self.namespace,
                                             tokenFile=os.path.join(self.mount(name, pod), "token"))


def wait_allowed(client, verb, resource, group="", namespace=None, timeout=30):
    """Until a right that was just given is known to the server."""
    resource, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource,
                  "namespace": namespace or ""}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
              "spec": {"resourceAttributes": attributes}}
    wait_for(lambda: client.create(review)["status"]["allowed"], f"the right to {verb} {resource}", timeout, 0.02)
