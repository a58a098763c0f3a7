/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/doctor/cluster-facts.h"

#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/store/kube/leader.h"
#include "protocol/clock.h"
#include "protocol/names.h"

static const LullKind policy = {
    .group = "admissionregistration.k8s.io",
    .version = "v1",
    .kind = "ValidatingAdmissionPolicy",
    .plural = "validatingadmissionpolicies",
    .singular = "validatingadmissionpolicy",
    .cluster_scoped = TRUE,
};

static const LullKind binding = {
    .group = "admissionregistration.k8s.io",
    .version = "v1",
    .kind = "ValidatingAdmissionPolicyBinding",
    .plural = "validatingadmissionpolicybindings",
    .singular = "validatingadmissionpolicybinding",
    .cluster_scoped = TRUE,
};

static const LullKind daemonset = {
    .group = "apps",
    .version = "v1",
    .kind = "DaemonSet",
    .plural = "daemonsets",
    .singular = "daemonset",
};

static const LullKind pod = {
    .group = "",
    .version = "v1",
    .kind = "Pod",
    .plural = "pods",
    .singular = "pod",
};

static const LullKind config_map = {
    .group = "",
    .version = "v1",
    .kind = "ConfigMap",
    .plural = "configmaps",
    .singular = "configmap",
};

static const LullKind kubevirt = {
    .group = LULL_GROUP_VM,
    .version = "v1",
    .kind = "KubeVirt",
    .plural = "kubevirts",
    .singular = "kubevirt",
};

static const LullKind storage_class = {
    .group = "storage.k8s.io",
    .version = "v1",
    .kind = "StorageClass",
    .plural = "storageclasses",
    .singular = "storageclass",
    .cluster_scoped = TRUE,
};

const LullClusterRow lull_cluster_things[LULL_CLUSTER_N] = {
    [LULL_CLUSTER_POLICIES] = {&policy, LULL_CLUSTER_EVERYWHERE},
    [LULL_CLUSTER_BINDINGS] = {&binding, LULL_CLUSTER_EVERYWHERE},
    [LULL_CLUSTER_DAEMONSETS] = {&daemonset, LULL_CLUSTER_OURS},
    [LULL_CLUSTER_PODS] = {&pod, LULL_CLUSTER_OURS},
    [LULL_CLUSTER_SETTINGS] = {&config_map, LULL_CLUSTER_OURS},
    [LULL_CLUSTER_LEASES] = {&lull_kind_lease, LULL_CLUSTER_EVERYWHERE},
    [LULL_CLUSTER_KUBEVIRTS] = {&kubevirt, LULL_CLUSTER_EVERYWHERE},
    [LULL_CLUSTER_CLASSES] = {&lull_csi_kind_class, LULL_CLUSTER_EVERYWHERE},
    [LULL_CLUSTER_STORAGE_CLASSES] = {&storage_class, LULL_CLUSTER_EVERYWHERE},
    [LULL_CLUSTER_PROFILES] = {&lull_csi_kind_profile, LULL_CLUSTER_EVERYWHERE},
    [LULL_CLUSTER_CLAIMS] = {&lull_csi_kind_claim, LULL_CLUSTER_USERS},
    [LULL_CLUSTER_MACHINES] = {&lull_kind_vm, LULL_CLUSTER_USERS},
    [LULL_CLUSTER_INSTANCES] = {&lull_kind_instance, LULL_CLUSTER_USERS},
};

LullClusterFacts *
lull_cluster_facts_new(const char *ns, char *const *names)
{
    LullClusterFacts *self = g_new0(LullClusterFacts, 1);

    self->ns = g_strdup(ns);
    self->names = names;
    self->now = lull_clock_realtime();
    return self;
}

void
lull_cluster_facts_free(LullClusterFacts *self)
{
    if (!self)
        return;
    for (guint thing = 0; thing < LULL_CLUSTER_N; thing++)
        lull_json_put(self->items[thing]);
    lull_json_put(self->kinds);
    g_free(self->group);
    g_free(self->ns);
    g_free(self);
}

gsize
lull_cluster_count(const LullClusterFacts *self, LullClusterThing thing)
{
    return self->items[thing] ? json_object_array_length(self->items[thing]) : 0;
}

LullJson *
lull_cluster_item(const LullClusterFacts *self, LullClusterThing thing, gsize i)
{
    return json_object_array_get_idx(self->items[thing], i);
}

LullJson *
lull_cluster_find(const LullClusterFacts *self, LullClusterThing thing, const char *name)
{
    for (gsize i = 0; i < lull_cluster_count(self, thing); i++) {
        LullJson *item = lull_cluster_item(self, thing, i);

        if (name && g_strcmp0(lull_meta_name(item), name) == 0)
            return item;
    }
    return NULL;
}

gboolean
lull_cluster_looks_at(const LullClusterFacts *self, const char *vm)
{
    return vm && (!self->names || g_strv_contains((const char *const *)self->names, vm));
}
